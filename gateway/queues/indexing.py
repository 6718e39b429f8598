"""Lets reports be found by their words soon after they change, beside the hot path.

One process at a time looks at what changed. The last seconds are left for the next look: what was
changed in them may not be committed yet. Doing a report twice changes nothing.
"""

import asyncio
import contextlib

import structlog

from gateway.store.cursors import Cursor, LeaseLost
from gateway.store.engine import Unavailable
from gateway.store.search import IndexPlace, words_of
from gateway.store.store import Store

log = structlog.get_logger(__name__)

LEASE = 60.0
EVERY = 2.0
"""Seconds between two looks."""
AT_ONCE = 200
"""Reports of one transaction."""


class ReportIndexer:
    """The look at what changed, but for the last seconds: ``settled``, where not as usual."""

    def __init__(self, store: Store, cursor: Cursor, settled: float | None = None) -> None:
        self._store = store
        self._cursor = cursor
        self._settled = settled

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                count = 0
                try:
                    count = await self.turn()
                except (Unavailable, LeaseLost) as error:
                    log.warning("reports were not indexed", error=str(error))
                await asyncio.sleep(EVERY if count < AT_ONCE else 0)
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Index some of what changed; return how many. Raises ``Unavailable``, ``LeaseLost``."""
        place = await self._cursor.take(LEASE)
        if place is None:
            return 0
        before = IndexPlace.read(place.cursor)
        changed = await self._store.search.changed(before, settled=self._settled, most=AT_ONCE)
        if not changed:
            return 0
        words = await asyncio.to_thread(
            lambda: {report.id: words_of(report) for _, report in changed}
        )
        async with self._store.unit() as unit:
            await unit.search.put(words)
            await unit.cursors.move(self._cursor.step(place, str(changed[-1][0]), pause=0))
        return len(changed)
