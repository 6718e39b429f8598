"""Delivery: once by queue, one stable id by webhook, and never who an anonymous reporter is."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook as Verifier

from gateway.assembly import Services
from gateway.broker.base import (
    DELIVERIES,
    REPORTS,
    QueuedMessage,
    ReceivedMessage,
    agency_queue,
)
from gateway.outbound.batch import NotStored
from gateway.outbound.deliveries import deliver
from gateway.outbound.methods.base import CallingMethod, MethodSettings
from gateway.platform import correlation
from gateway.queues.consumer import Consumer
from gateway.queues.lane import LaneWatch, Look
from gateway.store.rows import Delivery
from gateway.store.store import Store
from gateway.wire import events
from gateway.wire.outbound import outbound
from tests.gateway.making import LAMP, ROAD, SOON, WHO, House, house, note, running, schema

AGENCY = "3578-dinas-pu"
SECRET = "whsec_" + "c2VjcmV0" * 5 + "c2U="


class Office:
    """An agency's own server: checks every call's signature, answers by script, then 204."""

    def __init__(self) -> None:
        self.script: list[int] = []
        self.calls: list[tuple[str, bytes]] = []
        self.url = ""
        self._news = asyncio.Condition()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        Verifier(SECRET).verify(body, dict(request.headers))
        async with self._news:
            self.calls.append((request.headers["webhook-id"], body))
            self._news.notify_all()
        return web.Response(status=self.script.pop(0) if self.script else 204)

    async def wait_for(self, calls: int) -> None:
        async with asyncio.timeout(SOON), self._news:
            while len(self.calls) < calls:
                await self._news.wait()


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    built = Office()
    app = web.Application()
    app.add_routes([web.post("/hook", built._take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    built.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield built
    await runner.cleanup()


@pytest.fixture
async def called(office: Office, database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose agency takes its reports by webhook."""
    methods = {AGENCY: {"method": "webhook", "url": office.url, "secret": SECRET}}
    async with house(database_url, tmp_path, methods=methods) as built:
        yield built


async def _routed(house: House, *notes: dict[str, Any]) -> list[ReceivedMessage]:
    """Bring reports as far as the deliveries, and take those."""
    await house.take(*notes)
    await house.work(REPORTS, house.route)
    return await house.leased(DELIVERIES)


async def _states(house: House) -> set[str]:
    return {row[0] for row in await house.rows("SELECT state FROM deliveries")}


@asynccontextmanager
async def calling(house: House, *rungs: float) -> AsyncIterator[None]:
    """Let the lanes of the agencies work, and the step that replays."""
    its = house.another(work={"retry_after": rungs})
    lanes = [lane for lane in its.lanes if lane.work.kind == DELIVERIES]
    worker = Consumer(
        house.broker, DELIVERIES, house.deliver, prefetch=9, batch=9, retry_after=rungs
    )
    looking = [worker.run(), LaneWatch(its.store.lane_news, looks(its), lanes).run()]
    tasks = [asyncio.create_task(each) for each in looking]
    async with running(lanes):
        yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def looks(its: Services) -> dict[str, Look]:
    return {DELIVERIES: its.store.delivery_lanes.due}


async def until(house: House, state: str) -> None:
    """Return when every delivery is in a state."""
    async with asyncio.timeout(SOON):
        while await _states(house) != {state}:
            await house.store.queue.changed(0.02)


async def _only(house: House) -> Delivery:
    (found,) = (await house.newest()).deliveries
    return found


async def test_by_queue_exactly_one_message_with_the_deliverys_id(house: House) -> None:
    batch = await _routed(house, note(ROAD))
    for _ in range(2):
        assert await house.deliver(batch) == {}
    made = await _only(house)
    (message,) = await house.for_agency(AGENCY)
    assert message.id == made.id == json.loads(message.body)["id"]
    assert events.read(message.body).type == made.event == events.ASSIGNED
    told = {"content-type": "application/cloudevents+json", "type": events.ASSIGNED}
    assert message.headers == told | {correlation.HEADER: message.correlation}
    assert (made.state, made.method) == ("placed", "queue")
    assert made.placed_at
    assert made.created_at < made.placed_at
    assert (made.fetched_at, made.read_at, made.ended_at) == (None, None, None)


async def test_two_workers_at_once_put_it_there_once(house: House) -> None:
    batch = await _routed(house, *(note(f"{ROAD} {n}", f"+628120000{n:04}") for n in range(10)))
    assert await asyncio.gather(*(house.deliver(batch) for _ in range(3))) == [{}, {}, {}]
    assert (await house.store.queue.depths())[agency_queue(AGENCY)] == 10


async def test_by_inbox_nothing_is_queued(sqlite_url: str, tmp_path: Path) -> None:
    methods = {AGENCY: {"method": "inbox"}}
    async with house(sqlite_url, tmp_path, methods=methods) as built:
        assert await built.deliver(await _routed(built, note(ROAD))) == {}
        assert await built.for_agency(AGENCY) == []
        made = await _only(built)
        assert (made.state, made.method, made.fetched_at) == ("placed", "inbox", None)


