"""Who is kept waiting at the console and at the doors with keys, and what the log says of it."""

import ast
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from argon2 import Type, extract_parameters
from argon2.exceptions import VerifyMismatchError
from fastapi import FastAPI
from structlog.testing import capture_logs

from gateway.access import passwords
from gateway.access.passwords import WeakPassword, check_password, hash_of_none
from gateway.casework.publishing import propose_text
from gateway.intake import limits
from gateway.intake.limits import CallLimits
from gateway.platform.logs import HARMLESS
from gateway.portals.agency import api
from gateway.portals.console.actions import ACTS
from gateway.store.views import AgencyEvent
from normalizer.report import Outcome, Scope, Status, Topic
from tests.gateway.office import (
    AGENCIES,
    NAME,
    PASSWORD,
    Clock,
    Office,
    assignment,
    console,
    office,
    report,
    served,
    unsure,
)
from tests.gateway.test_console import CHANGES, Visitor

HASHER = passwords.HASHER  # as it is deployed; that of the tests is a cheap one
HEADER = "X-Real-IP"
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def browsers(desk: Office, clock: Clock) -> AsyncIterator[tuple[Visitor, Visitor]]:
    """Open a console behind a proxy to two browsers that share nothing."""
    async with (
        console(desk, clock, client_header=HEADER) as url,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as one,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as two,
    ):
        yield Visitor(url, one), Visitor(url, two)


async def tried(visitor: Visitor, at: str, password: str, name: str = NAME) -> int:
    """Try to log in from an address; return the status."""
    headers = {"Origin": visitor.origin, HEADER: at}
    response, _ = await visitor.post("/login", headers, name=name, password=password)
    return response.status


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        yield desk


@pytest.fixture
def clock() -> Clock:
    return Clock(still=datetime.now(UTC))


@pytest.mark.parametrize(
    ("stranger", "own"),
    [("203.0.113.9", "198.51.100.7"), ("2001:db8:1:2::9", "2001:db8:1:3::9")],
)
async def test_a_stranger_elsewhere_keeps_nobody_out(
    desk: Office, clock: Clock, stranger: str, own: str
) -> None:
    async with browsers(desk, clock) as (ani, other):
        for _ in range(40):
            last = await tried(other, stranger, "tebakan")
        assert last == 429
        assert await tried(other, stranger, PASSWORD) == 429
        assert await tried(ani, own, PASSWORD) == 303


async def test_one_household_of_ipv6_is_one_caller(desk: Office, clock: Clock) -> None:
    async with browsers(desk, clock) as (_, other):
        statuses = [await tried(other, f"2001:db8:1:2::{n:x}", "tebakan") for n in range(1, 13)]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429] * 2


async def test_a_known_device_gets_in_past_a_guesser_at_the_same_address(
    desk: Office, clock: Clock
) -> None:
    at = "203.0.113.9"
    async with browsers(desk, clock) as (ani, other):
        assert await tried(ani, at, PASSWORD) == 303
        for _ in range(40):
            await tried(other, at, "tebakan")
        assert await tried(other, at, PASSWORD) == 429
        assert await tried(ani, at, PASSWORD) == 303
        for _ in range(10):
            await tried(other, at, "tebakan", "budi")
        assert await tried(ani, at, "tebakan", "budi") == 429, "the device is of one name"
        clock.ahead += timedelta(days=181)
        for _ in range(40):
            await tried(other, at, "tebakan")
        assert await tried(ani, at, PASSWORD) == 429, "and not for ever"


