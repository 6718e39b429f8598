"""The exchanges of channels with their providers, kept for operators: the newest, not for long.

A channel keeps at most ``KEPT`` rows of each outcome and direction, so that what failed is not
pushed out by what went well, nor our own calls by what strangers send; a row has at most 1 kB.
What is older than ``KEPT_FOR`` goes, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import exchanges

KEPT = 300
"""Rows of one channel and direction that went well, and as many that did not."""
KEPT_FOR = timedelta(days=7)
WITHIN = 2.0
"""Seconds a write may take: nothing that matters waits for it."""


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """One call, as an operator sees it."""

    channel: str
    at: datetime
    direction: str
    """"in" from the provider, "out" to it."""
    method: str
    target: str
    status: int | None
    seconds: float
    failed: bool
    error: str
    excerpt: str
    correlation: str


class ExchangeRepository(Queries):
    """The exchanges; each call is a transaction of its own. Raises ``Unavailable``."""

    def __init__(self, database: Database, wall: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._wall = wall

    async def put(self, rows: Sequence[ExchangeView]) -> None:
        """Add rows and delete what is too old or too much, in one transaction."""
        old = exchanges.c.at < self._wall() - KEPT_FOR
        async with self._database.write(within=WITHIN) as connection:
            if rows:
                await connection.execute(insert(exchanges), [_row(row) for row in rows])
            await connection.execute(delete(exchanges).where(old))
            kinds = {(row.channel, row.failed, row.direction) for row in rows}
            for channel, failed, direction in sorted(kinds):
                same = (exchanges.c.channel == channel) & (exchanges.c.failed == failed)
                same &= exchanges.c.direction == direction
                newest = select(exchanges.c.id).where(same).order_by(exchanges.c.id.desc())
                last = newest.offset(KEPT).limit(1).scalar_subquery()
                await connection.execute(delete(exchanges).where(same, exchanges.c.id <= last))

    async def latest(self, channel: str, most: int) -> list[ExchangeView]:
        """List the newest of one channel, newest first."""
        query = select(exchanges).where(exchanges.c.channel == channel)
        query = query.order_by(exchanges.c.id.desc()).limit(most)
        rows = await self._rows(query)
        return [ExchangeView(**{k: v for k, v in row.items() if k != "id"}) for row in rows]

    async def channels(self) -> list[str]:
        """List who has any."""
        query = select(exchanges.c.channel).distinct().order_by(exchanges.c.channel)
        return [row.channel for row in await self._all(query)]


def _row(row: ExchangeView) -> dict[str, object]:
    return {name: getattr(row, name) for name in ExchangeView.__dataclass_fields__}
