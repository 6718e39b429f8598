"""Joining: parts that are all there, or waited long enough, become one message; once.

A message and the mark on its parts are written in one transaction, and only if nobody has marked
them before: a process that is killed, or a second one that races, changes nothing.
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from adapters.contract import Channel
from gateway.intake.receive import Intake
from gateway.intake.segments import Bundle, Join, plan
from gateway.platform import metrics
from gateway.platform.seal import PART, BadSeal, Seal
from gateway.store import parts
from gateway.store.cursors import Bookmark
from gateway.store.engine import Unavailable
from gateway.store.parts import Joined, Key, PartRow
from gateway.store.rows import Accepted, QuarantineItem
from gateway.store.store import Store

log = structlog.get_logger(__name__)

JOIN = "join"
EVERYWHERE = "*"
"""The bookmark's channel: one process joins for all."""
LEASE = 15.0
EVERY = 1.0
"""Seconds between two looks, when nothing comes in this process."""
KEPT = timedelta(days=2)
"""How long a joined part is remembered: longer than a late one may come."""


class Joining:
    """The joining of all channels."""

    def __init__(self, door: Intake, store: Store, seal: Seal, bookmark: Bookmark) -> None:
        self._door = door
        self._store = store
        self._seal = seal
        self._bookmark = bookmark

    async def run(self) -> None:
        """Join until cancelled."""
        try:
            while True:
                with contextlib.suppress(Unavailable):
                    await self.turn()
                await self._store.parts_come(EVERY)
        finally:
            with contextlib.suppress(Unavailable):
                await self._bookmark.release()

    async def turn(self) -> int:
        """Join what is ready now; return how many messages were news. Raises ``Unavailable``."""
        found = await self._ready()
        if not found or await self._bookmark.take(LEASE) is None:
            return 0
        news = 0
        for key, rows in found.items():
            news += await self._join_all(key, rows)
        async with self._store.database.write() as connection:
            await parts.forget(connection, self._store.now() - KEPT)
        return news

    async def _ready(self) -> Mapping[Key, Sequence[PartRow]]:
        now = self._store.now()
        due = {name: now - _timeout(channel) for name, channel in self._door.channels.items()}
        async with self._store.database.read() as connection:
            return await parts.ready(connection, due)

    async def _join_all(self, key: Key, rows: Sequence[PartRow]) -> int:
        channel = self._door.channels.get(key[0])
        if channel is None:
            return 0  # its block is gone from the settings: they wait until it is back
        news, now = 0, self._store.now()
        for join in plan(rows, key[-1], now=now, timeout=_timeout(channel)):
            try:
                news += await self._join(channel, key[-1], join)
            except Joined:
                log.info("parts were joined by another process", channel=channel.name)
            except BadSeal as error:
                log.error("parts cannot be opened", channel=channel.name, error=str(error))
        return news

    async def _join(self, channel: Channel, total: int, join: Join) -> int:
        mark = parts.mark(join.ids, join.message, self._store.now())
        if not join.rows:
            await self._store.take_in([], also=mark)
            return 0
        item = await self._made(channel, total, join)
        try:
            news = await self._store.take_in([item], also=mark)
        except (Unavailable, Joined):
            raise
        except Exception as error:  # what this one item is made of
            log.error("a joined message was refused", error=type(error).__name__)
            held = self._held(channel, total, join, "unstorable", type(error).__name__)
            news = await self._store.take_in([held], also=mark)
        if isinstance(item, Accepted):
            outcome = "accepted" if item.id in news else "repeat"
            metrics.INTAKE.labels(channel.name, outcome).inc()
        return len(news)

    async def _made(self, channel: Channel, total: int, join: Join) -> Accepted | QuarantineItem:
        hook = self._bundle(total, join).hook()
        try:
            (inbound,) = await self._door.reread(channel, hook)
            return await self._door.accepted(channel, inbound, hook)
        except Exception as error:
            what = type(error).__name__  # its words might quote a citizen
            log.error("parts could not be read", channel=channel.name, error=what)
            return self._held(channel, total, join, "unreadable", what)

    def _held(
        self, channel: Channel, total: int, join: Join, reason: str, detail: str
    ) -> QuarantineItem:
        return self._door.held(channel.name, self._bundle(total, join).hook(), reason, detail)

    def _bundle(self, total: int, join: Join) -> Bundle:
        hooks = tuple((row.external_id, self._seal.open(row.envelope, PART)) for row in join.rows)
        return Bundle(join.message, total, join.late, hooks)


def _timeout(channel: Channel) -> timedelta:
    return timedelta(seconds=channel.block.part_timeout)
