"""A duty: what one provider needs again and again (being read, a connection), by one process.

The process that holds the cursor looks when a look is due, and keeps holding it. A look that fails
is noted with its words, and the next one is put off longer each time. All of it is in the
database: the duty goes on where it was after a restart, or in another process.
"""

import asyncio
import contextlib
import math
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from adapters.contract import Channel, ChannelError, Throttled
from gateway.platform import correlation, metrics
from gateway.store.cursors import Cursor, CursorPlace, LeaseLost
from gateway.store.engine import Unavailable

log = structlog.get_logger(__name__)

LEASE = 15.0
"""Seconds after which another process takes over from one that was killed."""
BEAT = LEASE / 3
"""Seconds between two signs of life, and between two looks at whether the holder is gone."""
PAUSE = 1.0
"""Seconds to wait while the database is away."""
LONGEST_PAUSE = 60.0
LONGEST_WAIT = 86_400.0
"""Seconds; a provider that asks for more is asked again after a day."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one look brought: messages that were news, and the seconds until the next look."""

    news: int
    pause: float
    more: bool = False
    """The provider holds more already."""


class LeasedTask(ABC):
    """One provider and its cursor. ``kind`` names the work in logs and metrics."""

    kind: str

    def __init__(self, channel: Channel, cursor: Cursor) -> None:
        self.channel = channel
        self._cursor = cursor
        self._fresh = True
        """This process has not looked yet: there may have been an outage."""

    @property
    @abstractmethod
    def every(self) -> float:
        """Seconds between two looks when all is well."""

    @abstractmethod
    async def look(self, place: CursorPlace) -> PollResult:
        """Look once and move the cursor.

        Raises ``ChannelError``, ``Unavailable`` and ``LeaseLost``.
        """

    async def run(self) -> None:
        """Look until cancelled, then let another process go on at once."""
        try:
            while True:
                pause = await self.turn()
                await asyncio.sleep(pause)
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> float:
        """Do what is to be done now and return the seconds until the next turn; never raises."""
        try:
            place = await self._cursor.take(LEASE)
            if place is None:
                return BEAT
            if place.wait > 0 and (place.failures or not self._fresh):
                return min(place.wait, BEAT)
            self._fresh = False
            with correlation.request():
                return min(await self._look(place), BEAT)
        except Unavailable as error:
            self._say("the database is away", error)
            return PAUSE
        except LeaseLost as error:
            self._say("another process took over", error)
            return BEAT

    async def once(self) -> int | None:
        """Look now until there is no more; return the news, None while another process is at it.

        Raises ``ChannelError``, ``Unavailable`` and ``LeaseLost``.
        """
        news = 0
        try:
            while place := await self._cursor.take(LEASE):
                with correlation.request():
                    async with self._held():
                        seen = await self.look(place)
                news += seen.news
                if not seen.more:
                    return news
            return None
        finally:
            await self._cursor.release()

    async def _look(self, place: CursorPlace) -> float:
        try:
            async with self._held():
                pause = (await self.look(place)).pause
        except (Unavailable, LeaseLost):
            raise
        except ChannelError as error:
            return await self._put_off(place, error, str(error))
        except Exception as error:  # a fault of the channel's own code; its words may quote anybody
            return await self._put_off(place, error, type(error).__name__)
        metrics.LOOKS.labels(self.channel.name, self.kind, "ok").inc()
        metrics.LOOKED.labels(self.channel.name, self.kind).set_to_current_time()
        return pause

    async def _put_off(self, place: CursorPlace, error: Exception, text: str) -> float:
        pause = backoff(place.failures, error)
        metrics.LOOKS.labels(self.channel.name, self.kind, type(error).__name__).inc()
        log.warning(
            "a provider could not be read",
            channel=self.channel.name,
            task=self.kind,
            error=text,
            attempts=place.failures + 1,
            delay=round(pause, 1),
        )
        await self._cursor.failed(text, pause=pause)
        return pause

    @contextlib.asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat(), name=f"hold {self.channel.name}")
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            with contextlib.suppress(Unavailable):
                await self._cursor.take(LEASE)

    def _say(self, what: str, error: Exception) -> None:
        log.warning(what, channel=self.channel.name, task=self.kind, error=str(error))


def backoff(failures: int, error: Exception) -> float:
    """Return the seconds to wait after one more failure; a provider that names them is obeyed."""
    ours = min(LONGEST_PAUSE, 2.0 ** min(failures, 10)) * random.uniform(0.5, 1)
    if not isinstance(error, Throttled) or not math.isfinite(error.retry_after):
        return ours
    return max(ours, min(error.retry_after, LONGEST_WAIT))
