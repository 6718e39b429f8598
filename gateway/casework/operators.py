"""The operators' service: what they see, and what they can decide."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date, datetime, timedelta

import structlog

from adapters.contract import Malformed
from config.states import ActorKind
from gateway.access.roles import Actor, Right
from gateway.access.states import move
from gateway.broker.base import Broker, BrokerError
from gateway.casework.alerts import DutyService
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.context import agency_asks
from gateway.casework.corrections import Corrections, lock_report
from gateway.casework.directory import Directory
from gateway.casework.ended import WIB, EndedDay, EndedReports
from gateway.casework.publishing import Proposal, Publishing
from gateway.casework.threads import names_another
from gateway.intake.envelope import unpack
from gateway.intake.receive import Intake
from gateway.media.access import AttachmentAccess, ShownFile
from gateway.outbound.deliveries import deliver_assigned, withdraw_lost
from gateway.outbound.notifications import Notifier
from gateway.platform.identity import opened_reporter
from gateway.platform.recent import Recent
from gateway.platform.seal import ENVELOPE, RAW, BadSeal, Seal
from gateway.store.exchanges import ExchangeView
from gateway.store.queries import PageEnd
from gateway.store.reports import StaleWrite as Raced
from gateway.store.rows import AuditEvent
from gateway.store.store import Store
from gateway.store.views import (
    DeadView,
    Identity,
    Overview,
    QuarantineView,
    ReportFile,
)
from gateway.wire.events import for_agency
from normalizer.report import FINAL, Agency, Assignment, Outcome, Report, Status
from router import explain
from router.register import Register

log = structlog.get_logger(__name__)
LOOK_AT_LANES = 10.0
"""Seconds for which a look at the lanes stands for others: it reads every row that waits."""
_FOR_OPERATORS = frozenset({"operator_noted", "unsealed"})
"""Events that only operators read."""
_TIES = frozenset({"joined", "merged", "grown", "tied", "split", "split_off"})
"""Events that name another report, of an anonymous person perhaps too."""
REOPENED = (Status.ARCHIVED_BY_SYSTEM, Status.ARCHIVED_BY_ADMIN)
"""What no agency has seen may still be assigned."""


class OperatorService:
    """Everything an operator can do; the console and the command line both use it."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        intake: Intake,
        notifier: Notifier,
        directory: Directory,
        register: Register,
        seal: Seal,
        files: AttachmentAccess,
        *,
        sensitive: Set[str],
        duty: DutyService,
        ended: EndedReports,
        corrections: Corrections,
    ) -> None:
        self._store = store
        self._broker = broker
        self._intake = intake
        self._notifier = notifier
        self._directory = directory
        self._register = register
        self._seal = seal
        self._files = files
        self._publishing = Publishing(store, sensitive)
        self._duty = duty
        self._ended = ended
        self.corrections = corrections
        self._lanes = Recent(lambda: store.troubled_lanes(), LOOK_AT_LANES)

    # what they see

    async def overview(self, *, actor: Actor) -> Overview:
        """Return the first screen: what is theirs, and the machinery's. Raises ``Unavailable``."""
        scope = actor.scope(Right.READ)
        midnight = self._store.now().astimezone(WIB).replace(hour=0, minute=0, second=0)
        theirs = Overview(
            queues=(),
            reports_today=await self._store.reports.count_since(midnight, scope),
            triage=await self._store.reports.count_status(Status.TRIAGE, actor.scope(Right.DECIDE)),
            dead=0,
            quarantined=0,
            channels=(),
            alerts=await self._store.alerts.open(scope=actor.scope(Right.DECIDE)),
        )
        return await self._with_machinery(theirs) if actor.may(Right.OPERATE) else theirs

    async def _with_machinery(self, overview: Overview) -> Overview:
        try:
            depths = await self._broker.depths()
        except BrokerError:
            depths = await self._store.queue.depths()
        yesterday = self._store.now() - timedelta(days=1)
        return replace(
            overview,
            queues=await self._store.overview.queues(depths),
            dead=sum((await self._store.dead_letters.counts()).values()),
            quarantined=await self._store.quarantine.count(),
            channels=await self._store.overview.channels(sorted(self._intake.channels)),
            lanes=await self._lanes.get(),
            not_kept=await self._store.quarantine.missed_since(yesterday),
        )

    async def exchanges(
        self, channel: str, limit: int = 100, *, actor: Actor
    ) -> list[ExchangeView]:
        """List the latest calls between us and the provider of a channel."""
        _check_operates(actor)
        return await self._store.exchanges.latest(channel, limit)

    async def exchange_channels(self, *, actor: Actor) -> list[str]:
        """List the channels and others with whom there were calls."""
        _check_operates(actor)
        return sorted({*self._intake.channels, *await self._store.exchanges.channels()})

    async def latest(self, limit: int = 50, *, actor: Actor) -> list[Report]:
        """List the newest reports."""
        return await self._store.reports.latest(limit, scope=actor.scope(Right.READ))

    async def triage(self, limit: int = 50, *, actor: Actor) -> list[Report]:
        """List what waits for an operator's decision, oldest first."""
        scope = actor.scope(Right.DECIDE)
        return await self._store.reports.latest(limit, status=Status.TRIAGE, scope=scope)

    async def report(self, report_id: str, *, actor: Actor) -> ReportFile | None:
        """Return a report with its log and correspondence; None where it is not theirs."""
        return _in_scope(await self._store.reports.file(id=report_id), actor)

    async def history(self, report_id: str, *, actor: Actor) -> ReportFile | None:
        """Return a report for its log to be read, by auditors too; None where it is not theirs."""
        file = await self._store.reports.file(id=report_id)
        if file is None or not actor.scope(Right.HISTORY).covers(file.report):
            return None
        return _in_scope(file, actor) or file

    async def show_file(self, report_id: str, sha256: str, *, actor: Actor) -> ShownFile:
        """Return a file of a report, noting who looked. Raises ``NoFile``, ``NotYet``."""
        return await self._files.for_operator(report_id, sha256, actor=actor)

    async def find(self, tracking: str, *, actor: Actor) -> ReportFile | None:
        """Return a report by its tracking number; None where it is not theirs."""
        return _in_scope(await self._store.reports.file(tracking=tracking), actor)

    async def dead_letters(
        self, limit: int = 100, behind: str = "", *, actor: Actor
    ) -> list[DeadView]:
        """List dead letters; ``behind`` is where the page before ends."""
        _check_operates(actor)
        return await self._store.dead_letters.latest(limit, PageEnd.read(behind))

    async def count_dead(self, *, actor: Actor) -> int:
        """Count dead letters."""
        _check_operates(actor)
        return sum((await self._store.dead_letters.counts()).values())

    async def quarantine(
        self, limit: int = 100, behind: str = "", *, actor: Actor
    ) -> list[QuarantineView]:
        """List what is quarantined and not decided; ``behind`` is where the page before ends."""
        _check_operates(actor)
        return await self._store.quarantine.latest(limit, PageEnd.read(behind))

    async def count_quarantined(self, *, actor: Actor) -> int:
        """Count what is quarantined and not decided."""
        _check_operates(actor)
        return await self._store.quarantine.count_undecided()

    def agencies(self, query: str, region: str | None = None, limit: int = 12) -> list[Agency]:
        """Search the register."""
        return self._directory.search(query, region, limit)

    def agency_name(self, id: str) -> str:
        """Return the name of an agency; its id where the register has it no more."""
        agency = self._register.agency(id)
        return agency.name if agency else id

    def topics(self) -> list[tuple[str, str]]:
        """List the topics, as id and name, by name."""
        return self.corrections.topics()

    async def chain_faults(self, report_id: str) -> list[str]:
        """Check the log of a report; return what is wrong with its chain."""
        return await self._store.events.faults(report_id)

    # what they decide

    async def assign(
        self,
        report_id: str,
        agency_id: str,
        *,
        actor: Actor,
        note: str = "",
        version: int | None = None,
    ) -> Report:
        """Give a report to an agency. Raises ``Conflict``."""
        agency = self._register.agency(agency_id)
        if agency is None:
            raise Conflict(ConflictCode.NO_AGENCY)
        by = actor.name
        try:
            async with self._store.unit() as unit:
                stored = await lock_report(unit, report_id, actor, version=version)
                _check_assignable(stored.report, agency)
                before = stored.report
                report = _assigned(before, agency, by=by, note=note, at=self._store.now())
                data: dict[str, object] = {"agency": agency.id}
                change = AuditEvent("assigned_by_operator", by, note=note, data=data)
                stored = unit.reports.change(stored, report, [change])
                cause = f"assigned {stored.version}"
                await withdraw_lost(unit, before, report, cause)
                deliver_assigned(unit, report, cause=cause)
                text = self._notifier.text("forwarded", report)
                self._notifier.notify(unit, report, text, cause=cause)
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return report

    async def archive(
        self, report_id: str, *, actor: Actor, reason: str, version: int | None = None
    ) -> Report:
        """Close a report that is no agency's affair. Raises ``Conflict``.

        The reporter is told why, unless they never had an answer: talk that was overheard.
        """
        by = actor.name
        try:
            async with self._store.unit() as unit:
                stored = await lock_report(unit, report_id, actor, version=version)
                _check_archivable(stored.report)
                status, at = Status.ARCHIVED_BY_ADMIN, self._store.now()
                report = move(
                    stored.report, status, by=by, actor_kind=ActorKind.OPERATOR, at=at, note=reason
                )
                unit.reports.change(stored, report, [AuditEvent(status.value, by, note=reason)])
                if await unit.notifications.any_about(report_id):
                    text = self._notifier.text("archived", report, alasan=reason)
                    self._notifier.notify(unit, report, text, cause="archived")
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return report

    async def ended(self, day: date | None, *, actor: Actor) -> EndedDay:
        """Return a day of the list of what the machine set aside."""
        return await self._ended.of_day(day, actor.scope(Right.DECIDE))

    async def reopen(self, report_id: str, *, actor: Actor, version: int | None = None) -> Report:
        """Bring a report that the machine set aside back into routing. Raises ``Conflict``."""
        async with self._store.unit() as unit:
            await lock_report(unit, report_id, actor, version=version)
        return await self._ended.reopen(report_id, actor=actor)

    async def acknowledge(self, alert_id: str, *, actor: Actor) -> None:
        """Take a danger on: no other person on duty is told any more. Raises ``Conflict``."""
        try:
            done = await self._duty.by_operator(alert_id, actor=actor)
        except Raced:
            raise Conflict(ConflictCode.ALERT_CHANGED) from None
        if not done:
            raise Conflict(ConflictCode.ALERT_TAKEN)

    async def proposals(self, limit: int = 100, *, actor: Actor) -> list[Proposal]:
        """List reports whose reporters agreed to be read in public, undecided ones first."""
        return await self._publishing.proposals(limit, actor.scope(Right.DECIDE))

    async def publish(self, report_id: str, *, actor: Actor, name: str) -> Report:
        """Release a report's words as they were shown to the operator. Raises ``Conflict``."""
        return await self._publishing.publish(report_id, actor=actor, name=name)

    async def keep_private(self, report_id: str, *, actor: Actor) -> Report:
        """Show no words of a report, or no longer. Raises ``Conflict``."""
        return await self._publishing.keep_private(report_id, actor=actor)

    async def unseal(self, report_id: str, *, actor: Actor, reason: str) -> Identity:
        """Open who reported, once the log says who opened it and why. Raises ``Conflict``."""
        by = actor.name
        try:
            async with self._store.unit() as unit:
                stored = await lock_report(unit, report_id, actor, Right.IDENTITY)
                found = _identity(stored.report, self._seal)
                unit.reports.change(
                    stored, stored.report, [AuditEvent("unsealed", by, note=reason)]
                )
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return found

    async def replay(self, ids: Sequence[int] | None, *, actor: Actor) -> int:
        """Give dead letters (None: all) a fresh start; return how many."""
        _check_operates(actor)
        count = await self._store.replay(ids)
        log.info("dead letters replayed", by=actor.name, count=count)
        return count

    async def release(self, quarantine_id: str, *, actor: Actor) -> None:
        """Take something out of quarantine and treat it as genuine. Raises ``Conflict``."""
        _check_operates(actor)
        found = await self._store.quarantine.envelope(quarantine_id)
        if found is None:
            raise Conflict(ConflictCode.DECIDED)
        name, reason, sealed = found
        channel = self._intake.reader(name)
        if channel is None:
            raise Conflict(ConflictCode.CHANNEL_OFF, channel=name)
        purpose = RAW if reason == "same_id_other_content" else ENVELOPE
        try:
            hook = unpack(self._seal.open(sealed, purpose))
        except BadSeal:
            raise Conflict(ConflictCode.NO_KEY_FOR_MESSAGE) from None
        try:
            taken = await self._intake.readmit(channel, hook, quarantine_id, reason)
        except Malformed as error:
            raise Conflict(ConflictCode.UNREADABLE, error=str(error)) from None
        note = f"{taken} message(s)"
        async with self._store.unit() as unit:
            at = self._store.now()
            await unit.quarantine.decide(quarantine_id, "released", by=actor.name, note=note, at=at)

    async def dismiss(self, quarantine_id: str, *, actor: Actor, reason: str) -> None:
        """Decide that something in quarantine is no report. Raises ``Conflict``."""
        _check_operates(actor)
        at = self._store.now()
        async with self._store.unit() as unit:
            done = await unit.quarantine.decide(
                quarantine_id, "dismissed", by=actor.name, note=reason, at=at
            )
        if not done:
            raise Conflict(ConflictCode.DECIDED)


