"""What is done when a due row comes due. Each kind has a lane of its own, in one process at a time.

A kind that is slow or fails delays no other. A row that fails is counted, and put off longer and
longer; it delays no neighbour.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from gateway.platform import metrics
from gateway.store.cursors import Cursor
from gateway.store.due import DueRow
from gateway.store.engine import Unavailable
from gateway.store.reports import StaleWrite
from gateway.store.store import Store

log = structlog.get_logger(__name__)

EVERYWHERE = "*"
"""The channel of the cursor: one process does it for all of them."""
LEASE = 30.0
"""Seconds after which another process takes over from one that was killed."""
EVERY = 1.0
"""Seconds between two looks, when nothing comes due in this process."""
MOST = 100
"""Rows taken together."""


@dataclass(frozen=True, slots=True)
class DueOutcome:
    """What became of rows: how much was done, and which failed, by their key."""

    done: int
    failed: Mapping[str, Exception] = field(default_factory=dict)


class DueHandler(ABC):
    """Does what is due of one kind. Doing it twice changes nothing; it settles each row itself."""

    kind: str
    longest_pause = 3_600.0
    """Seconds for which a row that fails is put off at most."""

    async def handle(self, rows: Sequence[DueRow]) -> DueOutcome:
        """Do what is due, one row after the other. Raises ``Unavailable``."""
        done, failed = 0, dict[str, Exception]()
        for row in rows:
            try:
                done += await self.one(row)
            except Unavailable:
                raise
            except Exception as error:
                failed[row.key] = error
        return DueOutcome(done, failed)

    @abstractmethod
    async def one(self, row: DueRow) -> int:
        """Do one and settle its row, in one transaction; return how much was done."""


class DueTask:
    """The lane of one kind."""

    def __init__(self, store: Store, handler: DueHandler, cursor: Cursor) -> None:
        self._store = store
        self.handler = handler
        self._cursor = cursor

    async def run(self) -> None:
        """Do what comes due until cancelled."""
        try:
            while True:
                news = self._store.due_news
                with contextlib.suppress(Unavailable):
                    await self.turn()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await news.wait()
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Do what is due now; return how much was done. Raises ``Unavailable``."""
        if not await self._due(1) or await self._cursor.take(LEASE) is None:
            return 0
        rows = await self._due(MOST)  # who held the lease before may just have done it
        try:
            handled = await self.handler.handle(rows)
        except Unavailable:
            raise
        except StaleWrite:  # somebody changed a report meanwhile: it is done with the next look
            return 0
        except Exception as error:
            handled = DueOutcome(0, {row.key: error for row in rows})
        await self._postpone([row for row in rows if row.key in handled.failed], handled.failed)
        return handled.done

    async def _due(self, most: int) -> list[DueRow]:
        kind, at = self.handler.kind, self._store.now()
        return await self._store.due.rows(kind, at, most)

    async def _postpone(self, rows: Sequence[DueRow], failed: Mapping[str, Exception]) -> None:
        if not rows:
            return
        async with self._store.unit() as unit:
            for row in rows:
                what = type(failed[row.key]).__name__  # its words might quote a citizen
                pause = min(self.handler.longest_pause, 2.0 ** min(row.failures + 1, 12))
                until = self._store.now() + timedelta(seconds=pause)
                await unit.due.postpone(row, until, what)
                metrics.DUE_FAILED.labels(row.kind).inc()
                log.error(
                    "what was due failed and is tried again",
                    kind=row.kind,
                    error=what,
                    attempts=row.failures + 1,
                    delay=pause,
                )
