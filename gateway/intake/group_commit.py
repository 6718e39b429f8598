"""Group commit at intake: items that come while a commit is under way share the next one.

``put`` returns when the item is durable: in the database, or in the fsynced spool while the
database is away. One bad item never fails its neighbours.
"""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from gateway.intake.load import IntakeLoad, NotDurable
from gateway.platform import metrics
from gateway.store.engine import Unavailable
from gateway.store.rows import IntakeItem, weight
from gateway.store.spool import Spool, SpoolFull
from gateway.store.store import Store

log = structlog.get_logger(__name__)

MOST = 200
"""Items that share one commit."""
MOST_BYTES = 8 * 2**20
"""Bytes that share one commit; a larger item has one for itself."""
AWAY = 1.0
"""Seconds between two looks at the spool, and at a database that did not answer."""
LONG = 30.0
"""Seconds that one spooled item may take, where the database answers and had too few for it."""
REST = 10
"""A batch that was tried in vain rests so many times as long as that took."""


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
        """Until when the spool is used straight away; 0 once the database has answered."""
        self.stuck: set[Path] = set()
        """Batches of the spool that cannot be opened, taken in, or taken out of the way."""
        self._resting: dict[Path, float] = {}
        """Until when a batch that was tried in vain is left alone."""

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
    def away(self) -> bool:
        """Whether the database did not answer lately, so that what comes goes into the spool."""
        return time.monotonic() < self._away_until

    def note_away(self, error: Unavailable) -> None:
        """Note that the database did not answer: only the drain asks it until it does."""
        if not self._away_until:
            log.warning("the database is away, spooling", error=str(error))
        self.load.restart()
        soon = time.monotonic() + 2 * AWAY  # before that the drain asks
        self._away_until = max(self._away_until, soon)

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
                for group in _groups(batch):
                    await self._settle(group)
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
        if not self.away:
            try:
                with metrics.STEP.labels("commit").time():
                    news = await self._store.take_in(items)
            except Unavailable as error:
                self.note_away(error)
            else:
                self._away_until = 0.0
                return news
        try:
            await asyncio.to_thread(self._spool.write, items)
        except SpoolFull as error:
            raise NotDurable(str(error)) from error
        metrics.SPOOLED.inc(len(items))
        return {item.id for item in items}

    async def _drain_for_ever(self) -> None:
        tidied = False
        while True:
            try:
                tidied = tidied or await self._tidy()
                if self._away_until:
                    await self._ask()
                await self.drain()
            except Unavailable:
                pass  # it is said where it was found
            except Exception as error:  # the folder cannot be listed now, or no file be opened
                log.error("the spool could not be drained", error=type(error).__name__)
            await asyncio.sleep(AWAY)

    async def _tidy(self) -> bool:
        if left := await asyncio.to_thread(self._spool.tidy):
            log.warning("what a crash left half written was removed", count=left)
        return True

    async def _ask(self) -> None:
        """Return when the database takes something; no door waits for it meanwhile.

        Raises ``Unavailable``.
        """
        self._away_until, until = math.inf, 0.0
        try:
            await self._store.try_write()
        except BaseException:
            until = time.monotonic() + 2 * AWAY
            raise
        finally:
            self._away_until = until

    async def drain(self) -> int:
        """Bring what the spool holds into the database; return how many batches. Idempotent.

        A file that cannot be handled holds up no other. Raises ``Unavailable``, and ``OSError``
        where the spool cannot be listed.
        """
        count, stuck = 0, set[Path]()
        waiting = await asyncio.to_thread(self._spool.waiting)
        self._resting = {path: until for path, until in self._resting.items() if path in waiting}
        for path in waiting:
            began = time.monotonic()
            if began < self._resting.get(path, 0.0):
                stuck.add(path)
                continue
            try:
                count += await self._drain_one(path)
            except Exception as error:
                if isinstance(error, Unavailable):
                    await self._ask()  # is it the database, or this batch alone?
                    self._resting[path] = began + (1 + REST) * (time.monotonic() - began)
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
            await self._ask()
            return await self._take_slowly(batch)
        except Exception as error:
            log.error("a spooled item was refused", items=len(batch), error=type(error).__name__)
            return len(batch) > 1 and all([await self._take_each([item]) for item in batch])
        return True

    async def _take_slowly(self, batch: Sequence[IntakeItem]) -> bool:
        """Take one by one what was too much at once, each with more time.

        Tells whether none was refused. Raises ``Unavailable`` where one is too much even so.
        """
        whole, late = True, None
        for item in batch:
            try:
                await self._store.take_in([item], within=LONG)
            except Unavailable as error:
                late = error
                await self._ask()
            except Exception as error:
                log.error("a spooled item was refused", items=1, error=type(error).__name__)
                whole = False
        if late:
            raise late
        return whole


def _groups(
    batch: Sequence[tuple[IntakeItem, asyncio.Future[bool]]],
) -> Iterator[list[tuple[IntakeItem, asyncio.Future[bool]]]]:
    """Part a batch, in its order, into groups that are not too large for one commit."""
    group, size = [batch[0]], weight(batch[0][0])
    for one in batch[1:]:
        size += weight(one[0])
        if size > MOST_BYTES:
            yield group
            group, size = [], weight(one[0])
        group.append(one)
    yield group


def _resolve(batch: Sequence[tuple[IntakeItem, asyncio.Future[bool]]], news: set[str]) -> None:
    for item, future in batch:
        if not future.done():
            future.set_result(item.id in news)


def _fail(batch: Sequence[tuple[IntakeItem, asyncio.Future[bool]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
