"""Brings reports that no agency fetches from its inbox to a coordinator, level by level.

After the time that settings give it is the coordinator of the agency's own government, then of the
province, then of the whole country. A level is passed over that has no coordinator who may log in,
or that the report accuses. One process at a time looks; a look twice changes nothing, as what was
looked at waits again from then on.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import structlog

from gateway.access.roles import Role
from gateway.platform import metrics
from gateway.store.cursors import Cursor
from gateway.store.deliveries import INBOX
from gateway.store.engine import Unavailable
from gateway.store.reports import StaleWrite
from gateway.store.rows import AuditEvent, Delivery
from gateway.store.scope import NATIONAL, AccessScope, government_of
from gateway.store.store import Store
from normalizer.report import Report, Status

log = structlog.get_logger(__name__)

ESCALATION = "escalation"
LEASE = 60.0
EVERY = 30.0
"""Seconds between two looks."""
MOST = 200
"""Reports that one look takes up."""


class Escalation:
    """The look for what no agency fetches.

    ``within``: the hours an agency has; ``own`` are those of agencies with hours of their own.
    """

    def __init__(
        self, store: Store, cursor: Cursor, within: float, own: Mapping[str, float]
    ) -> None:
        self._store = store
        self._cursor = cursor
        self._within = within
        self._own = own

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                with contextlib.suppress(Unavailable):
                    while await self.turn() == MOST:
                        pass
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Take up what waited too long; return how many reports. Raises ``Unavailable``."""
        if await self._cursor.take(LEASE) is None:
            return 0
        levels = await self._store.accounts.scopes_of(Role.COORDINATOR)
        if not levels:
            return 0
        now = self._store.now()
        hours = {*self._own.values(), self._within}
        limits = {each: now - timedelta(hours=each) for each in hours}
        own = {agency: limits[each] for agency, each in self._own.items()}
        late = await self._store.deliveries.unfetched(limits[self._within], own, most=MOST)
        for report_id, agency_id in dict.fromkeys(late):
            with contextlib.suppress(StaleWrite):  # somebody acts on it just now
                await self._take_up(report_id, agency_id, levels)
        return len(late)

    async def _take_up(self, report_id: str, agency_id: str, levels: Collection[str]) -> None:
        async with self._store.unit() as unit:
            stored = await unit.reports.by_id(report_id, lock=True)
            theirs = await unit.deliveries.with_agency(report_id, agency_id)
            if stored is None or not _waits(stored.report, agency_id, theirs):
                await unit.deliveries.wait(report_id, agency_id, again=False)
                return
            await unit.deliveries.wait(report_id, agency_id, again=True)
            report = stored.report
            level = next_level(report, agency_id, levels)
            if level is None:
                return
            data: dict[str, object] = {
                "from": report.escalated_to or agency_id,
                "to": level,
                "hours": self._own.get(agency_id, self._within),
            }
            raised = report.model_copy(update={"escalated_to": level})
            unit.reports.change(stored, raised, [AuditEvent("escalated", "gateway", data=data)])
        metrics.ESCALATED.inc()
        log.info("a report was not fetched", report_id=report_id, agency=agency_id)


def next_level(report: Report, agency: str, levels: Collection[str]) -> str | None:
    """Return the government whose coordinator is next; None where there is no further one."""
    chain = ladder(government_of(agency))
    if report.escalated_to in chain:
        chain = chain[chain.index(report.escalated_to) + 1 :]
    return next((level for level in chain if level in levels and _may_see(report, level)), None)


def ladder(government: str) -> Sequence[str]:
    """List a government and those above it: the regency, its province, the whole country."""
    above = () if government == NATIONAL else (government, government[:2])
    return tuple(dict.fromkeys((*above, NATIONAL)))


def _may_see(report: Report, level: str) -> bool:
    raised = report.model_copy(update={"escalated_to": level})
    return AccessScope(governments=frozenset({level})).covers(raised)


def _waits(report: Report, agency: str, theirs: Sequence[Delivery]) -> bool:
    """Tell whether a report is with an agency that did nothing, and has it in no other way."""
    made = report.assignment
    if report.status is not Status.FORWARDED or not (made and made.agency):
        return False
    if made.agency.id != agency or report.recuses(agency):
        return False
    waiting = [each for each in theirs if each.method == INBOX and each.state == "placed"]
    return any(not _has_otherwise(each, theirs) for each in waiting)


def _has_otherwise(waiting: Delivery, theirs: Sequence[Delivery]) -> bool:
    """Tell whether an agency fetched the same by another method, or anything of it since."""
    same = waiting.repeats or waiting.id
    return any(
        each.fetched_at is not None
        and (
            (each.repeats or each.id) == same
            or (waiting.placed_at is not None and each.fetched_at >= waiting.placed_at)
        )
        for each in theirs
    )
