"""Danger to life is told from what is past, feared or only talked about.

``dangers.csv`` (half, kind, text) has dangers and their look-alikes. Rules alone (phrases of
``config/emergency.toml``) were measured blind three times: 57 % of the 96 dangers of another author
("blind"), 57 % of 30 own ones ("last"), and of 320 of a third author 35 % (111; 16 of 320
look-alikes taken for danger). They do not generalise, so evidence decides (``router.evidence``).

It has learned from every half but "unseen", about half of the third author's lines: 131 of its 155
dangers are found (85 %), 6 of 158 look-alikes are taken for one (4 %). The "taught" lines were
written when the other half ("second") had been read, and some when its misses were known. None was
written for this one, but its counts were looked at some ten times while features and bias were
chosen, and a dozen of its lines were shown. So a stranger's dangers are found less often than that.

Of ordinary complaints that were not learned from 3 % are taken for danger (``bench.dangers`` sets
the bias so; the rules alone: 3 %); those here were learned from.
``dangers_elsewhere.csv`` lists the lines of the other tables that do tell of danger, or may.
"""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from config.danger import PATH, DangerWeights, Feature, weights
from config.emergency import emergency
from normalizer.message import Level
from router.evidence import OTHER, DangerEvidence, Signs, passages
from router.urgency import UrgencyRules
from tests.router.making import gazetteer, router

table = emergency()
topics = router().topics
ORDINARY = ("messages", "citizens", "hotlines", "accusations")


def rows_of(name: str) -> list[dict[str, str]]:
    text = Path(__file__).with_name(f"{name}.csv").read_text(encoding="utf-8")
    return [*csv.DictReader(text.splitlines())]


def seen(text: str) -> UrgencyRules | None:
    return topics.urgency(topics.lexicon.read(text))


ROWS = rows_of("dangers")
UNSEEN = "unseen"
FOUND = {
    "before": 0.98, "after": 0.98, "blind": 0.98, "last": 0.98, "taught": 0.98, "second": 0.98,
    UNSEEN: 0.83,
}  # fmt: skip
"""The least share of dangers found, by half."""
FALSE = {UNSEEN: 0.06}
"""The largest share of look-alikes taken for danger where it is not that of what was learned."""
WRONG = {UNSEEN: 0.2}
"""The largest share of wrong first numbers where it is not the bound of what was learned from."""


def of(half: str, *, danger: bool) -> list[str]:
    return [row["text"] for row in ROWS if row["half"] == half and bool(row["kind"]) is danger]


def test_the_table_is_large_and_says_nothing_twice() -> None:
    own = [row for row in ROWS if row["half"] not in ("blind", "second", UNSEEN)]
    assert len(own) >= 250
    assert len({row["text"] for row in ROWS}) == len(ROWS)
    assert {row["half"] for row in ROWS} == FOUND.keys()


@pytest.mark.parametrize("half", FOUND)
def test_dangers_are_found(half: str) -> None:
    now = of(half, danger=True)
    missed = [text for text in now if seen(text) is None]
    assert len(missed) <= (1 - FOUND[half]) * len(now), missed


@pytest.mark.parametrize("half", FOUND)
def test_danger_is_seldom_seen_where_none_is(half: str) -> None:
    calm = of(half, danger=False)
    false = [text for text in calm if seen(text) is not None]
    assert len(false) <= FALSE.get(half, 0.02) * len(calm), false


def test_ordinary_complaints_are_no_danger() -> None:
    elsewhere = {row["text"] for row in rows_of("dangers_elsewhere")}
    texts = [row["text"] for name in ORDINARY for row in rows_of(name)]
    assert elsewhere <= {*texts}
    calm = [text for text in texts if text not in elsewhere]
    false = [text for text in calm if seen(text) is not None]
    assert len(false) <= 0.01 * len(calm), false


@pytest.mark.parametrize("level", [Level.PROVINCE, Level.REGENCY, Level.CITY, Level.DISTRICT])
def test_the_name_of_a_place_is_no_danger(level: Level) -> None:
    """It is the answer to where something is. A few districts are taken for it."""
    names = {region.bare for region in gazetteer().regions(level)}
    false = [name for name in names if seen(name) is not None]
    assert len(false) <= 0.01 * len(names), false


@pytest.mark.parametrize("half", FOUND)
def test_the_first_number_fits_the_danger(half: str) -> None:
    """Of two dangers in one text either number may be told first; 112 is the same for all.

    Where the kind is unsure, the numbers for anything are told.
    """
    wrong, found = [], 0
    for row in ROWS:
        if row["half"] != half or not row["kind"] or not (danger := seen(row["text"])):
            continue
        found += 1
        kind = table.kind(danger.id)
        fits = table.kinds[kind].elsewhere[0] == table.kinds[row["kind"]].elsewhere[0]
        if not fits and kind != OTHER:
            wrong.append((row["kind"], kind, *danger.words, row["text"]))
    assert len(wrong) <= WRONG.get(half, 0.1) * found, wrong


# How evidence is weighed.


def test_a_word_of_a_region_added_to_a_sign_counts_without_learning() -> None:
    """A deployment writes its people's words for water and drowning into the table."""
    said = "anak saya zzmelelep di zzgoluk, tidak muncul lagi"
    more = {
        **table.signs,
        "drown": f"{table.signs['drown']} zzlelep",
        "water": f"{table.signs['water']} zzgoluk",
    }
    assert DangerEvidence(more, weights()).score(said) > topics.evidence.score(said)


@pytest.mark.parametrize(
    ("word", "sign"),
    [
        ("kecemplung", "drown"), ("ditenggelamkan", "drown"), ("kabakaran", "fire"),
        ("dibacoknya", "attack"), ("menusuk", "attack"), ("nyekik", "attack"),
        ("katimbun", "buried"), ("memukulinya", "attack"), ("hanyutnyo", "swept"),
    ],
)  # fmt: skip
def test_a_word_is_read_through_its_affixes(word: str, sign: str) -> None:
    signs = Signs(table.signs)
    assert sign in {signs.names[number] for number in signs.of(word)}


def test_danger_deep_in_a_letter_is_found() -> None:
    calm = "Dengan hormat, jalan di depan balai desa berlubang dan lampunya mati sejak lama. " * 5
    assert seen(calm) is None
    assert seen(f"{calm} Sekarang anak saya tenggelam di sumur dan tidak bernapas, tolong. {calm}")


def test_no_passage_loses_a_word() -> None:
    text = "satu dua. " * 30 + "tiga " * 50
    whole, *parts = passages(text)
    assert [word for part in parts for word in part] == whole


def test_the_learned_file_is_read_as_it_is_written() -> None:
    learned = weights()
    assert "".join(learned.lines()) == PATH.read_text(encoding="utf-8")
    assert learned.kinds.keys() <= table.kinds.keys()
    assert {name for pair in learned.signs for name in pair.split()} <= table.signs.keys()


def test_without_weights_nothing_is_danger() -> None:
    nothing = DangerEvidence(table.signs, DangerWeights(-1.0, {}, {}, {}, {}))
    assert nothing.score("tolong kebakaran") == -1.0
    assert nothing.score("") == -1.0
    assert nothing.kind("tolong kebakaran") == OTHER
    sure = replace(weights(), kinds={"fire": {"": Feature(1.0)}})
    assert DangerEvidence(table.signs, sure).kind("x") == "fire"


# Whom to call.


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
