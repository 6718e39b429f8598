"""Queues of agencies that settings do not name: read ones are kept, the others go to the inbox."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from structlog.testing import capture_logs

from gateway.broker import embedded, topology
from gateway.broker.base import (
    DELIVERIES,
    REPORTS,
    Broker,
    BrokerUnavailable,
    QueuedMessage,
    QueueUse,
    agency_queue,
)
from gateway.broker.rabbit import Rabbit
from gateway.broker.subscription import RabbitSubscription
from gateway.queues import agency_queues
from gateway.queues.agency_queues import AGENCY_QUEUES, AWAY, BATCH, EVERY, AgencyQueueReview
from gateway.queues.relay import Relay
from gateway.store.agency_queues import UNSEEN
from gateway.store.engine import Unavailable
from tests.gateway import migrated
from tests.gateway.making import ROAD, SOON, House, Queues, house, note
from tests.services import RabbitNode

AGENCY = "3578-dinas-pu"
QUEUE = agency_queue(AGENCY)


@dataclass
class Before:
    """A database of the version before, in which every agency had a queue, and this version."""

    house: House
    broker: Broker
    writers: Iterator[int] = field(default_factory=lambda: count(100))

    async def placed(self) -> None:
        """Let the version before place a report on the agency's queue."""
        await self.house.take(note(ROAD, f"+6281234567{next(self.writers)}"))
        await self.house.work(REPORTS, self.house.route)
        old = self.house.another(methods=Queues())
        assert await self.house.work(DELIVERIES, old.deliver) == {}
        await self.relay()

    async def upgraded(self) -> None:
        """Do what the migration does with what is there."""
        await self.house.change(
            "INSERT INTO agency_queues (agency_id, state, unknown) SELECT DISTINCT agency_id, "
            f"'{UNSEEN}', 0 FROM deliveries WHERE method = 'queue'"
        )

    async def comes(self) -> None:
        """Let this version place a report."""
        await self.house.take(note(ROAD, f"+6281234567{next(self.writers)}"))
        await self.house.work(REPORTS, self.house.route)
        assert await self.house.work(DELIVERIES, self.house.deliver) == {}
        await self.relay()

    async def relay(self) -> None:
        if not self.broker.outbox_is_queue:
            relay = Relay(self.house.store.queue, self.broker, unpublishable_after=3)
            while await relay.relay_once():
                pass

    async def look(self, *by_queue: str) -> None:
        """Look at the queues as a process does that has just started, once."""
        self.house.clock.pass_(seconds=EVERY + 1)
        cursor = self.house.services.cursor("*", AGENCY_QUEUES)
        await AgencyQueueReview(self.house.store, self.broker, cursor, by_queue).turn()

    async def methods(self) -> list[str]:
        rows = await self.house.rows("SELECT method FROM deliveries ORDER BY created_at")
        return [row[0] for row in rows]

    async def listed(self) -> list[tuple[str, str, int]]:
        rows = await self.house.rows("SELECT agency_id, state, unknown FROM agency_queues")
        return [tuple(row) for row in rows]

    async def takes(self, count: int) -> None:
        """Take so many messages from the agency's queue."""
        subscription = await self.broker.subscribe(QUEUE, prefetch=count)
        async with asyncio.timeout(SOON):
            while count > 0:
                count -= len(await subscription.take(count))

    async def holds(self, count: int) -> None:
        """Wait until so many are on the agency's queue: what is given back is so soon after."""
        async with asyncio.timeout(SOON):
            while await self.depth() != count:
                pass

    async def depth(self) -> int | None:
        use = await self.broker.use(QUEUE)
        return use.messages if use else None


@pytest.fixture(params=["sqlite-table", "postgres-table", "postgres-rabbit"])
async def before(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Before]:
    """Both brokers on the databases they are used with."""
    database, broker = request.param.split("-")
    if database == "sqlite":
        url: str = request.getfixturevalue("sqlite_url")
    else:
        url = migrated.postgres(request.getfixturevalue("postgres_server"))
    rabbit_url = request.getfixturevalue("rabbit_url") if broker == "rabbit" else ""
    async with opened(url, rabbit_url, tmp_path) as built:
        yield built


@pytest.fixture
async def on_rabbit(sqlite_url: str, rabbit_url: str, tmp_path: Path) -> AsyncIterator[Before]:
    """The broker whose queues others can read."""
    async with opened(sqlite_url, rabbit_url, tmp_path) as built:
        yield built


@asynccontextmanager
async def opened(url: str, rabbit_url: str, folder: Path) -> AsyncIterator[Before]:
    async with house(url, folder, queues=False) as built:
        if not rabbit_url:
            yield Before(built, built.broker)
            return
        broker = Rabbit(rabbit_url, retry_after=(5,), timeout=10)
        await broker.start()
        yield Before(built, broker)
        await broker.close()


