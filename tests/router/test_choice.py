"""A topic that the reporter chose is evidence: it decides where the words say nothing."""

import pytest

from normalizer.report import Outcome
from tests.router.making import RECEIVED, place, report, router

decider = router()
topics = decider.topics
SURABAYA = place("35.78")


@pytest.mark.parametrize(
    ("text", "chosen", "best"),
    [
        ("tolong segera ditangani", "lampu-jalan", "lampu-jalan"),
        ("", "jalan-rusak", "jalan-rusak"),
        ("lampu jalan mati, jalan gelap, pju padam", "sampah", "lampu-jalan"),
        ("jalan rusak parah dan berlubang, aspal hancur", "air-minum", "jalan-rusak"),
        ("air", "air-minum", "air-minum"),
        ("lampu jalan mati", "", "lampu-jalan"),
        ("lampu jalan mati", "no-such-topic", "lampu-jalan"),
    ],
)
def test_words_that_are_clear_win_and_the_choice_decides_otherwise(
    text: str, chosen: str, best: str
) -> None:
    assert topics.rank(topics.lexicon.read(text), chosen)[0].topic.id == best


def test_a_choice_that_fits_the_words_makes_them_surer_and_a_rival_less_sure() -> None:
    reading = topics.lexicon.read("jalan rusak")
    plain, agreed, other = (
        topics.rank(reading, chosen)[0].topic.confidence
        for chosen in ("", "jalan-rusak", "air-minum")
    )
    assert other < plain < agreed


def test_a_group_speaks_only_for_those_of_its_topics_of_which_the_text_says_something() -> None:
    reading = topics.lexicon.read("jalan rusak, sampah menumpuk")
    found = {match.topic.id: match.topic.confidence for match in topics.rank(reading)}
    helped = {match.topic.id: match.topic.confidence for match in topics.rank(reading, "pu")}
    assert found.keys() == helped.keys()
    assert helped["jalan-rusak"] > found["jalan-rusak"]
    assert helped["sampah"] < found["sampah"]
    assert topics.rank(topics.lexicon.read("tolong pak"), "pu") == []


def test_a_choice_alone_assigns_and_is_told_as_a_reason() -> None:
    made = decider.decide(
        report("mohon segera ditangani", [SURABAYA], chosen_topic="lampu-jalan"), at=RECEIVED
    )
    assert made.assignment.decision is Outcome.ASSIGN
    assert made.assignment.agency is not None
    assert made.assignment.agency.id == "3578-dinas-perhubungan"
    texts = [reason.text for reason in made.assignment.reasons]
    assert texts[0] == f"Pelapor memilih {topics.rows['lampu-jalan'].name}."
    unchosen = decider.decide(report("mohon segera ditangani", [SURABAYA]), at=RECEIVED)
    assert unchosen.assignment.decision is not Outcome.ASSIGN


def test_a_chosen_group_is_told_by_its_name_and_an_unknown_choice_not_at_all() -> None:
    for chosen, said in (("pu", topics.groups["pu"].name), ("tidak-ada", None)):
        made = decider.decide(report("jalan rusak", [SURABAYA], chosen_topic=chosen), at=RECEIVED)
        told = [r.text for r in made.assignment.reasons if r.text.startswith("Pelapor memilih")]
        assert told == ([f"Pelapor memilih {said}."] if said else [])
