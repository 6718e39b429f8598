"""Deliveries: reports on their way to agencies, and how far each one is.

A delivery only goes forward: pending, placed, fetched, read. It fails or is
withdrawn only while it is not placed; a failed one is due again when an operator replays it.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, get_args

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import correlation
from gateway.store.engine import Database
from gateway.store.lanes import LaneTable, claim_of, claim_rows
from gateway.store.leases import LeaseClock
from gateway.store.queries import Queries
from gateway.store.queue_table import Outbox
from gateway.store.rows import Delivery, DeliveryState, LaneClaim, Reached, Retry, redact, tidy
from gateway.store.tables import deliveries, queue, reports
from gateway.store.views import AgencyEvent
from gateway.wire.events import ASSIGNED, WITHDRAWN, may_get, to_agency
from gateway.wire.outbound import outbound
from gateway.wire.queues import DELIVERIES, DeadLetter
from normalizer.report import Report, Status

_DUE = deliveries.c.placed_at.is_(None) & (deliveries.c.state != "withdrawn")
PAGE = 4_000_000
"""Characters of reports that an agency is given at once; one report may be longer."""
_WITH_AGENCY = ("placed", "fetched")
INBOX = "inbox"
"""The method by which people read on our own pages, and machines by the agencies' API."""


def delivery_lanes(leases: LeaseClock) -> LaneTable:
    """Return how deliveries leave whose agencies are called: by agency."""
    return LaneTable(deliveries, deliveries.c.agency_id, deliveries.c.state == "pending", leases)


