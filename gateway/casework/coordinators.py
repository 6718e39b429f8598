"""The coordinator of a government: sees all its reports, and moves them between its agencies."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from config.states import ActorKind
from gateway.access.roles import Actor, Right, Role
from gateway.access.states import move
from gateway.casework.conflicts import Conflict, ConflictCode, as_conflicts
from gateway.casework.directory import Directory
from gateway.casework.ended import WIB
from gateway.outbound.deliveries import deliver_assigned, withdraw_lost
from gateway.outbound.notifications import Notifier
from gateway.store.coordination import GovernmentFilter, Readers, Workload
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.scope import AccessScope, government_of
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.store.views import ReportFile
from gateway.wire.events import for_agency
from normalizer.report import FINAL, Agency, Assignment, Handler, Outcome, Report, Status
from router import explain
from router.register import Register

PAGE = 25
"""Reports on a page of the list."""
ALL = 100_000
LONGEST_UNIT = 120


@dataclass(frozen=True, slots=True)
class AgencyView:
    """An agency with its open reports, and who reads them."""

    agency: Agency
    workload: Workload
    readers: Readers | None
    has_system: bool
    """It gets its reports by a system of its own."""


@dataclass(frozen=True, slots=True)
class GovernmentView:
    """A government at a glance. The agencies with most reports stand first."""

    governments: tuple[str, ...]
    names: tuple[str, ...]
    open: int
    overdue: int
    unread: int
    escalated: int
    refused: int
    without_reader: tuple[AgencyView, ...]
    with_reader: tuple[AgencyView, ...]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A page of a government's reports, out of ``total``; ``unread`` are ids of those shown."""

    reports: tuple[Report, ...]
    unread: frozenset[str]
    total: int
    number: int
    last: int


