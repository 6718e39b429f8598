"""Lists of reports: filtered, sorted, a page at a time from where the last one ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, tuple_

from gateway.store.deliveries import waits_unfetched
from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.search import SearchQueries
from gateway.store.tables import reports
from normalizer.report import FINAL, Report, Status

Sort = Literal["newest", "oldest", "due"]
SORTS: tuple[Sort, ...] = ("newest", "oldest", "due")
COUNTED = 100_000
"""Reports that are counted at most."""
STATES: Mapping[str, tuple[str, ...]] = {
    "open": tuple(sorted(each.value for each in Status if each not in FINAL)),
    "waiting": (Status.WAITING_FOR_REPORTER.value,),
    "at_agency": (Status.FORWARDED.value, Status.IN_PROGRESS.value, Status.ANSWERED.value),
    "done": tuple(sorted(each.value for each in FINAL)),
    **{each.value: (each.value,) for each in Status},
}
"""What may be asked for: groups of statuses, and each alone."""


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which reports are listed; what is empty or None leaves none out."""

    state: str = ""
    regions: tuple[str, ...] | None = None
    agencies: tuple[str, ...] | None = None
    topic: str = ""
    channel: str = ""
    urgent: bool = False
    overdue: bool = False
    unread: bool = False
    refused: bool = False
    """Two agencies or more said that it is not theirs."""
    escalated: bool = False
    since: datetime | None = None
    words: tuple[str, ...] | None = None
    ending: str = ""
    """The last digits of the tracking number."""


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Where a page ends: the value that is sorted by, and the id."""

    value: str
    id: str


@dataclass(frozen=True, slots=True)
class ListedReport:
    """A report with what only its row says."""

    report: Report
    due_on: str | None
    is_unread: bool
    place: ListPlace

    @property
    def due(self) -> date | None:
        """The day until which the next step is in time."""
        return date.fromisoformat(self.due_on) if self.due_on else None


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list."""

    rows: tuple[ListedReport, ...]
    total: int
    """How many there are on all pages; ``COUNTED`` and one where there are more than that."""
    has_before: bool
    has_after: bool


class ListingQueries(Queries):
    """Reads of lists; each takes the scope of its reader, and the day that it is."""

    def __init__(self, database: Database, search: SearchQueries) -> None:
        super().__init__(database)
        self._search = search

    async def page(
        self,
        scope: AccessScope,
        wanted: ListFilter,
        today: str,
        sort: Sort = "newest",
        *,
        most: int,
        after: ListPlace | None = None,
        before: ListPlace | None = None,
    ) -> ListPage:
        """Return the page behind a place, or the one before a place, with how many all are."""
        total = int(await self._one(self.total(scope, wanted, today, sort)))
        query = self.rows(scope, wanted, today, sort, after=after, before=before)
        found = await self._all(query.limit(most + 1)) if total else []
        more, back = len(found) > most, after is None and before is not None
        rows = [_listed(row, sort) for row in found[:most]]
        return ListPage(
            tuple(reversed(rows) if back else rows),
            total,
            has_before=more if back else after is not None,
            has_after=back or more,
        )

    def total(self, scope: AccessScope, wanted: ListFilter, today: str, sort: Sort) -> Select[Any]:
        """Select how many reports there are, up to one more than ``COUNTED``."""
        which = select(literal(1)).select_from(reports)
        which = which.where(*self._conditions(scope, wanted, today, sort))
        return select(func.count()).select_from(which.limit(COUNTED + 1).subquery())

    def rows(
        self,
        scope: AccessScope,
        wanted: ListFilter,
        today: str,
        sort: Sort,
        *,
        after: ListPlace | None = None,
        before: ListPlace | None = None,
    ) -> Select[Any]:
        """Select reports from a place on; those before a place nearest first."""
        column = reports.c.due_on if sort == "due" else reports.c.received_at
        is_falling = sort == "newest"
        if after is None and before is not None:
            is_falling = not is_falling
        chosen = select(
            reports.c.id,
            reports.c.body,
            reports.c.due_on,
            reports.c.received_at,
            _unread().label("unread"),
        ).where(*self._conditions(scope, wanted, today, sort))
        if place := after or before:
            value = place.value if sort == "due" else _moment(place.value)
            key = tuple_(column, reports.c.id)
            there = tuple_(literal(value, column.type), literal(place.id))
            chosen = chosen.where(key < there if is_falling else key > there)
        if is_falling:
            return chosen.order_by(column.desc(), reports.c.id.desc())
        return chosen.order_by(column, reports.c.id)

    def _conditions(
        self, scope: AccessScope, wanted: ListFilter, today: str, sort: Sort
    ) -> list[ColumnElement[bool]]:
        row, found = reports.c, [visible(scope)]
        if wanted.state:
            statuses = STATES.get(wanted.state, ())
            found.append(
                row.status == statuses[0] if len(statuses) == 1 else row.status.in_(statuses)
            )
        if wanted.regions is not None:
            found.append(or_(false(), *(_in_region(code) for code in wanted.regions)))
        if wanted.agencies is not None:
            found.append(row.agency_id.in_(wanted.agencies))
        if wanted.topic:
            found.append(row.topic_id == wanted.topic)
        if wanted.channel:
            found.append(row.channel == wanted.channel)
        if wanted.urgent:
            found.append(row.urgent)
        if wanted.overdue:
            found.append(row.due_on < today)
        if sort == "due":
            found.append(row.due_on.is_not(None))
        if wanted.unread:
            found.append(_unread())
        if wanted.refused:
            found.append(row.refusals > literal(1, literal_execute=True))
        if wanted.escalated:
            found.append(row.escalated_to.is_not(None))
        if wanted.since:
            found.append(row.received_at >= wanted.since)
        if wanted.words is not None:
            found.append(self._search.has_words(wanted.words))
        if wanted.ending:
            found.append(row.tracking.endswith(wanted.ending, autoescape=True))
        return found


def place_of(written: str) -> ListPlace | None:
    """Read a place as an address has it; None where it is none."""
    value, tilde, id = written.partition("~")
    is_id = 0 < len(id) <= 36 and id.isascii() and id.replace("-", "").isalnum()
    if not tilde or not is_id:
        return None
    try:
        _moment(value)
    except (ValueError, OverflowError):
        return None
    return ListPlace(value, id)


def _listed(row: Any, sort: Sort) -> ListedReport:
    value = row.due_on if sort == "due" else row.received_at.isoformat()
    report = Report.model_validate_json(row.body)
    return ListedReport(report, row.due_on, bool(row.unread), ListPlace(value, row.id))


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unread() -> ColumnElement[bool]:
    return and_(reports.c.status == Status.FORWARDED.value, waits_unfetched())


def _in_region(code: str) -> ColumnElement[bool]:
    if len(code) == 5:
        return reports.c.regency == code
    within: Sequence[ColumnElement[bool]] = (
        reports.c.region == code,
        reports.c.region.startswith(f"{code}.", autoescape=True),
    )
    return and_(reports.c.regency == code[:5], or_(*within)) if len(code) > 5 else or_(*within)
