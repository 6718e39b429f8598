"""Finds what a queue has lost (purged, deleted, a broker without its disk) and puts it back.

The database holds all of it: messages that are not routed, deliveries that are not placed. One
process at a time looks. To put a message back that was not lost changes nothing; each one is put
back at most once in a while.
"""

import asyncio
import contextlib
from collections.abc import Collection
from datetime import datetime, timedelta

import structlog

from gateway.broker.base import REPORTS, Broker, BrokerError
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
MOST = 500
LONGEST = 10_000
"""How much may be left alone at once: what is lost beyond that waits for its turn."""


class Sweep:
    """The look for what is lost."""

    def __init__(
        self, store: Store, broker: Broker, cursor: Cursor, called: Collection[str]
    ) -> None:
        self._store = store
        self._broker = broker
        self._cursor = cursor
        self._called = called
        self._put_back: dict[str, datetime] = {}
        """When what was put back, as long as it is left alone."""

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                with contextlib.suppress(Unavailable, BrokerError):
                    await self.turn()
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Put back what is lost; return how much. Raises ``Unavailable`` and ``BrokerError``."""
        if await self._cursor.take(LEASE) is None:
            return 0
        now = self._store.now()
        self._put_back = {id: at for id, at in self._put_back.items() if now - at < AGAIN}
        besides, before = list(self._put_back), now - PATIENCE
        most = min(MOST, LONGEST - len(besides))
        if most <= 0:
            return 0
        depths = await self._broker.depths()
        waiting = sum(n for name, n in depths.items() if _waits_in(name))
        async with self._store.unit() as unit:
            found = await unit.messages.requeue(before, besides, idle=not waiting, most=most)
            found += await unit.deliveries.requeue(before, besides, self._called, most=most)
        if found:
            self._put_back |= dict.fromkeys(found, now)
            metrics.PUT_BACK.inc(len(found))
            log.error("what a queue had lost was put back", count=len(found))
        return len(found)


def _waits_in(name: str) -> bool:
    return name == REPORTS or name.startswith(f"{REPORTS}.retry.")
