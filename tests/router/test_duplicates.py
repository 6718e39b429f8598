from datetime import timedelta

import pytest

from normalizer.message import Reporter
from normalizer.report import Topic
from router.duplicates import fingerprint, repeats
from tests.router.making import RECEIVED, place, report

OTHER_ID = "018f0000-0000-7000-8000-000000000002"
first = report("Jalan rusak parah, tolong!", [place("64.72")])


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("jalan  rusak parah tolong", True),
        ("JALAN RUSAK PARAH... TOLONG!!!", True),
        ("jalan rusak parah", False),
        ("", False),
    ],
)
def test_case_and_punctuation_make_no_other_report(text: str, same: bool) -> None:
    again = report(text, [place("64.72.01")], id=OTHER_ID)
    assert (fingerprint(first) == fingerprint(again)) is same
    assert repeats(again, first) is same


def test_another_place_or_topic_makes_another_report() -> None:
    elsewhere = report(first.text, [place("64.02")])
    about = first.model_copy(update={"topic": Topic(id="sampah", name="Sampah", confidence=1.0)})
    assert len({fingerprint(r) for r in (first, elsewhere, about)}) == 3


def test_only_the_same_person_within_a_day_repeats_a_report() -> None:
    def again(hours: float, ref: str = "r1") -> bool:
        moment = RECEIVED + timedelta(hours=hours)
        reporter = Reporter(ref=ref, sealed="sealed")
        later = report(first.text, first.places, id=OTHER_ID, received_at=moment, reporter=reporter)
        return repeats(later, first)

    assert again(23.9)
    assert not again(24.1)
    assert not again(-1)
    assert not again(1, ref="r2")
    assert not repeats(first, first)