class CoordinatorService:
    """What coordinators see and do, each only within their governments.

    ``systems``: the agencies that settings connect to a system of their own; ``name`` returns
    what the region of a government is called.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        register: Register,
        directory: Directory,
        systems: Collection[str],
        name: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._register = register
        self._directory = directory
        self._systems = frozenset(systems)
        self._name = name
        self._now = now

    # what they see

    async def overview(self, actor: Actor) -> GovernmentView:
        """Return the government at a glance. Raises ``Unavailable``."""
        scope = _scope(actor)
        loads = await self._store.coordination.workloads(scope, self._today())
        own = [load for load in loads if load.is_own and load.agency_id]
        ids = [load.agency_id for load in own]
        readers = await self._store.coordination.readers(ids, Role.OFFICER)
        views = [
            AgencyView(
                self._agency(load.agency_id),
                load,
                readers.get(load.agency_id),
                load.agency_id in self._systems,
            )
            for load in sorted(own, key=lambda load: (-load.open, load.agency_id))
        ]
        return GovernmentView(
            tuple(sorted(scope.governments)),
            tuple(map(self._name, sorted(scope.governments))),
            open=sum(load.open for load in loads),
            overdue=sum(load.overdue for load in loads),
            unread=sum(load.unread for load in loads),
            escalated=sum(load.escalated for load in loads),
            refused=sum(load.refused for load in loads),
            without_reader=tuple(v for v in views if not (v.readers or v.has_system)),
            with_reader=tuple(v for v in views if v.readers or v.has_system),
        )

    async def page(self, actor: Actor, wanted: GovernmentFilter, number: int) -> ReportPage:
        """Return a page of reports; pages count from 1. Raises ``Unavailable``."""
        scope, number, today = _scope(actor), max(1, number), self._today()
        read = self._store.coordination
        reports, total = await read.page(scope, wanted, today, skip=(number - 1) * PAGE, most=PAGE)
        unread = await read.unread([report.id for report in reports])
        last = max(1, -(-total // PAGE))
        shown = tuple(map(for_agency, reports))
        return ReportPage(shown, frozenset(unread), total, number, last)

    async def report(self, report_id: str, *, actor: Actor) -> ReportFile:
        """Return a report of the government as its agency sees it. Raises ``Conflict``."""
        file = await self._store.reports.file(id=report_id)
        if file is None or not _scope(actor).covers(file.report):
            raise Conflict(ConflictCode.NO_REPORT)
        return replace(file, report=for_agency(file.report))

    def agencies(self, actor: Actor, query: str, limit: int = 12) -> list[Agency]:
        """Search the agencies of the government by name."""
        scope = _scope(actor)
        near = next(iter(sorted(scope.governments)), None)
        found = self._directory.search(query, near, ALL)
        return [agency for agency in found if scope.holds(agency.id)][:limit]

    def holds(self, actor: Actor, agency_id: str) -> bool:
        """Tell whether an agency is of the government."""
        return _scope(actor).holds(agency_id)

    def covers(self, actor: Actor, report: Report) -> bool:
        """Tell whether a report is the government's."""
        return _scope(actor).covers(report)

    # what they do

    async def hand_over(
        self,
        report_id: str,
        *,
        actor: Actor,
        agency_id: str,
        reason: str,
        version: int | None = None,
    ) -> Report:
        """Give a report to another agency of the government. Raises ``Conflict``.

        ``version`` is, as in every act, the state on which the actor decided.
        """
        scope, agency = _scope(actor), self._register.agency(agency_id)
        if agency is None or not scope.holds(agency.id):
            raise Conflict(ConflictCode.NO_AGENCY)
        with as_conflicts():
            async with self._store.unit() as unit:
                stored = await _find(unit, report_id, scope, version)
                _check_may_have(stored.report, agency)
                report = self._moved(stored.report, agency, actor, reason)
                before = _agency_of(stored.report)
                data: dict[str, object] = {
                    "from": before.id if before else "",
                    "agency": agency.id,
                }
                event = AuditEvent("handed_over", actor.name, note=reason, data=data)
                changed = unit.reports.change(stored, report, [event])
                cause = f"handed over {changed.version}"
                await withdraw_lost(unit, stored.report, report, cause)
                deliver_assigned(unit, report, cause=cause)
                text = self._notifier.text("forwarded", report)
                self._notifier.notify(unit, report, text, cause=cause)
        return report

    async def delegate(
        self, report_id: str, *, actor: Actor, unit: str, version: int | None = None
    ) -> Report:
        """Say which part of its agency works on a report. Raises ``Conflict``."""
        name = " ".join(unit.split())[:LONGEST_UNIT]
        with as_conflicts():
            async with self._store.unit() as work:
                stored = await _find(work, report_id, _scope(actor), version)
                if _agency_of(stored.report) is None:
                    raise Conflict(ConflictCode.NO_AGENCY)
                handler = Handler(unit=name) if name else None
                changes = {"handler": handler, "escalated_to": ""}
                report = stored.report.model_copy(update=changes)
                event = AuditEvent("delegated", actor.name, note=name, data={"unit": name})
                work.reports.change(stored, report, [event])
        return report

    async def send_back(
        self, report_id: str, *, actor: Actor, reason: str, version: int | None = None
    ) -> Report:
        """Give a report to the operators: it is no affair of this government."""
        return await self._to_triage(report_id, actor, reason, "returned", version, keep=False)

    async def recall(
        self, report_id: str, *, actor: Actor, reason: str, version: int | None = None
    ) -> Report:
        """Take a report from an agency that does not read; it stays in the coordinator's list."""
        return await self._to_triage(report_id, actor, reason, "recalled", version, keep=True)

    async def _to_triage(
        self,
        report_id: str,
        actor: Actor,
        reason: str,
        kind: str,
        version: int | None,
        *,
        keep: bool,
    ) -> Report:
        scope = _scope(actor)
        with as_conflicts():
            async with self._store.unit() as unit:
                stored = await _find(unit, report_id, scope, version)
                before = _agency_of(stored.report)
                if keep and before is None:
                    raise Conflict(ConflictCode.NO_AGENCY)
                report = self._untied(stored.report, actor, reason)
                if keep and before:
                    to = _recalled_to(stored.report, before, scope)
                    report = report.model_copy(update={"escalated_to": to})
                data: dict[str, object] = {"from": before.id if before else ""}
                event = AuditEvent(kind, actor.name, note=reason, data=data)
                changed = unit.reports.change(stored, report, [event])
                await withdraw_lost(unit, stored.report, report, f"{kind} {changed.version}")
        return report

    def _moved(self, report: Report, agency: Agency, actor: Actor, reason: str) -> Report:
        made = self._decided(report, actor, reason, agency)
        moved = report.model_copy(update={"assignment": made, "handler": None})
        return self._move(moved, Status.FORWARDED, actor, agency.name)

    def _untied(self, report: Report, actor: Actor, reason: str) -> Report:
        made = self._decided(report, actor, reason, None)
        untied = report.model_copy(update={"assignment": made, "handler": None})
        return self._move(untied, Status.TRIAGE, actor, reason)

    def _move(self, report: Report, to: Status, actor: Actor, note: str) -> Report:
        kind = ActorKind.COORDINATOR
        return move(report, to, by=actor.name, actor_kind=kind, at=self._now(), note=note)

    def _decided(
        self, report: Report, actor: Actor, reason: str, agency: Agency | None
    ) -> Assignment:
        old = report.assignment
        return Assignment(
            decision=Outcome.ASSIGN if agency else Outcome.TRIAGE,
            agency=agency,
            confidence=1.0 if agency else 0.0,
            alternatives=old.alternatives if old else (),
            reasons=(explain.operator(actor.name, reason), *(old.reasons if old else ())),
            by=f"operator:{actor.name}",
            at=self._now(),
        )

    def _agency(self, id: str) -> Agency:
        return self._register.agency(id) or Agency(id=id, name=id)

    def _today(self) -> str:
        return self._now().astimezone(WIB).date().isoformat()


def _scope(actor: Actor) -> AccessScope:
    return actor.scope(Right.COORDINATE)


async def _find(
    unit: UnitOfWork, report_id: str, scope: AccessScope, version: int | None
) -> ReportRecord:
    """Return an open report of a scope. Raises ``Conflict``."""
    stored = await unit.reports.by_id(report_id, lock=True)
    if stored is None or not scope.covers(stored.report):
        raise Conflict(ConflictCode.NO_REPORT)
    if stored.report.status in FINAL:
        raise Conflict(ConflictCode.CLOSED)
    if version is not None and stored.version != version:
        raise Conflict(ConflictCode.OUTDATED)
    return stored


def _recalled_to(report: Report, agency: Agency, scope: AccessScope) -> str:
    """Return which government of a scope keeps a recalled report: the one that it was with."""
    own = government_of(agency.id)
    return own if own in scope.governments else report.escalated_to


def _check_may_have(report: Report, agency: Agency) -> None:
    if report.recuses(agency.id):
        raise Conflict(ConflictCode.ACCUSED, agency=agency.name)
    before = _agency_of(report)
    if before and before.id == agency.id:
        raise Conflict(ConflictCode.AT_THIS_AGENCY, agency=agency.name)


def _agency_of(report: Report) -> Agency | None:
    made = report.assignment
    return made.agency if made and made.decision is Outcome.ASSIGN else None
