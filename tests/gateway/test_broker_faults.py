"""RabbitMQ and the network misbehave: nothing confirmed is lost, and work goes on by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from aio_pika.exceptions import DeliveryError
from pamqp.commands import Basic
from yarl import URL

from gateway.broker.base import (
    REPORTS,
    Broker,
    BrokerUnavailable,
    QueuedMessage,
    Refusal,
    Subscription,
    agency_queue,
)
from gateway.broker.publisher import Marked
from gateway.broker.rabbit import Rabbit
from tests.gateway.test_broker import message, take
from tests.services import RabbitNode
from tests.services.proxy import ChaosProxy, chaos

SOON = 30.0
"""Seconds within which a broker that is back is used again."""


@asynccontextmanager
async def opened(url: str, *, answer_in: float = 3) -> AsyncIterator[Rabbit]:
    rabbit = Rabbit(url, retry_after=(0.2,), timeout=answer_in)
    await rabbit.start()
    try:
        yield rabbit
    finally:
        await rabbit.close()


@pytest.fixture
async def proxy(rabbit_node: RabbitNode) -> AsyncIterator[ChaosProxy]:
    """A proxy in front of the node."""
    async with chaos(rabbit_node.port) as proxy:
        yield proxy


async def _swallow(proxy: ChaosProxy) -> None:
    proxy.swallow()


async def _heal(proxy: ChaosProxy) -> None:
    proxy.heal()


FAULTS = {"cut": ChaosProxy.cut, "refuse": ChaosProxy.refuse, "swallow": _swallow}
MENDS = {"cut": _heal, "refuse": ChaosProxy.open, "swallow": _heal}


def ids(messages: list[QueuedMessage]) -> set[str]:
    """Name messages by their ids."""
    return {m.id for m in messages}


async def publish_until_confirmed(broker: Broker, sent: list[QueuedMessage]) -> None:
    """Publish like the relay: what failed is published again."""
    waiting = {m.id: m for m in sent}
    async with asyncio.timeout(SOON):
        while waiting:
            with suppress(BrokerUnavailable):
                refused = await broker.publish(list(waiting.values()))
                waiting = {key: waiting[key] for key in refused}
            await asyncio.sleep(0.05 if waiting else 0)


async def collect(subscription: Subscription, wanted: set[str]) -> None:
    """Take and ack until every wanted message was seen."""
    missing = set(wanted)
    async with asyncio.timeout(SOON):
        while missing:
            batch = await subscription.take(100)
            await subscription.ack(batch)
            missing -= {d.message.id for d in batch}


async def publish_until_it_fails(broker: Broker) -> tuple[list[QueuedMessage], list[QueuedMessage]]:
    """Publish batch after batch; return what was confirmed and what was not."""
    confirmed: list[QueuedMessage] = []
    async with asyncio.timeout(SOON):
        while True:
            batch = [message(body=b"x" * 600) for _ in range(500)]
            try:
                refused = await broker.publish(batch)
            except BrokerUnavailable:
                return confirmed, batch
            confirmed += [m for m in batch if m.id not in refused]
            if refused:
                return confirmed, [m for m in batch if m.id in refused]


async def test_killing_the_node_in_the_middle_loses_nothing_confirmed(
    rabbit_node: RabbitNode, rabbit_url: str
) -> None:
    async with opened(rabbit_url) as rabbit:
        subscription = await rabbit.subscribe(REPORTS, prefetch=50)
        publishing = asyncio.ensure_future(publish_until_it_fails(rabbit))
        held = await take(subscription, 40)
        try:
            await asyncio.to_thread(rabbit_node.kill)
            confirmed, failed = await publishing
        finally:
            await asyncio.to_thread(rabbit_node.start)
        await subscription.ack(held)
        await collect(subscription, ids(confirmed))
        await publish_until_confirmed(rabbit, failed)
        await collect(subscription, ids(failed))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_network_loses_nothing(rabbit_url: str, proxy: ChaosProxy, fault: str) -> None:
    url = str(URL(rabbit_url).with_port(proxy.port))
    async with opened(url, answer_in=1) as rabbit:
        subscription = await rabbit.subscribe(REPORTS, prefetch=100)
        publishing = asyncio.ensure_future(publish_until_it_fails(rabbit))
        held = await take(subscription, 20)
        await FAULTS[fault](proxy)
        confirmed, failed = await publishing
        await MENDS[fault](proxy)
        await subscription.ack(held)
        await publish_until_confirmed(rabbit, failed)
        await collect(subscription, ids(confirmed + failed) - {d.message.id for d in held})
        await rabbit.ping()


def replica(url: str, queue: str) -> str:
    """Name the process that is a quorum queue, for ``rabbitmqctl eval``."""
    return f'{{list_to_atom("{url.rpartition("/")[2]}_{queue}"), node()}}'


async def test_a_queue_that_does_not_confirm_holds_up_no_other(
    rabbit_node: RabbitNode, rabbit_url: str
) -> None:
    stuck = agency_queue("pln")
    async with opened(rabbit_url, answer_in=1) as rabbit:
        assert await rabbit.publish([message(stuck)]) == {}
        await asyncio.to_thread(
            rabbit_node.ctl, "eval", f"ra:stop_server(quorum_queues, {replica(rabbit_url, stuck)})."
        )
        sent = [message(stuck if n % 2 else REPORTS) for n in range(400)]
        refused = await rabbit.publish(sent)
        assert refused.keys() >= {m.id for m in sent if m.queue == stuck}
        assert not any(refusal.final for refusal in refused.values())
        await publish_until_confirmed(rabbit, [m for m in sent if m.queue == REPORTS])
        before = await rabbit._out.wait()
        for _ in range(3):
            batch = [message(REPORTS), message(stuck)]
            assert await rabbit.publish(batch) == {
                batch[1].id: Refusal("the queue does not confirm")
            }
        assert rabbit._out.live is before
        await asyncio.to_thread(
            rabbit_node.ctl,
            "eval",
            f"ra:restart_server(quorum_queues, {replica(rabbit_url, stuck)}).",
        )
        await publish_until_confirmed(rabbit, [m for m in sent if m.queue == stuck])


async def test_a_channel_that_is_refused_what_a_new_one_is_not_is_replaced(rabbit_url: str) -> None:
    """As RabbitMQ 3.10 does in a cluster after a queue's leader died; the fault run kills one."""
    async with opened(rabbit_url) as rabbit:
        assert rabbit._publisher is not None

        async def refused(burst: Sequence[Marked]) -> dict[str, BaseException]:
            return {each.id: DeliveryError(None, Basic.Nack()) for each, _ in burst}

        rabbit._publisher.send = refused  # type: ignore[method-assign]
        sent = message()
        assert set(await rabbit.publish([sent])) == {sent.id}
        await publish_until_confirmed(rabbit, [sent])


async def test_a_frozen_node_is_reported_in_time_and_used_again(
    rabbit_node: RabbitNode, rabbit_url: str
) -> None:
    async with opened(rabbit_url, answer_in=1) as rabbit:
        sent = message()
        rabbit_node.freeze()
        try:
            async with asyncio.timeout(15):
                assert set(await rabbit.publish([sent])) == {sent.id}
                with suppress(BrokerUnavailable):
                    assert set(await rabbit.publish([sent])) == {sent.id}
        finally:
            rabbit_node.thaw()
        await publish_until_confirmed(rabbit, [sent])
        await collect(await rabbit.subscribe(REPORTS, prefetch=10), {sent.id})
