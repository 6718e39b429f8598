"""Reads for operators and agencies; none of them changes anything."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import RowMapping, Select, exists, func, select

from gateway.store import chain
from gateway.store.alerts import alert_of, is_over, passed_by
from gateway.store.cursors import readings
from gateway.store.deliveries import delivery_of
from gateway.store.owned import owned_ids
from gateway.store.quarantine import Room, messages_room, missed_since
from gateway.store.store import Store
from gateway.store.tables import (
    alerts,
    deliveries,
    events,
    messages,
    notifications,
    quarantine,
    queue,
    reports,
)
from gateway.store.views import (
    AgencyEvent,
    AlertView,
    ChannelView,
    DeadView,
    EventView,
    NotificationView,
    QuarantineView,
    QueueView,
    ReportFile,
)
from gateway.wire.events import may_have, to_agency
from gateway.wire.queues import DELIVERIES, MEDIA, NOTIFICATIONS, REPORTS
from normalizer.report import Report, Status

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PAGE = 4_000_000
"""Characters of reports that an agency is given at once; one report may be longer."""


class Queries:
    """Reads over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def _all(self, query: Select[Any]) -> Sequence[Any]:
        async with self._store.database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with self._store.database.read() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows

    async def _one(self, query: Select[Any]) -> Any:
        async with self._store.database.read() as connection:
            return (await connection.execute(query)).scalar()

    async def queues(self, depths: dict[str, int]) -> tuple[QueueView, ...]:
        """Describe the work queues; ``depths`` is what the broker counts."""
        dead = await self.dead_counts()
        return (
            await self._reports_queue(depths, dead),
            await self._deliveries_queue(depths, dead),
            await self._notifications_queue(depths, dead),
            await self._media_queue(depths, dead),
        )

    async def _reports_queue(self, depths: dict[str, int], dead: dict[str, int]) -> QueueView:
        waiting = messages.c.routed_at.is_(None)
        oldest = await self._one(select(func.min(messages.c.received_at)).where(waiting))
        since = self._store.now() - MINUTE
        done = select(func.count()).where(messages.c.routed_at >= since)
        return _view(REPORTS, depths, await self._one(done), oldest, dead)

    async def _deliveries_queue(self, depths: dict[str, int], dead: dict[str, int]) -> QueueView:
        waiting = select(func.min(deliveries.c.created_at)).where(
            deliveries.c.state == "pending", ~_is_dead(DELIVERIES, deliveries.c.id)
        )
        since = self._store.now() - MINUTE
        done = select(func.count()).where(deliveries.c.placed_at >= since)
        oldest = await self._one(waiting)
        return _view(DELIVERIES, depths, await self._one(done), oldest, dead)

    async def _notifications_queue(self, depths: dict[str, int], dead: dict[str, int]) -> QueueView:
        waiting = select(func.min(notifications.c.created_at)).where(
            notifications.c.state == "waiting", ~_is_dead(NOTIFICATIONS, notifications.c.id)
        )
        since = self._store.now() - MINUTE
        done = select(func.count()).where(notifications.c.done_at >= since)
        oldest = await self._one(waiting)
        return _view(NOTIFICATIONS, depths, await self._one(done), oldest, dead)

    async def _media_queue(self, depths: dict[str, int], dead: dict[str, int]) -> QueueView:
        waiting = (queue.c.queue == MEDIA) & (queue.c.state == "ready")
        oldest = await self._one(select(func.min(queue.c.at)).where(waiting))
        since = self._store.wall() - MINUTE
        done = select(func.count()).where(events.c.kind == "files_stored", events.c.at >= since)
        return _view(MEDIA, depths, await self._one(done), oldest, dead)

    async def dead_counts(self) -> dict[str, int]:
        """Count dead letters by queue."""
        query = select(queue.c.queue, func.count()).where(queue.c.state == "dead")
        return {name: count for name, count in await self._all(query.group_by(queue.c.queue))}  # noqa: C416

    async def held_count(self) -> int:
        """Count quarantined messages that nobody has decided."""
        query = select(func.count()).where(quarantine.c.state == "open")
        return int(await self._one(query))

    async def held_of_proven_count(self) -> int:
        """Count what is undecided and not forged: what strangers send makes nobody unwell."""
        waiting = (quarantine.c.state == "open") & (quarantine.c.reason != "forged")
        return int(await self._one(select(func.count()).where(waiting)))

    async def messages_room(self) -> Room:
        """Count the undecided that may be people's, with their bytes."""
        async with self._store.database.read() as connection:
            return await messages_room(connection)

    async def missed_since(self, since: datetime) -> int:
        """Count what the quarantine did not keep since the day of a moment."""
        async with self._store.database.read() as connection:
            return await missed_since(connection, since)

    async def overdue(self, since: datetime) -> dict[str, int]:
        """Count the messages in the outbox from before ``since``, by queue."""
        late = (queue.c.state == "ready") & (queue.c.at < since)
        query = select(queue.c.queue, func.count()).where(late).group_by(queue.c.queue)
        return {name: count for name, count in await self._all(query)}  # noqa: C416

    async def count_since(self, since: datetime) -> int:
        """Count reports received since a moment."""
        return int(await self._one(select(func.count()).where(reports.c.received_at >= since)))

    async def count_status(self, status: Status) -> int:
        """Count reports in a status."""
        return int(await self._one(select(func.count()).where(reports.c.status == status.value)))

    async def passed_by_count(self) -> int:
        """Count the open alerts that nobody of the whole roster answered."""
        late = alerts.c.acknowledged_at.is_(None) & passed_by(self._store.now())
        return int(await self._one(select(func.count()).select_from(alerts).where(late)))

    async def open_alerts(self, most: int = 20) -> tuple[AlertView, ...]:
        """List what nobody has acknowledged, what the whole roster passed by first."""
        late = passed_by(self._store.now()).label("late")
        joined = alerts.join(reports, reports.c.id == alerts.c.report_id)
        query = select(alerts, reports.c.body, late, is_over().label("over")).select_from(joined)
        query = query.where(alerts.c.acknowledged_at.is_(None))
        query = query.order_by(late.desc(), alerts.c.opened_at).limit(most)
        return tuple(_alert(row) for row in await self._rows(query))

    async def channels(self, names: Sequence[str]) -> tuple[ChannelView, ...]:
        """Describe what each channel brought in and could not bring out."""
        since = self._store.now() - HOUR
        inward = (
            select(messages.c.channel, func.count(), func.max(messages.c.received_at))
            .where(messages.c.received_at >= since)
            .group_by(messages.c.channel)
        )
        outward = (
            select(notifications.c.channel, notifications.c.state, func.count())
            .where(notifications.c.state.in_(["waiting", "held", "failed"]))
            .group_by(notifications.c.channel, notifications.c.state)
        )
        came = {name: (count, last) for name, count, last in await self._all(inward)}
        left = {(name, state): count for name, state, count in await self._all(outward)}
        read = await readings(self._store)
        return tuple(
            ChannelView(
                name,
                *came.get(name, (0, None)),
                left.get((name, "waiting"), 0),
                left.get((name, "failed"), 0),
                read.get((name, "poll")) or read.get((name, "bind")),
                read.get((name, "reconcile")),
                left.get((name, "held"), 0),
            )
            for name in names
        )

    async def latest(self, most: int, *, status: Status | None = None) -> list[Report]:
        """List reports, newest first; those of one status urgent ones first, then oldest first."""
        query = select(reports.c.body)
        if status:
            query = query.where(reports.c.status == status.value)
            query = query.order_by(reports.c.urgent.desc(), reports.c.received_at)
        else:
            query = query.order_by(reports.c.received_at.desc())
        return [_report(row.body) for row in await self._all(query.limit(most))]

    async def file(
        self, *, id: str | None = None, tracking: str | None = None
    ) -> ReportFile | None:
        """Return a report with its log, its deliveries and what its reporter was told.

        ``tracking`` may also be the number of a message that its reporter added to the report.
        """
        known = reports.c.id == id if id else reports.c.tracking == tracking
        body = await self._one(select(reports.c.body).where(known))
        if body is None and tracking:
            filed = owned_ids(messages.c.tracking == tracking)
            body = await self._one(select(reports.c.body).where(reports.c.id.in_(filed)))
        if body is None:
            return None
        report = _report(body)
        log = select(events).where(events.c.report_id == report.id).order_by(events.c.seq)
        delivered = select(deliveries).where(deliveries.c.report_id == report.id)
        told = select(notifications).where(notifications.c.report_id == report.id)
        return ReportFile(
            report,
            tuple(
                EventView(e.seq, e.at, e.kind, e.by, e.note, e.hash) for e in await self._all(log)
            ),
            tuple(
                delivery_of(row)
                for row in await self._rows(delivered.order_by(deliveries.c.created_at))
            ),
            tuple(
                _notification(row)
                for row in await self._all(told.order_by(notifications.c.created_at))
            ),
        )

    async def dead_letters(self, most: int) -> list[DeadView]:
        """List dead letters, newest first."""
        number = func.coalesce(notifications.c.tracking, reports.c.tracking, "")
        query = (
            select(queue, number.label("tracking"))
            .join(notifications, notifications.c.id == queue.c.message_id, isouter=True)
            .join(deliveries, deliveries.c.id == queue.c.message_id, isouter=True)
            .join(reports, reports.c.id == deliveries.c.report_id, isouter=True)
            .where(queue.c.state == "dead")
            .order_by(queue.c.at.desc())
        )
        return [
            DeadView(
                row.id,
                row.queue,
                row.message_id,
                row.tracking or None,
                row.attempts,
                row.error,
                row.at,
            )
            for row in await self._all(query.limit(most))
        ]

    async def quarantine(self, most: int) -> list[QuarantineView]:
        """List what nobody has decided: what is open first, then what is only noted."""
        undecided = quarantine.c.state.in_(["open", "noted"])
        query = select(quarantine).where(undecided)
        query = query.order_by(quarantine.c.state != "open", quarantine.c.at.desc())
        return [
            QuarantineView(row.id, row.channel, row.reason, row.detail, row.state, row.at, row.size)
            for row in await self._all(query.limit(most))
        ]

    async def for_agency(self, agency: str, *, after: str, most: int) -> list[AgencyEvent]:
        """List an agency's deliveries in order, each report as it stands; ``after`` is an id.

        The newest wait until no transaction that began before them can still be under way:
        else a reader's cursor could pass over a delivery that is committed late.
        """
        while page := await self._deliveries(agency, after, most):
            whole = select(reports.c.id, reports.c.body)
            whole = whole.where(reports.c.id.in_({row["report_id"] for row in page}))
            bodies = {row.id: row.body for row in await self._all(whole)}
            if found := await asyncio.to_thread(_agency_events, page, bodies, agency):
                return found
            after = page[-1]["id"]
        return []

    async def _deliveries(self, agency: str, after: str, most: int) -> Sequence[RowMapping]:
        """Return a page of deliveries: what a reader gets at once has a largest size, too."""
        settled = self._store.now() - timedelta(seconds=self._store.database.timeout)
        joined = deliveries.join(reports, reports.c.id == deliveries.c.report_id)
        query = select(deliveries, func.length(reports.c.body).label("size")).select_from(joined)
        query = query.where(
            deliveries.c.state != "withdrawn",
            deliveries.c.agency_id == agency,
            deliveries.c.created_at <= settled,
        )
        at, id = deliveries.c.created_at, deliveries.c.id
        if after:
            begun = await self._one(select(at).where(id == after))
            if begun is None:
                return []
            query = query.where((at > begun) | ((at == begun) & (id > after)))
        page = await self._rows(query.order_by(at, id).limit(most))
        sizes = list(accumulate(row["size"] for row in page))
        return page[: max(1, bisect_right(sizes, PAGE))]

    async def every(self) -> AsyncIterator[Report]:
        """Go through all reports, by id, a page at a time."""
        last = ""
        while True:
            page = select(reports.c.id, reports.c.body).where(reports.c.id > last)
            rows = await self._all(page.order_by(reports.c.id).limit(500))
            for row in rows:
                yield _report(row.body)
            if not rows:
                return
            last = rows[-1].id

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


