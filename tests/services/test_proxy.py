"""The proxy between a test and a service does to a connection what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import pytest

from tests.services.proxy import ChaosProxy, chaos


async def _serve(said: bytes) -> asyncio.Server:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(100_000):
                writer.write(said + data)
        writer.close()

    return await asyncio.start_server(echo, "127.0.0.1", 0)


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


@pytest.fixture
async def echo() -> AsyncIterator[asyncio.Server]:
    """A server that says what it hears."""
    server = await _serve(b"")
    yield server
    server.close()


@pytest.fixture
async def proxy(echo: asyncio.Server) -> AsyncIterator[ChaosProxy]:
    """A proxy in front of it."""
    async with chaos(_port(echo)) as proxy:
        yield proxy


Call = Callable[[], Awaitable["Caller"]]


class Caller:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def ask(self, data: bytes, *, within: float = 5) -> bytes:
        """Send, and return the answer of that length. Raises ``TimeoutError``."""
        self.writer.write(data)
        return await self.hear(len(data), within=within)

    async def hear(self, length: int = -1, *, within: float = 5) -> bytes:
        """Return so many bytes, or all until the end; "" at a reset. Raises ``TimeoutError``."""
        async with asyncio.timeout(within):
            try:
                if length >= 0:
                    return await self._reader.readexactly(length)
                return await self._reader.read()
            except ConnectionResetError:
                return b""


@pytest.fixture
async def call(proxy: ChaosProxy) -> AsyncIterator[Call]:
    """Connect to the proxy."""
    async with AsyncExitStack() as calls:

        async def connect() -> Caller:
            caller = Caller(*await asyncio.open_connection("127.0.0.1", proxy.port))
            calls.callback(caller.writer.close)
            return caller

        yield connect


async def test_a_slow_link_delays_and_narrows_both_directions(
    proxy: ChaosProxy, call: Call
) -> None:
    loop, caller = asyncio.get_running_loop(), await call()

    def clock() -> int:
        return round(loop.time() * 1000)  # it ticks in milliseconds; fractions would be rounded

    assert await caller.ask(b"fast") == b"fast"
    proxy.slow(latency=0.05)
    began = clock()
    assert await caller.ask(b"late") == b"late"
    assert clock() - began >= 100
    proxy.slow(bandwidth=100_000)
    began = clock()
    assert await caller.ask(b"x" * 20_000) == b"x" * 20_000
    assert clock() - began >= 150
    proxy.slow()
    assert await caller.ask(b"fast") == b"fast"


async def test_what_is_held_arrives_later_and_what_is_dropped_never(
    proxy: ChaosProxy, call: Call
) -> None:
    caller = await call()
    proxy.swallow()
    with pytest.raises(TimeoutError):
        await caller.ask(b"held", within=0.05)
    proxy.heal()
    assert await caller.hear(4) == b"held"
    proxy.drop()
    with pytest.raises(TimeoutError):
        await caller.ask(b"lost", within=0.05)
    fresh = await call()  # it connects, and hears nothing
    with pytest.raises(TimeoutError):
        await fresh.ask(b"lost", within=0.05)
    proxy.heal()
    assert (await caller.hear(), await fresh.hear()) == (b"", b"")
    assert await (await call()).ask(b"new") == b"new"


async def test_a_cut_ends_connections_and_a_refusal_new_ones(proxy: ChaosProxy, call: Call) -> None:
    caller = await call()
    assert await caller.ask(b"here") == b"here"
    await proxy.cut()
    assert await caller.hear() == b""
    assert await (await call()).ask(b"new") == b"new"
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await call()
    await proxy.open()
    assert await (await call()).ask(b"again") == b"again"


async def test_the_first_target_that_takes_a_connection_gets_it(
    echo: asyncio.Server, proxy: ChaosProxy, call: Call
) -> None:
    other = await _serve(b"2")
    gone = await _serve(b"3")
    down = _port(gone)
    gone.close()
    proxy.point(down, _port(other), _port(echo))
    try:
        assert (await (await call()).ask(b"hi"))[:1] == b"2"
    finally:
        other.close()
    proxy.point(down, _port(echo))
    assert await (await call()).ask(b"hi") == b"hi"
