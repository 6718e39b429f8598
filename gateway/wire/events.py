"""CloudEvents 1.0 in structured JSON: how a report travels on every queue and webhook.

The ``id`` is stable: the same event has the same id however often it is sent.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from normalizer.masking import masked_self
from normalizer.message import Message, Reporter
from normalizer.reply import without_ours
from normalizer.report import FINAL, Agency, Outcome, Report
from normalizer.tracking import mentions

RECEIVED: Final = "id.kanal.message.received"
ASSIGNED: Final = "id.kanal.report.assigned"
COPIED: Final = "id.kanal.report.copied"
FOLLOWED_UP: Final = "id.kanal.report.followed_up"
FILES_READY: Final = "id.kanal.report.files_ready"
WITHDRAWN: Final = "id.kanal.report.withdrawn"
DELIVERY: Final = "id.kanal.delivery.written"
NOTIFICATION: Final = "id.kanal.notification.written"
LETTER: Final = "id.kanal.letter.written"
"""What the version before wrote for both of them; still read, never written."""
ALERT: Final = "id.kanal.alert.raised"
FILES: Final = "id.kanal.files.named"
SOURCE = "/kanal"
MEDIA_TYPE = "application/cloudevents+json"

Type = Literal[
    "id.kanal.message.received",
    "id.kanal.report.assigned",
    "id.kanal.report.copied",
    "id.kanal.report.followed_up",
    "id.kanal.report.files_ready",
    "id.kanal.report.withdrawn",
    "id.kanal.delivery.written",
    "id.kanal.notification.written",
    "id.kanal.alert.raised",
    "id.kanal.files.named",
]


class BadEvent(ValueError):
    """The message is not an event of ours; no step can work on it."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event read back; ``data`` is still JSON text or a decoded value."""

    id: str
    type: str
    data: Any


def compose(kind: str, id: str, data: str, *, at: datetime, subject: str | None = None) -> bytes:
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
    """Read the report that an agency gets. Raises ``BadEvent``."""
    try:
        data = event.data
        if isinstance(data, dict):  # the files of all messages in one list, for agencies
            data = {name: value for name, value in data.items() if name != "attachments"}
        return Report.model_validate_json(json.dumps(data))
    except ValueError as error:
        raise BadEvent(f"not a report: {str(error).splitlines()[0]}") from None


def message_in(event: Event) -> Message:
    """Read the message of an event. Raises ``BadEvent``."""
    try:
        return Message.model_validate_json(json.dumps(without_case(event.data)))
    except ValueError as error:
        raise BadEvent(f"not a message: {str(error).splitlines()[0]}") from None


_CASE: Final = frozenset(
    {"topic", "assignment", "release", "status", "history", "deadlines", "links", "recusals"}
)
"""Fields of a case, which messages of the version before carried too, empty."""


def without_case(data: Any) -> Any:
    """Return a decoded message without the fields of a case, which the version before wrote."""
    if not isinstance(data, dict):
        return data
    return {name: value for name, value in data.items() if name not in _CASE}


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


def may_get(kind: str, report: Report, agency: str) -> bool:
    """Tell whether an agency may get an event: that it lost a report, also without having it."""
    return kind == WITHDRAWN or may_have(report, agency)


def to_agency(kind: str, id: str, report: Report, *, at: datetime) -> bytes:
    """Compose what an agency gets of a report as it stands; ``at`` is when it was decided.

    The files of its messages also stand in one list.
    """
    if kind == WITHDRAWN:
        return _withdrawal(id, report, at)
    shown = for_agency(report)
    files = ",".join(each.model_dump_json() for each in shown.attachments)
    data = f'{shown.model_dump_json()[:-1]},"attachments":[{files}]}}'
    return compose(kind, id, data, at=at, subject=report.tracking)


def _withdrawal(id: str, report: Report, at: datetime) -> bytes:
    """Tell an agency that a report is no longer with it: the number and why, no other word."""
    said = {"tracking": report.tracking, "reason": "closed" if report.status in FINAL else "moved"}
    return compose(WITHDRAWN, id, json.dumps(said), at=at, subject=report.tracking)


def for_agency(report: Report) -> Report:
    """Return the report as its agency may see it.

    The sealed identity and the provider's ids never leave the gateway; of an anonymous report
    neither does the pseudonym, by which two reports of one person could be tied together, nor do
    the links to others or their numbers in the history, and what its writer says of themselves is
    masked wherever they write.
    """
    reporter = Reporter(ref="" if report.anonymous else report.reporter.ref, sealed="")
    said = (_for_agency(each, reporter, masked=report.anonymous) for each in report.messages)
    changes: dict[str, Any] = {
        "origin": report.origin.model_copy(update=_NAMELESS),
        "reporter": reporter,
        "messages": tuple(said),
        "release": None,
    }
    # The agency is told the office; the persons' ids and the evidence stay with us.
    bare = {"persons": (), "words": ()}
    changes["recusals"] = tuple(each.model_copy(update=bare) for each in report.recusals)
    if report.anonymous:
        changes["links"] = ()
        changes["history"] = tuple(
            each.model_copy(update={"note": ""}) if any(mentions(each.note)) else each
            for each in report.history
        )
    return report.model_copy(update=changes)


WITHHELD: Final = "whole_withheld"
"""The note that an agency gets in place of what an anonymous reply repeats."""
_NAMELESS: Final = {"external_id": "", "thread": (), "sealed": {}}


def _repeated(message: Message) -> str:
    """Return a reply with what it repeats of others than us; "" where that adds nothing."""
    whole = without_ours(message.whole)
    return whole if whole.split() != message.original.split() else ""


def _for_agency(message: Message, reporter: Reporter, *, masked: bool) -> Message:
    # A provider's URL names the account and the message, and only we can fetch from it.
    kept = {"url": None, "original": None}
    changes: dict[str, Any] = {
        "origin": message.origin.model_copy(update=_NAMELESS),
        "reporter": reporter,
        "unanswered": None,
        "whole": _repeated(message),
        "attachments": tuple(file.model_copy(update=kept) for file in message.attachments),
    }
    if masked:
        said = {part: getattr(message, part) for part in _IN_WORDS}
        masks = {words: masked_self(words) for words in {*said.values()}}  # mostly text is original
        changes |= {part: masks[words] for part, words in said.items()}
        # Mails that a reply repeats name people in too many ways: their heads, their signatures.
        held_back = (WITHHELD,) if changes["whole"] else ()
        changes |= {"whole": "", "notes": (*message.notes, *held_back)}
    return message.model_copy(update=changes)
