"""One consumer of one RabbitMQ queue, which goes on after the connection or the channel is lost."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.abc import AbstractChannel as Wire
from aiormq.abc import DeliveredMessage

from gateway.broker import topology
from gateway.broker.base import (
    BrokerError,
    BrokerUnavailable,
    QueuedMessage,
    ReceivedMessage,
    Refusal,
    Subscription,
)
from gateway.broker.link import FAREWELL, LOST, BrokerLink, hearing
from gateway.broker.publisher import Marked

log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds before a lost consumer tries again."""
LONGEST_ERROR = 1000
"""Characters of an error kept in a header; RabbitMQ's frame of headers is bounded."""

Restore = Callable[[str], Awaitable[None]]
"""Declares a queue that is gone."""
Publish = Callable[[Sequence[Marked]], Awaitable[dict[str, Refusal]]]


class Ledger:
    """Which delivery tags of a channel are settled; they count up from 1 in order of arrival."""

    def __init__(self) -> None:
        self._oldest = 1
        self._done: set[int] = set()

    def settle(self, tags: Iterable[int]) -> tuple[int, list[int]]:
        """Book tags; return the tag up to which one frame settles all (0: none), and the rest.

        A tag that was booked before is left out: RabbitMQ closes the channel over a second ack.
        """
        news = {tag for tag in tags if tag >= self._oldest and tag not in self._done}
        self._done |= news
        together = 0
        while self._oldest in self._done:
            self._done.remove(self._oldest)
            together = self._oldest if self._oldest in news else together
            self._oldest += 1
        return together, sorted(tag for tag in news if tag > together)


@dataclass(frozen=True, slots=True, eq=False)
class ConsumerSession:
    """One channel's life. Its receipts are void when it ends: the messages come again."""

    wire: Wire
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class AckReceipt:
    """The proof by which a delivery is settled."""

    session: ConsumerSession
    tag: int


