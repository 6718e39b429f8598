"""What operators decide: archiving, and opening who reported, never without a reason in the log."""

from base64 import b64encode

import pytest

from gateway.access.roles import system
from gateway.casework.conflicts import Conflict
from normalizer.report import Status
from tests.gateway.making import LAMP, OTHER, ROAD, UNCLEAR, WHO, House, note


async def test_the_log_says_who_opened_an_identity_and_why(house: House) -> None:
    file = await house.report(ROAD, name="Sri")
    found = await house.services.operators.unseal(
        file.report.id, actor=system("sari"), reason="dijemput"
    )
    assert (found.channel, found.address, found.name) == ("paper", WHO, "Sri")
    after = await house.file(file.report.tracking)
    assert after.report == file.report
    newest = after.events[-1]
    assert (newest.kind, newest.by, newest.note) == ("unsealed", "sari", "dijemput")
    assert WHO not in str(after.events)


async def test_without_the_key_nothing_opens_and_nothing_is_logged(lite: House) -> None:
    file = await lite.report(ROAD)
    keyless = lite.another(seal={"keys": [b64encode(b"x" * 32).decode()]}).operators
    with pytest.raises(Conflict, match="no_key_for_identity"):
        await keyless.unseal(file.report.id, actor=system("sari"), reason="x")
    assert await lite.file(file.report.tracking) == file
    with pytest.raises(Conflict, match="no_report"):
        await lite.services.operators.unseal("none", actor=system("sari"), reason="x")


async def test_an_archived_report_tells_its_reporter_why_and_may_be_opened_again(
    house: House,
) -> None:
    desk, file = house.services.operators, await house.report(UNCLEAR)
    assert file.report.status is Status.TRIAGE
    before = len(house.paper.told())
    await desk.archive(file.report.id, actor=system("sari"), reason="Sudah ditangani RT.")
    assert await house.work_all() == {}
    (told,) = house.paper.told()[before:]
    assert told.endswith("Alasan: Sudah ditangani RT.")
    after = await house.file(file.report.tracking)
    assert after.report.status is Status.ARCHIVED_BY_ADMIN
    newest = after.events[-1]
    assert (newest.kind, newest.by, newest.note) == (
        "archived_by_admin", "sari", "Sudah ditangani RT.",
    )  # fmt: skip
    with pytest.raises(Conflict, match="closed"):
        await desk.archive(file.report.id, actor=system("budi"), reason="x")
    again = await desk.assign(file.report.id, "3578-dinas-pu", actor=system("sari"))
    assert again.status is Status.FORWARDED
    assert (await house.store.events.audit())[1] == []


async def test_what_an_agency_has_is_not_archived_behind_its_back(lite: House) -> None:
    file = await lite.report(LAMP)
    with pytest.raises(Conflict, match="at_an_agency"):
        await lite.services.operators.archive(file.report.id, actor=system("sari"), reason="x")
    with pytest.raises(Conflict, match="no_report"):
        await lite.services.operators.archive("none", actor=system("sari"), reason="x")
    assert await lite.file(file.report.tracking) == file


# What the machine set aside by itself.

PRANK = "wkwk prank bro kaget ya"
PRAISE = "Terima kasih sudah diperbaiki dengan cepat"
ADVERT = "Promo lampu diskon 70%, klik toko.example"


async def send(house: House, text: str, who: str = WHO) -> list[str]:
    before = len(house.paper.told(who))
    await house.take(note(text, who))
    assert await house.work_all() == {}
    return house.paper.told(who)[before:]


async def test_what_the_machine_set_aside_is_listed_by_days_for_thirty_of_them(
    house: House,
) -> None:
    desk = house.services.operators
    for text in (PRANK, PRAISE, ADVERT, ROAD, UNCLEAR):
        await send(house, text)
    today = (await desk.ended(None, actor=system("sari"))).day
    listed = await desk.ended(None, actor=system("sari"))
    assert {report.text for report, _ in listed.reports} == {PRANK, PRAISE, ADVERT}
    assert all(made.assignment and made.assignment.scope for made, _ in listed.reports)
    assert (len(listed.counts), listed.counts[0]) == (30, (today, 3))
    house.clock.pass_(days=29)
    assert (await desk.ended(None, actor=system("sari"))).counts[-1] == (today, 3)
    assert len((await desk.ended(today, actor=system("sari"))).reports) == 3
    house.clock.pass_(days=1)
    listed = await desk.ended(today, actor=system("sari"))
    assert listed.day != today, "it is not in the list any more"
    assert sum(count for _, count in listed.counts) == 0
    assert await house.counted("reports") == 5, "and nothing is deleted"


async def test_what_was_set_aside_is_routed_after_all(house: House) -> None:
    desk = house.services.operators
    assert await send(house, PRANK) == []
    assert await send(house, ADVERT, OTHER) == []
    for who in (WHO, OTHER):
        listed = (await desk.ended(None, actor=system("sari"))).reports
        report = next(r for r, _ in listed if (r.text == PRANK) == (who == WHO))
        before = len(house.paper.told(who))
        reopened = await desk.reopen(report.id, actor=system("sari"))
        assert reopened.status in (Status.TRIAGE, Status.WAITING_FOR_REPORTER)
        assert await house.work_all() == {}
        assert len(house.paper.told(who)) == before + 1, "who sent it hears of it"
        file = await house.file(report.tracking)
        assert ("reopened", "sari") in {(event.kind, event.by) for event in file.events}
        with pytest.raises(Conflict, match="not_set_aside"):
            await desk.reopen(report.id, actor=system("budi"))
    assert (await desk.ended(None, actor=system("sari"))).reports == []
    with pytest.raises(Conflict, match="no_report"):
        await desk.reopen("none", actor=system("sari"))
    assert (await house.store.events.audit())[1] == []


async def test_an_answer_never_ends_what_an_operator_called_a_report(lite: House) -> None:
    await send(lite, "wkwk prank")
    ((report, _),) = (await lite.services.operators.ended(None, actor=system("sari"))).reports
    reopened = await lite.services.operators.reopen(report.id, actor=system("sari"))
    assert reopened.status is Status.WAITING_FOR_REPORTER
    assert await lite.work_all() == {}
    await send(lite, "wkwkwk cuma iseng")
    assert (await lite.file(report.tracking)).report.status is Status.TRIAGE


async def test_what_no_verdict_is_about_is_not_reopened(lite: House) -> None:
    for text in (ROAD, UNCLEAR):
        file = await lite.report(text)
        with pytest.raises(Conflict, match="not_set_aside"):
            await lite.services.operators.reopen(file.report.id, actor=system("sari"))