def _check_operates(actor: Actor) -> None:
    if not actor.may(Right.OPERATE):
        raise Conflict(ConflictCode.NO_RIGHT)


def _in_scope(file: ReportFile | None, actor: Actor) -> ReportFile | None:
    """Return a report as somebody may see it: who decides nothing sees what its agency sees."""
    if file is None or not actor.scope(Right.READ).covers(file.report):
        return None
    if actor.scope(Right.DECIDE).covers(file.report):
        return file
    events = tuple(each for each in file.events if each.kind not in _FOR_OPERATORS)
    told = file.notifications
    if file.report.anonymous:
        events = tuple(replace(e, data={}) if e.kind in _TIES else e for e in events)
        told = tuple(each for each in told if not names_another(each.text, file.report))
    return replace(file, report=for_agency(file.report), events=events, notifications=told)


def _identity(report: Report, seal: Seal) -> Identity:
    """Open who reported: every name and contact that any of their own messages gave."""
    try:
        who = [opened_reporter(seal, report.id, report.reporter.sealed)]
        theirs = (each for each in report.messages if each.reporter.ref == report.reporter.ref)
        more = (each for each in theirs if each.reporter != report.reporter)
        who += [opened_reporter(seal, each.id, each.reporter.sealed) for each in more]
    except BadSeal:
        raise Conflict(ConflictCode.NO_KEY_FOR_IDENTITY) from None
    name, contact, written_as = (
        ", ".join(dict.fromkeys(each[field] for each in who if each.get(field))) or None
        for field in ("name", "contact", "written_as")
    )
    return Identity(report.origin.channel, who[0]["to"], name, contact, written_as)


