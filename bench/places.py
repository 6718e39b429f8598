"""``python -m bench.places CSV --region CODE``: how right the places are that the texts name.

Reads reports whose district and village are known (columns text, kecamatan, kelurahan[, received])
and that all lie in one regency or city. Counted are, of the places asserted without a hint, those
in the right regency; and, of the reports that name their village or district, with the door's
region known, those whose code is found. ``--older`` measures the older three quarters
instead of the newest, and ``--list`` prints what is wrong there.
"""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config import files
from normalizer.gazetteer import Gazetteer, squash
from normalizer.message import Place
from normalizer.places import find

ASSERTED = 0.5
"""How sure a place must be to count as asserted."""
_SEAT = 5
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, and the texts that failed."""

    right: int
    of: int
    failed: tuple[str, ...]

    def __str__(self) -> str:
        """Write the share."""
        return f"{self.right} of {self.of}, {self.right / max(1, self.of):.2%}"


def rows(path: Path, newest: bool) -> Sequence[Row]:
    """Return the newest quarter of the rows, or the older ones."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: row.get("received", ""))
    cut = len(found) - round(len(found) / 4)
    return found[cut:] if newest else found[:cut]


def share(answers: Iterator[tuple[bool, str]]) -> Share:
    """Count the right answers."""
    all_ = list(answers)
    failed = tuple(text for right, text in all_ if not right)
    return Share(len(all_) - len(failed), len(all_), failed)


def in_regency(
    found: Sequence[Row], gazetteer: Gazetteer, region: str
) -> Iterator[tuple[bool, str]]:
    """Tell of every place that is asserted without a hint whether it lies in the right regency."""
    for row in found:
        for place in find(row["text"], gazetteer, context=None):
            if place.confidence >= ASSERTED and len(place.code) >= _SEAT:
                said = f"{place.code} ({place.words!r}, {place.confidence}): {row['text']}"
                yield place.code[:_SEAT] == region[:_SEAT], said


def named(found: Sequence[Row], gazetteer: Gazetteer, region: str) -> Iterator[tuple[bool, str]]:
    """Tell of every report that names its village or district whether its code is found."""
    inside = gazetteer.inside(region).names
    for row in found:
        text = squash(row["text"])
        gold = {
            code
            for key in map(squash, (row["kelurahan"], row["kecamatan"]))
            if len(key) > _SEAT and key in text
            for code in inside.get(key, ())
        }
        if gold:
            places = find(row["text"], gazetteer, context=region)
            yield any(_within(p, gold) for p in places), f"{sorted(gold)}: {row['text']}"


def _within(place: Place, gold: set[str]) -> bool:
    return place.confidence >= ASSERTED and place.code in gold


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.places", description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--region", required=True)
    parser.add_argument("--older", action="store_true")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    gazetteer = Gazetteer.load(files.read().regions)
    found = rows(chosen.csv, newest=not chosen.older)
    for title, answers in (
        ("asserted without a hint, in the right regency", in_regency),
        ("named village or district, its code found", named),
    ):
        counted = share(answers(found, gazetteer, chosen.region))
        print(f"{title}: {counted}")
        for text in counted.failed if chosen.list else ():
            print("   ", " ".join(text.split())[:240])


if __name__ == "__main__":
    main()
