"""A withdrawal reaches the agency that loses a report: by number only, once, and if it had it."""

import pytest

from config.states import ActorKind
from gateway.access.roles import Actor, Grant, Role, system
from gateway.access.states import move
from gateway.outbound.deliveries import withdraw, withdraw_lost
from gateway.store.rows import AuditEvent
from gateway.wire import events
from normalizer.report import Agency, Report, Status
from tests.gateway.making import ROAD, House

PU, TRAFFIC, HEALTH = "3578-dinas-pu", "3578-dinas-perhubungan", "3578-dinas-kesehatan"


async def _states(house: House, report: Report, agency: str) -> list[tuple[str, str]]:
    file = await house.file(report.tracking)
    return [(d.event, d.state) for d in file.deliveries if d.agency_id == agency]


async def test_the_agency_from_which_an_operator_takes_it_is_told_the_number(house: House) -> None:
    report = (await house.report(ROAD)).report
    await house.services.operators.assign(report.id, TRAFFIC, actor=system("dewi"))
    assert await house.work_all() == {}
    assert await _states(house, report, PU) == [
        (events.ASSIGNED, "placed"), (events.WITHDRAWN, "placed")
    ]  # fmt: skip
    handed = await house.handed_over(await house.file(report.tracking))
    (lost,) = [each for each in handed if each["type"] == events.WITHDRAWN]
    assert lost["data"] == {"tracking": report.tracking, "reason": "moved"}
    assert lost.keys() >= {"id", "time", "subject"}
    house.clock.pass_(minutes=5)
    listed = await house.store.deliveries.for_agency(PU, after="", most=9)
    assert [events.read(each.text.encode()).type for each in listed] == [events.WITHDRAWN]
    assert ROAD not in listed[0].text


async def test_what_was_not_placed_yet_is_withdrawn_and_nothing_is_told(house: House) -> None:
    report = (await house.report(ROAD)).report
    await house.change("DELETE FROM deliveries")
    async with house.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        unit.deliveries.add("d1", stored.report, PU, events.ASSIGNED)
    await house.services.operators.assign(report.id, TRAFFIC, actor=system("dewi"))
    assert await _states(house, report, PU) == [(events.ASSIGNED, "withdrawn")]


async def test_what_is_being_called_may_have_it(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    await lite.change("DELETE FROM deliveries")
    async with lite.store.unit() as unit:
        unit.deliveries.add("d1", report, PU, events.ASSIGNED)
    await lite.change("UPDATE deliveries SET lease = 'x'")
    await lite.services.operators.assign(report.id, TRAFFIC, actor=system("dewi"))
    assert (events.WITHDRAWN, "pending") in await _states(lite, report, PU)


async def test_who_never_had_it_is_told_nothing_and_who_lost_it_once_only(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    async with lite.store.unit() as unit:
        await withdraw(unit, report, HEALTH, "x")
    assert await _states(lite, report, HEALTH) == []
    for cause in ("a", "b"):
        lite.clock.pass_(minutes=1)
        async with lite.store.unit() as unit:
            await withdraw(unit, report, PU, cause)
        assert await lite.work_all() == {}
    found = [event for event, _ in await _states(lite, report, PU)]
    assert found == [events.ASSIGNED, events.WITHDRAWN]


async def test_a_copy_that_is_lost_by_a_refusal_is_withdrawn(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    rini = Actor("rini", (Grant(Role.OFFICER, PU),))
    officers, seen = lite.services.officers, (await lite.file(report.tracking)).version
    await officers.copy(report.id, TRAFFIC, actor=rini, version=seen)
    assert await lite.work_all() == {}
    lite.clock.pass_(minutes=1)
    await officers.refuse(report.id, "Bukan kami.", actor=rini, version=seen + 1)
    assert await lite.work_all() == {}
    assert [event for event, _ in await _states(lite, report, TRAFFIC)] == [
        events.COPIED, events.WITHDRAWN
    ]  # fmt: skip
    assert [event for event, _ in await _states(lite, report, PU)] == [events.ASSIGNED]


@pytest.mark.parametrize(("to", "reason"), [(None, "moved"), (Status.ARCHIVED_BY_ADMIN, "closed")])
async def test_the_reason_is_why_it_is_no_more_with_it(
    lite: House, to: Status | None, reason: str
) -> None:
    report = (await lite.report(ROAD)).report
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        made = report.assignment
        assert made is not None
        other = made.model_copy(update={"agency": Agency(id=TRAFFIC, name="x")})
        now = stored.report.model_copy(update={"assignment": other})
        if to:
            now = now.with_status(to, at=lite.clock(), by="x")
        else:
            kind = ActorKind.COORDINATOR
            now = move(now, Status.FORWARDED, by="x", actor_kind=kind, at=lite.clock())
        unit.reports.change(stored, now, [AuditEvent("put", "x")])
        await withdraw_lost(unit, stored.report, now, "x")
    lite.clock.pass_(minutes=5)
    (lost,) = await lite.store.deliveries.for_agency(PU, after="", most=9)
    assert events.read(lost.text.encode()).data["reason"] == reason
