"""What operators decide: archiving, and opening who reported, never without a reason in the log."""

from base64 import b64encode

import pytest

from gateway.casework.conflicts import Conflict
from normalizer.report import Status
from tests.gateway.making import LAMP, ROAD, UNCLEAR, WHO, House


async def test_the_log_says_who_opened_an_identity_and_why(house: House) -> None:
    file = await house.report(ROAD, name="Sri")
    found = await house.services.operators.unseal(file.report.id, by="sari", reason="dijemput")
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
        await keyless.unseal(file.report.id, by="sari", reason="x")
    assert await lite.file(file.report.tracking) == file
    with pytest.raises(Conflict, match="no_report"):
        await lite.services.operators.unseal("none", by="sari", reason="x")


async def test_an_archived_report_tells_its_reporter_why_and_may_be_opened_again(
    house: House,
) -> None:
    desk, file = house.services.operators, await house.report(UNCLEAR)
    assert file.report.status is Status.TRIAGE
    before = len(house.paper.told())
    await desk.archive(file.report.id, by="sari", reason="Sudah ditangani RT.")
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
        await desk.archive(file.report.id, by="budi", reason="x")
    again = await desk.assign(file.report.id, "3578-dinas-pu", by="sari")
    assert again.status is Status.FORWARDED
    assert (await house.store.events.audit())[1] == []


async def test_what_an_agency_has_is_not_archived_behind_its_back(lite: House) -> None:
    file = await lite.report(LAMP)
    with pytest.raises(Conflict, match="at_an_agency"):
        await lite.services.operators.archive(file.report.id, by="sari", reason="x")
    with pytest.raises(Conflict, match="no_report"):
        await lite.services.operators.archive("none", by="sari", reason="x")
    assert await lite.file(file.report.tracking) == file
