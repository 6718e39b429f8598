"""Looks after agencies' queues: declares those of the settings, and lets go of the others.

A version before gave every agency a queue, and settings change. A queue that somebody reads is kept
until that one leaves, and shown to operators, who may name it in the settings. What a queue holds
that is not read is moved to the agency's inbox, then it is removed. One process at a time looks; a
look that is cut off is done again, and doing it twice changes nothing.
"""

import asyncio
import contextlib
from collections.abc import Collection
from datetime import datetime, timedelta

import structlog

from gateway.broker.base import Broker, BrokerError, QueueUse, Subscription
from gateway.store.agency_queues import LEFT, READ, UNSEEN, AgencyQueue
from gateway.store.cursors import Cursor, CursorPlace, LeaseLost
from gateway.store.engine import Unavailable
from gateway.store.store import Store
from gateway.wire.queues import agency_queue

log = structlog.get_logger(__name__)

AGENCY_QUEUES = "agency queues"
LEASE = 60.0
EVERY = 15.0
"""Seconds between two looks at a queue."""
AT_ONCE = 100
"""Queues that are looked at in one turn; the next turn follows at once where there are more."""
AWAY = timedelta(days=7)
"""How long a queue that was read may have no reader: an agency's system may be down."""
LATE = timedelta(minutes=10)
"""How much later than it says a placing may be committed."""
MOST = 10_000
"""Messages that are moved in one look at a queue."""
BATCH = 100
SOON = 2.0
"""Seconds in which a message that was counted must come."""
BEGINNING = timedelta(days=1)
"""How far back the first look goes: what was placed before, the migration listed."""


