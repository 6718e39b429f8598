"""What RabbitMQ does for us beyond the common promises: limits, refusals, settling by tag."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aio_pika
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.broker import topology
from gateway.broker.base import (
    DELIVERIES,
    REPORTS,
    WORK,
    BrokerError,
    BrokerUnavailable,
    QueuedMessage,
    Refusal,
    agency_queue,
)
from gateway.broker.rabbit import Rabbit
from gateway.broker.subscription import Ledger
from tests.gateway.test_broker import message, take
from tests.services import RabbitNode, free_ports

AGENCY = agency_queue("id.35.78.dishub")


@pytest.fixture
async def rabbit(rabbit_url: str) -> AsyncIterator[Rabbit]:
    """A broker that parks a message at its third failure to be settled."""
    rabbit = Rabbit(rabbit_url, retry_after=(0.2,), delivery_limit=2, timeout=10)
    await rabbit.start()
    yield rabbit
    await rabbit.close()


async def test_an_absent_broker_is_said_at_start() -> None:
    (port,) = free_ports(1)
    rabbit = Rabbit(f"amqp://guest:guest@127.0.0.1:{port}/", retry_after=(1,), timeout=10)
    async with asyncio.timeout(9):
        with pytest.raises(BrokerUnavailable):
            await rabbit.start()


async def test_a_wrong_password_is_said_at_start_without_repeating_it(rabbit_url: str) -> None:
    url = rabbit_url.replace("guest:guest", "guest:rahasia")
    with pytest.raises(BrokerUnavailable) as caught:
        await Rabbit(url, retry_after=(1,), timeout=10).start()
    assert "rahasia" not in str(caught.value)


async def test_a_second_process_finds_the_topology_as_it_declared_it(
    rabbit: Rabbit, rabbit_url: str
) -> None:
    other = Rabbit(rabbit_url, retry_after=(0.2, 30), delivery_limit=2, timeout=10)
    await other.start()
    depths = await other.depths()
    await other.close()
    expected = {f"{q}{end}" for q in WORK for end in ("", ".dead", ".retry.0.2", ".retry.30")}
    assert set(depths) == expected


async def test_an_unroutable_message_is_an_error_and_its_neighbours_are_not(
    rabbit: Rabbit,
) -> None:
    sent = [message("nowhere") if n % 10 == 3 else message() for n in range(100)]
    errors = await rabbit.publish(sent)
    assert set(errors) == {m.id for m in sent if m.queue == "nowhere"}
    assert (await rabbit.depths())[REPORTS] == 90


async def test_the_same_id_for_two_queues_never_hides_the_unroutable_one(rabbit: Rabbit) -> None:
    pairs = [m for n in range(50) for m in _twins(str(n))]
    assert set(await rabbit.publish(pairs)) == {str(n) for n in range(50)}


def _twins(name: str) -> tuple[QueuedMessage, QueuedMessage]:
    return QueuedMessage("nowhere", name, b"a"), QueuedMessage(REPORTS, name, b"b")


@pytest.mark.parametrize(
    "bad", [QueuedMessage(REPORTS, "x" * 300, b""), QueuedMessage("q" * 300, "long-queue", b"")]
)
async def test_a_message_that_cannot_be_encoded_fails_alone(
    rabbit: Rabbit, bad: QueuedMessage
) -> None:
    good = [message() for _ in range(20)]
    assert set(await rabbit.publish([*good[:10], bad, *good[10:]])) == {bad.id}
    assert (await rabbit.depths())[REPORTS] == 20


async def test_a_full_queue_refuses_and_says_so(rabbit: Rabbit) -> None:
    async with rabbit._out.channel() as channel:
        arguments: topology.Arguments = {"x-overflow": "reject-publish", "x-max-length": 1}
        await channel.declare_queue("small", durable=True, arguments=arguments)
    sent = [message("small") for _ in range(20)]
    errors = [await rabbit.publish([one]) for one in sent]
    assert errors[0] == {}
    assert errors[-1] == {sent[-1].id: Refusal("the queue refused the message")}


async def test_a_cancelled_publish_leaves_the_counts_right(rabbit: Rabbit) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await rabbit.publish([message() for _ in range(2000)])
    await rabbit._out.wait()
    sent = [message("nowhere") if n % 7 == 3 else message() for n in range(300)]
    errors = await rabbit.publish(sent)
    assert set(errors) == {m.id for m in sent if m.queue == "nowhere"}


async def test_an_alarm_is_named_at_once_and_ends(rabbit: Rabbit, rabbit_node: RabbitNode) -> None:
    await rabbit.ping()
    alarm = "{{resource_limit, memory, node()}, []}"
    await asyncio.to_thread(rabbit_node.ctl, "eval", f"rabbit_alarm:set_alarm({alarm}).")
    try:
        for _ in range(2):
            with pytest.raises(BrokerUnavailable, match="by an alarm: low on memory"):
                await rabbit.ping()
    finally:
        over = "rabbit_alarm:clear_alarm({resource_limit, memory, node()})."
        await asyncio.to_thread(rabbit_node.ctl, "eval", over)
    async with asyncio.timeout(30):
        while True:
            with suppress(BrokerUnavailable):
                await rabbit.ping()
                return
            await asyncio.sleep(0.02)


async def test_a_lost_quorum_is_named(rabbit_url: str, rabbit_node: RabbitNode) -> None:
    rabbit = Rabbit(rabbit_url, retry_after=(0.2,), timeout=1)
    await rabbit.start()
    try:
        await rabbit.ping()
        member = f"{{'{rabbit_url.rpartition('/')[2]}_{topology.PROBES}', node()}}"
        await asyncio.to_thread(
            rabbit_node.ctl, "eval", f"ra:stop_server(quorum_queues, {member})."
        )
        with pytest.raises(BrokerUnavailable, match="the quorum is lost"):
            await rabbit.ping()
        assert await rabbit.publish([message()]) == {}, "other queues go on"
    finally:
        await rabbit.close()


async def test_a_queue_of_probes_that_was_deleted_is_made_again(
    rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        async with rabbit._out.channel() as channel:
            await channel.queue_delete(topology.PROBES)
        await rabbit.ping()
        assert await rabbit.use(topology.PROBES), "what was confirmed went into a queue"

    async def nothing() -> None:
        pass

    monkeypatch.setattr(rabbit, "_declare_probes", nothing)
    async with rabbit._out.channel() as channel:
        await channel.queue_delete(topology.PROBES)
    with pytest.raises(BrokerUnavailable):
        await rabbit.ping()


async def test_an_agency_queue_deleted_behind_our_back_is_made_again(
    rabbit: Rabbit, rabbit_url: str
) -> None:
    assert await rabbit.publish([message(AGENCY)]) == {}
    async with rabbit._out.channel() as channel:
        await channel.queue_delete(AGENCY)
    assert AGENCY not in await rabbit.depths()
    lost = message(AGENCY)
    assert set(await rabbit.publish([lost])) == {lost.id}
    assert await rabbit.publish([lost]) == {}


async def test_what_a_message_is_stands_in_its_properties(rabbit: Rabbit, rabbit_url: str) -> None:
    kind = {"content-type": "application/cloudevents+json", "type": "id.kanal.report.assigned"}
    sent = message(AGENCY, b"{}", **kind)
    before = datetime.now(UTC).replace(microsecond=0)
    assert await rabbit.publish([sent]) == {}
    async with await aio_pika.connect(rabbit_url) as agency, agency.channel() as channel:
        got = await (await channel.get_queue(AGENCY)).get()
        assert (got.content_type, got.type) == tuple(kind.values())
        assert (got.message_id, got.app_id) == (sent.id, "kanal")
        assert got.timestamp
        assert before <= got.timestamp <= datetime.now(UTC)
        await got.ack()
        # From a program that knows the properties only.
        bare = aio_pika.Message(b"{}", content_type="text/x", type="t", message_id=sent.id)
        await channel.default_exchange.publish(bare, AGENCY)
    (taken,) = await take(await rabbit.subscribe(AGENCY, prefetch=1), 1)
    assert taken.message.headers == {"content-type": "text/x", "type": "t"}


@pytest.mark.parametrize("queue", [REPORTS, AGENCY])
async def test_a_message_that_kills_its_workers_is_parked_and_goes_back_home(
    rabbit: Rabbit, queue: str
) -> None:
    poison = message(queue, b"boom")
    assert await rabbit.publish([poison]) == {}
    for _ in range(3):
        worker = await rabbit.subscribe(queue, prefetch=1)
        await take(worker, 1)
        await worker.close()
    of = DELIVERIES if queue == AGENCY else queue
    (letter,) = await take(await rabbit.dead_letters(of, prefetch=10), 1)
    assert (letter.message.queue, letter.message.id) == (queue, poison.id)
    assert "delivery_limit" in letter.message.headers[topology.ERROR]


async def test_an_agency_queue_has_no_rungs(rabbit: Rabbit) -> None:
    assert await rabbit.publish([message(AGENCY)]) == {}
    subscription = await rabbit.subscribe(AGENCY, prefetch=1)
    (taken,) = await take(subscription, 1)
    with pytest.raises(BrokerError):
        await subscription.retry(taken, delay=1, error="x")


async def test_a_subscription_survives_the_loss_of_its_channel(rabbit: Rabbit) -> None:
    subscription = await rabbit.subscribe(REPORTS, prefetch=10)
    sent = message()
    assert await rabbit.publish([sent]) == {}
    (held,) = await take(subscription, 1)
    wire: Any = held.receipt
    await wire.session.wire.basic_ack(999)  # RabbitMQ closes the channel over an unknown tag
    (again,) = await take(subscription, 1)
    assert again.message.id == sent.id
    await subscription.ack([held])
    await subscription.bury(held, error="too late: the receipt is void")
    await subscription.ack([again])
    assert await rabbit.publish([sent]) == {}
    assert [d.message.id for d in await take(subscription, 1)] == [sent.id]
    assert (await rabbit.depths())[f"{REPORTS}.dead"] == 0


async def test_publishing_on_a_closed_broker_is_an_error_at_once(rabbit_url: str) -> None:
    rabbit = Rabbit(rabbit_url, retry_after=(1,), timeout=10)
    await rabbit.start()
    await rabbit.close()
    sent = message()
    async with asyncio.timeout(9):
        with pytest.raises(BrokerUnavailable):
            await rabbit.publish([sent])
        with pytest.raises(BrokerUnavailable):
            await rabbit.ping()


@pytest.mark.parametrize(
    ("delay", "rung"), [(0, "5"), (5, "5"), (5.1, "60"), (60, "60"), (61, "300"), (9999, "300")]
)
def test_a_delay_gets_the_nearest_rung_not_below_it(delay: float, rung: str) -> None:
    assert topology.rung(REPORTS, delay, (60, 5, 300)) == f"reports.retry.{rung}"


@pytest.mark.parametrize(
    ("headers", "attempts", "cause"),
    [
        ({}, 0, "unknown"),
        ({topology.ATTEMPTS: "3", topology.ERROR: "503"}, 3, "503"),
        ({topology.ATTEMPTS: "many"}, 0, "unknown"),
        ({"x-delivery-count": 7}, 0, "unknown"),
        ({"x-death": [{"reason": "expired"}], topology.ERROR: "503"}, 0, "503"),
        ({"x-death": [{"reason": "rejected"}]}, 0, "parked by the broker: rejected"),
        ({"x-death": "not a list"}, 0, "unknown"),
    ],
)
def test_headers_say_how_often_and_why(headers: dict[str, Any], attempts: int, cause: str) -> None:
    assert (topology.attempts(headers), topology.cause(headers)) == (attempts, cause)


@given(st.lists(st.lists(st.integers(1, 30), max_size=8), max_size=20))
def test_every_delivery_is_settled_once_and_nothing_else_with_it(
    batches: list[list[int]],
) -> None:
    ledger = Ledger()
    settled: set[int] = set()
    for batch in batches:
        together, singly = ledger.settle(batch)
        swept = {t for t in range(1, together + 1) if t not in settled}
        assert not together or together in swept, "RabbitMQ closes a channel over a settled tag"
        assert swept <= set(batch), "one frame settled what nobody finished"
        assert not settled & set(singly)
        settled |= swept | set(singly)
        assert set(batch) <= settled


def test_a_batch_in_order_is_one_frame() -> None:
    ledger = Ledger()
    assert ledger.settle([3, 1, 2]) == (3, [])
    assert ledger.settle([5, 6]) == (0, [5, 6])
    assert ledger.settle([4, 7]) == (7, [])
    assert ledger.settle([4, 7]) == (0, [])


async def _delete(rabbit: Rabbit, queue: str) -> None:
    async with rabbit._out.channel() as channel:
        await channel.queue_delete(queue)


@pytest.mark.parametrize("queue", [*WORK, AGENCY])
async def test_a_queue_of_ours_that_somebody_deletes_is_there_again(
    rabbit: Rabbit, queue: str
) -> None:
    """Consumer and publisher go on by themselves; nobody has to be started anew."""
    subscription = await rabbit.subscribe(queue, prefetch=10)
    await rabbit.publish([message(queue)])
    await subscription.ack(await take(subscription, 1))
    await _delete(rabbit, queue)
    sent = message(queue)
    for _ in range(3):
        if not await rabbit.publish([sent]):
            break
    (came,) = await take(subscription, 1)
    assert came.message.id == sent.id
    await subscription.ack([came])
    await subscription.close()


async def test_a_retry_queue_that_somebody_deletes_is_there_again(rabbit: Rabbit) -> None:
    subscription = await rabbit.subscribe(REPORTS, prefetch=10)
    await _delete(rabbit, f"{REPORTS}.retry.0.2")
    sent = message(REPORTS)
    await rabbit.publish([sent])
    async with asyncio.timeout(20):
        (first,) = await take(subscription, 1)
        await subscription.retry(first, delay=0.2, error="x")  # gone: given back, and declared
        (second,) = await take(subscription, 1)
        await subscription.retry(second, delay=0.2, error="x")
        (third,) = await take(subscription, 1)
    assert {each.message.id for each in (first, second, third)} == {sent.id}
    assert third.attempts == 1
    await subscription.ack([third])
    await subscription.close()


async def test_ten_crashes_of_a_worker_park_no_innocent_message(rabbit_url: str) -> None:
    rabbit = Rabbit(rabbit_url, retry_after=(0.2,), timeout=10)
    await rabbit.start()
    sent = [message() for _ in range(20)]
    await rabbit.publish(sent)
    for _ in range(10):
        subscription = await rabbit.subscribe(REPORTS, prefetch=20)
        await take(subscription, 20)
        await subscription.close()
    depths = await rabbit.depths()
    assert (depths[REPORTS], depths[f"{REPORTS}.dead"]) == (20, 0)
    await rabbit.close()


async def test_a_ping_is_confirmed_by_a_quorum_queue(
    rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await rabbit.ping()

    async def silent(*_: object, **__: object) -> BaseException:
        return TimeoutError()

    monkeypatch.setattr(rabbit, "_offer", silent)
    with pytest.raises(BrokerUnavailable, match="the quorum is lost"):
        await rabbit.ping()