class DeliveryRepository:
    """The deliveries in one transaction.

    ``moment`` is now by the database's clock: agencies read their list in this order, and
    machines whose clocks differ must not pass a delivery over. ``methods``: the names of the
    methods of agencies that have several.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        now: Callable[[], datetime],
        moment: Callable[[], ColumnElement[datetime]],
        lanes: LaneTable,
        outbox: Outbox,
        methods: Mapping[str, Sequence[str]],
    ) -> None:
        self._connection = connection
        self._methods = methods
        self._now = now
        self._moment = moment
        self._lanes = lanes
        self._outbox = outbox
        self._new: list[dict[str, Any]] = []
        self.lanes: set[str] = set()
        """The agencies for which something became due in this unit."""

    def methods_of(self, agency_id: str) -> Sequence[str]:
        """Return the names of an agency's methods; "" for one alone, which settings may change."""
        return self._methods.get(agency_id, ("",))

    def add(
        self,
        id: str,
        report: Report,
        agency_id: str,
        event: str,
        *,
        method: str = "",
        repeats: str | None = None,
    ) -> None:
        """File a delivery, and the queue message that has it placed."""
        new = Delivery(id, report.id, agency_id, event, self._now(), method=method, repeats=repeats)
        row = {name: getattr(new, name) for name in _FIELDS if name != "created_at"}
        self._new.append(row | {"correlation": correlation.current()})
        self.lanes.add(agency_id)
        self._outbox.put(outbound(DELIVERIES, id, at=self._now()))

    async def by_ids(self, ids: Collection[str]) -> dict[str, Delivery]:
        """Read deliveries by id."""
        query = select(deliveries).where(deliveries.c.id.in_(ids))
        rows = (await self._connection.execute(query)).mappings().all()
        return {row["id"]: _delivery(row) for row in rows}

    async def place(self, ids: Collection[str], method: str, *, reached: Reached) -> set[str]:
        """Note that deliveries were placed; return those that were due until now.

        A unit that holds the same delivery waits for this unit to end, and then gets none of them.
        """
        if not ids:
            return set()
        now = self._now()
        changes: dict[str, Any] = {"method": method, "placed_at": now, "ended_at": None}
        changes |= {"detail": "", "state": _forward(reached), "lease": None}
        if reached == "fetched":
            changes["fetched_at"] = func.coalesce(deliveries.c.fetched_at, literal(now, _TIME))
        elif method == INBOX:
            unfetched = deliveries.c.fetched_at.is_(None) & (deliveries.c.event != WITHDRAWN)
            changes["waits_since"] = case((unfetched, literal(now, _TIME)), else_=None)
        return await self._change(deliveries.c.id.in_(ids) & _DUE, changes)

    async def fetch(self, ids: Collection[str], *, by: str = "") -> set[str]:
        """Note that the agency has deliveries in its hands; return those of which that is news.

        ``by``: the account that has them in its list, or "" for the agency's machine.
        """
        if not ids:
            return set()
        return await self._fetch(deliveries.c.id.in_(ids), by)

    async def fetch_inbox(
        self, report_ids: Collection[str], agency_ids: Collection[str], *, by: str
    ) -> set[str]:
        """Note that an account has reports of agencies in its list; return what of it is news."""
        if not (report_ids and agency_ids):
            return set()
        waiting = deliveries.c.report_id.in_(report_ids) & deliveries.c.agency_id.in_(agency_ids)
        waiting &= (deliveries.c.method == INBOX) & (deliveries.c.state == "placed")
        return await self._fetch(waiting, by)

    async def _fetch(self, which: ColumnElement[bool], by: str) -> set[str]:
        theirs = which & deliveries.c.fetched_at.is_(None) & (deliveries.c.state != "withdrawn")
        changes: dict[str, Any] = {"fetched_at": self._now(), "state": _forward("fetched")}
        changes |= {"fetched_by": by, "waits_since": None}
        return await self._change(theirs, changes | {"detail": "", "ended_at": None})

    async def read(self, report_id: str, agency_id: str, *, by: str = "") -> set[str]:
        """Note that an agency read what it had of a report until now; return what of it is news.

        An account, ``by``, opens what is in the inbox. Without one the agency acted: then it read
        all of it, however it came.
        """
        theirs = (deliveries.c.report_id == report_id) & (deliveries.c.agency_id == agency_id)
        theirs &= deliveries.c.state.in_(_WITH_AGENCY)
        now = self._now()
        changes: dict[str, Any] = {"state": "read", "read_at": now, "read_by": by}
        if by:
            theirs &= deliveries.c.method == INBOX
            unseen = deliveries.c.fetched_at.is_(None)
            changes["fetched_by"] = case((unseen, by), else_=deliveries.c.fetched_by)
            changes["fetched_at"] = func.coalesce(deliveries.c.fetched_at, literal(now, _TIME))
        return await self._change(theirs, changes | {"waits_since": None})

    async def with_agency(self, report_id: str, agency_id: str) -> list[Delivery]:
        """List an agency's deliveries of a report."""
        query = select(deliveries).where(
            deliveries.c.report_id == report_id, deliveries.c.agency_id == agency_id
        )
        return [_delivery(row) for row in (await self._connection.execute(query)).mappings()]

    async def wait(self, report_id: str, agency_id: str, *, again: bool) -> None:
        """Let what an agency did not fetch of a report wait from now on, or no longer."""
        waiting = (deliveries.c.report_id == report_id) & (deliveries.c.agency_id == agency_id)
        waiting &= deliveries.c.waits_since.is_not(None)
        await self._change(waiting, {"waits_since": self._now() if again else None})

    async def fail(self, id: str, detail: str) -> None:
        """Note that a delivery was given up."""
        await self._end(id, "failed", detail)

    async def withdraw(self, id: str, detail: str) -> None:
        """Take a delivery back that is not placed yet."""
        await self._end(id, "withdrawn", detail)

    async def take_back(self, report_id: str, agency_id: str, detail: str) -> bool:
        """Withdraw what an agency has not got of a report: unplaced, or unfetched in its inbox.

        Tells whether it has, or may have, some of it: who is being called, or could look into its
        inbox, may have it though nothing says so. Who was told of the loss already has nothing.
        """
        theirs = (deliveries.c.report_id == report_id) & (deliveries.c.agency_id == agency_id)
        in_inbox = (deliveries.c.state == "placed") & (deliveries.c.method == INBOX)
        untouched = deliveries.c.state.in_(("pending", "failed")) | in_inbox
        it_had = or_(
            deliveries.c.placed_at.is_not(None),
            deliveries.c.fetched_at.is_not(None),
            deliveries.c.lease.is_not(None),
            deliveries.c.attempts > 0,
            deliveries.c.event == WITHDRAWN,
        )
        newest = select(deliveries.c.event).where(theirs, it_had)
        newest = newest.order_by(deliveries.c.created_at.desc(), deliveries.c.id).limit(1)
        event = (await self._connection.execute(newest)).scalar()
        changes = {"state": "withdrawn", "detail": detail, "ended_at": self._now(), "lease": None}
        changes |= {"waits_since": None}
        await self._change(theirs & untouched & (deliveries.c.event != WITHDRAWN), changes)
        return event is not None and event != WITHDRAWN

    async def claim(
        self, agency: str, most: int, *, lease: float, take_over: bool
    ) -> list[tuple[LaneClaim, Delivery]]:
        """Claim what is due of an agency for ``lease`` seconds; not what is not committed yet.

        ``take_over``: also what somebody held too long.
        """
        statement = self._lanes.claim(agency, (), most, lease=lease, take_over=take_over)
        rows = await claim_rows(self._connection, statement)
        return [(claim_of(row), _delivery(row)) for row in rows]

    async def extend(self, claims: Collection[LaneClaim], *, lease: float) -> None:
        """Hold claimed rows for ``lease`` seconds more: they are still under way."""
        await self._connection.execute(self._lanes.extend(claims, lease=lease))

    async def ids_under(self, claims: Collection[LaneClaim]) -> set[str]:
        """Return the ids of the rows that no other process has taken over from these claims."""
        return set((await self._connection.execute(self._lanes.ids_under(claims))).scalars())

    async def put_off(self, claim: LaneClaim, retry: Retry) -> None:
        """Let a delivery wait whose agency was called in vain."""
        marks = {"detail": redact(retry.error, 1000)}
        await self._connection.execute(self._lanes.put_off(claim, retry, **marks))

    async def give_up(self, claim: LaneClaim, error: str) -> None:
        """Note that a delivery failed for good, until an operator replays it."""
        await self.fail(claim.id, error)
        message = outbound(DELIVERIES, claim.id, at=self._now())
        self._outbox.bury(DeadLetter(message, claim.attempts + 1, error))

    async def resume(self, ids: Collection[str]) -> None:
        """Let deliveries wait again that were given up and are replayed.

        The message by which one was first to be placed may come late: as long as there is a dead
        letter, no operator replayed it.
        """
        letters = (queue.c.queue == DELIVERIES) & (queue.c.state == "dead")
        is_dead = exists().where(letters, queue.c.message_id == deliveries.c.id)
        again = deliveries.c.id.in_(ids) & (deliveries.c.state == "failed") & _DUE & ~is_dead
        change = update(deliveries).where(again)
        change = change.values(state="pending", detail="", ended_at=None, **self._lanes.again())
        rows = await self._connection.execute(change.returning(deliveries.c.agency_id))
        self.lanes.update(rows.scalars())

    async def requeue(
        self, before: datetime, besides: Collection[str], called: Collection[str], *, most: int
    ) -> list[str]:
        """Put deliveries on their queue again, ``besides`` some, that wait since before a moment.

        Those of agencies that are ``called`` wait in their lanes. Returns their ids.
        """
        on_queue = exists().where(
            queue.c.queue == DELIVERIES, queue.c.message_id == deliveries.c.id
        )
        lost = select(deliveries.c.id).where(
            deliveries.c.state == "pending",
            deliveries.c.created_at < before,
            deliveries.c.agency_id.not_in(called),
            deliveries.c.id.not_in(besides),
            ~on_queue,
        )
        ids = (await self._connection.execute(lost.limit(most))).scalars().all()
        for id in ids:
            self._outbox.put(outbound(DELIVERIES, id, at=self._now()))
        return list(ids)

    async def move_to_inbox(self, ids: Collection[str]) -> set[str]:
        """Move deliveries from a queue to the inbox, but those in hand; return those there are."""
        theirs = deliveries.c.id.in_({id for id in ids if tidy(id, 36) == id})
        on_queue = (deliveries.c.state == "placed") & (deliveries.c.method == "queue")
        move = update(deliveries).where(theirs, on_queue)
        move = move.values(method=INBOX, waits_since=self._now())
        await self._connection.execute(move)
        there = await self._connection.execute(select(deliveries.c.id).where(theirs))
        return set(there.scalars())

    async def agencies_reached(self, report_id: str) -> list[str]:
        """List the agencies that can have a report, or have it; of one moment in any order."""
        there = deliveries.c.placed_at.is_not(None) | deliveries.c.fetched_at.is_not(None)
        query = select(deliveries.c.agency_id).where(deliveries.c.report_id == report_id, there)
        query = query.order_by(deliveries.c.created_at)
        return list(dict.fromkeys((await self._connection.execute(query)).scalars()))

    async def assigned_to(self, report_id: str) -> set[str]:
        """Return the agencies that were to answer a report, now or before."""
        query = select(deliveries.c.agency_id).where(
            deliveries.c.report_id == report_id, deliveries.c.event == ASSIGNED
        )
        return set((await self._connection.execute(query)).scalars())

    async def flush(self) -> None:
        """Write the new ones."""
        if self._new:
            new = insert(deliveries).values(send_at=self._lanes.now(), created_at=self._moment())
            await self._connection.execute(new, self._new)
            self._new.clear()

    async def _end(self, id: str, state: DeliveryState, detail: str) -> None:
        ours = (deliveries.c.id == id) & deliveries.c.state.in_(("pending", "failed"))
        changes = {"state": state, "detail": redact(detail, 1000), "ended_at": self._now()}
        changes["lease"] = None
        await self._change(ours, changes)

    async def _change(self, which: Any, changes: dict[str, Any]) -> set[str]:
        change = update(deliveries).where(which).values(**changes).returning(deliveries.c.id)
        return set((await self._connection.execute(change)).scalars())


