"""The broker on RabbitMQ, by aio-pika. Decisions: docs/decisions/0002-broker-client.md."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, PublishError

from gateway.broker import topology
from gateway.broker.base import Broker, BrokerError, Message, Subscription, Unavailable
from gateway.broker.link import Link
from gateway.broker.publisher import Marked, Publisher, reason
from gateway.broker.subscription import RabbitSubscription

BURST = 50
"""Messages in one write to the socket."""
BURSTS = 4
"""Bursts in flight per call of ``publish``: 200 unconfirmed messages keep the broker busy."""


class Rabbit(Broker):
    """RabbitMQ 3.10 or later. ``retry_after`` lists the delays of the retry rungs in seconds.

    ``timeout`` bounds every answer of the broker, in seconds. Publishing and consuming have a
    connection each: when RabbitMQ is short of memory or disk it stops reading from publishers,
    and acks on the same connection would be stuck behind them.
    """

    def __init__(
        self,
        url: str,
        *,
        retry_after: Sequence[float],
        delivery_limit: int = 20,
        timeout: float = 10,
    ) -> None:
        self._rungs, self._limit, self._timeout = tuple(retry_after), delivery_limit, timeout
        self._out = Link(url, name="kanal publish", timeout=timeout, prepare=self._prepare)
        self._in = Link(url, name="kanal consume", timeout=timeout)
        self._channel: AbstractChannel | None = None
        self._publisher: Publisher | None = None
        self._agencies: set[str] = set()
        self._declaring = asyncio.Lock()
        self._subscriptions: list[RabbitSubscription] = []

    async def start(self) -> None:
        """Connect and declare the topology. Raises ``Unavailable``."""
        await self._out.start()
        try:
            await self._in.start()
        except Unavailable:
            await self._out.close()
            raise

    async def close(self) -> None:
        """Disconnect; what is taken and unsettled comes back to its queue."""
        for subscription in self._subscriptions:
            await subscription.close()
        await self._in.close()
        await self._out.close()

    async def publish(self, messages: Sequence[Message]) -> dict[str, str]:
        """Publish all, at most 200 unconfirmed at a time; return the errors by message id.

        Never waits for a lost connection: its messages fail at once. A message without an error
        is durable; one with an error may have arrived all the same.
        """
        return await self._publish([(message, {}) for message in messages])

    async def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume a queue; goes on by itself after the broker was away. Raises ``Unavailable``."""
        await self._ensure(queue)
        return await self._consume(queue, queue, prefetch)

    async def dead_letters(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume the dead letters of a work queue.

        Each carries the queue it belongs back in, and its cause of death in the header
        ``x-kanal-error``; publishing its message is a replay.
        """
        return await self._consume(queue, topology.dead(queue), prefetch)

    async def depths(self) -> dict[str, int]:
        """Count the ready messages by queue. Raises ``Unavailable``.

        Agencies' queues count from when this process first published to them.
        """
        names = [name for name, _ in topology.declarations(self._rungs, self._limit)]
        found: dict[str, int] = {}
        for name in [*names, *sorted(self._agencies)]:
            if (depth := await self._depth(name)) is not None:
                found[name] = depth
        return found

    async def ping(self) -> None:
        """Return when the broker answers on both connections. Raises ``Unavailable``."""
        for link in (self._out, self._in):
            async with link.channel():
                pass

    async def _prepare(self, connection: AbstractConnection, give_up: Callable[[], None]) -> None:
        """Declare what is missing, then open the channel that publishes."""
        async with connection.channel(publisher_confirms=False) as channel:
            for name, arguments in topology.declarations(self._rungs, self._limit):
                await channel.declare_queue(name, durable=True, arguments=arguments)
        self._channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._channel.initialize()
        self._channel.close_callbacks.add(lambda *_: give_up())
        wire = await self._channel.get_underlay_channel()
        assert isinstance(wire, aiormq.Channel)
        self._publisher = Publisher(wire, within=self._timeout, on_silence=give_up)

    async def _consume(self, queue: str, source: str, prefetch: int) -> RabbitSubscription:
        subscription = RabbitSubscription(
            self._in, queue, source, prefetch=prefetch, rungs=self._rungs, publish=self._publish
        )
        await subscription.start(self._timeout)
        self._subscriptions.append(subscription)
        return subscription

    async def _depth(self, queue: str) -> int | None:
        try:
            async with self._out.channel() as channel:
                declared = await channel.declare_queue(queue, durable=True, passive=True)
                return declared.declaration_result.message_count
        except Unavailable as error:
            if isinstance(error.__cause__, ChannelNotFoundEntity):
                return None
            raise

    async def _ensure(self, queue: str) -> None:
        if not topology.is_agency(queue) or queue in self._agencies:
            return
        async with self._declaring:
            if queue in self._agencies:
                return
            async with self._out.channel() as channel:
                arguments = topology.work_arguments(queue, self._limit)
                await channel.declare_queue(queue, durable=True, arguments=arguments)
            self._agencies.add(queue)

    async def _publish(self, messages: Sequence[Marked]) -> dict[str, str]:
        errors: dict[str, str] = {}
        for wave in _waves(messages):
            bursts = iter([wave[at : at + BURST] for at in range(0, len(wave), BURST)])

            async def work(bursts: Iterator[list[Marked]] = bursts) -> None:
                for burst in bursts:
                    errors.update(await self._send(burst))

            await asyncio.gather(*(work() for _ in range(BURSTS)))
        return errors

    async def _send(self, burst: list[Marked]) -> dict[str, str]:
        queues = {message.id: message.queue for message, _ in burst}
        if self._publisher is None or self._out.live is None:
            return dict.fromkeys(queues, "not connected to the broker")
        closed = await self._ensure_all(set(queues.values()))
        ready = [(m, marks) for m, marks in burst if m.queue not in closed]
        errors = await self._publisher.send(ready)
        for key, error in errors.items():
            if isinstance(error, PublishError):
                self._agencies.discard(queues[key])
        refused = {key: closed[queue] for key, queue in queues.items() if queue in closed}
        return refused | {key: reason(error) for key, error in errors.items()}

    async def _ensure_all(self, queues: set[str]) -> dict[str, str]:
        """Declare the agencies' queues among these; return the errors by queue."""
        errors: dict[str, str] = {}
        for queue in queues:
            try:
                await self._ensure(queue)
            except (BrokerError, ValueError) as error:
                errors[queue] = str(error)
        return errors


def _waves(messages: Sequence[Marked]) -> Iterator[list[Marked]]:
    """Split into rounds in which no id comes twice; almost always that is one round."""
    waiting = list(messages)
    while waiting:
        wave = {marked[0].id: marked for marked in reversed(waiting)}
        yield [marked for marked in waiting if wave[marked[0].id] is marked]
        waiting = [marked for marked in waiting if wave[marked[0].id] is not marked]
