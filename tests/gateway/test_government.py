"""The coordinator of a government over real HTTP: what they see, what they do, and what is not."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import insert

from gateway.access.roles import Actor, Grant, Role, system
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.store.coordination import GovernmentFilter
from gateway.store.tables import deliveries
from gateway.store.views import GrantRow, NewAccount
from gateway.wire.events import ASSIGNED, WITHDRAWN
from normalizer.report import Agency, AgencyRefusal, Outcome, Recusal, Report, Status
from tests.gateway.making import House
from tests.gateway.office import (
    AGENCIES,
    PASSWORD,
    Clock,
    Office,
    _hash,
    assignment,
    console,
    office,
    report,
    unsure,
)
from tests.gateway.test_console import Visitor
from tests.gateway.test_figures import put, row

DISHUB, PU = AGENCIES[0], AGENCIES[1]
RINI = Actor("rini", (Grant(Role.COORDINATOR, "62.01"),))
HOME = "/government"
ACTS = ("hand-over", "delegate", "return", "recall")


def at(number: int, agency: Agency, **changes: Any) -> Report:
    """Build a report that is with an agency."""
    made = assignment(Outcome.ASSIGN, datetime.now(UTC), agency, 0.9)
    return report(number, assignment=made, **changes)


OURS, THEIRS = at(1, DISHUB), at(2, AGENCIES[2])
ACCUSED = at(
    3,
    PU,
    recusals=(Recusal(office="dinas", name="Dinas", agencies=("6201-dinas-pendidikan",)),),
)
RAISED = at(4, AGENCIES[2], escalated_to="62.01")
OUTSIDE = (THEIRS, ACCUSED, unsure(5))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        for name, scope in (("rini", "62.01"), ("budi", "62")):
            given = (GrantRow(Role.COORDINATOR, scope),)
            assert await desk.house.store.accounts.create(NewAccount(name, _hash(), given, "cli"))
        await desk.put(OURS, RAISED, *OUTSIDE)
        yield desk


@asynccontextmanager
async def logged_in(desk: Office, name: str) -> AsyncIterator[Visitor]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        console(desk, Clock()) as url,
        aiohttp.ClientSession(cookie_jar=jar) as http,
    ):
        visitor = Visitor(url, http)
        response, _ = await visitor.post("/login", name=name, password=PASSWORD)
        assert response.status == 303
        yield visitor


async def act(visitor: Visitor, report: Report, what: str, **fields: str) -> tuple[Any, str]:
    """Press a button of the page of a report, as a browser without script does."""
    path = f"{HOME}/reports/{report.id}"
    _, page = await visitor.get(path)
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    state = re.search(r'name="state" value="([^"]+)"', page)
    given = {"csrf": csrf[1] if csrf else "", "state": state[1] if state else ""}
    return await visitor.post(f"{path}/{what}", **(given | fields))


async def test_a_coordinator_sees_the_government_and_what_came_to_it_alone(desk: Office) -> None:
    async with logged_in(desk, "rini") as rini:
        response, page = await rini.get(HOME)
        assert response.status == 200
        assert "Kabupaten Kotawaringin Barat" in page
        for each in (OURS, RAISED):
            assert f"{HOME}/reports/{each.id}" in page
            assert (await rini.get(f"{HOME}/reports/{each.id}"))[0].status == 200
        for each in OUTSIDE:
            assert each.id not in page
            response, body = await rini.get(f"{HOME}/reports/{each.id}")
            assert response.status == 404
            assert each.tracking not in body


async def test_no_act_reaches_what_lies_outside(desk: Office) -> None:
    async with logged_in(desk, "rini") as rini:
        _, page = await rini.get(f"{HOME}/reports/{OURS.id}")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf
        fields = {"csrf": csrf[1], "agency": PU.id, "reason": "salah alamat", "unit": "UPTD"}
        before = await desk.state()
        for each in OUTSIDE:
            for what in ACTS:
                response, _ = await rini.post(f"{HOME}/reports/{each.id}/{what}", **fields)
                assert response.status == 404, (each.id, what)
        assert await desk.state() == before


async def test_other_people_have_no_such_page(desk: Office) -> None:
    given = (GrantRow(Role.OFFICER, DISHUB.id),)
    assert await desk.house.store.accounts.create(NewAccount("sari", _hash(), given, "cli"))
    async with logged_in(desk, "sari") as sari:
        for path in (HOME, f"{HOME}/reports/{OURS.id}"):
            assert (await sari.get(path))[0].status == 404


async def test_agencies_without_a_reader_stand_first_with_an_invitation(desk: Office) -> None:
    await desk.put(at(6, PU), at(7, PU))
    async with logged_in(desk, "rini") as rini:
        _, page = await rini.get(HOME)
        invite = "/console/accounts?role=officer&amp;scope="
        assert page.index(f"{invite}{PU.id}") < page.index(f"{invite}{DISHUB.id}")
        given = (GrantRow(Role.OFFICER, PU.id),)
        assert await desk.house.store.accounts.create(NewAccount("sari", _hash(), given, "cli"))
        _, page = await rini.get(HOME)
        assert f"{invite}{PU.id}" not in page
        assert f"{invite}{DISHUB.id}" in page


async def test_a_report_is_handed_over_and_its_reporter_told_once(desk: Office) -> None:
    await desk.write(OURS)
    async with logged_in(desk, "rini") as rini:
        response, page = await rini.get(f"{HOME}/reports/{OURS.id}?q=pekerjaan+umum")
        assert f'value="{PU.id}"' in page
        assert AGENCIES[2].id not in page, "of another government"
        response, page = await act(rini, OURS, "hand-over", agency=PU.id)
        assert response.status == 422, "a reason is wanted"
        response, _ = await act(
            rini, OURS, "hand-over", agency=AGENCIES[2].id, reason="bukan kewenangan"
        )
        assert response.status == 409, "an agency of another government"
        response, _ = await act(rini, OURS, "hand-over", agency=PU.id, reason="jalan kabupaten")
        assert response.status == 303
        location = response.headers["Location"]
        assert location == f"/console{HOME}/reports/{OURS.id}?done=handed_over"
        _, page = await rini.get(location.removeprefix("/console"))
        assert "Pelapor sudah dikabari" in page
        stale = {"state": f"forwarded {DISHUB.id}", "agency": DISHUB.id, "reason": "ulang"}
        response, _ = await act(rini, OURS, "hand-over", **stale)
        assert response.status == 409, "it was decided on what is no more"
    file = await desk.desk.report(OURS.id, actor=system("sari"))
    assert file is not None
    assert file.report.assignment is not None
    assert file.report.assignment.agency == PU
    assert await desk.acts("handed_over") == [(OURS.id, "rini", "jalan kabupaten")]
    sent = [(each.agency_id, each.event) for each in file.deliveries[1:]]
    assert set(sent) == {(DISHUB.id, WITHDRAWN), (PU.id, ASSIGNED)}
    told = [each for each in file.notifications if PU.name in each.text]
    assert len(told) == 1


async def test_what_is_not_ours_goes_back_to_the_operators(desk: Office) -> None:
    async with logged_in(desk, "rini") as rini:
        response, _ = await act(rini, OURS, "return", reason="jalan nasional")
        assert response.headers["Location"] == f"/console{HOME}?done=returned"
        assert (await rini.get(f"{HOME}/reports/{OURS.id}"))[0].status == 404
    now = await desk.report(OURS.id)
    assert (now.status, now.escalated_to) == (Status.TRIAGE, "")
    assert await desk.acts("returned") == [(OURS.id, "rini", "jalan nasional")]


async def test_what_is_taken_back_stays_in_the_coordinators_list(desk: Office) -> None:
    async with desk.house.store.unit() as unit:
        unit.deliveries.add("d1", OURS, DISHUB.id, ASSIGNED)
    async with desk.house.store.unit() as unit:
        await unit.deliveries.place(["d1"], "inbox", reached="placed")
    async with logged_in(desk, "rini") as rini:
        response, _ = await act(rini, OURS, "recall", reason="dua minggu tidak dibaca")
        assert response.headers["Location"].endswith("?done=recalled")
        file = await desk.desk.report(OURS.id, actor=system("sari"))
        assert file is not None
        assert (file.report.status, file.report.escalated_to) == (Status.TRIAGE, "62.01")
        found = {(each.event, each.state) for each in file.deliveries}
        assert found == {(ASSIGNED, "withdrawn"), (WITHDRAWN, "pending")}
        response, _ = await act(rini, OURS, "hand-over", agency=PU.id, reason="punya petugas")
        assert response.status == 303
    now = await desk.report(OURS.id)
    assert (now.status, now.escalated_to) == (Status.FORWARDED, "")


async def test_a_unit_is_named_and_a_coordinators_waiting_ends(desk: Office) -> None:
    async with logged_in(desk, "rini") as rini:
        response, _ = await act(rini, RAISED, "delegate", unit="  UPTD   Barat ")
        assert response.status == 303
    now = await desk.report(RAISED.id)
    assert now.handler is not None
    assert (now.handler.unit, now.escalated_to) == ("UPTD Barat", "")


async def test_an_accused_agency_is_neither_offered_nor_accepted(desk: Office) -> None:
    accused = at(8, DISHUB, recusals=(Recusal(office="x", name="X", agencies=("pln",)),))
    await desk.put(accused)
    service = desk.house.services.coordinators
    national = Actor("dewi", (Grant(Role.COORDINATOR, "ID"), Grant(Role.COORDINATOR, "62.01")))
    with pytest.raises(Conflict) as caught:
        await service.hand_over(accused.id, actor=national, agency_id="pln", reason="listrik")
    assert caught.value.code is ConflictCode.NO_REPORT, "it accuses an office of the country's"
    accused = at(9, DISHUB, recusals=(Recusal(office="x", name="X", agencies=("6472-pdam",)),))
    await desk.put(accused)
    both = Actor("dewi", (Grant(Role.COORDINATOR, "62.01"),))
    with pytest.raises(Conflict) as caught:
        await service.hand_over(accused.id, actor=both, agency_id="6472-pdam", reason="air")
    assert caught.value.code is ConflictCode.NO_AGENCY


async def test_filters_and_pages(desk: Office) -> None:
    now = datetime.now(UTC)
    many = [at(20 + n, PU, received_at=now - timedelta(hours=n)) for n in range(30)]
    refused = AgencyRefusal(agency=PU, at=now, why="bukan kami")
    await desk.put(*many, at(60, DISHUB, refusals=(refused,)), at(61, PU, status=Status.ANSWERED))
    service = desk.house.services.coordinators
    assert (await service.page(RINI, GovernmentFilter(), 1)).total == 34
    page = await service.page(RINI, GovernmentFilter(agency=PU.id, status="forwarded"), 2)
    assert (page.total, page.last, len(page.reports)) == (30, 2, 5)
    assert (await service.page(RINI, GovernmentFilter(refused=True), 1)).total == 1
    assert (await service.page(RINI, GovernmentFilter(escalated=True), 1)).total == 1
    assert (await service.page(RINI, GovernmentFilter(status="ended"), 1)).total == 0
    async with logged_in(desk, "rini") as rini:
        _, page_html = await rini.get(f"{HOME}?agency={PU.id}&status=forwarded&page=2")
        assert "Halaman 2 dari 2" in page_html
        assert f"{HOME}?status=forwarded&amp;agency={PU.id}&amp;page=1#reports" in page_html
        assert (await rini.get(f"{HOME}?page=99999999&status=x"))[0].status == 200


BODY = OURS.model_dump_json()


@pytest.fixture
async def full(house: House) -> House:
    """A gateway with 20,000 reports at 40 agencies of one government, a third of them unread."""
    now, states = house.clock.at, ("forwarded", "in_progress", "answered", "closed_by_system")
    rows, placed = [], []
    for number in range(20_000):
        moment = now - timedelta(minutes=26 * number)
        state, agency = states[number % 4], f"6201-dinas-{number % 40}"
        ended = moment if state.startswith("closed") else None
        body = BODY
        made = row(number, moment, status=state, agency_id=agency, ended_at=ended, body=body)
        rows.append(made | {"due_on": "2025-01-01" if number % 9 else None})
        placed.append(
            {
                "id": made["id"],
                "report_id": made["id"],
                "agency_id": agency,
                "event": "",
                "method": "inbox",
                "state": "placed",
                "detail": "",
                "created_at": moment,
                "placed_at": moment,
                "waits_since": moment if number % 4 == 0 else None,
            }
        )
    await put(house, rows)
    async with house.store.database.write() as connection:
        for begin in range(0, len(placed), 1000):
            await connection.execute(insert(deliveries), placed[begin : begin + 1000])
    return house


async def test_a_government_of_twenty_thousand_reports_is_counted_whole(full: House) -> None:
    view = await full.services.coordinators.overview(RINI)
    assert (view.open, view.unread) == (15_000, 5_000)
    assert len(view.without_reader) == 30
