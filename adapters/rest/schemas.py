"""What the REST interface answers with."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from adapters.contract import VisibleReport
from config.words import words
from normalizer.gazetteer import Region
from normalizer.message import Kind, Level
from normalizer.report import FINAL, Outcome, Report, Status


class AcceptedSchema(BaseModel):
    """A report was taken in, or was here already."""

    danger: str = ""
    """Whom to call in the danger it tells of, in the reporter's language: show it first. Absent
    where there is none."""
    tracking: str
    secret: str
    """Opens the report to a person without a key; give it to the reporter."""
    status_url: str
    tracking_url: str


class NamedSchema(BaseModel):
    """Something with an id and a name."""

    id: str
    name: str


class TopicSchema(NamedSchema):
    """A topic, and the group it belongs to."""

    group: NamedSchema


class RegionSchema(BaseModel):
    """An official region, by its code."""

    code: str
    name: str
    level: Level


def region(region: Region) -> RegionSchema:
    """Show a region."""
    return RegionSchema(code=region.code, name=region.name, level=region.level)


class Count(BaseModel):
    """How many sensitive reports a regency or city has, rounded down to five."""

    region: RegionSchema
    reports: int


class ToldSchema(BaseModel):
    """What the reporter was told."""

    at: datetime
    text: str


class Summary(BaseModel):
    """How far a report is."""

    tracking: str
    status: Status
    status_label: str
    closed: bool
    kind: Kind
    topic: NamedSchema | None
    agency: NamedSchema | None
    received_at: datetime
    updated_at: datetime
    due: date | None
    """The last day on which the agency is in time."""


class StateSchema(Summary):
    """How far a report is, what the reporter was told, and what is asked of it."""

    question: str | None
    options: list[str]
    messages: list[ToldSchema]


class Listing(BaseModel):
    """A partner's reports, newest first."""

    reports: list[Summary]
    next: str
    """Ask with ``before=next`` for older ones; "" when there are none."""


def summary(shown: VisibleReport) -> dict[str, Any]:
    """Return the fields of a ``Summary``."""
    report = shown.report
    topic = report.topic
    return {
        "tracking": shown.number,
        "status": report.status,
        "status_label": words("labels").table("status")[report.status],
        "closed": report.status in FINAL,
        "kind": report.kind,
        "topic": NamedSchema(id=topic.id, name=topic.name) if topic else None,
        "agency": _agency(report),
        "received_at": report.received_at,
        "updated_at": shown.updated_at,
        "due": next((d.due for d in report.deadlines if d.name == "resolution"), None),
    }


def _agency(report: Report) -> NamedSchema | None:
    made = report.assignment
    if made is None or made.agency is None or made.decision is not Outcome.ASSIGN:
        return None
    return NamedSchema(id=made.agency.id, name=made.agency.name)
