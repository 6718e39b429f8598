"""The broker on RabbitMQ, by aio-pika. Decisions: docs/decisions/0002-broker-client.md."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from gateway.broker import topology
from gateway.broker.base import (
    Broker,
    BrokerError,
    BrokerUnavailable,
    QueuedMessage,
    QueueUse,
    Refusal,
    Subscription,
)
from gateway.broker.link import LOST, BrokerLink, hearing
from gateway.broker.publisher import Marked, Publisher, refusal
from gateway.broker.subscription import RabbitSubscription

log = logging.getLogger(__name__)

BURST = 50
"""Messages in one write to the socket."""
AWARE = 1.0
"""Seconds in which consumers of a queue that was deleted hear of it, before it is there again."""
PATIENCE = 3.0
"""Seconds in which a message of a probe must be confirmed."""
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
        delivery_limit: int = topology.DELIVERY_LIMIT,
        timeout: float = 10,
    ) -> None:
        self._url = url
        self._rungs, self._limit, self._timeout = tuple(retry_after), delivery_limit, timeout
        self._out = BrokerLink(url, name="kanal publish", timeout=timeout, prepare=self._prepare)
        self._in = BrokerLink(url, name="kanal consume", timeout=timeout)
        self._channel: AbstractChannel | None = None
        self._publisher: Publisher | None = None
        self._agencies: set[str] = set()
        self._declaring = asyncio.Lock()
        self._restoring: dict[str, asyncio.Task[None]] = {}
        self._silent: dict[str, asyncio.Task[None]] = {}
        """Queues that do not confirm, each with the task that waits for it to come back."""
        self._refusing: dict[str, asyncio.Task[None]] = {}
        """Queues that refused everything, each with the task that looks whose fault that is."""
        self._give_up: Callable[[], None] = lambda: None
        self._subscriptions: list[RabbitSubscription] = []

    async def start(self) -> None:
        """Connect and declare the topology. Raises ``BrokerUnavailable``."""
        await self._out.start()
        try:
            await self._in.start()
        except BrokerUnavailable:
            await self._out.close()
            raise

    async def close(self) -> None:
        """Disconnect; what is taken and unsettled comes back to its queue."""
        for subscription in self._subscriptions:
            await subscription.close()
        tasks = (*self._silent.values(), *self._refusing.values(), *self._restoring.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._in.close()
        await self._out.close()

    async def publish(self, messages: Sequence[QueuedMessage]) -> dict[str, Refusal]:
        """Publish all, at most 200 unconfirmed at a time; return what was refused, by message id.

        Never waits for a lost connection. A message that was not refused is durable; one that was
        may have arrived all the same. Raises ``BrokerUnavailable`` when the broker is away.
        """
        if self._out.live is None:
            raise BrokerUnavailable("not connected to the broker")
        return await self._publish([(message, {}) for message in messages])

    async def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume a queue; goes on after the broker was away. Raises ``BrokerUnavailable``."""
        await self._ensure(queue)
        return await self._consume(queue, queue, prefetch)

    async def dead_letters(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume the dead letters of a work queue.

        Each carries the queue it belongs back in, and its cause of death in the header
        ``x-kanal-error``; publishing its message is a replay.
        """
        return await self._consume(queue, topology.dead(queue), prefetch)

    async def declare(self, queue: str) -> None:
        """Declare an agency's queue, also one that was deleted. Raises ``BrokerUnavailable``."""
        self._agencies.discard(queue)
        await self._ensure(queue)

    async def use(self, queue: str) -> QueueUse | None:
        """Look at a queue; None where there is none. Raises ``BrokerUnavailable``."""
        try:
            async with self._out.channel() as channel:
                declared = await channel.declare_queue(queue, durable=True, passive=True)
        except BrokerUnavailable as error:
            if isinstance(error.__cause__, ChannelNotFoundEntity):
                return None
            raise
        found = declared.declaration_result
        return QueueUse(found.message_count or 0, found.consumer_count or 0)

    async def remove(self, queue: str) -> bool:
        """Remove a queue that is empty and not read. Raises ``BrokerUnavailable``.

        Quorum queues know no ``if-empty`` and ``if-unused``: the look comes just before. A look
        says that a queue without a leader is empty, and a removal does not wait for one: so it is
        asked for a message first, which only a leader answers. RabbitMQ ends a connection on which
        none does: it is one of its own.
        Source: https://www.rabbitmq.com/docs/quorum-queues
        """
        use = await self.use(queue)
        if use and (use.messages or use.consumers):
            return False
        self._agencies.discard(queue)
        if use:
            link = BrokerLink(self._url, name="kanal remove", timeout=self._timeout)
            await link.start()
            try:
                return await _remove_empty(link, queue)
            finally:
                await link.close()
        return True

    async def depths(self) -> dict[str, int]:
        """Count the ready messages by queue. Raises ``BrokerUnavailable``.

        Agencies' queues count from when this process first published to them.
        """
        declared = (name for name, _ in topology.declarations(self._rungs, self._limit))
        names = [name for name in declared if name != topology.PROBES]
        found: dict[str, int] = {}
        for name in [*names, *sorted(self._agencies)]:
            if use := await self.use(name):
                found[name] = use.messages
        return found

    async def ping(self) -> None:
        """Return when the broker answers on both connections, and confirms what it is sent.

        Raises ``BrokerUnavailable``.
        """
        self._name_alarm()
        within = min(PATIENCE, self._timeout)
        try:
            async with asyncio.timeout(within):
                for link in (self._in, self._out):
                    async with link.channel():
                        pass
        except TimeoutError:
            raise BrokerUnavailable(f"RabbitMQ did not answer within {within:g} s") from None
        if not await self._takes_probe(within):
            self._name_alarm()
            raise BrokerUnavailable(
                f"the quorum is lost: a quorum queue did not confirm within {within:g} s"
            )

    def _name_alarm(self) -> None:
        if self._out.alarm:
            raise BrokerUnavailable(f"RabbitMQ takes nothing, by an alarm: {self._out.alarm}")

    async def _takes_probe(self, within: float) -> bool:
        """Tell whether the queue of probes confirms one; where it was deleted, it is made again."""
        probe: Marked = QueuedMessage(topology.PROBES, uuid.uuid4().hex, b"", {}), {}
        try:
            async with asyncio.timeout(within):
                error = await self._offer(probe, within=within)
                if isinstance(error, PublishError):
                    await self._declare_probes()
                    error = await self._offer(probe, within=within)
        except TimeoutError:
            return False
        return error is None

    async def _declare_probes(self) -> None:
        log.error("a queue is gone and is declared again", extra={"queue": topology.PROBES})
        arguments = dict(topology.declarations(self._rungs, self._limit))[topology.PROBES]
        async with self._out.channel() as channel:
            await channel.declare_queue(topology.PROBES, durable=True, arguments=arguments)

    async def _prepare(self, connection: AbstractConnection, give_up: Callable[[], None]) -> None:
        """Declare what is missing, then open the channel that publishes."""
        async with connection.channel(publisher_confirms=False) as channel:
            for name, arguments in topology.declarations(self._rungs, self._limit):
                await channel.declare_queue(name, durable=True, arguments=arguments)
        self._channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._channel.initialize()
        self._channel.close_callbacks.add(lambda *_: give_up())
        self._give_up = give_up
        wire = await self._channel.get_underlay_channel()
        assert isinstance(wire, aiormq.Channel)
        self._publisher = Publisher(wire, within=self._timeout, on_silence=give_up)

    async def _consume(self, queue: str, source: str, prefetch: int) -> RabbitSubscription:
        subscription = RabbitSubscription(
            self._in,
            queue,
            source,
            prefetch=prefetch,
            rungs=self._rungs,
            publish=self._publish,
            restore=self._restore,
        )
        await subscription.start(self._timeout)
        self._subscriptions = [each for each in self._subscriptions if not each.closed]
        self._subscriptions.append(subscription)
        return subscription

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

    async def _restore(self, queue: str) -> None:
        """Declare a queue that somebody deleted, and what belongs to it.

        What was in it is found again in the store (``queues/sweep.py``). Not at once: RabbitMQ
        does not tell a consumer that its queue is gone once there is one of that name again.
        """
        if (task := self._restoring.get(queue)) is None or task.done():
            task = self._restoring[queue] = asyncio.create_task(self._declare_again(queue))
        with contextlib.suppress(BrokerError):
            await asyncio.shield(task)

    async def _declare_again(self, queue: str) -> None:
        log.error("a queue is gone and is declared again", extra={"queue": queue})
        await asyncio.sleep(AWARE)
        if topology.is_agency(queue):
            self._agencies.discard(queue)
            await self._ensure(queue)
        else:
            whole = topology.family(queue)
            async with self._declaring, self._out.channel() as channel:
                for name, arguments in topology.declarations_of(whole, self._rungs, self._limit):
                    await channel.declare_queue(name, durable=True, arguments=arguments)
        for subscription in self._subscriptions:
            subscription.again(queue)

    async def _publish(self, messages: Sequence[Marked]) -> dict[str, Refusal]:
        refused: dict[str, Refusal] = {}
        for wave in _waves(messages):
            bursts = iter([wave[at : at + BURST] for at in range(0, len(wave), BURST)])

            async def work(bursts: Iterator[list[Marked]] = bursts) -> None:
                for burst in bursts:
                    refused.update(await self._send(burst))

            await asyncio.gather(*(work() for _ in range(BURSTS)))
        return refused

    async def _send(self, burst: list[Marked]) -> dict[str, Refusal]:
        queues = {message.id: message.queue for message, _ in burst}
        if self._publisher is None or self._out.live is None:
            return dict.fromkeys(queues, Refusal("not connected to the broker"))
        closed = await self._closed(set(queues.values()))
        ready = [(m, marks) for m, marks in burst if m.queue not in closed]
        errors = await self._publisher.send(ready)
        self._learn(ready, errors)
        refused = {key: closed[queue] for key, queue in queues.items() if queue in closed}
        refused |= {key: refusal(error) for key, error in errors.items()}
        gone = {key: queues[key] for key, e in errors.items() if isinstance(e, PublishError)}
        for queue in {queue for queue in gone.values() if topology.is_ours(queue)}:
            await self._restore(queue)
            missing = Refusal("the queue was gone")
            refused |= {key: missing for key, its_queue in gone.items() if its_queue == queue}
        return refused

    def _learn(self, burst: list[Marked], errors: Mapping[str, BaseException]) -> None:
        """Stop sending to queues that do not confirm, and doubt a channel that is refused all."""
        confirmed = {message.queue for message, _ in burst if message.id not in errors}
        for marked in burst:
            error, queue = errors.get(marked[0].id), marked[0].queue
            if isinstance(error, TimeoutError) and queue not in confirmed | self._silent.keys():
                log.warning("a queue does not confirm", extra={"queue": queue})
                self._silent[queue] = asyncio.create_task(self._probe(marked))
            elif _refused(error) and queue not in confirmed | self._refusing.keys():
                self._refusing[queue] = asyncio.create_task(self._doubt(marked, self._give_up))

    async def _probe(self, marked: Marked) -> None:
        """Offer a silent queue one message at a time until it takes it, on a channel of its own.

        One unconfirmed message does not make RabbitMQ stop reading, so the others go on.
        """
        queue = marked[0].queue
        while queue in self._silent:
            if await self._takes(marked, within=self._timeout):
                log.info("a queue confirms again", extra={"queue": queue})
                del self._silent[queue]
            else:
                await asyncio.sleep(self._timeout)

    async def _doubt(self, marked: Marked, give_up: Callable[[], None]) -> None:
        """Give up the publishing connection if a new channel is confirmed what it is refused.

        A channel of RabbitMQ 3.10 that first published to a queue before its dead leader was
        replaced is refused all for that queue as long as it lives. A full queue refuses everybody.
        Source: https://github.com/rabbitmq/rabbitmq-server/pull/9241
        """
        queue = marked[0].queue
        try:
            await asyncio.sleep(AWARE)
            if await self._takes(marked, within=self._timeout):
                log.warning("a channel is refused what another is not", extra={"queue": queue})
                give_up()
        finally:
            del self._refusing[queue]

    async def _takes(self, marked: Marked, *, within: float) -> bool:
        error = await self._offer(marked, within=within)
        return not isinstance(error, LOST) and not _refused(error)

    async def _offer(self, marked: Marked, *, within: float) -> BaseException | None:
        """Publish a message on a channel of its own; return what went wrong."""
        connection = await self._out.wait()
        try:
            with hearing():
                async with connection.channel(
                    publisher_confirms=True, on_return_raises=True
                ) as channel:
                    wire = await channel.get_underlay_channel()
                    assert isinstance(wire, aiormq.Channel)
                    alone = Publisher(wire, within=within, on_silence=lambda: None)
                    return (await alone.send([marked])).get(marked[0].id)
        except LOST as error:
            return error

    async def _closed(self, queues: set[str]) -> dict[str, Refusal]:
        """Declare the agencies' queues among these; return those that take nothing now."""
        closed = {
            queue: Refusal("the queue does not confirm") for queue in queues & self._silent.keys()
        }
        for queue in queues - closed.keys():
            try:
                await self._ensure(queue)
            except BrokerError as error:
                closed[queue] = Refusal(str(error))
            except ValueError as error:
                closed[queue] = Refusal(str(error), final=True)
        return closed


async def _remove_empty(link: BrokerLink, queue: str) -> bool:
    """Remove a queue whose leader says that it is empty. Raises ``BrokerUnavailable``."""
    async with link.channel() as channel:
        there = await channel.get_queue(queue, ensure=False)
        if message := await there.get(fail=False, timeout=None):
            await message.reject(requeue=True)
            return False
        gone = await channel.queue_delete(queue)
    if gone.message_count:
        log.error("a queue was removed with %s messages", gone.message_count)
    return True


def _refused(error: BaseException | None) -> bool:
    """Tell whether the queue itself said no: it is full, or a cluster has no leader for it."""
    return isinstance(error, DeliveryError) and not isinstance(error, PublishError)


def _waves(messages: Sequence[Marked]) -> Iterator[list[Marked]]:
    """Split into rounds in which no id comes twice; almost always that is one round."""
    waiting = list(messages)
    while waiting:
        wave = {marked[0].id: marked for marked in reversed(waiting)}
        yield [marked for marked in waiting if wave[marked[0].id] is marked]
        waiting = [marked for marked in waiting if wave[marked[0].id] is not marked]
