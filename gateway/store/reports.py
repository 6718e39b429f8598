"""Reports: the cases that agencies work on, each as it stands now."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.states import states
from gateway.store import chain
from gateway.store.alerts import AlertRepository
from gateway.store.deliveries import DeliveryQueries
from gateway.store.due import QUESTION, DueRepository
from gateway.store.engine import Database
from gateway.store.events import EventQueries, EventRepository
from gateway.store.notifications import NotificationQueries
from gateway.store.ownership import is_owned, owned_ids
from gateway.store.queries import Queries
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.scope import (
    EVERYWHERE,
    AccessScope,
    government_of,
    parts_of,
    regency_of,
    visible,
)
from gateway.store.tables import messages, report_agencies, reports
from gateway.store.views import ReportFile
from normalizer.message import NoAnswerReason
from normalizer.report import FINAL, Report, Status

_MOST_PER_REPORTER = 20


class StaleWrite(Exception):
    """Somebody else changed the report in between; do it again."""


class ReportRepository:
    """The reports in one transaction.

    ``waiting`` is how long a question to a reporter stays open; ``seconds`` is the time by the
    database's clock.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        now: Callable[[], datetime],
        waiting: timedelta,
        events: EventRepository,
        alerts: AlertRepository,
        due: DueRepository,
        seconds: Callable[[], ColumnElement[float]],
    ) -> None:
        self._connection = connection
        self._seconds = seconds
        self._now = now
        self._waiting = waiting
        self._events = events
        self._alerts = alerts
        self._due = due
        self._new: list[dict[str, Any]] = []
        self._changed: list[tuple[ReportRecord, dict[str, Any]]] = []
        self._parts: dict[str, set[tuple[str, str]]] = {}

    async def by_tracking(self, numbers: Iterable[str]) -> dict[str, ReportRecord]:
        """Find reports by tracking number: their own, or that of a message filed to them."""
        wanted = set(numbers)
        if not wanted:
            return {}
        found = await self._reports(reports.c.tracking.in_(wanted))
        by_number = {stored.report.tracking: stored for stored in found}
        filed = select(messages.c.tracking, reports.c.id).join(reports, is_owned())
        filed = filed.where(messages.c.tracking.in_(wanted - by_number.keys()))
        belongs = {number: id for number, id in await self._connection.execute(filed)}  # noqa: C416
        known = await self.by_ids(belongs.values())
        return by_number | {number: known[id] for number, id in belongs.items() if id in known}

    async def by_id(self, report_id: str, *, lock: bool = False) -> ReportRecord | None:
        """Find one report; ``lock`` keeps others from changing it until the unit ends."""
        query = select(reports).where(reports.c.id == report_id)
        query = query.with_for_update() if lock else query
        row = (await self._connection.execute(query)).mappings().first()
        return _stored(row) if row else None

    async def by_ids(self, ids: Iterable[str]) -> dict[str, ReportRecord]:
        """Find reports by id."""
        wanted = set(ids)
        found = await self._reports(reports.c.id.in_(wanted)) if wanted else []
        return {stored.report.id: stored for stored in found}

    async def by_reporter(
        self, refs: Iterable[str], *, since: datetime
    ) -> dict[str, list[ReportRecord]]:
        """Find what reporters sent lately, newest first."""
        wanted = set(refs)
        if not wanted:
            return {}
        recent = reports.c.reporter_ref.in_(wanted) & (reports.c.received_at >= since)
        newest_first = reports.c.received_at.desc()
        nth = func.row_number().over(partition_by=reports.c.reporter_ref, order_by=newest_first)
        numbered = select(reports.c.id, nth.label("nth")).where(recent).subquery()
        chosen = select(numbered.c.id).where(numbered.c.nth <= _MOST_PER_REPORTER)
        grouped: dict[str, list[ReportRecord]] = {}
        for stored in await self._reports(reports.c.id.in_(chosen)):
            grouped.setdefault(stored.report.reporter.ref, []).append(stored)
        return grouped

    def add(self, report: Report, fingerprint: str, changes: Sequence[AuditEvent]) -> ReportRecord:
        """File a new report with the first events of its log; danger in it opens an alert."""
        self._alerts.weigh(report)
        self._weigh_question(report)
        head, seq = self._events.add(report.id, chain.START, 0, changes)
        stored = ReportRecord(report, seq, head, fingerprint)
        if parts := parts_of(report):
            self._parts[report.id] = parts
        self._new.append(_report_row(stored, self._now()))
        return stored

    def change(
        self, old: ReportRecord, report: Report, changes: Sequence[AuditEvent]
    ) -> ReportRecord:
        """File a new state of a report, with what happened; danger that is new opens an alert."""
        self._alerts.weigh(report, old.report)
        self._weigh_question(report, old.report)
        head, seq = self._events.add(report.id, old.head, old.version, changes)
        stored = ReportRecord(report, seq, head, old.fingerprint)
        if (parts := parts_of(report)) != parts_of(old.report):
            self._parts[report.id] = parts
        self._changed.append((old, _report_row(stored, self._now())))
        return stored

    def _weigh_question(self, report: Report, before: Report | None = None) -> None:
        """Let a question of ours wait from when it is asked until it is asked no more."""
        waits = report.status is Status.WAITING_FOR_REPORTER
        waited = before is not None and before.status is Status.WAITING_FOR_REPORTER
        if waits and not waited:
            self._due.put(QUESTION, report.id, self._now() + self._waiting)
        elif waited and not waits:
            self._due.clear(QUESTION, report.id)

    async def flush(self) -> None:
        """Write the new ones and the changes. Raises ``StaleWrite``."""
        if self._new:
            new = insert(reports).values(changed_at=self._seconds())
            await self._connection.execute(new, self._new)
        for old, row in self._changed:
            await self._replace(old, row)
        if self._parts:
            await self._write_parts()
        self._new.clear()
        self._changed.clear()
        self._parts.clear()

    async def _write_parts(self) -> None:
        """Write which agencies have a part in reports beside their own, where that changed."""
        gone = delete(report_agencies).where(report_agencies.c.report_id.in_(list(self._parts)))
        await self._connection.execute(gone)
        rows = [
            {"report_id": id, "part": part, "agency_id": agency}
            for id, parts in self._parts.items()
            for part, agency in sorted(parts)
        ]
        if rows:
            await self._connection.execute(insert(report_agencies), rows)

    async def _replace(self, old: ReportRecord, row: dict[str, Any]) -> None:
        same = (reports.c.id == row["id"]) & (reports.c.version == old.version)
        change = update(reports).where(same).values(**row, changed_at=self._seconds())
        done = await self._connection.execute(change)
        if done.rowcount != 1:
            raise StaleWrite(f"report {row['id']} was changed by somebody else")

    async def _reports(self, condition: Any) -> list[ReportRecord]:
        query = select(reports).where(condition).order_by(reports.c.received_at.desc())
        rows = (await self._connection.execute(query)).mappings().all()
        return [_stored(row) for row in rows]


