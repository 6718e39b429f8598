"""Every answer of the web door, route by route: headers, cookies, redirects, bodies heard out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.intake.webhook import METHODS
from gateway.portals.http.secure import HSTS
from gateway.process import Kanal
from gateway.store.engine import Unavailable
from tests.gateway.whole import NAME, OPERATOR, PASSWORD, Way, filled, ways, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
ORIGIN = f"https://{NAME}"
SENT = {"Host": NAME, "Origin": ORIGIN, "X-Real-IP": "192.0.2.7"}
LASTING = {"kanal_session", "kanal_device"}
"""Cookies that open something; the language is the only other one."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kanal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kanal]:
    async with whole(tmp_path_factory.mktemp("secure")) as built:
        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(kanal: Kanal) -> AsyncIterator[aiohttp.ClientSession]:
    jar, line = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=line) as session:
        yield session


async def ask(
    kanal: Kanal,
    http: aiohttp.ClientSession,
    way: Way,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> aiohttp.ClientResponse:
    assert kanal.web
    url = f"http://127.0.0.1:{kanal.web.port}{way.path}"
    sent = SENT | (headers or {})
    async with http.request(
        way.method, url, headers=sent, allow_redirects=False, **options
    ) as response:
        await response.read()
        return response


def check(response: aiohttp.ClientResponse, way: Way) -> None:
    """Check what an answer carries, whatever it says."""
    headers = response.headers
    assert headers.getall("X-Content-Type-Options") == ["nosniff"], way
    assert headers.getall("Strict-Transport-Security") == [HSTS], way
    (policy,) = headers.getall("Content-Security-Policy")
    assert "default-src 'none'" in policy, way
    assert "unsafe" not in policy, way
    assert "frame-ancestors 'none'" in policy or "sandbox" in policy, way
    assert "http://" not in headers.get("Location", ""), way
    for cookie in headers.getall("Set-Cookie", []):
        name, *flags = (part.strip() for part in cookie.split(";"))
        said = {flag.casefold() for flag in flags}
        assert {"secure", "httponly", "path=/"} <= said, (way, cookie)
        assert said & {"samesite=strict", "samesite=lax"}, (way, cookie)
        bare = name.partition("=")[0]
        assert bare == "lang" or bare.removeprefix("__Host-") in LASTING, (way, cookie)
        assert bare == "lang" or bare.startswith("__Host-"), (way, cookie)


async def test_every_route_carries_them_for_strangers_and_operators(
    kanal: Kanal, http: aiohttp.ClientSession
) -> None:
    assert kanal.web
    typed = {"name": OPERATOR, "password": PASSWORD}
    entry = await ask(kanal, http, Way("POST", "/console/login"), data=typed)
    check(entry, Way("POST", "/console/login"))
    pairs = [cookie.split(";")[0] for cookie in entry.headers.getall("Set-Cookie")]
    assert {pair.partition("=")[0] for pair in pairs} == {f"__Host-{name}" for name in LASTING}
    pages = 0
    found = list(ways(list(kanal.web.app.routes)))
    for way in sorted(found, key=lambda way: "logout" in way.path):
        call = Way(way.method, filled(way.path) + "?lang=en")
        for cookie in ("", "; ".join(pairs)):
            response = await ask(kanal, http, call, {"Cookie": cookie} if cookie else None)
            assert response.status < 500, way
            check(response, way)
            pages += response.content_type == "text/html"
    assert pages > 30
    check(await ask(kanal, http, Way("GET", "/nowhere")), Way("GET", "/nowhere"))
    check(await ask(kanal, http, Way("GET", "/console")), Way("GET", "/console"))


async def test_a_refused_method_is_told_every_one_that_is_not(
    kanal: Kanal, http: aiohttp.ClientSession
) -> None:
    assert kanal.web
    paths = dict.fromkeys(filled(way.path) for way in ways(list(kanal.web.app.routes)))
    paths |= dict.fromkeys(("/in/sms", "/in/web", "/static/page.css", "/api", "/console/"))
    refused = 0
    for path in paths:
        told, taken = set(), set()
        for method in METHODS:
            response = await ask(kanal, http, Way(method, path))
            if response.status == 405:
                told.add(response.headers.get("Allow", "none"))
            else:
                taken.add(method)
        refused += bool(told)
        assert len(told) <= 1, (path, told)
        for allow in told:
            assert set(allow.split(", ")) == taken, path
    assert refused > 40


async def test_our_own_faults_carry_them_too(
    kanal: Kanal, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("oops")

    async def away(*_: object) -> None:
        raise Unavailable("gone")

    monkeypatch.setattr(kanal.services.health, "recent", broken)
    monkeypatch.setattr(kanal.services.accounts, "log_in", away)
    typed = {"name": OPERATOR, "password": PASSWORD}
    for way, status in ((Way("GET", "/health"), 500), (Way("POST", "/console/login"), 503)):
        response = await ask(kanal, http, way, data=typed if way.method == "POST" else None)
        assert response.status == status
        check(response, way)
    many = {f"x-{n}": "y" for n in range(kanal.services.settings.server.max_headers)}
    response = await ask(kanal, http, Way("GET", "/"), many)
    assert response.status == 431
    check(response, Way("GET", "/"))


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/in/sms", "application/x-www-form-urlencoded", 413),
        ("/in/nobody", "application/json", 404),
        ("/in/web", "text/plain", 413),
        ("/api/v1/reports", "application/json", 413),
        ("/agency/v1/reports/1/replies", "application/json", 413),
        ("/console/login", "application/x-www-form-urlencoded", 413),
        ("/console/failed/replay", "application/x-www-form-urlencoded", 403),
        ("/nowhere", "application/json", 404),
        ("/lacak", "application/x-www-form-urlencoded", 413),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_who_sends_too_much_hears_the_answer(
    kanal: Kanal, path: str, kind: str, status: int, chunked: bool
) -> None:
    """Say it as a proxy does: send all, then listen."""
    assert kanal.web
    piece, times = b"x" * 65_536, 300
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(piece) * times}"
    reader, writer = await asyncio.open_connection("127.0.0.1", kanal.web.port)
    head = f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nOrigin: {ORIGIN}\r\n"
    writer.write(f"{head}Content-Type: {kind}\r\n{length}\r\n\r\n".encode())
    for _ in range(times):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        await writer.drain()
    writer.write(b"0\r\n\r\n" if chunked else b"")
    line = await reader.readline()
    writer.close()
    assert line.split()[1] == str(status).encode()


async def test_who_is_disabled_or_removed_is_out_at_once(
    kanal: Kanal, http: aiohttp.ClientSession
) -> None:
    cookie, typed = "", {"name": "budi", "password": PASSWORD}
    entry, inside = Way("POST", "/console/login"), Way("GET", "/console/triage")

    async def log_in() -> int:
        nonlocal cookie
        response = await ask(kanal, http, entry, data=typed)
        given = response.headers.getall("Set-Cookie", [])
        cookie = "; ".join(each.split(";")[0] for each in given)
        return response.status

    async def looked() -> int:
        return (await ask(kanal, http, inside, {"Cookie": cookie})).status

    await kanal.services.accounts.set_password("budi", PASSWORD)
    assert [await log_in(), await looked()] == [303, 200]
    assert await kanal.services.store.accounts.enable("budi", may=False)
    assert await looked() == 303, "the page of the log-in"
    assert await log_in() == 401
    assert await kanal.services.store.accounts.enable("budi", may=True)
    assert [await log_in(), await looked()] == [303, 200]
    assert await kanal.services.store.accounts.remove("budi")
    assert [await looked(), await log_in()] == [303, 401]


async def test_security_txt(kanal: Kanal, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    assert kanal.web
    url = f"http://127.0.0.1:{kanal.web.port}/.well-known/security.txt"
    async with http.get(url) as response:
        said = await response.text()
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in said.splitlines())
    assert fields.pop("Expires").endswith("Z")
    assert fields == {
        "Contact": f"mailto:aman@{NAME}",
        "Preferred-Languages": "id, en",
        "Canonical": f"https://{NAME}/.well-known/security.txt",
    }
    async with whole(tmp_path, security_contact=[]) as silent:
        path = Way("GET", "/.well-known/security.txt")
        assert (await ask(silent, http, path)).status == 404
