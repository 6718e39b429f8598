"""Build ``regions.csv.gz`` from the ``data`` folder of the npm package idn-area-data.

Run by hand by maintainers when a new edition is out:

    npm pack idn-area-data@4.0.1 && tar xzf idn-area-data-4.0.1.tgz
    python -m config.regions.build package/data

The same input gives the same bytes. Rows are ordered by level, then code, so that a reader who
needs no villages can stop early.
"""

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

EDITION = "idn-area-data 4.0.1"
TARGET = Path(__file__).with_name("regions.csv.gz")
EXPECTED = {"province": 38, "regency": 416, "city": 98, "district": 7_285, "village": 83_762}
_FILES = (
    ("provinces.csv", "province"),
    ("regencies.csv", "regency"),
    ("districts.csv", "district"),
    ("villages.csv", "village"),
)


def rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (code, name, level) of every region, highest level first, then by code."""
    for file, level in _FILES:
        with (folder / file).open(encoding="utf-8", newline="") as lines:
            found = sorted((row["code"], row["name"].strip()) for row in csv.DictReader(lines))
        for code, name in found:
            yield code, name, "city" if name.startswith("Kota ") and len(code) == 5 else level


def packed(folder: Path) -> bytes:
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


def main() -> int:
    """Write the table beside this file."""
    if len(sys.argv) != 2:
        sys.stderr.write(
            f"usage: python -m config.regions.build PATH/TO/package/data ({EDITION})\n"
        )
        return 2
    data = packed(Path(sys.argv[1]))
    TARGET.write_bytes(data)
    sys.stdout.write(f"{TARGET.name}: {sum(EXPECTED.values())} regions, {len(data)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