class AgencyQueueReview:
    """The look at agencies' queues. ``by_queue``: the agencies that settings give one."""

    def __init__(
        self, store: Store, broker: Broker, cursor: Cursor, by_queue: Collection[str]
    ) -> None:
        self._store = store
        self._broker = broker
        self._cursor = cursor
        self._by_queue = sorted(by_queue)
        self._told: set[str] = set()
        """The agencies whose queue this process has spoken of."""

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                count = 0
                try:
                    count = await self.turn()
                except (Unavailable, LeaseLost) as error:
                    log.warning("agencies' queues were not looked at", error=str(error))
                if count < AT_ONCE:
                    await asyncio.sleep(EVERY)
        finally:
            with contextlib.suppress(Unavailable):
                await self._cursor.release()

    async def turn(self) -> int:
        """Look at queues that were not looked at lately; return how many there were.

        Raises ``Unavailable`` and ``LeaseLost``.
        """
        place = await self._cursor.take(LEASE)
        if place is None:
            return 0
        await self._declare()
        await self._list_new(place)
        before = self._store.wall() - timedelta(seconds=EVERY)
        queues = await self._store.agency_queues.due(before, self._by_queue, AT_ONCE)
        for queue in queues:
            if await self._cursor.take(LEASE) is None:
                return 0
            try:
                await self._look_at(queue)
            except BrokerError as error:  # one queue that does not answer holds up no other
                log.warning("a queue is away", queue=queue.name, error=str(error))
                await self._note(queue, queue.state, read_at=queue.read_at, unknown=queue.unknown)
        if len(queues) == AT_ONCE:
            log.info("queues of agencies were looked at, and there are more", count=len(queues))
        return len(queues)

    async def _declare(self) -> None:
        for agency in self._by_queue:
            with contextlib.suppress(BrokerError):
                await self._broker.declare(agency_queue(agency))

    async def _list_new(self, place: CursorPlace) -> None:
        """List the queues of the settings, and those that any process used since the last look.

        Once settings no longer name one, it counts as read a moment ago: its agency may read on.
        """
        now = self._store.now()
        named = [] if self._broker.outbox_is_queue else self._by_queue
        since = datetime.fromisoformat(place.cursor) - LATE if place.cursor else now - BEGINNING
        used = await self._store.deliveries.agencies_by_queue(since)
        async with self._store.unit() as unit:
            await unit.agency_queues.add(used)
            await unit.agency_queues.keep(named, self._store.wall())
            await unit.cursors.move(self._cursor.step(place, now.isoformat(), pause=0))

    async def _look_at(self, queue: AgencyQueue) -> None:
        if await self._is_read(queue) or await self._is_under_way(queue):
            return
        unknown = await self._empty(queue)
        if unknown != queue.unknown:  # that it is empty now is believed when it is seen twice
            if unknown:
                log.warning("a queue holds what is no delivery", queue=queue.name, count=unknown)
            await self._note(queue, LEFT, read_at=queue.read_at, unknown=unknown)
        elif not unknown and await self._broker.remove(queue.name):
            async with self._store.unit() as unit:
                await unit.agency_queues.forget(queue.agency_id)
            log.info("an agency's queue is gone", agency=queue.agency_id)

    async def _is_read(self, queue: AgencyQueue) -> bool:
        """Note how a queue is found; tell whether it is left as it is for now."""
        now, use = self._store.wall(), await self._broker.use(queue.name)
        has_reader = use is not None and await self._has_reader(queue, use)
        read_at = now if has_reader else queue.read_at
        if (has_reader or queue.state == READ) and read_at and now - read_at < AWAY:
            if use is None:
                log.error("a queue that was read is gone and is declared again", queue=queue.name)
                await self._broker.declare(queue.name)
            if queue.agency_id not in self._told:
                log.warning("a queue is read that no settings name", queue=queue.name)
                self._told.add(queue.agency_id)
            await self._note(queue, READ, read_at=read_at)
            return True
        await self._note(queue, LEFT, read_at=read_at, unknown=queue.unknown)
        return False

    async def _has_reader(self, queue: AgencyQueue, use: QueueUse) -> bool:
        """Tell whether somebody reads a queue, or has read some of it when we first look."""
        if use.consumers or queue.state != UNSEEN or self._broker.outbox_is_queue:
            return use.consumers > 0
        there = use.messages + await self._store.queue.count(queue.name)
        return there < await self._store.deliveries.count_by_queue(queue.agency_id)

    async def _is_under_way(self, queue: AgencyQueue) -> bool:
        """Tell whether something has still to be published on a queue that is left.

        What is placed once it is left goes to the inbox: what is under way is the last of it.
        """
        if self._broker.outbox_is_queue:
            return False
        return await self._store.queue.count(queue.name) > 0

    async def _empty(self, queue: AgencyQueue) -> int:
        """Move what a queue holds to the inbox; return how many messages are of no delivery.

        Where they are many, all that are left count as that.
        """
        use = await self._broker.use(queue.name)
        if use is None or use.messages <= queue.unknown:
            return use.messages if use else 0
        subscription = await self._broker.subscribe(queue.name, prefetch=BATCH)
        try:
            moved, unknown = await self._move(subscription, min(use.messages, MOST))
        finally:
            await subscription.close()  # what is of no delivery comes back to the queue
        # Taken again and again, it would be parked among the dead letters.
        return use.messages - moved if unknown >= BATCH else unknown

    async def _move(self, subscription: Subscription, most: int) -> tuple[int, int]:
        """Move deliveries; return how many there were, and how many messages are none.

        What is none is held until the subscription is closed, so there are ``BATCH`` at most.
        """
        count = unknown = 0
        while count + unknown < most and unknown < BATCH and await self._cursor.take(LEASE):
            try:
                async with asyncio.timeout(SOON):
                    batch = await subscription.take(BATCH)
            except TimeoutError:
                break
            async with self._store.unit() as unit:
                ids = {item.message.id for item in batch}
                there = await unit.deliveries.move_to_inbox(ids)
            moved = [item for item in batch if item.message.id in there]
            await subscription.ack(moved)
            count += len(moved)
            unknown += len(batch) - len(moved)
        return count, unknown

    async def _note(
        self, queue: AgencyQueue, state: str, *, read_at: datetime | None, unknown: int = 0
    ) -> None:
        async with self._store.unit() as unit:
            await unit.agency_queues.note(
                queue.agency_id, state, at=self._store.wall(), read_at=read_at, unknown=unknown
            )
