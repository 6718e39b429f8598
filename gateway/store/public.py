"""Reads for partners and the public: what was reported, how far it is, what was answered.

A report is *open* when it may stand in a public list: it went to an agency, is not *rahasia* and
not sensitive. ``own`` is (channel, account) of a partner, who sees what it sent itself whatever it
is.
"""

import json
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from adapters.contract import Own, ReportFilter, ReportUpdate, VisibleReport
from gateway.store.ownership import is_owned, messages_and_theirs, owned_ids
from gateway.store.scope import EVERYWHERE, AccessScope, visible
from gateway.store.store import Store
from gateway.store.tables import events, messages, notifications, reports
from normalizer.message import Kind, Message
from normalizer.report import Report, Status

OPEN = frozenset(
    {Status.FORWARDED, Status.IN_PROGRESS, Status.ANSWERED}
    | {s for s in Status if s.startswith("closed_")}
)
"""Statuses in which an agency has, or had, the report."""
TO_THINGS = frozenset({"collapse", "electricity", "fire", "flood", "live-wire"})
"""Kinds of danger that may stand in a public list; every other one is about somebody."""
MOVED = ("assigned_by_operator", "handed_over", "returned", "recalled")
"""Kinds of events by which people move a report."""
TOLD = ("agency_replied", "agency_refused", *MOVED, *(s.value for s in Status))
"""Kinds of events that say how far a report is."""

_REGENCY = 5
"""Characters of the code of a regency or city."""
FEWEST = 5
"""Fewer reports of one regency are not counted in public: they could be told apart."""


class PublicQueries:
    """What may be seen of one store. Every method raises ``Unavailable``."""

    def __init__(self, store: Store, sensitive: Set[str]) -> None:
        self._store = store
        self._sensitive = sensitive

    async def newest(self, wanted: ReportFilter, own: Own = None) -> list[VisibleReport]:
        """List reports that are open or the partner's own, newest first."""
        query = select(reports.c.id, reports.c.body, reports.c.updated_at)
        query = query.where(
            or_(_is_open(self._sensitive), reports.c.id.in_(_filed_by(own))), *_filters(wanted)
        )
        query = query.order_by(reports.c.received_at.desc(), reports.c.id)
        rows = await self._all(query.offset(wanted.skip).limit(wanted.most))
        mine = await self._mine(own, [row.id for row in rows])
        found = ((row, Report.model_validate_json(row.body)) for row in rows)
        return [
            VisibleReport(report.tracking, report, row.updated_at, row.id in mine)
            for row, report in found
        ]

    async def by_number(self, numbers: Iterable[str], own: Own = None) -> list[VisibleReport]:
        """Find reports by the numbers their senders were told, those on their way included."""
        wanted = list(dict.fromkeys(numbers))
        query = select(
            messages.c.tracking, messages.c.channel, messages.c.account, messages.c.body
        ).add_columns(reports.c.body.label("filed"), reports.c.updated_at, messages.c.received_at)
        query = query.select_from(messages_and_theirs()).where(messages.c.tracking.in_(wanted))
        told = {row.tracking: row for row in await self._all(query)}
        return [
            VisibleReport(
                number,
                _report(row),
                row.updated_at or row.received_at,
                own == (row.channel, row.account),
            )
            for number in wanted
            if (row := told.get(number))
        ]

    async def sent_by(
        self, own: tuple[str, str], *, before: str = "", most: int = 50
    ) -> list[tuple[str, VisibleReport]]:
        """List what a partner sent, newest first, as (cursor, report); ``before`` is a cursor."""
        query = select(messages.c.id, messages.c.tracking, messages.c.received_at, messages.c.body)
        query = query.add_columns(reports.c.body.label("filed"), reports.c.updated_at)
        query = query.select_from(messages_and_theirs()).where(*_by(own))
        if before:
            at = select(messages.c.received_at).where(messages.c.id == before).scalar_subquery()
            same = and_(messages.c.received_at == at, messages.c.id < before)
            query = query.where(or_(messages.c.received_at < at, same))
        query = query.order_by(messages.c.received_at.desc(), messages.c.id.desc())
        return [
            (
                row.id,
                VisibleReport(
                    row.tracking or "",
                    _report(row),
                    row.updated_at or row.received_at,
                    own=True,
                ),
            )
            for row in await self._all(query.limit(most))
        ]

    async def updates(
        self, since: datetime, until: datetime, own: Own = None, *, most: int = 1000
    ) -> list[ReportUpdate]:
        """List what happened in [since, until): of a partner's own reports, else of open ones."""
        number = messages.c.tracking if own else reports.c.tracking
        query = select(number.label("number"), events, reports.c.body)
        joined = events.join(reports, reports.c.id == events.c.report_id)
        if own:
            joined = joined.join(messages, is_owned())
            query = query.where(*_by(own), messages.c.external_id.not_like("update:%"))
        else:
            query = query.where(_is_open(self._sensitive))
        query = query.select_from(joined).where(
            reports.c.updated_at >= since,
            events.c.at >= since,
            events.c.at < until,
            events.c.kind.in_(TOLD),
        )
        rows = await self._all(query.order_by(events.c.at, events.c.seq).limit(most))
        return [_update(row) for row in rows]

    async def counts(self) -> list[tuple[str, int]]:
        """Count the sensitive reports that agencies have, by the code of their regency.

        Counts are rounded down to multiples of ``FEWEST``, so that none tells of one person and
        none gives a report away when it changes.
        """
        regency = func.substr(reports.c.region, 1, 5).label("regency")
        handled = reports.c.status.in_([s.value for s in OPEN])
        shown = reports.c.confidential.is_(False)
        placed = func.length(reports.c.region) >= _REGENCY
        query = select(regency, func.count()).where(
            handled, shown, placed, ~_is_open(self._sensitive)
        )
        rows = await self._all(query.group_by(regency).order_by(regency))
        return [(row[0], row[1] - row[1] % FEWEST) for row in rows if row[1] >= FEWEST]

    async def agreed(self, most: int, scope: AccessScope = EVERYWHERE) -> list[Report]:
        """List open reports whose reporters agreed to be read, undecided ones first, then old."""
        agreed = reports.c.publicity.is_not(None) & _is_open(self._sensitive)
        query = select(reports.c.body).where(agreed, visible(scope))
        query = query.order_by(reports.c.publicity, reports.c.received_at)
        return [Report.model_validate_json(row.body) for row in await self._all(query.limit(most))]

    async def notifications(self, report: Report) -> Sequence[tuple[datetime, str]]:
        """List what a report's sender was told, oldest first; never what others were."""
        query = select(notifications.c.created_at, notifications.c.text).where(
            notifications.c.report_id == report.id,
            notifications.c.reader.in_(("", report.reporter.ref)),
        )
        rows = await self._all(query.order_by(notifications.c.created_at, notifications.c.id))
        return [(row.created_at, row.text) for row in rows]

    async def _mine(self, own: Own, ids: Sequence[str]) -> set[str]:
        query = _filed_by(own).where(reports.c.id.in_(ids))
        return {row[0] for row in await self._all(query)} if own and ids else set()

    async def _all(self, query: Select[Any]) -> Sequence[Any]:
        async with self._store.database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows


