"""What people may not learn or do beside what their pages show, and addresses that mean nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.access.people import AccountError
from gateway.access.roles import Actor, Grant, Role
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.replies import files_data
from gateway.media.access import NoFile
from gateway.store.rows import AuditEvent
from gateway.store.search import words_of
from gateway.store.views import GrantRow, NewAccount
from gateway.wire.events import for_agency
from normalizer.report import Outcome, Recusal, Status, StatusChange
from normalizer.tracking import format_number
from tests.gateway.making import House
from tests.gateway.office import (
    AGENCIES,
    PASSWORD,
    Clock,
    Office,
    _hash,
    assignment,
    console,
    report,
)
from tests.gateway.pictures import photo
from tests.gateway.test_console import Visitor

DISHUB, PU, PDAM = AGENCIES[:3]
SAID = "Nama saya Sri Wahyuni. Lampu jalan mati di depan pasar."
FAR = "9999-12-31T23:59:59-23:59~a"
STRANGE: tuple[tuple[str, dict[str, str]], ...] = (
    ("/reports", {"after": FAR}),
    ("/reports", {"before": "0001-01-01T00:00:00+14:00~a"}),
    ("/inbox", {"after": f"9~{FAR}"}),
    ("/parts/inbox", {"after": f"9~{FAR}", "unit": "\0"}),
    ("/log", {"until": "9999-12-31"}),
    ("/log", {"since": "0001-01-01"}),
    ("/log", {"account": "\0"}),
    ("/accounts", {"q": "a\0b"}),
    ("/government", {"agency": "\0"}),
    ("/triage", {"after": "\0"}),
    ("/reports/%00", {}),
    ("/inbox/%00/files/%00", {}),
)


@pytest.fixture
async def desk(house: House) -> Office:
    return Office(house)


@asynccontextmanager
async def logged_in(desk: Office, name: str, *given: GrantRow) -> AsyncIterator[Visitor]:
    made = NewAccount(name, _hash(), given, "cli")
    assert await desk.house.store.accounts.create(made)
    jar = aiohttp.CookieJar(unsafe=True)
    async with console(desk, Clock()) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
        visitor = Visitor(url, http)
        response, _ = await visitor.post("/login", name=name, password=PASSWORD)
        assert response.status == 303
        yield visitor


async def test_an_address_or_a_form_that_means_nothing_is_no_failure(desk: Office) -> None:
    given = (
        GrantRow(Role.ADMINISTRATOR, "ID"),
        GrantRow(Role.OPERATOR, "ID"),
        GrantRow(Role.COORDINATOR, "62.01"),
        GrantRow(Role.OFFICER, DISHUB.id),
    )
    one = report(1)
    await desk.put(one)
    async with logged_in(desk, "rini", *given) as rini:
        for path, asked in STRANGE:
            address = f"{rini.url}{path}"
            async with rini.http.get(address, params=asked, allow_redirects=False) as response:
                assert response.status < 500, (path, asked)
        _, page = await rini.get("/failed")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf
        response, _ = await rini.post("/failed/replay", csrf=csrf[1], id="9" * 20)
        assert response.status == 422
        path = f"/reports/{one.id}/note"
        response, _ = await rini.post(path, csrf=csrf[1], text="a\0b", version="2\0")
        assert response.status == 303
        assert await desk.acts("operator_noted") == [(one.id, "rini", "")]


async def test_a_coordinator_reads_no_more_of_an_anonymous_report_than_its_agency(
    lite: House,
) -> None:
    desk, other = Office(lite), report(9)
    note = StatusChange(
        status=Status.FORWARDED, at=other.received_at, by="x", note=format_number(other.tracking)
    )
    hidden = report(1, anonymous=True, title="", text=SAID, original=SAID, history=(note,))
    await desk.put(hidden)
    async with logged_in(desk, "rini", GrantRow(Role.COORDINATOR, "62.01")) as rini:
        for path in ("/government", f"/government/reports/{hidden.id}", f"/reports/{hidden.id}"):
            response, page = await rini.get(path)
            assert response.status == 200
            assert "mati di depan pasar" in page
            assert "Wahyuni" not in page
            assert format_number(other.tracking) not in page
    assert "wahyuni" not in words_of(hidden)
    assert not for_agency(hidden).history[0].note


async def test_a_recalled_report_stays_with_the_government_that_had_it(lite: House) -> None:
    desk = Office(lite)
    made = assignment(Outcome.ASSIGN, lite.clock(), PDAM, 0.9)
    await desk.put(report(1, assignment=made))
    both = Actor("rini", (Grant(Role.COORDINATOR, "62.01"), Grant(Role.COORDINATOR, "64.72")))
    found = await lite.services.coordinators.recall(report(1).id, actor=both, reason="tak dibaca")
    assert found.escalated_to == "64.72"


async def test_of_two_coordinators_at_once_one_hands_over(lite: House) -> None:
    desk, one = Office(lite), report(1)
    await desk.put(one)
    rini = Actor("rini", (Grant(Role.COORDINATOR, "62.01"),))
    act = lite.services.coordinators
    version = (await act.report(one.id, actor=rini)).version
    await act.delegate(one.id, actor=rini, unit="UPTD", version=version)
    with pytest.raises(Conflict) as late:
        await act.hand_over(
            one.id, actor=rini, agency_id=PU.id, reason="bukan kami", version=version
        )
    assert late.value.code is ConflictCode.OUTDATED


async def test_what_accuses_one_of_two_agencies_shows_its_officer_no_file(lite: House) -> None:
    desk = Office(lite)
    accused = (Recusal(office="dinas", name="Dinas", agencies=(PU.id,)),)
    await desk.put(report(1, recusals=accused))
    kept = await lite.services.officers.store_photo(photo())
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(report(1).id, lock=True)
        assert stored
        data: dict[str, object] = {"text": "Sudah.", "files": files_data([kept])}
        said = AuditEvent("agency_replied", f"agency:{DISHUB.id}", data=data)
        unit.reports.change(stored, stored.report, [said])
    show = lite.services.files.for_officer
    assert await show(report(1).id, kept.sha256, agencies={DISHUB.id}, by="rini")
    with pytest.raises(NoFile):
        await show(report(1).id, kept.sha256, agencies={DISHUB.id, PU.id}, by="rini")


async def test_an_invitation_ends_with_the_right_of_whoever_made_it(lite: House) -> None:
    store = lite.store
    given = (GrantRow(Role.COORDINATOR, "62.01"), GrantRow(Role.LEADER, "62.01"))
    assert await store.accounts.create(NewAccount("rini", _hash(), given, "cli"))
    people = lite.services.access.people
    rini = Actor("rini", (Grant(Role.COORDINATOR, "62.01"),))
    token = await people.invite(rini, "budi@dishub.example", Grant(Role.OFFICER, DISHUB.id))
    assert await people.link(token)
    await store.accounts.revoke("rini", given[0])
    with pytest.raises(AccountError):
        await people.link(token)
    with pytest.raises(AccountError):
        await people.accept(
            token, "budi", "panjang sekali 4711", full_name="", email="", language="id"
        )
