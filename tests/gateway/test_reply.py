"""An agency's words: from the right agency, once, and back to the citizen who asked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.access.recusal import NotYours
from gateway.casework.agencies import MAX_REPLY, AgencyService, ClosedReport, FiledReply, Reply
from gateway.store.reports import StaleWrite
from gateway.store.rows import AuditEvent
from normalizer.report import Candidate, Status
from normalizer.tracking import format_number, mentions
from tests.gateway.making import OTHER, ROAD, UNCLEAR, WHO, House, house

AGENCY, ANOTHER, MUTE = "3578-dinas-pu", "3578-dinas-perhubungan", "3578-dinas-sosial"
METHODS = {
    AGENCY: {"token": "token-of-pu"},
    ANOTHER: {"token": "token-of-perhubungan é"},
    MUTE: {"token": ""},
}


@pytest.fixture
async def town(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose agencies have tokens."""
    async with house(database_url, tmp_path, methods=METHODS) as built:
        yield built
        assert (await built.store.events.audit())[1] == []


@pytest.fixture
async def village(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """The same on SQLite only."""
    async with house(sqlite_url, tmp_path, methods=METHODS) as built:
        yield built
        assert (await built.store.events.audit())[1] == []


async def _reply(
    house: House, tracking: str, kind: str, text: str, *, by: str = AGENCY, key: str = ""
) -> FiledReply:
    words: dict[str, Any] = {"kind": kind, "text": text}
    return await house.agencies.reply(by, tracking, Reply.model_validate(words), key=key)


async def _answers(house: House) -> list[str]:
    """Send what waits and return what the citizen was told."""
    await house.notify()
    return house.paper.told()


@pytest.mark.parametrize(
    ("token", "agency"),
    [
        ("token-of-pu", AGENCY),
        ("token-of-perhubungan é", ANOTHER),
        ("token-of-p", None),
        ("TOKEN-OF-PU", None),
        ("", None),
        ("\ud800", None),
        ("x" * 100_000, None),
    ],
)
def test_a_token_names_its_agency_and_nothing_else_does(
    tmp_path: Path, token: str, agency: str | None
) -> None:
    built = House(f"sqlite+aiosqlite:///{tmp_path / 'k.sqlite3'}", tmp_path, methods=METHODS)
    assert built.agencies.agency_of(token) == agency


def test_without_any_token_nobody_gets_in() -> None:
    assert AgencyService.agency_of(AgencyService(None, None, {}, None), "") is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        ("answer", Status.ANSWERED, "Jawaban Dinas"),
        ("progress", Status.IN_PROGRESS, "Kabar Dinas"),
    ],
)
async def test_a_reply_reaches_the_citizen_in_the_thread_they_wrote_in(
    town: House, kind: str, status: Status, says: str
) -> None:
    report = (await town.report(id="<mine@x>", thread=["<older@x>"], subject="Jalan rusak")).report
    filed = await _reply(town, report.tracking, kind, "  Regu kami turun besok.  ")
    assert (filed.news, filed.report.status) == (True, status)
    assert await town.work_all() == {}
    to, letter = town.paper.carried[-1]
    assert to == WHO
    assert says in letter.text
    assert letter.text.endswith("Regu kami turun besok.")
    assert next(mentions(letter.text)) == report.tracking == letter.tracking
    assert letter.thread == ("<older@x>", "<mine@x>")
    assert letter.subject == f"Laporan {format_number(report.tracking)}"
    file = await town.file(report.tracking)
    assert (file.report.status, file.events[-1].kind) == (status, "agency_replied")
    assert file.events[-1].by == f"agency:{AGENCY}"


@pytest.mark.parametrize("kind", ["answer", "progress", "refuse"])
async def test_another_agencys_report_is_out_of_reach(village: House, kind: str) -> None:
    before = await village.report()
    for by, number in ((ANOTHER, before.report.tracking), (AGENCY, "482109375514"), (AGENCY, "")):
        with pytest.raises(NotYours):
            await _reply(village, number, kind, "x", by=by)
    assert await village.file(before.report.tracking) == before


async def test_a_report_that_waits_for_an_operator_is_nobodys_yet(village: House) -> None:
    report = (await village.report(UNCLEAR)).report
    with pytest.raises(NotYours):
        await _reply(village, report.tracking, "answer", "x")


@pytest.mark.parametrize("kind", ["answer", "progress", "refuse"])
async def test_the_same_key_changes_nothing_the_second_time(town: House, kind: str) -> None:
    tracking = (await town.report()).report.tracking
    first = await _reply(town, tracking, kind, "Regu turun besok.", key="k1")
    before = await town.file(tracking)
    again = await _reply(town, tracking, kind, "Regu turun besok.", key="k1")
    assert (first.news, again.news) == (True, False)
    assert await town.file(tracking) == before
    assert len(await _answers(town)) == 2


