"""One report's whole way, from every table: what came, what was done, what left, what waits."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from gateway.store.owned import messages_and_theirs
from gateway.store.store import Store
from gateway.store.tables import deliveries, events, messages, notifications, queue, reports


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One moment; it says what happened, and never who wrote or what."""

    at: datetime
    where: str
    """The table or queue: message, report, delivery, notification, queue."""
    what: str


class Traces:
    """Reads the way of what a tracking number stands for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, number: str) -> list[TraceLine]:
        """List what happened to the report or message of a number, oldest first; [] if none is."""
        named = or_(messages.c.tracking == number, reports.c.tracking == number)
        columns = (
            messages.c.id, messages.c.channel, messages.c.received_at, messages.c.routed_at,
            reports.c.id.label("report_id"),
        )  # fmt: skip
        async with self._store.database.read() as connection:
            query = select(*columns).select_from(messages_and_theirs()).where(named)
            came = (await connection.execute(query)).all()
            ids = {row.report_id for row in came if row.report_id}
            log = (
                await connection.execute(select(events).where(events.c.report_id.in_(ids)))
            ).all()
            query = select(deliveries).where(deliveries.c.report_id.in_(ids))
            delivered = (await connection.execute(query)).all()
            query = select(notifications).where(notifications.c.report_id.in_(ids))
            told = (await connection.execute(query)).all()
            named_in = [row.id for row in (*came, *delivered, *told)]
            query = select(queue).where(queue.c.message_id.in_(named_in))
            waits = (await connection.execute(query)).all()
        lines = [
            *(line for row in came for line in _came(row)),
            *(TraceLine(row.at, "report", f"{row.kind} by {row.by}{_why(row)}") for row in log),
            *(line for row in delivered for line in _delivered(row)),
            *(line for row in told for line in _told(row)),
            *(TraceLine(row.at, f"queue {row.queue}", _waits(row)) for row in waits),
        ]
        return sorted(lines, key=lambda line: line.at)


def _came(row: Any) -> Iterator[TraceLine]:
    yield TraceLine(row.received_at, "message", f"{row.id} stored, from {row.channel}")
    if row.routed_at:
        yield TraceLine(row.routed_at, "message", f"{row.id} routed")


def _why(row: Any) -> str:
    """Name what an event says of itself in ids and counts, never in words."""
    data = json.loads(row.data) if row.data else {}
    kept = {k: v for k, v in data.items() if k in ("agency", "decision", "channel", "rule")}
    return "".join(f", {key} {value}" for key, value in kept.items() if isinstance(value, str))


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
    if row.done_at:
        said = f": {row.detail}" if row.detail else ""
        yield TraceLine(row.done_at, "notification", f"{row.id} {row.state}{said}")


def _waits(row: Any) -> str:
    said = f"{row.message_id} {row.state}, attempts {row.attempts}"
    return f"{said}: {row.error}" if row.error else said
