"""The one HTTP client of channels: bounded in time and size; it tells what happened, no secrets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from adapters.contract import (
    ChannelError,
    OptedOut,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from adapters.exchange import KEPT, Exchange, ExchangeLog, redact_url
from adapters.http import Errors, HttpClient
from tests.services import free_ports

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@asynccontextmanager
async def provider(**clients: float) -> AsyncIterator[tuple[HttpClient, str, ExchangeLog]]:
    """A provider that answers in awkward ways, and a client of it."""

    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": "/here", "set-cookie": "a=b"})

    async def here(request: web.Request) -> web.Response:
        return web.json_response({"cookies": dict(request.cookies)})

    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65_536)

    app = web.Application()
    for path, handler in {
        "/moved": elsewhere, "/here": here, "/never": never, "/endless": endless,
    }.items():  # fmt: skip
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    log, timeout = ExchangeLog(), clients.get("timeout", 10.0)
    client = HttpClient("The provider", log, timeout=timeout, largest=1_000_000)
    try:
        yield client, f"http://{host}:{port}", log
    finally:
        await client.close()
        await runner.cleanup()


async def test_no_redirect_is_followed_and_no_cookie_is_kept() -> None:
    async with provider() as (client, url, _):
        moved = await client.request("POST", f"{url}/moved")
        assert (moved.status, moved.is_success) == (302, False)
        assert (await client.request("GET", f"{url}/here")).body == b'{"cookies": {}}'


@pytest.mark.parametrize("path", ["/never", "/endless"])
@pytest.mark.parametrize(("method", "error"), [("GET", Unreachable), ("POST", UnknownOutcome)])
async def test_what_does_not_end_is_left(method: str, error: type[Exception], path: str) -> None:
    """What was asked of it by a POST may be done all the same."""
    async with provider(timeout=0.3 if path == "/never" else 30) as (client, url, log):
        with pytest.raises(Unreachable) as raised:
            await client.request(method, f"{url}{path}")
        assert type(raised.value) is error
        assert "provider" in str(raised.value)
        (exchange,) = log
        assert exchange.error == error.__name__


async def test_who_could_not_be_reached_has_done_nothing() -> None:
    (port,) = free_ports(1)
    client = HttpClient("The provider", ExchangeLog(), timeout=5)
    with pytest.raises(Unreachable) as raised:
        await client.request("POST", f"http://127.0.0.1:{port}/", data=b"x")
    assert type(raised.value) is Unreachable
    await client.close()


async def test_exchanges_say_what_happened_and_are_bounded() -> None:
    async with provider() as (client, url, log):
        for _ in range(KEPT + 5):
            await client.request("GET", f"{url}/here", params={"to": "+62811"}, data=b"rahasia")
        assert len(log) == KEPT
        assert "+62811" not in repr(list(log))
        newest: Exchange = list(log)[-1]
        assert (newest.method, newest.status, newest.error) == ("GET", 200, "")
        assert newest.target == "127.0.0.1/here"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (f"https://api.example/bot{TOKEN}/sendMessage", "api.example/…/sendMessage"),
        ("https://api.example/2010-04-01/Accounts/AC0123/Messages.json",
         "api.example/…/Accounts/…/Messages.json"),
        ("https://api.example/2/users/998/mentions?since_id=5", "api.example/2/users/…/mentions"),
        ("https://user:secret@api.example/+6281234567/x", "api.example/…/x"),
    ],
)  # fmt: skip
def test_an_exchange_names_no_secret_and_nobody(url: str, seen: str) -> None:
    assert redact_url(url) == seen


ERRORS = Errors(
    provider="P",
    slow={88: 60.0},
    mendable={401: "the token was refused"},
    silenced={"has blocked": ("writes", "the citizen has blocked us")},
    refused={7: "no such number"},
)


@pytest.mark.parametrize(
    ("status", "keys", "words", "kind", "said"),
    [
        (400, (88,), "", Throttled, "P answered 400, code 88"),
        (429, (), "", Throttled, "P answered 429"),
        (401, (), "", Unreachable, "P answered 401: the token was refused"),
        (403, (), "budi has blocked you", OptedOut, "P answered 403: the citizen has blocked us"),
        (400, (7,), "no budi", Refused, "P answered 400, code 7: no such number"),
        (404, (), "no budi", Refused, "P answered 404"),
        (408, (), "", Unreachable, "P answered 408"),
        (500, (), "", Unreachable, "P answered 500"),
    ],
)
def test_a_table_says_what_an_answer_means(
    status: int, keys: tuple[int, ...], words: str, kind: type[ChannelError], said: str
) -> None:
    error = ERRORS.error(status, *keys, words=words)
    assert type(error) is kind
    assert str(error) == said
