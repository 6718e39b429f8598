"""Polling: a page and the cursor behind it are written in one transaction, or neither is.

A process that is killed in between reads the same page again, and its ids make it a repeat.
"""

import asyncio

import structlog

from adapters.contract import Page, Poller, Unreachable
from gateway.intake.pages import PageIntake
from gateway.platform import metrics, names
from gateway.queues.leased_task import LeasedTask, PollResult
from gateway.store.cursors import Cursor, CursorPlace
from gateway.store.store import Store

log = structlog.get_logger(__name__)

POLL = "poll"
LONGEST_LOOK = 60.0
"""Seconds within which a channel's ``poll`` must return."""
LONGEST_CURSOR = 2000
SOONEST = 0.25
"""Seconds before a provider that had nothing new is asked again, at the earliest."""
GAP = 120.0
"""Seconds without a look after which what comes was kept from us by an outage."""


class Polling(LeasedTask):
    """The polling of one channel."""

    kind = POLL

    def __init__(self, channel: Poller, cursor: Cursor, pages: PageIntake, store: Store) -> None:
        super().__init__(channel, cursor)
        self.channel: Poller = channel
        self._pages = pages
        self._seal = pages.seal
        self._now = store.wall
        self._behind = False

    @property
    def every(self) -> float:
        """Seconds between two looks, as the channel wants it."""
        return self.channel.every

    async def look(self, place: CursorPlace) -> PollResult:
        """Fetch one page and file it with its cursor."""
        before = names.opened_cursor(self._seal, place.cursor)
        page = await self._fetch(before)
        after = page.cursor or before
        moved = after != before
        cursor = names.sealed_cursor(self._seal, after)
        behind = self._behind or self._was_away(place)
        pause = self._pause(page, moved)
        news = await self._pages.file(
            self.channel,
            page,
            self._cursor.step(place, cursor, pause=pause, recovered=behind),
        )
        more = page.more and moved
        self._behind = behind and more
        if behind:
            metrics.RECOVERED.labels(self.channel.name).inc(news)
            log.info("caught up with a provider", channel=self.channel.name, count=news)
        return PollResult(news, pause, more)

    async def _fetch(self, cursor: str) -> Page:
        try:
            async with asyncio.timeout(LONGEST_LOOK):
                page = await self.channel.poll(cursor)
        except TimeoutError:
            raise Unreachable(f"no answer within {LONGEST_LOOK:g} s") from None
        if len(page.cursor) > LONGEST_CURSOR or not page.cursor.isprintable():
            raise ValueError("a cursor that cannot be stored")
        return page

    def _pause(self, page: Page, moved: bool) -> float:
        if moved:
            return 0.0 if page.more else self.channel.every
        return max(self.channel.every, SOONEST)

    def _was_away(self, place: CursorPlace) -> bool:
        if place.ok_at is None:
            return False
        return (self._now() - place.ok_at).total_seconds() > GAP + self.channel.every
