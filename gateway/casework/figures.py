"""Figures for leaders: how many reports there are, how many are late, how soon they are answered.

Numbers only: no text, no number of a report and no name of a person is in them.
"""

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from gateway.store.figures import FigureCount, FigureLimits, FigurePeriod, ResponseTime
from gateway.store.scope import AccessScope
from gateway.store.store import Store
from normalizer.report import FINAL
from router.deadlines import JAKARTA, Calendar, DeadlineLimits

PERIODS = (30, 90, 365)
"""Days that a page of figures may look back."""
MOST_ROWS = 100
"""Agencies, and topics, that one page lists: those with the most reports."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """The figures of one agency or topic, or of all; ``name`` is "" where that is undecided."""

    name: str = ""
    reports: int = 0
    open: int = 0
    overdue: int = 0
    refusals: int = 0
    responded: int = 0
    in_time: int = 0
    closed: int = 0
    resolved_in_time: int = 0
    times: ResponseTime | None = None

    def plus(self, more: FigureCount) -> "FigureRow":
        """Return the row with further reports counted."""
        return replace(
            self,
            reports=self.reports + more.reports,
            open=self.open + (0 if more.status in FINAL else more.reports),
            overdue=self.overdue + more.overdue,
            refusals=self.refusals + more.refusals,
            responded=self.responded + more.responded,
            in_time=self.in_time + more.in_time,
            closed=self.closed + more.closed,
            resolved_in_time=self.resolved_in_time + more.resolved_in_time,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """A page of figures: reports that came within some days."""

    days: int
    since: date
    total: FigureRow
    statuses: Mapping[str, int]
    agencies: Sequence[FigureRow] = field(default_factory=tuple)
    topics: Sequence[FigureRow] = field(default_factory=tuple)
    further_agencies: int = 0
    further_topics: int = 0
    """What the tables leave out."""


Name = Callable[[str], str]


class FigureService:
    """Composes figures. ``close`` are the working days after which an answered report closes."""

    def __init__(
        self,
        store: Store,
        agency_name: Name,
        topic_name: Name,
        calendar: Calendar,
        limits: DeadlineLimits,
        *,
        close: int,
    ) -> None:
        self._store = store
        self._agency_name = agency_name
        self._topic_name = topic_name
        self._calendar = calendar
        self._limits = limits
        self._close = close

    async def figures(self, scope: AccessScope, days: int) -> Figures:
        """Return the figures of a scope for the last ``days``. Raises ``Unavailable``."""
        now = self._store.now()
        today = now.astimezone(JAKARTA).date()
        midnight = now.astimezone(JAKARTA).replace(hour=0, minute=0, second=0, microsecond=0)
        period = FigurePeriod(midnight - timedelta(days=days - 1), today)
        queries = self._store.figures
        counts, times = await asyncio.gather(
            queries.counts(scope, period, self._deadlines(today, days)),
            queries.response_times(scope, period),
        )
        statuses: Counter[str] = Counter()
        total = FigureRow(times=times.get(("all", None)))
        for each in counts:
            statuses[each.status] += each.reports
            total = total.plus(each)
        agencies = _rows(counts, "agency", self._agency_name, times)
        topics = _rows(counts, "topic", self._topic_name, times)
        return Figures(
            days,
            period.since.astimezone(JAKARTA).date(),
            total,
            statuses,
            agencies[:MOST_ROWS],
            topics[:MOST_ROWS],
            len(agencies[MOST_ROWS:]),
            len(topics[MOST_ROWS:]),
        )

    def _deadlines(self, today: date, days: int) -> FigureLimits:
        """Return the last days in time of every day of the period."""
        ends = {kind.value: end for kind, end in self._limits.resolution.items()}
        limits = FigureLimits(self._limits.first_response, ends, self._close, {})
        first = today - timedelta(days=days)
        longest, day = max(limits.days), first
        worked: list[date] = []
        while day <= today or len(worked) - bisect_right(worked, today) < longest:
            day += timedelta(days=1)
            if self._calendar.is_working(day):
                worked.append(day)
        due = {}
        for came in (first + timedelta(days=n) for n in range(days + 1)):
            after = bisect_right(worked, came)
            due[came] = {limit: worked[after + limit - 1] for limit in limits.days}
        return replace(limits, due=due)


def _rows(
    counts: Iterable[FigureCount],
    dimension: Literal["agency", "topic"],
    name: Name,
    times: Mapping[tuple[str, str | None], ResponseTime],
) -> list[FigureRow]:
    """Add counts up by agency or by topic, those with the most reports first."""
    rows: dict[str | None, FigureRow] = {}
    for each in counts:
        key = each.agency if dimension == "agency" else each.topic
        if key not in rows:
            rows[key] = FigureRow(name(key) if key else "", times=times.get((dimension, key)))
        rows[key] = rows[key].plus(each)
    return sorted(rows.values(), key=lambda row: (-row.reports, row.name))
