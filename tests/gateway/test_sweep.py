"""What a queue has lost is found in the database and put back, once, and seen meanwhile."""

import pytest

from gateway.broker.base import DELIVERIES, REPORTS
from gateway.broker.embedded import Embedded
from gateway.operations.health import LOST, Health
from gateway.queues.sweep import AGAIN, PATIENCE, SWEEP, Sweep
from tests.gateway.making import LAMP, OTHER, ROAD, WHO, House, note

WAITED = PATIENCE.total_seconds() + 1


class Backlog(Embedded):
    """A broker on whose queue something waits; the table is only its outbox."""

    outbox_is_queue = False
    waiting = 0

    async def depths(self) -> dict[str, int]:
        return {REPORTS: self.waiting}


def sweep(house: House, waiting: int = 0, called: tuple[str, ...] = ()) -> Sweep:
    broker = Backlog(house.store.queue, lease=1)
    broker.waiting = waiting
    return Sweep(house.store, broker, house.services.cursor("*", SWEEP), called)


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
    assert await Sweep(house.store, Backlog(house.store.queue, lease=1), cursor, ()).turn() == 0


@pytest.mark.parametrize(("minutes", "red"), [(9, False), (11, True)])
async def test_what_is_taken_in_and_not_routed_for_minutes_is_red(
    house: House, minutes: float, red: bool
) -> None:
    await house.take(note(ROAD))
    await purge(house)
    house.clock.pass_(minutes=minutes)
    finding = await Health(house.store, house.broker, house.commits, house.spool).look()
    assert LOST.total_seconds() == 600
    assert finding.checks["routing"].startswith("1 taken in") is red
    assert finding.ok is not red
