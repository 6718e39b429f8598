"""Figures for leaders: how many reports there are, how many are late, how soon they are answered.

Numbers only: no text, no number of a report and no name of a person is in them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

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
        counts, overall, by_agency, by_topic = await asyncio.gather(
            queries.counts(scope, period, self._deadlines(today, days)),
            queries.response_times(scope, period),
            queries.response_times(scope, period, "agency_id"),
            queries.response_times(scope, period, "topic_id"),
        )
        statuses: Counter[str] = Counter()
        total = FigureRow(times=overall.get(None))
        for each in counts:
            statuses[each.status] += each.reports
            total = total.plus(each)
        agencies = _rows(counts, lambda each: each.agency, self._agency_name, by_agency)
        topics = _rows(counts, lambda each: each.topic, self._topic_name, by_topic)
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
        ends = {kind.value: end for kind, end in self._limits.resolution.items()}
        limits = FigureLimits(self._limits.first_response, ends, self._close, {})
        came = (today - timedelta(days=back) for back in range(-1, days + 1))
        after = self._calendar.after
        due = {day: {limit: after(day, limit) for limit in limits.days} for day in came}
        return replace(limits, due=due)


def _rows(
    counts: Iterable[FigureCount],
    key: Callable[[FigureCount], str | None],
    name: Name,
    times: Mapping[str | None, ResponseTime],
) -> list[FigureRow]:
    """Add counts up by a key, those with the most reports first."""
    rows: dict[str | None, FigureRow] = {}
    for each in counts:
        of = key(each)
        if of not in rows:
            rows[of] = FigureRow(name(of) if of else "", times=times.get(of))
        rows[of] = rows[of].plus(each)
    return sorted(rows.values(), key=lambda row: (-row.reports, row.name))
