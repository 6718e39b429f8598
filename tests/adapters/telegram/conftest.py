"""The doubles that these tests talk to."""

from collections.abc import AsyncIterator

import pytest

from adapters.telegram.channel import Telegram
from demo.telegram_double import BotServer
from tests.adapters.examples import BOT_TOKEN
from tests.adapters.telegram.updates import telegram


@pytest.fixture
async def server() -> AsyncIterator[BotServer]:
    async with BotServer(BOT_TOKEN) as server:
        yield server


@pytest.fixture
async def bot(server: BotServer) -> AsyncIterator[Telegram]:
    channel = telegram(api_base=server.url)
    yield channel
    await channel.close()


@pytest.fixture
async def poller(server: BotServer) -> AsyncIterator[Telegram]:
    channel = telegram(api_base=server.url, mode="polling", secret_token=None, poll_timeout=0)
    yield channel
    await channel.close()
