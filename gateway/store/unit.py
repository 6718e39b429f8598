"""The unit of work: one transaction in which steps read, and collect what shall be written.

Writes are kept until the end and go out one statement per table, however many messages share the
unit; steps never commit.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform.clock import Clock
from gateway.store import chain
from gateway.store.alerts import AlertRepository
from gateway.store.deliveries import DeliveryRepository
from gateway.store.due import QUESTION, DueRepository
from gateway.store.notifications import NotificationRepository
from gateway.store.owned import last_heard, owned
from gateway.store.queue_table import Queue
from gateway.store.reactions import AnswerLimits, Reactions
from gateway.store.rows import (
    AuditEvent,
    Delivery,
    Notification,
    ReportRecord,
)
from gateway.store.silences import Silences
from gateway.store.tables import events, files, messages, reports
from gateway.wire.outbound import outbound
from gateway.wire.queues import DELIVERIES, NOTIFICATIONS, QueuedMessage
from normalizer.message import Message
from normalizer.report import Report, Status

_ROUTED = (
    update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(report_id=bindparam("belongs_to"))
)
_MOVED = (
    update(files)
    .where(files.c.sha256 == bindparam("digest"))
    .values(content=b"", became=bindparam("outcome"))
)
_MOST_PER_REPORTER = 20


class StaleWrite(Exception):
    """Somebody else changed the report in between; do it again."""


class UnitOfWork:
    """One transaction. Made by ``Store.unit``.

    The log of a report takes its times from ``wall``, everything else from the case clock ``now``.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        queue: Queue,
        now: Clock,
        wall: Clock,
        limits: AnswerLimits,
        waiting: timedelta,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._now = now
        self._waiting = waiting
        self.wall = wall
        self.silences = Silences(connection, now)
        self.due = DueRepository(connection)
        self.alerts = AlertRepository(connection, now, self.due)
        self.reactions = Reactions(connection, now, limits)
        self.deliveries = DeliveryRepository(connection, now)
        self.notifications = NotificationRepository(connection, now, self.reactions)
        self._new: list[dict[str, Any]] = []
        self._changed: list[tuple[ReportRecord, dict[str, Any]]] = []
        self._events: list[dict[str, Any]] = []
        self._messages: list[QueuedMessage] = []
        self._belongs: list[dict[str, Any]] = []
        self._lapsed: set[str] = set()
        self._moved: list[dict[str, Any]] = []

    async def claim(self, ids: Sequence[str]) -> tuple[set[str], set[str]]:
        """Mark messages as routed; return those that were news, and those that are not known."""
        take = (
            update(messages)
            .where(messages.c.id.in_(ids), messages.c.routed_at.is_(None))
            .values(routed_at=self._now())
            .returning(messages.c.id)
        )
        news = set((await self._connection.execute(take)).scalars())
        missing = set(ids) - news
        if missing:
            known = select(messages.c.id).where(messages.c.id.in_(missing))
            missing -= set((await self._connection.execute(known)).scalars())
        return news, missing

    async def by_tracking(self, numbers: Iterable[str]) -> dict[str, ReportRecord]:
        """Find reports by tracking number: their own, or that of a message filed to them."""
        wanted = set(numbers)
        if not wanted:
            return {}
        found = await self._reports(reports.c.tracking.in_(wanted))
        by_number = {stored.report.tracking: stored for stored in found}
        filed = select(messages.c.tracking, reports.c.id).join(reports, owned())
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

    async def answered_with(self, report_id: str) -> str | None:
        """Return the text of an agency's latest answer to a report."""
        query = select(events.c.data).where(
            events.c.report_id == report_id, events.c.kind == "agency_replied"
        )
        newest = query.order_by(events.c.seq.desc()).limit(1)
        data = (await self._connection.execute(newest)).scalar()
        return str(json.loads(data).get("text", "")) if data else None

    async def agency_words(self, report_id: str) -> list[str]:
        """Return what agencies answered and why it was archived by hand, newest first."""
        kinds = ("agency_replied", "archived_by_admin")
        query = select(events.c.data, events.c.note).where(
            events.c.report_id == report_id, events.c.kind.in_(kinds)
        )
        rows = await self._connection.execute(query.order_by(events.c.seq.desc()))
        said = (str(json.loads(row.data).get("text", "")) or row.note for row in rows)
        return [words for words in said if words]

    async def last_heard(self, ids: Iterable[str]) -> dict[str, datetime]:
        """Return when the reporters of reports last wrote about them."""
        wanted = set(ids)
        if not wanted:
            return {}
        found = (await self._connection.execute(last_heard(wanted))).all()
        return {row.report_id: row.last for row in found}

    async def latest_event(
        self, report_id: str, kinds: Iterable[str]
    ) -> tuple[str, dict[str, Any], datetime] | None:
        """Return kind, data and time of a report's newest event of some kinds."""
        among = events.c.report_id == report_id, events.c.kind.in_(list(kinds))
        query = select(events.c.kind, events.c.data, events.c.at).where(*among)
        newest = query.order_by(events.c.seq.desc()).limit(1)
        row = (await self._connection.execute(newest)).first()
        return (row[0], json.loads(row[1]) if row[1] else {}, row[2]) if row else None

    async def has_event(self, report_id: str, kind: str, key: str) -> bool:
        """Tell whether an event of this kind with this idempotency key is in the log."""
        query = select(events.c.data).where(events.c.report_id == report_id, events.c.kind == kind)
        found = (await self._connection.execute(query)).scalars()
        return any(json.loads(data).get("key") == key for data in found)

    def add(self, report: Report, fingerprint: str, changes: Sequence[AuditEvent]) -> ReportRecord:
        """File a new report with the first events of its log; danger in it opens an alert."""
        self.alerts.weigh(report)
        self._weigh_question(report)
        head, seq = self._link(report.id, chain.START, 0, changes)
        stored = ReportRecord(report, seq, head, fingerprint)
        self._new.append(_report_row(stored, self._now()))
        return stored

    def change(
        self, old: ReportRecord, report: Report, changes: Sequence[AuditEvent]
    ) -> ReportRecord:
        """File a new state of a report, with what happened; danger that is new opens an alert."""
        self.alerts.weigh(report, old.report)
        self._weigh_question(report, old.report)
        head, seq = self._link(report.id, old.head, old.version, changes)
        stored = ReportRecord(report, seq, head, old.fingerprint)
        self._changed.append((old, _report_row(stored, self._now())))
        return stored

    def _weigh_question(self, report: Report, before: Report | None = None) -> None:
        """Let a question of ours wait from when it is asked until it is asked no more."""
        waits = report.status is Status.WAITING_FOR_REPORTER
        waited = before is not None and before.status is Status.WAITING_FOR_REPORTER
        if waits and not waited:
            self.due.put(QUESTION, report.id, self._now() + self._waiting)
        elif waited and not waits:
            self.due.clear(QUESTION, report.id)

    def deliver(self, id: str, report: Report, agency_id: str, event: str) -> None:
        """File a delivery, and the queue message that has it placed."""
        self.deliveries.add(Delivery(id, report.id, agency_id, event, self._now()))
        self._messages.append(outbound(DELIVERIES, id, at=self._now()))

    def notify(self, notification: Notification) -> None:
        """File a notification, and the queue message that sends it if its reader may have it."""
        if self.notifications.add(notification).state == "waiting":
            self.notify_again([notification.id])

    def notify_again(self, ids: Iterable[str]) -> None:
        """Have notifications sent that wait: new ones, and those that were held."""
        self._messages += (outbound(NOTIFICATIONS, id, at=self._now()) for id in ids)

    def put(self, message: QueuedMessage) -> None:
        """Put a message on a queue when the unit commits."""
        self._messages.append(message)

    def lapsed(self, ids: Iterable[str]) -> None:
        """Note which reports are nobody's any more: no message is filed to them."""
        self._lapsed.update(ids)

    def belongs(self, message: Message, report: Report) -> None:
        """Note to which report a message was filed; only its own reporter's messages are."""
        if message.reporter.ref == report.reporter.ref and report.id not in self._lapsed:
            self._belongs.append({"message": message.id, "belongs_to": report.id})

    def moved(self, sha256: str, became: str) -> None:
        """Empty an attachment that is kept elsewhere now, and note what became of it.

        The row stays: a later message with the same file finds there what it became.
        """
        self._moved.append({"digest": sha256, "outcome": became})

    async def flush(self) -> None:
        """Write everything collected. Raises ``StaleWrite``."""
        await self.reactions.flush()
        await self._many(insert(reports), self._new)
        for old, row in self._changed:
            await self._replace(old, row)
        await self._many(insert(events), self._events)
        await self.alerts.flush()
        await self.due.flush()
        await self.deliveries.flush()
        await self.notifications.flush()
        await self._many(_ROUTED, self._belongs)
        await self._many(_MOVED, self._moved)
        await self._queue.put_rows(self._connection, self._queue.rows(self._messages))

    async def _many(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            await self._connection.execute(statement, rows)

    async def _replace(self, old: ReportRecord, row: dict[str, Any]) -> None:
        same = (reports.c.id == row["id"]) & (reports.c.version == old.version)
        done = await self._connection.execute(update(reports).where(same).values(**row))
        if done.rowcount != 1:
            raise StaleWrite(f"report {row['id']} was changed by somebody else")

    async def _reports(self, condition: Any) -> list[ReportRecord]:
        query = select(reports).where(condition).order_by(reports.c.received_at.desc())
        rows = (await self._connection.execute(query)).mappings().all()
        return [_stored(row) for row in rows]

    def _link(
        self, report_id: str, head: str, seq: int, changes: Sequence[AuditEvent]
    ) -> tuple[str, int]:
        for change in changes:
            seq += 1
            event = chain.link(
                report_id,
                seq,
                head,
                at=self.wall(),
                kind=change.kind,
                by=change.by,
                note=change.note,
                data=change.data,
            )
            head = event.hash
            self._events.append({name: getattr(event, name) for name in events.c.keys()})  # noqa: SIM118
        return head, seq


def _stored(row: RowMapping) -> ReportRecord:
    report = Report.model_validate_json(row["body"])
    return ReportRecord(report, row["version"], row["head"], row["fingerprint"])


def _report_row(stored: ReportRecord, now: datetime) -> dict[str, Any]:
    report = stored.report
    agency = report.assignment.agency if report.assignment else None
    return {
        "id": report.id,
        "tracking": report.tracking,
        "channel": report.origin.channel,
        "reporter_ref": report.reporter.ref,
        "fingerprint": stored.fingerprint,
        "status": report.status.value,
        "agency_id": agency.id if agency else None,
        "topic_id": report.topic.id if report.topic else None,
        "region": report.places[0].code if report.places else None,
        "urgent": report.urgency is not None,
        "kind": report.kind.value,
        "danger": report.urgency.id if report.urgency else None,
        "confidential": report.confidential,
        "accuses": bool(report.recusals),
        "received_at": report.received_at,
        "updated_at": now,
        "version": stored.version,
        "head": stored.head,
        "body": report.model_dump_json(),
        "publicity": publicity(report),
    }


def publicity(report: Report) -> str | None:
    """Say how far the words of a report whose reporter agreed are from being public."""
    if not report.public or report.anonymous or report.confidential:
        return None
    if report.release is None:
        return "asked"
    return "shown" if report.release.shown else "kept"
