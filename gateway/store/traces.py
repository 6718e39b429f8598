"""One report's whole way, from every table: what came, what was done, what left, what waits."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import correlation
from gateway.store.ownership import messages_and_theirs
from gateway.store.queries import Queries
from gateway.store.tables import (
    alerts,
    deliveries,
    due,
    events,
    exchanges,
    messages,
    notifications,
    queue,
    reports,
    segments,
)

_TOLD = ("agency", "decision", "channel", "rule")
"""What an event says of itself in ids; its words may be a person's."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One moment; it says what happened, and never who wrote or what."""

    at: datetime
    where: str
    """The table (message, delivery, due, ...), or the queue."""
    what: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of what a tracking number stands for, oldest first."""

    lines: tuple[TraceLine, ...] = ()
    ids: tuple[str, ...] = ()
    """What its log lines carry as ``correlation``."""


class TraceQueries(Queries):
    """Reads the way of what a tracking number stands for."""

    async def of(self, number: str) -> Trace:
        """Return what happened to the report or message of a number; an empty one if none is."""
        named = or_(messages.c.tracking == number, reports.c.tracking == number)
        columns = (
            messages.c.id, messages.c.channel, messages.c.account, messages.c.external_id,
            messages.c.received_at, messages.c.routed_at, reports.c.id.label("report_id"),
        )  # fmt: skip
        async with self._database.read() as connection:
            query = select(*columns).select_from(messages_and_theirs()).where(named)
            came = (await connection.execute(query)).all()
            about = {row.report_id for row in came if row.report_id}
            ids = {row.id for row in came} | about
            whole = [(row.channel, row.account, row.external_id) for row in came]
            joined = tuple_(segments.c.channel, segments.c.account, segments.c.message).in_(whole)
            lines = [line for row in came for line in _came(row)]
            for where, say in (
                (select(segments).where(joined), _segment),
                (select(events).where(events.c.report_id.in_(about)), _event),
                (select(alerts).where(alerts.c.report_id.in_(about)), _alert),
                (select(exchanges).where(exchanges.c.correlation.in_(ids)), _exchange),
            ):
                lines += await _read(connection, where, say)
            query = select(deliveries).where(deliveries.c.report_id.in_(about))
            delivered = (await connection.execute(query)).all()
            lines += [line for row in delivered for line in _delivered(row)]
            query = select(notifications).where(notifications.c.report_id.in_(about))
            told = (await connection.execute(query)).all()
            lines += [line for row in told for line in _told(row)]
            left = {row.id for row in (*delivered, *told)}
            found = await connection.execute(
                select(alerts.c.id).where(alerts.c.report_id.in_(about))
            )
            moments = select(due).where(due.c.key.in_(ids | {*found.scalars()}))
            lines += await _read(connection, moments, _due)
            waiting = select(queue).where(_carries(ids | left))
            lines += await _read(connection, waiting, _waits)
        return Trace(tuple(sorted(lines, key=lambda line: line.at)), tuple(sorted(ids)))


async def _read(connection: AsyncConnection, query: Select[Any], say: Any) -> list[TraceLine]:
    rows = (await connection.execute(query)).all()
    return [line for row in rows for line in say(row)]


def _carries(ids: Collection[str]) -> ColumnElement[bool]:
    """Ask for queued messages by their own id, or by the message that they come from."""
    marks = (json.dumps({correlation.HEADER: id})[1:-1] for id in ids)
    return or_(queue.c.message_id.in_(ids), *(queue.c.headers.contains(mark) for mark in marks))


def _came(row: Any) -> Iterator[TraceLine]:
    yield TraceLine(row.received_at, "message", f"{row.id} stored, from {row.channel}")
    if row.routed_at:
        yield TraceLine(row.routed_at, "message", f"{row.id} routed")


def _segment(row: Any) -> Iterator[TraceLine]:
    yield TraceLine(row.received_at, "segment", f"{row.id} stored, {row.number} of {row.total}")
    if row.joined_at:
        yield TraceLine(row.joined_at, "segment", f"{row.id} joined")


def _event(row: Any) -> Iterator[TraceLine]:
    data = json.loads(row.data) if row.data else {}
    told = [(key, data[key]) for key in _TOLD if isinstance(data.get(key), str)]
    told += [("file", _file(each)) for each in data.get("files", ()) if row.kind == "files_stored"]
    said = "".join(f", {key} {value}" for key, value in told)
    yield TraceLine(row.at, "report", f"{row.report_id} {row.kind} by {row.by}{said}")


def _file(file: Any) -> str:
    return f"{(file.get('sha256') or '')[:12]} {file.get('state')} {file.get('note') or ''}".strip()


def _alert(row: Any) -> Iterator[TraceLine]:
    yield TraceLine(row.opened_at, "alert", f"{row.id} opened")
    if row.acknowledged_at:
        yield TraceLine(
            row.acknowledged_at, "alert", f"{row.id} acknowledged by {row.acknowledged_by}"
        )


def _due(row: Any) -> Iterator[TraceLine]:
    said = f", failed {row.failures} times: {row.error}" if row.failures else ""
    yield TraceLine(row.due_at, "due", f"{row.kind} {row.key}{said}")


def _delivered(row: Any) -> Iterator[TraceLine]:
    def line(at: datetime, what: str) -> TraceLine:
        return TraceLine(at, "delivery", f"{row.id} {what}")

    yield line(row.created_at, f"to {row.agency_id} decided, {row.event}")
    if row.placed_at:
        yield line(row.placed_at, f"placed by {row.method}")
    if row.fetched_at:
        yield line(row.fetched_at, "fetched")
    if row.read_at:
        yield line(row.read_at, "read")
    if row.ended_at:
        yield line(row.ended_at, f"{row.state}{f': {row.detail}' if row.detail else ''}")


def _told(row: Any) -> Iterator[TraceLine]:
    written = f"{row.id} to its reporter by {row.channel} written"
    yield TraceLine(row.created_at, "notification", written)
    if row.done_at or row.state != "waiting":
        said = f": {row.detail}" if row.detail else ""
        yield TraceLine(
            row.done_at or row.created_at, "notification", f"{row.id} {row.state}{said}"
        )


def _exchange(row: Any) -> Iterator[TraceLine]:
    ended = " ".join(str(each) for each in (row.status, row.error) if each)
    what = f"{row.direction} {row.method} {row.target}: {ended or 'ended'} in {row.seconds:.2f} s"
    yield TraceLine(row.at, "exchange", f"{row.channel} {what}")


def _waits(row: Any) -> Iterator[TraceLine]:
    said = f"{row.message_id} {row.state}, attempts {row.attempts}"
    said = f"{said}: {row.error}" if row.error else said
    yield TraceLine(row.at, f"queue {row.queue}", said)
