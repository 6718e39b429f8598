"""Opening who reported: only with a reason, and never without a trace."""

import pytest

from gateway.seal import Seal
from gateway.steps.desk import Conflict, Desk
from gateway.steps.directory import Directory
from gateway.steps.files import FileDesk
from tests.gateway.making import ROAD, WHO, House, made_parts


def desk_of(house: House, seal: Seal) -> Desk:
    parts = made_parts()
    register = parts.routing.register
    return Desk(
        house.store,
        house.broker,
        house.door,
        house.letters,
        Directory(register, parts.gazetteer),
        register,
        seal,
        FileDesk(house.queries, house.vault),
        session_hours=1,
    )


async def test_the_log_says_who_opened_an_identity_and_why(house: House) -> None:
    file = await house.report(ROAD, name="Sri")
    found = await desk_of(house, house.seal).unseal(file.report.id, by="sari", reason="dijemput")
    assert (found.channel, found.address, found.name) == ("paper", WHO, "Sri")
    after = await house.file(file.report.tracking)
    assert after.report == file.report
    newest = after.events[-1]
    assert (newest.kind, newest.by, newest.note) == ("unsealed", "sari", "dijemput")
    assert WHO not in str(after.events)


async def test_without_the_key_nothing_opens_and_nothing_is_logged(lite: House) -> None:
    file = await lite.report(ROAD)
    with pytest.raises(Conflict, match="Kunci"):
        await desk_of(lite, Seal([b"x" * 32])).unseal(file.report.id, by="sari", reason="x")
    assert await lite.file(file.report.tracking) == file
    with pytest.raises(Conflict, match="tidak ditemukan"):
        await desk_of(lite, lite.seal).unseal("none", by="sari", reason="x")
