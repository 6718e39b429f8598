"""Where people also talk to each other, what is likely no report bothers nobody."""

from copy import copy

import numpy as np
import pytest

from normalizer.report import Outcome
from router.assign import Decision
from router.kinds import Kinds
from router.learned import ModelWeights
from tests.router.making import RECEIVED, place, report, router

ROAD = "jalan berlubang parah di depan pasar"
JOKE = "wkwk jalan berlubang parah di depan pasar"


def weights() -> ModelWeights:
    """Whoever says "wkwk" jokes, and who says "berlubang" complains."""
    table = np.zeros((2, 6), np.float32)
    table[0, [0, 3]] = 9.0
    table[1, [1, 4]] = 4.0
    return ModelWeights(
        classes=("bukan", "keluhan", "respon"),
        names={},
        regions=(),
        families=("words",),
        terms=("wkwk", "berlubang"),
        topics=(),
        seen=np.zeros(0, np.float32),
        rarity=np.ones(2, np.float32),
        table=table,
        bias=np.zeros(6, np.float32),
        output=np.eye(3, dtype=np.float32),
        prior=np.zeros(3, np.float32),
        sharpness=np.ones(2, np.float32),
        calibration=np.array([1.0, 0.0, 0.0, 0.0], np.float32),
    )


def decided(text: str, *, overheard: bool) -> Decision:
    listening = copy(router())
    listening.kinds = Kinds(weights(), {"keluhan"})
    said = report(text, [place("35.78")])
    return listening.decide(said, at=RECEIVED, overheard=overheard)


def test_talk_is_held_for_an_operator_who_sees_whose_affair_it_would_be() -> None:
    talk = decided(JOKE, overheard=True)
    made = talk.assignment
    assert talk.is_talk
    assert (made.decision, made.agency, made.question) == (Outcome.TRIAGE, None, None)
    assert made.alternatives[0].agency.id == "3578-dinas-pu"
    assert any("bukan percakapan" in reason.text for reason in made.reasons)


def test_a_report_among_talk_goes_its_way_a_little_less_sure() -> None:
    among, alone = decided(ROAD, overheard=True), decided(ROAD, overheard=False)
    assert not among.is_talk
    assert among.assignment.agency == alone.assignment.agency
    assert 0 < among.assignment.confidence < alone.assignment.confidence


def test_who_writes_to_us_is_never_taken_for_talking() -> None:
    joke = decided(JOKE, overheard=False)
    assert not joke.is_talk
    assert joke == router().decide(report(JOKE, [place("35.78")]), at=RECEIVED)


def test_a_model_without_reports_is_refused_with_its_kinds() -> None:
    with pytest.raises(ValueError, match="bukan, keluhan, respon"):
        Kinds(weights(), {"complaint"})
