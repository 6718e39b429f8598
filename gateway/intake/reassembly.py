"""Reassembly: segments that are all there, or waited long enough, become one message; once.

A message and the mark on its parts are written in one transaction, and only if they are not marked
yet: a process that is killed, or a second one that races, changes nothing.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from adapters.contract import Channel
from gateway.intake.receive import Intake
from gateway.intake.segments import ReassemblyPlan, SegmentBundle, plan, waits_until
from gateway.platform import metrics
from gateway.platform.seal import PART, Seal
from gateway.queues.due import DueHandler, DueOutcome
from gateway.store.due import SEGMENTS, DueRow
from gateway.store.engine import Unavailable
from gateway.store.rows import AcceptedItem, IntakeItem, QuarantineItem
from gateway.store.segments import AlreadyJoined, SegmentRecord, segment_key
from gateway.store.store import Store

log = structlog.get_logger(__name__)

KEPT = timedelta(days=2)
"""How long a joined part is remembered: longer than a late one may come."""


class ChannelGone(Exception):
    """The block of a channel is gone from the settings: its parts wait until it is back."""


class Reassembly(DueHandler):
    """The reassembly of the messages of all channels."""

    kind = SEGMENTS

    def __init__(self, intake: Intake, store: Store, seal: Seal) -> None:
        self._intake = intake
        self._store = store
        self._seal = seal

    async def handle(self, rows: Sequence[DueRow]) -> DueOutcome:
        """Join what is ready, then forget what was joined long ago."""
        handled = await super().handle(rows)
        async with self._store.unit() as unit:
            await unit.segments.forget(self._store.now() - KEPT)
        return handled

    async def one(self, row: DueRow) -> int:
        """Join the parts of one key; return how many messages were news.

        The row waits on for messages that are not complete. Raises ``ChannelGone``, ``BadSeal``.
        """
        key = segment_key(row)
        channel = self._intake.channels.get(key[0])
        if channel is None:
            raise ChannelGone
        found = await self._store.segments.of(key)
        news = await self.join_all(channel, key[-1], found)
        left = await self._store.segments.of(key)
        again = waits_until(left, timeout=_timeout(channel))
        async with self._store.unit() as unit:
            await unit.due.settle(row, again)
        return news

    async def join_all(self, channel: Channel, total: int, rows: Sequence[SegmentRecord]) -> int:
        """Join what is ready among the parts of one key. Raises ``BadSeal``."""
        news, now = 0, self._store.now()
        for join in plan(rows, total, now=now, timeout=_timeout(channel)):
            try:
                news += await self._join(channel, total, join)
            except AlreadyJoined:
                log.info("parts were joined by another process", channel=channel.name)
        return news

    async def _join(self, channel: Channel, total: int, join: ReassemblyPlan) -> int:
        if not join.rows:
            await self._write(join)
            return 0
        item = await self._compose(channel, total, join)
        try:
            news = await self._write(join, item)
        except (Unavailable, AlreadyJoined):
            raise
        except Exception as error:  # what this one item is made of
            what = type(error).__name__
            log.error("a joined message was refused", error=what, correlation=item.id)
            refused = self._quarantine_item(channel, total, join, "unstorable", what)
            news = await self._write(join, refused)
        if isinstance(item, AcceptedItem):
            outcome = "accepted" if item.id in news else "repeat"
            metrics.INTAKE.labels(channel.name, outcome).inc()
            told = {"channel": channel.name, "correlation": item.id}
            log.debug("a joined message is durable", status=outcome, **told)
        return len(news)

    async def _write(self, join: ReassemblyPlan, *items: IntakeItem) -> set[str]:
        """Write a message and the mark on its segments. Raises ``AlreadyJoined``."""
        async with self._store.unit() as unit:
            news = await unit.take_in(items)
            await unit.segments.join(join.ids, join.message)
        return news

    async def _compose(
        self, channel: Channel, total: int, join: ReassemblyPlan
    ) -> AcceptedItem | QuarantineItem:
        hook = self._bundle(total, join).hook()
        try:
            (inbound,) = await self._intake.rereader.reread(channel, hook)
            if found := self._intake.sealer.machines.set_aside(channel, inbound):
                return self._intake.quarantine.item(
                    channel.name, hook, found.reason, found.detail, state=found.state
                )
            return await self._intake.sealer.seal_message(channel, inbound, hook)
        except Exception as error:
            what = type(error).__name__  # its words might quote a citizen
            log.error("parts could not be read", channel=channel.name, error=what)
            return self._quarantine_item(channel, total, join, "unreadable", what)

    def _quarantine_item(
        self, channel: Channel, total: int, join: ReassemblyPlan, reason: str, detail: str
    ) -> QuarantineItem:
        return self._intake.quarantine.item(
            channel.name, self._bundle(total, join).hook(), reason, detail
        )

    def _bundle(self, total: int, join: ReassemblyPlan) -> SegmentBundle:
        hooks = tuple((row.external_id, self._seal.open(row.envelope, PART)) for row in join.rows)
        return SegmentBundle(join.message, total, join.late, hooks)


def _timeout(channel: Channel) -> timedelta:
    return timedelta(seconds=channel.block.part_timeout)