async def test_another_key_is_another_reply(town: House) -> None:
    tracking = (await town.report()).report.tracking
    for key in ("k1", "k2", "", ""):
        assert (await _reply(town, tracking, "progress", f"kabar {key}", key=key)).news
    assert len(await _answers(town)) == 5


async def test_a_key_belongs_to_one_report(village: House) -> None:
    first = (await village.report()).report.tracking
    second = (await village.report(f"{ROAD} lagi", OTHER)).report.tracking
    for tracking in (first, second):
        assert (await _reply(village, tracking, "answer", "x", key="k1")).news


async def test_two_replies_at_once_are_both_filed_or_one_is_told_to_come_again(
    town: House,
) -> None:
    tracking = (await town.report()).report.tracking
    both = [_reply(town, tracking, "progress", f"kabar {n}", key=f"k{n}") for n in range(2)]
    done = await asyncio.gather(*both, return_exceptions=True)
    for n, result in enumerate(done):
        if isinstance(result, BaseException):
            assert isinstance(result, StaleWrite)
            assert (await _reply(town, tracking, "progress", f"kabar {n}", key=f"k{n}")).news
    said = await _answers(town)
    assert {text[-7:] for text in said[1:]} == {"kabar 0", "kabar 1"}


async def test_a_refused_report_goes_to_an_operator_without_that_agency(town: House) -> None:
    report = (await town.report()).report
    before = len(await _answers(town))
    filed = await _reply(town, report.tracking, "refuse", "Bukan wewenang kami")
    assert filed.report.status is Status.TRIAGE
    assignment = (await town.file(report.tracking)).report.assignment
    assert assignment is not None
    assert assignment.agency is None
    assert AGENCY not in {each.agency.id for each in assignment.alternatives}
    assert "Bukan wewenang kami" in assignment.reasons[0].text
    told = await _answers(town)
    assert len(told) == before + 1
    assert "bukan wewenangnya" in told[-1]
    assert "Bukan wewenang kami" not in told[-1]
    with pytest.raises(NotYours):
        await _reply(town, report.tracking, "answer", "Sudah selesai")


async def test_the_key_of_a_refusal_opens_nothing_else(village: House) -> None:
    tracking = (await village.report()).report.tracking
    await _reply(village, tracking, "refuse", "bukan kami", key="k1")
    for kind in ("answer", "progress"):
        with pytest.raises(NotYours):
            await _reply(village, tracking, kind, "Sudah selesai", key="k1")
    assert (await village.file(tracking)).report.status is Status.TRIAGE


async def test_the_refused_agency_is_dropped_from_the_ranking_it_stood_in(village: House) -> None:
    file = await village.report()
    old = file.report.assignment
    assert old is not None
    assert old.agency is not None
    ranking = (Candidate(agency=old.agency, confidence=0.9), *old.alternatives)
    async with village.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id)
        assert stored is not None
        mended = old.model_copy(update={"alternatives": ranking})
        changed = stored.report.model_copy(update={"assignment": mended})
        unit.reports.change(stored, changed, [AuditEvent("mended", "test")])
    filed = await _reply(village, file.report.tracking, "refuse", "bukan kami")
    assert filed.report.assignment is not None
    assert filed.report.assignment.alternatives == old.alternatives


async def test_nothing_is_added_to_a_closed_report(village: House) -> None:
    file = await village.report()
    await _reply(village, file.report.tracking, "answer", "Selesai", key="k1")
    async with village.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id)
        assert stored is not None
        closed = stored.report.with_status(
            Status.CLOSED_BY_SYSTEM, at=village.clock(), by="gateway"
        )
        unit.reports.change(stored, closed, [AuditEvent("closed_by_system", "gateway")])
    with pytest.raises(ClosedReport):
        await _reply(village, file.report.tracking, "progress", "x", key="k2")
    assert not (await _reply(village, file.report.tracking, "answer", "Selesai", key="k1")).news


async def test_control_characters_in_a_reply_break_no_database(town: House) -> None:
    tracking = (await town.report()).report.tracking
    assert (await _reply(town, tracking, "answer", "Regu\x00 turun")).news
    assert (await _answers(town))[-1].endswith("Regu� turun")


@pytest.mark.parametrize(
    "words",
    [
        {"kind": "answer"},
        {"kind": "answer", "text": ""},
        {"kind": "answer", "text": " \n "},
        {"kind": "answer", "text": "x" * (MAX_REPLY + 1)},
        {"kind": "answer", "text": "\ud800"},
        {"kind": "close", "text": "x"},
        {"kind": "answer", "text": "x", "status": "closed_by_admin"},
    ],
)
def test_a_reply_that_is_none_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Reply.model_validate(words)
