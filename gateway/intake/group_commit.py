"""Group commit at intake: items that come while a commit is under way share the next one.

``put`` returns when the item is durable: in the database, or in the fsynced spool while the
database is away. One bad item never fails its neighbours.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from gateway.intake.load import IntakeLoad, NotDurable
from gateway.platform import metrics
from gateway.store.engine import Unavailable
from gateway.store.rows import IntakeItem
from gateway.store.spool import Spool, SpoolFull
from gateway.store.store import Store

log = structlog.get_logger(__name__)

MOST = 200
"""Items that share one commit."""
AWAY = 1.0
"""Seconds for which the spool is used straight away after the database did not answer."""


class Unstorable(Exception):
    """The database answers but will not take this one item."""


class GroupCommit:
    """The one way into the store. ``start`` before use; ``stop`` waits for what is under way.

    ``load`` is what the doors have under way, and bounds what waits here.
    """

    def __init__(self, store: Store, spool: Spool, load: IntakeLoad) -> None:
        self._store = store
        self._spool = spool
        self.load = load
        self._waiting: asyncio.Queue[tuple[IntakeItem, asyncio.Future[bool]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._away_until = 0.0
        self.stuck: set[Path] = set()
        """Batches of the spool that cannot be opened, or not be taken out of the way."""

    async def start(self) -> None:
        """Begin to commit and to drain the spool."""
        self._tasks = [
            asyncio.create_task(self._commit_for_ever(), name="group commit"),
            asyncio.create_task(self._drain_for_ever(), name="drain the spool"),
        ]

    async def stop(self) -> None:
        """Commit what is waiting, then stop."""
        await self._waiting.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def put(self, item: IntakeItem) -> bool:
        """Make ``item`` durable; tell whether it was news (True while that is not known).

        Raises ``NotDurable`` and ``Unstorable``.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((item, future))
        return await future

    @property
    def spooled(self) -> int:
        """Batches in the spool."""
        return len(self._spool.waiting())

    async def _commit_for_ever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._settle(batch)
            finally:
                for _ in batch:
                    self._waiting.task_done()

    async def _settle(self, batch: Sequence[tuple[IntakeItem, asyncio.Future[bool]]]) -> None:
        try:
            news = await self._commit([item for item, _ in batch])
            _resolve(batch, news)
        except NotDurable as error:
            _fail(batch, error)
        except Exception as error:
            if len(batch) == 1:
                id, what = batch[0][0].id, type(error).__name__
                log.error("an item was refused", item=id, error=what, correlation=id)
                _fail(batch, Unstorable(type(error).__name__))
            else:
                for one in batch:
                    await self._settle([one])

    async def _commit(self, items: Sequence[IntakeItem]) -> set[str]:
        if time.monotonic() >= self._away_until:
            try:
                with metrics.STEP.labels("commit").time():
                    return await self._store.take_in(items)
            except Unavailable as error:
                self._away_until = time.monotonic() + AWAY
                self.load.restart()
                log.warning("the database is away, spooling", error=str(error))
        try:
            await asyncio.to_thread(self._spool.write, items)
        except SpoolFull as error:
            raise NotDurable(str(error)) from error
        metrics.SPOOLED.inc(len(items))
        return {item.id for item in items}

    async def _drain_for_ever(self) -> None:
        if left := await asyncio.to_thread(self._spool.tidy):
            log.warning("what a crash left half written was removed", count=left)
        while True:
            with contextlib.suppress(Unavailable):
                await self.drain()
            await asyncio.sleep(AWAY)

    async def drain(self) -> int:
        """Bring what the spool holds into the database; return how many batches. Idempotent.

        A file that cannot be handled holds up no other. Raises ``Unavailable``.
        """
        count, stuck = 0, set[Path]()
        for path in await asyncio.to_thread(self._spool.waiting):
            try:
                count += await self._drain_one(path)
            except Unavailable:
                raise
            except Exception as error:
                stuck.add(path)
                if path not in self.stuck:
                    log.error("a spooled batch could not be drained", error=type(error).__name__)
        self.stuck = stuck
        return count

    async def restore(self) -> int:
        """Take up again what the spool set aside; return how many batches. Raises ``Unavailable``.

        What the database refuses once more is set aside once more.
        """
        count = await asyncio.to_thread(self._spool.restore)
        await self.drain()
        return count

    async def _drain_one(self, path: Path) -> bool:
        batch = await asyncio.to_thread(self._spool.read, path)
        if batch is None:
            return False
        whole = await self._take_each(batch)
        settle = self._spool.done if whole else self._spool.set_aside
        await asyncio.to_thread(settle, path)
        return True

    async def _take_each(self, batch: Sequence[IntakeItem]) -> bool:
        try:
            await self._store.take_in(batch)
        except Unavailable:
            raise
        except Exception as error:
            log.error("a spooled item was refused", items=len(batch), error=type(error).__name__)
            return len(batch) > 1 and all([await self._take_each([item]) for item in batch])
        return True


def _resolve(batch: Sequence[tuple[IntakeItem, asyncio.Future[bool]]], news: set[str]) -> None:
    for item, future in batch:
        if not future.done():
            future.set_result(item.id in news)


def _fail(batch: Sequence[tuple[IntakeItem, asyncio.Future[bool]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
