"""What a trained model says, from weights small enough to follow by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.message import Place
from normalizer.report import Agency
from router import learned
from router.blend import LOCAL_OFFICE, MOST, ScoringInput, Share, blend
from router.learned import (
    LOCAL,
    LearnedRanker,
    Model,
    ModelWeights,
    calibrate_shares,
    class_of,
    clues,
)
from router.terms import FAMILIES, pieces, runs, split_signs, tokens
from router.words import Reading
from tests.router.making import place, report, router

SURABAYA = "35.78"
LAMP, WASTE, OFFICE = "regency:dinas-perhubungan", "regency:dinas-lingkungan-hidup", LOCAL


def weights(regions: Sequence[str] = (SURABAYA,), sure: float = 4.0) -> ModelWeights:
    """Each class is said by one word, with ``sure`` as its logit in both views."""
    classes = (LAMP, WASTE, OFFICE, "3578-badan-dermaga")
    table = np.zeros((5, 8), np.float32)
    for at in range(4):
        table[at, [at, 4 + at]] = sure
    return ModelWeights(
        classes=classes,
        names={"3578-badan-dermaga": "Badan Urusan Dermaga"},
        regions=tuple(regions),
        families=("words", "pairs"),
        terms=("lampu", "sampah", "lurah", "dermaga"),
        topics=("pju",),
        seen=np.array([30.0], np.float32),
        rarity=np.ones(4, np.float32),
        table=table,
        bias=np.zeros(8, np.float32),
        output=np.eye(4, dtype=np.float32),
        prior=np.zeros(4, np.float32),
        sharpness=np.ones(2, np.float32),
        calibration=np.array([1.0, 0.0, 0.0, 0.0], np.float32),
    )


def ranked(text: str, places: Sequence[Place], **more: object) -> Sequence[Share]:
    model = LearnedRanker(weights(**more), router().register)  # type: ignore[arg-type]
    reading = Reading(text, text.split(), [(word,) for word in text.split()])
    return model.rank([ScoringInput(report(text, places), reading, [], NOTHING)])[0]


NOTHING: Sequence[Share] = ()


@pytest.mark.parametrize(
    ("text", "codes", "best"),
    [
        ("lampu", ["35.78"], "3578-dinas-perhubungan"),
        ("sampah", ["35.78"], "3578-dinas-lingkungan-hidup"),
        ("sampah", ["35.78.17"], "3578-dinas-lingkungan-hidup"),
        ("lurah", ["35.78"], LOCAL_OFFICE.id),
        ("lurah", ["35.78.17"], "357817-kecamatan"),
        ("dermaga", ["35.78"], "3578-badan-dermaga"),
    ],
)
def test_the_word_and_the_place_name_the_office(text: str, codes: list[str], best: str) -> None:
    found = ranked(text, [place(code) for code in codes])
    assert found[0].agency.id == best
    assert found[0].confidence > 0.8


def test_a_batch_is_ranked_as_each_report_alone() -> None:
    model = LearnedRanker(weights(), router().register)
    said = [
        ScoringInput(report(text, [place(code)]), Reading(text, [text], [(text,)]), [], NOTHING)
        for text, code in (("lampu", "35.78"), ("sampah", "64.72"), ("lurah", "35.78.17"))
    ]
    together = model.rank(said)
    for ranking, one in zip(together, said, strict=True):
        alone = model.rank([one])[0]
        assert [c.agency for c in ranking] == [c.agency for c in alone]
        sure = [c.confidence for c in alone]
        assert [c.confidence for c in ranking] == pytest.approx(sure, abs=1e-6)
    assert together[1] is NOTHING
    assert model.rank([]) == []


def test_a_body_of_its_own_keeps_its_name() -> None:
    assert ranked("dermaga", [place(SURABAYA)])[0].agency.name == "Badan Urusan Dermaga"


@pytest.mark.parametrize(
    ("places", "speaks"),
    [
        ([], False),
        ([("64.72", 0.9)], False),
        ([("35.78", 0.35)], True),
        ([("35.78", 0.35), ("64.72", 0.6)], True),
        ([("35.78", 0.35), ("64.72", 0.9)], False),
        ([("35.78", 0.9), ("64.72", 0.9)], True),
        ([("35", 0.95), ("35.78", 0.5)], True),
    ],
)
def test_a_model_of_a_region_is_silent_elsewhere(
    places: list[tuple[str, float]], speaks: bool
) -> None:
    found = ranked("lampu", [place(code, sure) for code, sure in places])
    assert (found is not NOTHING) == speaks


def test_a_model_without_regions_speaks_for_the_place_of_each_report() -> None:
    found = ranked("lampu", [place("64.72")], regions=())
    assert found[0].agency.id == "6472-dinas-perhubungan"
    assert ranked("sampah", [], regions=())[0].agency.id != "6472-dinas-lingkungan-hidup"


@pytest.mark.parametrize(("history", "novelty"), [(20, 0.5), (500, 0.5), (1_000, 1 / 3)])
def test_the_more_was_learned_the_sooner_a_topic_is_an_old_one(
    history: int, novelty: float
) -> None:
    known = replace(
        weights(), topics=("lampu-jalan", "sampah"), seen=np.array([6, history - 6], np.float32)
    )
    found = router().topics.rank(router().topics.lexicon.read("lampu jalan padam"))
    assert found[0].topic.id == "lampu-jalan"
    assert Model(known).novelty(found) == pytest.approx(novelty)
    assert Model(weights()).novelty(found) == 1.0


def share(id: str, confidence: float) -> Share:
    return Share(Agency(id=id, name=id), confidence)


@pytest.mark.parametrize(
    ("novelty", "best"),
    [(1.0, "pln"), (0.05, "3578-dinas-perhubungan")],
)
def test_agencies_the_model_never_saw_win_only_on_new_topics(novelty: float, best: str) -> None:
    own = [share("3578-dinas-perhubungan", 0.9)]
    found = blend(own, [share("pln", 0.85)], novelty)
    assert found[0].agency.id == best
    assert {one.agency.id for one in found} == {"pln", "3578-dinas-perhubungan"}


def test_an_agency_that_both_name_is_one_share() -> None:
    own = [share("a", 0.6), share("b", 0.4)]
    found = blend(own, [share("b", 0.8)], 0.5)
    assert [(one.agency.id, round(one.confidence, 3)) for one in found] == [
        ("b", 0.64),
        ("a", 0.36),
    ]
    assert blend(own, [], 1.0) == own


shares = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(shares, shares, st.floats(0, 1))
def test_a_blend_is_ranked_and_never_surer_than_one(
    own: list[float], said: list[float], novelty: float
) -> None:
    whole = sum(own) or 1.0
    model = [share(f"m{at}", part / whole) for at, part in enumerate(own)]
    phrases = [share(f"p{at}", part / len(said)) for at, part in enumerate(said)]
    found = blend(model, phrases, novelty)
    sure = [one.confidence for one in found]
    assert sure == sorted(sure, reverse=True)
    assert len(found) <= MOST
    assert sum(sure) <= 1 + 1e-6


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8),
    st.lists(st.floats(-3, 3), min_size=4, max_size=4),
)
def test_calibration_changes_how_sure_but_never_the_order(
    raw: list[float], counts: list[float]
) -> None:
    before = np.array(raw, np.float32) / np.float32(sum(raw))
    [after] = calibrate_shares(before[None], clues(before[None], [()]), counts)
    assert after[before.argmax()] == after.max()
    assert all(
        after[a] >= after[b] - 1e-6
        for a in range(len(raw))
        for b in range(len(raw))
        if before[a] > before[b]
    )
    assert ((after >= 0) & (after <= 1)).all()


def test_numbers_are_all_the_same_and_order_is_felt() -> None:
    small = weights()
    pairs = ModelWeights(
        **{name: getattr(small, name) for name in ModelWeights.__slots__}
        | {"terms": ("0", "rt 0", "lurah", "dermaga")}
    )
    model = Model(pairs)
    assert model.probabilities(["rt", "12"], ())[1] > model.probabilities(["12", "rt"], ())[1]
    assert (model.probabilities(["7"], ()) == model.probabilities(["42"], ())).all()


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("pln", "national:pln"),
        ("64-dinas-pu", "province:dinas-pu"),
        ("6472-dinas-pu", "regency:dinas-pu"),
        ("647201-kecamatan", LOCAL),
        ("6201012003-desa", LOCAL),
        (LOCAL_OFFICE.id, LOCAL),
    ],
)
def test_agencies_are_learned_by_tier_and_kind(id: str, expected: str) -> None:
    assert class_of(Agency(id=id, name=id)) == expected


def test_messages_are_taken_apart_with_their_marks() -> None:
    found = tokens("@Kota RT @a: Macet!! https://x.y/z #lapor", ["places-0"])
    assert found == [
        "@kota", "rt", "@a", ":", "macet", "!!", "url", "#lapor",
        "^=account", "^from-@a", "^shout", "^link", "^passed-on", "^@2", "^=1", "^places-0",
    ]  # fmt: skip
    assert pieces(split_signs(["ab"])) == ["~_a", "~ab", "~b_", "~_ab", "~ab_", "~_ab_", "~_ab_"]
    assert runs(split_signs(["ab", "12", "^sign"])) == [
        "≈ab", "≈b_", "≈_0", "≈ab_", "≈b_0", "≈ab_0",
    ]  # fmt: skip
    assert tokens("") == ["^=word", "^@0", "^=0"]


@given(st.text(max_size=80))
def test_no_two_families_share_a_term_and_only_signs_begin_like_one(text: str) -> None:
    words = split_signs(tokens(text))
    spelled = {name: set(spell(words)) for name, spell in FAMILIES.items()}
    assert not spelled["signs"] & (spelled["words"] | spelled["pairs"])
    assert not spelled["words"] & spelled["pairs"]
    assert len(spelled["signs"]) >= 3


def test_a_topic_the_phrases_are_sure_of_is_a_clue() -> None:
    sure = replace(weights(), calibration=np.array([1.0, 0.0, 2.0, 0.0], np.float32))
    found = router().topics.rank(router().topics.lexicon.read("lampu jalan padam"))
    model = Model(sure)
    assert model.probabilities(["lampu"], found).max() > model.probabilities(["lampu"], ()).max()


def test_words_nobody_has_learned_leave_every_class_as_likely() -> None:
    assert Model(weights()).probabilities(["entah"], ()) == pytest.approx([0.25] * 4)
    assert learned.softmax(np.zeros(3, np.float32)) == pytest.approx([1 / 3] * 3)
