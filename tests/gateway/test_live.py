"""Pages that keep themselves fresh: what changed since, whose it is, and what it costs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.access.roles import Actor, Grant, Role
from gateway.casework.triage import PAGE, LiveMark
from gateway.portals.console.labels import Labels
from gateway.portals.http.dates import zone_of
from normalizer.message import Urgency
from normalizer.report import Outcome, Report, Status
from tests.gateway.making import ROAD, House, note
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
from tests.gateway.test_console import HTMX, Visitor

HERE = Actor("rini", (Grant(Role.OPERATOR, "62.01"),))
THERE = Actor("budi", (Grant(Role.OPERATOR, "64"),))
FIRE = Urgency(id="fire", name="kebakaran")


def _ids(cards: list[Any]) -> list[str]:
    return [each.report.id for each in cards]


def _given(of: Report, by: str = "rini") -> Report:
    at = datetime.now(UTC)
    moved = of.model_copy(update={"assignment": assignment(Outcome.ASSIGN, at, AGENCIES[1], 1.0)})
    return moved.with_status(Status.FORWARDED, at=at, by=by, note=AGENCIES[1].name)


async def test_a_page_hears_of_each_change_once(house: House) -> None:
    desk, triage = Office(house), house.services.triage
    first, second = unsure(2), unsure(3)
    await desk.put(report(1), first)
    page = await triage.page(HERE)
    assert (_ids(page.cards), page.total, page.after) == ([first.id], 1, "")
    mark, news = await triage.news(HERE, page.mark)
    assert news is None, "what the page shows is no news"
    await desk.put(second, report(4))
    mark, news = await triage.news(HERE, mark)
    assert news
    assert second.id in _ids(news.waiting)
    assert report(4).id not in _ids(news.waiting + news.gone), "it never waited"
    mark, news = await triage.news(HERE, mark)
    assert news is None
    await desk.put(_given(first))
    mark, news = await triage.news(HERE, mark)
    assert news
    assert (_ids(news.gone), news.total) == ([first.id], 1)


async def test_a_late_commit_is_still_news(house: House) -> None:
    desk, triage = Office(house), house.services.triage
    await desk.put(unsure(2))
    page = await triage.page(HERE)
    later = LiveMark(page.mark.since + 3, page.mark.seen)
    await desk.put(unsure(3))
    _, news = await triage.news(HERE, later)
    assert news
    assert unsure(3).id in _ids(news.waiting)


async def test_nobody_hears_of_what_is_not_theirs(house: House) -> None:
    desk, triage = Office(house), house.services.triage
    page = await triage.page(THERE)
    await desk.put(unsure(2), _given(unsure(3)))
    assert (await triage.news(THERE, page.mark))[1] is None
    assert (await triage.page(THERE)).total == 0
    assert await triage.one(THERE, unsure(2).id) is None
    assert (await triage.page(HERE)).total == 1


async def test_urgent_ones_come_first_then_the_oldest_page_by_page(house: House) -> None:
    desk, triage = Office(house), house.services.triage
    start = datetime.now(UTC) - timedelta(days=3)
    made = [
        unsure(
            n, received_at=start + timedelta(minutes=n % 40), urgency=FIRE if n % 30 == 7 else None
        )
        for n in range(2, PAGE + 12)
    ]
    await desk.put(*made)
    wanted = sorted(made, key=lambda r: (r.urgency is None, r.received_at, r.id))
    one = await triage.page(HERE)
    two = await triage.page(HERE, one.after)
    assert _ids(one.cards) + _ids(two.cards) == [each.id for each in wanted]
    assert (len(one.cards), one.total, two.total, two.after) == (PAGE, len(made), len(made), "")
    await desk.put(_given(one.cards[-1].report))
    assert _ids((await triage.page(HERE, one.after)).cards) == _ids(two.cards)


async def test_a_page_that_slept_is_to_be_loaded_again(house: House) -> None:
    _, news = await house.services.triage.news(HERE, LiveMark(0.0, ""))
    assert news
    assert news.missed


UNSURE = (
    "Samarinda, di depan SMA 1 tiap sore begitu terus. Kami warga sekitar sudah lama sabar, anak "
    "anak pulang takut, orang tua bingung, guru juga tahu, tetapi tidak ada yang datang. Mohon "
    "bapak ibu melihat sendiri ke sini"
)


async def test_what_the_reporter_adds_changes_the_candidates(house: House) -> None:
    await house.take(note(UNSURE))
    assert await house.work_all() == {}
    (before,) = await house.store.reports.latest(5)
    assert before.status is Status.TRIAGE
    await house.take(note(f"Laporan {before.tracking}: {ROAD}"))
    assert await house.work_all() == {}
    (now,) = await house.store.reports.latest(5)
    assert (now.status, len(now.messages)) == (Status.TRIAGE, 2)
    assert before.assignment
    assert now.assignment
    assert now.assignment.agency is None
    assert now.assignment.alternatives != before.assignment.alternatives
    assert now.topic != before.topic


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        await desk.put(report(1), unsure(2))
        yield desk


@pytest.fixture
async def operator(desk: Office) -> AsyncIterator[Visitor]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with console(desk, Clock()) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
        visitor = Visitor(url, http)
        await visitor.log_in()
        yield visitor


async def _news(operator: Visitor, mark: str) -> tuple[str, dict[str, Any] | None]:
    async with operator.http.get(f"{operator.url}/parts/triage?{mark}", headers=HTMX) as response:
        told = await response.json() if response.status == 200 else None
        return response.headers["Live-Mark"], told


async def test_a_poll_says_what_came_grew_and_was_decided(operator: Visitor, desk: Office) -> None:
    mark, _ = await _news(operator, "")
    length = len(mark)
    mark, told = await _news(operator, mark)
    assert told is None
    await desk.put(*(unsure(n) for n in range(10, 40)))
    mark, told = await _news(operator, mark)
    assert told
    assert (len(told["cards"]), told["total"]) == (31, 31)
    assert len(mark) <= length + len("&seen=") + 18, "the address does not grow"
    grown = unsure(2, text="Tambahan: sudah ada korban jatuh.")
    await desk.put(grown)
    mark, told = await _news(operator, mark)
    assert told
    (card,) = [each for each in told["cards"] if each["id"] == f"t-{grown.id}"]
    assert card["version"] == 3
    assert "korban jatuh" in card["html"]
    assert 'name="version" value="3"' in card["html"]
    await desk.put(_given(grown))
    _, told = await _news(operator, mark)
    assert told
    assert told["gone"] == [
        {"id": f"t-{grown.id}", "note": f"diputuskan rini → {AGENCIES[1].name}"}
    ]


@pytest.mark.parametrize("mark", ["since=nan", "since=-1e99&seen=x", "since=kemarin", "seen=%00"])
async def test_a_broken_mark_is_answered(operator: Visitor, mark: str) -> None:
    _, told = await _news(operator, mark)
    assert told
    assert told["missed"]
    async with operator.http.get(f"{operator.url}/parts/quarantine?{mark}") as response:
        assert response.status in (200, 204)


async def test_who_came_too_late_reads_who_was_faster(operator: Visitor, desk: Office) -> None:
    chosen = f"/reports/{unsure(2).id}/assign"
    fields = {"agency": AGENCIES[0].id, "version": "2"}
    await desk.put(_given(unsure(2)))
    response, body = await operator.act(chosen, **fields)
    assert response.status == 409
    assert f"diputuskan rini → {AGENCIES[1].name}" in body
    response, page = await operator.post(chosen, **fields, csrf=operator.csrf)
    assert f"diputuskan rini → {AGENCIES[1].name}" in page


async def test_the_whole_list_is_counted_on_its_page(operator: Visitor, desk: Office) -> None:
    await desk.put(*(unsure(n) for n in range(100, 100 + PAGE)))
    _, page = await operator.get("/triage")
    assert f"{PAGE} dari {PAGE + 1}" in page
    after = page.partition("/triage?after=")[2].partition('"')[0]
    _, page = await operator.get(f"/triage?after={after}")
    assert page.count('class="card brief"') == 1
    assert 'href="/console/triage"' in page
    assert (await operator.get("/triage?after=../x"))[0].status == 200


def test_moments_are_told_in_the_time_of_the_region() -> None:
    noon = datetime(2026, 11, 21, 5, tzinfo=UTC)
    told = {code: Labels("id").moment(noon, code) for code in ("", "62.01", "64.72", "94")}
    assert told == {
        "": "21 Nov 2026 12.00.00 WIB",
        "62.01": "21 Nov 2026 12.00.00 WIB",
        "64.72": "21 Nov 2026 13.00.00 WITA",
        "94": "21 Nov 2026 14.00.00 WIT",
    }
    assert str(zone_of(place().code)) == "WIB"