async def test_a_known_device_has_no_endless_tries(desk: Office, clock: Clock) -> None:
    async with browsers(desk, clock) as (ani, _):
        assert await tried(ani, "203.0.113.9", PASSWORD) == 303
        statuses = [await tried(ani, "203.0.113.9", "tebakan") for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5


@pytest.mark.parametrize("cookie", ["", "x", "a.9999999999.b", "a.b.c", "..", "é.1.é"])
async def test_a_made_up_device_is_a_strangers(desk: Office, clock: Clock, cookie: str) -> None:
    async with browsers(desk, clock) as (ani, _):
        headers = {"Origin": ani.origin, "Cookie": f"kanal_device={cookie}", HEADER: "192.0.2.1"}
        for _ in range(10):
            await ani.post("/login", headers, name=NAME, password="tebakan")
        response, _ = await ani.post("/login", headers, name=NAME, password=PASSWORD)
    assert response.status == 429


# Who calls is found out in one place


READERS = {
    "gateway/intake/limits.py": "who is counted, at every door that is asked over HTTP",
    "gateway/portals/http/bounds.py": "places of connections, which count nobody behind a proxy",
    "gateway/intake/smtp/session.py": "the mail door's peers, which have no proxy",
}
FORWARDED = {"client", "x-forwarded-for", "x-real-ip", "peername", "remote_addr"}


def _reads_an_address(tree: ast.AST) -> bool:
    """Tell whether code asks a request, a scope or a transport who calls."""
    for node in ast.walk(tree):
        asks = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
        if asks and getattr(node, "attr", "") in ("client", "remote", "getpeername"):
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            said = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if said.casefold() in FORWARDED:
                return True
    return False


@pytest.mark.parametrize(
    "source",
    [
        "request.client.host",
        "scope['client']",
        "request.remote",
        "transport.get_extra_info('peername')",
        "sock.getpeername()",
        "request.headers.get('X-Forwarded-For')",
        "dict(scope['headers'])[b'x-real-ip']",
    ],
)
def test_the_sweep_finds(source: str) -> None:
    assert _reads_an_address(ast.parse(source))


def test_the_network_address_is_read_in_one_place() -> None:
    found = {
        str(path.relative_to(ROOT))
        for room in ("gateway", "adapters")
        for path in (ROOT / room).rglob("*.py")
        if _reads_an_address(ast.parse(path.read_text()))
    }
    assert {name for name in found if not name.startswith("gateway/demo/")} == set(READERS)


# What the log says


def test_every_change_of_operators_is_among_those_tried_here() -> None:
    listed = {
        path.replace(report(1).id, "{report_id}")
        .replace(unsure(2).id, "{report_id}")
        .replace("/q1/", "/{id}/")
        for path in CHANGES
    }
    assert {act.path for act in ACTS} | {"/logout", "/logout/everywhere"} == listed


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("path", CHANGES)
async def test_every_change_leaves_one_line_with_who_and_what(
    desk: Office, clock: Clock, path: str
) -> None:
    public = report(1, public=True, topic=Topic(id="lampu-jalan", name="Lampu", confidence=0.9))
    second = unsure(2)
    if path.endswith("/reopen"):
        scope = Scope(id="prank", name="Pesan iseng")
        made = assignment(Outcome.TRIAGE, clock(), None, 0.95).model_copy(update={"scope": scope})
        second = unsure(2, status=Status.ARCHIVED_BY_SYSTEM, assignment=made)
    await desk.put(public, second)
    await desk.kill(7)
    await desk.hold("q1")
    await desk.alarm("q1", report(1))
    fields = {"agency": AGENCIES[0].id, "reason": "Bu Sri 0812", "note": "Bu Sri", "id": "7"}
    fields["name"] = propose_text(public).name
    async with browsers(desk, clock) as (ani, _):
        await ani.log_in()
        with capture_logs() as logs:
            response, _ = await ani.act(path, **fields)
            refused, _ = await ani.act(path, **fields)
    assert response.status in {200, 303}
    lines = [line for line in logs if line["event"] == "operator" and line["did"] != "report"]
    assert len(lines) == (1 if path.startswith("/logout") else 2), refused.status
    assert lines[0]["by"] == NAME
    assert lines[0]["did"]
    assert lines[0]["status"] == response.status
    assert ("report_id" in lines[0]) == ("/reports/" in path)
    assert "Sri" not in str(logs)
    assert lines[0].keys() - {"log_level"} <= HARMLESS, "or the log would leave it out"


async def test_who_tries_to_log_in_is_in_the_log_but_not_what_was_typed(
    desk: Office, clock: Clock
) -> None:
    with capture_logs() as logs:
        async with browsers(desk, clock) as (ani, other):
            await tried(ani, "192.0.2.1", PASSWORD)
            for _ in range(11):
                await tried(other, "192.0.2.2", "tebakan")
            await tried(other, "192.0.2.2", "x", name="kata sandi saya")
    said = [(x["by"], x["status"], x["caller"]) for x in logs if x["event"] == "operator"]
    assert said[0] == (NAME, 303, "192.0.2.1")
    assert said[1] == (NAME, 401, "192.0.2.2")
    assert said[11] == (NAME, 429, "192.0.2.2")
    assert said[12] == ("unknown", 401, "192.0.2.2")
    assert PASSWORD not in str(logs)
    assert "kata sandi saya" not in str(logs)


async def test_a_look_at_a_report_is_in_the_log(desk: Office, clock: Clock) -> None:
    await desk.put(report(1))
    async with browsers(desk, clock) as (ani, _):
        await ani.log_in()
        with capture_logs() as logs:
            await ani.get(f"/reports/{report(1).id}")
    (line,) = [line for line in logs if line["event"] == "operator"]
    assert (line["by"], line["did"], line["report_id"]) == (NAME, "report", report(1).id)


async def test_logging_out_everywhere_ends_the_other_browser_too(
    desk: Office, clock: Clock
) -> None:
    async with browsers(desk, clock) as (ani, elsewhere):
        await ani.log_in()
        await elsewhere.log_in()
        await ani.act("/logout/everywhere")
        response, _ = await elsewhere.get("/")
    assert response.status == 303


# Tokens of agencies


class _Agencies:
    def agency_of(self, token: str) -> str | None:
        return "pln" if token == "right" else None

    async def fetch(self, agency: str, *, after: str, most: int) -> list[AgencyEvent]:
        return []


async def test_wrong_tokens_are_logged_and_end_but_the_right_one_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "log", structlog.get_logger())  # the cached one is deaf to us
    app = FastAPI()
    agencies: Any = _Agencies()
    files: Any = None
    app.include_router(api.api(agencies, files, CallLimits(HEADER, proxied=True)))
    async with served(app) as url, aiohttp.ClientSession() as http:

        async def asked(token: str, at: str) -> int:
            headers = {"authorization": f"Bearer {token}", HEADER: at}
            async with http.get(f"{url}/agency/v1/reports", headers=headers) as response:
                return response.status

        with capture_logs() as logs:
            statuses = [await asked(f"wrong {n}", "192.0.2.1") for n in range(35)]
            assert statuses == [401] * 30 + [429] * 5
            assert await asked("wrong", "192.0.2.2") == 401
            assert await asked("right", "192.0.2.1") == 200
    lines = [line for line in logs if line["event"] == "wrong key"]
    assert [line["caller"] for line in lines] == ["192.0.2.1"] * 30 + ["192.0.2.2"]
    assert "wrong 1" not in str(logs)


# Passwords


def test_a_name_that_is_not_there_costs_as_much_as_one_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "HASHER", HASHER)
    none = hash_of_none()
    assert extract_parameters(none) == extract_parameters(HASHER.hash(PASSWORD))
    assert none != hash_of_none()
    with pytest.raises(VerifyMismatchError):
        HASHER.verify(none, PASSWORD)


def test_a_password_is_kept_as_expensively_as_the_standard_asks() -> None:
    assert HASHER.type is Type.ID
    assert (HASHER.memory_cost, HASHER.time_cost, HASHER.parallelism) == (64 * 1024, 3, 4)


@pytest.mark.parametrize(
    "password",
    [
        "pendek",
        "12345678901",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "abcdefghijklmnop",
        "qwertyuiop123456",
        "1234567890123456",
        "9876543210987654",
        "password12345!",
        "Rahasia-2024-Kanal",
        "Siti-kucing-oranye",
        "8129-4471-0923",
    ],
)
def test_what_others_would_guess_is_no_password(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password("siti", password)


@pytest.mark.parametrize("password", ["kucing oranye melompat", "xK4-pQ9z_L2m", PASSWORD + "a"])
def test_a_long_password_is_taken(password: str) -> None:
    check_password("siti", password)
