"""What no agency fetches comes to its coordinator, then to the province's, then the country's."""

from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.casework.agencies import Reply
from gateway.queues.escalation import ladder, next_level
from gateway.store.views import GrantRow, NewAccount
from gateway.wire.queues import DELIVERIES, REPORTS
from normalizer.report import Recusal, Report, Status
from tests.gateway.making import ROAD, House, house, note
from tests.gateway.office import report as made

AGENCY = "3578-dinas-pu"


@pytest.fixture
async def inboxes(database_url: str, tmp_path: Any) -> Any:
    """A house whose agencies have the inbox."""
    async with house(database_url, tmp_path, queues=False) as built:
        yield built


async def _coordinator(house: House, name: str, scope: str) -> None:
    given = (GrantRow(Role.COORDINATOR, scope),)
    assert await house.store.accounts.create(NewAccount(name, "hash", given, "cli"))


async def _placed(house: House) -> Report:
    await house.take(note(ROAD))
    await house.work(REPORTS, house.route)
    await house.work(DELIVERIES, house.deliver)
    return (await house.newest()).report


async def _turn(house: House) -> str:
    """Look once; return to whom the report came."""
    await house.services.escalation.turn()
    return (await house.newest()).report.escalated_to


async def _raised(house: House) -> list[str]:
    return [e.kind for e in (await house.newest()).events if e.kind == "escalated"]


async def test_a_report_climbs_until_somebody_reads_it(inboxes: House) -> None:
    await _coordinator(inboxes, "rini", "35.78")
    await _coordinator(inboxes, "budi", "ID")
    report = await _placed(inboxes)
    inboxes.clock.pass_(hours=23)
    assert await _turn(inboxes) == ""
    inboxes.clock.pass_(hours=2)
    assert await _turn(inboxes) == "35.78"
    assert await _turn(inboxes) == "35.78", "once per level"
    inboxes.clock.pass_(hours=23)
    assert await _turn(inboxes) == "35.78"
    inboxes.clock.pass_(hours=2)
    assert await _turn(inboxes) == "ID", "the province has no coordinator"
    inboxes.clock.pass_(hours=50)
    assert await _turn(inboxes) == "ID"
    assert await _raised(inboxes) == ["escalated", "escalated"]
    assert (await inboxes.newest()).notifications[1:] == (), "citizens are told nothing"
    assert await inboxes.store.deliveries.count_unread(9) == (1, 1)
    async with inboxes.store.unit() as unit:
        await unit.deliveries.read(report.id, AGENCY, by="sari")
    assert await inboxes.store.deliveries.count_unread(9) == (0, 0)


async def test_a_coordinator_who_may_not_log_in_is_passed_over(inboxes: House) -> None:
    await _coordinator(inboxes, "rini", "35.78")
    await inboxes.store.accounts.enable("rini", may=False)
    await _placed(inboxes)
    inboxes.clock.pass_(hours=25)
    assert await _turn(inboxes) == ""
    await _coordinator(inboxes, "dewi", "35")
    inboxes.clock.pass_(hours=25)
    assert await _turn(inboxes) == "35", "there was none until now"


async def test_an_answer_ends_the_waiting(inboxes: House) -> None:
    await _coordinator(inboxes, "rini", "35.78")
    report = await _placed(inboxes)
    inboxes.clock.pass_(hours=25)
    assert await _turn(inboxes) == "35.78"
    await inboxes.agencies.reply(
        AGENCY, report.tracking, Reply(kind="progress", text="kami cek"), key="k"
    )
    now = (await inboxes.newest()).report
    assert (now.status, now.escalated_to) == (Status.IN_PROGRESS, "")
    inboxes.clock.pass_(hours=99)
    assert await _turn(inboxes) == ""


async def test_what_is_fetched_in_time_never_climbs(inboxes: House) -> None:
    await _coordinator(inboxes, "rini", "35.78")
    report = await _placed(inboxes)
    async with inboxes.store.unit() as unit:
        await unit.deliveries.fetch_inbox([report.id], [AGENCY], by="sari")
    inboxes.clock.pass_(hours=99)
    assert await _turn(inboxes) == ""


async def test_an_agency_may_have_hours_of_its_own(sqlite_url: str, tmp_path: Any) -> None:
    own = {AGENCY: {"fetch_within_hours": 72}}
    async with house(sqlite_url, tmp_path, methods=own, queues=False) as built:
        await _coordinator(built, "rini", "35.78")
        await _placed(built)
        built.clock.pass_(hours=71)
        assert await _turn(built) == ""
        built.clock.pass_(hours=2)
        assert await _turn(built) == "35.78"


async def test_health_says_how_much_waits_unread(sqlite_url: str, tmp_path: Any) -> None:
    async with house(sqlite_url, tmp_path, queues=False) as built:
        await _placed(built)
        finding = await built.services.health.look()
        assert finding.checks["unread"] == "1 reports at 1 agencies"
        assert finding.ok


def test_the_ladder_passes_over_whom_a_report_accuses() -> None:
    assert ladder("62.01") == ("62.01", "62", "ID")
    assert ladder("62") == ("62", "ID")
    assert ladder("ID") == ("ID",)
    report = made(1)
    everybody = {"62.01", "62", "ID"}
    assert next_level(report, "6201-dinas-pu", everybody) == "62.01"
    assert next_level(report, "6201-dinas-pu", everybody - {"62.01"}) == "62"
    assert next_level(report, "6201-dinas-pu", set()) is None
    accused = Recusal(office="bupati", name="Bupati", agencies=("6201-sekretariat-daerah",))
    kept = report.model_copy(update={"recusals": (accused,)})
    assert next_level(kept, "6201-dinas-pu", everybody) == "62"
    raised = report.model_copy(update={"escalated_to": "ID"})
    assert next_level(raised, "6201-dinas-pu", everybody) is None
