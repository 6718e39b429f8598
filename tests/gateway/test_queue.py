"""The queue table on both databases: lease and fence, wait, die, and start again."""

import asyncio
from uuid import uuid4

import pytest

from gateway.store.engine import Database
from gateway.store.queue_table import Queue
from gateway.store.store import Store
from gateway.wire.queues import DELIVERIES, REPORTS, DeadLetter, LeasedMessage, QueuedMessage
from tests.gateway.making import SOON, Clock, House

FOR_EVER = 3600.0


def message(queue: str = REPORTS, body: bytes = b"{}", **headers: str) -> QueuedMessage:
    """Make a message with an id of its own."""
    return QueuedMessage(queue, uuid4().hex, body, headers)


@pytest.fixture
def queue(house: House) -> Queue:
    """The queue table of an empty database."""
    return house.store.queue


async def _one(queue: Queue, name: str = REPORTS, *, lease: float = FOR_EVER) -> LeasedMessage:
    (leased,) = await queue.claim(name, 10, lease=lease)
    return leased


async def test_what_was_put_comes_out_whole_and_is_hidden_while_leased(queue: Queue) -> None:
    sent = message(body=b"\x00\xff jalan", traceparent="00-ab")
    await queue.put([sent])
    leased = await _one(queue)
    assert (leased.message, leased.attempts) == (sent, 0)
    assert await queue.claim(REPORTS, 10, lease=FOR_EVER) == []
    assert await queue.depths() == {REPORTS: 1}


async def test_a_message_put_twice_is_there_once(queue: Queue) -> None:
    sent = message(body=b"first")
    await queue.put([sent])
    await queue.put(
        [QueuedMessage(REPORTS, sent.id, b"second"), QueuedMessage(DELIVERIES, sent.id, b"else")]
    )
    assert (await _one(queue)).message.body == b"first"
    assert (await _one(queue, DELIVERIES)).message.body == b"else"


async def test_messages_come_in_the_order_in_which_they_became_visible(queue: Queue) -> None:
    sent = [message() for _ in range(7)]
    for each in sent:
        await queue.put([each])
    assert [each.message.id for each in await queue.claim(REPORTS, 3, lease=FOR_EVER)] == [
        each.id for each in sent[:3]
    ]
    assert [each.message.id for each in await queue.claim(REPORTS, 9, lease=FOR_EVER)] == [
        each.id for each in sent[3:]
    ]


async def test_nothing_comes_from_another_queue_unless_every_queue_is_asked(queue: Queue) -> None:
    await queue.put([message(REPORTS), message(DELIVERIES)])
    await _one(queue, DELIVERIES)
    assert (await _one(queue, "")).message.queue == REPORTS


async def test_settled_messages_are_gone(queue: Queue) -> None:
    await queue.put([message(), message()])
    leased = await queue.claim(REPORTS, 10, lease=FOR_EVER)
    assert await queue.settle(leased) == 2
    assert await queue.settle([]) == 0
    assert await queue.depths() == {}


async def test_a_lease_that_ran_out_fences_off_whoever_held_it(queue: Queue) -> None:
    await queue.put([message()])
    late = await _one(queue, lease=-1)
    holder = await _one(queue)
    assert await queue.settle([late]) == 0
    await queue.postpone([late], delay=-1, error="late")
    await queue.bury(late, error="late")
    await queue.release([late])
    assert await queue.claim(REPORTS, 10, lease=FOR_EVER) == []
    assert await queue.depths() == {REPORTS: 1}
    assert await queue.settle([holder]) == 1


async def test_a_postponed_message_waits_and_counts_an_attempt(queue: Queue) -> None:
    await queue.put([message()])
    await queue.postpone([await _one(queue)], delay=FOR_EVER, error="503")
    assert await queue.claim(REPORTS, 10, lease=FOR_EVER) == []
    assert await queue.depths() == {REPORTS: 1}


async def test_attempts_add_up(queue: Queue) -> None:
    await queue.put([message()])
    for attempts in range(3):
        leased = await _one(queue)
        assert leased.attempts == attempts
        await queue.postpone([leased], delay=-1, error="503")


async def test_a_released_message_is_back_at_once_with_its_attempts(queue: Queue) -> None:
    await queue.put([message()])
    await queue.release([await _one(queue)])
    assert (await _one(queue)).attempts == 0


async def test_a_buried_message_is_seen_and_replayed(house: House, queue: Queue) -> None:
    sent = [message(body=b"1"), message(body=b"2")]
    await queue.put(sent)
    for leased in await queue.claim(REPORTS, 10, lease=FOR_EVER):
        await queue.bury(leased, error="bad \x00 \ud800" + "x" * 5000)
    assert await queue.depths() == {f"{REPORTS}.dead": 2}
    assert await queue.claim(REPORTS, 10, lease=FOR_EVER) == []
    newest, oldest = await house.store.dead_letters.latest(10)
    assert (newest.message_id, oldest.message_id) == (sent[1].id, sent[0].id)
    assert (newest.attempts, len(newest.error)) == (1, 1000)
    assert await house.store.replay([newest.id]) == 1
    again = await _one(queue)
    assert (again.message, again.attempts) == (sent[1], 0)
    assert await house.store.replay() == 1
    assert await house.store.replay() == 0


async def test_dead_letters_of_a_broker_are_kept_once(house: House, queue: Queue) -> None:
    letter = DeadLetter(message(body=b"poison"), 6, "BadEvent")
    for _ in range(2):
        await queue.keep_dead([letter])
    (view,) = await house.store.dead_letters.latest(10)
    assert (view.message_id, view.attempts, view.error) == (letter.message.id, 6, "BadEvent")
    await house.store.replay()
    assert (await _one(queue)).message == letter.message


@pytest.mark.parametrize("id", ["", "x" * 65, "nul \x00", "half \ud800"])
async def test_dead_letters_without_a_usable_id_are_kept_all(queue: Queue, id: str) -> None:
    letters = [DeadLetter(QueuedMessage(REPORTS, id, body), 1, "not ours") for body in (b"1", b"2")]
    await queue.keep_dead(letters)
    await queue.keep_dead(letters)
    assert await queue.depths() == {f"{REPORTS}.dead": 2}


async def test_four_claimers_at_once_share_all_and_double_nothing(
    house: House, database_url: str
) -> None:
    sent = [message() for _ in range(200)]
    await house.store.queue.put(sent)
    stores = [Store(Database(database_url, pool_size=4, timeout=20), Clock()) for _ in range(4)]

    async def work(queue: Queue) -> list[str]:
        got: list[str] = []
        while leased := await queue.claim(REPORTS, 7, lease=FOR_EVER):
            assert len(leased) <= 7
            got += [each.message.id for each in leased]
            assert await queue.settle(leased[::2]) == len(leased[::2])
        return got

    shares = await asyncio.gather(*(work(store.queue) for store in stores))
    got = [id for share in shares for id in share]
    assert len(got) == len(set(got))
    # A claimer that saw rows and lost them to the others may stop early; nothing stays unclaimed.
    got += await work(house.store.queue)
    assert sorted(got) == sorted(each.id for each in sent)
    for store in stores:
        await store.close()


async def test_news_wakes_whoever_waits_in_this_process(queue: Queue) -> None:
    async with asyncio.timeout(SOON):
        waiting = asyncio.ensure_future(queue.changed(FOR_EVER))
        while not waiting.done():
            await queue.put([message()])
    await queue.changed(0.001)
