"""Finds what a queue has lost (purged, deleted, a broker without its disk) and puts it back.

The database holds all of it: messages that are not routed, deliveries that are not placed, files
that are not fetched. What leaves by lanes is on no queue, and a replay lets its row wait before it
puts a message on one. One process at a time looks. To put a message back that was not lost changes
nothing; each one is put back at most once in a while.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from gateway.broker.base import MEDIA, REPORTS, Broker, BrokerError
from gateway.platform import metrics
from gateway.store.cursors import Cursor
from gateway.store.engine import Unavailable
from gateway.store.store import Store

log = structlog.get_logger(__name__)

SWEEP = "sweep"
LEASE = 60.0
EVERY = 15.0
"""Seconds between two looks."""
PATIENCE = timedelta(minutes=1)
"""How long something may wait before it counts as lost."""
AGAIN = timedelta(minutes=15)
"""How long what was put back is left alone: its step may fail, and wait for its next attempt."""
MARGIN = timedelta(hours=1)
"""How much longer than all its attempts take a file may wait before it counts as lost."""
MOST = 500
LONGEST = 10_000
"""How much may be left alone at once: what is lost beyond that waits for its turn."""


class _PutBack:
    """What was put back when, as long as it is left alone."""

    def __init__(self, again: timedelta) -> None:
        self._again = again
        self._at: dict[str, datetime] = {}

    def left_alone(self, now: datetime) -> list[str]:
        """List what is left alone."""
        self._at = {id: at for id, at in self._at.items() if now - at < self._again}
        return list(self._at)

    def add(self, ids: Sequence[str], now: datetime) -> None:
        """Leave these alone from now on."""
        self._at |= dict.fromkeys(ids, now)


class Sweep:
    """The look for what is lost.

    ``called``: the agencies that are called, whose deliveries wait in lanes. ``retry_after``: the
    seconds after which what failed is tried again.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        cursor: Cursor,
        called: Collection[str],
        retry_after: Sequence[float],
    ) -> None:
        self._store = store
        self._broker = broker
        self._cursor = cursor
        self._called = called
        self._longest = timedelta(seconds=sum(retry_after)) + MARGIN
        self._steps, self._files = _PutBack(AGAIN), _PutBack(self._longest)

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                try:
                    await self.turn()
                except (Unavailable, BrokerError) as error:
                    log.warning("nothing was looked for that a queue lost", error=str(error))
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Put back what is lost; return how much. Raises ``Unavailable`` and ``BrokerError``."""
        if await self._cursor.take(LEASE) is None:
            return 0
        depths = await self._broker.depths()
        count = await self._look_for_steps(idle=not _waiting_in(REPORTS, depths))
        # The queue that is a table is looked at row by row, whatever else waits in it.
        idle = self._broker.outbox_is_queue or not _waiting_in(MEDIA, depths)
        count += await self._look_for_files(idle=idle)
        if count:
            metrics.PUT_BACK.inc(count)
            log.error("what a queue had lost was put back", count=count)
        return count

    async def _look_for_steps(self, *, idle: bool) -> int:
        """Put back messages and deliveries; ``idle`` says that no message waits on its queue."""
        now = self._store.now()
        besides, before = self._steps.left_alone(now), now - PATIENCE
        most = min(MOST, LONGEST - len(besides))
        if most <= 0:
            return 0
        async with self._store.unit() as unit:
            found = await unit.messages.requeue(before, besides, idle=idle, most=most)
            found += await unit.deliveries.requeue(before, besides, self._called, most=most)
        self._steps.add(found, now)
        return len(found)

    async def _look_for_files(self, *, idle: bool) -> int:
        """Put back what has files fetched; where other messages wait, what outwaited any retry.

        A file whose provider is away waits for hours between two attempts, and is not lost.
        """
        now = self._store.now()
        besides, before = self._files.left_alone(now), now - (PATIENCE if idle else self._longest)
        most = min(MOST, LONGEST - len(besides))
        if most <= 0:
            return 0
        async with self._store.unit() as unit:
            found = await unit.files.requeue(before, besides, most=most)
        self._files.add(found, now)
        return len(found)


def _waiting_in(queue: str, depths: Mapping[str, int]) -> int:
    """Count what waits on a queue and its retry queues."""
    return sum(
        n for name, n in depths.items() if name == queue or name.startswith(f"{queue}.retry.")
    )