class ReportQueries(Queries):
    """Reads of reports."""

    def __init__(
        self,
        database: Database,
        events: EventQueries,
        deliveries: DeliveryQueries,
        notifications: NotificationQueries,
    ) -> None:
        super().__init__(database)
        self._events = events
        self._deliveries = deliveries
        self._notifications = notifications

    async def latest(
        self, most: int, *, status: Status | None = None, scope: AccessScope = EVERYWHERE
    ) -> list[Report]:
        """List reports, newest first; those of one status urgent ones first, then oldest first."""
        query = select(reports.c.body).where(visible(scope))
        if status:
            query = query.where(reports.c.status == status.value)
            query = query.order_by(reports.c.urgent.desc(), reports.c.received_at)
        else:
            query = query.order_by(reports.c.received_at.desc())
        return [_report(row.body) for row in await self._all(query.limit(most))]

    async def set_aside(
        self, since: datetime, until: datetime, most: int, scope: AccessScope = EVERYWHERE
    ) -> list[tuple[Report, int]]:
        """List what the machine set aside of what came in a span of time, newest first.

        Each with its version, which a decision about it must name.
        """
        query = select(reports.c.body, reports.c.version)
        query = query.where(_SET_ASIDE, *_came(since, until), visible(scope))
        query = query.order_by(reports.c.received_at.desc()).limit(most)
        return [(_report(row.body), row.version) for row in await self._all(query)]

    async def count_set_aside(
        self, spans: Sequence[tuple[datetime, datetime]], scope: AccessScope = EVERYWHERE
    ) -> list[int]:
        """Count what the machine set aside in each of several spans of time."""
        since, until = min(s for s, _ in spans), max(u for _, u in spans)
        query = select().where(_SET_ASIDE, *_came(since, until), visible(scope))
        for span in spans:
            query = query.add_columns(func.count().filter(*_came(*span)))
        (row,) = await self._all(query)
        return [int(count) for count in row]

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
        return ReportFile(
            report,
            await self._events.of(report.id),
            await self._deliveries.of(report.id),
            await self._notifications.of(report.id),
        )

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

    async def count_since(self, since: datetime, scope: AccessScope = EVERYWHERE) -> int:
        """Count reports received since a moment."""
        query = select(func.count()).where(reports.c.received_at >= since, visible(scope))
        return int(await self._one(query))

    async def count_status(self, status: Status, scope: AccessScope = EVERYWHERE) -> int:
        """Count reports in a status."""
        query = select(func.count()).where(reports.c.status == status.value, visible(scope))
        return int(await self._one(query))


