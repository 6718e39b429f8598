"""A lane: what leaves to one channel or one agency, at its pace, some at a time.

No message waits for another one to end, and no lane for another lane. Each is claimed before it
leaves and filed by itself afterwards; while the database cannot be written, nothing new leaves, and
what came of what left is kept until it can be filed. A lane whose other end does not answer rests,
longer each time, and tries with one message.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from adapters.contract import Throttled, UnknownOutcome, Unreachable
from gateway.platform import correlation, metrics
from gateway.platform.news import News
from gateway.queues.consumer import may_succeed, reason_of
from gateway.store.engine import Unavailable
from gateway.store.rows import LaneClaim, Retry

log = structlog.get_logger(__name__)

SEND = 30.0
"""Seconds in which a send must end; one that does not may have arrived."""
LEASE = 30.0
"""Seconds after which another process takes over what one that was killed had claimed."""
BEATS = 3
"""Signs of life for what is under way, in the time of a lease."""
PAUSE = 0.5
"""Seconds to wait while the database is away."""
LONGEST_PAUSE = 5.0
POLL = 5.0
"""Seconds between two looks where no news comes."""
AFTER = 5
"""Failures in a row after which a lane rests."""
LONGEST_REST = 60.0

LOOK = 0.5
"""Seconds between two looks at what became due by the clock, or in another process."""
OTHERS = ""
"""The name of the lane of rows whose lane is none of the others."""

Row = TypeVar("Row")


Look = Callable[[], Awaitable[set[str]]]
"""Returns the names of the lanes of one kind in which something is due."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Row]):
    """A row that was claimed, and is to leave."""

    claim: LaneClaim
    row: Row


class LaneWork(ABC, Generic[Row]):
    """What a lane does with its rows: of one table, for one channel or agency."""

    kind: str
    name: str
    lease: float
    """Seconds for which a claim holds without a sign of life."""

    @abstractmethod
    async def claim(self, most: int, *, take_over: bool) -> Sequence[Job[Row]]:
        """Claim up to ``most`` rows. Raises ``Unavailable``.

        ``take_over``: also those that somebody held and let go without a word.
        """

    @abstractmethod
    async def put_off_oldest(self, error: Exception, *, take_over: bool) -> None:
        """Put off the row that is due first: it could not be made ready. Raises ``Unavailable``."""

    @abstractmethod
    async def extend(self, claims: Sequence[LaneClaim]) -> None:
        """Hold claims for as long as a lease from now on. Raises ``Unavailable``."""

    @abstractmethod
    async def send(self, job: Job[Row]) -> object:
        """Let one leave; return what came of it, an exception where it failed. Never raises."""

    @abstractmethod
    async def file(self, done: Sequence[tuple[Job[Row], object]]) -> dict[str, Exception]:
        """Write down what came of some, in one transaction; return what failed, by id.

        Raises ``Unavailable``.
        """


def retry_for(
    kind: str, claim: LaneClaim, error: Exception, retry_after: Sequence[float]
) -> Retry | None:
    """Return how a row waits after a failure, None where it is given up; log and count it."""
    said = reason_of(error)
    told = {"queue": kind, "message": claim.id, "error": said}
    if not may_succeed(error) or claim.attempts >= len(retry_after):
        log.error("a message is given up", attempts=claim.attempts + 1, **told)
        metrics.BURIED.labels(kind).inc()
        return None
    delay = retry_after[claim.attempts]
    if isinstance(error, Throttled):
        delay = max(delay, error.retry_after)
    log.warning("a message comes again", delay=delay, **told)
    metrics.RETRIED.labels(kind).inc()
    return Retry(delay, said, doubt=isinstance(error, UnknownOutcome))


