"""Danger to life is told from what is past, feared or only talked about.

``dangers.csv`` (half, kind, text): "before" was there when the rules were written. "after" (191
lines) and "blind" (167 lines of another author) were written when the rules were frozen, and
measured then: after 75 of 103 dangers found (73 %), 7 of 88 false; blind 55 of 96 (57 %), 11 of 71
false. Then the kinds of fault were mended, which has seen those lines. "last" (50 lines) was
written after that and is not mended: 17 of 30 found (57 %), none of 20 false. So of dangers in
words nobody thought of, expect four in ten to be missed.
"""

import csv
from pathlib import Path

import pytest

from config.emergency import emergency
from router.danger import Dangers
from tests.router.making import router

table = emergency()
dangers = Dangers([*table.threats.items()], table.words)
_CSV = Path(__file__).with_name("dangers.csv")
ROWS = [*csv.DictReader(_CSV.read_text(encoding="utf-8").splitlines())]


FOUND = {"before": 0.98, "after": 0.98, "blind": 0.97, "last": 0.55}
"""The least share of dangers found, by half; what was not mended is only kept from falling."""


def of(half: str, *, danger: bool) -> list[str]:
    return [row["text"] for row in ROWS if row["half"] == half and bool(row["kind"]) is danger]


def test_the_table_is_large_and_says_nothing_twice() -> None:
    own = [row for row in ROWS if row["half"] != "blind"]
    assert len(own) >= 250
    assert len({row["text"] for row in ROWS}) == len(ROWS)
    assert {row["half"] for row in ROWS} == FOUND.keys()


@pytest.mark.parametrize("half", FOUND)
def test_dangers_are_found(half: str) -> None:
    now = of(half, danger=True)
    missed = [text for text in now if dangers.danger(text) is None]
    assert len(missed) <= (1 - FOUND[half]) * len(now), missed


@pytest.mark.parametrize("half", FOUND)
def test_danger_is_seldom_seen_where_none_is(half: str) -> None:
    calm = of(half, danger=False)
    false = [text for text in calm if dangers.danger(text) is not None]
    assert len(false) <= 0.02 * len(calm), false


def test_the_first_number_fits_the_danger() -> None:
    """Of two dangers in one text either number may be told first; 112 is the same for all."""
    wrong = []
    for row in ROWS:
        said = dangers.danger(row["text"]) if row["kind"] else None
        if said and table.kinds[said[0]].elsewhere[0] != table.kinds[row["kind"]].elsewhere[0]:
            wrong.append((row["kind"], *said, row["text"]))
    found = sum(bool(row["kind"]) for row in ROWS)
    assert len(wrong) <= 0.05 * found, wrong


@pytest.mark.parametrize("kind", table.kinds)
def test_112_is_named_first_only_where_it_is_served(kind: str) -> None:
    served, beside = table.call(kind, ["64.72.01"])
    assert any("112" in number for number in served)
    assert not beside
    elsewhere, _ = table.call(kind, ["53.04"])
    assert "112" not in elsewhere
    assert table.call(kind, []) == table.call(kind, ["53.04"])


def test_every_region_with_112_exists() -> None:
    assert all(router().gazetteer.region(code) for code in table.served.regions)
