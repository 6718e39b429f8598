"""What a queue has lost is found in the database and put back, once, and seen meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aio_pika
import pytest

from adapters.contract import Unreachable
from gateway.broker.base import DELIVERIES, MEDIA, NOTIFICATIONS, REPORTS, WORK, Broker
from gateway.broker.embedded import Embedded
from gateway.broker.rabbit import Rabbit
from gateway.queues.consumer import Step
from gateway.queues.relay import Relay
from gateway.queues.sweep import AGAIN, MARGIN, PATIENCE, SWEEP, Sweep
from tests.gateway.making import LAMP, OTHER, ROAD, WHO, House, note

WAITED = PATIENCE.total_seconds() + 1
RETRY_AFTER = (5, 30)
FILE: dict[str, Any] = {"files": [("catatan.txt", "lubangnya di sini")]}


class Backlog(Embedded):
    """A broker on whose queue something waits; the table is only its outbox."""

    outbox_is_queue = False
    waiting = 0

    async def depths(self) -> dict[str, int]:
        return {REPORTS: self.waiting, f"{MEDIA}.retry.7200": self.waiting}


def sweep(house: House, waiting: int = 0, called: tuple[str, ...] = ()) -> Sweep:
    broker = Backlog(house.store.queue, lease=1)
    broker.waiting = waiting
    return Sweep(house.store, broker, house.services.cursor("*", SWEEP), called, RETRY_AFTER)


async def purge(house: House) -> None:
    await house.change("DELETE FROM queue WHERE state = 'ready'")


async def test_messages_of_a_purged_queue_are_routed_after_all(house: House) -> None:
    await house.take(note(ROAD), note(LAMP, OTHER))
    await purge(house)
    assert await house.work(REPORTS, house.route) == {}
    assert await house.counted("reports") == 0
    look = sweep(house)
    assert await look.turn() == 0, "it may be under way"
    house.clock.pass_(seconds=WAITED)
    assert await look.turn() == 2
    assert await look.turn() == 0
    assert await house.work_all() == {}
    assert await house.counted("reports") == 2
    assert len(house.paper.told(WHO)) == len(house.paper.told(OTHER)) == 1


async def test_deliveries_of_a_purged_queue_are_placed_after_all(house: House) -> None:
    await house.take(note(ROAD))
    await house.work(REPORTS, house.route)
    await purge(house)
    house.clock.pass_(seconds=WAITED)
    assert await sweep(house, called=("3578-dinas-pu",)).turn() == 0, "its lane has it"
    assert await sweep(house).turn() == 1
    assert await house.work(DELIVERIES, house.deliver) == {}
    assert await house.counted("deliveries", "state = 'placed'") == 1


async def test_notifications_are_on_no_queue_that_could_lose_them(house: House) -> None:
    await house.take(note(ROAD))
    await house.work(REPORTS, house.route)
    await purge(house)
    assert await house.notify() == {}
    assert len(house.paper.told()) == 1


async def test_what_waits_its_turn_is_not_put_back(house: House) -> None:
    await house.take(note(ROAD))
    house.clock.pass_(seconds=WAITED)
    assert await sweep(house).turn() == 0, "it is in the outbox"
    await purge(house)
    assert await sweep(house, waiting=50).turn() == 0, "a backlog is no loss"


async def test_what_later_ones_overtook_is_put_back_though_the_queue_is_never_empty(
    house: House,
) -> None:
    await house.take(note(ROAD))
    await purge(house)
    house.clock.pass_(seconds=300)
    await house.take(note(LAMP, OTHER))
    assert await house.work_all() == {}
    assert await sweep(house, waiting=50).turn() == 1
    assert await house.work_all() == {}
    assert await house.counted("reports") == 2


async def test_what_keeps_failing_is_put_back_once_in_a_while(house: House) -> None:
    await house.take(note(ROAD))
    look = sweep(house)
    house.clock.pass_(seconds=WAITED)
    turns = []
    for _ in range(4):
        await purge(house)
        turns.append(await look.turn())
        house.clock.pass_(seconds=AGAIN.total_seconds() / 3 + 1)
    assert turns == [1, 0, 0, 1]


async def test_a_dead_letter_is_left_to_the_operator(house: House) -> None:
    await house.take(note(ROAD))
    (leased,) = await house.store.queue.claim(REPORTS, 1, lease=60)
    await house.store.queue.bury(leased, error="x")
    house.clock.pass_(seconds=WAITED)
    assert await sweep(house).turn() == 0


async def test_two_processes_do_not_both_put_it_back(house: House) -> None:
    await house.take(note(ROAD))
    await purge(house)
    house.clock.pass_(seconds=WAITED)
    assert await sweep(house).turn() == 1
    await purge(house)
    cursor = house.store.cursors.of("*", SWEEP, holder="another")
    broker = Backlog(house.store.queue, lease=1)
    assert await Sweep(house.store, broker, cursor, (), RETRY_AFTER).turn() == 0


async def test_files_are_put_back_when_no_attempt_can_be_waiting_any_more(house: House) -> None:
    await file_waits(house)
    await purge(house)
    look = sweep(house, waiting=1)
    house.clock.pass_(seconds=WAITED)
    assert await look.turn() == 0, "it may wait between two attempts"
    house.clock.pass_(seconds=MARGIN.total_seconds())
    assert await look.turn() == 1
    await purge(house)
    house.clock.pass_(seconds=WAITED)
    assert await look.turn() == 0, "it may wait again"


async def test_files_whose_message_is_there_or_was_given_up_are_left_alone(house: House) -> None:
    await file_waits(house)
    house.clock.pass_(seconds=WAITED)
    assert await sweep(house).turn() == 0, "its message waits"
    (leased,) = await house.store.queue.claim(MEDIA, 1, lease=60)
    await house.store.queue.bury(leased, error="x")
    assert await sweep(house).turn() == 0, "an operator decides"


async def test_files_that_a_version_before_fetched_wait_no_longer(house: House) -> None:
    await house.take(note(ROAD, **FILE))
    await house.work_all()
    (since,) = await house.rows("SELECT files_since FROM reports")
    assert since[0] is not None
    assert await house.work(MEDIA, house.media) == {}
    assert await house.counted("reports", "files_since IS NULL") == 1
    await house.change("UPDATE reports SET files_since = received_at")
    house.clock.pass_(seconds=WAITED)
    await sweep(house).turn()
    assert await house.counted("reports", "files_since IS NULL") == 1


async def report_waits(house: House) -> None:
    await house.take(note(ROAD, **FILE))


async def delivery_waits(house: House) -> None:
    await report_waits(house)
    await house.work(REPORTS, house.route)
    await house.store.queue.settle(await house.store.queue.claim(MEDIA, 9, lease=60))


async def file_waits(house: House) -> None:
    await report_waits(house)
    await house.work(REPORTS, house.route)
    await house.work(DELIVERIES, house.deliver)


async def replay_waits(house: House) -> None:
    house.paper.fails = [Unreachable("away")] * 3
    await file_waits(house)
    for _ in range(3):
        await house.notify()
        await house.hurry()
    await house.work(MEDIA, house.media)
    assert await house.store.replay() == 1


WAITS: dict[str, Callable[[House], Awaitable[None]]] = {
    REPORTS: report_waits,
    DELIVERIES: delivery_waits,
    MEDIA: file_waits,
    NOTIFICATIONS: replay_waits,
}
"""How something comes to wait on each work queue: a new one is to be named here."""


@dataclass
class Table:
    """The queue that is a table, and is emptied behind the gateway's back."""

    house: House

    @property
    def broker(self) -> Broker:
        return Embedded(self.house.store.queue, lease=60)

    async def lose(self, queue: str) -> int:
        count = await self.house.counted("queue", f"queue = '{queue}' AND state = 'ready'")
        await self.house.change(f"DELETE FROM queue WHERE queue = '{queue}'")
        return count

    async def work(self) -> None:
        assert await self.house.work(REPORTS, self.house.route) == {}
        assert await self.house.work(MEDIA, self.house.media) == {}
        assert await self.house.work_all() == {}