class DeliveryQueries(Queries):
    """Reads of deliveries."""

    def __init__(
        self, database: Database, moment: Callable[[float], ColumnElement[datetime]]
    ) -> None:
        super().__init__(database)
        self._moment = moment

    async def count_by_queue(self, agency: str) -> int:
        """Count what was ever placed on an agency's queue, and not moved from it."""
        placed = (deliveries.c.agency_id == agency) & (deliveries.c.method == "queue")
        count: int = await self._one(select(func.count()).where(placed))
        return count

    async def count_unplaced(
        self, before: datetime, called: Collection[str], called_before: datetime
    ) -> int:
        """Count what waits to be placed since before a moment, and is no dead letter.

        Agencies that are ``called`` have a moment of their own: they may be away for a while.
        """
        letters = (queue.c.queue == DELIVERIES) & (queue.c.state == "dead")
        is_dead = exists().where(letters, queue.c.message_id == deliveries.c.id)
        since, is_called = deliveries.c.created_at, deliveries.c.agency_id.in_(called)
        late = or_(~is_called & (since < before), is_called & (since < called_before))
        query = select(func.count()).where(deliveries.c.state == "pending", late, ~is_dead)
        count: int = await self._one(query)
        return count

    async def unfetched(
        self, before: datetime, own: Mapping[str, datetime], *, most: int
    ) -> list[tuple[str, str]]:
        """List what waits unfetched in inboxes since before a moment, as (report, agency).

        ``own``: the moments of agencies that have their own.
        """
        since, agency = deliveries.c.waits_since, deliveries.c.agency_id
        by_moment: dict[datetime, list[str]] = {}
        for id, moment in own.items():
            by_moment.setdefault(moment, []).append(id)
        late = agency.not_in(list(own)) & (since <= before)
        for moment, agencies in by_moment.items():
            late |= agency.in_(agencies) & (since <= moment)
        latest = max((before, *by_moment))
        query = select(deliveries.c.report_id, agency)
        query = query.where(since.is_not(None), since <= latest, late)
        query = query.order_by(since).limit(most)
        return [(row.report_id, row.agency_id) for row in await self._all(query)]

    async def waits_in_inbox(
        self, report_ids: Collection[str], agency_ids: Collection[str]
    ) -> bool:
        """Tell whether any of some reports is unfetched in the inbox of one of its agencies."""
        query = select(deliveries.c.id).where(
            deliveries.c.report_id.in_(report_ids),
            deliveries.c.agency_id.in_(agency_ids),
            deliveries.c.waits_since.is_not(None),
        )
        return bool(report_ids) and await self._one(query.limit(1)) is not None

    async def count_unread(self, most: int) -> tuple[int, int]:
        """Count reports that wait unfetched in inboxes, and their agencies, up to ``most``."""
        some = select(deliveries.c.report_id, deliveries.c.agency_id)
        some = some.where(deliveries.c.waits_since.is_not(None)).limit(most)
        waiting = some.subquery()
        still = waiting.join(
            reports,
            (reports.c.id == waiting.c.report_id) & (reports.c.agency_id == waiting.c.agency_id),
        )
        distinct = func.count(waiting.c.report_id.distinct())
        agencies = func.count(waiting.c.agency_id.distinct())
        query = select().add_columns(distinct, agencies).select_from(still)
        query = query.where(reports.c.status == Status.FORWARDED.value)
        (row,) = await self._all(query)
        return int(row[0]), int(row[1])

    async def of(self, report_id: str) -> tuple[Delivery, ...]:
        """List a report's deliveries, oldest first."""
        query = select(deliveries).where(deliveries.c.report_id == report_id)
        rows = await self._rows(query.order_by(deliveries.c.created_at))
        return tuple(_delivery(row) for row in rows)

    async def unread(self, report_ids: Collection[str], agencies: Collection[str]) -> set[str]:
        """Return the reports of which something is in the inbox of agencies, and not read yet."""
        query = select(deliveries.c.report_id).where(
            deliveries.c.report_id.in_(report_ids),
            deliveries.c.agency_id.in_(sorted(agencies)),
            deliveries.c.state.in_(("pending", *_WITH_AGENCY)),
            deliveries.c.method.in_((INBOX, "")),
            deliveries.c.event != WITHDRAWN,
        )
        return {row.report_id for row in await self._all(query)}

    async def agencies_by_queue(self, since: datetime) -> set[str]:
        """Return the agencies on whose queue something was placed since a moment."""
        query = select(deliveries.c.agency_id).distinct()
        query = query.where(deliveries.c.method == "queue", deliveries.c.placed_at >= since)
        return {row[0] for row in await self._all(query)}

    async def for_agency(self, agency: str, *, after: str, most: int) -> list[AgencyEvent]:
        """List an agency's deliveries in order, each report as it stands; ``after`` is an id.

        The newest wait until no transaction that began before them can still be under way:
        else a reader's cursor could pass over a delivery that is committed late.
        """
        while page := await self._page(agency, after, most):
            whole = select(reports.c.id, reports.c.body)
            whole = whole.where(reports.c.id.in_({row["report_id"] for row in page}))
            bodies = {row["id"]: row["body"] for row in await self._rows(whole)}
            if found := await asyncio.to_thread(_agency_events, page, bodies, agency):
                return found
            after = page[-1]["id"]
        return []

    async def _page(self, agency: str, after: str, most: int) -> Sequence[RowMapping]:
        """Return a page of deliveries: what a reader gets at once has a largest size, too."""
        settled = self._moment(-self._database.timeout)
        joined = deliveries.join(reports, reports.c.id == deliveries.c.report_id)
        query = select(deliveries, func.length(reports.c.body).label("size")).select_from(joined)
        query = query.where(
            deliveries.c.state != "withdrawn",
            deliveries.c.agency_id == agency,
            deliveries.c.repeats.is_(None),
            deliveries.c.created_at <= settled,
        )
        at, id = deliveries.c.created_at, deliveries.c.id
        if after:
            begun = await self._one(select(at).where(id == after))
            if begun is None:
                return []
            query = query.where((at > begun) | ((at == begun) & (id > after)))
        page = await self._rows(query.order_by(at, id).limit(most))
        sizes = list(accumulate(row["size"] for row in page))
        return page[: max(1, bisect_right(sizes, PAGE))]


