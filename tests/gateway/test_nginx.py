"""The example of a proxy, docs/nginx.conf, in a real nginx in front of the whole gateway.

Strangers call from 127.0.1.x and the office from 127.0.2.x: all of 127/8 is this machine.
"""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from gateway.portals.console import notes
from gateway.portals.http.secure import HSTS
from gateway.process import Kanal
from tests.adapters.web.forms import filled as form
from tests.conftest import offered
from tests.gateway.whole import NAME, OPERATOR, PASSWORD, Way, filled, ways, whole
from tests.services import Nginx, free_ports

EXAMPLE = Path(__file__).parents[2] / "docs" / "nginx.conf"
MIB = 2**20
OPEN, OFFICE, CLOSED = "open", "the office only", "closed"
PLACES = {
    "/": OPEN,
    "/in/{channel}": OPEN,
    "/lacak": OPEN,
    "/lacak/{number}": OPEN,
    "/luring": OPEN,
    "/manifest.webmanifest": OPEN,
    "/sw.js": OPEN,
    "/static/{file}": OPEN,
    "/.well-known/security.txt": OPEN,
    "/privasi": OPEN,
    "/alerts/acknowledge": OPEN,
    "/agency/v1/reports": OPEN,
    "/agency/v1/reports/{tracking}/files/{sha256}": OPEN,
    "/agency/v1/reports/{tracking}/replies": OPEN,
    "/api": OPEN,
    "/api/{rest:path}": OPEN,
    "/api/docs": OPEN,
    "/api/v1/openapi.json": OPEN,
    "/api/v1/agencies": OPEN,
    "/api/v1/regions": OPEN,
    "/api/v1/reports": OPEN,
    "/api/v1/reports/{tracking}": OPEN,
    "/api/v1/reports/{tracking}/messages": OPEN,
    "/api/v1/sensitive-counts": OPEN,
    "/api/v1/topics": OPEN,
    "/open311/v2": OPEN,
    "/open311/v2/discovery.{form}": OPEN,
    "/open311/v2/requests.{form}": OPEN,
    "/open311/v2/requests/{id}.{form}": OPEN,
    "/open311/v2/servicerequestupdates.{form}": OPEN,
    "/open311/v2/services.{form}": OPEN,
    "/open311/v2/services/{id}.{form}": OPEN,
    "/open311/v2/tokens/{id}.{form}": OPEN,
    "/open311/v2/{rest:path}": OPEN,
    "/console/*": OFFICE,
    "/health": CLOSED,
    "/health/live": CLOSED,
    "/health/ready": CLOSED,
    "/metrics": CLOSED,
    "/openapi.json": CLOSED,
}
"""Every route, and for whom it is meant to be: a new one has to be thought about."""
pytestmark = pytest.mark.asyncio(loop_scope="module")
_strangers, _officers = count(2), count(2)


@dataclass
class Front:
    """nginx before the gateway."""

    kanal: Kanal
    nginx: Nginx
    tls: ssl.SSLContext
    secure: int
    plain: int

    @asynccontextmanager
    async def caller(self, source: str) -> AsyncIterator[aiohttp.ClientSession]:
        """Open the browser of somebody at a network address."""
        line = aiohttp.TCPConnector(ssl=self.tls, local_addr=(source, 0))
        async with aiohttp.ClientSession(connector=line) as http:
            yield http

    async def ask(
        self, source: str, way: Way, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Call once from an address, by our name."""
        async with (
            self.caller(source) as http,
            http.request(
                way.method,
                f"https://127.0.0.1:{self.secure}{way.path}",
                headers={"Host": NAME, "Origin": f"https://{NAME}", **(headers or {})},
                server_hostname=NAME,
                allow_redirects=False,
                **options,
            ) as response,
        ):
            return response, await response.read()


def stranger() -> str:
    return f"127.0.1.{next(_strangers) % 250 + 2}"


def officer() -> str:
    return f"127.0.2.{next(_officers) % 250 + 2}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    secure, plain = free_ports(2)
    with offered("nginx"):
        nginx = Nginx()
    try:
        async with whole(tmp_path_factory.mktemp("nginx")) as kanal:
            assert kanal.web
            tls = _certified(nginx.folder)
            block = _placed(EXAMPLE.read_text(), nginx.folder, secure, plain, kanal.web.port)
            with offered("nginx"):
                await asyncio.to_thread(nginx.start, block, secure)
            yield Front(kanal, nginx, tls, secure, plain)
    finally:
        nginx.close()


def _placed(text: str, folder: Path, secure: int, plain: int, backend: int) -> str:
    """Put our ports and files into the example; nothing else of it is changed."""
    for old, new in {
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "/etc/kanal/": f"{folder}/",
        "/var/log/nginx/": f"{folder}/",
        "http://127.0.0.1:8080": f"http://127.0.0.1:{backend}",
        "192.0.2.0/24": "127.0.2.0/24",
    }.items():
        assert old in text, f"the example has no {old!r} any more"
        text = text.replace(old, new)
    return text


def _certified(folder: Path) -> ssl.SSLContext:
    """Write a certificate of our own name; return who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who)
    made = made.public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "tls.crt").write_bytes(pem)
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return ssl.create_default_context(cadata=pem.decode())


