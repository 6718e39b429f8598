"""What the tests of the router are made with: the shipped data, and reports written here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from config import files
from normalizer.gazetteer import Gazetteer
from normalizer.message import Kind, Origin, Place, Reporter
from normalizer.report import Report
from router.assign import Router, RoutingRules, build
from router.deadlines import Calendar, DeadlineLimits
from tests.cases import case

RECEIVED = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
LIMITS = DeadlineLimits(
    forward=3,
    first_response=5,
    resolution={
        Kind.COMPLAINT: 14,
        Kind.SUPERVISED_COMPLAINT: 60,
        Kind.ASPIRATION: 5,
        Kind.INFORMATION_REQUEST: 5,
    },
)


@cache
def shipped() -> files.ConfigFiles:
    return files.read()


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer.load(shipped().regions)


@cache
def router() -> Router:
    return build(shipped(), gazetteer(), RoutingRules(cost_of_wrong=2.5, limits=LIMITS), Calendar())


def place(code: str, confidence: float = 0.9, **more: Any) -> Place:
    """A place of the gazetteer, found by its name unless ``more`` says otherwise."""
    region = gazetteer().region(code)
    assert region is not None, code
    values: dict[str, Any] = {
        "found_by": "name",
        "words": region.bare,
        "confidence": confidence,
    } | more
    return Place(code=code, name=region.name, level=region.level, **values)


def report(text: str, places: Sequence[Place] = (), **more: Any) -> Report:
    """A report as ``normalize`` would hand it over; ``more`` replaces fields."""
    values: dict[str, Any] = {
        "id": "018f0000-0000-7000-8000-000000000001",
        "tracking": "482109375516",
        "origin": Origin(channel="sms", account="1708", external_id="SM1"),
        "reporter": Reporter(ref="r1", sealed="sealed"),
        "title": text[:60],
        "text": text,
        "original": text,
        "places": tuple(places),
        "received_at": RECEIVED,
    }
    return case(values | more)
