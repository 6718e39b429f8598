"""Danger to life is told from what is past, feared or only talked about."""

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


def test_few_dangers_are_missed_and_few_are_seen_where_none_is() -> None:
    found = {row["text"]: dangers.danger(row["text"]) is not None for row in ROWS}
    now = [row["text"] for row in ROWS if row["kind"]]
    not_now = [row["text"] for row in ROWS if not row["kind"]]
    missed = [text for text in now if not found[text]]
    false = [text for text in not_now if found[text]]
    assert len(missed) <= 0.02 * len(now), missed
    assert len(false) <= 0.03 * len(not_now), false


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"]], ids=lambda row: row["text"])
def test_the_first_number_fits_the_danger(row: dict[str, str]) -> None:
    said = dangers.danger(row["text"])
    if said is not None:
        assert said[0] == row["kind"]


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
