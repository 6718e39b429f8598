"""What changed lately of the reports that wait for an operator, and of the quarantine.

A page says up to which second, by the database's clock, it knows everything. What was written
shortly before that may have been committed since, so a look goes some seconds further back.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from gateway.store.engine import Database
from gateway.store.leases import LeaseClock
from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.tables import quarantine, reports
from gateway.store.views import QuarantineView
from normalizer.report import Report, Status

OVERLAP = 10.0
"""Seconds: longer than a transaction may take."""
_WAITS = reports.c.status == Status.TRIAGE.value
_WAITED = and_(
    reports.c.version > 2,  # it was received, it waited, and something happened
    reports.c.body.contains(f'"status":"{Status.TRIAGE}"', autoescape=True),
)
"""Of a body: within a text every quotation mark has a backslash before it."""


@dataclass(frozen=True, slots=True)
class LiveReport:
    """A report with the version that a decision about it must name."""

    report: Report
    version: int


@dataclass(frozen=True, slots=True)
class ReportChange:
    """That a report changed, and when by the database's clock."""

    id: str
    version: int
    at: float


class LiveQueries(Queries):
    """Reads of pages that keep themselves fresh."""

    def __init__(self, database: Database, leases: LeaseClock) -> None:
        super().__init__(database)
        self._seconds = leases.seconds()

    async def now(self) -> float:
        """Return the time by the database's clock."""
        return float(await self._one(select(self._seconds)))

    async def waiting(self, scope: AccessScope, most: int, *, after: str = "") -> list[LiveReport]:
        """List what waits for an operator: urgent ones first, then the oldest.

        ``after`` is the id of the report behind which the list begins.
        """
        query = select(reports.c.id).where(_WAITS, visible(scope), *await self._behind(after))
        query = query.order_by(reports.c.urgent.desc(), reports.c.received_at, reports.c.id)
        ids = [row.id for row in await self._all(query.limit(most))]
        known = {each.report.id: each for each in await self.reports(ids)}
        return [known[id] for id in ids if id in known]

    async def count_waiting(self, scope: AccessScope) -> int:
        """Count what waits for an operator."""
        return int(await self._one(select(func.count()).where(_WAITS, visible(scope))))

    async def changes(self, scope: AccessScope, since: float, most: int) -> list[ReportChange]:
        """List what waits for an operator or did, and changed since; the latest first."""
        fresh = reports.c.changed_at > since
        query = select(reports.c.id, reports.c.version, reports.c.changed_at)
        query = query.where(fresh, or_(_WAITS, _WAITED), visible(scope))
        query = query.order_by(reports.c.changed_at.desc()).limit(most)
        return [ReportChange(*row) for row in await self._all(query)]

    async def reports(self, ids: Collection[str]) -> list[LiveReport]:
        """Return the reports of changes; who asks has checked whose they are."""
        if not ids:
            return []
        query = select(reports.c.body, reports.c.version).where(reports.c.id.in_(ids))
        return [
            LiveReport(Report.model_validate_json(row.body), row.version)
            for row in await self._all(query)
        ]

    async def quarantined(self, since: datetime, most: int) -> list[QuarantineView]:
        """List what was quarantined since and is not decided; the latest first."""
        row = quarantine.c
        query = select(row.id, row.channel, row.reason, row.detail, row.state, row.at, row.size)
        query = query.where(row.state.in_(("open", "noted")), row.at > since)
        rows = await self._all(query.order_by(row.at.desc()).limit(most))
        return [QuarantineView(*each) for each in rows]

    async def _behind(self, after: str) -> list[ColumnElement[bool]]:
        """Return the condition that a report is behind another in the list."""
        row = reports.c
        query = select(row.urgent, row.received_at).where(row.id == after)
        found = await self._all(query) if after else ()
        if not found:
            return []
        urgent, at = found[0]
        later = or_(row.received_at > at, and_(row.received_at == at, row.id > after))
        same = and_(row.urgent == urgent, later)
        return [or_(same, row.urgent.is_(False)) if urgent else same]
