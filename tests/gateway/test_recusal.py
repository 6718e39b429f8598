"""Nothing of a report reaches the agency that it accuses, by whatever way reports reach agencies.

Every way is walked: those of ``Notifier`` are listed from the class itself, so that a new one is
either tried here or fails.
"""

import inspect
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import gateway
from gateway.access.recusal import NotYours, recuse
from gateway.access.roles import system
from gateway.casework.agencies import Reply
from gateway.casework.conflicts import Conflict
from gateway.outbound import deliveries
from gateway.wire import events
from gateway.wire.queues import DELIVERIES
from normalizer.message import MAX_TEXT, Message
from normalizer.report import Agency, Assignment, Outcome, Recusal, Report, Status
from normalizer.tracking import format_number
from tests.gateway.making import ROAD, WHO, House, house, made_parts, note

ACCUSED, OVERSEER = "3578-dinas-pu", "3578-inspektorat"
METHODS = {
    ACCUSED: {"token": "token-of-pu"},
    OVERSEER: {"token": "token-of-inspektorat"},
}
BRIBE = "petugas Dinas PU minta uang 500 ribu di Kecamatan Wonocolo Kota Surabaya"
DOUBTFUL = "kata tukangnya dinas PU minta potongan"
AT = datetime(2026, 3, 2, tzinfo=UTC)
PU = Recusal(office="pu", name="Dinas Pekerjaan Umum", agencies=("regency/dinas-pu",))