def _check_archivable(report: Report) -> None:
    if report.status in FINAL:
        raise Conflict(ConflictCode.CLOSED)
    ours = report.status in (Status.TRIAGE, Status.WAITING_FOR_REPORTER)
    if not ours or agency_asks(report):
        raise Conflict(ConflictCode.AT_AN_AGENCY)


def _check_assignable(report: Report, agency: Agency) -> None:
    if report.status in FINAL and report.status not in REOPENED:
        raise Conflict(ConflictCode.CLOSED)
    if report.recuses(agency.id):
        raise Conflict(ConflictCode.ACCUSED, agency=agency.name)
    old = report.assignment
    given = old.agency if old and old.decision is Outcome.ASSIGN else None
    if given and given.id == agency.id:
        raise Conflict(ConflictCode.AT_THIS_AGENCY, agency=agency.name)


def _assigned(report: Report, agency: Agency, *, by: str, note: str, at: datetime) -> Report:
    old = report.assignment
    assignment = Assignment(
        decision=Outcome.ASSIGN,
        agency=agency,
        confidence=1.0,
        alternatives=old.alternatives if old else (),
        reasons=(explain.operator(by, note), *(old.reasons if old else ())),
        by=f"operator:{by}",
        at=at,
    )
    changes = {"assignment": assignment, "handler": None, "escalated_to": ""}
    moved = report.model_copy(update=changes)
    to, kind = Status.FORWARDED, ActorKind.OPERATOR
    return move(moved, to, by=by, actor_kind=kind, at=at, note=agency.name)
