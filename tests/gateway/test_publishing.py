"""Words become public where their reporter agreed and an operator released them, and only those."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.steps.desk import Conflict, Desk
from gateway.steps.publishing import proposed
from normalizer.masking import HIDDEN
from normalizer.report import Report
from tests.gateway.making import LAMP
from tests.gateway.partners import API, CITY, O311, Town, town
from tests.gateway.test_desk import desk_of

CANARY = "kenari7351"
AGREED = {"attribute[public]": "true", "address_string": f"Gang {CANARY} no 4"}
SAID = f"{LAMP}. Hubungi 0812-3456-7890"
FLAGS: dict[str, dict[str, str]] = {
    "anonim": {"description": f"ANONIM {SAID}"},
    "rahasia": {"description": f"RAHASIA {SAID}"},
    "sensitive": {"description": "saya dipukuli suami di Kelurahan Dago Kota Bandung"},
    "nobody asked": {"attribute[public]": ""},
}


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(sqlite_url, tmp_path) as built:
        yield built
        assert (await built.house.queries.audit())[1] == []


async def sent(here: Town, **changes: str) -> Report:
    """Send a report about a lamp whose reporter agrees to be read."""
    fields = {"service_code": "", "description": SAID} | AGREED | changes
    service = fields.pop("service_code") or "lampu-jalan"
    number = await here.numbered(service_code=service, **fields)
    return (await here.house.file(number)).report


async def read(here: Town) -> list[Any]:
    return [each["description"] for each in (await here.get(f"{O311}/requests.json")).json]


async def release(desk: Desk, report: Report) -> None:
    await desk.publish(report.id, by="sari", name=proposed(report).name)


async def test_words_are_read_only_after_an_operator_released_them(here: Town) -> None:
    desk, report = desk_of(here.house, here.house.seal), await sent(here)
    assert await read(here) == [""]
    (proposal,) = await desk.proposals()
    await release(desk, proposal.report)
    (shown,) = await read(here)
    assert shown.startswith(LAMP)
    assert HIDDEN in shown
    assert "0812" not in shown
    for path in ("requests.json", "requests.xml", f"requests/{report.tracking}.json"):
        body = (await here.get(f"{O311}/{path}", extensions="true")).body.decode()
        assert CANARY not in body
    log = (await here.house.file(report.tracking)).events[-1]
    assert (log.kind, log.by) == ("released", "sari")


async def test_what_is_added_later_is_not_read_until_it_is_released_too(here: Town) -> None:
    desk, report = desk_of(here.house, here.house.seal), await sent(here)
    await release(desk, report)
    (before,) = await read(here)
    update = {"service_request_id": report.tracking, "description": f"Rumah {CANARY} gelap"}
    answer = await here.post(f"{O311}/servicerequestupdates.json", {"api_key": CITY} | update)
    assert answer.status == 201
    await here.routed()
    assert CANARY in (await here.house.file(report.tracking)).report.text
    assert await read(here) == [before]
    with pytest.raises(Conflict, match="berubah"):
        await release(desk, report)
    (proposal,) = await desk.proposals()
    assert (proposal.is_shown, proposal.is_new) == (True, True)
    await release(desk, proposal.report)
    assert CANARY in (await read(here))[0]


async def test_words_are_taken_back_and_kept(here: Town) -> None:
    desk, report = desk_of(here.house, here.house.seal), await sent(here)
    await release(desk, report)
    await desk.keep_private(report.id, by="budi")
    assert await read(here) == [""]
    await desk.keep_private(report.id, by="budi")
    log = (await here.house.file(report.tracking)).events[-3:]
    assert [(each.kind, each.by) for each in log] == [
        ("released", "sari"),
        ("taken_back", "budi"),
        ("kept_private", "budi"),
    ]
    (proposal,) = await desk.proposals()
    assert not proposal.is_shown


@pytest.mark.parametrize("flag", FLAGS)
async def test_some_words_are_never_offered_nor_released(here: Town, flag: str) -> None:
    desk, report = desk_of(here.house, here.house.seal), await sent(here, **FLAGS[flag])
    assert await desk.proposals() == []
    with pytest.raises(Conflict, match="tidak boleh"):
        await release(desk, report)
    listed = (await here.get(f"{O311}/requests.json")).body.decode()
    assert "0812" not in listed
    assert "Lampu jalan di" not in listed


@pytest.mark.parametrize("mark", ["anonymous", "confidential"])
async def test_who_hides_later_is_read_no_more(here: Town, mark: str) -> None:
    desk, report = desk_of(here.house, here.house.seal), await sent(here)
    await release(desk, report)
    stored = (await here.house.file(report.tracking)).report
    hidden = stored.model_copy(update={mark: True}).model_dump_json().replace("'", "''")
    await here.house.change(f"UPDATE reports SET body = '{hidden}'")
    for path in ("requests.json", f"requests/{report.tracking}.json"):
        assert "Lampu jalan di" not in (await here.get(f"{O311}/{path}")).body.decode()


async def test_a_program_may_say_so_too(here: Town) -> None:
    answer = await here.send({"text": SAID, "public": True})
    assert answer.status == 201
    await here.routed()
    assert (await here.house.newest()).report.public
    answer = await here.send({"text": f"{SAID} lagi"})
    assert (await here.get(f"{API}/topics")).status == 200
    await here.routed()
    assert answer.status == 201
