"""Alerts: danger reaches a human within a minute, goes on until one answers, and names nobody."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook as Signer
from structlog.testing import capture_logs

from adapters.contract import Forged, Refused, Unreachable
from config.emergency import emergency
from config.settings import load
from gateway import checks
from gateway.access.roles import system
from gateway.assembly import assemble
from gateway.casework import alarm
from gateway.casework.conflicts import Conflict
from gateway.operations.health import Health
from gateway.outbound.roster import MISSING
from gateway.outbound.texts import KEYS
from gateway.platform.logs import HARMLESS
from gateway.process import Kanal
from gateway.queues import due
from gateway.store.views import ReportFile
from gateway.wire.queues import REPORTS
from normalizer.report import Status
from normalizer.tracking import format_number
from tests.adapters.examples import EXAMPLES
from tests.gateway.making import (
    LAMP,
    NOWHERE,
    OTHER,
    ROAD,
    SOON,
    UNCLEAR,
    WHO,
    House,
    Paper,
    house,
    made_parts,
    note,
)
from tests.gateway.partners import CITY
from tests.gateway.partners import KEYS as PARTNERS

FIRE = "Tolong ada kebakaran sekarang di kecamatan Wonocolo Surabaya, api besar sekali"
FLOOD = "Tolong banjir besar, orang hanyut sekarang di kecamatan Tenggarong, Kutai Kartanegara"
HOME = (
    "Tolong saya dipukul suami sekarang, namaku Sulastri, anak saya menangis di Wonocolo Surabaya"
)
FIRST, SECOND = "+6281100000001", "+6281100000002"
SECRET = "whsec_" + "c2VjcmV0" * 5 + "c2U="
POSTS = (
    {"name": "posko", "channel": "paper", "to": FIRST},
    {"name": "kepala", "channel": "paper", "to": SECOND, "language": "en"},
)


@pytest.fixture
async def manned(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house with two posts on duty, on either database."""
    async with house(database_url, tmp_path, duty=POSTS) as built:
        yield built


