"""The unit of work: one transaction in which steps read, and collect what shall be written.

Writes are kept until the end and go out one statement per table, however many messages share the
unit; steps never commit.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import RowMapping, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import chain
from gateway.store.alerts import AlertRepository
from gateway.store.owned import last_heard, owned
from gateway.store.queue_table import Queue
from gateway.store.reactions import USUAL, AnswerLimits, Reactions
from gateway.store.rows import AuditEvent, Letter, LetterState, ReportRecord, Sent, noted, tidy
from gateway.store.silences import Silences
from gateway.store.tables import events, files, messages, outgoing, reports
from gateway.wire.queues import QueuedMessage
from normalizer.message import Message
from normalizer.report import Report

_ROUTED = (
    update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(report_id=bindparam("belongs_to"))
)
_DONE = (
    update(outgoing)
    .where(outgoing.c.id == bindparam("letter"), outgoing.c.state != "withdrawn")
    .values(
        state=bindparam("becomes"),
        provider_id=bindparam("known_as"),
        detail=bindparam("says"),
        done_at=bindparam("now"),
    )
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
    """One transaction. Made by ``Store.unit``."""

    def __init__(
        self,
        connection: AsyncConnection,
        queue: Queue,
        now: Callable[[], datetime],
        limits: AnswerLimits = USUAL,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._now = now
        self.silences = Silences(connection, now)
        self.alerts = AlertRepository(connection, now)
        self.reactions = Reactions(connection, now, limits)
        self._new: list[dict[str, Any]] = []
        self._changed: list[tuple[ReportRecord, dict[str, Any]]] = []
        self._events: list[dict[str, Any]] = []
        self._letters: list[dict[str, Any]] = []
        self._messages: list[QueuedMessage] = []
        self._belongs: list[dict[str, Any]] = []
        self._lapsed: set[str] = set()
        self._sent: list[dict[str, Any]] = []
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

    async def by_letter(self, provider_ids: Iterable[str]) -> dict[str, str]:
        """Find which report a letter of ours belonged to: provider id → report id."""
        wanted = set(provider_ids)
        if not wanted:
            return {}
        query = select(outgoing.c.provider_id, outgoing.c.report_id)
        rows = await self._connection.execute(query.where(outgoing.c.provider_id.in_(wanted)))
        return {row[0]: row[1] for row in rows}

    async def letters(self, ids: Sequence[str]) -> dict[str, Letter]:
        """Read letters by id."""
        query = select(outgoing).where(outgoing.c.id.in_(ids))
        rows = (await self._connection.execute(query)).mappings().all()
        return {row["id"]: _letter(row) for row in rows}

    async def mark_sent(self, ids: Sequence[str], detail: str) -> set[str]:
        """Mark waiting letters as sent at once; return those that were waiting until now.

        Whoever else holds the same letter waits for this unit to end, and then gets none of them.
        """
        if not ids:
            return set()
        waiting = outgoing.c.id.in_(ids) & (outgoing.c.state == "waiting")
        change = update(outgoing).where(waiting)
        change = change.values(state="sent", detail=detail, done_at=self._now())
        found = await self._connection.execute(change.returning(outgoing.c.id))
        return set(found.scalars())

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

    async def wrote(self, letter_id: str) -> bool:
        """Tell whether a letter was ever written, in this unit or before."""
        if any(row["id"] == letter_id for row in self._letters):
            return True
        query = select(outgoing.c.id).where(outgoing.c.id == letter_id)
        return (await self._connection.execute(query)).scalar() is not None

    async def latest_event(
        self, report_id: str, kinds: Iterable[str]
    ) -> tuple[str, dict[str, Any], datetime] | None:
        """Return kind, data and time of a report's newest event of some kinds."""
        among = events.c.report_id == report_id, events.c.kind.in_(list(kinds))
        query = select(events.c.kind, events.c.data, events.c.at).where(*among)
        newest = query.order_by(events.c.seq.desc()).limit(1)
        row = (await self._connection.execute(newest)).first()
        return (row[0], json.loads(row[1]) if row[1] else {}, row[2]) if row else None

    async def delivered_to(self, report_id: str) -> list[str]:
        """List the agencies that were sent a report, the first first."""
        sent = outgoing.c.state.in_(("sent", "delivered"))
        query = select(outgoing.c.target).where(
            outgoing.c.report_id == report_id, outgoing.c.kind == "delivery", sent
        )
        found = (await self._connection.execute(query.order_by(outgoing.c.at))).scalars()
        return list(dict.fromkeys(found))

    async def was_answered(self, report_id: str) -> bool:
        """Tell whether anything was ever written to the citizen about a report."""
        wrote = outgoing.c.report_id == report_id, outgoing.c.kind == "answer"
        found = await self._connection.execute(select(outgoing.c.id).where(*wrote).limit(1))
        return found.scalar() is not None

    async def has_event(self, report_id: str, kind: str, key: str) -> bool:
        """Tell whether an event of this kind with this idempotency key is in the log."""
        query = select(events.c.data).where(events.c.report_id == report_id, events.c.kind == kind)
        found = (await self._connection.execute(query)).scalars()
        return any(json.loads(data).get("key") == key for data in found)

    def add(self, report: Report, fingerprint: str, changes: Sequence[AuditEvent]) -> ReportRecord:
        """File a new report with the first events of its log; danger in it opens an alert."""
        self.alerts.weigh(report)
        head, seq = self._link(report.id, chain.START, 0, changes)
        stored = ReportRecord(report, seq, head, fingerprint)
        self._new.append(_report_row(stored, self._now()))
        return stored

    def change(
        self, old: ReportRecord, report: Report, changes: Sequence[AuditEvent]
    ) -> ReportRecord:
        """File a new state of a report, with what happened; danger that is new opens an alert."""
        self.alerts.weigh(report, old.report)
        head, seq = self._link(report.id, old.head, old.version, changes)
        stored = ReportRecord(report, seq, head, old.fingerprint)
        self._changed.append((old, _report_row(stored, self._now())))
        return stored

    def send(self, letter: Letter, message: QueuedMessage | None) -> None:
        """File a letter, and the queue message that will send it if its reader may have it."""
        weighed = self.reactions.weighed(letter)
        self._letters.append(_letter_row(weighed, self._now()))
        if message and weighed.state == "waiting":
            self._messages.append(message)

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

    def sent(self, result: Sent) -> None:
        """Note what became of a letter."""
        self._sent.append(
            {
                "letter": result.id,
                "becomes": result.state,
                "known_as": tidy(result.provider_id, 300) if result.provider_id else None,
                "says": noted(result.detail, 1000),
                "now": self._now(),
            }
        )

    def moved(self, sha256: str, became: str) -> None:
        """Empty an attachment that is kept elsewhere now, and note what became of it.

        The row stays: a later message with the same file finds there what it became.
        """
        self._moved.append({"digest": sha256, "outcome": became})

    async def receipt(self, channel: str, provider_id: str, state: str, detail: str) -> str | None:
        """Note what a provider says of a letter; return its report's id if it is ours.

        A late "sent" never takes back a "delivered" or "failed".
        """
        ours = (outgoing.c.channel == channel) & (outgoing.c.provider_id == provider_id)
        if state == "sent":
            ours &= outgoing.c.state == "waiting"
        change = update(outgoing).where(ours).values(state=state, detail=noted(detail, 1000))
        found = await self._connection.execute(change.returning(outgoing.c.report_id))
        report_id: str | None = found.scalars().first()
        return report_id

    async def flush(self) -> None:
        """Write everything collected. Raises ``StaleWrite``."""
        await self.reactions.flush()
        await self._many(insert(reports), self._new)
        for old, row in self._changed:
            await self._replace(old, row)
        await self._many(insert(events), self._events)
        await self.alerts.flush()
        await self._many(insert(outgoing), self._letters)
        await self._many(_DONE, self._sent)
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
                at=self._now(),
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


