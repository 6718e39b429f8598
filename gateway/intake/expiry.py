"""Forgetting what the quarantine has kept long enough; one process at a time does it for all."""

import asyncio
import contextlib

import structlog

from gateway.store.cursors import Cursor
from gateway.store.engine import Unavailable
from gateway.store.store import Store

log = structlog.get_logger(__name__)

EXPIRE = "expire"
LEASE = 60.0
EVERY = 600.0
"""Seconds between two looks."""


class Expiry:
    """The expiry of the quarantine."""

    def __init__(self, store: Store, cursor: Cursor) -> None:
        self._store = store
        self._cursor = cursor

    async def run(self) -> None:
        """Forget until cancelled."""
        try:
            while True:
                with contextlib.suppress(Unavailable):
                    await self.turn()
                await asyncio.sleep(EVERY)
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Forget what is old, batch by batch; return how much it was. Raises ``Unavailable``."""
        count = 0
        while await self._cursor.take(LEASE) is not None:
            async with self._store.unit() as unit:
                gone = await unit.quarantine.forget()
            count += gone
            if not gone:
                await self._warn()
                break
        if count:
            log.info("the quarantine forgot what was old", count=count)
        return count

    async def _warn(self) -> None:
        """Say loudly when messages take more room than the quota of noise: they are kept."""
        room = await self._store.quarantine.room()
        if room.over(self._store.quota.limits):
            log.error("unread messages fill the quarantine: release or dismiss", count=room.rows)
