"""Rows that wait to be handed to somebody outside, by lane: one channel, or one agency.

A row is claimed, in a transaction that ends before anything of it leaves: that is the durable mark
of the process that sends it, and until when. A claim that finds the mark of a process whose time
ran out counts a doubt: the row may have left already. All moments are the database's own.
"""

import secrets
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Table,
    TextClause,
    Update,
    and_,
    case,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database
from gateway.store.leases import LeaseClock
from gateway.store.queries import Queries
from gateway.store.rows import LaneClaim, Retry
from gateway.store.views import LaneView


class LaneTable:
    """A table whose rows leave by lanes.

    ``lane`` is the column that names a row's lane, and ``waiting`` says which rows wait, in the
    words of its index: of a list of values no database can tell that the index covers it. ``marks``
    are further columns that a claim sets.
    """

    def __init__(
        self,
        table: Table,
        lane: ColumnElement[str],
        waiting: ColumnElement[bool] | TextClause,
        leases: LeaseClock,
        **marks: Any,
    ) -> None:
        self.kind = table.name
        self._table = table
        self._lane = lane
        self._time = leases.seconds()
        self._waiting = waiting
        self._due = and_(waiting, table.c.send_at <= self._time)
        self._marks = marks

    def now(self) -> ColumnElement[float]:
        """Return the moment at which a new row is due."""
        return self._time

    def again(self) -> dict[str, Any]:
        """Return what makes a row due as if it had never been tried."""
        return {"attempts": 0, "doubts": 0, "lease": None, "send_at": self._time}

    def claim(
        self,
        lane: str | None,
        besides: Collection[str],
        most: int,
        *,
        lease: float,
        take_over: bool,
        only: TextClause | None = None,
    ) -> Any:
        """Return the statement that claims due rows, ``only`` some, and hands them over.

        ``take_over`` says whether also those that somebody held whose time ran out.
        """
        columns = self._table.c
        due = self.due(lane, besides)
        if only is not None:
            due = and_(due, only)
        chosen = select(columns.id).where(due if take_over else due & columns.lease.is_(None))
        chosen = chosen.order_by(columns.send_at, columns.created_at).limit(most)
        chosen = chosen.with_for_update(
            skip_locked=True
        )  # SQLite has one writer, and leaves it out
        taken = update(self._table).where(columns.id.in_(chosen.scalar_subquery()))
        taken = taken.values(
            doubts=columns.doubts + case((columns.lease.is_not(None), 1), else_=0),
            lease=secrets.token_hex(16),
            send_at=self._time + lease,
            **self._marks,
        )
        return taken.returning(self._table)

    def extend(self, claims: Collection[LaneClaim], *, lease: float) -> Update:
        """Return the statement that holds claimed rows for ``lease`` seconds more."""
        columns, leases = self._table.c, {each.lease for each in claims}
        mine = columns.id.in_([each.id for each in claims]), columns.lease.in_(leases)
        return update(self._table).where(*mine).values(send_at=self._time + lease)

    def ids_under(self, claims: Collection[LaneClaim]) -> Select[Any]:
        """Return the query for the rows that are still held by these claims; it keeps them so."""
        columns, leases = self._table.c, {each.lease for each in claims}
        mine = columns.id.in_([each.id for each in claims]), columns.lease.in_(leases)
        return select(columns.id).where(*mine).with_for_update()

    def put_off(self, claim: LaneClaim, retry: Retry, **marks: Any) -> Update:
        """Return the statement by which the holder of a row lets it wait."""
        columns = self._table.c
        change = update(self._table).where(columns.id == claim.id, columns.lease == claim.lease)
        return change.values(
            lease=None,
            send_at=self._time + retry.delay,
            attempts=columns.attempts + int(retry.counted),
            doubts=columns.doubts + int(retry.doubt),
            **marks,
        )

    def due(self, lane: str | None, besides: Collection[str] = ()) -> ColumnElement[bool]:
        """Say which rows of a lane are due; without one, of all lanes ``besides`` those named."""
        return self._due & (self._lane == lane if lane is not None else self._lane.not_in(besides))

    def troubled(self, late: float) -> Any:
        """Return the query for the lanes in which something failed, or is due for ``late`` seconds.

        What is late longest comes first.
        """
        columns = self._table.c
        failing = self._waiting & (columns.attempts > 0)
        since = func.min(case((self._due, columns.send_at)))
        overdue = self._due & columns.lease.is_(None) & (columns.send_at <= self._time - late)
        counted = func.count().filter(failing), func.coalesce(self._time - since, 0.0)
        query = select(self._lane, *counted).where(failing | overdue).group_by(self._lane)
        return query.order_by(counted[1].desc(), self._lane)

    def lanes(self) -> Any:
        """Return the query for the lanes in which something is due."""
        return select(self._lane).where(self._due).distinct()


async def claim_rows(connection: AsyncConnection, statement: Any) -> Sequence[RowMapping]:
    """LaneClaim, and return what was claimed, the oldest first."""
    rows = (await connection.execute(statement)).mappings().all()
    return sorted(rows, key=lambda row: row["created_at"])


def claim_of(row: RowMapping) -> LaneClaim:
    """Read by what a row is held that was claimed."""
    correlation = row["correlation"] or row["id"]
    return LaneClaim(row["id"], row["lease"], row["attempts"], row["doubts"], correlation)


class LaneQueries(Queries):
    """Looks at what is due; claiming is the repositories' affair."""

    def __init__(self, database: Database, table: LaneTable) -> None:
        super().__init__(database)
        self._lanes = table

    async def due(self) -> set[str]:
        """Return the lanes in which something is due. Raises ``Unavailable``."""
        return {row[0] for row in await self._all(self._lanes.lanes())}

    async def troubled(self, late: float) -> tuple[LaneView, ...]:
        """Return the lanes that are not well, the latest first. Raises ``Unavailable``.

        ``late`` is after how many seconds something that is due counts.
        """
        rows = await self._all(self._lanes.troubled(late))
        return tuple(LaneView(self._lanes.kind, *row) for row in rows)

    async def any_due(self, lane: str | None, besides: Collection[str] = ()) -> bool:
        """Tell whether something of a lane is due. Raises ``Unavailable``."""
        return bool(await self._all(select(1).where(self._lanes.due(lane, besides)).limit(1)))
