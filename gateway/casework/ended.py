"""What the machine set aside by itself: a daily list for operators, and the way back into routing.

Nothing is deleted: after ``LISTED`` a report leaves the list, and is found by its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.access.roles import Actor, Right
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.matters import Matters, is_set_aside
from gateway.store.reports import StaleWrite
from gateway.store.scope import AccessScope
from gateway.store.store import Store
from normalizer.report import Report

WIB = ZoneInfo("Asia/Jakarta")
LISTED = 30
"""Days, today included."""
MOST = 200
"""Reports of one day that are shown."""


@dataclass(frozen=True, slots=True)
class EndedDay:
    """One day of the list: what came on it, and how many came on every day."""

    day: date
    reports: Sequence[tuple[Report, int]]
    """Each with the version that a decision about it must name."""
    counts: Sequence[tuple[date, int]]
    """The newest day first."""


class EndedReports:
    """The list, and the act."""

    def __init__(self, store: Store, matters: Matters) -> None:
        self._store = store
        self._matters = matters

    async def of_day(self, wanted: date | None, scope: AccessScope) -> EndedDay:
        """Return a day of the list; today for none, and for one that is not in the list."""
        today = self._store.now().astimezone(WIB).date()
        days = [today - timedelta(days=each) for each in range(LISTED)]
        day = wanted if wanted in days else today
        counts = await self._store.reports.count_set_aside([*map(_span, days)], scope)
        reports = await self._store.reports.set_aside(*_span(day), MOST, scope)
        return EndedDay(day, reports, [*zip(days, counts, strict=True)])

    async def reopen(self, report_id: str, *, actor: Actor) -> Report:
        """Route a report after all, as what an operator says it is. Raises ``Conflict``."""
        try:
            async with self._store.unit() as unit:
                stored = await unit.reports.by_id(report_id, lock=True)
                if stored is None or not actor.scope(Right.DECIDE).covers(stored.report):
                    raise Conflict(ConflictCode.NO_REPORT)
                if not is_set_aside(stored.report):
                    raise Conflict(ConflictCode.NOT_SET_ASIDE)
                return await self._matters.reopen(unit, stored, by=actor.name)
        except StaleWrite:
            raise Conflict(ConflictCode.CHANGED) from None


def _span(day: date) -> tuple[datetime, datetime]:
    """Return when a day begins and when the next one does."""
    begin = datetime(day.year, day.month, day.day, tzinfo=WIB)
    return begin, begin + timedelta(days=1)