def _came_through(response: aiohttp.ClientResponse) -> bool:
    """Tell whether the gateway answered: nginx's own answers have no such header."""
    return response.headers.get("X-Content-Type-Options") == "nosniff"


def _meant(path: str) -> str | None:
    return next((v for pattern, v in PLACES.items() if path == pattern), None) or next(
        (v for pattern, v in PLACES.items() if "*" in pattern and fnmatch(path, pattern)), None
    )


async def test_the_table_fits() -> None:
    assert _meant("/console/static/{file}") == OFFICE
    assert _meant("/consolation") is None


async def test_every_route_is_open_for_whom_it_is_meant_and_for_nobody_else(front: Front) -> None:
    assert front.kanal.web
    found = list(ways(list(front.kanal.web.app.routes)))
    met: set[str] = set()
    for way in found:
        meant = _meant(way.path)
        assert meant, f"say in PLACES who may reach {way.path}"
        met.add(way.path if way.path in PLACES else "/console/*")
        call = Way(way.method, filled(way.path))
        outside, _ = await front.ask(stranger(), call)
        inside, _ = await front.ask(officer(), call)
        assert _came_through(outside) == (meant == OPEN), (way, outside.status)
        assert _came_through(inside) == (meant != CLOSED), (way, inside.status)
        if meant != OPEN:
            assert outside.status == (404 if meant == CLOSED else 403), way
        if _came_through(inside):
            assert inside.headers.getall("Strict-Transport-Security") == [HSTS], way
            assert inside.status < 500, way
    assert met == set(PLACES)


@pytest.mark.parametrize("path", ["/console/../metrics", "/static/..%2f..%2fmetrics", "//metrics"])
async def test_what_is_closed_is_closed_by_any_spelling(front: Front, path: str) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", front.secure, ssl=front.tls, server_hostname=NAME
    )
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    assert b"kanal_intake" not in said
    assert said.split()[1] in (b"400", b"403", b"404"), said[:80]


async def test_other_names_and_the_clear_get_nothing(front: Front) -> None:
    async with front.caller(stranger()) as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"https://127.0.0.1:{front.secure}/", server_hostname="evil.example")
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"http://127.0.0.1:{front.plain}/", headers={"Host": "evil.example"})
        plain = await http.get(
            f"http://127.0.0.1:{front.plain}/lacak?x=1",
            headers={"Host": NAME},
            allow_redirects=False,
        )
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{NAME}/lacak?x=1")
    with pytest.raises(aiohttp.ClientConnectionError):
        await front.ask(stranger(), Way("GET", "/"), {"Host": "evil.example"})


@pytest.mark.parametrize("path", ["/console", "/console/", "/static", "/lacak/", "/api", "/in"])
async def test_redirects_stay_encrypted_and_end(front: Front, path: str) -> None:
    who, seen = officer(), [path]
    while True:
        response, _ = await front.ask(who, Way("GET", seen[-1]))
        if "Location" not in response.headers:
            break
        target = response.headers["Location"].replace(f":{front.secure}/", "/")
        target = target.removeprefix(f"https://{NAME}")
        assert target.startswith("/"), f"{seen[-1]} leads to {target}"
        assert target not in seen, "a loop"
        seen.append(target)
    assert response.status in (200, 404), seen