async def test_a_withdrawn_delivery_stays_here(house: House) -> None:
    batch = await _routed(house, note(ROAD))
    async with house.store.unit() as unit:
        await unit.deliveries.withdraw((await _only(house)).id, "no more")
    assert await house.deliver(batch) == {}
    assert await house.for_agency(AGENCY) == []
    assert await _states(house) == {"withdrawn"}


async def test_by_webhook_the_agency_gets_it_signed_and_has_it(
    called: House, office: Office
) -> None:
    batch = await _routed(called, note(ROAD))
    assert await called.deliver(batch) == {}
    assert office.calls == [], "its lane calls it"
    assert await called.call() == {}
    ((webhook_id, body),) = office.calls
    made = await _only(called)
    assert webhook_id == made.id == events.read(body).id
    assert (made.state, made.method) == ("fetched", "webhook")
    assert made.placed_at
    assert made.placed_at > made.created_at
    assert made.placed_at == made.fetched_at
    assert await called.for_agency(AGENCY) == []
    assert await called.deliver(batch) == {}
    assert await called.call() == {}
    assert len(office.calls) == 1


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_a_webhook_that_fails_comes_again_under_the_same_id(
    called: House, office: Office, status: int
) -> None:
    office.script = [status, status]
    await _routed_only(called, note(ROAD))
    async with calling(called, 0.01, 0.01, 0.01):
        if status == 429:  # its Retry-After is not waited for here
            await office.wait_for(1)
            assert await _states(called) == {"pending"}
            return
        await office.wait_for(3)
        await until(called, "fetched")
    assert len(set(office.calls)) == 1
    assert await _states(called) == {"fetched"}


async def _routed_only(house: House, *notes: dict[str, Any]) -> None:
    await house.take(*notes)
    await house.work(REPORTS, house.route)


@pytest.mark.parametrize("status", [410, 404, 401, 301])
async def test_a_webhook_that_refuses_is_a_dead_letter_that_can_be_replayed(
    called: House, office: Office, status: int
) -> None:
    office.script = [status]
    await _routed_only(called, note(ROAD))
    async with calling(called, 0.01, 0.01):
        await until(called, "failed")
        (dead,) = await called.store.dead_letters.latest(10)
        assert (dead.error, dead.attempts) == (f"Refused: the agency answered {status}", 1)
        assert dead.tracking == (await called.newest()).report.tracking
        failed = await _only(called)
        assert (failed.state, failed.detail) == ("failed", dead.error)
        assert failed.ended_at
        await called.store.replay([dead.id])
        await office.wait_for(2)
        await until(called, "fetched")
    assert len(set(office.calls)) == 1
    assert await _states(called) == {"fetched"}


async def test_a_webhook_that_fails_too_often_is_a_dead_letter(
    called: House, office: Office
) -> None:
    office.script = [500] * 9
    await _routed_only(called, note(ROAD))
    async with calling(called, 0.01, 0.01):
        await until(called, "failed")
    assert len(office.calls) == 3
    assert (await called.store.dead_letters.latest(1))[0].attempts == 3
    assert await _states(called) == {"failed"}


class Courier(CallingMethod):
    """A method that carries by hand, and notes the ids of what it carried."""

    def __init__(self) -> None:
        super().__init__(AGENCY, MethodSettings(method="courier"), public_url="")
        self.carried: list[str] = []

    async def send(self, delivery: Delivery, body: bytes) -> None:
        self.carried.append(delivery.id)


class Moody(Courier):
    """One that fails over one delivery as nobody foresaw."""

    bad = ""

    async def send(self, delivery: Delivery, body: bytes) -> None:
        if delivery.id == self.bad:
            raise ValueError("unforeseen")
        await super().send(delivery, body)


async def test_an_unforeseen_failure_does_not_send_its_neighbours_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    moody = Moody()
    async with house(sqlite_url, tmp_path, methods={AGENCY: moody}) as built:
        batch = await _routed(built, *(note(f"{ROAD} {n}", f"+628120000{n:04}") for n in range(4)))
        moody.bad = batch[1].message.id
        failed = await built.call()
        assert {id: type(error) for id, error in failed.items()} == {moody.bad: ValueError}
        moody.bad = ""
        await built.hurry()
        assert await built.call() == {}
        assert sorted(moody.carried) == sorted(item.message.id for item in batch)


class Crowd(Courier):
    """One that notes how many deliveries were under way at once."""

    now = most = 0

    async def send(self, delivery: Delivery, body: bytes) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        await super().send(delivery, body)


async def test_only_so_many_calls_are_made_at_once(sqlite_url: str, tmp_path: Path) -> None:
    crowd = Crowd()
    async with house(sqlite_url, tmp_path, methods={AGENCY: crowd}) as built:
        await _routed(built, *(note(f"{ROAD} {n}", f"+628120000{n:04}") for n in range(20)))
        async with running(built.services.lanes):
            await until(built, "placed")
        assert crowd.most == 8
        assert len(set(crowd.carried)) == len(crowd.carried) == 20


