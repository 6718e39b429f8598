"""Processes, broker and database die under load: nothing acknowledged is lost, nothing doubled."""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aio_pika
from aiohttp import ClientError, ClientSession, ClientTimeout

from gateway.broker.base import agency_queue
from gateway.broker.rabbit import Rabbit
from tests.gateway.citizens import MATTERS, Citizens, citizens
from tests.gateway.ledger import Counts, Ledger, once_in_effect
from tests.gateway.processes import kanal, processes
from tests.services import PostgresServer, RabbitNode

SOON = 120.0
OUTAGE = 10.0

Note = Callable[[str, object], None]


@asynccontextmanager
async def client() -> AsyncIterator[ClientSession]:
    """Open an HTTP client that does not wait for ever."""
    async with ClientSession(timeout=ClientTimeout(total=30)) as session:
        yield session


async def checked(base: str) -> tuple[int, str]:
    """Ask how Kanal is; 0 where nobody answers."""
    async with client() as http:
        try:
            async with http.get(f"{base}/health") as answer:
                return answer.status, await answer.text()
        except (ClientError, OSError) as error:
            return 0, type(error).__name__


async def health(base: str) -> int:
    """Ask whether Kanal is well."""
    return (await checked(base))[0]


async def until_health(base: str, wanted: int, within: float = SOON) -> None:
    """Return as soon as health is as wanted."""
    said: object = None
    try:
        async with asyncio.timeout(within):
            while True:
                said = await checked(base)
                if said[0] == wanted:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"health is not {wanted} within {within:g} s: {said}") from None


async def audited(file: Path, reports: int) -> None:
    """Let ``kanal audit verify`` go over every chain."""
    ended = await kanal("audit", "verify", file=file, folder=file.parent)
    assert (ended.status, ended.out) == (0, f"{reports} reports checked, 0 faults.\n"), ended.err


async def fetched(node: RabbitNode, url: str) -> dict[str, Counter[str]]:
    """Fetch what waits for the agencies, as they would; return how often each letter came."""
    listing = node.ctl("-p", url.rpartition("/")[2], "list_queues", "--no-table-headers", "name")
    names = [name for name in listing.split() if name.startswith(agency_queue(""))]
    rabbit = Rabbit(url, retry_after=(0.5, 1.0, 2.0))
    await rabbit.start()
    try:
        return {name: await _take(rabbit, name, await waiting(url, name)) for name in names}
    finally:
        await rabbit.close()