def _alert(row: RowMapping) -> AlertView:
    alert, report, over = alert_of(row), _report(row["body"]), bool(row["over"])
    late = bool(row["late"])
    return AlertView(alert.id, report, alert.code, alert.opened_at, alert.told, late, over)


def _is_dead(name: str, id: Any) -> Any:
    """Ask whether the message about a row is a dead letter."""
    return exists().where(queue.c.queue == name, queue.c.message_id == id, queue.c.state == "dead")


def _agency_events(
    rows: Sequence[RowMapping], bodies: Mapping[str, str], agency: str
) -> list[AgencyEvent]:
    """Compose what an agency gets of deliveries; beside the event loop, as there may be many."""
    whole = {id: _report(body) for id, body in bodies.items()}
    found = ((row, whole[row["report_id"]]) for row in rows)
    return [
        AgencyEvent(
            row["id"],
            to_agency(row["event"], row["id"], report, at=row["created_at"]).decode(),
            fetched=row["fetched_at"] is not None,
        )
        for row, report in found
        if may_have(report, agency)
    ]


def _view(
    name: str, depths: dict[str, int], done: int, oldest: datetime | None, dead: dict[str, int]
) -> QueueView:
    rungs = sum(n for queue, n in depths.items() if queue.startswith(f"{name}.retry."))
    return QueueView(name, depths.get(name, 0) + rungs, done, oldest, dead.get(name, 0))


def _report(body: str) -> Report:
    return Report.model_validate_json(body)


def _notification(row: Any) -> NotificationView:
    return NotificationView(
        row.id,
        row.channel,
        row.text,
        row.state,
        row.detail,
        row.created_at,
        row.done_at,
        row.reader,
    )
