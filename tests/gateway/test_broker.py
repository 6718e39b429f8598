"""What every broker promises, whichever kind it is.

A kind is one row in ``KINDS``: from the test's request it makes a factory of brokers that are not
started yet. Two brokers of one factory see the same queues, as two processes would.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.broker.base import (
    DELIVERIES,
    NOTIFICATIONS,
    REPORTS,
    WORK,
    Broker,
    BrokerError,
    QueuedMessage,
    ReceivedMessage,
    Subscription,
    agency_queue,
)
from gateway.broker.embedded import Embedded
from gateway.broker.rabbit import Rabbit
from gateway.store.engine import Database
from gateway.store.store import Store
from tests.gateway import migrated

RUNGS = (0.2, 0.6)
"""Seconds; short, so that a retried message is back within the test."""
SOON = 30.0
"""Seconds in which a promise must be kept."""

Make = Callable[[], Broker]


def rabbit(request: pytest.FixtureRequest) -> Make:
    """Make brokers on one empty virtual host."""
    url: str = request.getfixturevalue("rabbit_url")
    return lambda: Rabbit(url, retry_after=RUNGS, timeout=10)


class EmbeddedAlone(Embedded):
    """The embedded broker with a store of its own, as a process has it."""

    def __init__(self, url: str) -> None:
        self._store = Store(Database(url, pool_size=5, timeout=20), lambda: datetime.now(UTC))
        super().__init__(self._store.queue, lease=60)

    async def start(self) -> None:
        await self._store.migrate()
        await super().start()

    async def close(self) -> None:
        await super().close()
        await self._store.close()


def embedded_sqlite(request: pytest.FixtureRequest) -> Make:
    """Make embedded brokers on one SQLite file."""
    folder: Path = request.getfixturevalue("tmp_path")
    url = f"{migrated.SQLITE}{folder / 'kanal.sqlite3'}"
    migrated.sqlite(url)
    return lambda: EmbeddedAlone(url)


def embedded_postgres(request: pytest.FixtureRequest) -> Make:
    """Make embedded brokers on one PostgreSQL database."""
    url = migrated.postgres(request.getfixturevalue("postgres_server"))
    return lambda: EmbeddedAlone(url)


KINDS: dict[str, Callable[[pytest.FixtureRequest], Make]] = {
    "rabbit": rabbit,
    "embedded-sqlite": embedded_sqlite,
    "embedded-postgres": embedded_postgres,
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    """Make a broker of the kind under test."""
    return KINDS[request.param](request)


@pytest.fixture
async def broker(make: Make) -> AsyncIterator[Broker]:
    """A started broker."""
    broker = make()
    await broker.start()
    yield broker
    await broker.close()


def message(queue: str = REPORTS, body: bytes = b"{}", **headers: str) -> QueuedMessage:
    """Make a message with an id of its own."""
    return QueuedMessage(queue, uuid4().hex, body, headers)


async def take(subscription: Subscription, count: int) -> list[ReceivedMessage]:
    """Take exactly ``count`` messages."""
    taken: list[ReceivedMessage] = []
    async with asyncio.timeout(SOON):
        while len(taken) < count:
            taken += await subscription.take(count - len(taken))
    return taken


async def nothing_left(broker: Broker, queue: str) -> None:
    """Show that a queue is empty by the next thing that comes out of it."""
    last = message(queue)
    assert await broker.publish([last]) == {}
    subscription = await broker.subscribe(queue, prefetch=10)
    (found,) = await take(subscription, 1)
    assert found.message.id == last.id
    await subscription.ack([found])
    await subscription.close()


@pytest.mark.parametrize("queue", [*WORK, agency_queue("id.35.78.dishub")])
async def test_what_was_published_is_taken_once(broker: Broker, queue: str) -> None:
    sent = message(queue, "jalan rusak di Jl. Melati 🚧".encode(), traceparent="00-ab-cd-01")
    assert await broker.publish([sent]) == {}
    subscription = await broker.subscribe(queue, prefetch=10)
    (taken,) = await take(subscription, 1)
    assert (taken.message, taken.attempts) == (sent, 0)
    await subscription.ack([taken])
    await subscription.close()
    await nothing_left(broker, queue)


@pytest.mark.parametrize("size", [0, 1, 600, 300_000])
async def test_a_body_of_any_size_arrives_whole(broker: Broker, size: int) -> None:
    sent = message(body=b"\x00\xff" * (size // 2) + b"x" * (size % 2))
    assert await broker.publish([sent]) == {}
    (taken,) = await take(await broker.subscribe(REPORTS, prefetch=1), 1)
    assert taken.message.body == sent.body


async def test_messages_come_oldest_first_and_never_more_than_asked(broker: Broker) -> None:
    sent = [message() for _ in range(25)]
    for one in sent:
        assert await broker.publish([one]) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=100)
    first = await take(subscription, 10)
    rest = await take(subscription, 15)
    assert [d.message.id for d in first + rest] == [m.id for m in sent]
    await subscription.ack(first + rest)


async def test_a_full_prefetch_waits_for_an_ack(broker: Broker) -> None:
    assert await broker.publish([message() for _ in range(3)]) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=2)
    held = await take(subscription, 2)
    third = asyncio.ensure_future(subscription.take(5))
    done, _ = await asyncio.wait([third], timeout=0.3)
    assert not done, "a third message came although two are unsettled"
    await subscription.ack(held[:1])
    async with asyncio.timeout(SOON):
        assert len(await third) == 1


async def test_take_waits_for_the_first_message(broker: Broker) -> None:
    subscription = await broker.subscribe(NOTIFICATIONS, prefetch=10)
    waiting = asyncio.ensure_future(subscription.take(10))
    sent = message(NOTIFICATIONS)
    assert await broker.publish([sent]) == {}
    async with asyncio.timeout(SOON):
        (taken,) = await waiting
    assert taken.message == sent


async def test_a_batch_acked_in_any_order_is_gone(broker: Broker) -> None:
    assert await broker.publish([message() for _ in range(12)]) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=20)
    taken = await take(subscription, 12)
    for part in (taken[5:7], taken[0:2], taken[2:5], taken[9:], taken[0:2], taken[7:9]):
        await subscription.ack(part)
    await subscription.close()
    await nothing_left(broker, REPORTS)


async def test_unsettled_messages_come_back_after_close(broker: Broker) -> None:
    sent = [message() for _ in range(6)]
    assert await broker.publish(sent) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=4)
    taken = await take(subscription, 3)
    await subscription.ack(taken[1:2])
    await subscription.close()
    again = await take(await broker.subscribe(REPORTS, prefetch=10), 5)
    expected = {m.id for m in sent} - {taken[1].message.id}
    assert {d.message.id for d in again} == expected


async def test_another_process_gets_what_a_closed_one_held(broker: Broker, make: Make) -> None:
    sent = [message() for _ in range(3)]
    other = make()
    await other.start()
    assert await other.publish(sent) == {}
    await take(await other.subscribe(REPORTS, prefetch=10), 3)
    await other.close()
    again = await take(await broker.subscribe(REPORTS, prefetch=10), 3)
    assert {d.message.id for d in again} == {m.id for m in sent}


async def test_a_closed_subscription_says_so(broker: Broker) -> None:
    subscription = await broker.subscribe(REPORTS, prefetch=10)
    waiting = asyncio.ensure_future(subscription.take(1))
    await asyncio.wait([waiting], timeout=0.05)
    await subscription.close()
    async with asyncio.timeout(SOON):
        with pytest.raises(BrokerError):
            await waiting


@pytest.mark.parametrize("delay", [0.1, 0.5, 3600.0])
async def test_a_retried_message_returns_later_with_its_attempts(
    broker: Broker, delay: float
) -> None:
    sent = message(body=b"x", traceparent="00-ab-cd-01")
    if delay > max(RUNGS) and not isinstance(broker, Rabbit):
        pytest.skip("only RabbitMQ has a longest rung")
    assert await broker.publish([sent]) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=10)
    clock = asyncio.get_running_loop()
    for attempts in range(2):
        (taken,) = await take(subscription, 1)
        assert (taken.message, taken.attempts) == (sent, attempts)
        before = clock.time()
        await subscription.retry(taken, delay=delay, error="agency answered 503")
    (taken,) = await take(subscription, 1)
    assert (taken.message, taken.attempts) == (sent, 2)
    assert clock.time() - before >= min(delay, max(RUNGS)) * 0.9
    await subscription.ack([taken])


async def test_retrying_one_does_not_hold_up_the_others(broker: Broker) -> None:
    first, second = message(), message()
    subscription = await broker.subscribe(REPORTS, prefetch=1)
    assert await broker.publish([first]) == {}
    (taken,) = await take(subscription, 1)
    await subscription.retry(taken, delay=0.6, error="later")
    assert await broker.publish([second]) == {}
    (taken,) = await take(subscription, 1)
    assert taken.message.id == second.id
    await subscription.ack([taken])
    (taken,) = await take(subscription, 1)
    assert taken.message.id == first.id


async def test_a_buried_message_is_a_dead_letter_with_its_cause(broker: Broker) -> None:
    sent = message(DELIVERIES, b"y")
    assert await broker.publish([sent]) == {}
    subscription = await broker.subscribe(DELIVERIES, prefetch=10)
    (taken,) = await take(subscription, 1)
    await subscription.retry(taken, delay=0.1, error="agency answered 503")
    (taken,) = await take(subscription, 1)
    await subscription.bury(taken, error="alamat instansi tidak ada")
    letters = await broker.dead_letters(DELIVERIES, prefetch=10)
    if letters is None:
        assert (await broker.depths())[f"{DELIVERIES}.dead"] == 1
        return
    (letter,) = await take(letters, 1)
    assert (letter.message.queue, letter.message.id) == (DELIVERIES, sent.id)
    assert (letter.message.body, letter.attempts) == (sent.body, 1)
    assert letter.message.headers["x-kanal-error"] == "alamat instansi tidak ada"


async def test_a_replayed_dead_letter_starts_afresh(broker: Broker) -> None:
    sent = message(traceparent="00-ab-cd-01")
    assert await broker.publish([sent]) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=10)
    await subscription.bury((await take(subscription, 1))[0], error="x")
    letters = await broker.dead_letters(REPORTS, prefetch=10)
    if letters is None:
        pytest.skip("the store replays its own dead letters")
    (letter,) = await take(letters, 1)
    assert await broker.publish([letter.message]) == {}
    await letters.ack([letter])
    (again,) = await take(subscription, 1)
    assert (again.message, again.attempts) == (sent, 0)


async def test_released_messages_are_for_anyone_at_once(broker: Broker) -> None:
    sent = [message() for _ in range(4)]
    assert await broker.publish(sent) == {}
    subscription = await broker.subscribe(REPORTS, prefetch=4)
    taken = await take(subscription, 4)
    await subscription.ack(taken[:1])
    await subscription.release(taken[1:])
    again = await take(subscription, 3)
    assert {d.message.id for d in again} == {m.id for m in sent[1:]}
    assert {d.attempts for d in again} == {0}


async def test_depths_name_every_queue_and_count_what_waits(broker: Broker) -> None:
    agency = agency_queue("id.64.72.dinkes")
    assert (
        await broker.publish([message(q) for q in (REPORTS, REPORTS, NOTIFICATIONS, agency)]) == {}
    )
    depths = await broker.depths()
    assert (depths[REPORTS], depths[NOTIFICATIONS], depths[agency]) == (2, 1, 1)
    assert depths.get(f"{REPORTS}.dead", 0) == 0


async def test_a_large_burst_is_confirmed_whole(broker: Broker) -> None:
    sent = [message(DELIVERIES) for _ in range(1000)]
    first, second = await asyncio.gather(broker.publish(sent[:500]), broker.publish(sent[500:]))
    assert {**first, **second} == {}
    subscription = await broker.subscribe(DELIVERIES, prefetch=300)
    seen: set[str] = set()
    while len(seen) < len(sent):
        batch = await take(subscription, min(100, len(sent) - len(seen)))
        seen |= {d.message.id for d in batch}
        await subscription.ack(batch)
    assert seen == {m.id for m in sent}


async def test_a_running_broker_answers(broker: Broker) -> None:
    async with asyncio.timeout(SOON):
        await broker.ping()
