"""What operators put right about a report: its topic and place, what it was made one or two of."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from config.states import ActorKind
from gateway.access.recusal import recuse
from gateway.access.roles import Actor, Right
from gateway.access.states import move
from gateway.casework.conflicts import Conflict, ConflictCode, as_conflicts
from gateway.casework.context import add_link, new_place, origin_with
from gateway.casework.matters import apply, assignment_event
from gateway.media.store_files import enqueue_files
from gateway.outbound.delicate import graver
from gateway.outbound.deliveries import deliver, deliver_assigned, deliver_changed, withdraw_lost
from gateway.outbound.notifications import Notifier
from gateway.platform.identity import opened_reporter, sealed_reporter
from gateway.platform.numbers import new_tracking
from gateway.platform.seal import BadSeal, Seal
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.gazetteer import Gazetteer
from normalizer.message import Place, Reporter
from normalizer.report import FINAL, Assignment, Candidate, Outcome, Report, Status, Topic
from normalizer.text import storable
from normalizer.tracking import format_number
from router import explain
from router.assign import Router
from router.duplicates import fingerprint

MOST_WORDS = 2_000
"""Characters of a note or a question."""
OFFERED = 8
"""Places that are named where a name means several."""


async def lock_report(
    unit: UnitOfWork,
    report_id: str,
    actor: Actor,
    right: Right = Right.DECIDE,
    version: int | None = None,
) -> ReportRecord:
    """Return a report that somebody has a right in, locked for them to change.

    ``version`` is the state on which they decided. Raises ``Conflict``.
    """
    record = await unit.reports.by_id(report_id, lock=True)
    if record is None or not actor.scope(right).covers(record.report):
        raise Conflict(ConflictCode.NO_REPORT)
    if version is not None and version != record.version:
        since = await unit.events.since(report_id, version)
        if since is None:
            raise Conflict(ConflictCode.CHANGED)
        kind, by, data = since
        agency = record.report.assignment.agency if record.report.assignment else None
        to = agency.name if agency and data.get("agency") == agency.id else ""
        if to:
            raise Conflict(ConflictCode.OUTDATED_ASSIGNED, who=by, agency=to)
        raise Conflict(ConflictCode.OUTDATED, who=by, what=kind)
    return record


class Corrections:
    """Puts reports right. Every act raises ``Conflict``."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        router: Router,
        gazetteer: Gazetteer,
        seal: Seal,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._router = router
        self._gazetteer = gazetteer
        self._seal = seal
        self._now = now

    def topics(self) -> list[tuple[str, str]]:
        """List the topics, as id and name, by name."""
        rows = self._router.topics.rows
        return sorted(((id, row.name) for id, row in rows.items()), key=lambda each: each[1])

    async def merge(
        self, report_id: str, number: str, *, actor: Actor, version: int | None = None
    ) -> Report:
        """Join a report to another of the same reporter, and close it; return the other.

        Reports of two people are only tied to each other: neither reads what the other wrote.
        """
        async with self._changing() as unit:
            other = (await unit.reports.by_tracking([number])).get(number)
            # In one order for all: two merge two reports into each other, and neither waits.
            for id in sorted({report_id, other.report.id} if other else {report_id}):
                await unit.reports.by_id(id, lock=True)
            record = await lock_report(unit, report_id, actor, version=version)
            if other is None or not actor.scope(Right.DECIDE).covers(other.report):
                raise Conflict(ConflictCode.NO_OTHER)
            other = await lock_report(unit, other.report.id, actor)
            return await self._merged(unit, record, other, actor)

    async def _merged(
        self, unit: UnitOfWork, record: ReportRecord, other: ReportRecord, actor: Actor
    ) -> Report:
        report, into = record.report, other.report
        if report.id == into.id:
            raise Conflict(ConflictCode.SAME_REPORT)
        if report.status in FINAL or into.status in FINAL:
            raise Conflict(ConflictCode.CLOSED)
        if report.reporter.ref != into.reporter.ref:
            return self._tied(unit, record, other, actor)
        if not into.takes(*report.messages):
            raise Conflict(ConflictCode.NO_ROOM)
        whole = self._whole(report, into)
        barred = report.model_copy(update={"recusals": whole.recusals})
        closed = self._closed(barred, into, actor)
        data: dict[str, object] = {"to": into.tracking}
        unit.reports.change(record, closed, [AuditEvent("merged", actor.name, data=data)])
        data = {"from": report.tracking}
        stored = unit.reports.change(other, whole, [AuditEvent("grown", actor.name, data=data)])
        cause = f"merged {stored.version}"
        for message in report.messages:
            unit.messages.file(message, whole)
            enqueue_files(unit, whole, message, at=self._now())
        await withdraw_lost(unit, report, _without_agency(closed), cause)
        await withdraw_lost(unit, into, whole, cause)
        if _agency_of(whole):
            kept = _agency_of(whole) == _agency_of(into)
            deliver(unit, whole, kind=events.FOLLOWED_UP if kept else events.ASSIGNED, cause=cause)
        text = self._notifier.text("joined", whole, lama=format_number(report.tracking))
        self._notifier.notify(unit, whole, text, cause=cause)
        return whole

    def _whole(self, report: Report, into: Report) -> Report:
        """Return a report with all of another, kept from whom it accuses now."""
        whole = add_link(into.with_report(report), report, "joined")
        for message in report.messages:
            danger = graver(whole.urgency, message.urgency)
            changes: dict[str, Any] = {"origin": origin_with(whole, message), "urgency": danger}
            whole = whole.model_copy(update=changes | new_place(whole, message))
        accused, _ = self._router.read_accusations(whole)
        return recuse(whole, accused, at=self._now(), overseer=self._router.overseer)

    def _closed(self, report: Report, into: Report, actor: Actor) -> Report:
        linked = add_link(report, into, "joined")
        return move(
            linked,
            Status.CLOSED_BY_ADMIN,
            by=actor.name,
            actor_kind=ActorKind.OPERATOR,
            at=self._now(),
            note=format_number(into.tracking),
        )

    def _tied(
        self, unit: UnitOfWork, record: ReportRecord, other: ReportRecord, actor: Actor
    ) -> Report:
        for one, two in ((record, other), (other, record)):
            linked = add_link(one.report, two.report, "duplicate")
            data: dict[str, object] = {"other": two.report.tracking}
            unit.reports.change(one, linked, [AuditEvent("tied", actor.name, data=data)])
        return other.report

    async def split(
        self,
        report_id: str,
        *,
        message: str = "",
        words: str = "",
        actor: Actor,
        version: int | None = None,
    ) -> Report:
        """Make a report of its own of one of several messages, or of words of it; return it.

        Nothing is taken from the first one. What hides it, and whom it accuses, counts for both.
        """
        async with self._changing() as unit:
            record = await lock_report(unit, report_id, actor, version=version)
            report = record.report
            if report.status in FINAL:
                raise Conflict(ConflictCode.CLOSED)
            made = self._apart(report, message, storable(words.strip(), MOST_WORDS * 4))
            decision = self._router.decide(made, at=self._now(), may_ask=False, may_end=False)
            made = apply(made, decision, at=self._now())
            made = made.model_copy(update={"recusals": (*made.recusals, *report.recusals)})
            made = recuse(made, (), at=self._now(), overseer=self._router.overseer)
            log = [
                AuditEvent("split_off", actor.name, data={"from": report.tracking}),
                assignment_event(made),
            ]
            unit.reports.add(made, fingerprint(made), log)
            data: dict[str, object] = {"to": made.tracking}
            linked = add_link(report, made, "split")
            unit.reports.change(record, linked, [AuditEvent("split", actor.name, data=data)])
            if _agency_of(made):
                deliver_assigned(unit, made, cause="assigned 1")
            enqueue_files(unit, made, made.first, at=self._now())
            text = self._notifier.text("split", made, lama=format_number(report.tracking))
            self._notifier.notify(unit, made, text, cause="split")
            return made

    def _apart(self, report: Report, message_id: str, words: str) -> Report:
        """Return what was chosen as a report that nothing is decided about yet."""
        within = [m for m in report.messages if not message_id or m.id == message_id]
        source = next((m for m in within if not words or words in m.text), None)
        if source is None or (not words and len(report.messages) == 1):
            raise Conflict(ConflictCode.NOT_IN_TEXT)
        id = str(uuid.uuid4())
        try:
            who = opened_reporter(self._seal, source.id, source.reporter.sealed)
        except BadSeal:
            raise Conflict(ConflictCode.NO_KEY_FOR_IDENTITY) from None
        reporter = Reporter(
            ref=source.reporter.ref, sealed=sealed_reporter(self._seal, id, dict(who))
        )
        changes: dict[str, Any] = {"id": id, "tracking": new_tracking(), "reporter": reporter}
        if words:
            changes |= {"text": words, "original": words, "title": words[:80], "whole": ""}
        alone = source.model_copy(update=changes)
        opened_report = Report.open(alone)
        flags = {
            "anonymous": report.anonymous or alone.anonymous,
            "confidential": report.confidential or alone.confidential,
            "public": False,
            "places": opened_report.places or report.places,
        }
        return add_link(opened_report.model_copy(update=flags), report, "split")

    async def to_triage(
        self, report_id: str, *, reason: str, actor: Actor, version: int | None = None
    ) -> Report:
        """Take a report back from its agency, for an operator to decide again."""
        async with self._changing() as unit:
            record = await lock_report(unit, report_id, actor, version=version)
            report = record.report
            made = report.assignment
            if made is None or made.agency is None:
                raise Conflict(ConflictCode.NOT_NOW)
            taken = Assignment(
                decision=Outcome.TRIAGE,
                confidence=0.0,
                alternatives=made.alternatives,
                reasons=(explain.operator(actor.name, reason), *made.reasons),
                by=f"operator:{actor.name}",
                at=self._now(),
            )
            changes = {"assignment": taken, "handler": None, "escalated_to": ""}
            moved = self._moved(report.model_copy(update=changes), Status.TRIAGE, actor, reason)
            data: dict[str, object] = {"agency": made.agency.id}
            event = AuditEvent("taken_to_triage", actor.name, note=reason, data=data)
            stored = unit.reports.change(record, moved, [event])
            await withdraw_lost(unit, report, moved, f"triage {stored.version}")
            return moved

    async def correct(
        self,
        report_id: str,
        *,
        topic: str = "",
        region: str = "",
        actor: Actor,
        version: int | None = None,
    ) -> Report:
        """Correct what a report is about, or where; its candidates are ranked again."""
        async with self._changing() as unit:
            record = await lock_report(unit, report_id, actor, version=version)
            report = record.report
            if report.status in FINAL:
                raise Conflict(ConflictCode.CLOSED)
            changes: dict[str, Any] = {}
            if region:
                changes["places"] = (self._place(region),)
            if topic:
                changes["topic"] = self._topic(topic)
            if not changes:
                raise Conflict(ConflictCode.NO_WORDS)
            fixed = report.model_copy(update=changes)
            asked = _about(fixed)
            again = self._router.decide(asked, at=self._now(), may_ask=False, may_end=False)
            ranked = _ranked(fixed, again.assignment, actor, self._now())
            data: dict[str, object] = {
                "topic": [report.topic.name if report.topic else "", topic and fixed.topic.name]
                if topic and fixed.topic
                else [],
                "place": [
                    report.places[0].name if report.places else "",
                    fixed.places[0].name,
                ]
                if region
                else [],
            }
            stored = unit.reports.change(
                record, ranked, [AuditEvent("corrected", actor.name, data=data)]
            )
            if _agency_of(ranked):
                deliver_changed(unit, ranked, cause=f"corrected {stored.version}")
            return ranked

    def _place(self, said: str) -> Place:
        """Return the region of a code, or the only one of a name."""
        region = self._gazetteer.region(said)
        named = [] if region else list(self._gazetteer.named(said))
        if len(named) > 1:
            listed = ", ".join(f"{each.name} ({each.code})" for each in named[:OFFERED])
            raise Conflict(ConflictCode.PLACES, places=listed)
        region = region or next(iter(named), None)
        if region is None:
            raise Conflict(ConflictCode.NO_PLACE)
        return Place(
            code=region.code,
            name=region.name,
            level=region.level,
            found_by="operator",
            words="",
            confidence=1.0,
        )

    def _topic(self, id: str) -> Topic:
        row = self._router.topics.rows.get(id)
        if row is None:
            raise Conflict(ConflictCode.NO_TOPIC)
        return Topic(id=id, name=row.name, confidence=1.0)

    async def ask(
        self, report_id: str, *, about: str, text: str, actor: Actor, version: int | None = None
    ) -> Report:
        """Ask the reporter one thing; ``about`` is ``place`` or ``topic``."""
        words = storable(text.strip(), MOST_WORDS)
        if not words or about not in ("place", "topic"):
            raise Conflict(ConflictCode.NO_WORDS)
        async with self._changing() as unit:
            record = await lock_report(unit, report_id, actor, version=version)
            report = record.report
            if report.unanswered is not None:
                raise Conflict(ConflictCode.CANNOT_ASK)
            made = report.assignment
            asks = Assignment(
                decision=Outcome.ASK,
                confidence=made.confidence if made else 0.0,
                alternatives=made.alternatives if made else (),
                reasons=made.reasons if made else (),
                question="place" if about == "place" else "topic",
                by=f"operator:{actor.name}",
                at=self._now(),
            )
            asked = report.model_copy(update={"assignment": asks})
            moved = self._moved(asked, Status.WAITING_FOR_REPORTER, actor, words[:200])
            data: dict[str, object] = {"text": words}
            stored = unit.reports.change(
                record, moved, [AuditEvent("operator_asked", actor.name, data=data)]
            )
            said = self._notifier.text("operator_asked", moved, teks=words)
            self._notifier.notify(unit, moved, said, cause=f"asked {stored.version}")
            return moved

    async def note(
        self, report_id: str, *, text: str, actor: Actor, version: int | None = None
    ) -> Report:
        """Write something down for other operators; no agency and no reporter reads it."""
        words = storable(text.strip(), MOST_WORDS)
        if not words:
            raise Conflict(ConflictCode.NO_WORDS)
        async with self._changing() as unit:
            record = await lock_report(unit, report_id, actor, version=version)
            event = AuditEvent("operator_noted", actor.name, data={"text": words})
            return unit.reports.change(record, record.report, [event]).report

    def _moved(self, report: Report, to: Status, actor: Actor, note: str) -> Report:
        kind, at = ActorKind.OPERATOR, self._now()
        return move(report, to, by=actor.name, actor_kind=kind, at=at, note=note)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[UnitOfWork]:
        with as_conflicts():
            async with self._store.unit() as unit:
                yield unit