async def waiting(url: str, queue: str) -> int:
    """Ask the queue itself how many letters wait: what RabbitMQ lists is up to five seconds old."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        declared = await channel.declare_queue(queue, durable=True, passive=True)
        return declared.declaration_result.message_count or 0


async def _take(rabbit: Rabbit, queue: str, depth: int) -> Counter[str]:
    came: Counter[str] = Counter()
    subscription = await rabbit.subscribe(queue, prefetch=100)
    async with asyncio.timeout(SOON):
        while came.total() < depth:
            letters = await subscription.take(100)
            came.update(letter.message.id for letter in letters)
            await subscription.ack(letters)
    return came


def noted(note: Note, **numbers: int) -> None:
    """Keep what was measured in the report of the test run, and show it with ``-s``."""
    for name, number in numbers.items():
        note(name, number)
    sys.stdout.write(" ".join(f"{name}={number}" for name, number in numbers.items()) + "\n")


Fault = Callable[[], Awaitable[None]]


async def in_the_middle(ledger: Ledger, people: Citizens, fault: Fault, texts: int) -> Counts:
    """Send ``texts``; strike once some of them are reports; return what was open at that moment."""
    before = await asyncio.to_thread(ledger.counts)
    async with asyncio.TaskGroup() as group:
        group.create_task(people.texts(texts))
        await ledger.until(lambda now: now.reports > before.reports)
        await fault()
        struck = await asyncio.to_thread(ledger.counts)
    return struck


async def test_killed_workers_and_a_killed_broker_lose_and_double_nothing_of_500(
    tmp_path: Path,
    rabbit_node: RabbitNode,
    rabbit_url: str,
    postgres_url: str,
    record_property: Note,
) -> None:
    ledger = Ledger(postgres_url, relayed=True)
    async with (
        citizens(tmp_path, database=postgres_url, broker=rabbit_url) as people,
        processes(people.file, ("run", "web"), ("run", "worker")) as (_, worker),
    ):
        # A queue that is killed while it is declared stays stuck (docs/operator.md), so they are
        # all there before the first kill.
        await people.texts(len(MATTERS))
        await ledger.done(len(MATTERS))
        interrupted = 0
        for _ in range(2):
            struck = await in_the_middle(ledger, people, worker.kill, 118)
            interrupted += bool(struck.open)
            await worker.start()
        await in_the_middle(ledger, people, lambda: asyncio.to_thread(rabbit_node.kill), 140)
        try:
            assert await health(people.base) == 503
        finally:
            await asyncio.to_thread(rabbit_node.start)
        interrupted += bool((await in_the_middle(ledger, people, worker.kill, 120)).open)
        await worker.start()
        await ledger.done(500)
        await until_health(people.base, 200)

        assert interrupted, "no kill came in the middle of anything"
        assert people.refusals == []
        assert len(people.acknowledged) == 500
        once_in_effect(ledger, people.acknowledged, people.file)
        await audited(people.file, 500)
        came = await fetched(rabbit_node, rabbit_url)
        assert set(came) == {agency_queue(agency) for _, agency in MATTERS}
        on_the_wire = sum(came.values(), Counter[str]())
        assert set(on_the_wire) == ledger.delivery_ids()
        assert len(on_the_wire) == 500
        heard = Counter(people.heard())
        assert len(heard) == 500
        noted(
            record_property,
            interrupted=interrupted,
            deliveries_on_the_wire=on_the_wire.total(),
            delivered_again_with_the_same_id=on_the_wire.total() - 500,
            answers_heard_again=heard.total() - 500,
        )


async def keep_writing(people: Citizens, until: asyncio.Event) -> None:
    """Let texts and mails come steadily, about twenty a second, however long each takes."""
    async with asyncio.TaskGroup() as group:
        number = 0
        while not until.is_set():
            number += 1
            group.create_task(people.write() if number % 5 == 0 else people.text())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await until.wait()


async def test_ten_seconds_without_the_database_lose_and_double_nothing(
    tmp_path: Path,
    postgres_server: PostgresServer,
    rabbit_url: str,
    postgres_url: str,
    record_property: Note,
) -> None:
    ledger, over = Ledger(postgres_url, relayed=True), asyncio.Event()
    async with (
        citizens(tmp_path, database=postgres_url, broker=rabbit_url) as people,
        processes(people.file, ("run", "web"), ("run", "mail"), ("run", "worker")),
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_writing(people, over))
            await ledger.until(lambda now: now.reports > 10)
            await until_health(people.base, 200)
            before = len(people.acknowledged)
            await asyncio.to_thread(lambda: postgres_server.stop(immediate=True))
            try:
                await until_health(people.base, 503)
                await asyncio.sleep(OUTAGE)
                meanwhile = len(people.acknowledged) - before
                assert people.refusals == []
            finally:
                await asyncio.to_thread(postgres_server.start)
            await until_health(people.base, 200)
            over.set()
        assert meanwhile > 100, "hardly anything was acknowledged while the database was away"
        await ledger.done(len(people.acknowledged))
        once_in_effect(ledger, people.acknowledged, people.file)
        assert len(set(people.heard())) == len(people.acknowledged)
        await until_health(people.base, 200)
        await audited(people.file, len(people.acknowledged))
    noted(record_property, acknowledged=len(people.acknowledged), meanwhile=meanwhile)


def further(seen: Counts, now: Counts) -> bool:
    """Tell whether work went on for a while."""
    return now.reports > seen.reports + 20


async def test_killing_the_embedded_gateway_under_load_loses_and_doubles_nothing(
    tmp_path: Path, record_property: Note
) -> None:
    ledger, over = Ledger(f"sqlite:///{tmp_path}/data/kanal.sqlite3"), asyncio.Event()
    async with (
        citizens(tmp_path) as people,
        processes(people.file, ("up",)) as (gateway,),
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_writing(people, over))
            for _ in range(2):
                seen = await asyncio.to_thread(ledger.counts)
                await ledger.until(partial(further, seen))
                await gateway.kill()
                await gateway.start()
            over.set()
        assert people.refusals, "the provider never had to try again"
        await ledger.done(len(people.acknowledged))
        once_in_effect(ledger, people.acknowledged, people.file)
        assert sorted(ledger.handed_over()) == sorted(ledger.delivery_ids())
        assert len(set(people.heard())) == len(people.acknowledged)
        await until_health(people.base, 200)
        assert await gateway.stop() == 0
        await audited(people.file, len(people.acknowledged))
    again = len(people.heard()) - len(people.acknowledged)
    retried = len(people.refusals)
    noted(record_property, texts=len(people.acknowledged), retried=retried, heard_again=again)
