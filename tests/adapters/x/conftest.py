"""The doubles that these tests talk to."""

from collections.abc import AsyncIterator

import pytest

from adapters.x.channel import X
from demo.x_double import Keys, XServer
from tests.adapters.examples import X_KEYS
from tests.adapters.x.posts import x


@pytest.fixture
async def server() -> AsyncIterator[XServer]:
    async with XServer(Keys(**X_KEYS)) as server:
        yield server


@pytest.fixture
async def account(server: XServer) -> AsyncIterator[X]:
    channel = x(api_base=server.url)
    yield channel
    await channel.close()
