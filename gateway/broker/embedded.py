"""The embedded broker: the store's queue table, polled. The default with nothing installed."""

import asyncio
from collections.abc import Sequence

from gateway.broker.base import (
    Broker,
    BrokerError,
    LeasedMessage,
    QueuedMessage,
    QueueTable,
    QueueUse,
    ReceivedMessage,
    Refusal,
    Subscription,
)

POLL = 0.25
"""Seconds between looks when nothing in this process said that there is news."""


class Embedded(Broker):
    """A broker over one table: the outbox row is the queued message, so nothing is relayed."""

    outbox_is_queue = True

    def __init__(self, table: QueueTable, *, lease: float) -> None:
        self._table = table
        self._lease = lease
        self._open: list[_Subscription] = []

    async def start(self) -> None:
        """Nothing to connect: the store is."""

    async def close(self) -> None:
        """Give back what subscriptions hold."""
        held, self._open = self._open, []
        # What cannot be given back because the database is away comes back when its lease ends.
        await asyncio.gather(*(each.close() for each in held), return_exceptions=True)

    async def publish(self, messages: Sequence[QueuedMessage]) -> dict[str, Refusal]:
        """Put all in one transaction."""
        await self._table.put(messages)
        return {}

    async def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume a queue, leasing at most ``prefetch`` messages at once."""
        subscription = _Subscription(self._table, queue, prefetch, self._lease)
        self._open = [each for each in self._open if not each.closed] + [subscription]
        return subscription

    async def dead_letters(self, queue: str, *, prefetch: int) -> Subscription | None:
        """The table holds them already."""
        return None

    async def declare(self, queue: str) -> None:
        """Nothing to declare: a queue is the rows that name it."""

    async def use(self, queue: str) -> QueueUse:
        """Look at a queue: nothing outside of this database can read it."""
        return QueueUse(await self._table.count(queue), 0)

    async def remove(self, queue: str) -> bool:
        """Say whether no row names the queue any more."""
        return not await self._table.count(queue)

    async def depths(self) -> dict[str, int]:
        """Count by queue."""
        return await self._table.depths()

    async def ping(self) -> None:
        """The store answers for itself."""


class _Subscription(Subscription):
    def __init__(self, table: QueueTable, queue: str, prefetch: int, lease: float) -> None:
        self._table = table
        self._queue = queue
        self._prefetch = prefetch
        self._lease = lease
        self._held: dict[int, LeasedMessage] = {}
        self.closed = False
        self._room = asyncio.Event()

    async def take(self, most: int) -> list[ReceivedMessage]:
        while not self.closed:
            room = min(most, self._prefetch - len(self._held))
            if room <= 0:
                self._room.clear()
                await self._room.wait()
            elif found := await self._claim(room):
                return [
                    ReceivedMessage(leased.message, leased.attempts, leased) for leased in found
                ]
            else:
                await self._table.changed(POLL)
        raise BrokerError("the subscription is closed")

    async def _claim(self, most: int) -> list[LeasedMessage]:
        found = await self._table.claim(self._queue, most, lease=self._lease)
        if self.closed:  # while the claim was under way
            await self._table.release(found)
            return []
        self._held.update({leased.row: leased for leased in found if leased.row is not None})
        return found

    async def ack(self, items: Sequence[ReceivedMessage]) -> None:
        await self._table.settle([self._drop(item) for item in items])

    async def retry(
        self, item: ReceivedMessage, *, delay: float, error: str, counted: bool = True
    ) -> None:
        leased = self._drop(item)
        await self._table.postpone([leased], delay=delay, error=error, counted=counted)

    async def bury(self, item: ReceivedMessage, *, error: str) -> None:
        await self._table.bury(self._drop(item), error=error)

    async def release(self, items: Sequence[ReceivedMessage]) -> None:
        await self._table.release([self._drop(item) for item in items])

    async def close(self) -> None:
        self.closed = True
        self._room.set()
        held, self._held = self._held, {}
        await self._table.release(list(held.values()))

    def _drop(self, item: ReceivedMessage) -> LeasedMessage:
        leased = item.receipt
        assert isinstance(leased, LeasedMessage)
        if leased.row is not None:
            self._held.pop(leased.row, None)
        self._room.set()
        return leased