def waits_unfetched() -> ColumnElement[bool]:
    """Return the condition that a row of ``reports`` waits unfetched in its agency's inbox."""
    return exists().where(
        deliveries.c.report_id == reports.c.id,
        deliveries.c.agency_id == reports.c.agency_id,
        deliveries.c.waits_since.is_not(None),
    )


_FIELDS = tuple(Delivery.__dataclass_fields__)
_TIME = deliveries.c.created_at.type
_ORDER: Sequence[DeliveryState] = ("pending", "placed", "fetched", "read")


def _forward(to: Reached) -> Any:
    """Say a state in SQL, unless a later one was reached already."""
    later = _ORDER[_ORDER.index(to) + 1 :]
    return case((deliveries.c.state.in_(later), deliveries.c.state), else_=to)


def _delivery(row: RowMapping) -> Delivery:
    """Read a row of the table."""
    assert row["state"] in get_args(DeliveryState)
    return Delivery(**{name: row[name] for name in _FIELDS})


def _agency_events(
    rows: Sequence[RowMapping], bodies: Mapping[str, str], agency: str
) -> list[AgencyEvent]:
    """Compose what an agency gets of deliveries; beside the event loop, as there may be many."""
    whole = {id: Report.model_validate_json(body) for id, body in bodies.items()}
    found = ((row, whole[row["report_id"]]) for row in rows)
    return [
        AgencyEvent(
            row["id"],
            to_agency(row["event"], row["id"], report, at=row["created_at"]).decode(),
            fetched=row["fetched_at"] is not None,
        )
        for row, report in found
        if may_get(row["event"], report, agency)
    ]
