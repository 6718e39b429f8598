"""CloudEvents 1.0 in structured JSON: how a report travels on every queue and webhook.

The ``id`` is stable: the same event has the same id however often it is sent.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from normalizer.masking import masked_self
from normalizer.report import Agency, Outcome, Report, Reporter

RECEIVED: Final = "id.kanal.report.received"
ASSIGNED: Final = "id.kanal.report.assigned"
COPIED: Final = "id.kanal.report.copied"
FOLLOWED_UP: Final = "id.kanal.report.followed_up"
FILES_READY: Final = "id.kanal.report.files_ready"
DELIVERY: Final = "id.kanal.delivery.written"
NOTIFICATION: Final = "id.kanal.notification.written"
LETTER: Final = "id.kanal.letter.written"
"""What the version before wrote for both of them; still read, never written."""
ALERT: Final = "id.kanal.alert.raised"
FILES: Final = "id.kanal.files.named"
SOURCE = "/kanal"
MEDIA_TYPE = "application/cloudevents+json"

Type = Literal[
    "id.kanal.report.received",
    "id.kanal.report.assigned",
    "id.kanal.report.copied",
    "id.kanal.report.followed_up",
    "id.kanal.report.files_ready",
    "id.kanal.delivery.written",
    "id.kanal.notification.written",
    "id.kanal.alert.raised",
    "id.kanal.files.named",
]


class BadEvent(ValueError):
    """The message is not an event of ours; nobody can work on it."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event read back; ``data`` is still JSON text or a decoded value."""

    id: str
    type: str
    data: Any


def written(kind: str, id: str, data: str, *, at: datetime, subject: str | None = None) -> bytes:
    """Compose an event around ``data``, which is JSON already."""
    moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    head = {
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": kind,
        "time": moment,
        "datacontenttype": "application/json",
    }
    if subject:
        head["subject"] = subject
    return f'{json.dumps(head)[:-1]}, "data": {data}}}'.encode()


def read(body: bytes) -> Event:
    """Read an event. Raises ``BadEvent``."""
    try:
        event = json.loads(body)
        return Event(str(event["id"]), str(event["type"]), event["data"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadEvent(f"not an event of ours: {type(error).__name__}") from None


def report_in(event: Event) -> Report:
    """Read the report of an event. Raises ``BadEvent``."""
    try:
        return Report.model_validate_json(json.dumps(event.data))
    except ValueError as error:
        raise BadEvent(f"not a report: {str(error).splitlines()[0]}") from None


AGENCY_ORIGIN: Final = {"external_id": "", "thread": [], "sealed": {}}
"""What an agency is told of the provider's ids: a chat or a Message-ID is as good as an address."""


_IN_WORDS: Final = ("title", "text", "original", "address", "chosen_agency")
"""Fields in which the writer may say who they are."""


def readers(report: Report) -> tuple[Agency, ...]:
    """List the agencies that may have a report: its own first, then those with a copy."""
    made = report.assignment
    if made is None or made.decision is not Outcome.ASSIGN or made.agency is None:
        return ()
    return tuple(each for each in (made.agency, *made.copies) if not report.recuses(each.id))


def may_have(report: Report, agency: str) -> bool:
    """Tell whether an agency may have a report as it stands."""
    return any(each.id == agency for each in readers(report))


def to_agency(kind: str, id: str, report: Report, *, at: datetime) -> bytes:
    """Compose what an agency gets of a report as it stands; ``at`` is when it was decided."""
    data = for_agency(report).model_dump_json()
    return written(kind, id, data, at=at, subject=report.tracking)


def for_agency(report: Report) -> Report:
    """Return the report as its agency may see it.

    The sealed identity and the provider's ids never leave the gateway; of an anonymous report
    neither does the pseudonym, by which two reports of one person could be tied together, nor do
    the links to others, and what its writer says of themselves is masked wherever they write.
    """
    ref = "" if report.anonymous else report.reporter.ref
    changes: dict[str, Any] = {
        "reporter": Reporter(ref=ref, sealed=""),
        "unanswered": None,
        "notes": (),
        "release": None,
    }
    # A provider's URL names the account and the message, and only we can fetch from it.
    kept = {"url": None, "original": None}
    changes["attachments"] = tuple(file.model_copy(update=kept) for file in report.attachments)
    hidden = {"external_id": "", "thread": (), "sealed": {}}
    changes["origin"] = report.origin.model_copy(update=hidden)
    # Whoever looks into it is told the office; the persons' ids and the evidence stay with us.
    bare = {"persons": (), "words": ()}
    changes["recusals"] = tuple(each.model_copy(update=bare) for each in report.recusals)
    if report.anonymous:
        changes["links"] = ()
        said = {part: getattr(report, part) for part in _IN_WORDS}
        masks = {words: masked_self(words) for words in {*said.values()}}  # mostly text is original
        changes |= {part: masks[words] for part, words in said.items()}
    return report.model_copy(update=changes)