_RESPONDED = {Status.IN_PROGRESS, Status.ANSWERED}
_UNANSWERED = f'"unanswered":"{NoAnswerReason.FOREIGN_TEXT}"'
"""Of a body: within a text every quotation mark has a backslash before it."""
_SET_ASIDE = or_(
    reports.c.status == Status.ARCHIVED_BY_SYSTEM.value,
    (reports.c.status == Status.TRIAGE.value)
    & reports.c.body.contains(_UNANSWERED, autoescape=True),
)


def _came(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return reports.c.received_at >= since, reports.c.received_at < until


def _report(body: str) -> Report:
    return Report.model_validate_json(body)


def _stored(row: RowMapping) -> ReportRecord:
    report = Report.model_validate_json(row["body"])
    return ReportRecord(report, row["version"], row["head"], row["fingerprint"])


def _report_row(stored: ReportRecord, now: datetime) -> dict[str, Any]:
    report = stored.report
    agency = report.assignment.agency if report.assignment else None
    region = report.places[0].code if report.places else None
    return {
        "id": report.id,
        "tracking": report.tracking,
        "channel": report.origin.channel,
        "reporter_ref": report.reporter.ref,
        "fingerprint": stored.fingerprint,
        "status": report.status.value,
        "agency_id": agency.id if agency else None,
        "topic_id": report.topic.id if report.topic else None,
        "region": region,
        "urgent": report.urgency is not None,
        "kind": report.kind.value,
        "danger": report.urgency.id if report.urgency else None,
        "confidential": report.confidential,
        "accuses": bool(report.recusals),
        "copied": any(part == "copy" for part, _ in parts_of(report)),
        "government": government_of(agency.id) if agency else None,
        "regency": regency_of(region),
        "escalated_to": report.escalated_to or None,
        "unit": (report.handler.unit if report.handler else "") or None,
        "officer": (report.handler.officer if report.handler else "") or None,
        "refusals": len(report.refusals),
        "due_on": due_on(report),
        "responded_at": next((c.at for c in report.history if c.status in _RESPONDED), None),
        "ended_at": report.history[-1].at if report.status in FINAL and report.history else None,
        "received_at": report.received_at,
        "updated_at": now,
        "version": stored.version,
        "head": stored.head,
        "body": report.model_dump_json(),
        "publicity": publicity(report),
        "files_since": _files_since(report),
    }


def due_on(report: Report) -> str | None:
    """Return the day until which the next step is in time; None where none is waited for."""
    wanted = states().states[report.status].deadline
    return next((d.due.isoformat() for d in report.deadlines if d.name == wanted), None)


def _files_since(report: Report) -> datetime | None:
    """Say when the oldest message came of which a file is still to be fetched."""
    waiting = (message.received_at for message in report.messages if message.awaits_files)
    return min(waiting, default=None)


def publicity(report: Report) -> str | None:
    """Say how far the words of a report whose reporter agreed are from being public."""
    if not report.public or report.anonymous or report.confidential:
        return None
    if report.release is None:
        return "asked"
    return "shown" if report.release.shown else "kept"
