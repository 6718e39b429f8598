"""The web door's bounds over real sockets, with both parsers."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config import settings
from gateway.portals.app import WebServer
from gateway.portals.http import bounds

Opened = Callable[..., Awaitable[WebServer]]
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _big(_: Request) -> Response:
    return PlainTextResponse("x" * 20_000_000)


async def _early(_: Request) -> Response:
    return PlainTextResponse("enough", 413)


ROUTES = [
    Route("/", _echo, methods=["GET", "POST"]),
    Route("/big", _big),
    Route("/early", _early, methods=["POST"]),
]


@pytest.fixture(params=["httptools", "h11"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """Start web servers with changed settings."""
    servers: list[WebServer] = []

    async def start(**changes: Any) -> WebServer:
        values = settings.load().server.model_dump() | {"host": "127.0.0.1"} | changes
        web = WebServer(
            Starlette(routes=ROUTES), settings.ServerSettings(**values), 0, request.param
        )
        await web.start()
        servers.append(web)
        return web

    yield start
    for web in servers:
        await web.stop()


@pytest.fixture
async def dial() -> AsyncIterator[Callable[[WebServer], Awaitable[Line]]]:
    """Connect; what is open at the end is closed."""
    lines: list[Line] = []

    async def connect(web: WebServer) -> Line:
        lines.append(await asyncio.open_connection("127.0.0.1", web.port))
        return lines[-1]

    yield connect
    for _, writer in lines:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


Dial = Callable[[WebServer], Awaitable[Line]]


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one whole answer."""
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        return head + await reader.readexactly(length)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read until the server hangs up; a reset may overtake its last words."""
    said = b""
    async with asyncio.timeout(30):
        with suppress(ConnectionError):
            while more := await reader.read(65_536):
                said += more
    return said


async def poured(line: Line, start: bytes, again: bytes, most: int) -> int:
    """Send until the server cuts off or ``most`` bytes went; return how many went."""
    reader, writer = line
    sent = 0
    with suppress(ConnectionError):
        writer.write(start)
        while sent < most and not reader.at_eof():
            writer.write(again)
            await asyncio.wait_for(writer.drain(), 30)
            sent += len(again)
            await asyncio.sleep(0)
    return sent


FLOODS = {
    "one header without end": (b"GET / HTTP/1.1\r\nx: ", b"x" * 65_536),
    "headers without end": (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 10_000),
    "a path without end": (b"GET /", b"x" * 65_536),
    "a method without end": (b"", b"G" * 65_536),
    "a header name without end": (b"GET / HTTP/1.1\r\n", b"n" * 65_536),
    "trailers without end": (CHUNKED + b"0\r\n", b"a: b\r\n" * 10_000),
    "one trailer without end": (CHUNKED + b"0\r\nx: ", b"x" * 65_536),
    "a chunk extension without end": (CHUNKED + b"1;", b"x" * 65_536),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_what_is_no_body_is_cut_soon(opened: Opened, dial: Dial, flood: str) -> None:
    line = await dial(await opened())
    start, again = FLOODS[flood]
    assert await poured(line, start, again, 20_000_000) < 20_000_000
    said = await rest(line[0])
    assert said.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")) or not said


async def test_more_header_bytes_or_lines_than_the_settings_say(opened: Opened, dial: Dial) -> None:
    web = await opened(max_header_bytes=4_000, max_headers=10)
    for more, status in ((b"x: " + b"y" * 4_000, b"431"), (b"\r\n".join([b"a: b"] * 11), b"431")):
        reader, writer = await dial(web)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + more + b"\r\n\r\n")
        assert (await rest(reader)).startswith(b"HTTP/1.1 " + status)


async def test_a_body_is_no_head_however_long(opened: Opened, dial: Dial) -> None:
    reader, writer = await dial(await opened(max_header_bytes=1_024))
    writer.write(POST % 300_000 + b"x" * 300_000)
    assert (await answer(reader)).endswith(b"\r\n\r\n300000")
    writer.write(CHUNKED + b"".join([b"2000\r\n" + b"x" * 8_192 + b"\r\n"] * 40) + b"0\r\n\r\n")
    assert (await answer(reader)).endswith(b"\r\n\r\n327680")


LATE = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nhost: x\r\n",
    "half a second head": b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /",
    "half a body": POST % 10 + b"x",
    "half a body that was answered": (POST % 10).replace(b" / ", b" /early ") + b"x",
}


@pytest.mark.parametrize("sent", LATE)
async def test_who_stops_halfway_is_sent_away(opened: Opened, dial: Dial, sent: str) -> None:
    reader, writer = await dial(await opened(head_seconds=0.5, body_seconds=0.5))
    writer.write(LATE[sent])
    said = await rest(reader)
    assert b"HTTP/1.1 408" in said or sent.endswith("answered")


@pytest.mark.parametrize("half", [LATE["half a head"], LATE["half a body"]])
async def test_two_hundred_who_stop_halfway_keep_no_citizen_out(
    opened: Opened, dial: Dial, half: bytes
) -> None:
    web = await opened(head_seconds=1, body_seconds=1)
    before = len(os.listdir("/proc/self/fd"))
    lines = [await dial(web) for _ in range(200)]
    for _, writer in lines:
        writer.write(half)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", web.port, local_addr=("127.0.0.2", 0)
    )
    writer.write(POST % 3 + b"abc")
    assert (await answer(reader)).endswith(b"3")
    writer.close()
    await writer.wait_closed()
    words = await asyncio.gather(*(rest(reader) for reader, _ in lines))
    assert {each[9:12] for each in words} <= {b"408", b"503", b""}
    for _, each in lines:
        each.close()
    async with asyncio.timeout(30):
        while len(os.listdir("/proc/self/fd")) > before + 2:
            await asyncio.gather(*(_gone(each) for _, each in lines))


async def _gone(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nx: ", POST % 100_000, CHUNKED])
async def test_byte_by_byte_buys_no_time(opened: Opened, dial: Dial, start: bytes) -> None:
    reader, writer = await dial(await opened(head_seconds=0.6, body_seconds=0.6))
    writer.write(start)
    ended = asyncio.create_task(rest(reader))
    while not ended.done():
        writer.write(b"1;x\r\nx\r\n" if start == CHUNKED else b"x")
        await asyncio.wait([ended], timeout=0.05)
    assert (await ended).startswith(b"HTTP/1.1 408") or not await ended


async def test_who_is_slow_but_comes_is_heard(opened: Opened, dial: Dial) -> None:
    reader, writer = await dial(await opened(head_seconds=5, body_seconds=0.5))
    writer.write(POST % 200_000)
    for _ in range(20):  # 50 ms each: twice the time, at far more than the least rate
        writer.write(b"x" * 10_000)
        await asyncio.sleep(0.05)
    assert (await answer(reader)).endswith(b"200000")


async def test_no_body_takes_for_ever_however_much_of_it_came(
    opened: Opened, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.2)
    reader, writer = await dial(await opened(body_seconds=0.1))
    writer.write(POST % 200_000 + b"x" * 100_000)
    assert (await answer(reader)).startswith(b"HTTP/1.1 408")


async def test_a_kept_connection_serves_many_requests(opened: Opened, dial: Dial) -> None:
    reader, writer = await dial(await opened(head_seconds=0.3, body_seconds=0.3))
    for _ in range(4):
        writer.write(POST % 3 + b"abc")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.2)


async def test_who_never_reads_the_answer_is_cut(
    opened: Opened, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "FLUSH_SECONDS", 0.1)
    web = await opened(body_seconds=0.5, max_connections=1)
    deaf = await dial(web)
    deaf[1].write(GET)
    async with asyncio.timeout(30):
        while True:
            reader, writer = await dial(web)
            with suppress(ConnectionError):
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                if (await reader.readline()).startswith(b"HTTP/1.1 200"):
                    return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("cap", ["max_connections", "max_connections_per_peer"])
async def test_one_too_many_gets_503_and_the_place_comes_back(
    opened: Opened, dial: Dial, cap: str
) -> None:
    web = await opened(**{cap: 2})
    within = [await dial(web) for _ in range(2)]
    for reader, writer in within:
        writer.write(POST % 1 + b"x")
        await answer(reader)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        reader, writer = await dial(web)
        said = await rest(reader)
        assert said.startswith(b"HTTP/1.1 503")
        assert b"\r\nretry-after: 5\r\n" in said
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    writer = within[0][1]
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await rest(within[0][0])
    async with asyncio.timeout(30):
        while True:
            reader, writer = await dial(web)
            with suppress(ConnectionError):
                writer.write(POST % 1 + b"x")
                if (await reader.readline()).startswith(b"HTTP/1.1 200"):
                    return


@pytest.mark.parametrize(
    "behind", [{"client_header": "X-Real-IP"}, {"public_url": "https://lapor.test"}]
)
async def test_our_own_proxy_is_not_counted_as_one_peer(
    opened: Opened, dial: Dial, behind: dict[str, str]
) -> None:
    web = await opened(max_connections_per_peer=1, **behind)
    for _ in range(3):
        reader, writer = await dial(web)
        writer.write(POST % 1 + b"x")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
