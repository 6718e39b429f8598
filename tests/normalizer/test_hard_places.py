"""Places that a human reader finds in a message: one test for each row of ``hard_places.csv``.

A row is a message, the region of its door if any (``context``), and two answers:

- ``expected``: one of these codes must be the deepest region asserted in the surest chain (a
  region, what it lies in, and what lies in it); an empty one says that no region may be asserted
  besides the context;
- ``forbidden``: regions that, with all that lies in them, must not be asserted.

``why`` says what is hard about the row; its first word groups the tests.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from normalizer.gazetteer import TABLE as OFFICIAL
from normalizer.message import Place
from tests.normalizer.conftest import REGIONS, Normalize

TABLE = Path(__file__).with_name("hard_places.csv")
ASSERTED = 0.5
"""How sure a place must be to count as asserted."""


class Case(NamedTuple):
    """A row of the table."""

    text: str
    context: str
    expected: tuple[str, ...]
    forbidden: tuple[str, ...]
    why: str

    @property
    def name(self) -> str:
        """What its test is called: the kind, the words, the context."""
        words = re.findall(r"\w+", f"{self.why.partition(':')[0]} {self.text}".lower())
        return "-".join(words)[:80] + f"@{self.context}" * bool(self.context)


def _cases() -> Iterator[Case]:
    with TABLE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            expected = tuple(row["expected"].split("|"))
            forbidden = tuple(filter(None, row["forbidden"].split("|")))
            yield Case(row["text"], row["context"], expected, forbidden, row["why"])


CASES = tuple(_cases())


def _in(code: str, region: str) -> bool:
    """Tell whether ``code`` is ``region`` or lies in it."""
    return f"{code}.".startswith(f"{region}.")


def _answer(asserted: list[Place]) -> str:
    """Return the deepest code in the chain of the surest place, "" when only a context is there."""
    if all(place.found_by == "context" for place in asserted):
        return ""
    surest = asserted[0].code
    chain = [place for place in asserted if _in(place.code, surest) or _in(surest, place.code)]
    return max(chain, key=lambda place: (place.code.count("."), place.confidence)).code


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_the_place_a_reader_finds(case: Case, normalize: Normalize) -> None:
    places = normalize(case.text, context=case.context or None).places
    asserted = [place for place in places if place.confidence >= ASSERTED]
    codes = [place.code for place in asserted]
    assert _answer(asserted) in case.expected, f"{case.why}: {codes}"
    wrong = [code for code in codes if any(_in(code, bad) for bad in case.forbidden)]
    assert not wrong, f"{case.why}: {codes}"


def test_the_rows_name_official_regions_of_every_province() -> None:
    with gzip.open(REGIONS / OFFICIAL, "rt", encoding="utf-8", newline="") as lines:
        official = {row["code"] for row in csv.DictReader(lines)}
    named = {code for case in CASES for code in (case.context, *case.expected, *case.forbidden)}
    expected = {code[:2] for case in CASES for code in case.expected}
    assert named - {""} <= official
    assert {code for code in official if len(code) == 2} <= expected


def test_no_row_is_there_twice() -> None:
    seen = Counter((case.text.lower(), case.context) for case in CASES)
    assert [row for row, times in seen.items() if times > 1] == []