class RabbitSubscription(Subscription):
    """Consumes ``source``, whose messages belong to ``queue`` (they differ for dead letters)."""

    def __init__(
        self,
        link: BrokerLink,
        queue: str,
        source: str,
        *,
        prefetch: int,
        rungs: Sequence[float],
        publish: Publish,
        restore: Restore,
    ) -> None:
        self._link, self._queue, self._source = link, queue, source
        self._prefetch, self._rungs, self._publish = prefetch, rungs, publish
        self._restore = restore
        self._session: ConsumerSession | None = None
        self._buffer: deque[ReceivedMessage] = deque()
        self._news = asyncio.Event()
        self._opened = asyncio.Event()
        self._lost: asyncio.Event | None = None
        self._runner: asyncio.Task[None] | None = None

    async def start(self, within: float) -> None:
        """Begin to consume. Raises ``BrokerUnavailable`` after more than ``within`` seconds."""
        self._runner = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(within):
                await self._opened.wait()
        except TimeoutError:
            await self.close()
            raise BrokerUnavailable(f"cannot consume {self._source}") from None

    @property
    def closed(self) -> bool:
        """It takes nothing any more."""
        return self._runner is None

    async def take(self, most: int) -> list[ReceivedMessage]:
        """Wait for at least one message. Raises ``BrokerError`` once the subscription is closed."""
        while not self._buffer:
            if self._runner is None:
                raise BrokerError(f"the subscription to {self._source} is closed")
            self._news.clear()
            await self._news.wait()
        return [self._buffer.popleft() for _ in range(min(most, len(self._buffer)))]

    async def ack(self, items: Sequence[ReceivedMessage]) -> None:
        """Settle messages, in one frame where they are the oldest ones unsettled.

        A receipt of a lost channel is void and ignored: its message comes again.
        """
        if (session := self._session) is not None:
            await self._settle(session.wire.basic_ack, session, items)

    async def retry(
        self, item: ReceivedMessage, *, delay: float, error: str, counted: bool = True
    ) -> None:
        """Put a copy on the rung whose delay is the nearest not below ``delay``, then ack.

        Raises ``BrokerError`` for a queue without rungs.
        """
        rung = topology.rung(item.message.queue, delay, self._rungs)
        await self._move(item, rung, item.attempts + int(counted), error)

    async def bury(self, item: ReceivedMessage, *, error: str) -> None:
        """Put a copy among the dead letters, then ack."""
        dead = topology.dead(item.message.queue)
        await self._move(item, dead, item.attempts, error)

    async def release(self, items: Sequence[ReceivedMessage]) -> None:
        """Give messages back. Each time counts towards the queue's delivery limit."""
        if (session := self._session) is not None:
            await self._settle(session.wire.basic_nack, session, items)

    async def close(self) -> None:
        """Stop taking; what is taken and unsettled comes back to the queue."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
        self._news.set()

    def again(self, queue: str) -> None:
        """Consume again if this is the queue: a consumer of a deleted queue may not know of it."""
        if queue == self._source and self._lost is not None:
            self._lost.set()

    async def _move(self, item: ReceivedMessage, target: str, attempts: int, error: str) -> None:
        """Publish before the ack: between the two a crash doubles the message, never loses it."""
        if not self._valid(item):
            return
        old = item.message
        marks = {topology.ATTEMPTS: str(attempts), topology.ERROR: error[:LONGEST_ERROR]}
        failed = await self._publish(
            [(QueuedMessage(target, old.id, old.body, old.headers), marks)]
        )
        if failed:
            log.warning("could not move a message to %s: %s", target, failed[old.id].reason)
            await self.release([item])
        else:
            await self.ack([item])

    def _valid(self, item: ReceivedMessage) -> bool:
        receipt = item.receipt
        return isinstance(receipt, AckReceipt) and receipt.session is self._session

    async def _settle(
        self,
        send: Callable[..., Awaitable[None]],
        session: ConsumerSession,
        items: Sequence[ReceivedMessage],
    ) -> None:
        receipts = [d.receipt for d in items if self._valid(d)]
        tags = (receipt.tag for receipt in receipts if isinstance(receipt, AckReceipt))
        together, singly = session.ledger.settle(tags)
        with contextlib.suppress(*LOST):
            if together:
                await send(together, multiple=True, wait=False)
            for tag in singly:
                await send(tag, wait=False)

    async def _run(self) -> None:
        while True:
            connection = await self._link.wait()
            try:
                with hearing():
                    await self._consume(connection)
                log.warning("consumer of %s lost", self._source)
            except ChannelNotFoundEntity:
                await self._restore(self._source)
            except LOST as error:
                log.warning("cannot consume %s: %r", self._source, error)
            await asyncio.sleep(PAUSE)

    async def _consume(self, connection: AbstractConnection) -> None:
        """Consume on a new channel until it is lost."""
        channel = connection.channel(publisher_confirms=False)
        try:
            self._lost = lost = await self._open(channel)
            self._opened.set()
            await lost.wait()
        finally:
            self._session = None
            self._buffer.clear()
            with contextlib.suppress(*LOST):
                async with asyncio.timeout(FAREWELL):
                    await channel.close()

    async def _open(self, channel: AbstractChannel) -> asyncio.Event:
        await channel.initialize()
        lost = asyncio.Event()
        channel.close_callbacks.add(lambda *_: lost.set())
        await channel.set_qos(prefetch_count=self._prefetch)
        wire = await channel.get_underlay_channel()
        wire.on_consumer_cancel_callbacks.add(lambda _: lost.set())
        self._session = session = ConsumerSession(wire, Ledger())
        await wire.basic_consume(self._source, partial(self._arrived, session))
        return lost

    async def _arrived(self, session: ConsumerSession, wired: DeliveredMessage) -> None:
        if session is self._session:
            self._buffer.append(self._received(session, wired))
            self._news.set()

    def _received(self, session: ConsumerSession, wired: DeliveredMessage) -> ReceivedMessage:
        properties = wired.header.properties
        headers = topology.as_headers(properties)
        queue, shown = self._queue, topology.plain(headers)
        if self._source != queue:
            queue = topology.home(queue, headers)
            shown[topology.ERROR] = topology.cause(headers)
        message = QueuedMessage(queue, properties.message_id or "", wired.body, shown)
        tag = wired.delivery_tag or 0
        return ReceivedMessage(message, topology.attempts(headers), AckReceipt(session, tag))
