"""The log of every report: events that are only ever added, each chained to the one before."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import chain
from gateway.store.ownership import last_heard
from gateway.store.queries import Queries
from gateway.store.rows import AuditEvent
from gateway.store.tables import events, reports
from gateway.store.views import EventView


class EventRepository:
    """The log in one transaction. It takes its times from ``wall``, not from the case clock."""

    def __init__(self, connection: AsyncConnection, wall: Callable[[], datetime]) -> None:
        self._connection = connection
        self._wall = wall
        self._new: list[dict[str, Any]] = []

    def add(
        self, report_id: str, head: str, seq: int, changes: Sequence[AuditEvent]
    ) -> tuple[str, int]:
        """Chain events to the ``head`` of a report's log; return the new head and its number."""
        for change in changes:
            seq += 1
            event = chain.link(
                report_id,
                seq,
                head,
                at=self._wall(),
                kind=change.kind,
                by=change.by,
                note=change.note,
                data=change.data,
            )
            head = event.hash
            self._new.append({name: getattr(event, name) for name in events.c.keys()})  # noqa: SIM118
        return head, seq

    async def latest(
        self, report_id: str, kinds: Iterable[str]
    ) -> tuple[str, dict[str, Any], datetime] | None:
        """Return kind, data and time of a report's newest event of some kinds."""
        among = events.c.report_id == report_id, events.c.kind.in_(list(kinds))
        query = select(events.c.kind, events.c.data, events.c.at).where(*among)
        newest = query.order_by(events.c.seq.desc()).limit(1)
        row = (await self._connection.execute(newest)).first()
        return (row[0], json.loads(row[1]) if row[1] else {}, row[2]) if row else None

    async def latest_answer(self, report_id: str) -> str | None:
        """Return the text of an agency's latest answer to a report."""
        newest = await self.latest(report_id, ["agency_replied"])
        return str(newest[1].get("text", "")) if newest and newest[1] else None

    async def agency_words(self, report_id: str) -> list[str]:
        """Return what agencies answered and why it was archived by hand, newest first."""
        kinds = ("agency_replied", "agency_asked", "archived_by_admin")
        query = select(events.c.data, events.c.note).where(
            events.c.report_id == report_id, events.c.kind.in_(kinds)
        )
        rows = await self._connection.execute(query.order_by(events.c.seq.desc()))
        said = (str(json.loads(row.data).get("text", "")) or row.note for row in rows)
        return [words for words in said if words]

    async def last_heard(self, report_ids: Iterable[str]) -> dict[str, datetime]:
        """Return when the reporters of reports last wrote about them."""
        wanted = set(report_ids)
        if not wanted:
            return {}
        rows = (await self._connection.execute(last_heard(wanted))).all()
        return {row.report_id: row.last for row in rows}

    async def since(self, report_id: str, seq: int) -> tuple[str, str, dict[str, Any]] | None:
        """Return kind, actor and data of the newest event after a state of a report."""
        later = (events.c.report_id == report_id) & (events.c.seq > seq)
        query = select(events.c.kind, events.c.by, events.c.data).where(later)
        newest = query.order_by(events.c.seq.desc()).limit(1)
        row = (await self._connection.execute(newest)).first()
        return (row[0], row[1], json.loads(row[2]) if row[2] else {}) if row else None

    async def has(self, report_id: str, kind: str, key: str) -> bool:
        """Tell whether an event of this kind with this idempotency key is in the log."""
        query = select(events.c.data).where(events.c.report_id == report_id, events.c.kind == kind)
        rows = (await self._connection.execute(query)).scalars()
        return any(json.loads(data).get("key") == key for data in rows)

    async def flush(self) -> None:
        """Write the new ones."""
        if self._new:
            await self._connection.execute(insert(events), self._new)
            self._new.clear()


class EventQueries(Queries):
    """Reads of the log."""

    async def of(self, report_id: str) -> tuple[EventView, ...]:
        """List a report's events, oldest first."""
        query = select(events).where(events.c.report_id == report_id).order_by(events.c.seq)
        return tuple(
            EventView(e.seq, e.at, e.kind, e.by, e.note, e.hash, _decoded(e.data))
            for e in await self._all(query)
        )

    async def faults(self, report_id: str) -> list[str]:
        """Check one report's chain; return the faults."""
        head = await self._one(select(reports.c.head).where(reports.c.id == report_id))
        query = select(events).where(events.c.report_id == report_id).order_by(events.c.seq)
        log = [chain.ChainedEvent(*row) for row in await self._all(query)]
        return list(chain.faults(log, head=head))

    async def audit(self) -> tuple[int, list[str]]:
        """Check every report's chain; return how many were checked, and the faults."""
        checked = 0
        wrong: list[str] = []
        last = ""
        while True:
            query = select(reports.c.id, reports.c.tracking, reports.c.head)
            page = await self._all(
                query.where(reports.c.id > last).order_by(reports.c.id).limit(500)
            )
            if not page:
                return checked, wrong
            logs: dict[str, list[chain.ChainedEvent]] = {row.id: [] for row in page}
            query_events = select(events).where(events.c.report_id.in_(logs))
            for row in await self._all(query_events.order_by(events.c.report_id, events.c.seq)):
                logs[row.report_id].append(chain.ChainedEvent(*row))
            for row in page:
                checked += 1
                faults = chain.faults(logs[row.id], head=row.head)
                wrong += [f"{row.tracking}: {fault}" for fault in faults]
            last = page[-1].id


def _decoded(data: str) -> dict[str, Any]:
    found = json.loads(data) if data else None
    return found if isinstance(found, dict) else {}
