"""The inbox of an agency: its reports by what is to be done with them, and a page of each box."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select

from gateway.store.deliveries import DeliveryQueries
from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.tables import accounts, report_agencies, reports
from gateway.wire.events import for_agency
from normalizer.report import FINAL, Report, Status

FIRST_WORDS = 90
"""Characters of a report without a title that stand for one."""
_NEVER = "9"
"""Sorts after every day."""


class Box(StrEnum):
    """A part of an agency's inbox."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    OVERDUE = "overdue"
    """Of the new ones and those in progress, those whose day has passed."""
    DONE = "done"
    COPIES = "copies"
    """What another agency answers: only to be read."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One report in the inbox."""

    id: str
    tracking: str
    title: str
    """Its title, or its first words."""
    received_at: datetime
    due_on: date | None
    """The day until which the next step is in time."""
    status: Status
    urgent: bool
    anonymous: bool
    region: str
    """The name of the place; "" while it is open."""
    unit: str
    officer: str
    unread: bool
    version: int


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of a box. ``next`` is what comes as ``after`` for the next one; "" after the last."""

    rows: Sequence[InboxRow] = ()
    total: int = 0
    next: str = ""


def _is_in(*statuses: Status) -> ColumnElement[bool]:
    return reports.c.status.in_([each.value for each in statuses])


_OPEN = (Status.FORWARDED, Status.IN_PROGRESS)
BOXES: Mapping[Box, Callable[[str], ColumnElement[bool]]] = {
    Box.NEW: lambda today: _is_in(Status.FORWARDED),
    Box.IN_PROGRESS: lambda today: _is_in(Status.IN_PROGRESS),
    Box.WAITING: lambda today: _is_in(Status.WAITING_FOR_REPORTER),
    Box.OVERDUE: lambda today: and_(_is_in(*_OPEN), reports.c.due_on < today),
    Box.DONE: lambda today: _is_in(Status.ANSWERED, *sorted(FINAL)),
}
"""What is in each box of the reports that an agency answers; ``today`` is a day as ISO 8601."""
_DUE: ColumnElement[str] = func.coalesce(reports.c.due_on, _NEVER)


class InboxQueries(Queries):
    """Reads of the inbox; every query is within a scope. Raises ``Unavailable``."""

    def __init__(self, database: Database, deliveries: DeliveryQueries) -> None:
        super().__init__(database)
        self._deliveries = deliveries

    async def boxes(self, scope: AccessScope, today: str) -> dict[Box, int]:
        """Count what is in each box."""
        if not scope.agencies:
            return dict.fromkeys(Box, 0)
        inside: Any = select(*(func.count().filter(BOXES[box](today)) for box in BOXES))
        (row,) = await self._all(inside.where(_theirs(scope), visible(scope)))
        copies = select(func.count()).where(*_copies(scope))
        return {**dict(zip(BOXES, map(int, row), strict=True)), Box.COPIES: await self._one(copies)}

    async def page(
        self,
        scope: AccessScope,
        box: Box,
        today: str,
        *,
        after: str,
        most: int,
        mine: str,
        unit: str,
    ) -> InboxPage:
        """Return a page of a box, what is due first before the rest; of what is done the newest.

        ``mine``: the account to which it is assigned, or which stands in for the one it is.
        """
        if not scope.agencies:
            return InboxPage()
        if box is Box.COPIES:
            inside = [*_copies(scope)]
        else:
            inside = [_theirs(scope), visible(scope), BOXES[box](today)]
        if mine:
            inside.append(_assigned_to(mine, today))
        if unit:
            inside.append(reports.c.unit == unit)
        total = int(await self._one(select(func.count()).where(*inside)))
        order = _ORDER[box]
        ids = select(reports.c.id).where(*inside)
        if place := _place(after):
            ids = ids.where(order.behind(*place))
        ids = ids.order_by(*order.by).limit(most + 1)
        wanted = [row.id for row in await self._all(ids)]
        rows = await self._read(wanted[:most], scope.agencies)
        last = rows[-1] if rows and len(wanted) > most else None
        return InboxPage(rows, total, _token(last) if last else "")

    async def units(self, scope: AccessScope) -> list[str]:
        """List the units that reports of these agencies were given to."""
        if not scope.agencies:
            return []
        query = select(reports.c.unit).distinct()
        query = query.where(_theirs(scope), visible(scope), reports.c.unit.is_not(None))
        return sorted(row.unit for row in await self._all(query))

    async def _read(self, ids: Sequence[str], agencies: Collection[str]) -> list[InboxRow]:
        """Read the rows of a page, in this order."""
        query = select(reports.c.id, reports.c.version, reports.c.due_on, reports.c.body)
        found = {row.id: row for row in await self._all(query.where(reports.c.id.in_(ids)))}
        unread = await self._deliveries.unread(ids, agencies)
        return [_row(found[id], unread=id in unread) for id in ids if id in found]


@dataclass(frozen=True, slots=True)
class _Order:
    by: tuple[Any, ...]
    behind: Callable[[str, datetime, str], ColumnElement[bool]]


def _behind_due(due: str, at: datetime, id: str) -> ColumnElement[bool]:
    later = and_(reports.c.received_at == at, reports.c.id > id)
    return or_(due < _DUE, and_(_DUE.in_([due]), or_(reports.c.received_at > at, later)))


def _behind_newest(due: str, at: datetime, id: str) -> ColumnElement[bool]:
    return or_(reports.c.received_at < at, and_(reports.c.received_at == at, reports.c.id < id))


_BY_DUE = _Order((_DUE, reports.c.received_at, reports.c.id), _behind_due)
_BY_AGE = _Order((reports.c.received_at.desc(), reports.c.id.desc()), _behind_newest)
_ORDER = {**dict.fromkeys(Box, _BY_DUE), Box.DONE: _BY_AGE, Box.COPIES: _BY_AGE}


def _theirs(scope: AccessScope) -> ColumnElement[bool]:
    return reports.c.agency_id.in_(sorted(scope.agencies))


def _copies(scope: AccessScope) -> tuple[ColumnElement[bool], ...]:
    copied = select(report_agencies.c.report_id).where(
        report_agencies.c.part == "copy", report_agencies.c.agency_id.in_(sorted(scope.agencies))
    )
    theirs = and_(reports.c.agency_id.is_not(None), _theirs(scope))
    return reports.c.id.in_(copied), not_(theirs), visible(scope)


def _assigned_to(account: str, today: str) -> ColumnElement[bool]:
    away = and_(accounts.c.cover == account, accounts.c.away_until > today)
    covered = select(accounts.c.name).where(away)
    return or_(reports.c.officer == account, reports.c.officer.in_(covered))


def _token(row: InboxRow) -> str:
    due = row.due_on.isoformat() if row.due_on else _NEVER
    return f"{due}~{row.received_at.isoformat()}~{row.id}"


def _place(token: str) -> tuple[str, datetime, str] | None:
    """Read where a page begins; None for a token that is none."""
    due, _, rest = token.partition("~")
    at, _, id = rest.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return (due, moment, id) if id else None


def _row(row: Any, *, unread: bool) -> InboxRow:
    report = Report.model_validate_json(row.body)
    if report.anonymous:
        report = for_agency(report)
    handler = report.handler
    return InboxRow(
        id=report.id,
        tracking=report.tracking,
        title=report.title or " ".join(report.text.split())[:FIRST_WORDS],
        received_at=report.received_at,
        due_on=date.fromisoformat(row.due_on) if row.due_on else None,
        status=report.status,
        urgent=report.urgency is not None,
        anonymous=report.anonymous,
        region=report.places[0].name if report.places else "",
        unit=handler.unit if handler else "",
        officer=handler.officer if handler else "",
        unread=unread,
        version=row.version,
    )
