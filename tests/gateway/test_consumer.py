"""The consumer: acks after the work, fails alone, waits its rungs, and gives up in the open."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from adapters.contract import Refused, Throttled, Unreachable
from gateway.broker.base import (
    REPORTS,
    Broker,
    BrokerError,
    Later,
    QueuedMessage,
    QueueUse,
    ReceivedMessage,
    Refusal,
    Subscription,
)
from gateway.broker.base import BrokerUnavailable as BrokerAway
from gateway.broker.embedded import Embedded
from gateway.queues import consumer
from gateway.queues.consumer import Consumer, Step
from gateway.store.engine import Unavailable
from gateway.wire.events import BadEvent
from tests.gateway.conftest import Away
from tests.gateway.making import LAMP, ROAD, SOON, House, house, note, until_drained

RUNGS = (5.0, 30.0, 300.0)


class Ledger(Subscription, Broker):
    """A broker with one queue that writes down how each message was settled."""

    def __init__(self, *ids: str, attempts: int = 0) -> None:
        self._batches = [
            [ReceivedMessage(QueuedMessage("reports", i, b""), attempts, i) for i in ids]
        ]
        self.settled: dict[str, tuple[object, ...]] = {}
        self.taken = 0
        self.broken: list[Exception] = []
        self.empty = asyncio.Event()

    async def take(self, most: int) -> list[ReceivedMessage]:
        if self.broken:
            raise self.broken.pop(0)
        if not self._batches:
            self.empty.set()
            await asyncio.Event().wait()
        self.taken += 1
        return self._batches.pop(0)

    async def ack(self, deliveries: Sequence[ReceivedMessage]) -> None:
        self.settled |= {d.message.id: ("ack",) for d in deliveries}

    async def retry(
        self, delivery: ReceivedMessage, *, delay: float, error: str, counted: bool = True
    ) -> None:
        fate = ("retry", delay, error) if counted else ("later", delay)
        self.settled[delivery.message.id] = fate

    async def bury(self, delivery: ReceivedMessage, *, error: str) -> None:
        self.settled[delivery.message.id] = ("bury", error)

    async def release(self, deliveries: Sequence[ReceivedMessage]) -> None:
        self.settled |= {d.message.id: ("release",) for d in deliveries}

    async def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        return self

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def publish(self, messages: Sequence[QueuedMessage]) -> dict[str, Refusal]:
        return {}

    async def dead_letters(self, queue: str, *, prefetch: int) -> Subscription | None:
        return None

    async def declare(self, queue: str) -> None: ...
    async def use(self, queue: str) -> QueueUse | None:
        return None

    async def remove(self, queue: str) -> bool:
        return True

    async def depths(self) -> dict[str, int]:
        return {}

    async def ping(self) -> None: ...


@asynccontextmanager
async def running(broker: Ledger, step: Step) -> AsyncIterator[None]:
    worker = Consumer(broker, "reports", step, prefetch=9, batch=9, retry_after=RUNGS)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def settled(broker: Ledger, step: Step) -> dict[str, tuple[object, ...]]:
    """Let a consumer work until its queue is empty, and return how all was settled."""
    async with asyncio.timeout(SOON), running(broker, step):
        await broker.empty.wait()
    return broker.settled


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "PAUSE", 0.0)


def failing(**errors: Exception) -> Step:
    """Make a step that raises when a message it was told of is in the batch."""

    async def step(batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        for delivery in batch:
            if error := errors.get(delivery.message.id):
                raise error
        return {}

    return step


def reporting(**errors: Exception) -> Step:
    """Make a step that returns what failed."""

    async def step(batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        return {d.message.id: errors[d.message.id] for d in batch if d.message.id in errors}

    return step


async def test_a_batch_that_succeeds_is_acked_after_the_work() -> None:
    broker = Ledger("a", "b")

    async def step(batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        assert broker.settled == {}
        return {}

    assert await settled(broker, step) == {"a": ("ack",), "b": ("ack",)}


@pytest.mark.parametrize("kind", [failing, reporting])
async def test_one_bad_message_of_a_batch_fails_alone(kind: Callable[..., Step]) -> None:
    ids = [f"m{n}" for n in range(5)]
    found = await settled(Ledger(*ids), kind(m3=RuntimeError("x")))
    assert found.pop("m3") == ("retry", 5.0, "RuntimeError")
    assert set(found.values()) == {("ack",)}


@pytest.mark.parametrize(
    ("error", "attempts", "fate"),
    [
        (BadEvent("no event"), 0, ("bury", "BadEvent: no event")),
        (Refused("410"), 0, ("bury", "Refused: 410")),
        (Unreachable("503"), 0, ("retry", 5.0, "Unreachable: 503")),
        (Unreachable("503"), 1, ("retry", 30.0, "Unreachable: 503")),
        (Unreachable("503"), 2, ("retry", 300.0, "Unreachable: 503")),
        (Unreachable("503"), 3, ("bury", "Unreachable: 503")),
        (Throttled("429", retry_after=60), 0, ("retry", 60, "Throttled: 429")),
        (Throttled("429", retry_after=1), 1, ("retry", 30.0, "Throttled: 429")),
        (KeyError("+6281234567890"), 0, ("retry", 5.0, "KeyError")),
        (Later(), 3, ("later", 5.0)),
    ],
)
async def test_the_fate_of_a_message_that_fails(
    error: Exception, attempts: int, fate: tuple[object, ...]
) -> None:
    assert await settled(Ledger("a", attempts=attempts), reporting(a=error)) == {"a": fate}


async def test_while_the_database_is_away_nothing_is_counted_as_an_attempt() -> None:
    found = await settled(Ledger("a", "b", attempts=3), failing(a=Unavailable("away")))
    assert found == {"a": ("later", 5.0), "b": ("later", 5.0)}


@pytest.mark.parametrize("error", [BrokerAway("gone"), BrokerError("closed"), Unavailable("gone")])
async def test_a_consumer_goes_on_when_the_broker_is_back(error: Exception) -> None:
    broker = Ledger("a")
    broker.broken = [error, error]
    assert await settled(broker, failing()) == {"a": ("ack",)}


async def _until(house: House, holds: Callable[[dict[str, int]], bool]) -> None:
    async with asyncio.timeout(2 * SOON):
        while not holds(await house.store.queue.depths()):
            await house.store.queue.changed(0.05)


async def test_a_worker_goes_on_by_itself_after_the_database_was_away(
    database_url: str, tmp_path: Path, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "PAUSE", 0.05)
    async with house(database_url, tmp_path, timeout=2.0) as built:
        broker = Embedded(built.store.queue, lease=1)
        worker = Consumer(broker, REPORTS, built.route, prefetch=9, batch=9, retry_after=())
        task = asyncio.create_task(worker.run())
        await built.take(note(ROAD))
        await _until(built, lambda depths: REPORTS not in depths)
        with away():
            answers = await asyncio.gather(*(built.take(note(f"{LAMP} {n}")) for n in range(5)))
        assert {answer.status for answer in answers} == {200}
        await until_drained(built.commits)
        await _until(built, lambda depths: REPORTS not in depths)
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert await built.counted("reports") == 6
        assert await built.store.dead_letters.latest(10) == []


async def test_a_worker_that_stops_gives_back_what_it_held(lite: House) -> None:
    under_way = asyncio.Event()

    async def stuck(batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        under_way.set()
        await asyncio.Event().wait()
        return {}

    await lite.take(note(ROAD))
    worker = Consumer(lite.broker, REPORTS, stuck, prefetch=9, batch=9, retry_after=())
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(SOON):
        await under_way.wait()
    assert await lite.leased(REPORTS) == []
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    (again,) = await lite.leased(REPORTS)
    assert again.attempts == 0


class Unyielding(Ledger):
    """A queue that cannot even be let go of."""

    async def close(self) -> None:
        raise Unavailable("no answer within 5 s")


async def test_who_is_told_to_stop_stops_even_where_nothing_can_be_given_back() -> None:
    async def step(batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        return {}

    broker = Unyielding("1")
    worker = Consumer(broker, "reports", step, prefetch=9, batch=9, retry_after=RUNGS)
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(SOON):
        await broker.empty.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