def _letter_row(letter: Letter, now: datetime) -> dict[str, Any]:
    return {
        "id": letter.id,
        "report_id": letter.report_id,
        "kind": letter.kind,
        "channel": letter.channel,
        "target": letter.target,
        "sealed_to": letter.sealed_to,
        "message_id": letter.message_id,
        "tracking": letter.tracking,
        "subject": letter.subject,
        "text": letter.text,
        "thread": json.dumps(letter.thread),
        "choices": json.dumps(letter.choices),
        "reader": letter.reader,
        "urgent": letter.urgent,
        "state": letter.state,
        "detail": noted(letter.detail, 1000),
        "at": now,
    }


LetterKind = Literal["delivery", "answer"]


def _letter(row: RowMapping) -> Letter:
    kind: LetterKind = row["kind"]
    state: LetterState = row["state"]
    assert kind in get_args(LetterKind)
    assert state in get_args(LetterState)
    return Letter(
        id=row["id"],
        report_id=row["report_id"],
        kind=kind,
        channel=row["channel"],
        target=row["target"],
        text=row["text"],
        sealed_to=row["sealed_to"],
        message_id=row["message_id"],
        tracking=row["tracking"],
        subject=row["subject"],
        thread=tuple(json.loads(row["thread"])),
        choices=tuple(json.loads(row["choices"])),
        reader=row["reader"],
        urgent=row["urgent"],
        state=state,
        at=row["at"],
    )