async def test_a_delivery_that_is_not_stored_is_no_silent_success(house: House) -> None:
    (known,) = await _routed(house, note(ROAD))
    unknown = replace(known, message=outbound(DELIVERIES, "unknown", at=house.clock()))
    with pytest.raises(NotStored, match="1 of 2"):
        await house.deliver([known, unknown])
    assert await _states(house) == {"pending"}


@pytest.mark.parametrize("kind", [events.DELIVERY, events.LETTER])
@pytest.mark.parametrize("data", ["{}", "[]", '{"letter": 7, "id": 7}', "null"])
async def test_an_event_that_names_no_delivery_is_bad(lite: House, data: str, kind: str) -> None:
    body = events.compose(kind, "x", data, at=lite.clock())
    with pytest.raises(events.BadEvent):
        await lite.deliver([ReceivedMessage(QueuedMessage(DELIVERIES, "x", body), 0, None)])


NAME = "Sulastri Wijayakusuma"
SECRETS = (WHO, WHO[3:], NAME, "Sulastri", "contoh-kota.localhost")


async def _payloads(house: House, text: str) -> Sequence[bytes]:
    mail_id = "<surat-7@contoh-kota.localhost>"
    earlier = ["<surat-6@contoh-kota.localhost>"]
    await house.take(note(text, name=NAME, id=mail_id, thread=earlier))
    await house.work_all()
    return [message.body for message in await house.for_agency(AGENCY)]


async def test_an_anonymous_report_says_nothing_of_its_reporter(house: House) -> None:
    (body,) = await _payloads(house, f"ANONIM {ROAD}")
    data = json.loads(body)["data"]
    assert data["anonymous"] is True
    ref = house.seal.reference("paper", WHO)
    ((stored,),) = await house.rows("SELECT reporter_ref FROM reports")
    assert stored == ref  # what is searched for is what there is
    for secret in (*SECRETS, ref):
        assert secret.encode() not in body, secret


async def test_an_agency_never_gets_the_address_of_a_named_report_either(house: House) -> None:
    (body,) = await _payloads(house, ROAD)
    for secret in (WHO, WHO[3:], NAME):
        assert secret.encode() not in body, secret
    assert json.loads(body)["data"]["reporter"]["sealed"] == ""


async def test_what_an_agency_gets_is_a_cloudevent_around_the_published_schema(
    lite: House,
) -> None:
    await lite.say(ROAD)
    await lite.say(f"{(await lite.newest()).report.tracking} makin dalam")
    await lite.say(f"ANONIM RAHASIA {LAMP}")
    validator = schema()
    agencies = {row[0] for row in await lite.rows("SELECT agency_id FROM deliveries")}
    messages = [each for agency in agencies for each in await lite.for_agency(agency)]
    query = "SELECT deliveries.id, tracking FROM deliveries JOIN reports ON report_id = reports.id"
    numbers = {row[0]: row[1] for row in await lite.rows(query)}
    assert len(messages) == len(numbers) == 3
    for message in messages:
        read = JSONFormat().read(CloudEvent, message.body)
        assert read.get_id() == message.id
        assert read.get_subject() == numbers[message.id]
        assert read.get_specversion() == "1.0"
        validator.validate(read.get_data())


async def test_the_same_report_is_delivered_again_only_for_another_cause(lite: House) -> None:
    await lite.say(ROAD)
    report = (await lite.newest()).report
    with pytest.raises(Exception, match="UNIQUE"):
        async with lite.store.unit() as unit:
            deliver(unit, report, kind=events.ASSIGNED, cause="assigned 1")
    async with lite.store.unit() as unit:
        deliver(unit, report, kind=events.ASSIGNED, cause="assigned 2")
    await lite.work_all()
    assert len(await lite.for_agency(AGENCY)) == 2


async def test_the_first_message_of_a_delivery_that_comes_late_replays_nothing(
    called: House, office: Office
) -> None:
    office.script = [404]
    batch = await _routed(called, note(ROAD))
    assert len(await called.call()) == 1
    assert await _states(called) == {"failed"}
    assert await called.deliver(batch) == {}
    assert await _states(called) == {"failed"}
    assert await called.call() == {}
    (dead,) = await called.store.dead_letters.latest(5)
    await called.store.replay([dead.id])
    assert await called.work(DELIVERIES, called.deliver) == {}
    assert await called.call() == {}
    assert await _states(called) == {"fetched"}
    assert len(office.calls) == 2


async def test_machines_whose_clocks_differ_pass_no_delivery_over(house: House) -> None:
    """What a machine files whose clock is behind comes after what an agency has read."""
    await house.say(ROAD)
    report = (await house.newest()).report
    house.clock.pass_(minutes=1)
    (first,) = await house.store.deliveries.for_agency(AGENCY, after="", most=9)
    behind = Store(house.store.database, lambda: house.clock() - timedelta(minutes=5))
    behind.cursors.leases = house.store.cursors.leases  # the database's clock is the same for all
    async with behind.unit() as unit:
        deliver(unit, report, kind=events.ASSIGNED, cause="assigned 2")
    house.clock.pass_(minutes=1)
    (second,) = await house.store.deliveries.for_agency(AGENCY, after=first.id, most=9)
    assert second.id != first.id
