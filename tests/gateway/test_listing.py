"""The list of all reports: what its filters leave, in which order, to whom, and page by page."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from gateway.access.roles import Actor, Grant, Role
from gateway.casework import browsing
from gateway.casework.browsing import ReportListing
from gateway.portals.http.dates import WIB
from gateway.store.listing import SORTS, ListFilter, place_of
from gateway.store.rows import AuditEvent
from gateway.store.scope import AccessScope
from normalizer.message import Level, Urgency
from normalizer.report import (
    AgencyRefusal,
    Deadline,
    Outcome,
    Report,
    Status,
    Topic,
)
from tests.gateway.making import House
from tests.gateway.office import (
    AGENCIES,
    Clock,
    Office,
    assignment,
    console,
    office,
    place,
    report,
    unsure,
)
from tests.gateway.test_access import log_in, person
from tests.gateway.test_console import Visitor

EVERYWHERE = Actor("rini", (Grant(Role.OPERATOR),))


@pytest.fixture
async def filed(house: House) -> House:
    """File reports of many kinds, each an hour after the other; the last is the newest."""
    now = house.clock()
    dishub, pu, pdam = AGENCIES[0], AGENCIES[1], AGENCIES[2]
    kumai = place().model_copy(
        update={"code": "62.01.01", "name": "Kecamatan Kumai", "level": Level.DISTRICT}
    )
    samarinda = place().model_copy(update={"code": "64.72", "name": "Kota Samarinda"})
    refusals = tuple(AgencyRefusal(agency=each, at=now, why="bukan kami") for each in (pu, dishub))
    late = (Deadline(name="first_response", due=(now - timedelta(days=3)).date()),)
    soon = (Deadline(name="first_response", due=(now + timedelta(days=5)).date()),)
    changes: tuple[dict[str, Any], ...] = (
        {"deadlines": late, "received_at": now - timedelta(days=40)},
        {"status": Status.WAITING_FOR_REPORTER, "assignment": None},
        {"topic": Topic(id="penerangan-jalan", name="Penerangan jalan", confidence=0.9)},
        {"urgency": Urgency(id="kebakaran", name="Kebakaran")},
        {"status": Status.CLOSED_BY_REPORTER},
        {"places": (kumai,), "assignment": assignment(Outcome.ASSIGN, now, pu, 0.8)},
        {"places": (samarinda,), "assignment": assignment(Outcome.ASSIGN, now, pdam, 0.8)},
        {"refusals": refusals, "deadlines": soon},
        {"escalated_to": "62.01", "status": Status.IN_PROGRESS},
    )
    async with house.store.unit() as unit:
        for number, change in enumerate(changes):
            at = now - timedelta(minutes=50 - number)
            make = unsure if change.get("status") is Status.TRIAGE else report
            made = make(number, **{"received_at": at} | change)
            unit.reports.add(made, made.id, [AuditEvent("received", "sms")])
            if number == 2:
                unit.deliveries.add("d2", made, dishub.id, "id.go.kanal.report.assigned.v1")
    async with house.store.unit() as unit:
        await unit.deliveries.place(["d2"], "inbox", reached="placed")
    return house


async def listed(house: House, asked: dict[str, str], actor: Actor = EVERYWHERE) -> ReportListing:
    browser = house.services.browser
    return await browser.listing(actor, asked, after="", before="", number=1)


def numbers(found: ReportListing) -> list[int]:
    return [int(row.report.id[:8], 16) for row in found.rows]


async def test_filters_leave_what_they_say(filed: House) -> None:
    expected: tuple[tuple[dict[str, str], list[int]], ...] = (
        ({}, [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"sort": "oldest"}, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ({"sort": "due"}, [0, 7, 8]),
        ({"state": "open"}, [8, 7, 6, 5, 3, 2, 1, 0]),
        ({"state": "waiting"}, [1]),
        ({"state": "done"}, [4]),
        ({"state": "at_agency"}, [8, 7, 6, 5, 3, 2, 0]),
        ({"state": "in_progress"}, [8]),
        ({"state": "no such state"}, [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"region": "64.72"}, [6]),
        ({"region": "Samarinda"}, [6]),
        ({"region": "kobar", "state": "waiting"}, [1]),
        ({"region": "62.01.01"}, [5]),
        ({"region": "62"}, [8, 7, 5, 4, 3, 2, 1, 0]),
        ({"region": "negeri dongeng"}, []),
        ({"agency": "6472-pdam"}, [6]),
        ({"agency": "pupr kobar"}, [5]),
        ({"agency": "tidak ada begitu"}, []),
        ({"topic": "penerangan-jalan"}, [2]),
        ({"channel": "sms", "region": "64.72"}, [6]),
        ({"channel": "email"}, []),
        ({"urgent": "1"}, [3]),
        ({"overdue": "1"}, [0]),
        ({"unread": "1"}, [2]),
        ({"refused": "1"}, [7]),
        ({"escalated": "1"}, [8]),
        ({"urgent": "1", "overdue": "1"}, []),
    )
    for asked, wanted in expected:
        found = await listed(filed, asked)
        assert (numbers(found), found.total) == (wanted, len(wanted)), asked
    assert [row.is_unread for row in (await listed(filed, {})).rows].count(True) == 1


async def test_today_begins_at_midnight_in_western_indonesia(filed: House) -> None:
    found = await listed(filed, {"today": "1"})
    day = filed.clock().astimezone(WIB).date()
    assert all(row.report.received_at.astimezone(WIB).date() == day for row in found.rows)
    assert 0 not in numbers(found)


async def test_a_scope_shows_its_own_and_nothing_else(filed: House) -> None:
    kobar = Actor("budi", (Grant(Role.OPERATOR, "62.01"),))
    samarinda = Actor("sari", (Grant(Role.OPERATOR, "64.72"),))
    pdam = Actor("joko", (Grant(Role.OPERATOR, "6472-pdam"),))
    blind = Actor("ani", (Grant(Role.LEADER),))
    assert numbers(await listed(filed, {}, kobar)) == [8, 7, 5, 4, 3, 2, 1, 0]
    assert numbers(await listed(filed, {}, samarinda)) == [6]
    assert numbers(await listed(filed, {}, pdam)) == [6]
    assert numbers(await listed(filed, {"region": "62.01"}, samarinda)) == []
    assert numbers(await listed(filed, {}, blind)) == []
    for actor, sees in ((kobar, False), (samarinda, True), (pdam, True), (blind, False)):
        found = await filed.services.browser.locate(actor, report(6).tracking)
        assert (found == report(6).id) is sees


async def test_pages_lead_on_and_back_without_gaps(
    filed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "PAGE", 4)
    browser = filed.services.browser
    for sort in ("newest", "oldest"):
        seen, after, pages = list[int](), "", []
        while True:
            found = await browser.listing(
                EVERYWHERE, {"sort": sort}, after=after, before="", number=len(seen) + 1
            )
            assert (found.total, found.number) == (9, len(seen) + 1)
            pages.append(found)
            seen += numbers(found)
            if not (after := found.after):
                break
        assert seen == sorted(range(9), reverse=sort == "newest")
        back = await browser.listing(
            EVERYWHERE, {"sort": sort}, after="", before=pages[2].before, number=5
        )
        assert back.rows == pages[1].rows
        first = await browser.listing(
            EVERYWHERE, {"sort": sort}, after="", before=back.before, number=1
        )
        assert (first.rows, first.before, bool(first.after)) == (pages[0].rows, "", True)


@pytest.mark.parametrize(
    "written",
    ["", "~", "x~y", "2026-01-01", "2026-01-01~", "2026-01-01~\0", "99999-01-01~a", "~" * 9_999,
     "2026-01-01T00:00:00~' OR 1=1", "2026-01-01~" + "a" * 37],
)  # fmt: skip
def test_what_is_no_place_is_none(written: str) -> None:
    assert place_of(written) is None


PLANS = (
    (ListFilter(), "newest"),
    (ListFilter(state="triage"), "newest"),
    (ListFilter(agencies=("6201-dinas-pu",)), "oldest"),
    (ListFilter(regions=("62.01",)), "newest"),
    (ListFilter(urgent=True), "newest"),
    (ListFilter(overdue=True), "due"),
    (ListFilter(refused=True), "newest"),
)


async def test_no_list_that_is_asked_for_often_reads_every_report(house: House) -> None:
    """The database is told to avoid a full scan, and must know how."""
    scope = AccessScope(everywhere=True)
    async with house.store.database.read() as connection:
        if house.store.database.is_sqlite:
            explain = "EXPLAIN QUERY PLAN "
        else:
            explain = "EXPLAIN "
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for wanted, sort in PLANS:
            assert sort in SORTS
            query = house.store.listing.rows(scope, wanted, "2026-11-30", sort).limit(51)
            written = query.compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            plan = (
                await connection.exec_driver_sql(explain + str(written).replace("%", "%%"))
            ).all()
            said = "\n".join(str(row) for row in plan)
            assert re.search(r"ix_reports_\w+", said), (wanted, said)
            assert "Seq Scan on reports" not in said, (wanted, said)


# The page


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        yield desk


@pytest.fixture
async def guest(desk: Office) -> AsyncIterator[Visitor]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        console(desk, Clock(still=datetime.now(UTC))) as url,
        aiohttp.ClientSession(cookie_jar=jar) as http,
    ):
        yield Visitor(url, http)


def many(count: int) -> list[Report]:
    now = datetime.now(UTC)
    return [report(n, received_at=now - timedelta(minutes=n)) for n in range(count)]


async def test_the_page_says_how_many_there_are_and_leads_on(desk: Office, guest: Visitor) -> None:
    await desk.put(*many(51))
    await person(desk.house, "rini", Role.OPERATOR)
    await log_in(desk, guest, "rini")
    _, page = await guest.get("/reports")
    assert page.count('class="goto"') == 50
    assert "1–50 dari 51" in page
    (address,) = set(re.findall(r'rel="next" href="/console(/reports[^"]+)"', page))
    _, page = await guest.get(address.replace("&amp;", "&"))
    assert page.count('class="goto"') == 1
    assert "51–51 dari 51" in page
    (address,) = set(re.findall(r'rel="prev" href="/console(/reports[^"]+)"', page))
    _, page = await guest.get(address.replace("&amp;", "&"))
    assert "1–50 dari 51" in page
    _, page = await guest.get("/reports?state=triage&lang=en")
    assert "No report fits" in page


async def test_what_was_asked_for_stays_on_the_page(desk: Office, guest: Visitor) -> None:
    await desk.put(*many(1))
    await person(desk.house, "budi", Role.OPERATOR, "62.01")
    await log_in(desk, guest, "budi")
    asked = {"q": '"<b>lampu', "region": "kobar", "agency": "dishub", "urgent": "1"}
    response, page = await guest.get(f"/reports?{urlencode(asked)}")
    assert response.status == 200
    assert page.count('value="&#34;&lt;b&gt;lampu"') == 2
    assert "<b>lampu" not in page
    assert 'value="kobar"' in page
    assert "Dibaca sebagai: Kabupaten Kotawaringin Barat" in page
    assert 'name="urgent" value="1" checked' in page
    assert "Tidak ada laporan yang cocok" in page


async def test_who_may_not_read_has_no_list(desk: Office, guest: Visitor) -> None:
    await person(desk.house, "ani", Role.LEADER)
    await log_in(desk, guest, "ani")
    for path in ("/reports", "/find?q=1"):
        response, _ = await guest.get(path)
        assert response.status == 404
