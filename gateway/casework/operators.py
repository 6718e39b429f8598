"""The operators' service: what they see, and what they can decide."""

from collections.abc import Sequence, Set
from datetime import date, datetime, timedelta

import structlog

from adapters.contract import Malformed
from gateway.broker.base import Broker, BrokerError
from gateway.casework.alerts import DutyService
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.directory import Directory
from gateway.casework.ended import WIB, EndedDay, EndedReports
from gateway.casework.publishing import Proposal, Publishing
from gateway.intake.envelope import unpack
from gateway.intake.receive import Intake
from gateway.media.access import AttachmentAccess, ShownFile
from gateway.outbound.deliveries import deliver_assigned
from gateway.outbound.notifications import Notifier
from gateway.platform.identity import opened_reporter
from gateway.platform.recent import Recent
from gateway.platform.seal import ENVELOPE, RAW, BadSeal, Seal
from gateway.store.exchanges import ExchangeView
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
from normalizer.report import FINAL, Agency, Assignment, Outcome, Report, Status
from router import explain
from router.register import Register

log = structlog.get_logger(__name__)
LOOK_AT_LANES = 10.0
"""Seconds for which a look at the lanes stands for others: it reads every row that waits."""
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
        self._lanes = Recent(lambda: store.troubled_lanes(), LOOK_AT_LANES)

    # what they see

    async def overview(self) -> Overview:
        """Return the first screen. Raises ``Unavailable``."""
        try:
            depths = await self._broker.depths()
        except BrokerError:
            depths = await self._store.queue.depths()
        midnight = self._store.now().astimezone(WIB).replace(hour=0, minute=0, second=0)
        dead = await self._store.dead_letters.counts()
        return Overview(
            queues=await self._store.overview.queues(depths),
            reports_today=await self._store.reports.count_since(midnight),
            triage=await self._store.reports.count_status(Status.TRIAGE),
            dead=sum(dead.values()),
            quarantined=await self._store.quarantine.count(),
            channels=await self._store.overview.channels(sorted(self._intake.channels)),
            alerts=await self._store.alerts.open(),
            lanes=await self._lanes.get(),
            not_kept=await self._store.quarantine.missed_since(
                self._store.now() - timedelta(days=1)
            ),
        )

    async def exchanges(self, channel: str, limit: int = 100) -> list[ExchangeView]:
        """List the latest calls between us and the provider of a channel."""
        return await self._store.exchanges.latest(channel, limit)

    async def exchange_channels(self) -> list[str]:
        """List the channels and others with whom there were calls."""
        return sorted({*self._intake.channels, *await self._store.exchanges.channels()})

    async def latest(self, limit: int = 50) -> list[Report]:
        """List the newest reports."""
        return await self._store.reports.latest(limit)

    async def triage(self, limit: int = 50) -> list[Report]:
        """List what waits for an operator's decision, oldest first."""
        return await self._store.reports.latest(limit, status=Status.TRIAGE)

    async def report(self, report_id: str) -> ReportFile | None:
        """Return a report with its log and correspondence."""
        return await self._store.reports.file(id=report_id)

    async def show_file(self, report_id: str, sha256: str, *, by: str) -> ShownFile:
        """Return a file of a report, noting who looked. Raises ``NoFile``, ``NotYet``."""
        return await self._files.for_operator(report_id, sha256, by=by)

    async def find(self, tracking: str) -> ReportFile | None:
        """Return a report by its tracking number."""
        return await self._store.reports.file(tracking=tracking)

    async def dead_letters(self, limit: int = 100, skip: int = 0) -> list[DeadView]:
        """List dead letters."""
        return await self._store.dead_letters.latest(limit, skip)

    async def count_dead(self) -> int:
        """Count dead letters."""
        return sum((await self._store.dead_letters.counts()).values())

    async def quarantine(self, limit: int = 100, skip: int = 0) -> list[QuarantineView]:
        """List what is quarantined."""
        return await self._store.quarantine.latest(limit, skip)

    async def count_quarantined(self) -> int:
        """Count what is listed as quarantined."""
        return await self._store.quarantine.count_listed()

    def agencies(self, query: str, region: str | None = None, limit: int = 12) -> list[Agency]:
        """Search the register."""
        return self._directory.search(query, region, limit)

    # what they decide

    async def assign(self, report_id: str, agency_id: str, *, by: str, note: str = "") -> Report:
        """Give a report to an agency. Raises ``Conflict``."""
        agency = self._register.agency(agency_id)
        if agency is None:
            raise Conflict(ConflictCode.NO_AGENCY)
        try:
            async with self._store.unit() as unit:
                stored = await unit.reports.by_id(report_id, lock=True)
                if stored is None:
                    raise Conflict(ConflictCode.NO_REPORT)
                _check_assignable(stored.report, agency)
                report = _assigned(stored.report, agency, by=by, note=note, at=self._store.now())
                data: dict[str, object] = {"agency": agency.id}
                change = AuditEvent("assigned_by_operator", by, note=note, data=data)
                stored = unit.reports.change(stored, report, [change])
                cause = f"assigned {stored.version}"
                deliver_assigned(unit, report, cause=cause)
                text = self._notifier.text("forwarded", report)
                self._notifier.notify(unit, report, text, cause=cause)
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return report

    async def archive(self, report_id: str, *, by: str, reason: str) -> Report:
        """Close a report that is no agency's affair. Raises ``Conflict``.

        The reporter is told why, unless they never had an answer: talk that was overheard.
        """
        try:
            async with self._store.unit() as unit:
                stored = await unit.reports.by_id(report_id, lock=True)
                if stored is None:
                    raise Conflict(ConflictCode.NO_REPORT)
                _check_archivable(stored.report)
                status, at = Status.ARCHIVED_BY_ADMIN, self._store.now()
                report = stored.report.with_status(status, at=at, by=by, note=reason)
                unit.reports.change(stored, report, [AuditEvent(status.value, by, note=reason)])
                if await unit.notifications.any_about(report_id):
                    text = self._notifier.text("archived", report, alasan=reason)
                    self._notifier.notify(unit, report, text, cause="archived")
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return report

    async def ended(self, day: date | None) -> EndedDay:
        """Return a day of the list of what the machine set aside."""
        return await self._ended.of_day(day)

    async def reopen(self, report_id: str, *, by: str) -> Report:
        """Bring a report that the machine set aside back into routing. Raises ``Conflict``."""
        return await self._ended.reopen(report_id, by=by)

    async def acknowledge(self, alert_id: str, *, by: str) -> None:
        """Take a danger on: no other person on duty is told any more. Raises ``Conflict``."""
        try:
            done = await self._duty.by_operator(alert_id, by=by)
        except Raced:
            raise Conflict(ConflictCode.ALERT_CHANGED) from None
        if not done:
            raise Conflict(ConflictCode.ALERT_TAKEN)

    async def proposals(self, limit: int = 100) -> list[Proposal]:
        """List reports whose reporters agreed to be read in public, undecided ones first."""
        return await self._publishing.proposals(limit)

    async def publish(self, report_id: str, *, by: str, name: str) -> Report:
        """Release a report's words as they were shown to the operator. Raises ``Conflict``."""
        return await self._publishing.publish(report_id, by=by, name=name)

    async def keep_private(self, report_id: str, *, by: str) -> Report:
        """Show no words of a report, or no longer. Raises ``Conflict``."""
        return await self._publishing.keep_private(report_id, by=by)

    async def unseal(self, report_id: str, *, by: str, reason: str) -> Identity:
        """Open who reported, once the log says who opened it and why. Raises ``Conflict``."""
        try:
            async with self._store.unit() as unit:
                stored = await unit.reports.by_id(report_id, lock=True)
                if stored is None:
                    raise Conflict(ConflictCode.NO_REPORT)
                found = _identity(stored.report, self._seal)
                unit.reports.change(
                    stored, stored.report, [AuditEvent("unsealed", by, note=reason)]
                )
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return found

    async def replay(self, ids: Sequence[int] | None, *, by: str) -> int:
        """Give dead letters (None: all) a fresh start; return how many."""
        count = await self._store.replay(ids)
        log.info("dead letters replayed", by=by, count=count)
        return count

    async def release(self, quarantine_id: str, *, by: str) -> None:
        """Take something out of quarantine and treat it as genuine. Raises ``Conflict``."""
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
            await unit.quarantine.decide(quarantine_id, "released", by=by, note=note, at=at)

    async def dismiss(self, quarantine_id: str, *, by: str, reason: str) -> None:
        """Decide that something in quarantine is no report. Raises ``Conflict``."""
        at = self._store.now()
        async with self._store.unit() as unit:
            done = await unit.quarantine.decide(
                quarantine_id, "dismissed", by=by, note=reason, at=at
            )
        if not done:
            raise Conflict(ConflictCode.DECIDED)


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
    if report.status not in (Status.TRIAGE, Status.WAITING_FOR_REPORTER):
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
    moved = report.model_copy(update={"assignment": assignment})
    return moved.with_status(Status.FORWARDED, at=at, by=by, note=agency.name)
