"""Legal limits in working days (PermenPANRB 62/2018 and its successor 5/2025).

A day counts in Jakarta. Public holidays and cuti bersama come from the ``holidays`` package, where
cuti bersama has the category "government"; decrees change them, so a deployment may add days off
and take holidays back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from normalizer.message import Kind
from normalizer.report import Deadline

JAKARTA = ZoneInfo("Asia/Jakarta")
_SATURDAY = 5
Step = Literal["forward", "first_response", "resolution"]


@dataclass(frozen=True, slots=True)
class DeadlineLimits:
    """Working days for each step; ``resolution`` by kind of report."""

    forward: int
    first_response: int
    resolution: Mapping[Kind, int]


class Calendar:
    """Knows which days are worked; ``holidays`` are further days off, ``working_days`` none."""

    def __init__(self, holidays: Iterable[date] = (), working_days: Iterable[date] = ()) -> None:
        self._off = frozenset(holidays)
        self._on = frozenset(working_days)
        self._due: dict[tuple[Step, date, int], Deadline] = {}

    def is_working(self, day: date) -> bool:
        """Tell whether offices are open on a day."""
        if day in self._on or day in self._off:
            return day in self._on
        return day.weekday() < _SATURDAY and day not in official_holidays(day.year)

    def after(self, day: date, working_days: int) -> date:
        """Return the last of so many working days after ``day``; ``day`` itself never counts."""
        while working_days > 0:
            day += timedelta(days=1)
            working_days -= self.is_working(day)
        return day

    def deadline(self, name: Step, day: date, working_days: int) -> Deadline:
        """Return the limit for a step of a report that came on ``day``; remembered."""
        asked = (name, day, working_days)
        known = self._due.get(asked)
        if known is None:
            if len(self._due) > 1000:
                self._due.clear()
            known = self._due[asked] = Deadline(name=name, due=self.after(day, working_days))
        return known


@cache
def official_holidays(year: int) -> frozenset[date]:
    """Return Indonesia's public holidays and cuti bersama of one year."""
    from holidays import country_holidays  # slow to import; not everyone who routes needs it

    return frozenset(country_holidays("ID", years=year, categories=("public", "government")))


def deadlines(
    kind: Kind, received_at: datetime, limits: DeadlineLimits, calendar: Calendar
) -> tuple[Deadline, ...]:
    """Return the last days on which forwarding, first response and resolution are in time."""
    day = received_at.astimezone(JAKARTA).date()
    return (
        calendar.deadline("forward", day, limits.forward),
        calendar.deadline("first_response", day, limits.first_response),
        calendar.deadline("resolution", day, limits.resolution[kind]),
    )
