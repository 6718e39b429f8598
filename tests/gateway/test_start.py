"""Starting while something is away: doors open, workers say what is missing."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.settings import load
from gateway import process
from gateway.assembly import assemble
from gateway.broker.base import BrokerUnavailable as BrokerAway
from gateway.broker.base import QueuedMessage
from gateway.broker.rabbit import Rabbit
from gateway.process import Kanal
from gateway.store.engine import Unavailable
from tests.gateway.citizens import MATTERS, citizens, found
from tests.services import PostgresServer
from tests.services.proxy import chaos


async def test_doors_open_while_database_and_broker_are_away(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    away = "amqp://guest:guest@127.0.0.1:9/"
    async with citizens(tmp_path, database=postgres_url, broker=away) as people:
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
        ({"broker": {"url": "amqp://guest:guest@127.0.0.1:9/"}}, BrokerAway),
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
