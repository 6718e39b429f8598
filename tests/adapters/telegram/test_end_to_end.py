"""Telegram through the whole gateway: a conversation, and a time with nobody at the door."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from config.settings import load
from demo.telegram_double import BotServer
from gateway.access.roles import system
from gateway.assembly import assemble
from gateway.process import Kanal
from normalizer.report import Status
from normalizer.tracking import format_number, mentions
from tests.adapters.examples import BOT_SECRET, BOT_TOKEN
from tests.gateway.making import LAMP, NOWHERE, WHERE

CITIZEN = 620011
MODES: dict[str, dict[str, Any]] = {
    "webhook": {"secret_token": BOT_SECRET},
    "polling": {"mode": "polling", "poll_timeout": 1},
}
WITHIN = 60.0

modes = pytest.mark.parametrize("mode", MODES)


@pytest.fixture
async def server() -> AsyncIterator[BotServer]:
    async with BotServer(BOT_TOKEN) as server:
        yield server


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(server: BotServer, folder: Path, port: int, mode: str) -> AsyncIterator[Kanal]:
    """Run the gateway with a bot; it goes on where the last one in ``folder`` stopped."""
    block = {"type": "telegram", "token": BOT_TOKEN, "api_base": server.url, **MODES[mode]}
    kanal = Kanal(
        assemble(
            load(
                server={"data_dir": folder, "port": port, "public_url": f"http://127.0.0.1:{port}"},
                mail_server={"enabled": False},
                channels={"telegram": block},
            )
        )
    )
    await kanal.start()
    try:
        yield kanal
    finally:
        await kanal.stop()


async def hears(server: BotServer, count: int) -> str:
    """Wait until the bot wrote so many messages; return the newest."""
    await server.wait_for(lambda _: len(server.sent) >= count, WITHIN)
    return server.sent[count - 1].text


@modes
async def test_a_conversation_from_start_to_status(
    server: BotServer, tmp_path: Path, port: int, mode: str
) -> None:
    await server.say(CITIZEN, "/start")
    async with running(server, tmp_path, port, mode) as kanal:
        assert "STATUS" in await hears(server, 1), "who wrote before the door opened is answered"
        assert bool(server.webhook) is (mode == "webhook"), "the webhook sets itself"
        await server.say(CITIZEN, NOWHERE)
        (tracking,) = mentions(await hears(server, 2))
        await server.say(CITIZEN, WHERE)
        assert tracking in list(mentions(await hears(server, 3)))
        await server.say(CITIZEN, f"/status {tracking}")
        assert tracking in list(mentions(await hears(server, 4)))
        (report,) = await kanal.services.store.reports.latest(10)
    assert (report.tracking, report.status) == (tracking, Status.FORWARDED)
    assert [sent.reply_to for sent in server.sent][:2] == [1, 3]
    assert server.sent[3].reply_to == 7


async def test_buttons_hide_a_report_and_join_two(
    server: BotServer, tmp_path: Path, port: int
) -> None:
    async with running(server, tmp_path, port, "polling") as kanal:
        await server.say(CITIZEN, LAMP)
        first = next(mentions(await hears(server, 1)))
        await server.tap(CITIZEN, server.sent[0], "Anonim")
        assert "ANONIM" in await hears(server, 2)
        await server.say(CITIZEN, "lampu jalan masih mati juga sampai sekarang")
        second = next(mentions(await hears(server, 3)))
        await server.tap(CITIZEN, server.sent[2], f"Tambahan laporan {format_number(first)}")
        assert second in list(mentions(await hears(server, 4)))
        one, other = [
            await kanal.services.operators.find(number, actor=system("sari"))
            for number in (first, second)
        ]
    assert one
    assert other
    assert (one.report.status, one.report.anonymous) == (Status.FORWARDED, True)
    assert "masih mati" in one.report.text
    assert other.report.status is Status.CLOSED_BY_REPORTER
    assert len(server.settled) == 2, "no button is left spinning"


@modes
async def test_what_citizens_wrote_while_the_door_was_closed_is_filed_once(
    server: BotServer, tmp_path: Path, port: int, mode: str
) -> None:
    async with running(server, tmp_path, port, mode):
        await server.say(CITIZEN, LAMP)
        await hears(server, 1)
    for n in range(1, 21):
        assert await server.say(CITIZEN + n, LAMP) == 0
    late = list(server.waiting)
    assert len(late) == 20
    async with running(server, tmp_path, port, mode) as kanal:
        await hears(server, 21)
        if mode == "webhook":
            assert server.webhook["url"] == f"http://127.0.0.1:{port}/in/telegram"
            assert [await retry(server, update) for update in late] == [200] * 20
        await server.say(CITIZEN + 99, LAMP)
        await hears(server, 22)
        reports = await kanal.services.store.reports.latest(100)
        assert await kanal.services.store.quarantine.count() == 0
    assert len(reports) == len({report.origin.external_id for report in reports}) == 22
    assert len(server.sent) == 22


async def retry(server: BotServer, update: dict[str, Any]) -> int:
    """Bring the webhook an update once more, as Telegram does when our answer was lost."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": BOT_SECRET}
    async with (
        ClientSession() as http,
        http.post(server.webhook["url"], json=update, headers=headers) as answer,
    ):
        return answer.status