def _report(row: Any) -> Report:
    """Return the report of a message; of one that is on its way, what it would open."""
    if row.filed:
        return Report.model_validate_json(row.filed)
    return Report.open(Message.model_validate_json(row.body))


def _update(row: Any) -> ReportUpdate:
    said = json.loads(row.data)
    report = Report.model_validate_json(row.body)
    reply, text = (str(said.get(key, "")) for key in ("kind", "text"))
    return ReportUpdate(row.number or "", row.seq, row.at, row.kind, report, reply, text)


def is_sensitive(report: Report, sensitive: Set[str]) -> bool:
    """Tell whether a report may name people who could be harmed, or it is not known yet what it is.

    ``sensitive`` are the ids of topics that do.
    """
    supervised = report.kind is Kind.SUPERVISED_COMPLAINT
    violent = report.urgency is not None and report.urgency.id not in TO_THINGS
    return supervised or violent or report.topic is None or report.topic.id in sensitive


def is_open(report: Report, sensitive: Set[str]) -> bool:
    """Tell whether a report may stand in a public list."""
    return report.status in OPEN and not (report.confidential or is_sensitive(report, sensitive))


def may_be_read(report: Report, sensitive: Set[str]) -> bool:
    """Tell whether the words of a report may be public, once an operator released them."""
    return report.public and not report.anonymous and is_open(report, sensitive)


def _is_open(sensitive: Set[str]) -> ColumnElement[bool]:
    """The same, asked of the database."""
    unhidden = reports.c.confidential.is_(False), reports.c.kind != Kind.SUPERVISED_COMPLAINT.value
    harmless = or_(reports.c.danger.is_(None), reports.c.danger.in_(sorted(TO_THINGS)))
    known = reports.c.topic_id.is_not(None) & reports.c.topic_id.not_in(sorted(sensitive))
    return and_(reports.c.status.in_([s.value for s in OPEN]), known, harmless, *unhidden)


def _by(own: Own) -> tuple[ColumnElement[bool], ...]:
    if own is None:
        return (false(),)
    return messages.c.channel == own[0], messages.c.account == own[1]


def _filed_by(own: Own) -> Select[Any]:
    return owned_ids(*_by(own))


def _filters(wanted: ReportFilter) -> list[ColumnElement[bool]]:
    bounds = (
        (reports.c.received_at, wanted.since, wanted.until),
        (reports.c.updated_at, wanted.updated_since, wanted.updated_until),
    )
    found = [column >= since for column, since, _ in bounds if since]
    found += [column < until for column, _, until in bounds if until]
    if wanted.topics:
        found.append(reports.c.topic_id.in_(wanted.topics))
    if wanted.statuses:
        found.append(reports.c.status.in_([status.value for status in wanted.statuses]))
    return found