def _agency_of(report: Report) -> str | None:
    made = report.assignment
    given = made and made.decision is Outcome.ASSIGN
    return made.agency.id if made and given and made.agency else None


def _without_agency(report: Report) -> Report:
    """Return a report as no agency has it: what closed it leaves nothing to do."""
    return report.model_copy(update={"assignment": None})


def _about(report: Report) -> Report:
    """Return a report as the router reads it, with the topic that an operator gave it."""
    if report.topic is None:
        return report
    first, *more = report.messages
    named = first.model_copy(update={"chosen_topic": report.topic.name})
    return report.model_copy(update={"messages": (named, *more)})


def _ranked(report: Report, again: Assignment, actor: Actor, at: datetime) -> Report:
    """Return a report with the candidates of a new decision; its own agency keeps it."""
    if _agency_of(report):
        return report
    found = {each.agency.id: each for each in again.alternatives}
    if again.agency:
        chosen = Candidate(agency=again.agency, confidence=again.confidence)
        found = {again.agency.id: chosen, **found}
    made = Assignment(
        decision=report.assignment.decision if report.assignment else Outcome.TRIAGE,
        confidence=again.confidence,
        alternatives=tuple(each for each in found.values() if not report.recuses(each.agency.id)),
        reasons=again.reasons,
        question=report.assignment.question if report.assignment else None,
        options=report.assignment.options if report.assignment else (),
        by=f"operator:{actor.name}",
        at=at,
    )
    return report.model_copy(update={"assignment": made})
