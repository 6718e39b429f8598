"""What callers of GeoReport ask for, read strictly: an error is better than a wrong list."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from adapters.contract import ReportFilter
from adapters.partner_api.form import PartnerForm
from normalizer.report import FINAL, Status
from normalizer.tracking import is_valid
from normalizer.when import WIB

WINDOW = timedelta(days=90)
MOST = 1000
"""Items of one page."""
CLOSED = FINAL | {Status.ANSWERED}


class QueryFault(Exception):
    """What is wrong with a call, and the status that says so."""

    def __init__(self, status: int, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.status = status
        self.faults = faults


def csv(query: PartnerForm, name: str) -> list[str]:
    """Return the values of a parameter, repeated or with commas between them."""
    values = (part.strip() for value in query.all(name) for part in value.split(","))
    return [value for value in values if value]


def numbers(ids: Sequence[str]) -> list[str]:
    """Return those ids that are tracking numbers, however they are grouped."""
    bare = (id.replace("-", "") for id in ids)
    return [number for number in bare if is_valid(number)]


def read_filter(query: PartnerForm, now: datetime) -> ReportFilter:
    """Read which requests are asked for. Raises ``QueryFault`` with everything that is wrong."""
    faults: list[str] = []
    page = _whole(query, "page", 1, 1_000_000, faults)
    size = _whole(query, "page_size", MOST, MOST, faults)
    statuses = {status.lower() for status in csv(query, "status")}
    if statuses - {"open", "closed"}:
        faults.append("status: open or closed, or both with a comma between them")
    changed = [_moment(query, name, faults) for name in ("updated_after", "updated_before")]
    since: datetime | None = None
    until: datetime | None = None
    if not any(changed) or query.first("start_date") or query.first("end_date"):
        try:
            since, until = span(query, "start_date", "end_date", now)
        except QueryFault as fault:
            faults += fault.faults
    if faults:
        raise QueryFault(400, *faults)
    return ReportFilter(
        topics=csv(query, "service_code"),
        statuses=_statuses(statuses),
        since=since,
        until=until + timedelta(seconds=1) if until else None,
        updated_since=changed[0],
        updated_until=changed[1],
        skip=(page - 1) * size,
        most=size,
    )


def _statuses(wanted: set[str]) -> list[Status]:
    if wanted in (set(), {"open", "closed"}):
        return []
    return [status for status in Status if (status in CLOSED) == ("closed" in wanted)]


def _whole(query: PartnerForm, name: str, default: int, most: int, faults: list[str]) -> int:
    written = query.first(name)
    if not written:
        return default
    if written.isascii() and written.isdigit() and len(written) <= 7 and int(written) > 0:
        return min(int(written), most)
    faults.append(f"{name}: a whole number from 1")
    return default


def _moment(query: PartnerForm, name: str, faults: list[str]) -> datetime | None:
    """Read a time; a day alone begins at midnight in western Indonesia."""
    written = query.first(name).upper()
    if not written:
        return None
    try:
        if day := _day(written):
            return datetime.combine(day, time(), WIB).astimezone(UTC)
        # In a query that was not encoded the + of a zone has become a space.
        found = datetime.fromisoformat(written.replace(" ", "+") if "T" in written else written)
        if found.tzinfo:
            return found.astimezone(UTC)
        faults.append(f"{name}: needs its zone, as in 2026-01-31T00:00:00Z")
    except (ValueError, OverflowError):
        faults.append(f"{name}: a time such as 2026-01-31T00:00:00Z, or a day")
    return None


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def span(query: PartnerForm, first: str, last: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the window that was asked for; what is left out makes it 90 days long.

    A day as its end belongs to it whole.
    """
    faults: list[str] = []
    since, until = _moment(query, first, faults), _moment(query, last, faults)
    if faults:
        raise QueryFault(400, *faults)
    try:
        until = until or (since + WINDOW if since else now)
        since = since or until - WINDOW
        ordered, short = since <= until, until - since <= WINDOW
        if _day(query.first(last)):
            until += timedelta(days=1, seconds=-1)
        until + timedelta(seconds=1)
    except OverflowError:
        raise QueryFault(400, f"{first}, {last}: out of range") from None
    if not ordered or not short:
        raise QueryFault(400, f"{first}, {last}: at most 90 days, the earlier one first")
    return since, until
