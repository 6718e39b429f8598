"""A channel's own connection: one process keeps it, and acknowledged means durable over it too."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import (
    Author,
    ChannelSettings,
    ConnectionChannel,
    Inbound,
    Malformed,
    Receipt,
    Take,
    Unreachable,
    WebhookRequest,
)
from adapters.smpp.channel import Smpp
from demo.sms_center import OK, MessageCenter
from gateway.intake.connections import BIND, ConnectionTask
from gateway.intake.load import LoadLimits
from gateway.operations.health import OVERDUE, Health
from gateway.platform.names import hash_name
from gateway.queues import leased_task
from gateway.store.views import FetchStatus
from gateway.wire.queues import REPORTS
from tests.adapters.examples import build
from tests.gateway.citizens import found
from tests.gateway.conftest import Away
from tests.gateway.making import ROAD, SOON, WHO, House, house, made_parts, until_drained
from tests.gateway.processes import processes
from tests.gateway.test_parts import joining
from tests.npm_center import PASSWORD, npm_center
from tests.services import free_ports

KEYED = ("wire", BIND)
TAKEN = 0x8000_0005
"""The acknowledgement of a message."""


class Wire(ConnectionChannel):
    """A connection made of a queue: ``say`` brings a message and returns whether it was taken."""

    def __init__(self) -> None:
        super().__init__("wire", ChannelSettings(type="wire"), public_url="http://kanal.localhost")
        self.lines: asyncio.Queue[tuple[WebhookRequest, asyncio.Future[bool]]] = asyncio.Queue()
        self.holds = 0
        self.fails: list[Exception] = []
        self.up = asyncio.Event()
        self.broken = asyncio.Event()

    @property
    def standing(self) -> bool:
        return self.up.is_set()

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        try:
            said = json.loads(hook.body)
        except ValueError:
            raise Malformed("no words in it") from None
        if said["text"] == "fault":
            raise KeyError(said["from"])
        return [Inbound("wire", "1708", said["id"], Author(said["from"]), said["text"], hook.body)]

    async def hold(self, take: Take) -> None:
        self.holds += 1
        if self.fails:
            raise self.fails.pop(0)
        self.up.set()
        self.broken.clear()
        broken = asyncio.create_task(self.broken.wait())
        try:
            while not broken.done():
                next_ = asyncio.create_task(self.lines.get())
                await asyncio.wait({next_, broken}, return_when=asyncio.FIRST_COMPLETED)
                if next_.done():
                    await self._take(take, *next_.result())
                next_.cancel()
        finally:
            self.up.clear()
            broken.cancel()
        raise Unreachable("the wire was cut")

    async def _take(self, take: Take, hook: WebhookRequest, done: asyncio.Future[bool]) -> None:
        try:
            await take(hook)
        except Unreachable:
            done.set_result(False)
        else:
            done.set_result(True)

    async def say(self, body: bytes) -> bool:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.lines.put_nowait((WebhookRequest("wire:", {}, body), done))
        return await asyncio.wait_for(done, SOON)


def words(text: str = ROAD, id: str = "1") -> bytes:
    return json.dumps({"id": id, "from": WHO, "text": text}).encode()


def binding(house: House, channel: ConnectionChannel, holder: str = "one") -> ConnectionTask:
    house.door.channels = {**house.door.channels, channel.name: channel}
    mark = house.store.cursors.of(channel.name, BIND, holder=holder)
    return ConnectionTask(channel, mark, house.door)


@asynccontextmanager
async def held(
    house: House, channel: ConnectionChannel, holder: str = "one"
) -> AsyncIterator[ConnectionTask]:
    """Run the binding of a channel."""
    mine = binding(house, channel, holder)
    running = asyncio.create_task(mine.run())
    try:
        yield mine
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _true(so: bool) -> bool | None:
    return so or None


async def _delivered(house: House) -> bool | None:
    """Tell whether a receipt was noted, also one that was faster than our commit."""
    house.clock.pass_(seconds=1)
    await house.services.receipts.turn()
    return await _true(await house.counted("notifications", "state = 'delivered'") > 0)


async def reading(house: House) -> FetchStatus:
    return (await house.store.cursors.status())[KEYED]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let signs of life and pauses be short, and nothing be slow for the first time."""
    made_parts().routing.calendar.is_working(date(2026, 3, 2))
    monkeypatch.setattr(leased_task, "BEAT", 0.02)
    monkeypatch.setattr(leased_task, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(leased_task, "PAUSE", 0.05)


# --- any connection -------------------------------------------------------------------------------


async def test_what_comes_over_a_connection_becomes_a_report(house: House) -> None:
    wire = Wire()
    async with held(house, wire):
        assert await wire.say(words())
        assert await wire.say(words())
        assert await house.counted("messages") == 1
    assert await house.work(REPORTS, house.route) == {}
    assert await house.counted("reports") == 1


async def test_while_too_much_comes_the_other_side_is_asked_to_bring_it_again(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    async with held(lite, wire):
        with monkeypatch.context() as overload:
            overload.setattr(lite.door.load, "_limits", LoadLimits(bytes=0, small=0))
            assert not await wire.say(words())
        assert await wire.say(words())
    assert await lite.counted("messages") == 1


@pytest.mark.parametrize(
    ("body", "reason"), [(b"\xff", "malformed"), (words("fault"), "unreadable")]
)
async def test_what_cannot_be_read_is_safe_in_the_quarantine(
    lite: House, body: bytes, reason: str
) -> None:
    wire = Wire()
    async with held(lite, wire):
        assert await wire.say(body), "bringing it again would not help"
    ((held_as, detail),) = await lite.rows("SELECT reason, detail FROM quarantine")
    assert held_as == reason
    assert WHO not in detail


async def test_what_was_quarantined_is_released_by_its_channel(lite: House) -> None:
    wire = Wire()
    async with held(lite, wire):
        await wire.say(words("fault"))
    assert lite.door.reader("wire") is wire
    assert (
        await lite.door.readmit(wire, WebhookRequest("wire:", {}, words()), "1", "unreadable") == 1
    )


async def test_what_is_not_safe_is_not_acknowledged(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> bool:
        raise OSError("no disk")

    wire = Wire()
    async with held(lite, wire):
        monkeypatch.setattr(lite.commits, "put", fails)
        assert not await wire.say(words())
        monkeypatch.undo()
        assert await wire.say(words())
    assert await lite.counted("messages") == 1


async def test_the_spool_stands_in_while_the_database_is_away(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        wire = Wire()
        async with held(built, wire):
            await asyncio.wait_for(wire.up.wait(), SOON)
            with away():
                assert await wire.say(words())
            assert await wire.say(words(id="2"))
            await until_drained(built.commits)
        assert wire.holds == 1, "the connection outlived the outage"
        assert await built.counted("messages") == 2


async def test_one_process_holds_it_and_another_takes_over(lite: House) -> None:
    first, second = Wire(), Wire()
    one = asyncio.create_task(binding(lite, first, "one").run())
    await asyncio.wait_for(first.up.wait(), SOON)
    async with held(lite, second, "two"):
        for _ in range(5):
            await asyncio.sleep(0.02)
        assert second.holds == 0
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
        assert not first.standing
        await asyncio.wait_for(second.up.wait(), SOON)


async def test_who_lost_it_lets_go(lite: House) -> None:
    wire = Wire()
    async with held(lite, wire):
        await asyncio.wait_for(wire.up.wait(), SOON)
        later = lite.clock().replace(year=2027).isoformat(" ")
        await lite.change(f"UPDATE cursors SET holder = 'two', held_until = '{later}'")
        assert await found(lambda: _true(not wire.standing))


async def test_a_connection_that_breaks_is_made_again_and_seen(lite: House) -> None:
    wire = Wire()
    health = Health(lite.store, lite.broker, lite.commits, lite.spool, {KEYED: 5.0})
    async with held(lite, wire):
        await asyncio.wait_for(wire.up.wait(), SOON)
        wire.fails = [Unreachable("the password was refused")] * 2
        wire.broken.set()
        async with asyncio.timeout(SOON):
            while wire.holds < 3:
                lite.clock.pass_(seconds=1)
                await asyncio.sleep(0.01)
        wire.fails = [Unreachable("the password was refused")] * 1000
        lite.clock.pass_(seconds=OVERDUE.total_seconds() + 60)
        async with asyncio.timeout(SOON):
            while (await health.look()).ok:
                lite.clock.pass_(seconds=1)
                await asyncio.sleep(0.01)
        assert "the password was refused" in (await health.look()).checks["providers"]
        (view,) = await lite.store.overview.channels(["wire"])
        assert view.poll is not None
        assert view.poll.failures > 0
        wire.fails = []
        async with asyncio.timeout(SOON):
            while not (await health.look()).ok or (await reading(lite)).failures:
                lite.clock.pass_(seconds=1)
                await asyncio.sleep(0.01)


async def test_a_connection_that_had_stood_is_made_again_soon(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, pauses = Wire(), list[int]()

    def briefly(failures: int, error: Exception) -> float:
        pauses.append(failures)
        return 0.01

    monkeypatch.setattr(leased_task, "backoff", briefly)
    wire.fails = [Unreachable("not yet")] * 3
    async with held(lite, wire):
        async with asyncio.timeout(SOON):
            while not wire.standing or (await reading(lite)).failures:
                lite.clock.pass_(seconds=1)
                await asyncio.sleep(0.01)
        wire.broken.set()
        assert await found(lambda: _true(len(pauses) == 4))
    assert pauses == [0, 1, 2, 0]


# --- SMPP -----------------------------------------------------------------------------------------


@pytest.fixture
async def center() -> AsyncIterator[MessageCenter]:
    async with MessageCenter("lapor", "pass-1f7c", "1708") as double:
        yield double


def smpp(port: int, **changes: Any) -> Smpp:
    channel = build("smpp", port=port, **changes)
    assert isinstance(channel, Smpp)
    return channel


LONG = f"{ROAD}. Sudah tiga bulan begini dan banyak yang jatuh. Mohon segera diperbaiki, pak"


async def test_a_long_message_out_of_order_becomes_one_report(
    house: House, center: MessageCenter
) -> None:
    async with held(house, smpp(center.port)):
        assert await center.text(WHO, LONG) == OK
    assert await joining(house).turn() == 1
    assert await house.work(REPORTS, house.route) == {}
    assert (await house.newest()).report.text == LONG


async def test_nothing_is_acknowledged_while_the_commit_hangs(
    house: House, center: MessageCenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    take_in = house.store.take_in

    async def hangs(batch: Any, also: Any = None) -> set[str]:
        begun.set()
        await go.wait()
        return await take_in(batch, also)

    monkeypatch.setattr(house.store, "take_in", hangs)
    async with held(house, smpp(center.port)):
        bringing = asyncio.create_task(center.text(WHO, "Jalan rusak di Kota Medan"))
        await begun.wait()
        assert await center.enquire() == OK
        assert not bringing.done()
        go.set()
        assert await bringing == OK
        assert await house.counted("messages") == 1


async def test_a_connection_that_is_cut_on_the_way_makes_no_second_report(
    house: House, center: MessageCenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut after the commit and before the acknowledgement, for a message and for each part."""
    take_in = house.store.take_in
    cuts = 0

    async def cut(batch: Any, also: Any = None) -> set[str]:
        nonlocal cuts
        news = await take_in(batch, also)
        if cuts < 4:
            cuts += 1
            await center.drop()
        return news

    monkeypatch.setattr(house.store, "take_in", cut)
    async with held(house, smpp(center.port)):
        passing = asyncio.create_task(_let_pass(house))
        assert await center.text(WHO, LONG) == OK
        assert await center.text(WHO, "ya, di Kota Medan") == OK
        passing.cancel()
    assert cuts == 4
    monkeypatch.undo()
    await joining(house).turn()
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    assert await house.counted("messages") == 2
    assert await house.counted("quarantine") == 0


async def _let_pass(house: House) -> None:
    while True:
        house.clock.pass_(seconds=0.2)
        await asyncio.sleep(0.01)


async def test_an_answer_goes_out_and_its_receipt_is_noted(
    house: House, center: MessageCenter
) -> None:
    channel = smpp(center.port)
    async with held(house, channel):
        assert await center.text(WHO, LONG) == OK
        await joining(house).turn()
        assert await house.work(REPORTS, house.route) == {}
        its = house.another({"smpp": channel})
        center.statuses = [0x58]
        failed = await house.notify(its)
        assert [type(error).__name__ for error in failed.values()] == ["Throttled"]
        await house.hurry()
        assert await house.notify(its) == {}
        assert await found(lambda: _delivered(house))
    await channel.close()
    assert center.binds == ["transceiver"]
    (sms,) = center.carried
    assert sms.to == WHO


@pytest.mark.parametrize("esm_class", [0x00, 0x04])
async def test_a_receipt_nobody_knows_keeps_no_citizen_waiting_and_is_not_lost(
    lite: House, center: MessageCenter, esm_class: int
) -> None:
    """The centre brings one message at a time: a receipt that waits would hold them all."""
    channel = smpp(center.port)
    await lite.report(ROAD)
    words = b"id:00Ab sub:001 dlvrd:001 stat:DELIVRD err:000 text:Laporan"
    async with held(lite, channel):
        await center.until_bound()
        looks = asyncio.get_running_loop().time()
        body = center.body(WHO, words, esm_class=esm_class, data_coding=0)
        assert await center.bring(body) == OK
        assert await center.text(WHO, "Jalan rusak di Wonocolo") == OK
        assert asyncio.get_running_loop().time() - looks < 2
        assert await lite.counted("quarantine", "reason = 'receipt' AND state = 'noted'") == 1
        name = hash_name(lite.seal, "smpp", "ab")
        await lite.change(f"UPDATE notifications SET channel = 'smpp', provider_id = '{name}'")
        lite.clock.pass_(seconds=2)
        assert await lite.services.receipts.turn() == 1
    assert await lite.counted("notifications", "state = 'delivered'") > 0
    assert await lite.counted("messages") == 2, "the receipt is no message"


async def test_a_message_centre_that_nobody_here_wrote(house: House) -> None:
    """Parts out of order, repeated and lost, and a cut before the acknowledgement was read."""
    who = WHO[1:]
    text = [f"{ROAD}, ", "sudah tiga bulan, ", "mohon diperbaiki."]
    async with npm_center() as center:
        channel = smpp(center.port, password=PASSWORD)
        async with held(house, channel):
            await center.saw("bind_transceiver")
            for number in (3, 1, 1, 2):
                udh = f"0500030a03{number:02x}"
                part = text[number - 1]
                assert await center.deliver(who, part, udh=udh, data_coding=0) == 0
            assert await joining(house).turn() == 1
            assert await center.deliver(who, text[1], udh="0500030a0302", data_coding=0) == 0
            for number in (1, 3):
                udh = f"0500030b03{number:02x}"
                part = f"Lampu mati {number} "
                assert await center.deliver(who, part, udh=udh, data_coding=8) == 0
            passing = asyncio.create_task(_let_pass(house))
            fields = {"source_addr": who, "source_addr_ton": 1, "destination_addr": "1708"}
            center.do("deliver", fields=fields | {"data_coding": 0}, text="STATUS", cut=True)
            await center.saw("close")
            await center.saw("bind_transceiver", 2)
            assert await center.deliver(who, "STATUS", data_coding=0) == 0
            passing.cancel()
    house.clock.pass_(minutes=11)
    assert await joining(house).turn() == 1
    assert await house.counted("messages") == 3
    bodies = await house.rows("SELECT body FROM messages")
    texts = {json.loads(row[0])["text"] for row in bodies}
    assert "".join(text) in texts
    assert "Lampu mati 1 [… bagian 2 tidak diterima …] Lampu mati 3" in texts
    assert await house.work(REPORTS, house.route) == {}


SETTINGS = """\
[server]
public_url = "http://127.0.0.1:{web}"
port = {web}
data_dir = "{folder}/data"
[mail_server]
enabled = false
[work]
retry_after = [0.2, 0.5, 1.0]
[channels.smpp]
type = "smpp"
host = "127.0.0.1"
port = {port}
system_id = "lapor"
password = "pass-1f7c"
number = "1708"
response_seconds = 3
"""


async def test_a_process_is_killed_on_the_way_and_every_message_makes_one_report(
    tmp_path: Path, center: MessageCenter
) -> None:
    """``kill -9`` while parts come; the centre brings what it must."""
    file = tmp_path / "kanal.toml"
    (web,) = free_ports(1)
    file.write_text(SETTINGS.format(folder=tmp_path, port=center.port, web=web))
    count = 8
    texts = {f"+62812{n:07d}": f"{LONG} nomor {n} {'x' * n}" for n in range(count)}
    async with processes(file, ("up",)) as (process,):
        bringing = [asyncio.create_task(center.text(who, text)) for who, text in texts.items()]
        await center.wait_for(lambda: center.heard.count(TAKEN) >= 5, 30)
        await process.kill()
        with sqlite3.connect(tmp_path / "data" / "kanal.sqlite3") as database:
            database.execute("UPDATE cursors SET held_until = NULL")  # as if its time was over
        database.close()
        await process.start()
        statuses = await asyncio.wait_for(asyncio.gather(*bringing), 60)
        assert set(statuses) == {OK}
        await center.wait_for(lambda: {sms.to for sms in center.carried} == set(texts), 60)
    url = f"sqlite+aiosqlite:///{tmp_path}/data/kanal.sqlite3"
    async with house(url, tmp_path / "after") as after:
        assert await after.counted("reports") == count
        assert await after.counted("messages") == count
        assert await after.counted("parts", "joined_at IS NULL") == 0
