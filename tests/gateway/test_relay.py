"""The relay and the collector: outbox to broker and dead letters back, nothing lost between."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import pytest

from gateway.broker.base import (
    DELIVERIES,
    REPORTS,
    BrokerUnavailable,
    QueuedMessage,
    ReceivedMessage,
    Refusal,
    Subscription,
)
from gateway.broker.embedded import Embedded
from gateway.queues import relay
from gateway.queues.relay import Collector, Relay
from gateway.store.store import Store
from tests.gateway.making import SOON, House


class Wire(Embedded):
    """A broker that publishes by script: it is away, or refuses some, or takes all."""

    def __init__(self, house: House) -> None:
        super().__init__(house.store.queue, lease=60)
        self.taken: list[QueuedMessage] = []
        self.away = 0
        self.refuses: dict[str, Refusal] = {}
        self.tried = asyncio.Condition()

    async def publish(self, messages: Sequence[QueuedMessage]) -> dict[str, Refusal]:
        async with self.tried:
            self.tried.notify_all()
        if self.away:
            self.away -= 1
            raise BrokerUnavailable("no connection")
        self.taken += [each for each in messages if each.id not in self.refuses]
        return {each.id: self.refuses[each.id] for each in messages if each.id in self.refuses}


def _messages(count: int) -> list[QueuedMessage]:
    return [QueuedMessage(REPORTS, uuid4().hex, b"x", {"a": "b"}) for _ in range(count)]


async def test_what_is_confirmed_is_forgotten_and_in_order(house: House) -> None:
    wire, sent = Wire(house), _messages(5)
    await house.store.queue.put(sent)
    forwards = Relay(house.store.queue, wire, unpublishable_after=3)
    assert await forwards.relay_once() == 5
    assert await forwards.relay_once() == 0
    assert wire.taken == sent
    assert await house.store.queue.depths() == {}


async def test_while_the_broker_is_away_the_outbox_waits_uncounted(house: House) -> None:
    wire, sent = Wire(house), _messages(3)
    wire.away = 2
    await house.store.queue.put(sent)
    forwards = Relay(house.store.queue, wire, unpublishable_after=1)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await forwards.relay_once()
    assert await forwards.relay_once() == 3
    assert sorted(each.id for each in wire.taken) == sorted(each.id for each in sent)


async def test_a_message_nobody_takes_is_tried_again_and_then_a_dead_letter(house: House) -> None:
    wire, (bad, good) = Wire(house), _messages(2)
    wire.refuses = {bad.id: Refusal("no such queue", final=True)}
    await house.store.queue.put([bad, good])
    forwards = Relay(house.store.queue, wire, unpublishable_after=2)
    assert await forwards.relay_once() == 2
    assert wire.taken == [good]
    assert await house.store.queue.depths() == {REPORTS: 1}
    assert await forwards.relay_once() == 0  # not before its time
    await house.change("UPDATE queue SET visible_at = 0")
    assert await forwards.relay_once() == 1
    (dead,) = await house.store.dead_letters.latest(10)
    assert (dead.message_id, dead.error) == (bad.id, "no such queue")


async def test_what_the_broker_could_not_take_waits_as_long_as_that_lasts(house: House) -> None:
    wire, (stuck, good) = Wire(house), _messages(2)
    wire.refuses = {stuck.id: Refusal("the queue does not confirm")}
    await house.store.queue.put([stuck, good])
    forwards = Relay(house.store.queue, wire, unpublishable_after=2)
    for taken in (2, 1, 1, 1):
        assert await forwards.relay_once() == taken
        assert await forwards.relay_once() == 0  # not before its time
        await house.change("UPDATE queue SET visible_at = 0")
    wire.refuses.clear()
    assert await forwards.relay_once() == 1
    assert wire.taken == [good, stuck]
    assert await house.store.queue.depths() == {}


async def test_a_relay_goes_on_by_itself_when_the_broker_is_back(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PAUSE", 0.0)
    wire = Wire(lite)
    wire.away = 3
    await lite.store.queue.put(_messages(2))
    task = asyncio.create_task(Relay(lite.store.queue, wire, unpublishable_after=1).run())
    async with asyncio.timeout(SOON), wire.tried:
        await wire.tried.wait_for(lambda: len(wire.taken) == 2 or not wire.away)
    async with asyncio.timeout(SOON):
        while await lite.store.queue.depths():
            await lite.store.queue.changed(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(wire.taken) == 2


class Morgue(Subscription, Embedded):
    """A broker that holds dead letters, as RabbitMQ does."""

    def __init__(self, house: House, *letters: ReceivedMessage) -> None:
        Embedded.__init__(self, house.store.queue, lease=60)
        self._notifier = [list(letters)]
        self.acked: list[ReceivedMessage] = []
        self.emptied = asyncio.Event()

    async def dead_letters(self, queue: str, *, prefetch: int) -> Subscription | None:
        return self

    async def take(self, most: int) -> list[ReceivedMessage]:
        if not self._notifier:
            self.emptied.set()
            await asyncio.Event().wait()
        return self._notifier.pop()

    async def ack(self, deliveries: Sequence[ReceivedMessage]) -> None:
        self.acked += deliveries

    async def retry(
        self, delivery: ReceivedMessage, *, delay: float, error: str, counted: bool = True
    ) -> None: ...
    async def bury(self, delivery: ReceivedMessage, *, error: str) -> None: ...
    async def release(self, deliveries: Sequence[ReceivedMessage]) -> None: ...
    async def close(self) -> None: ...


async def test_dead_letters_are_in_the_store_before_the_broker_forgets_them(house: House) -> None:
    letters = [
        ReceivedMessage(QueuedMessage(DELIVERIES, "d1", b"1", {"x-kanal-error": "503"}), 5, 1),
        ReceivedMessage(QueuedMessage(DELIVERIES, "", b"2"), 1, 2),
        ReceivedMessage(QueuedMessage(DELIVERIES, "", b"3"), 1, 3),
    ]
    morgue = Morgue(house, *letters)
    task = asyncio.create_task(Collector(house.store.queue, morgue, DELIVERIES, prefetch=9).run())
    async with asyncio.timeout(SOON):
        await morgue.emptied.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert morgue.acked == letters
    found = {dead.error: dead.attempts for dead in await house.store.dead_letters.latest(10)}
    assert found == {"503": 5, "unknown": 1}
    assert await house.store.queue.depths() == {f"{DELIVERIES}.dead": 3}


async def test_where_the_store_holds_them_already_there_is_nothing_to_collect(lite: House) -> None:
    async with asyncio.timeout(SOON):
        await Collector(lite.store.queue, lite.broker, REPORTS, prefetch=9).run()


async def test_what_a_process_puts_it_publishes_from_memory(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, sent, queue = Wire(house), _messages(5), house.store.queue
    queue.keep_fresh()
    await queue.put(sent)
    forwards = Relay(queue, wire, unpublishable_after=3)
    with monkeypatch.context() as watched:
        watched.setattr(queue, "claim", None)
        assert await forwards.relay_once() == 5
    assert await forwards.relay_once() == 0
    assert wire.taken == sent
    assert await queue.depths() == {}


async def test_what_a_process_that_died_had_put_is_published_by_another(house: House) -> None:
    wire, sent, queue = Wire(house), _messages(3), house.store.queue
    other = Store(house.store.database, house.clock).queue
    queue.keep_fresh()
    await queue.put(sent)
    forwards = Relay(other, wire, unpublishable_after=3)
    assert await forwards.relay_once() == 0, "its writer may be at it"
    await house.change("UPDATE queue SET visible_at = 0")
    assert await forwards.relay_once() == 3
    assert {each.id for each in wire.taken} == {each.id for each in sent}
    assert await Relay(queue, wire, unpublishable_after=3).relay_once() == 3, "late, and twice"
    assert await queue.depths() == {}


async def test_one_id_on_two_queues_is_forgotten_on_each(house: House) -> None:
    queue, wire = house.store.queue, Wire(house)
    queue.keep_fresh()
    await queue.put([QueuedMessage(name, "same", b"x") for name in (REPORTS, DELIVERIES)])
    await queue.put(_messages(1))
    wire.refuses = {"same": Refusal("no")}
    assert await Relay(queue, wire, unpublishable_after=3).relay_once() == 3
    assert await queue.depths() == {REPORTS: 1, DELIVERIES: 1}


async def test_while_the_broker_is_away_what_was_put_from_memory_waits_too(house: House) -> None:
    wire, sent, queue = Wire(house), _messages(4), house.store.queue
    wire.away = 1
    queue.keep_fresh()
    await queue.put(sent)
    forwards = Relay(queue, wire, unpublishable_after=3)
    with pytest.raises(BrokerUnavailable):
        await forwards.relay_once()
    assert await forwards.relay_once() == 4
    assert {each.id for each in wire.taken} == {each.id for each in sent}
    assert await queue.depths() == {}