@pytest.fixture
async def guarded(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house with two posts on duty."""
    async with house(sqlite_url, tmp_path, duty=POSTS) as built:
        yield built


async def _danger(house: House, text: str = FIRE, who: str = WHO) -> ReportFile:
    await house.take(note(text, who))
    assert await house.work_all() == {}
    return await house.newest()


async def _code(house: House, file: ReportFile) -> str:
    ((code,),) = await house.rows(f"SELECT code FROM alerts WHERE report_id = '{file.report.id}'")
    return str(code)


async def _events(house: House, file: ReportFile) -> list[tuple[str, str, str]]:
    found = await house.file(file.report.tracking)
    return [(e.kind, e.by, e.note) for e in found.events if e.kind.startswith("alert")]


async def _open(house: House) -> int:
    return await house.counted("alerts", "acknowledged_at IS NULL")


async def _reply(house: House, text: str, who: str = FIRST) -> None:
    await house.take(note(text, who))
    assert await house.work_all() == {}


def _health(house: House, *, on_duty: bool = True) -> Health:
    return Health(house.store, house.broker, house.commits, house.spool, on_duty=on_duty)


async def test_the_first_post_is_told_at_once_what_where_and_how_to_answer(manned: House) -> None:
    file = await _danger(manned)
    manned.clock.pass_(minutes=2)
    assert await manned.alarm.turn() == 1
    (said,) = manned.paper.told(FIRST)
    code = await _code(manned, file)
    assert said == (
        f"DARURAT kebakaran, Kec. Wonocolo, Kota Surabaya, 2 menit lalu. Laporan "
        f"{format_number(file.report.tracking)}. Balas OK {code} bila Anda tangani. "
        f"https://lapor.example.go.id/console/reports/{file.report.id}"
    )
    assert manned.paper.carried[-1][1].choices == (f"OK {code}",)
    assert await manned.alarm.turn() == 0
    assert manned.paper.told(SECOND) == []
    assert await _events(manned, file) == [("alerted", "gateway", "posko (paper)")]


async def test_nobody_waits_a_minute_even_for_a_report_in_triage(guarded: House) -> None:
    """The alarm looks every second; a killed holder of the lease costs the rest of the minute."""
    file = await _danger(guarded, "Tolong! ada orang mau bunuh saya sekarang, cepat")
    assert file.report.status in (Status.TRIAGE, Status.WAITING_FOR_REPORTER)
    assert await guarded.alarm.turn() == 1
    assert "tempat belum diketahui" in guarded.paper.told(FIRST)[0]
    assert due.EVERY + due.LEASE + alarm.SENDING + alarm.GAP.total_seconds() <= 62


@pytest.mark.parametrize("killed", ["before it rang", "after it rang"])
async def test_a_process_that_is_killed_loses_no_alert(
    manned: House, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    await manned.take(note(FIRE))
    batch = await manned.leased(REPORTS)
    assert await manned.counted("alerts") == 0
    await manned.route(batch)
    assert await manned.counted("alerts") == await manned.counted("reports") == 1

    class Killed(BaseException):
        pass

    async def kill(*_: object, **__: object) -> None:
        raise Killed

    if killed == "before it rang":
        monkeypatch.setattr(manned.alarm.handler, "_send", kill)
    else:
        monkeypatch.setattr(manned.alarm.handler, "_note", kill)
    with pytest.raises(Killed):
        await manned.alarm.turn()
    other = manned.another().alarm
    assert await other.turn() == 0, "the lease of the dead one still holds"
    manned.clock.pass_(seconds=due.LEASE + 1)
    assert await other.turn() == 1
    assert len(manned.paper.told(FIRST)) == (1 if killed == "before it rang" else 2)
    ids = {letter.id for to, letter in manned.paper.carried if to == FIRST}
    assert len(ids) == 1, "the second ring is known as the first one's repeat"


async def test_a_commit_that_fails_leaves_neither_report_nor_alert(
    guarded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await guarded.take(note(FIRE))
    batch = await guarded.leased(REPORTS)

    async def fail(*_: object) -> None:
        raise RuntimeError("between the report and the end")

    monkeypatch.setattr(guarded.store.queue, "put_rows", fail)
    with pytest.raises(RuntimeError):
        await guarded.route(batch)
    assert [await guarded.counted(name) for name in ("reports", "alerts")] == [0, 0]
    monkeypatch.undo()
    await guarded.route(batch)
    await guarded.route(batch)
    assert [await guarded.counted(name) for name in ("reports", "alerts")] == [1, 1]


async def test_it_goes_from_post_to_post_round_and_round_and_then_stays_red(
    manned: House,
) -> None:
    file = await _danger(manned)
    health = _health(manned)
    told = []
    for _ in range(6):
        await manned.alarm.turn()
        told.append((len(manned.paper.told(FIRST)), len(manned.paper.told(SECOND))))
        if len(told) == 2:
            assert (await health.look()).ok, "the round is not over"
        manned.clock.pass_(seconds=299)
        assert await manned.alarm.turn() == 0
        manned.clock.pass_(seconds=2)
    assert told == [(1, 0), (1, 1), (2, 1), (2, 2), (2, 2), (2, 2)]
    assert "EMERGENCY fire, Kec. Wonocolo, Kota Surabaya" in manned.paper.told(SECOND)[0]
    finding = await health.look()
    assert (finding.ok, finding.ready) == (False, True)
    assert finding.checks["alerts"] == "1 that nobody on duty has answered"
    assert (await _events(manned, file))[-1] == ("alert_unheard", "gateway", "")
    (seen,) = (await manned.services.operators.overview(actor=system("sari"))).alerts
    assert (seen.passed_by, seen.is_over, seen.told) == (True, True, ("posko", "kepala"))
    await _reply(manned, f"OK {await _code(manned, file)}", SECOND)
    assert (await health.look()).ok
    assert await manned.store.events.audit() == (1, [])


@pytest.mark.parametrize("error", [Refused("no such number"), Unreachable("503"), KeyError("x")])
async def test_a_post_that_cannot_be_reached_costs_no_waiting(
    guarded: House, error: Exception
) -> None:
    file = await _danger(guarded)
    guarded.paper.fails = [error]
    await guarded.alarm.turn()
    await guarded.alarm.turn()
    assert (guarded.paper.told(FIRST), len(guarded.paper.told(SECOND))) == ([], 1)
    kinds = [(kind, said) for kind, _, said in await _events(guarded, file)]
    assert kinds == [
        ("alert_failed", f"posko (paper): {type(error).__name__}"),
        ("alerted", "kepala (paper)"),
    ]


async def test_an_outage_uses_up_no_round_and_floods_no_log(guarded: House) -> None:
    file = await _danger(guarded)
    for _ in range(30):
        guarded.paper.fails = [Unreachable("503")] * 2
        await guarded.alarm.turn()
        guarded.clock.pass_(seconds=21)
    assert (await _health(guarded).look()).checks["alerts"] == "1 that nobody on duty has answered"
    assert len(await _events(guarded, file)) == 2
    guarded.paper.fails = []
    guarded.clock.pass_(seconds=301)
    assert await guarded.alarm.turn() == 1
    assert len(guarded.paper.told(FIRST)) == 1
    assert (await _health(guarded).look()).ok


@pytest.mark.parametrize("says", ["OK", "ok siap pak", "Oke, meluncur", "OK {code}", "ok {number}"])
async def test_a_post_acknowledges_by_replying_and_nobody_else_is_told(
    guarded: House, says: str
) -> None:
    file = await _danger(guarded)
    await guarded.alarm.turn()
    code = await _code(guarded, file)
    await _reply(guarded, says.format(code=code, number=format_number(file.report.tracking)))
    assert guarded.paper.told(FIRST)[1:] == [
        f"Dicatat: Anda menangani {code}. Peringatan dihentikan."
    ]
    assert await guarded.rows("SELECT acknowledged_by FROM alerts") == [("duty:posko",)]
    assert await guarded.counted("due", "kind = 'alert'") == 0
    assert (await _events(guarded, file))[-1] == ("alert_acknowledged", "duty:posko", "")
    guarded.clock.pass_(seconds=301)
    assert await guarded.alarm.turn() == 0
    assert await guarded.counted("reports") == 1
    assert await guarded.store.events.audit() == (1, [])


@pytest.mark.parametrize("says", ["OK", "OK {code}", "OK SEMUA"])
async def test_a_strangers_ok_does_nothing(guarded: House, says: str) -> None:
    file = await _danger(guarded)
    await guarded.alarm.turn()
    for stranger in (WHO, OTHER):
        await _reply(guarded, says.format(code=await _code(guarded, file)), stranger)
    assert await _open(guarded) == 1
    guarded.clock.pass_(seconds=301)
    await guarded.alarm.turn()
    assert len(guarded.paper.told(SECOND)) == 1


@pytest.mark.parametrize(
    "says",
    [
        "kami meluncur ke lokasi",
        "api masih besar, tolong kirim bantuan sekarang, kebakaran meluas",
        "Jalan rusak parah di kecamatan Wonocolo Surabaya",
        "STATUS",
    ],
)
async def test_what_a_post_replies_is_never_filed_as_a_report(guarded: House, says: str) -> None:
    file = await _danger(guarded)
    await guarded.alarm.turn()
    await _reply(guarded, says)
    assert await guarded.counted("reports") == 1
    assert await _open(guarded) == 1
    code = await _code(guarded, file)
    assert guarded.paper.told(FIRST)[-1] == (
        f"1 peringatan terbuka: {code} ({format_number(file.report.tracking)}). "
        "Balas OK dan kodenya, atau OK SEMUA. Pesan ini tidak dicatat sebagai laporan."
    )


async def test_long_after_the_last_alert_a_post_is_a_citizen_again(guarded: House) -> None:
    await _danger(guarded)
    await guarded.alarm.turn()
    await _reply(guarded, "OK")
    await _reply(guarded, ROAD)
    assert await guarded.counted("reports") == 1
    assert "tidak dicatat sebagai laporan" in guarded.paper.told(FIRST)[-1]
    guarded.clock.pass_(hours=25)
    await _reply(guarded, ROAD)
    assert await guarded.counted("reports") == 2
    await _reply(guarded, "OK")
    assert guarded.paper.told(FIRST)[-1] == "Tidak ada peringatan terbuka dengan kode itu."
    assert await guarded.counted("reports") == 2


async def test_an_answering_machine_acknowledges_nothing_and_is_not_talked_to_for_ever(
    guarded: House,
) -> None:
    await _danger(guarded)
    await guarded.alarm.turn()
    for _ in range(25):
        await _reply(guarded, "Ok, terima kasih atas pesan Anda. Saya sedang rapat, nanti dibalas.")
    assert await _open(guarded) == 1
    assert len(guarded.paper.told(FIRST)) < 5


async def test_of_two_dangers_a_plain_ok_takes_neither_and_a_code_the_right_one(
    manned: House,
) -> None:
    fire, flood = await _danger(manned), await _danger(manned, FLOOD, OTHER)
    assert fire.report.id != flood.report.id
    assert await manned.alarm.turn() == 1
    codes = [await _code(manned, file) for file in (fire, flood)]
    (said,) = manned.paper.told(FIRST)
    assert said.startswith("DARURAT: 2 laporan belum ditangani: ")
    assert all(code in said for code in codes)
    await _reply(manned, "OK")
    assert await _open(manned) == 2
    assert all(code in manned.paper.told(FIRST)[-1] for code in codes)
    await _reply(manned, f"OK {codes[1]}")
    assert await manned.rows("SELECT code FROM alerts WHERE acknowledged_at IS NULL") == [
        (codes[0],)
    ]
    await _reply(manned, "ok semua")
    assert await _open(manned) == 0


async def test_a_disaster_is_told_in_few_texts_each_within_a_minute(guarded: House) -> None:
    for n in range(12):
        await guarded.take(note(f"{FIRE} rumah nomor {n}", f"{WHO[:-2]}{n:02}"))
        assert await guarded.work_all() == {}
        await guarded.alarm.turn()
        guarded.clock.pass_(seconds=5)
    guarded.clock.pass_(seconds=20)
    await guarded.alarm.turn()
    assert await guarded.counted("alerts", "told <> '[]'") == 12
    assert len(guarded.paper.told(FIRST)) <= 5


async def test_a_button_on_the_console_acknowledges_once(manned: House) -> None:
    file = await _danger(manned)
    desk = manned.services.operators
    (seen,) = (await desk.overview(actor=system("sari"))).alerts
    assert (seen.report.tracking, seen.passed_by, seen.told) == (file.report.tracking, False, ())
    await desk.acknowledge(seen.id, actor=system("sari"))
    assert (await desk.overview(actor=system("sari"))).alerts == ()
    assert await _events(manned, file) == [("alert_acknowledged", "sari", "")]
    assert await manned.alarm.turn() == 0
    with pytest.raises(Conflict, match="alert_taken"):
        await desk.acknowledge(seen.id, actor=system("budi"))


async def test_danger_stands_first_in_triage_whenever_it_came(guarded: House) -> None:
    await guarded.take(note(UNCLEAR, OTHER))
    guarded.clock.pass_(minutes=5)
    file = await _danger(
        guarded, "Tolong! ada orang mau bunuh saya sekarang, cepat " + UNCLEAR[:60]
    )
    await guarded.change(f"UPDATE reports SET status = 'triage' WHERE id = '{file.report.id}'")
    first, *_ = await guarded.services.operators.triage(actor=system("sari"))
    assert first.id == file.report.id


async def test_one_matter_has_one_alert_and_danger_that_comes_later_opens_it(
    manned: House,
) -> None:
    calm = await manned.report(LAMP)
    assert await manned.counted("alerts") == 0
    number = format_number(calm.report.tracking)
    for text in ("kabelnya putus, orang kesetrum sekarang, tolong cepat", "api besar, kebakaran!"):
        await manned.say(f"{number} {text}")
    assert await manned.counted("reports") == 1
    assert await manned.counted("alerts") == 1
    assert await manned.alarm.turn() == 1
    await manned.say(FIRE, OTHER)
    await manned.say(FIRE, OTHER)
    assert await manned.counted("alerts") == await manned.counted("reports", "urgent") == 2


WAYS = (
    [FIRE],
    [FIRE, FIRE],
    [LAMP, f"{LAMP}. Tolong, sekarang ada kebakaran!"],
    [NOWHERE, "di kecamatan Tenggarong, tolong, sekarang ada orang hanyut!"],
    [NOWHERE, "Tolong!! ada orang tenggelam sekarang"],
    ["STATUS tolong ada kebakaran sekarang di kecamatan Wonocolo Surabaya"],
    ["Bantuan! kebakaran sekarang di kecamatan Wonocolo Surabaya, tolong"],
    [ROAD, "Tolong! rumah saya kebakaran sekarang", "1"],
    [ROAD, "Tolong! rumah saya kebakaran sekarang", "2"],
    ["ANONIM tolong saya dipukul suami sekarang di kecamatan Wonocolo Surabaya"],
)
"""Conversations by which a report comes to be one of danger."""


async def test_whatever_makes_a_report_urgent_opens_its_alert(guarded: House) -> None:
    for number, said in enumerate(WAYS):
        before = await guarded.counted("alerts")
        for text in said:
            await _reply(guarded, text, f"{WHO[:-2]}{number:02}")
            guarded.clock.pass_(minutes=2)
        assert await guarded.counted("alerts") > before, said
    urgent = {row[0] for row in await guarded.rows("SELECT id FROM reports WHERE urgent")}
    alerted = {row[0] for row in await guarded.rows("SELECT report_id FROM alerts")}
    assert alerted == urgent


async def test_no_budget_no_country_and_no_stop_holds_an_alert_back(guarded: House) -> None:
    guarded.store._limits = type(guarded.store._limits)(1, 1, 2)
    await guarded.take(note("STOP"))
    for n in range(4):
        await guarded.take(note(f"{LAMP} {n}"))
    await guarded.take(note("STOP", FIRST))
    assert await guarded.work_all() == {}
    await _danger(guarded)
    await _danger(guarded, FLOOD, "+4915112345678")
    await guarded.alarm.turn()
    assert await guarded.counted("alerts", "told <> '[]'") == 2


class Station:
    """The receiver of a webhook: keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.says = b""
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.called = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.calls.append((dict(request.headers), await request.read()))
        self.called.set()
        return web.Response(body=self.says)


@asynccontextmanager
async def _station() -> AsyncIterator[tuple[Station, str]]:
    station, app = Station(), web.Application()
    app.router.add_post("/siaga", station.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield station, f"http://127.0.0.1:{runner.addresses[0][1]}/siaga"
    finally:
        await runner.cleanup()


def _signed(body: dict[str, Any], secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    text, at = json.dumps(body), datetime.now(UTC)
    headers = {"webhook-id": "a1", "webhook-timestamp": str(int(at.timestamp()))}
    return text.encode(), headers | {"webhook-signature": Signer(secret).sign("a1", at, text)}


async def test_a_webhook_is_signed_and_its_200_alone_is_no_acknowledgement(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with _station() as (station, url):
        post = {"name": "siaga", "channel": "webhook", "to": url, "secret": SECRET}
        async with house(sqlite_url, tmp_path, duty=[post]) as built:
            file = await _danger(built)
            assert await built.alarm.turn() == 1
            ((headers, body),) = station.calls
            data = Signer(SECRET).verify(body, headers)["data"]
            assert (data["tracking"], data["kind"]) == (file.report.tracking, "fire")
            assert (data["region"], data["minutes"]) == ("35.78.02", 0)
            assert data["acknowledge"] == "https://lapor.example.go.id/alerts/acknowledge"
            assert await _open(built) == 1
            station.says = b'{"acknowledged": true}'
            built.clock.pass_(seconds=301)
            await built.alarm.turn()
            assert await built.rows("SELECT acknowledged_by FROM alerts") == [("duty:siaga",)]
            assert (await _events(built, file))[-1] == ("alert_acknowledged", "duty:siaga", "")
            for post_ in built.roster.posts:
                await post_.sender.close()


async def test_a_signed_message_acknowledges_and_no_other_does(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with _station() as (_, url):
        post = {"name": "siaga", "channel": "webhook", "to": url, "secret": SECRET}
        async with house(sqlite_url, tmp_path, duty=[post]) as built:
            await _danger(built)
            ((id,),) = await built.rows("SELECT id FROM alerts")
            says = {"alert": id, "acknowledged": True}
            assert not await built.duty.by_webhook(*_signed(says)), "it was not told yet"
            await built.alarm.turn()
            body, headers = _signed(says)
            with pytest.raises(Forged):
                await built.duty.by_webhook(*_signed(says, "whsec_" + "eHh4" * 10))
            with pytest.raises(Forged):
                await built.duty.by_webhook(body.replace(b"true", b"True"), headers)
            for other in ({"alert": id}, {**says, "acknowledged": "yes"}, {**says, "alert": "x"}):
                assert not await built.duty.by_webhook(*_signed(other))
            assert await _open(built) == 1
            assert await built.duty.by_webhook(body, headers)
            assert await built.duty.by_webhook(body, headers), "a repeat changes nothing"
            assert await built.rows("SELECT acknowledged_by FROM alerts") == [("duty:siaga",)]
            for post_ in built.roster.posts:
                await post_.sender.close()


async def test_the_running_gateway_alerts_in_seconds_and_hears_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it at once: a partner's report in, a signed alert out, a signed answer back."""
    parts = made_parts()
    async with _station() as (station, url), AsyncExitStack() as stack:
        post = {"name": "siaga", "channel": "webhook", "to": url, "secret": SECRET}
        settings = load(
            server={"data_dir": tmp_path, "port": 0},
            channels={"rest": {"type": "rest", "keys": PARTNERS}},
            alerts={"duty": [post]},
        )
        kanal = Kanal(assemble(settings, parts=parts))
        ports = await kanal.start(("web", "worker"))
        stack.push_async_callback(kanal.stop)
        base = f"http://127.0.0.1:{ports.web}"
        http = await stack.enter_async_context(aiohttp.ClientSession(base))
        body = {"text": FIRE}
        headers = {"authorization": f"Bearer {CITY}"}
        begun = time.monotonic()
        async with http.post("/api/v1/reports", json=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        async with asyncio.timeout(60):
            await station.called.wait()
        assert time.monotonic() - begun < 60
        data = Signer(SECRET).verify(station.calls[0][1], station.calls[0][0])["data"]
        assert data["console"] == "", "an address of this machine leads nobody anywhere"
        says = {"alert": data["alert"], "acknowledged": True}
        async with asyncio.timeout(SOON):
            while True:  # the ring is written down just after it was heard
                said, signed = _signed(says)
                async with http.post("/alerts/acknowledge", data=said, headers=signed) as answer:
                    if answer.status != 422:
                        break
        assert answer.status == 204
        for bad, status in ((b"{}", 403), (b"x" * 5000, 413)):
            async with http.post("/alerts/acknowledge", data=bad, headers=signed) as answer:
                assert answer.status == status
        assert (await kanal.services.operators.overview(actor=system("sari"))).alerts == ()
        assert (await kanal.services.health.look()).checks["alerts"] == "ok"


async def test_nothing_of_a_reporter_is_in_an_alert_a_log_or_the_table(
    sqlite_url: str, tmp_path: Path
) -> None:
    """A canary: who wrote, and every word of what they wrote, is nowhere to be found."""
    async with _station() as (station, url):
        hook = {"name": "siaga", "channel": "webhook", "to": url, "secret": SECRET}
        async with house(sqlite_url, tmp_path, duty=[*POSTS, hook]) as built:
            for text, mark in ((HOME, " anonim"), (FIRE, " rahasia"), (FLOOD, "")):
                await built.take(note(f"{text} kenari merah{mark}", WHO, name="Sulastri Kenari"))
            assert await built.work_all() == {}
            built.paper.fails = [Refused(f"{FIRST} does not exist")]
            with capture_logs() as logs:
                for _ in range(4):
                    await built.alarm.turn()
                    built.clock.pass_(seconds=301)
            told = [letter for to, letter in built.paper.carried if to in (FIRST, SECOND)]
            assert len(told) >= 2
            assert station.calls
            rows = await built.rows("SELECT * FROM alerts")
            events = await built.rows("SELECT * FROM events WHERE kind LIKE 'alert%'")
            where = [*map(repr, told), *map(repr, station.calls), *map(repr, logs)]
            where += [*map(repr, rows), *map(repr, events), *map(repr, built.roster.posts)]
            found = "\n".join(where).casefold()
            for word in ("kenari", "sulastri", "suami", "menangis", WHO[3:], "paper-ref"):
                assert word not in found
            assert {name for line in logs for name in line} - {"log_level"} <= HARMLESS
            assert not any(post[3:] in repr(logs) + repr(rows) for post in (FIRST, SECOND))
            assert SECRET not in found
            assert "kekerasan dalam rumah tangga" in found
            for post in built.roster.posts:
                await post.sender.close()


async def test_where_nobody_is_on_duty_it_is_said_loudly_and_danger_stays_red(
    lite: House,
) -> None:
    settings = load()
    assert checks.duty_warnings(settings) == [MISSING]
    finding = await _health(lite, on_duty=False).look()
    assert (finding.ok, finding.status, finding.checks["alerts"]) == (True, "warn", MISSING)
    await _danger(lite)
    await lite.alarm.turn()
    lite.clock.pass_(seconds=61)
    finding = await _health(lite, on_duty=False).look()
    assert (finding.ok, finding.status) == (False, "fail")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kinds": ["fire"]}, ["posko"]),
        ({"kinds": ["medical"]}, ["kepala"]),
        ({"regions": ["35.78"]}, ["posko"]),
        ({"regions": ["35.78.02"]}, ["posko"]),
        ({"regions": ["64"]}, ["kepala"]),
        ({"to": "0811-0000-0001"}, ["posko"]),
    ],
)
async def test_a_post_is_told_of_its_own_kinds_and_regions(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    told: list[str],
) -> None:
    monkeypatch.setattr(Paper, "by_phone", True)
    async with house(sqlite_url, tmp_path, duty=[POSTS[0] | changes, POSTS[1]]) as built:
        await _danger(built)
        await built.alarm.turn()
        assert [json.loads(row[0]) for row in await built.rows("SELECT told FROM alerts")] == [told]
        if told == ["posko"]:
            await _reply(built, "OK")
            assert await _open(built) == 0


async def test_where_no_post_serves_a_danger_all_are_told(sqlite_url: str, tmp_path: Path) -> None:
    async with house(sqlite_url, tmp_path, duty=[POSTS[0] | {"kinds": ["suicide"]}]) as built:
        await _danger(built)
        await built.alarm.turn()
        assert len(built.paper.told(FIRST)) == 1


def test_every_kind_of_danger_has_its_name_in_both_languages() -> None:
    assert {f"alert_kind_{kind}" for kind in emergency().kinds} <= KEYS.keys()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nowhere": ({"channel": "pigeon"}, "there is no [channels.pigeon]"),
    "clear": ({"channel": "webhook", "to": "http://10.0.0.1/x", "secret": SECRET}, "http is for"),
    "bare": ({"channel": "webhook", "to": "https://x.example/y"}, "secret"),
    "group": ({"channel": "telegram", "to": "-100123"}, "a group cannot acknowledge"),
    "door": ({"channel": "web"}, "wakes nobody"),
    "letter": ({"channel": "email", "to": "posko@kota.example"}, "set authserv_id"),
    "kind": ({"kinds": ["volcano"]}, "no kind of danger 'volcano'"),
    "region": ({"regions": ["99"]}, "there is no region '99'"),
    "good": ({}, ""),
}


def test_a_roster_that_cannot_work_is_a_fault_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "kanal.toml"
    lines = ["[channels.web]", "type = 'web'"]
    for channel, kind in (("sms", "smpp"), ("telegram", "telegram"), ("email", "mail")):
        lines += [f"[channels.{channel}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in EXAMPLES[kind].items()]
    for name, (changes, _) in WRONG.items():
        post = {"name": name, "channel": "sms", "to": FIRST} | changes
        lines += ["[[alerts.duty]]", *(f"{k} = {json.dumps(v)}" for k, v in post.items())]
    file.write_text("\n".join(lines))
    found = checks.faults(load(file), file)
    assert all(fault.line > 10 for fault in found)
    text = "\n".join(map(str, found))
    assert SECRET not in text
    for name, (_, said) in WRONG.items():
        mine = [str(fault) for fault in found if f" {name}: " in str(fault)]
        assert len(mine) == (1 if said else 0), name
        assert said in "".join(mine)