async def test_an_operator_gets_in_and_cookies_hold_on_to_the_host(front: Front) -> None:
    who = officer()
    typed = {"name": OPERATOR, "password": PASSWORD}
    response, _ = await front.ask(who, Way("POST", "/console/login"), data=typed)
    assert response.status == 303
    given = {c.split("=")[0]: c for c in response.headers.getall("Set-Cookie")}
    assert set(given) == {"__Host-kanal_session", "__Host-kanal_device"}
    for cookie in given.values():
        assert {"secure", "httponly", "path=/"} <= {
            part.strip().lower() for part in cookie.split(";")
        }
    cookies = {name: given[name].split(";")[0].partition("=")[2] for name in given}
    page, _ = await front.ask(
        who,
        Way("GET", "/console/"),
        {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
    )
    assert page.status == 200


async def test_who_calls_is_who_nginx_saw_whatever_they_write(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = officer(), officer()
    # A logger that was used before is bound for good, and is not captured.
    monkeypatch.setattr(notes, "log", structlog.get_logger())

    async def guess(who: str, number: int) -> int:
        lies = dict.fromkeys(("X-Real-IP", "X-Forwarded-For"), f"203.0.113.{number}")
        lies |= {"Forwarded": f"for=203.0.113.{number}", "X_Real_IP": f"203.0.113.{number}"}
        typed = {"name": OPERATOR, "password": "tebakan"}
        response, _ = await front.ask(who, Way("POST", "/console/login"), lies, data=typed)
        return response.status

    with capture_logs() as logs:
        assert [await guess(one, n) for n in range(11)] == [401] * 10 + [429]
        assert await guess(other, 0) == 401
    callers = {line["caller"] for line in logs if line["event"] == "operator"}
    assert callers == {one, other}


async def test_as_large_as_the_form_takes_and_no_larger(front: Front) -> None:
    async def posted(size: int) -> tuple[aiohttp.ClientResponse, bytes]:
        sent = aiohttp.FormData()
        for name, value in form().items():
            sent.add_field(name, value)
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            photo = io.BytesIO(b"\xff\xd8\xff" + b"x" * (size // 3))
            sent.add_field("attachments", photo, filename=name)
        return await front.ask(stranger(), Way("POST", "/in/web"), data=sent)

    taken, said = await posted(14 * MIB)
    assert taken.status in (201, 202), said
    ours, _ = await posted(16 * MIB + MIB // 2)
    assert (ours.status, _came_through(ours)) == (413, True)
    theirs, _ = await posted(18 * MIB)
    assert (theirs.status, _came_through(theirs)) == (413, False)
    long, _ = await front.ask(stranger(), Way("GET", "/"), {"X-Long": "x" * 20_000})
    assert (long.status, _came_through(long)) == (400, False)


async def test_a_flood_of_one_address_is_slowed_and_others_are_served(front: Front) -> None:
    who = stranger()
    async with front.caller(who) as http:

        async def once() -> int:
            url = f"https://127.0.0.1:{front.secure}/.well-known/security.txt"
            async with http.get(url, headers={"Host": NAME}, server_hostname=NAME) as response:
                return response.status

        statuses = await asyncio.gather(*(once() for _ in range(150)))
    assert statuses.count(429) > 50
    response, _ = await front.ask(stranger(), Way("GET", "/"))
    assert response.status == 200


async def test_nginx_logs_no_keys_and_no_referrers(front: Front) -> None:
    await front.ask(
        stranger(),
        Way("GET", "/open311/v2/requests.json?api_key=kunci-rahasia"),
        {"Referer": f"https://{NAME}/lacak/kenari"},
    )
    log = (front.nginx.folder / "kanal.log").read_text()
    assert "/open311/v2/requests.json" in log
    assert "rahasia" not in log
    assert "kenari" not in log