class Pace:
    """So many in a second; a short idle time earns a small burst."""

    def __init__(self, per_second: float, burst: int = 5) -> None:
        self._gap = 1 / per_second
        self._credit = burst * self._gap
        self._next = 0.0

    def pause(self) -> float:
        """Return the seconds until the next turn."""
        return max(0.0, self._next - time.monotonic())

    def room(self) -> int:
        """Return how many may go now."""
        now = time.monotonic()
        since = now - max(self._next, now - self._credit)
        return int(since / self._gap + 1e-9) + 1 if since >= 0 else 0

    def take(self, count: int) -> None:
        """Count so many as gone."""
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + count * self._gap


class Breaker:
    """Keeps a lane from trying again and again what does not answer."""

    def __init__(self) -> None:
        self.failures = 0
        """In a row, without an answer."""
        self._until = 0.0

    @property
    def tripped(self) -> bool:
        """Tell whether the other end counts as away: one message at a time tries it."""
        return self.failures >= AFTER

    def pause(self) -> float:
        """Return the seconds for which the lane rests."""
        return max(0.0, self._until - time.monotonic())

    def note(self, outcome: object) -> None:
        """Note what came of a try."""
        if isinstance(outcome, Throttled):
            self._rest(outcome.retry_after)
        elif isinstance(outcome, Unreachable):
            self.failures += 1
            if self.tripped:
                self._rest(min(LONGEST_REST, 2.0 ** (self.failures - AFTER)))
        else:
            self.failures = 0

    def _rest(self, seconds: float) -> None:
        self._until = max(self._until, time.monotonic() + seconds)


