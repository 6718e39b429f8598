"""Figures: reports counted by agency, topic and status, and how long they waited; no text is read.

Only columns are aggregated, so that a leader's page holds no word and no number of a report.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ColumnElement, String, case, cast, func, literal, select

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.tables import reports
from normalizer.report import FINAL, Status

_CLOSED = frozenset(status for status in FINAL if status.startswith("closed_"))


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
        row, due = reports.c, self._due_days(limits)
        responded_on, ended_on = self._day(row.responded_at), self._day(row.ended_at)
        late = (row.due_on < period.today.isoformat()) & row.ended_at.is_(None)
        is_closed = row.status.in_(sorted(_CLOSED))
        in_time = responded_on <= _due(due, limits, limits.first_response)
        resolved = is_closed & (ended_on <= _resolution(due, limits))
        query = (
            select(row.agency_id, row.topic_id, row.status, func.count())
            .add_columns(*(func.count().filter(late), func.sum(row.refusals)))
            .add_columns(func.count(row.responded_at), func.count().filter(in_time))
            .add_columns(func.count().filter(is_closed), func.count().filter(resolved))
            .select_from(reports.outerjoin(due, due.c.key == self._day(row.received_at)))
            .where(*_of(scope, period))
            .group_by(row.agency_id, row.topic_id, row.status)
        )
        return [FigureCount(*(found[:3]), *map(int, found[3:])) for found in await self._all(query)]

    async def response_times(
        self, scope: AccessScope, period: FigurePeriod
    ) -> dict[tuple[str, str | None], ResponseTime]:
        """Return how long first responses took, by dimension and its key.

        The dimensions are ``agency``, ``topic``, and ``all`` with one key, None.
        """
        row = reports.c
        waited = self._seconds(row.received_at, row.responded_at)
        query = select(row.agency_id, row.topic_id, waited)
        query = query.where(*_of(scope, period), row.responded_at.is_not(None))
        waits: dict[tuple[str, str | None], list[float]] = defaultdict(list)
        for agency, topic, seconds in await self._all(query.order_by(waited)):
            for key in (("all", None), ("agency", agency), ("topic", topic)):
                waits[key].append(seconds)
        return {key: _response_time(each) for key, each in waits.items()}

    def _day(self, moment: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the day of a moment in Jakarta, as ISO writes it."""
        if self._is_sqlite:
            return func.date(moment, "+7 hours")
        return cast(func.date(func.timezone("Asia/Jakarta", moment)), String)

    def _due_days(self, limits: FigureLimits) -> Any:
        """Return the days on which a report came as a table, each with its last days in time.

        They are one parameter: thousands of them would take longer to name than to compare.
        """
        rows = {
            day.isoformat(): "".join(due[limit].isoformat() for limit in limits.days)
            for day, due in limits.due.items()
        }
        written = json.dumps(rows)
        if self._is_sqlite:
            each = func.json_each(written)
        else:
            each = func.json_each_text(cast(literal(written), JSON))
        days = each.table_valued("key", "value", name="each")
        # As a view of the text SQLite would read it for every report.
        return select(days.c.key, days.c.value).cte("due_days").prefix_with("MATERIALIZED")

    def _seconds(self, since: ColumnElement[Any], until: ColumnElement[Any]) -> ColumnElement[Any]:
        if self._is_sqlite:
            return (func.julianday(until) - func.julianday(since)) * 86_400.0
        return func.extract("epoch", until - since)


def _of(scope: AccessScope, period: FigurePeriod) -> Sequence[ColumnElement[bool]]:
    return visible(scope), reports.c.received_at >= period.since


def _due(days: Any, limits: FigureLimits, limit: int) -> ColumnElement[str]:
    """Return the last day within a limit: all of them stand in one text, ten characters each."""
    at = limits.days.index(limit)
    return func.substr(days.c.value, 1 + 10 * at, 10)


def _resolution(due: Any, limits: FigureLimits) -> ColumnElement[str]:
    """Return the last day for ending a report: by itself it ends a while after its answer."""
    by_itself = reports.c.status == Status.CLOSED_BY_SYSTEM.value
    cases = [
        (
            reports.c.kind == kind,
            case((by_itself, _due(due, limits, end + limits.close)), else_=_due(due, limits, end)),
        )
        for kind, end in limits.resolution.items()
    ]
    return case(*cases)


def _response_time(waits: Sequence[float]) -> ResponseTime:
    """Return the wait in the middle, and that which 95 of 100 have at most; they are in order."""
    half, most = (len(waits) + 1) // 2, -(-len(waits) * 95 // 100)
    return ResponseTime(*(timedelta(seconds=float(waits[nth - 1])) for nth in (half, most)))
