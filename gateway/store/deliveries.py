"""Deliveries: reports on their way to agencies, and how far each one is.

Part of a unit of work. A delivery only goes forward: pending, placed, fetched, read. It fails or is
withdrawn only while it is not placed; a failed one is due again when an operator replays it.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import RowMapping, case, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import Delivery, DeliveryState, Reached, noted
from gateway.store.tables import deliveries

_DUE = deliveries.c.placed_at.is_(None) & (deliveries.c.state != "withdrawn")
_WITH_AGENCY = ("placed", "fetched")


class DeliveryRepository:
    """The deliveries in one transaction."""

    def __init__(self, connection: AsyncConnection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now
        self._new: list[dict[str, Any]] = []

    def add(self, delivery: Delivery) -> None:
        """File a new delivery."""
        self._new.append({name: getattr(delivery, name) for name in _FIELDS})

    async def by_ids(self, ids: Collection[str]) -> dict[str, Delivery]:
        """Read deliveries by id."""
        query = select(deliveries).where(deliveries.c.id.in_(ids))
        rows = (await self._connection.execute(query)).mappings().all()
        return {row["id"]: delivery_of(row) for row in rows}

    async def place(self, ids: Collection[str], method: str, *, reached: Reached) -> set[str]:
        """Note that deliveries were placed; return those that were due until now.

        Whoever else holds the same delivery waits for this unit to end, and then gets none of them.
        """
        if not ids:
            return set()
        now = self._now()
        changes: dict[str, Any] = {"method": method, "placed_at": now, "ended_at": None}
        changes |= {"detail": "", "state": _forward(reached)}
        if reached == "fetched":
            changes["fetched_at"] = func.coalesce(deliveries.c.fetched_at, literal(now, _TIME))
        return await self._change(deliveries.c.id.in_(ids) & _DUE, changes)

    async def fetch(self, ids: Collection[str]) -> set[str]:
        """Note that the agency has deliveries in its hands; return those of which that is news."""
        if not ids:
            return set()
        theirs = deliveries.c.id.in_(ids) & deliveries.c.fetched_at.is_(None)
        theirs &= deliveries.c.state != "withdrawn"
        changes: dict[str, Any] = {"fetched_at": self._now(), "state": _forward("fetched")}
        return await self._change(theirs, changes | {"detail": "", "ended_at": None})

    async def read(self, report_id: str, agency_id: str) -> None:
        """Note that an agency acted on a report: what it had of it until now was read."""
        theirs = (deliveries.c.report_id == report_id) & (deliveries.c.agency_id == agency_id)
        theirs &= deliveries.c.state.in_(_WITH_AGENCY)
        await self._change(theirs, {"state": "read", "read_at": self._now()})

    async def fail(self, id: str, detail: str) -> None:
        """Note that a delivery was given up."""
        await self._end(id, "failed", detail)

    async def withdraw(self, id: str, detail: str) -> None:
        """Take a delivery back that is not placed yet."""
        await self._end(id, "withdrawn", detail)

    async def agencies_reached(self, report_id: str) -> list[str]:
        """List the agencies that can have a report, or have it, the first first."""
        there = deliveries.c.placed_at.is_not(None) | deliveries.c.fetched_at.is_not(None)
        query = select(deliveries.c.agency_id).where(deliveries.c.report_id == report_id, there)
        query = query.order_by(deliveries.c.created_at)
        return list(dict.fromkeys((await self._connection.execute(query)).scalars()))

    async def flush(self) -> None:
        """Write the new ones."""
        if self._new:
            await self._connection.execute(insert(deliveries), self._new)
            self._new.clear()

    async def _end(self, id: str, state: DeliveryState, detail: str) -> None:
        ours = (deliveries.c.id == id) & deliveries.c.state.in_(("pending", "failed"))
        changes = {"state": state, "detail": noted(detail, 1000), "ended_at": self._now()}
        await self._change(ours, changes)

    async def _change(self, which: Any, changes: dict[str, Any]) -> set[str]:
        change = update(deliveries).where(which).values(**changes).returning(deliveries.c.id)
        return set((await self._connection.execute(change)).scalars())


_FIELDS = tuple(Delivery.__dataclass_fields__)
_TIME = deliveries.c.created_at.type
_ORDER: Sequence[DeliveryState] = ("pending", "placed", "fetched", "read")


def _forward(to: Reached) -> Any:
    """Say a state in SQL, unless a later one was reached already."""
    later = _ORDER[_ORDER.index(to) + 1 :]
    return case((deliveries.c.state.in_(later), deliveries.c.state), else_=to)


def delivery_of(row: RowMapping) -> Delivery:
    """Read a row of the table."""
    assert row["state"] in get_args(DeliveryState)
    return Delivery(**{name: row[name] for name in _FIELDS})
