"""Every log line of one message's way carries one id, through every step and both brokers."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.contract import Unreachable
from gateway.broker.base import Broker
from gateway.broker.rabbit import Rabbit
from gateway.platform import correlation
from gateway.portals.http.request_id import HEADER
from gateway.queues.consumer import Consumer
from gateway.queues.relay import Relay
from gateway.wire.queues import DELIVERIES, MEDIA, REPORTS
from tests.gateway.making import LAMP, OTHER, ROAD, SOON, WHO, House, note
from tests.gateway.streams import Stream, polling
from tests.gateway.test_binding import Wire, held, words
from tests.gateway.whole import whole

STEPS = {
    "a message is durable": "accepted",
    "a message for a queue": "published",
    "a message was routed": None,
    "a delivery": "placed",
    "a notification": "sent",
    "a message comes again": None,
    "files of a message": None,
    "a receipt": "delivered",
}
"""The line of each step, and how it ends."""


def lines(logged: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged.getvalue().splitlines()]


@pytest.fixture(params=["embedded", "rabbit"])
async def broker(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Broker]:
    """The broker between the steps, of both kinds."""
    if request.param == "embedded":
        yield house.broker
        return
    rabbit = Rabbit(request.getfixturevalue("rabbit_url"), retry_after=(0.1,), timeout=10)
    await rabbit.start()
    yield rabbit
    await rabbit.close()


@contextlib.asynccontextmanager
async def working(house: House, broker: Broker) -> AsyncIterator[None]:
    """Let every step work, as a worker does."""
    steps = (
        (REPORTS, house.route),
        (DELIVERIES, house.deliver),
        (MEDIA, house.media),
    )
    runs = [
        Consumer(broker, queue, step, prefetch=10, batch=10, retry_after=(0.1,)).run
        for queue, step in steps
    ]
    runs += [lane.run for lane in house.services.lanes]
    runs.append(house.services.lane_watch.run)
    if not broker.outbox_is_queue:
        runs.append(Relay(house.store.queue, broker, unpublishable_after=20).run)
    tasks = [asyncio.create_task(run()) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(house: House, so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON):
        while not await so():
            await house.store.queue.changed(0.02)


async def test_each_step_of_two_messages_carries_the_id_of_its_own(
    house: House, broker: Broker, logged: io.StringIO
) -> None:
    """Sent together, so that they share commits and batches; an answer of each fails once."""
    house.paper.fails = [Unreachable("away"), Unreachable("away")]
    files = [["surat.txt", "isi surat"]]
    first = note(ROAD, WHO, files=files)
    second = note(LAMP, OTHER, files=[["daftar.txt", "isi daftar"]])

    async def done() -> bool:
        open_ = await house.counted("notifications", "state IN ('waiting', 'sending')")
        open_ += await house.counted("deliveries", "state = 'pending'")
        stored = await house.counted("events", "kind = 'files_stored'")
        return not open_ and stored == 2 and len(house.paper.carried) == 2

    async with working(house, broker):
        assert (await house.take(first, second)).status == 200
        await until(house, done)
    receipts = [{"receipt": f"paper-{m.id}", "state": "delivered"} for _, m in house.paper.carried]
    await house.take(*receipts)
    ids = {row[0] for row in await house.rows("SELECT id FROM messages")}
    assert len(ids) == 2
    relayed = {"a message for a queue"} if broker.outbox_is_queue else set()
    for step in STEPS.keys() - relayed:
        met = [line for line in lines(logged) if line["event"] == step]
        assert {line.get("correlation") for line in met} == ids, step
        ends = {line["correlation"]: line.get("status") for line in met}
        assert {*ends.values()} == {STEPS[step]} or not STEPS[step], step


async def test_no_line_is_about_another_message(house: House, logged: io.StringIO) -> None:
    """What is bound for one message is let go before the next one."""
    for text, who in ((ROAD, WHO), (LAMP, OTHER)):
        await house.take(note(text, who))
    await house.work(REPORTS, house.route)
    rows = await house.rows("SELECT id, channel FROM messages ORDER BY received_at")
    durable = [x["correlation"] for x in lines(logged) if x["event"] == "a message is durable"]
    routed = [x["correlation"] for x in lines(logged) if x["event"] == "a message was routed"]
    assert durable == routed == [row[0] for row in rows]
    assert correlation.headers() == {}


def named(logged: io.StringIO, event: str) -> list[tuple[str, str]]:
    met = [line for line in lines(logged) if line["event"] == event]
    return [(line["request"], line["correlation"]) for line in met]


async def test_what_a_look_brought_is_named_by_the_look_and_by_itself(
    lite: House, logged: io.StringIO
) -> None:
    channel = Stream()
    channel.say(ROAD, LAMP)
    await polling(lite, channel).turn()
    met = named(logged, "a message of a page")
    assert len({request for request, _ in met}) == 1
    ids = {row[0] for row in await lite.rows("SELECT id FROM messages")}
    assert len(ids) == 2
    assert {id for _, id in met} == ids


async def test_each_message_of_a_connection_is_a_request_of_its_own(
    lite: House, logged: io.StringIO
) -> None:
    wire = Wire()
    async with held(lite, wire):
        assert await wire.say(words(ROAD, "1"))
        assert await wire.say(words(LAMP, "2"))
    met = named(logged, "a message is durable")
    assert len({request for request, _ in met}) == 2
    assert {id for _, id in met} == {row[0] for row in await lite.rows("SELECT id FROM messages")}


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Any]:
    """The web role, its channels, and a client of it."""
    async with whole(tmp_path, public_url="http://127.0.0.1:1") as kanal:
        assert kanal.web is not None
        async with aiohttp.ClientSession(f"http://127.0.0.1:{kanal.web.port}") as client:
            yield kanal, client


@contextlib.contextmanager
def broken(channel: Any) -> Iterator[None]:
    """Let the channel's reading fail."""

    def parse(_: object) -> list[Any]:
        raise ValueError("broken")

    kept, channel.parse = channel.parse, parse
    channel.block = channel.block.model_copy(update={"observe_only": True})
    try:
        yield
    finally:
        channel.parse = kept


async def test_a_call_that_makes_no_message_is_found_by_the_id_of_its_answer(
    web: Any, logged: io.StringIO
) -> None:
    kanal, client = web
    with broken(kanal.services.channels["sms"]):
        async with client.post("/in/sms", data={"Body": "x"}, headers={HEADER: "theirs"}) as answer:
            id = answer.headers[HEADER]
    assert id != "theirs", "an id from outside could be forged, or hold anything"
    (line,) = (each for each in lines(logged) if each["event"] == "a message could not be parsed")
    assert line["request"] == id


@pytest.mark.parametrize("path", ["/in/nobody", "/health/live", "/console/login", "/nowhere"])
async def test_every_answer_names_its_request(web: Any, path: str) -> None:
    _, client = web
    ids = set()
    for _ in range(2):
        async with client.get(path) as answer:
            ids.add(answer.headers[HEADER])
    assert len(ids) == 2
