"""Starting while something is away: doors open, workers say what is missing."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.settings import load
from gateway import process
from gateway.assembly import assemble
from gateway.assembly.tasks import LANE
from gateway.broker.base import BrokerUnavailable as BrokerAway
from gateway.broker.base import QueuedMessage
from gateway.broker.rabbit import Rabbit
from gateway.process import Kanal
from gateway.store.engine import Unavailable
from tests.gateway.citizens import MATTERS, citizens, found
from tests.services import PostgresServer
from tests.services.proxy import chaos

RABBIT_AWAY = "amqp://guest:guest@127.0.0.1:9/"


async def test_doors_open_while_database_and_broker_are_away(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    async with citizens(tmp_path, database=postgres_url, broker=RABBIT_AWAY) as people:
        kanal = Kanal(assemble(load(people.file), people.file))
        postgres_server.stop(immediate=True)
        try:
            await kanal.start(("web", "mail"))
            hook = f"{str(kanal.services.settings.server.public_url).rstrip('/')}/in/sms"
            assert await people.phone.text(hook, "+6281234567890", MATTERS[0][0]) == 200
        finally:
            postgres_server.start()
        try:

            async def drained() -> bool | None:
                return None if kanal.services.commits.spooled else True

            assert await found(drained)
            assert (await kanal.services.store.overview.queues({"reports": 1}))[
                0
            ].oldest is not None
        finally:
            await kanal.stop()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"database": {"url": "postgresql+psycopg://nobody@127.0.0.1:9/none"}}, Unavailable),
        ({"broker": {"url": RABBIT_AWAY}}, BrokerAway),
    ],
)
async def test_a_worker_does_not_start_without_its_services(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception]
) -> None:
    kanal = Kanal(assemble(load(server={"data_dir": tmp_path}, **settings)))
    try:
        with pytest.raises(error):
            await kanal.start(("worker",))
    finally:
        await kanal.stop()


@pytest.mark.parametrize("away", ["database", "broker"])
async def test_a_full_spool_keeps_a_door_shut_only_while_the_database_is_away(
    tmp_path: Path, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"database": "postgresql+psycopg://nobody@127.0.0.1:9/none", "broker": RABBIT_AWAY}
    settings: dict[str, Any] = {away: {"url": urls[away]}}
    kanal = Kanal(assemble(load(server={"data_dir": tmp_path, "port": 0}, **settings)))
    monkeypatch.setattr(kanal.services.spool, "_most", 0)
    try:
        if away == "broker":
            assert (await kanal.start(("web",))).web
        else:
            with pytest.raises(Unavailable):
                await kanal.start(("web",))
    finally:
        await kanal.stop()


async def test_a_broker_that_was_away_at_the_start_is_reached_later(rabbit_url: str) -> None:
    port = urlsplit(rabbit_url).port
    assert port is not None
    async with chaos(port) as proxy:
        broker = Rabbit(
            rabbit_url.replace(f":{port}/", f":{proxy.port}/"), retry_after=[1], timeout=3
        )
        await proxy.refuse()
        with pytest.raises(BrokerAway):
            await broker.start()
        await proxy.open()
        try:
            await broker.start()
            assert await broker.publish([QueuedMessage("reports", "1", b"{}")]) == {}
        finally:
            await broker.close()


async def test_an_orderly_stop_ends_the_lanes_first_and_waits_once_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.1)
    kanal = Kanal(assemble(load(server={"data_dir": tmp_path})))
    lanes = kanal.services.lanes
    assert lanes
    seen: list[tuple[str, bool]] = []

    class Busy:
        """A door at which a call never ends."""

        def __init__(self, name: str) -> None:
            self.name = name

        async def stop(self) -> None:
            seen.append((self.name, all(lane._ending.is_set() for lane in lanes)))
            await asyncio.Event().wait()

    monkeypatch.setattr(kanal, "web", Busy("web"))
    monkeypatch.setattr(kanal, "mail", Busy("mail"))
    kanal._spawn(f"{LANE}busy", Busy("lane").stop)
    async with asyncio.timeout(20):
        await kanal.stop()
    assert sorted(seen) == [("lane", True), ("mail", True), ("web", True)]


async def test_a_task_that_misses_its_cancellation_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "INSIST", 0.01)
    heard: list[str] = []

    async def deaf() -> None:
        for _ in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard.append("cancelled")
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await process._end([task])
    assert heard == ["cancelled"] * 3
    assert task.cancelled()
