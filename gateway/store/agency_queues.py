"""Agencies' queues that there may be on the broker: AMQP cannot list them, so the store does.

A row stands for a queue. What became of it:

    UNSEEN  the version before made it, and it was not looked at yet
    READ    settings name it, or somebody reads it: what comes still goes there
    LEFT    it is not read: what comes goes to the inbox, and what is in it is moved there
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, exists, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.queries import Queries
from gateway.store.tables import agency_queues, queue
from gateway.wire.queues import agency_queue

UNSEEN, READ, LEFT = "unseen", "read", "left"
_agency_id = agency_queues.c.agency_id
_ADD = text(
    "INSERT INTO agency_queues (agency_id, state, unknown) "
    "VALUES (:agency_id, :state, :unknown) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class AgencyQueue:
    """An agency's queue, as it was when it was looked at."""

    agency_id: str
    state: str
    read_at: datetime | None
    """When somebody was last seen to read it, or settings last named it."""
    unknown: int
    """Messages in it that are of no delivery."""

    @property
    def name(self) -> str:
        """The name of the queue."""
        return agency_queue(self.agency_id)


class AgencyQueueRepository:
    """The agencies' queues in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def in_use(self, agencies: Collection[str]) -> set[str]:
        """Return those whose queue is read, or may be; none is left before this unit ends."""
        if not agencies:
            return set()
        query = select(_agency_id).where(_agency_id.in_(agencies), agency_queues.c.state != LEFT)
        rows = await self._connection.execute(query.with_for_update(read=True))
        return set(rows.scalars())

    async def add(self, agencies: Collection[str]) -> None:
        """List queues that are not listed yet, as left: no reader of them was seen."""
        if agencies:
            rows = [{"agency_id": agency, "state": LEFT, "unknown": 0} for agency in agencies]
            await self._connection.execute(_ADD, rows)

    async def keep(self, agencies: Collection[str], at: datetime) -> None:
        """List the queues that settings name, as read: they count as that for a while after."""
        await self.add(agencies)
        change = update(agency_queues).where(_agency_id.in_(agencies))
        await self._connection.execute(change.values(state=READ, read_at=at))

    async def note(
        self, agency: str, state: str, *, at: datetime, read_at: datetime | None, unknown: int
    ) -> None:
        """Note how a queue was found; a unit that places on it ends first."""
        change = update(agency_queues).where(_agency_id == agency)
        values = {"state": state, "looked_at": at, "read_at": read_at, "unknown": unknown}
        await self._connection.execute(change.values(**values))

    async def forget(self, agency: str) -> None:
        """Forget a queue that is gone, unless a dead letter of it may be replayed."""
        dead = exists().where(queue.c.queue == agency_queue(agency))
        await self._connection.execute(delete(agency_queues).where(_agency_id == agency, ~dead))


class AgencyQueueQueries(Queries):
    """Reads of agencies' queues."""

    async def due(
        self, before: datetime, besides: Collection[str], most: int
    ) -> Sequence[AgencyQueue]:
        """List queues that were not looked at since a moment, ``besides`` some agencies'."""
        looked_at = agency_queues.c.looked_at
        wanted = or_(looked_at.is_(None), looked_at < before) & _agency_id.not_in(besides)
        query = select(agency_queues).where(wanted).order_by(looked_at.is_not(None), looked_at)
        return [_agency_queue(row) for row in await self._rows(query.limit(most))]

    async def kept(self, besides: Collection[str], most: int) -> Sequence[AgencyQueue]:
        """List queues that are read, or hold what is of no delivery, ``besides`` some agencies'."""
        wanted = or_(agency_queues.c.state == READ, agency_queues.c.unknown > 0)
        query = select(agency_queues).where(wanted, _agency_id.not_in(besides)).order_by(_agency_id)
        return [_agency_queue(row) for row in await self._rows(query.limit(most))]


def _agency_queue(row: RowMapping) -> AgencyQueue:
    values: dict[str, Any] = {name: row[name] for name in AgencyQueue.__dataclass_fields__}
    return AgencyQueue(**values)