@pytest.fixture
async def town(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose agencies have tokens."""
    async with house(sqlite_url, tmp_path, methods=METHODS) as built:
        yield built
        assert (await built.store.events.audit())[1] == []


async def _read(town: House, agency: str) -> list[str]:
    town.clock.pass_(minutes=5)
    return [each.text for each in await town.store.deliveries.for_agency(agency, after="", most=1)]


def _tells_the_number_only(text: str, tracking: str) -> None:
    event = events.read(text.encode())
    assert (event.type, event.data) == (
        events.WITHDRAWN, {"tracking": tracking, "reason": "moved"}
    )  # fmt: skip


async def test_an_accusation_goes_to_who_oversees_the_accused(town: House) -> None:
    file = await town.report(BRIBE)
    made = file.report.assignment
    assert made is not None
    assert made.agency is not None
    assert made.agency.id == OVERSEER
    assert file.report.recuses(ACCUSED)
    assert {each.agency_id for each in file.deliveries} == {OVERSEER}
    assert await _read(town, ACCUSED) == []
    assert len(await _read(town, OVERSEER)) == 1


async def test_an_operator_cannot_hand_it_to_the_accused_either(town: House) -> None:
    file = await town.report(BRIBE)
    with pytest.raises(Conflict, match="accused"):
        await town.services.operators.assign(file.report.id, ACCUSED, actor=system("sari"))
    assert await town.file(file.report.tracking) == file


async def test_an_accusation_that_comes_later_takes_the_report_back(town: House) -> None:
    file = await town.report(ROAD)
    assert len(await _read(town, ACCUSED)) == 1
    number = format_number(file.report.tracking)
    await town.say(f"{number} petugas dinas PU minta uang 500 ribu supaya diperbaiki", WHO)
    after = await town.file(file.report.tracking)
    made = after.report.assignment
    assert after.report.status is Status.FORWARDED
    assert made is not None
    assert made.agency is not None
    assert made.agency.id == OVERSEER
    assert "ditarik dari terlapor dan ditujukan ke pengawasnya" in made.reasons[0].text
    assert after.report.recuses(ACCUSED)
    sent = [each.agency_id for each in after.deliveries]
    assert sorted(sent) == sorted([ACCUSED, ACCUSED, OVERSEER])
    (told,) = await _read(town, OVERSEER)
    assert events.read(told.encode()).type == events.ASSIGNED
    (lost,) = await _read(town, ACCUSED)
    _tells_the_number_only(lost, file.report.tracking)
    with pytest.raises(NotYours):
        await town.agencies.reply(
            ACCUSED, file.report.tracking, Reply(kind="answer", text="sudah"), key="k"
        )
    with pytest.raises(NotYours):
        await town.files.for_agency(ACCUSED, file.report.tracking, "0" * 64)


async def test_an_accusation_after_very_many_words_takes_the_report_back(town: House) -> None:
    file = await town.report(ROAD)
    number = format_number(file.report.tracking)
    for _ in range(6):  # more than is read of a report at once
        await town.take(note(f"{number} {'lubang ini makin dalam dan lebar sekali ' * 110}"))
        assert await town.work_all() == {}
        town.clock.pass_(hours=1)
    await town.take(note(f"{number} petugas dinas PU minta uang 500 ribu supaya diperbaiki"))
    assert await town.work_all() == {}
    after = await town.file(file.report.tracking)
    assert len(after.report.messages) == 8
    assert sum(len(each.text) for each in after.report.messages) > MAX_TEXT
    assert after.report.recuses(ACCUSED)
    (lost,) = await _read(town, ACCUSED)
    _tells_the_number_only(lost, file.report.tracking)


async def test_what_only_may_accuse_is_read_by_an_operator_who_may_hand_it_back(
    town: House,
) -> None:
    file = await town.report(ROAD)
    number = format_number(file.report.tracking)
    await town.say(f"{number} {DOUBTFUL}", WHO)
    after = await town.file(file.report.tracking)
    assert after.report.status is Status.TRIAGE
    assert after.report.recusals == ()
    assert after.report.assignment is not None
    assert "Mungkin terlapor" in after.report.assignment.reasons[0].text
    assert [each.event for each in after.deliveries] == [events.ASSIGNED, events.WITHDRAWN]
    await town.services.operators.assign(file.report.id, ACCUSED, actor=system("sari"))
    again = await town.file(file.report.tracking)
    assert again.report.assignment is not None
    assert again.report.assignment.agency is not None
    assert again.report.assignment.agency.id == ACCUSED
    assert len(again.deliveries) > 1


async def test_a_delivery_that_waits_is_withdrawn(town: House) -> None:
    file = await town.report(ROAD)
    async with town.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id)
        assert stored is not None
        deliveries.deliver(unit, stored.report, kind=events.FOLLOWED_UP, cause="late")
        accusing = recuse(stored.report, [PU], at=AT)
        unit.reports.change(stored, accusing, [])
    assert await town.work(DELIVERIES, town.deliver) == {}
    after = await town.file(file.report.tracking)
    states = [each.state for each in after.deliveries]
    assert sorted(states) == ["placed", "withdrawn"]


async def test_a_page_of_nothing_but_accusations_does_not_stop_the_reader(town: House) -> None:
    first = await town.report(ROAD)
    number = format_number(first.report.tracking)
    await town.say(f"{number} petugas dinas PU minta uang 500 ribu supaya diperbaiki", WHO)
    await town.report(ROAD, "+6281111111111")
    town.clock.pass_(minutes=5)
    found = await town.store.deliveries.for_agency(ACCUSED, after="", most=9)
    lost, other = (each.text for each in found)
    _tells_the_number_only(lost, first.report.tracking)
    assert number.replace("-", "") not in other


def _with(report: Report) -> Report:
    """The report as it would be if the accused agency had it, and a copy, in spite of all."""
    body = Agency(id=ACCUSED, name="Dinas PU")
    made = Assignment(
        decision=Outcome.ASSIGN, agency=body, confidence=1, copies=(body,), reasons=(), at=AT
    )
    return report.model_copy(update={"assignment": made, "recusals": (PU,)})


async def test_no_kind_of_delivery_is_written_to_the_accused(town: House) -> None:
    report = _with((await town.report(ROAD)).report)
    ways = [
        name
        for name, way in inspect.getmembers(deliveries, inspect.isfunction)
        if not name.startswith("_") and {"unit", "report"} <= set(inspect.signature(way).parameters)
    ]
    ways.remove("withdraw")  # that it lost a report is told to the accused, too: by number
    assert {"deliver", "deliver_assigned", "deliver_files", "deliver_changed"} <= set(ways)
    before = await town.counted("deliveries")
    for name in ways:
        way = getattr(deliveries, name)
        given = {"kind": events.ASSIGNED, "agency": ACCUSED}
        more = {k: v for k, v in given.items() if k in inspect.signature(way).parameters}
        async with town.store.unit() as unit:
            way(unit, report, cause=f"sweep {name}", **more)
    assert await town.counted("deliveries") == before
    assert events.readers(report) == ()


def test_deliveries_are_written_and_read_in_one_place_each() -> None:
    """Swept: a second place that writes or lists deliveries would stand outside the guard.

    ``store/deliveries.py`` lists them for an agency, and names to a reporter who has the report.
    """
    root = Path(gateway.__file__).parent
    wrote = r"unit\.deliveries\.add\("
    lists = r"deliveries\.c\.agency_id"
    found = {
        (pattern, path.relative_to(root).as_posix())
        for path in root.rglob("*.py")
        for pattern in (wrote, lists)
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }
    assert found == {(wrote, "outbound/deliveries.py"), (lists, "store/deliveries.py")}


async def test_without_a_plain_overseer_an_operator_decides(town: House) -> None:
    report = _with((await town.report(ROAD)).report)
    taken = recuse(report, [PU], at=AT, overseer=made_parts().routing.overseer)
    assert taken.assignment is not None
    assert taken.assignment.agency is not None
    nowhere = report.model_copy(update={"places": ()})
    taken = recuse(nowhere, [PU], at=AT, overseer=made_parts().routing.overseer)
    assert taken.status is Status.TRIAGE


def test_what_is_taken_back_is_offered_to_nobody_who_is_accused() -> None:
    report = Report.open(Message.model_validate_json(_BARE))
    taken = recuse(_with(report), [PU], at=AT)
    assert taken.assignment is not None
    assert taken.assignment.agency is None
    assert taken.assignment.copies == ()
    assert recuse(taken, [], at=AT).recusals == (PU,)


_BARE = """{"id": "018f0000-0000-7000-8000-000000000001", "tracking": "482109375516",
 "origin": {"channel": "sms", "account": "1708", "external_id": "SM1"},
 "reporter": {"ref": "r1", "sealed": "sealed"}, "title": "x", "text": "x", "original": "x",
 "received_at": "2026-03-02T00:00:00Z"}"""
