"""What citizens write, and where it must go.

``messages.csv`` was written for this test, in their style: text, region found, agency.
"""

import csv
from pathlib import Path

import pytest

from normalizer.report import Outcome
from tests.router.making import RECEIVED, place, report, router

SAMARINDA = "64.72"

with Path(__file__).with_name("messages.csv").open(encoding="utf-8", newline="") as lines:
    ASSIGNED = list(csv.reader(lines))[1:]

ASKED = [
    ("jalan rusak parah tolong diperbaiki", (), "place"),
    ("lampu jalan mati pak", (), "place"),
    ("ktp saya belum jadi 3 bulan", (), "place"),
    ("sampah menumpuk di depan gang", (), "place"),
    ("air pdam mati", ("32",), "place"),
    ("ijazah SMA saya ditahan sekolah", (), "place"),
    ("tolong pak", (), "topic"),
    ("p", (), "topic"),
    ("mohon segera ditindaklanjuti ya", (SAMARINDA,), "topic"),
    ("Assalamualaikum admin", (), "topic"),
]


@pytest.mark.parametrize(("text", "code", "agency"), ASSIGNED)
def test_a_clear_message_reaches_its_agency(text: str, code: str, agency: str) -> None:
    decision = router().decide(report(text, [place(code)] if code else []), at=RECEIVED)
    made = decision.assignment
    best = made.agency or (made.alternatives[0].agency if made.alternatives else None)
    assert (made.decision, best and best.id) == (Outcome.ASSIGN, agency), made


@pytest.mark.parametrize(("text", "codes", "question"), ASKED)
def test_an_incomplete_message_is_asked_the_one_missing_thing(
    text: str, codes: tuple[str, ...], question: str
) -> None:
    whole = report(text, [place(code) for code in codes])
    made = router().decide(whole, at=RECEIVED).assignment
    assert (made.decision, made.question, made.agency) == (Outcome.ASK, question, None)
    unasked = router().decide(whole, at=RECEIVED, may_ask=False).assignment
    assert (unasked.decision, unasked.question, unasked.agency) == (Outcome.TRIAGE, None, None)
