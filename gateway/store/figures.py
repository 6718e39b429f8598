"""Figures: reports counted by agency, topic and status, and how long they waited; no text is read.

Only columns are aggregated, so that a leader's page holds no word and no number of a report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, case, cast, column, func, select, values

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.tables import reports
from normalizer.report import FINAL, Status

_CLOSED = frozenset(status for status in FINAL if status.startswith("closed_"))
_DAY = "day"


@dataclass(frozen=True, slots=True)
class FigureCount:
    """The reports of one agency and topic in one status, counted."""

    agency: str | None
    topic: str | None
    status: str
    reports: int
    overdue: int
    refusals: int
    responded: int
    in_time: int
    """Whose first response came in time."""
    closed: int
    resolved_in_time: int


@dataclass(frozen=True, slots=True)
class ResponseTime:
    """How long reports waited for a first response."""

    median: timedelta
    most: timedelta
    """What 95 of 100 waited at most."""


@dataclass(frozen=True, slots=True)
class FigurePeriod:
    """The reports that are counted: those since a moment; ``today`` tells what is overdue."""

    since: datetime
    today: date


@dataclass(frozen=True, slots=True)
class FigureLimits:
    """Working days for a first response, and by kind for what ends a report.

    ``close`` are those after which an answered report closes by itself: they are no agency's delay.
    ``due`` has, for each day on which a report may have come, the last day in time by limit.
    """

    first_response: int
    resolution: Mapping[str, int]
    close: int
    due: Mapping[date, Mapping[int, date]]

    @property
    def days(self) -> tuple[int, ...]:
        """Every limit that is asked for."""
        ends = {*self.resolution.values()}
        return tuple(sorted({self.first_response, *ends, *(end + self.close for end in ends)}))


class FigureQueries(Queries):
    """Reads of figures. Every method takes the scope that its reader sees."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._is_sqlite = database.is_sqlite

    async def counts(
        self, scope: AccessScope, period: FigurePeriod, limits: FigureLimits
    ) -> list[FigureCount]:
        """Count the reports of a scope by agency, topic and status."""
        row, due = reports.c, _due_table(limits)
        responded_on, ended_on = self._day(row.responded_at), self._day(row.ended_at)
        late = (row.due_on < period.today.isoformat()) & row.ended_at.is_(None)
        is_closed = row.status.in_(sorted(_CLOSED))
        in_time = responded_on <= due.c[_limit(limits.first_response)]
        resolved = is_closed & (ended_on <= _resolution(limits, due))
        query = (
            select(row.agency_id, row.topic_id, row.status, func.count())
            .add_columns(*(func.count().filter(late), func.sum(row.refusals)))
            .add_columns(func.count(row.responded_at), func.count().filter(in_time))
            .add_columns(func.count().filter(is_closed), func.count().filter(resolved))
            .select_from(reports.outerjoin(due, due.c[_DAY] == self._day(row.received_at)))
            .where(*_of(scope, period))
            .group_by(row.agency_id, row.topic_id, row.status)
        )
        return [FigureCount(*(found[:3]), *map(int, found[3:])) for found in await self._all(query)]

    async def response_times(
        self, scope: AccessScope, period: FigurePeriod, by: str | None = None
    ) -> dict[str | None, ResponseTime]:
        """Return how long first responses took; ``by`` a column of reports, or all under None."""
        key = reports.c[by] if by else func.coalesce(None, None)
        waits = self._seconds(reports.c.received_at, reports.c.responded_at).label("waited")
        answered = select(key.label("key"), waits).where(*_of(scope, period))
        some = answered.where(reports.c.responded_at.is_not(None)).cte("answered")
        parts = some.c.key if by else None
        nth = func.row_number().over(order_by=some.c.waited, partition_by=parts).label("nth")
        total = func.count().over(partition_by=parts).label("total")
        ranked = select(some.c.key, some.c.waited, nth, total).subquery()
        half, most = (ranked.c.total + 1) // 2, (ranked.c.total * 95 + 99) // 100
        query = select(ranked.c.key, ranked.c.waited, ranked.c.nth == half, ranked.c.nth == most)
        query = query.where((ranked.c.nth == half) | (ranked.c.nth == most))
        return _times(await self._all(query))

    def _day(self, moment: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the day of a moment in Jakarta, as ISO writes it."""
        if self._is_sqlite:
            return func.date(moment, "+7 hours")
        return cast(func.date(func.timezone("Asia/Jakarta", moment)), String)

    def _seconds(self, since: ColumnElement[Any], until: ColumnElement[Any]) -> ColumnElement[Any]:
        if self._is_sqlite:
            return (func.julianday(until) - func.julianday(since)) * 86_400.0
        return func.extract("epoch", until - since)


def _of(scope: AccessScope, period: FigurePeriod) -> Sequence[ColumnElement[bool]]:
    return visible(scope), reports.c.received_at >= period.since


def _due_table(limits: FigureLimits) -> Any:
    """Return the last days in time as a table: one row for each day on which a report came."""
    names = [_DAY, *map(_limit, limits.days)]
    rows = [
        (day.isoformat(), *(due[limit].isoformat() for limit in limits.days))
        for day, due in limits.due.items()
    ]
    return values(*(column(name, String) for name in names), name="due").data(rows).cte("due_days")


def _resolution(limits: FigureLimits, due: Any) -> ColumnElement[str]:
    """Return the last day for ending a report: by itself it ends a while after its answer."""
    by_itself = reports.c.status == Status.CLOSED_BY_SYSTEM.value
    cases = [
        (reports.c.kind == kind, case((by_itself, due.c[_limit(end + limits.close)]), else_=own))
        for kind, end in limits.resolution.items()
        for own in (due.c[_limit(end)],)
    ]
    return case(*cases)


def _limit(days: int) -> str:
    return f"within_{days}"


def _times(rows: Sequence[Any]) -> dict[str | None, ResponseTime]:
    half: dict[str | None, timedelta] = {}
    most: dict[str | None, timedelta] = {}
    for key, waited, is_half, is_most in rows:
        took = timedelta(seconds=max(0.0, float(waited)))
        if is_half:
            half[key] = took
        if is_most:
            most[key] = took
    return {key: ResponseTime(half[key], most[key]) for key in half}