class Lane(Generic[Row]):
    """One lane, worked on by one task of this process; other processes have the same lane."""

    def __init__(
        self, work: LaneWork[Row], news: News, *, concurrency: int, pace: Pace | None = None
    ) -> None:
        self.work = work
        self.breaker = Breaker()
        self._news = news
        self._concurrency = concurrency
        self._pace = pace
        self._running: set[asyncio.Task[None]] = set()
        self._held: dict[str, LaneClaim] = {}
        """By what this lane holds what is under way or not filed yet."""
        self._done: asyncio.Queue[tuple[Job[Row], object, asyncio.Future[None]]] = asyncio.Queue()
        self._ending = asyncio.Event()
        self._steady_since = time.monotonic()
        """Since when the database takes what this lane writes, as far as it knows."""

    @property
    def under_way(self) -> int:
        """How many are leaving now, or have left and are not filed yet."""
        return len(self._held)

    @property
    def label(self) -> str:
        """Name it, in logs and metrics."""
        return f"{self.work.kind} {self.work.name}"

    def unsettle(self) -> None:
        """Note that the database may have been away: no process could say what came of a send."""
        self._steady_since = time.monotonic()

    def end(self) -> None:
        """Claim nothing more; ``run`` returns when what is under way has ended and is filed."""
        self._ending.set()

    async def run(self) -> None:
        """Let leave what is due, until ``end``."""
        filing = asyncio.create_task(self._file_for_ever())
        beating = asyncio.create_task(self._beat_for_ever())
        try:
            while not self._ending.is_set():
                await self._turn()
            if self._running:
                await asyncio.wait(self._running)
        finally:
            tasks = (*self._running, filing, beating)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self) -> None:
        if (pause := self._pause()) > 0:
            await self._wait(pause)
            if self.breaker.tripped:
                self.unsettle()  # while it rested it heard nothing of the database
            return
        if (room := self._room()) <= 0:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return
        news = self._news.of((self.work.kind, self.work.name))
        try:
            jobs = await self._claim(room, take_over=self._may_take_over())
        except Unavailable as error:
            self.unsettle()
            log.warning("the database is away", queue=self.label, error=str(error))
            await self._wait(PAUSE)
            return
        if not jobs:
            await self._wait(POLL, news)
            return
        if self._pace:
            self._pace.take(len(jobs))
        for job in jobs:
            task = asyncio.create_task(self._one(job))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _claim(self, most: int, *, take_over: bool) -> Sequence[Job[Row]]:
        """Claim rows; one that cannot be made ready is put off and holds up no other."""
        try:
            return await self.work.claim(most, take_over=take_over)
        except Unavailable:
            raise
        except Exception as error:
            if most > 1:
                return await self._claim(1, take_over=take_over)
            await self.work.put_off_oldest(error, take_over=take_over)
            return []

    def _may_take_over(self) -> bool:
        """Tell whether who holds a row too long is surely gone.

        While the database was away no process could say that it is alive, or what came of a send;
        each gets its time to say so before a row is taken for lost.
        """
        return time.monotonic() - self._steady_since > self.work.lease

    def _pause(self) -> float:
        return max(self.breaker.pause(), self._pace.pause() if self._pace else 0.0)

    def _room(self) -> int:
        most = 1 if self.breaker.tripped else self._concurrency
        free = most - len(self._running)
        return min(free, self._pace.room()) if self._pace else free

    async def _wait(self, seconds: float, news: asyncio.Event | None = None) -> None:
        events = [each.wait() for each in (self._ending, news) if each]
        waits = [asyncio.ensure_future(each) for each in events]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _one(self, job: Job[Row]) -> None:
        self._held[job.claim.id] = job.claim
        try:
            with correlation.message(job.claim.correlation):
                outcome = await self.work.send(job)
            self.breaker.note(outcome)
            filed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._done.put_nowait((job, outcome, filed))
            await filed
        finally:
            del self._held[job.claim.id]

    async def _beat_for_ever(self) -> None:
        """Keep the claims of what takes long."""
        pause = regular = self.work.lease / BEATS
        while True:
            await asyncio.sleep(pause)
            pause = regular if not self._held or await self._beat() else PAUSE

    async def _beat(self) -> bool:
        """Give a sign of life for what is under way; tell whether the database took it."""
        try:
            await self.work.extend(list(self._held.values()))
        except Unavailable:
            self.unsettle()
            return False
        return True

    async def _file_for_ever(self) -> None:
        """File what has ended, all of it that ended meanwhile in one transaction."""
        while True:
            batch = [await self._done.get()]
            while not self._done.empty():
                batch.append(self._done.get_nowait())
            with metrics.STEP.labels(self.work.kind).time():
                await self._file([(job, outcome) for job, outcome, _ in batch])
            for _, _, filed in batch:
                if not filed.done():
                    filed.set_result(None)

    async def _file(self, done: Sequence[tuple[Job[Row], object]]) -> None:
        pause = PAUSE
        while True:
            try:
                await self.work.file(done)
                return
            except Unavailable as error:
                self.unsettle()
                log.warning("the database is away", queue=self.label, error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                if len(done) > 1:
                    for one in done:
                        await self._file([one])
                    return
                # It stays claimed: when that ends it counts as a doubt, and is seen.
                log.error("an outcome was not filed", queue=self.label, error=type(error).__name__)
                return

    async def once(self) -> dict[str, Exception]:
        """Let leave all that is due now; return what failed, by id. Raises ``Unavailable``."""
        failed: dict[str, Exception] = {}
        while jobs := await self._claim(self._concurrency, take_over=True):
            outcomes = await asyncio.gather(*(self._sent(job) for job in jobs))
            failed |= await self.work.file(list(zip(jobs, outcomes, strict=True)))
        return failed

    async def _sent(self, job: Job[Row]) -> object:
        with correlation.message(job.claim.correlation):
            return await self.work.send(job)


class LaneWatch:
    """Tells the lanes of this process what is due, with one look for all lanes of a kind."""

    def __init__(self, news: News, looks: Mapping[str, Look], lanes: Sequence[Lane[Any]]) -> None:
        self._news = news
        self._looks = looks
        self._lanes = lanes
        self._known = {(lane.work.kind, lane.work.name) for lane in lanes}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                for kind, due in self._looks.items():
                    names = {(kind, name) for name in await due()}
                    known = names & self._known
                    self._news.tell(known | {(kind, OTHERS)} if names - known else known)
            except Unavailable:
                for lane in self._lanes:
                    lane.unsettle()
            await asyncio.sleep(LOOK)
