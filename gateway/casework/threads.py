"""The thread of a report as an agency may see it: what was said, by whom, and what became of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.casework.officers import OfficerReport
from gateway.outbound.notifications import notification_id
from gateway.store.reports import due_on
from gateway.store.rows import Delivery
from gateway.store.views import EventView, NotificationView
from normalizer.message import Message
from normalizer.report import Candidate, Report
from normalizer.tracking import bare, is_valid

_NUMBER = re.compile(r"\d{4}[- ]?\d{4}[- ]?\d{4}")
_AMONG_COLLEAGUES: Mapping[str, str] = {
    "agency_noted": "",
    "agency_verified": "",
    "delegated": "unit",
    "officer_assigned": "to",
    "copied": "agency",
}
"""Events that colleagues read in the thread, and what of their data says to whom."""
_SAID = frozenset({"agency_replied", "agency_asked", "agency_refused"})


@dataclass(frozen=True, slots=True)
class ThreadFile:
    """A file of a thread; ``label`` says what a photo of an officer shows."""

    name: str
    media_type: str
    sha256: str
    state: str = "stored"
    label: str = ""


@dataclass(frozen=True, slots=True)
class OfficerThreadEntry:
    """One thing that was said about a report, or done with it."""

    side: str
    """Who said it: ``reporter``, ``agency``, ``us``, or ``note`` for what only colleagues read."""
    at: datetime
    text: str
    by: str = ""
    channel: str = ""
    files: tuple[ThreadFile, ...] = ()
    state: str = ""
    """What became of a text to the reporter."""
    event: str = ""
    """What a colleague did."""
    target: str = ""
    """To which unit, colleague or agency."""


@dataclass(frozen=True, slots=True)
class OfficerView:
    """One report as people of an agency may see it."""

    report: Report
    """Without what an agency may not see."""
    agency_id: str
    version: int
    acts: frozenset[str]
    due_on: date | None
    thread: Sequence[OfficerThreadEntry]
    deliveries: Sequence[Delivery]
    candidates: Sequence[Candidate]
    """Whose affair it may be instead, by the router."""
    events: Sequence[EventView]

    @property
    def is_own(self) -> bool:
        """Tell whether the agency answers it; else it has a copy."""
        made = self.report.assignment
        return bool(made and made.agency and made.agency.id == self.agency_id)


def agency_view(opened: OfficerReport) -> OfficerView:
    """Return a report that was opened as its page shows it."""
    file, report = opened.file, opened.file.report
    made, due = report.assignment, due_on(report)
    own = made.agency.id if made and made.agency else ""
    others = [each for each in (made.alternatives if made else ()) if each.agency.id != own]
    return OfficerView(
        report=report,
        agency_id=opened.agency_id,
        version=opened.version,
        acts=opened.acts if opened.may_act else frozenset(),
        due_on=date.fromisoformat(due) if due else None,
        thread=_thread(opened),
        deliveries=file.deliveries,
        candidates=[each for each in others if not report.recuses(each.agency.id)],
        events=file.events,
    )


def author(event: EventView) -> str:
    """Return who did something: a colleague by the account, others as the log names them."""
    return str(event.data.get("officer", "")) or event.by


def _thread(opened: OfficerReport) -> list[OfficerThreadEntry]:
    """Put what was said in order, without what names another report of the same person."""
    report, file = opened.file.report, opened.file
    entries = [_of_reporter(each) for each in report.messages]
    written = {each.id: each for each in file.notifications}
    for event in file.events:
        if event.kind in _SAID and event.data.get("text"):
            notification = written.pop(notification_id(report, f"reply {event.seq}"), None)
            entries.append(_of_agency(event, notification))
        elif event.kind in _AMONG_COLLEAGUES and event.data:
            entries.append(_of_colleague(event))
    entries += [_of_ours(e) for e in written.values() if not names_another(e.text, report)]
    return sorted(entries, key=lambda each: each.at)


def _of_reporter(message: Message) -> OfficerThreadEntry:
    files = tuple(
        ThreadFile(each.name, each.media_type, each.sha256 or "", each.state)
        for each in message.attachments
    )
    at, channel = message.received_at, message.origin.channel
    return OfficerThreadEntry("reporter", at, message.text, channel=channel, files=files)


def _of_agency(event: EventView, notification: NotificationView | None) -> OfficerThreadEntry:
    """Return what the agency wrote, in full: of a delicate report less than that was sent."""
    return OfficerThreadEntry(
        "agency",
        notification.created_at if notification else event.at,
        str(event.data["text"]),
        by=author(event),
        channel=notification.channel if notification else "",
        files=tuple(_photo(each) for each in event.data.get("files", ())),
        state=notification.state if notification else "",
    )


def _of_colleague(event: EventView) -> OfficerThreadEntry:
    text = str(event.data.get("text", "")) or event.note
    target = str(event.data.get(_AMONG_COLLEAGUES[event.kind], ""))
    return OfficerThreadEntry(
        "note", event.at, text, author(event), event=event.kind, target=target
    )


def _photo(file: Mapping[str, Any]) -> ThreadFile:
    label = str(file.get("label", ""))
    return ThreadFile(label, str(file["mime"]), str(file["sha256"]), label=label)


def _of_ours(notification: NotificationView) -> OfficerThreadEntry:
    at, channel = notification.created_at, notification.channel
    return OfficerThreadEntry("us", at, notification.text, "", channel, (), notification.state)


def names_another(text: str, report: Report) -> bool:
    """Tell whether a text has the number of another report."""
    numbers = {bare(each) for each in _NUMBER.findall(text)}
    return any(is_valid(each) and each != report.tracking for each in numbers)
