"""Log-in by a real provider of OpenID Connect, which was written by others."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Mount

from config.settings import OidcSettings
from gateway.access.roles import Actor, Grant, Role
from gateway.portals.console.routes import routes
from gateway.store.scope import NATIONAL
from gateway.store.views import GrantRow, NewAccount
from tests import node
from tests.emulate import CLIENT, SECRET, emulated_okta
from tests.gateway.office import NAME, PASSWORD, Clock, Office, office, served
from tests.gateway.test_access import person
from tests.gateway.test_console import Visitor


@dataclass
class Elsewhere:
    """A console with a provider, and a browser at it."""

    desk: Office
    guest: Visitor
    issuer: str

    async def round(self, start: str, name: str = "rini") -> tuple[int, str, str]:
        """Leave for the provider, choose a person there, and come back; the last address, too."""
        address = await self.leave(start, name)
        async with self.guest.http.get(address, allow_redirects=False) as answer:
            return answer.status, await answer.text(), address

    async def leave(self, start: str, name: str = "rini") -> str:
        """Leave and choose a person; return the address to come back to."""
        async with self.guest.http.get(start, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            there = answer.headers["Location"]
        assert "code_challenge_method=S256" in there
        assert "nonce=" in there
        async with self.guest.http.get(there) as answer:
            page = await answer.text()
        for form in re.findall(r"<form.*?</form>", page, re.DOTALL):
            if f"{name}@kota.example" not in form:
                continue
            action = re.findall(r'action="([^"]+)"', form)[0]
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
            sent = {field: unescape(value) for field, value in fields.items()}
            async with self.guest.http.post(
                urljoin(there, action), data=sent, allow_redirects=False
            ) as answer:
                return answer.headers["Location"]
        raise AssertionError(page)

    def at(self, path: str) -> str:
        return f"{self.guest.url}{path}"

    async def accept(self, code: str, fields: Mapping[str, str]) -> tuple[int, str]:
        """Accept an invitation by the provider."""
        asked, page = await self.guest.post("/begin/elsewhere", code=code)
        assert 'url=/console/login/elsewhere"' in page
        status, page, _ = await self.round(self.at("/login/elsewhere"))
        assert status == 200, page
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page)
        assert 'type="password"' not in page
        answer, page = await self.guest.post(
            "/begin/elsewhere", None, code=code, ticket=ticket, **fields
        )
        assert asked.status == 200
        return answer.status, page


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Elsewhere]:
    port = node.free_port()
    back = f"http://127.0.0.1:{port}/console/login/elsewhere/back"
    clock = Clock(still=datetime.now(UTC))
    async with office(folder) as desk, emulated_okta(back) as issuer:
        wanted = OidcSettings(
            issuer=issuer,
            client_id=CLIENT,
            client_secret=SECRET,
            name_claim="name",
            label="Akun ASN",
        )
        inside = routes(
            replace(desk.house.services.access, oidc=wanted),
            desk.desk,
            desk.house.services.triage,
            public_url=f"http://127.0.0.1:{port}/",
            secure_cookies=False,
            clock=clock,
            wall=clock,
            who=lambda _: None,
        )
        app = Starlette(routes=[Mount("/console", routes=inside)])
        jar = aiohttp.CookieJar(unsafe=True)
        async with served(app, port) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
            yield Elsewhere(desk, Visitor(f"{url}/console", http), issuer)


@pytest_asyncio.fixture
async def here(tmp_path: Path) -> AsyncIterator[Elsewhere]:
    async with opened(tmp_path) as built:
        yield built


async def test_an_invited_person_comes_in_by_the_provider(here: Elsewhere) -> None:
    people = here.desk.house.services.access.people
    adi = await person(here.desk.house, "adi", Role.ADMINISTRATOR)
    code = await people.invite(adi, "rini@kota.example", Grant(Role.AUDITOR))
    fields = {"name": "rini", "full_name": "Rini", "language": "id"}
    status, page = await here.accept(code, fields)
    assert (status, 'url=/console/me"' in page) == (200, True)
    account = await here.desk.house.store.accounts.get("rini")
    assert account
    assert (account.has_password, account.is_joined) == (False, True)
    own, _ = await here.guest.get("/log")
    assert own.status == 200
    here.guest.http.cookie_jar.clear()
    status, page, _ = await here.round(here.at("/login/elsewhere?next=/console/log"))
    assert (status, 'url=/console/log"' in page) == (200, True)
    own, _ = await here.guest.get("/log")
    assert own.status == 200
    assert await here.desk.house.services.accounts.log_in("rini", "") is None


async def test_an_address_alone_joins_no_account(here: Elsewhere) -> None:
    await person(here.desk.house, "rini", Role.ADMINISTRATOR)
    status, page, _ = await here.round(here.at("/login/elsewhere?next="))
    assert status == 401
    assert "belum terhubung" in page
    own, _ = await here.guest.get("/me")
    assert own.status == 303


async def test_an_account_is_joined_from_inside_and_to_one_person_only(here: Elsewhere) -> None:
    await here.guest.log_in()
    _, page = await here.guest.post("/me/join", None, csrf=here.guest.csrf)
    assert 'url=/console/login/elsewhere"' in page
    _, page, _ = await here.round(here.at("/login/elsewhere"))
    assert "done=joined" in page
    here.guest.http.cookie_jar.clear()
    status, page, _ = await here.round(here.at("/login/elsewhere?next="))
    assert (status, 'url=/console/"' in page) == (200, True)
    subject = await here.desk.house.rows("SELECT name FROM accounts WHERE subject IS NOT NULL")
    assert [tuple(row) for row in subject] == [(NAME,)]
    people = here.desk.house.services.access.people
    code = await people.invite(await administrator(here), "x@kota.example", Grant(Role.AUDITOR))
    fields = {"name": "lain", "full_name": "Lain", "language": "id"}
    status, page = await here.accept(code, fields)
    assert status == 422
    assert "sudah terhubung" in page
    assert await here.desk.house.services.accounts.log_in(NAME, PASSWORD)


async def administrator(here: Elsewhere) -> Actor:
    """Return an administrator: an invitation lasts while its maker has an account and the right."""
    given = (GrantRow(Role.ADMINISTRATOR, NATIONAL),)
    await here.desk.house.store.accounts.create(NewAccount("admin", "hash", given, "cli"))
    return Actor("admin", (Grant(Role.ADMINISTRATOR),))


async def test_a_joining_ends_with_the_session_that_began_it(here: Elsewhere) -> None:
    await here.guest.log_in()
    await here.guest.post("/me/join", None, csrf=here.guest.csrf)
    await here.desk.house.store.sessions.end_all(NAME)
    status, _, _ = await here.round(here.at("/login/elsewhere"))
    assert status == 403
    assert await here.desk.house.rows("SELECT 1 FROM accounts WHERE subject IS NOT NULL") == []


async def test_forged_and_replayed_answers_are_refused(here: Elsewhere) -> None:
    await here.guest.log_in()
    await here.guest.post("/me/join", None, csrf=here.guest.csrf)
    await here.round(here.at("/login/elsewhere"))
    here.guest.http.cookie_jar.clear()
    back = await here.leave(here.at("/login/elsewhere?next="))
    code = dict(part.split("=") for part in urlsplit(back).query.split("&"))["code"]
    for query in (f"code={code}&state=forged", f"code={code}", "", "error=access_denied"):
        answer, page = await here.guest.get(f"/login/elsewhere/back?{query}")
        assert answer.status == 400, query
        assert "tidak cocok" in page
    async with here.guest.http.get(back) as first, here.guest.http.get(back) as again:
        assert (first.status, again.status) == (200, 400)


async def test_a_provider_that_is_away_is_said(here: Elsewhere, tmp_path: Path) -> None:
    wanted = OidcSettings(
        issuer=f"http://127.0.0.1:{node.free_port()}",
        client_id=CLIENT,
        client_secret=SECRET,
        name_claim="name",
        label="Akun ASN",
    )
    inside = routes(
        replace(here.desk.house.services.access, oidc=wanted),
        here.desk.desk,
        here.desk.house.services.triage,
        public_url="http://127.0.0.1/",
        secure_cookies=False,
        clock=Clock(),
        wall=Clock(),
        who=lambda _: None,
    )
    async with served(Starlette(routes=[Mount("/console", routes=inside)])) as url:
        async with here.guest.http.get(f"{url}/console/login/elsewhere") as answer:
            assert answer.status == 502
            assert "tidak terjangkau" in await answer.text()
        async with here.guest.http.get(f"{url}/console/login") as answer:
            assert "Masuk lewat Akun ASN" in await answer.text()
