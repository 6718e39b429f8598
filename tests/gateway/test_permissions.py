"""Who may open which page and do what, written out by hand and tried over real HTTP.

A new page or act is a line of ``PAGES`` or ``POSTS``; a route without a line fails here.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from starlette.routing import BaseRoute, Mount, Route

from config.settings import OidcSettings
from config.words import words
from gateway.access.roles import Role, system
from gateway.assembly.site import sections
from gateway.portals.console.routes import routes
from gateway.store.rows import AuditEvent
from gateway.store.views import GrantRow, NewAccount
from normalizer.message import Level, Place
from tests.gateway.office import AGENCIES, Clock, Office, console, office, report

HERE = "62.01"
PEOPLE = {
    "A": GrantRow(Role.ADMINISTRATOR, "ID"),
    "O": GrantRow(Role.OPERATOR, "ID", identity=True),
    "o": GrantRow(Role.OPERATOR, "ID"),
    "R": GrantRow(Role.OPERATOR, HERE, identity=True),
    "C": GrantRow(Role.COORDINATOR, HERE),
    "F": GrantRow(Role.OFFICER, AGENCIES[0].id),
    "L": GrantRow(Role.LEADER, HERE),
    "U": GrantRow(Role.AUDITOR, "ID"),
}
"""The letters of the tables: an ``o`` may not open identities, an ``R`` is an operator of a regency
only."""
ALL = "".join(PEOPLE)
PUBLIC = "public"
"""For people who are not logged in."""
WAITING = "waiting"
"""For people whose password was right and whose two-step code is asked for, and for no one else."""
PAGES = {
    "/": "Oo",
    "/triage": "OoR",
    "/failed": "Oo",
    "/ended": "OoR",
    "/public": "OoR",
    "/find": "OoRC",
    "/reports": "OoRC",
    "/agencies": "OoRC",
    "/reports/{report_id}": "OoRC",
    "/reports/{report_id}/history": "OoRCU",
    "/files/{report_id}/{sha256}": "OoRC",
    "/exchanges/{channel}": "Oo",
    "/parts/overview": "Oo",
    "/parts/latest": "Oo",
    "/parts/menu": ALL,
    "/parts/triage": "OoR",
    "/parts/dead": "Oo",
    "/parts/quarantine": "Oo",
    "/parts/scopes": "AC",
    "/me": ALL,
    "/me/codes": ALL,
    "/accounts": "AC",
    "/accounts/{name:path}": "AC",
    "/log": "AU",
    "/inbox": "F",
    "/inbox/{report_id}": "F",
    "/inbox/{report_id}/agencies": "F",
    "/inbox/{report_id}/files/{sha256}": "F",
    "/parts/inbox": "F",
    "/parts/inbox/{report_id}": "F",
    "/figures": "AOoRCL",
    "/government": "C",
    "/government/reports/{report_id}": "C",
    "/login": PUBLIC,
    "/login/code": WAITING,
    "/begin": PUBLIC,
}
POSTS = {
    "/reports/{report_id}/assign": "OoR",
    "/reports/{report_id}/archive": "OoR",
    "/reports/{report_id}/unseal": "OR",
    "/reports/{report_id}/reopen": "OoR",
    "/reports/{report_id}/publish": "OoR",
    "/reports/{report_id}/keep-private": "OoR",
    "/reports/{report_id}/merge": "OoR",
    "/reports/{report_id}/split": "OoR",
    "/reports/{report_id}/to-triage": "OoR",
    "/reports/{report_id}/correct": "OoR",
    "/reports/{report_id}/ask": "OoR",
    "/reports/{report_id}/note": "OoR",
    "/alerts/{id}/acknowledge": "OoR",
    "/failed/replay": "Oo",
    "/quarantine/{id}/release": "Oo",
    "/quarantine/{id}/dismiss": "Oo",
    "/accounts/invite": "AC",
    "/accounts/withdraw": "AC",
    "/accounts/reset": "AC",
    "/accounts/disable": "AC",
    "/accounts/enable": "AC",
    "/accounts/codes-off": "AC",
    "/accounts/remove": "AC",
    "/accounts/grant": "AC",
    "/accounts/revoke": "AC",
    "/accounts/end-sessions": "AC",
    "/government/reports/{report_id}/hand-over": "C",
    "/government/reports/{report_id}/delegate": "C",
    "/government/reports/{report_id}/return": "C",
    "/government/reports/{report_id}/recall": "C",
    "/me/password": ALL,
    "/me/codes": ALL,
    "/me/codes/off": ALL,
    "/me/end": ALL,
    "/me/end-others": ALL,
    "/inbox/cover": "F",
    "/inbox/{report_id}/preview/{act}": "F",
    "/inbox/{report_id}/agencies/{act}": "F",
    "/inbox/{report_id}/verify": "F",
    "/inbox/{report_id}/answer": "F",
    "/inbox/{report_id}/progress": "F",
    "/inbox/{report_id}/ask": "F",
    "/inbox/{report_id}/refuse": "F",
    "/inbox/{report_id}/delegate": "F",
    "/inbox/{report_id}/assign": "F",
    "/inbox/{report_id}/copy": "F",
    "/inbox/{report_id}/note": "F",
    "/logout": ALL,
    "/logout/everywhere": ALL,
    "/login": PUBLIC,
    "/login/code": WAITING,
    "/begin": PUBLIC,
    "/begin/accept": PUBLIC,
    "/begin/password": PUBLIC,
}
WITH_PROVIDER = {
    "GET": {"/login/elsewhere": PUBLIC, "/login/elsewhere/back": PUBLIC},
    "POST": {"/begin/elsewhere": PUBLIC, "/me/join": ALL, "/me/part": ALL},
}
"""What there is only where a log-in provider is set; ``test_access_elsewhere`` tries it."""
NATIONAL = "Oo"
"""They have every report in their scope."""
EMPTY = {"/files/{report_id}/{sha256}", "/inbox/{report_id}/files/{sha256}"}
"""No report of the test has a file."""
OWN, OTHER, NEVER = report(1), report(2), report(3)
FORM = {
    "agency": AGENCIES[1].id,
    "reason": "alasan",
    "note": "",
    "unit": "Bidang",
    "name": "x",
    "text": "x",
}
VALUES = {
    "report_id": OWN.id,
    "sha256": "0" * 64,
    "channel": "sms",
    "id": "q1",
    "name:path": "pf",
    "act": "answer",
}
"""What stands in the places of a path; ``pf`` is the officer's account."""
NOT_THERE = words("console").say("refusal.no_page")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        elsewhere = Place(
            code="64.72",
            name="Kota Samarinda",
            level=Level.CITY,
            found_by="name",
            words="Samarinda",
            confidence=0.9,
        )
        made = report(2).assignment
        assert made
        away = made.model_copy(update={"agency": AGENCIES[2]})
        await desk.put(OWN, report(2, places=(elsewhere,), assignment=away))
        for letter, grant in PEOPLE.items():
            made_by = NewAccount(name_of(letter), "hash", (grant,), "cli")
            assert await desk.house.store.accounts.create(made_by)
        yield desk


