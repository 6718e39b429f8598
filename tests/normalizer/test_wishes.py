"""Wishes not to be known, and what only looks like one."""

import csv
from pathlib import Path

import pytest

from normalizer.masking import masked_self
from normalizer.privacy import read

TABLE = Path(__file__).with_name("wishes.csv")
"""Half ``before`` was written before the rules, ``after`` when they stood, ``blind`` by somebody
else. They were measured once before they were mended: after 127 of 152, blind 115 of 170."""
LEAST = {"before": 1.0, "after": 0.96, "blind": 0.90}
"""The share of each half that is read right now; the lines of all halves are known since."""


def rows(half: str) -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["half"] == half]


def wish_of(text: str) -> str:
    said = read(text)
    marks = {"anonymous": said.anonymous, "confidential": said.confidential, "unhide": said.unhide}
    asked = [mark for mark, is_asked in marks.items() if is_asked]
    return "both" if len(asked) > 1 else "".join(asked) or "none"


@pytest.mark.parametrize("half", LEAST)
def test_wishes_are_understood_and_matters_are_none(half: str) -> None:
    wrong = [
        (row, wish_of(row["text"])) for row in rows(half) if wish_of(row["text"]) != row["wish"]
    ]
    assert len(wrong) <= (1 - LEAST[half]) * len(rows(half)), wrong
    hidden = [row for row, read_as in wrong if row["wish"] == "none"]
    assert len(hidden) <= 0.015 * len(rows(half)), hidden


def test_the_table_has_as_many_matters_as_it_should() -> None:
    for half in ("before", "after", "blind"):
        matters = [row for row in rows(half) if row["wish"] == "none"]
        assert len(matters) >= 0.4 * len(rows(half))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("jalan rusak. saya Rina Misal 085211112222", ("Rina", "0852")),
        ("Lampu mati.\n\n--\nBudi Misal\nJl. Melati 5", ("Budi", "Melati")),
        ("lurah minta uang. Nama saya Budi Misal, RT 03 RW 05", ("Budi", "RT 03")),
    ],
)
def test_what_a_writer_says_of_themselves_is_masked(text: str, hidden: tuple[str, ...]) -> None:
    assert not any(word in masked_self(text) for word in hidden)


@pytest.mark.parametrize(
    "unit",
    [
        "tolong ",
        "tolong mohon ",
        "anonim pak ",
        "takut ",
        "jangan sebut ",
        "saya ",
        "\n",
        "a",
        "Jl ",
    ],
)
def test_a_repeated_word_ends(unit: str) -> None:
    """A pattern that tries every split of such a text would not come back."""
    text = (unit * 20_000)[:20_000] + "!x"
    read(text)
    masked_self(text)
