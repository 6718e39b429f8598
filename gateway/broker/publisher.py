"""Publish bursts on one channel: one write to the socket for many messages, one wait for all.

aiormq sends every message on its own, and that is most of what publishing costs: a burst of 50
in one write takes a quarter of the CPU (docs/decisions/0002-broker-client.md). What is done here
with a channel's tags and confirmations is what its ``basic_publish`` does; returns, confirms,
heartbeats and closing stay aiormq's. tests/gateway/test_broker_rabbit.py would notice a version
of aiormq in which that changed.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import aiormq
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.abc import ChannelFrame, FrameType
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from gateway.broker import topology
from gateway.broker.base import QueuedMessage, Refusal
from gateway.broker.link import LOST
from gateway.platform.clock import wall

Marked = tuple[QueuedMessage, Mapping[str, str]]
"""A message, and headers that only Kanal itself may set on it."""
PERSISTENT = 2


class Unencodable(Exception):
    """The message cannot be written as AMQP frames; the message says why."""


REFUSALS: dict[type[BaseException], Refusal] = {
    PublishError: Refusal("no such queue", final=True),
    DeliveryError: Refusal("the queue refused the message"),
    TimeoutError: Refusal("no confirmation in time"),
}


class Publisher:
    """The publishing side of one channel with confirms, for as long as that channel lives.

    ``within`` bounds the wait for confirmations, in seconds; ``on_silence`` is told when it ran
    out. One queue may be silent or all of them: RabbitMQ stops reading from a connection with a
    few dozen unconfirmed messages for a queue that does not answer, so both look the same.
    """

    def __init__(
        self, channel: aiormq.Channel, *, within: float, on_silence: Callable[[], None]
    ) -> None:
        self._channel, self._within, self._on_silence = channel, within, on_silence
        self._flying: set[str] = set()
        self._landed = asyncio.Event()

    async def send(self, burst: Sequence[Marked]) -> dict[str, BaseException]:
        """Publish messages whose ids differ; return what went wrong, by message id.

        A message that cannot be encoded fails alone. aiormq files a returned message under its
        id, so two with one id in flight (a report for two queues) would hide an unroutable one
        behind its routable twin: the later waits for the earlier.
        """
        payloads, errors = self._encode_all(burst)
        while not self._flying.isdisjoint(payloads):
            self._landed.clear()
            await self._landed.wait()
        self._flying.update(payloads)
        try:
            return errors | await self._confirm(payloads)
        except LOST as error:
            return errors | dict.fromkeys(payloads, error)
        finally:
            self._flying.difference_update(payloads)
            self._landed.set()

    async def _confirm(self, payloads: Mapping[str, bytes]) -> dict[str, BaseException]:
        if not payloads:
            return {}
        async with asyncio.timeout(self._within), self._channel.lock:
            futures = await self._write(payloads)
        _, silent = await asyncio.wait(futures.values(), timeout=self._within)
        if silent:
            self._on_silence()
        return {key: error for key, future in futures.items() if (error := _fault(future))}

    async def _write(self, payloads: Mapping[str, bytes]) -> dict[str, asyncio.Future[object]]:
        """Hand a burst to the connection; the caller holds the channel's lock."""
        futures = {key: self._expect(key) for key in payloads}
        frame = ChannelFrame(payload=b"".join(payloads.values()), should_close=False)
        try:
            await self._channel.write_queue.put(frame)
        except BaseException:  # tags were counted that the broker never saw
            self._on_silence()
            raise
        return futures

    def _expect(self, key: str) -> asyncio.Future[object]:
        """Await the confirmation of the next message on the channel."""
        channel = self._channel
        channel.delivery_tag += 1
        tag, future = channel.delivery_tag, channel.create_future()
        channel.confirmations[tag] = future
        channel.message_id_delivery_tag[key] = tag
        future.add_done_callback(lambda _: self._forget(key, tag))
        return future

    def _forget(self, key: str, tag: int) -> None:
        if self._channel.message_id_delivery_tag.get(key) == tag:
            del self._channel.message_id_delivery_tag[key]

    def _encode_all(
        self, burst: Iterable[Marked]
    ) -> tuple[dict[str, bytes], dict[str, BaseException]]:
        payloads: dict[str, bytes] = {}
        errors: dict[str, BaseException] = {}
        for message, marks in burst:
            try:
                payloads[message.id] = self._encode(message, marks)
            except Exception as error:
                errors[message.id] = Unencodable(str(error))
        return payloads, errors

    def _encode(self, message: QueuedMessage, marks: Mapping[str, str]) -> bytes:
        if len(message.queue.encode()) > 255:
            raise ValueError("the name of the queue is longer than 255 bytes")
        # https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md
        # tells an event by the property content-type.
        properties = aiormq.spec.Basic.Properties(
            message_id=message.id,
            content_type=message.headers.get(topology.CONTENT_TYPE),
            message_type=message.headers.get(topology.TYPE),
            timestamp=wall(),
            app_id=topology.APP,
            delivery_mode=PERSISTENT,
            headers={**topology.plain(message.headers), **marks},
        )
        frames: list[FrameType] = [
            aiormq.spec.Basic.Publish(exchange="", routing_key=message.queue, mandatory=True),
            ContentHeader(properties=properties, body_size=len(message.body)),
            *self._bodies(message.body),
        ]
        return ChannelFrame.marshall(frames=frames, channel_number=self._channel.number).payload

    def _bodies(self, body: bytes) -> Iterator[ContentBody]:
        size = self._channel.max_content_size
        return (ContentBody(body[at : at + size]) for at in range(0, len(body), size))


def refusal(error: BaseException) -> Refusal:
    """Say in words why a message was not confirmed, and whether it is the message's fault."""
    known = (known for kind, known in REFUSALS.items() if isinstance(error, kind))
    return next(known, Refusal(repr(error), final=isinstance(error, Unencodable)))


def _fault(future: asyncio.Future[object]) -> BaseException | None:
    if not future.done():
        return TimeoutError()
    return asyncio.CancelledError() if future.cancelled() else future.exception()
