"""Catching up: what a provider holds and no webhook brought us is filed as if one had.

The cursor is the moment up to which nothing is missing. It moves only when a provider was read to
the end; whatever was filed before a failure is here already the next time.
"""

from contextlib import aclosing
from datetime import datetime, timedelta

import structlog

from adapters.contract import Page, Reconciler
from gateway.intake.pages import PageIntake
from gateway.platform import metrics
from gateway.queues.leased_task import LEASE, LeasedTask, PollResult
from gateway.store.cursors import Cursor, CursorPlace
from gateway.store.store import Store

log = structlog.get_logger(__name__)

RECONCILE = "reconcile"


class Reconciling(LeasedTask):
    """The catching up of one channel, ``every`` so many seconds.

    ``overlap``: how far behind the cursor a look begins, because providers list late and clocks
    differ.
    """

    kind = RECONCILE

    def __init__(
        self,
        channel: Reconciler,
        cursor: Cursor,
        pages: PageIntake,
        store: Store,
        *,
        every: float,
        overlap: timedelta,
    ) -> None:
        super().__init__(channel, cursor)
        self.channel: Reconciler = channel
        self._pages = pages
        self._store = store
        self._every = every
        self._overlap = overlap

    @property
    def every(self) -> float:
        """Seconds between two looks, from the settings."""
        return self._every

    async def look(self, place: CursorPlace) -> PollResult:
        """Fetch what is missing since the cursor, and move it to when this began."""
        begun = self._store.wall()
        news = await self.recover(await self._since(place, begun))
        await self._cursor.move(place, begun.isoformat(), pause=self._every)
        return PollResult(news, self._every)

    async def once(self, since: datetime | None = None) -> int:
        """Fetch what is missing, also while another process is at it; return how many.

        Raises ``ChannelError`` and ``Unavailable``.
        """
        place = await self._cursor.peek()
        begun = self._store.wall()
        due = await self._since(place, begun)
        news = await self.recover(since or due)
        if (since or due) <= due and (mine := await self._cursor.take(LEASE)):
            if mine.cursor == place.cursor:
                await self._cursor.move(mine, begun.isoformat(), pause=self._every)
            await self._cursor.release()
        return news

    async def recover(self, since: datetime) -> int:
        """File what the provider holds since a moment and we do not; return how many."""
        count = 0
        async with aclosing(self.channel.since(since)) as pages:
            async for page in pages:
                count += await self._file(page)
        if count:
            log.info("recovered messages", channel=self.channel.name, count=count)
        return count

    async def _file(self, page: Page) -> int:
        news = await self._pages.file(self.channel, await self._pages.missing(self.channel, page))
        if news:
            metrics.RECOVERED.labels(self.channel.name).inc(news)
            await self._cursor.recovered(news)
        return news

    async def _since(self, place: CursorPlace, now: datetime) -> datetime:
        if place.cursor:
            return datetime.fromisoformat(place.cursor) - self._overlap
        heard = await self._store.messages.newest_at(self.channel.name)
        return min(heard, now) - self._overlap if heard else now
