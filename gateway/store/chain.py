"""The append-only log of a report: each event carries the hash of the one before it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

START = "0" * 64
"""What the first event of every report points back to."""


@dataclass(frozen=True, slots=True)
class ChainedEvent:
    """One state change of one report."""

    report_id: str
    seq: int
    at: datetime
    kind: str
    by: str
    note: str
    data: str
    prev: str
    hash: str


def link(
    report_id: str,
    seq: int,
    prev: str,
    *,
    at: datetime,
    kind: str,
    by: str,
    note: str = "",
    data: Mapping[str, object] | None = None,
) -> ChainedEvent:
    """Make the event that follows ``prev``."""
    written = json.dumps(dict(data or {}), sort_keys=True, ensure_ascii=False)
    whole = digest(report_id, seq, prev, at, kind, by, note, written)
    return ChainedEvent(report_id, seq, at, kind, by, note, written, prev, whole)


def digest(
    report_id: str, seq: int, prev: str, at: datetime, kind: str, by: str, note: str, data: str
) -> str:
    """Hash one event: SHA-256 over its fields as a JSON array, times in UTC microseconds."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = [report_id, seq, prev, moment, kind, by, note, data]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()


def faults(events: Iterable[ChainedEvent], *, head: str) -> list[str]:
    """Check one report's chain, in order of seq; return what is wrong with it, [] if nothing."""
    wrong, prev, seq = [], START, 0
    for event in events:
        seq += 1
        if event.seq != seq:
            wrong.append(f"event {seq} is missing")
            seq = event.seq
        if event.prev != prev:
            wrong.append(f"event {event.seq} does not follow the one before it")
        fields = (event.at, event.kind, event.by, event.note, event.data)
        if digest(event.report_id, event.seq, event.prev, *fields) != event.hash:
            wrong.append(f"event {event.seq} was changed after it was written")
        prev = event.hash
    if prev != head:
        wrong.append("the last event is missing or was changed")
    return wrong