async def test_what_no_agency_reads_is_moved_to_its_inbox_once(before: Before) -> None:
    await before.placed()
    await before.placed()
    await before.upgraded()
    for _ in range(3):
        await before.look()
    assert await before.methods() == ["inbox", "inbox"]
    assert await before.listed() == []
    assert not await before.depth()
    await before.comes()
    await before.look()
    assert set(await before.methods()) == {"inbox"}
    assert not await before.depth()


async def test_what_is_no_delivery_is_kept_where_it_is(before: Before) -> None:
    await before.placed()
    await before.upgraded()
    await before.broker.publish([QueuedMessage(QUEUE, "strange", b"not ours")])
    for _ in range(3):
        await before.look()
    assert await before.methods() == ["inbox"]
    assert await before.listed() == [(AGENCY, "left", 1)]
    assert await before.depth() == 1


async def test_many_that_are_no_deliveries_are_taken_and_given_back_once(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    await before.placed()
    await before.upgraded()
    strange = [
        QueuedMessage(QUEUE, f"strange-{number}", b"not ours") for number in range(BATCH + 1)
    ]
    await before.broker.publish(strange)
    await before.look()
    await before.holds(BATCH + 1)
    monkeypatch.delattr(before.broker.__class__, "subscribe")
    await before.look()
    assert await before.methods() == ["inbox"]
    assert await before.listed() == [(AGENCY, "left", BATCH + 1)]
    assert await before.depth() == BATCH + 1


async def test_a_queue_of_the_settings_is_left_alone(before: Before) -> None:
    await before.placed()
    await before.upgraded()
    await before.look(AGENCY)
    assert await before.methods() == ["queue"]
    assert await before.depth() == 1


async def test_what_a_process_of_the_version_before_places_beside_this_one_is_moved_too(
    before: Before,
) -> None:
    await before.look()
    await before.placed()
    await before.look()
    await before.look()
    assert await before.methods() == ["inbox"]
    assert await before.listed() == []
    assert not await before.depth()


async def test_the_first_look_leaves_what_is_old_to_the_migration(before: Before) -> None:
    await before.placed()
    before.house.clock.pass_(seconds=2 * 86_400)
    await before.look()
    assert await before.listed() == []
    await before.upgraded()
    await before.look()
    assert await before.methods() == ["inbox"]


async def test_a_look_that_fails_is_told_in_the_log(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = asyncio.Event()
    tries = count()

    async def slow(_: object) -> set[str]:
        if next(tries):
            again.set()
        raise Unavailable("no answer within 20 s")

    async with opened(sqlite_url, "", tmp_path) as built:
        monkeypatch.setattr(built.house.store.deliveries, "agencies_by_queue", slow)
        monkeypatch.setattr(agency_queues, "EVERY", 0)
        cursor = built.house.services.cursor("*", AGENCY_QUEUES)
        with capture_logs() as logs:
            review = AgencyQueueReview(built.house.store, built.broker, cursor, ())
            task = asyncio.create_task(review.run())
            async with asyncio.timeout(SOON):
                await again.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    told = [(line["log_level"], line["error"]) for line in logs if "not looked at" in line["event"]]
    assert told[0] == ("warning", "no answer within 20 s")


async def test_a_look_that_is_cut_off_before_it_acknowledged_is_done_again(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise Unavailable("killed")

    await before.placed()
    await before.upgraded()
    with monkeypatch.context() as patch:
        for kind in (RabbitSubscription, embedded._Subscription):
            patch.setattr(kind, "ack", die)
        with pytest.raises(Unavailable):
            await before.look()
    assert await before.methods() == ["inbox"]
    for _ in range(2):
        await before.look()
    assert await before.methods() == ["inbox"]
    assert await before.listed() == []
    assert not await before.depth()


async def test_a_queue_that_is_read_is_kept_and_used_until_its_reader_has_left(
    on_rabbit: Before, rabbit_url: str
) -> None:
    await on_rabbit.placed()
    await on_rabbit.upgraded()
    async with await aio_pika.connect(rabbit_url) as agency, agency.channel() as channel:
        got: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        await (await channel.get_queue(QUEUE)).consume(got.put)
        async with asyncio.timeout(SOON):
            await (await got.get()).ack()
            await on_rabbit.look()
            assert await on_rabbit.listed() == [(AGENCY, "read", 0)]
            await on_rabbit.comes()
            await (await got.get()).ack()
        await on_rabbit.look()
    assert await on_rabbit.methods() == ["queue", "queue"]
    await on_rabbit.comes()
    on_rabbit.house.clock.pass_(seconds=AWAY.total_seconds() - 60)
    await on_rabbit.look()
    assert await on_rabbit.methods() == ["queue"] * 3, "its system may be down"
    on_rabbit.house.clock.pass_(seconds=60)
    for _ in range(2):
        await on_rabbit.look()
    assert await on_rabbit.methods() == ["queue", "queue", "inbox"], "two were in its hands"
    assert await on_rabbit.listed() == []
    assert await on_rabbit.depth() is None


async def test_a_queue_that_is_read_is_there_again_after_somebody_deleted_it(
    on_rabbit: Before, rabbit_url: str
) -> None:
    await on_rabbit.placed()
    await on_rabbit.upgraded()
    async with await aio_pika.connect(rabbit_url) as agency, agency.channel() as channel:
        await (await (await channel.get_queue(QUEUE)).get()).ack()
        await on_rabbit.look()
        await channel.queue_delete(QUEUE)
    for _ in range(2):
        await on_rabbit.look()
    assert await on_rabbit.listed() == [(AGENCY, "read", 0)]
    await on_rabbit.comes()
    assert (await on_rabbit.methods(), await on_rabbit.depth()) == (["queue", "queue"], 1)
    on_rabbit.house.clock.pass_(seconds=AWAY.total_seconds())
    for _ in range(2):
        await on_rabbit.look()
    assert await on_rabbit.listed() == [], "its reader did not come back"


async def test_a_queue_of_which_something_was_taken_has_a_reader_that_may_come_back(
    on_rabbit: Before, rabbit_url: str
) -> None:
    await on_rabbit.placed()
    await on_rabbit.placed()
    await on_rabbit.upgraded()
    async with await aio_pika.connect(rabbit_url) as agency, agency.channel() as channel:
        await (await (await channel.get_queue(QUEUE)).get()).ack()
    await on_rabbit.look()
    assert await on_rabbit.listed() == [(AGENCY, "read", 0)]
    assert await on_rabbit.depth() == 1


@pytest.mark.parametrize("placed", [0, 1])
async def test_a_queue_that_is_said_to_be_empty_and_is_not_stays(
    on_rabbit: Before, monkeypatch: pytest.MonkeyPatch, placed: int
) -> None:
    """As RabbitMQ says of a queue whose leader does not answer within a quarter of a second."""

    async def hidden(_: str) -> QueueUse:
        return QueueUse(0, 0)

    for _ in range(placed):
        await on_rabbit.placed()
    await on_rabbit.broker.publish([QueuedMessage(QUEUE, "strange", b"not ours")])
    await on_rabbit.house.change(
        f"INSERT INTO agency_queues (agency_id, state, unknown) VALUES ('{AGENCY}', 'left', 1)"
    )
    with monkeypatch.context() as patch:
        patch.setattr(on_rabbit.broker, "use", hidden)
        await on_rabbit.look()
        assert await on_rabbit.listed() == [(AGENCY, "left", 0)], "not believed at once"
        await on_rabbit.look()
    assert len(await on_rabbit.listed()) == 1
    await on_rabbit.takes(placed + 1)


async def test_a_queue_without_a_leader_is_not_removed(
    on_rabbit: Before, rabbit_node: RabbitNode, rabbit_url: str
) -> None:
    await on_rabbit.placed()
    name = f'rabbit_misc:r(<<"{topology.vhost_of(rabbit_url)}">>, queue, <<"{QUEUE}">>)'

    def leader(what: str) -> None:
        found = f"{{ok, Q}} = rabbit_amqqueue:lookup({name})"
        rabbit_node.ctl("eval", f"{found}, ra:{what}_server(quorum_queues, amqqueue:get_pid(Q)).")

    leader("stop")
    assert await on_rabbit.broker.use(QUEUE) == QueueUse(0, 0), "what RabbitMQ says of it"
    with pytest.raises(BrokerUnavailable):
        await on_rabbit.broker.remove(QUEUE)
    await on_rabbit.broker.ping()
    leader("restart")
    await on_rabbit.takes(1)


async def test_an_agency_that_settings_no_longer_name_keeps_its_queue_for_seven_days(
    on_rabbit: Before,
) -> None:
    await on_rabbit.look(AGENCY)
    on_rabbit.house.clock.pass_(seconds=AWAY.total_seconds())
    await on_rabbit.look(AGENCY)
    await on_rabbit.comes()
    on_rabbit.house.clock.pass_(seconds=AWAY.total_seconds() - 60)
    await on_rabbit.look()
    await on_rabbit.comes()
    assert await on_rabbit.methods() == ["queue", "queue"]
    on_rabbit.house.clock.pass_(seconds=60)
    for _ in range(2):
        await on_rabbit.look()
    assert await on_rabbit.methods() == ["inbox", "inbox"]
    assert await on_rabbit.listed() == []


async def test_an_agency_of_the_settings_has_its_queue_before_there_is_anything_in_it(
    on_rabbit: Before, rabbit_url: str
) -> None:
    await on_rabbit.look(AGENCY)
    assert await on_rabbit.depth() == 0
    async with await aio_pika.connect(rabbit_url) as other, other.channel() as channel:
        await channel.queue_delete(QUEUE)
    await on_rabbit.look(AGENCY)
    assert await on_rabbit.depth() == 0, "declared again"
