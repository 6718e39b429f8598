"""Words become public where their reporter agreed and an operator released them, and only those."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access.roles import system
from gateway.casework.conflicts import Conflict
from gateway.casework.operators import OperatorService
from gateway.casework.publishing import propose_text
from normalizer import masking
from normalizer.masking import HIDDEN
from normalizer.message import Attachment
from normalizer.report import Link, Recusal, Release, Report, Status, Topic
from tests.cases import overwriting, reworded
from tests.gateway.making import LAMP
from tests.gateway.partners import API, CITY, O311, Town, town

pytestmark = pytest.mark.usefixtures("trusted")

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
        assert (await built.house.store.events.audit())[1] == []


async def sent(here: Town, **changes: str) -> Report:
    """Send a report about a lamp whose reporter agrees to be read."""
    fields = {"service_code": "", "description": SAID} | AGREED | changes
    service = fields.pop("service_code") or "lampu-jalan"
    number = await here.numbered(service_code=service, **fields)
    return (await here.house.file(number)).report


async def read(here: Town) -> list[Any]:
    return [each["description"] for each in (await here.get(f"{O311}/requests.json")).json]


async def release(desk: OperatorService, report: Report) -> None:
    await desk.publish(report.id, actor=system("sari"), name=propose_text(report).name)


GRAVE = (
    "saya diperkosa ayah tiri saya di Kelurahan Dago Kota Bandung, umur saya 15",
    "saya penderita HIV ditolak puskesmas Garuda Kota Bandung",
    "ANONIM lurah Dago Kota Bandung minta uang 500 ribu untuk surat tanah",
    "ANONIM guru SD Negeri 7 Kota Bandung memukul anak saya kelas 3B",
)


async def test_of_four_grave_reports_and_a_lamp_the_public_reads_that_there_is_a_lamp(
    here: Town,
) -> None:
    for number, text in enumerate((*GRAVE, LAMP)):
        await here.house.say(text, f"+62812000000{number}")
    (row,) = (await here.get(f"{O311}/requests.json", extensions="true")).json
    assert (row["service_code"], row["description"]) == ("lampu-jalan", "")
    assert row["address"] == "Kecamatan Wonocolo"
    updates = (await here.get(f"{O311}/servicerequestupdates.json")).json
    assert {each["service_request_id"] for each in updates} == {row["service_request_id"]}


async def test_words_are_read_only_after_an_operator_released_them(here: Town) -> None:
    desk, report = here.house.services.operators, await sent(here)
    assert await read(here) == [""]
    (proposal,) = await desk.proposals(actor=system("sari"))
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
    desk, report = here.house.services.operators, await sent(here)
    await release(desk, report)
    (before,) = await read(here)
    update = {"service_request_id": report.tracking, "description": f"Rumah {CANARY} gelap"}
    answer = await here.post(f"{O311}/servicerequestupdates.json", {"api_key": CITY} | update)
    assert answer.status == 201
    await here.routed()
    assert CANARY in (await here.house.file(report.tracking)).report.text
    assert await read(here) == [before]
    with pytest.raises(Conflict, match="text_changed"):
        await release(desk, report)
    (proposal,) = await desk.proposals(actor=system("sari"))
    assert (proposal.is_shown, proposal.is_new) == (True, True)
    await release(desk, proposal.report)
    assert CANARY in (await read(here))[0]


async def test_words_are_taken_back_and_kept(here: Town) -> None:
    desk, report = here.house.services.operators, await sent(here)
    await release(desk, report)
    await desk.keep_private(report.id, actor=system("budi"))
    assert await read(here) == [""]
    await desk.keep_private(report.id, actor=system("budi"))
    log = (await here.house.file(report.tracking)).events[-3:]
    assert [(each.kind, each.by) for each in log] == [
        ("released", "sari"),
        ("taken_back", "budi"),
        ("kept_private", "budi"),
    ]
    (proposal,) = await desk.proposals(actor=system("sari"))
    assert not proposal.is_shown


async def test_while_masking_is_not_trusted_no_words_are_public(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, report = here.house.services.operators, await sent(here)
    await release(desk, report)
    monkeypatch.setattr(masking, "UNTRUSTED", ("name",))
    assert await read(here) == [""]
    other = await sent(here, description=f"{SAID} lagi")
    with pytest.raises(Conflict, match="masking"):
        await release(desk, other)
    await desk.keep_private(report.id, actor=system("sari"))
    monkeypatch.setattr(masking, "UNTRUSTED", ())
    assert await read(here) == ["", ""]


@pytest.mark.parametrize("flag", FLAGS)
async def test_some_words_are_never_offered_nor_released(here: Town, flag: str) -> None:
    desk, report = here.house.services.operators, await sent(here, **FLAGS[flag])
    assert await desk.proposals(actor=system("sari")) == []
    with pytest.raises(Conflict, match="not_public"):
        await release(desk, report)
    listed = (await here.get(f"{O311}/requests.json")).body.decode()
    assert "0812" not in listed
    assert "Lampu jalan di" not in listed


@pytest.mark.parametrize("mark", ["anonymous", "confidential"])
async def test_who_hides_later_is_read_no_more(here: Town, mark: str) -> None:
    desk, report = here.house.services.operators, await sent(here)
    await release(desk, report)
    stored = (await here.house.file(report.tracking)).report
    await here.house.change(overwriting(stored.model_copy(update={mark: True})))
    for path in ("requests.json", f"requests/{report.tracking}.json"):
        assert "Lampu jalan di" not in (await here.get(f"{O311}/{path}")).body.decode()


PUBLIC_WORDS = frozenset(
    {
        *("topic.id", "topic.name", "assignment.agency.id", "assignment.agency.name"),
        *("assignment.reasons.topic.text", "assignment.reasons.competence.text"),
    }
)
"""The only words that may ever leave by a public door, but for those that were released."""


def marked(value: Any, path: str, whole: Any, found: set[str]) -> Any:
    """Put a word that names its place into every text of a report that may hold any words."""
    if isinstance(value, dict):
        rule = f".{value['rule']}" if "rule" in value else ""
        for name, each in value.items():
            where = f"{path}{rule}.{name}".lstrip(".")
            value[name] = marked(each, where, whole, found)
            if isinstance(each, str):
                word = f"{CANARY}.{where}."
                value[name] = word
                try:
                    Report.model_validate_json(json.dumps(whole))
                    found.add(where)
                except ValueError:
                    value[name] = each
        return value
    if isinstance(value, list):
        return [
            f"{CANARY}.{path}." if path.endswith("notes") else marked(each, path, whole, found)
            for each in value
        ]
    return value


def filled(report: Report) -> Report:
    """Return a report in which no field is empty that could hold words."""
    file = Attachment(name="foto.jpg", media_type="image/jpeg", url="x", original="y")
    said = {
        "attachments": (file,),
        "notes": ("catatan",),
        "chosen_topic": "x",
        "chosen_agency": "x",
    }
    more = {
        "links": (Link(kind="follow_up", report_id=report.id, tracking=report.tracking),),
        "recusals": (Recusal(office="lurah", name="Lurah"),),
        "release": Release(shown=True, text="Yang dilepas", by="x", at=report.received_at),
        "public": True,
    }
    whole = reworded(report, **said).model_copy(update=more).model_dump(mode="json")
    found: set[str] = set()
    marked(whole, "", whole, found)
    whole["release"]["text"] = "Yang dilepas"
    said_in = {f"messages.{name}" for name in ("title", "text", "original", "address")}
    assert said_in | {"reporter.sealed", "places.words"} <= found
    return Report.model_validate_json(json.dumps(whole))


@pytest.mark.parametrize("hide", ["", "anonymous", "confidential", "sensitive", "waiting"])
async def test_no_word_of_a_report_leaves_by_a_public_door_but_these(here: Town, hide: str) -> None:
    report = filled(await sent(here))
    topic = (report.topic or Topic(id="", name="", confidence=1.0)).model_copy(
        update={"id": "pertanahan" if hide == "sensitive" else "lampu-jalan"}
    )
    status = Status.WAITING_FOR_REPORTER if hide == "waiting" else report.status
    hidden: dict[str, Any] = {hide: True} if hide in ("anonymous", "confidential") else {}
    report = report.model_copy(update={"topic": topic, "status": status, **hidden})
    await here.house.change(overwriting(report))
    number, heard = report.tracking, ""
    for form in ("json", "xml"):
        for path in (f"requests.{form}", f"requests/{number}.{form}", f"tokens/{number}.{form}"):
            heard += (await here.get(f"{O311}/{path}", extensions="true")).body.decode()
        heard += (await here.get(f"{O311}/servicerequestupdates.{form}")).body.decode()
        ids = {"service_request_id": number, "extensions": "true"}
        heard += (await here.get(f"{O311}/requests.{form}", **ids)).body.decode()
    for path in (f"reports/{number}", "reports", "sensitive-counts"):
        heard += (await here.get(f"{API}/{path}")).body.decode()
    leaked = set(re.findall(rf"{CANARY}\.([a-z_.]+)\.", heard))
    assert leaked <= PUBLIC_WORDS
    assert ("assignment.agency.name" in leaked) >= (hide in ("", "anonymous"))
    assert ("Yang dilepas" in heard) == (hide == "")
    if hide in ("confidential", "sensitive"):
        assert leaked == set()


async def test_a_program_may_say_so_too(here: Town) -> None:
    answer = await here.send({"text": SAID, "public": True})
    assert answer.status == 201
    await here.routed()
    assert (await here.house.newest()).report.public
