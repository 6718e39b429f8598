"""What the page of a report shows beside its facts: the conversation, and the history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gateway.portals.console.labels import Labels
from gateway.store.views import EventView, NotificationView, ReportFile
from normalizer import tracking
from normalizer.message import Message

Names = Callable[[str], str]
"""Returns the name of an agency."""
_AGENCY_WORDS = {"agency_replied", "agency_refused", "agency_asked"}
_NOTES = {"operator_noted", "agency_noted"}
_READ_BY_AUDITORS = frozenset({"unsealed"})
"""Events of which auditors read why."""
_TIES = frozenset({"to", "from", "other"})
"""Data that is the number of another report."""
_QUIET = frozenset({"text", "key", "kind", "officer", "files", "reasons", "confidence"})


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """One thing that was said about a report, by whom to whom."""

    side: Literal["reporter", "us", "agency", "note"]
    at: datetime
    by: str = ""
    text: str = ""
    message: Message | None = None
    """Of the reporter: whole, with its files."""
    notification: NotificationView | None = None
    """Of ours: with what became of it."""
    files: tuple[Mapping[str, Any], ...] = ()
    """Photos of an agency's answer."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a report's log in words."""

    at: datetime
    what: str
    by: str
    detail: str
    hash: str


def thread(file: ReportFile, labels: Labels, agency_name: Names) -> list[ThreadEntry]:
    """Return everything that was said about a report, oldest first."""
    entries = [
        ThreadEntry("reporter", each.received_at, message=each) for each in file.report.messages
    ]
    entries += [
        ThreadEntry("us", each.created_at, text=each.text, notification=each)
        for each in file.notifications
    ]
    entries += [
        _said(each, labels, agency_name)
        for each in file.events
        if each.kind in _AGENCY_WORDS | _NOTES and each.data.get("text")
    ]
    return sorted(entries, key=lambda each: each.at)


def _said(event: EventView, labels: Labels, agency_name: Names) -> ThreadEntry:
    return ThreadEntry(
        "note" if event.kind in _NOTES else "agency",
        event.at,
        actor(event, labels, agency_name),
        str(event.data["text"]),
        files=tuple(event.data.get("files") or ()),
    )


def history(
    file: ReportFile, labels: Labels, agency_name: Names, *, words: bool = True
) -> list[HistoryRow]:
    """Return the log of a report in words: who did what, and from what to what.

    ``words`` is whether what people wrote is in it, and the numbers of other reports, by which
    those of an anonymous reporter could be tied together.
    """
    return [
        HistoryRow(
            each.at,
            _what(each, labels),
            actor(each, labels, agency_name),
            _detail(each, agency_name, words=words or each.kind in _READ_BY_AUDITORS),
            each.hash,
        )
        for each in file.events
    ]


def actor(event: EventView, labels: Labels, agency_name: Names) -> str:
    """Say who did something, with the officer's account where an agency did it."""
    role, _, id = event.by.partition(":")
    name = agency_name(id) if role == "agency" else labels.actor(event.by)
    officer = event.data.get("officer")
    return f"{name} ({officer})" if officer else name


def _what(event: EventView, labels: Labels) -> str:
    """Name what happened; what an agency said by its kind: an answer is no progress."""
    kind = event.data.get("kind") if event.kind == "agency_replied" else None
    return labels.word(f"{event.kind}_{kind}" if kind else event.kind, "event")


def _detail(event: EventView, agency_name: Names, *, words: bool) -> str:
    """Say to whom, from what to what, and why."""
    known = event.data.items() if words else [e for e in event.data.items() if e[0] not in _TIES]
    said = [_value(name, each, agency_name) for name, each in known]
    return " · ".join(part for part in (*said, event.note if words else "") if part)


def _value(name: str, value: Any, agency_name: Names) -> str:
    if not value or name in _QUIET:
        return ""
    if name in ("agency", "suggested"):
        return f"→ {agency_name(str(value))}"
    if name == "copies" and isinstance(value, list):
        return "+ " + ", ".join(agency_name(str(each)) for each in value)
    if name in ("to", "from", "other") and tracking.is_valid(str(value)):
        return f"→ {tracking.format_number(str(value))}"
    if name in ("topic", "place") and isinstance(value, list):
        old, new = (str(each) or "–" for each in value)
        return f"{old} → {new}"
    return f"→ {value}" if name in ("unit", "to") else ""
