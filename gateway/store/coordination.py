"""What coordinators see of their government: its agencies, and all its reports, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from gateway.store.accounts import ACTIVE
from gateway.store.deliveries import waits_unfetched
from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.tables import accounts, grants, reports
from normalizer.report import FINAL, Report, Status


@dataclass(frozen=True, slots=True)
class Workload:
    """The open reports of one agency; ``agency_id`` is "" for those that no agency has."""

    agency_id: str
    open: int
    overdue: int
    unread: int
    """How many were never listed to anybody there."""
    refused: int
    """How many some agency refused."""
    escalated: int
    """How many came to a coordinator of the scope."""
    is_own: bool
    """It is an agency of the scope's governments."""


@dataclass(frozen=True, slots=True)
class Readers:
    """The officers of an agency who may log in: how many, and when one of them was last seen."""

    count: int
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class GovernmentFilter:
    """Which reports are listed; what is "" or False leaves none out."""

    status: str = ""
    agency: str = ""
    overdue: bool = False
    unread: bool = False
    escalated: bool = False
    refused: bool = False


class CoordinationQueries(Queries):
    """Reads for coordinators; each takes the scope of its reader, and most the day that it is."""

    async def workloads(self, scope: AccessScope, today: str) -> list[Workload]:
        """Return the open reports by agency."""
        own = _own(scope)
        query = (
            select(reports.c.agency_id, own.label("own"))
            .add_columns(
                func.count().label("open"),
                func.count().filter(_overdue(today)).label("overdue"),
                func.count().filter(_unread()).label("unread"),
                func.count().filter(reports.c.refusals > 0).label("refused"),
                func.count().filter(_escalated(scope)).label("escalated"),
            )
            .where(visible(scope), _OPEN)
            .group_by(reports.c.agency_id, own)
        )
        return [
            Workload(
                row["agency_id"] or "",
                row["open"],
                row["overdue"],
                row["unread"],
                row["refused"],
                row["escalated"],
                bool(row["own"]),
            )
            for row in await self._rows(query)
        ]

    async def readers(self, agencies: Sequence[str], role: str) -> dict[str, Readers]:
        """Return who reads for agencies that somebody reads for; ``role`` is that of officers."""
        query = select(
            grants.c.scope, func.count(), func.max(accounts.c.seen_at).label("seen")
        ).join(accounts, accounts.c.name == grants.c.account)
        query = query.where(grants.c.role == role, grants.c.scope.in_(agencies), ACTIVE)
        rows = await self._all(query.group_by(grants.c.scope))
        return {scope: Readers(count, seen) for scope, count, seen in rows}

    async def page(
        self, scope: AccessScope, wanted: GovernmentFilter, today: str, *, skip: int, most: int
    ) -> tuple[list[Report], int]:
        """Return a page of reports, urgent ones first, then the oldest; and how many all are."""
        which = and_(visible(scope), *_conditions(scope, wanted, today))
        order = reports.c.urgent.desc(), reports.c.received_at, reports.c.id
        listed = select(reports.c.body).where(which).order_by(*order).offset(skip).limit(most)
        total = int(await self._one(select(func.count()).select_from(reports).where(which)))
        bodies = [row.body for row in await self._all(listed)] if total else []
        return [Report.model_validate_json(body) for body in bodies], total

    async def unread(self, ids: Sequence[str]) -> set[str]:
        """Return those of some reports that were never listed to anybody at their agency."""
        query = select(reports.c.id).where(reports.c.id.in_(ids), _unread())
        return {row.id for row in await self._all(query)}


_OPEN = reports.c.ended_at.is_(None)
_STATUSES: Mapping[str, ColumnElement[bool]] = {
    "": _OPEN,
    "ended": reports.c.status.in_(sorted(FINAL)),
}


def _conditions(scope: AccessScope, wanted: GovernmentFilter, today: str) -> list[Any]:
    found = [_STATUSES.get(wanted.status, reports.c.status == wanted.status)]
    if wanted.agency:
        found.append(reports.c.agency_id == wanted.agency)
    if wanted.overdue:
        found.append(_overdue(today))
    if wanted.unread:
        found.append(_unread())
    if wanted.escalated:
        found.append(_escalated(scope))
    if wanted.refused:
        found.append(reports.c.refusals > 0)
    return found


def _own(scope: AccessScope) -> ColumnElement[bool]:
    return func.coalesce(reports.c.government, "").in_(sorted(scope.governments))


def _escalated(scope: AccessScope) -> ColumnElement[bool]:
    return reports.c.escalated_to.in_(sorted(scope.governments))


def _overdue(today: str) -> ColumnElement[bool]:
    return reports.c.due_on < today


def _unread() -> ColumnElement[bool]:
    return and_(reports.c.status == Status.FORWARDED.value, waits_unfetched())