@dataclass
class Relayed(Table):
    """RabbitMQ, whose queue is purged."""

    rabbit: Rabbit
    url: str

    @property
    def broker(self) -> Broker:
        return self.rabbit

    async def lose(self, queue: str) -> int:
        await self._relay()
        async with await aio_pika.connect(self.url) as other, other.channel() as channel:
            return (await (await channel.get_queue(queue)).purge()).message_count or 0

    async def work(self) -> None:
        await self._relay()
        steps: dict[str, Step] = {
            REPORTS: self.house.route,
            MEDIA: self.house.media,
            DELIVERIES: self.house.deliver,
        }
        for queue, step in steps.items():
            while (await self.rabbit.depths()).get(queue):
                subscription = await self.rabbit.subscribe(queue, prefetch=10)
                batch = await subscription.take(10)
                assert await step(batch) == {}
                await subscription.ack(batch)
                await subscription.close()
            await self._relay()
        assert await self.house.notify() == {}

    async def _relay(self) -> None:
        relay = Relay(self.house.store.queue, self.rabbit, unpublishable_after=3)
        while await relay.relay_once():
            pass


@pytest.fixture(params=["table", "rabbit"])
async def lossy(request: pytest.FixtureRequest, lite: House) -> AsyncIterator[Table]:
    """A broker whose queues can be lost."""
    if request.param == "table":
        yield Table(lite)
        return
    url: str = request.getfixturevalue("rabbit_url")
    rabbit = Rabbit(url, retry_after=RETRY_AFTER, timeout=10)
    await rabbit.start()
    yield Relayed(lite, rabbit, url)
    await rabbit.close()


@pytest.mark.parametrize("queue", WORK)
async def test_whatever_waits_on_a_work_queue_is_done_though_the_queue_is_lost(
    lossy: Table, queue: str
) -> None:
    house = lossy.house
    await WAITS[queue](house)
    assert await lossy.lose(queue) > 0, "something waited there"
    house.clock.pass_(seconds=WAITED)
    cursor = house.services.cursor("*", SWEEP)
    await Sweep(house.store, lossy.broker, cursor, (), RETRY_AFTER).turn()
    await lossy.work()
    (report,) = await house.store.reports.latest(2)
    assert [file.state for file in report.attachments] == ["stored"]
    assert len(house.paper.told(WHO)) == 1
    placed = await house.counted("deliveries", "state = 'placed'")
    assert placed == await house.counted("deliveries") > 0