def name_of(letter: str) -> str:
    """Return a person's account; names differ by more than case."""
    return f"p{letter.lower()}" if letter != "o" else "plain"


class Walker:
    """Somebody of a role who tries every door."""

    def __init__(self, desk: Office, url: str, http: aiohttp.ClientSession, letter: str) -> None:
        self._desk, self._url, self._http, self._letter = desk, url, http, letter

    async def get(self, path: str) -> tuple[int, str]:
        """Open a page in a new session."""
        headers = await self._headers()
        async with self._http.get(
            self._url + path, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str) -> tuple[int, str]:
        """Send a form that has what acts ask for, in a new session."""
        headers = await self._headers() | {"Sec-Fetch-Site": "same-origin"}
        async with self._http.post(
            self._url + path, data=FORM, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()

    async def _headers(self) -> dict[str, str]:
        if not self._letter:
            return {}
        accounts = self._desk.house.services.accounts
        token = await accounts.enter(name_of(self._letter))
        assert token
        session = await accounts.session(token)
        assert session
        return {"Cookie": f"kanal_session={token}", "X-CSRF-Token": session.csrf}


@pytest.fixture
async def walkers(desk: Office) -> AsyncIterator[dict[str, Walker]]:
    clock = Clock(still=datetime.now(UTC))
    async with console(desk, clock) as url, aiohttp.ClientSession() as http:
        yield {letter: Walker(desk, url, http, letter) for letter in ["", *PEOPLE]}


def leaves(found: Iterable[BaseRoute]) -> Iterable[Route]:
    """Walk through the mounts."""
    for each in found:
        if isinstance(each, Mount):
            yield from leaves(each.routes or ())
        elif isinstance(each, Route):
            yield each


def test_every_route_has_a_line(desk: Office) -> None:
    oidc = OidcSettings(
        issuer="https://masuk.example",
        client_id="kanal",
        client_secret="rahasia",
        name_claim="name",
        label="Akun ASN",
    )
    made = routes(
        replace(desk.house.services.access, oidc=oidc),
        desk.desk,
        desk.house.services.triage,
        public_url="http://kanal.localhost/",
        secure_cookies=False,
        clock=Clock(),
        wall=Clock(),
        who=lambda _: None,
        sections=sections(desk.house.services),
    )
    paths = {
        method: {each.path for each in leaves(made) if each.methods and method in each.methods}
        for method in ("GET", "POST")
    }
    assert paths["GET"] == {*PAGES, *WITH_PROVIDER["GET"]}
    assert paths["POST"] == {*POSTS, *WITH_PROVIDER["POST"]}


def filled(path: str, **changes: str) -> str:
    """Put values in the places of a path."""
    for name, value in (VALUES | changes).items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize("letter", PEOPLE)
async def test_pages_by_the_table(walkers: dict[str, Walker], letter: str) -> None:
    wrong = []
    for path, allowed in PAGES.items():
        status, page = await walkers[letter].get(filled(path))
        if allowed == WAITING:
            wrong += [] if status == 303 else [(path, status)]
            continue
        if path == "/" and letter not in allowed:
            wrong += [] if status == 303 else [(path, status)]  # on to their own first page
            continue
        refused = status == 404 and NOT_THERE in page
        may = allowed == PUBLIC or letter in allowed
        if refused == may or (may and status in (401, 403, 500)):
            wrong.append((path, status))
    assert wrong == []


@pytest.mark.parametrize("letter", PEOPLE)
async def test_acts_by_the_table(walkers: dict[str, Walker], letter: str) -> None:
    wrong = []
    for path, allowed in POSTS.items():
        status, page = await walkers[letter].post(filled(path))
        if allowed == WAITING:
            wrong += [] if status == 403 else [(path, status)]
            continue
        refused = status == 404 and NOT_THERE in page
        may = allowed == PUBLIC or letter in allowed
        if refused == may or (may and path != "/login" and status in (401, 403, 500)):
            wrong.append((path, status))
    assert wrong == []


async def test_nothing_is_open_to_people_who_are_not_logged_in(walkers: dict[str, Walker]) -> None:
    for path, allowed in PAGES.items():
        status, _ = await walkers[""].get(filled(path))
        assert status == (200 if allowed == PUBLIC else 303), path
    for path, allowed in POSTS.items():
        status, _ = await walkers[""].post(filled(path))
        assert (status == 403) == (allowed != PUBLIC), path


@pytest.mark.parametrize("letter", "OoRCF")
async def test_a_report_of_another_scope_is_not_there(
    walkers: dict[str, Walker], letter: str
) -> None:
    """What is outside is answered like what never was."""
    walker, wrong = walkers[letter], []
    for table, knock in ((PAGES, walker.get), (POSTS, walker.post)):
        for path, allowed in table.items():
            if "{report_id}" not in path or letter not in allowed or path in EMPTY:
                continue
            own, other, never = [
                (await knock(filled(path, report_id=id)))[0] for id in (OWN.id, OTHER.id, NEVER.id)
            ]
            hidden = letter not in NATIONAL
            seen = table is POSTS or (other == 200) != hidden
            if own == 404 or never not in (404, 409) or not seen or (hidden and other != never):
                wrong.append((path, own, other, never))
    assert wrong == []


async def test_an_auditor_reads_who_did_what_and_no_text(
    desk: Office, walkers: dict[str, Walker]
) -> None:
    await desk.desk.corrections.note(OWN.id, text="kata internal", actor=system("rini"))
    await desk.desk.unseal(OWN.id, reason="dijemput petugas", actor=system("budi"))
    said = AuditEvent(
        "agency_replied",
        f"agency:{AGENCIES[0].id}",
        note="kata instansi",
        data={"kind": "answer", "text": "kata instansi"},
    )
    async with desk.house.store.unit() as unit:
        stored = await unit.reports.by_id(OWN.id, lock=True)
        assert stored
        unit.reports.change(stored, stored.report, [said])
    path = f"/reports/{OWN.id}/history"
    status, page = await walkers["U"].get(path)
    assert status == 200
    for shown in ("rini", "budi", "dijemput petugas", AGENCIES[0].name, "Log utuh"):
        assert shown in page, shown
    for hidden in (OWN.text, OWN.title, "kata internal", "kata instansi", f'{OWN.id}"'):
        assert hidden not in page, hidden
    _, page = await walkers["C"].get(path)
    assert "dijemput petugas" not in page, "whose identity was opened is for operators and auditors"
    _, page = await walkers["O"].get(path)
    assert f'/reports/{OWN.id}"' in page, "who may read the report goes on to it"
