"""Wishes not to be known, and what only looks like one."""

import csv
from pathlib import Path

import pytest

from bench import wishes as bench
from bench.wishes import fitted
from normalizer.masking import masked_self
from normalizer.privacy import read
from normalizer.wish_evidence import features, may_wish
from normalizer.wish_tokens import tokens
from normalizer.wishes import Wish, by_rules

TABLE = Path(__file__).with_name("wishes.csv")
"""Half ``before`` was written before the rules, ``after`` when they stood; ``blind`` and ``dev``
are by two other authors, each measured once before anything was mended: 115 of 170 and 208 of 300
right (of ``dev``, 68 of 125 wishes to hide were exposed). ``voices`` was written to learn from."""
EVERYDAY = Path(__file__).parent.parent / "router"
LEAST = {"before": 0.98, "after": 0.96, "blind": 0.90, "dev": 0.95, "voices": 0.93}
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
    assert len(hidden) <= 0.02 * len(rows(half)), hidden


def test_the_table_has_as_many_matters_as_it_should() -> None:
    for half in LEAST:
        matters = [row for row in rows(half) if row["wish"] == "none"]
        assert len(matters) >= 0.4 * len(rows(half))


def everyday() -> list[str]:
    names = ("messages", "citizens", "hotlines", "dangers", "accusations")
    found = []
    for name in names:
        with (EVERYDAY / f"{name}.csv").open(newline="") as file:
            found += [row["text"] for row in csv.DictReader(file)]
    return found


def test_everyday_reports_wish_nothing_but_what_a_rule_reads() -> None:
    hidden = [t for t in everyday() if wish_of(t) != "none" and by_rules(t) == Wish()]
    assert len(hidden) <= 0.003 * len(everyday()), hidden


def test_most_reports_end_at_the_first_look_and_no_wish_does() -> None:
    reports = everyday()
    assert sum(map(may_wish, reports)) <= 0.2 * len(reports)
    wishes = [row["text"] for half in LEAST for row in rows(half) if row["wish"] != "none"]
    stopped = [text for text in wishes if not may_wish(text)]
    assert len(stopped) <= 0.002 * len(wishes), stopped


def test_an_author_who_was_never_seen_is_understood() -> None:
    """Weights learned without an author's lines, and no rule: the rules may know some of them."""
    every = [line for line in bench.lines() if line.author in ("house", "voices", "dev")]
    seen = [(line, features(tokens(line.text))) for line in every]
    others = [one for one in seen if one[0].author != "dev"]
    learned = [fitted(others, wish) for wish in ("anonymous", "confidential")]
    exposed = hidden = 0
    own = [(line, names) for line, names in seen if line.author == "dev" and not line.matter]
    for line, names in own:
        hides = max(each.likelihood(names) for each in learned) >= 0.5
        exposed += bool(line.asks - {"unhide"}) and not hides
        hidden += not line.asks and hides
    asking = sum(bool(line.asks - {"unhide"}) for line, _ in own)
    assert exposed <= 0.25 * asking
    assert hidden <= 0.12 * sum(not line.asks for line, _ in own)


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
