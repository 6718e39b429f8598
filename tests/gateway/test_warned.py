"""A receipt that is shown at once begins with whom to call; ``kanal check`` knows the numbers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.load import load
from config.emergency import emergency
from gateway import checks
from tests.adapters.examples import PUBLIC_URL
from tests.adapters.web.forms import filled, posted
from tests.gateway.making import House, house
from tests.gateway.partners import Town, town

FIRE = "tolong rumah tetangga terbakar sekarang di Kelurahan Dago Kota Bandung"
CALM = "lampu jalan mati sudah dua minggu di Kelurahan Dago Kota Bandung"
CALL = "Segera telepon 112"


@pytest.fixture
async def form(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    web = load("web", {"type": "web"}, public_url=PUBLIC_URL)
    async with house(sqlite_url, tmp_path, more=[web]) as built:
        yield built


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(sqlite_url, tmp_path) as built:
        yield built


async def receipt(form: House, body: str) -> str:
    web = form.door.receiver("web")
    assert web
    answer = await form.door.receive_webhook(web, posted(filled(title="Laporan warga", body=body)))
    assert answer.status == 201, answer.body
    return answer.body.decode()


async def test_the_receipt_of_the_form_begins_with_the_number(form: House) -> None:
    assert (await receipt(form, FIRE)).startswith(f'{{"danger": "{CALL}')
    assert "danger" not in await receipt(form, CALM)


async def test_programs_are_told_to_show_it(here: Town) -> None:
    answer = await here.send({"text": FIRE, "sender": {"id": "siti"}})
    assert answer.json["danger"].startswith(CALL)
    assert "danger" not in (await here.send({"text": CALM, "sender": {"id": "budi"}})).json


async def test_open311_says_it_at_the_head_of_its_notice(here: Town) -> None:
    heard = await here.request(lat="-6.88", long="107.61", description=FIRE, email="a@x.example")
    assert heard.json[0]["service_notice"].startswith("Segera telepon")


def test_numbers_nobody_confirmed_are_named() -> None:
    sms = load("sms", {"type": "web", "region": "64.72"}, public_url=PUBLIC_URL)
    (said,) = checks.list_unconfirmed({"sms": sms})
    assert "112" in said
    assert "115" not in said, "no kind of danger is told 115 where 112 is served"
    anywhere = load("sms", {"type": "web"}, public_url=PUBLIC_URL)
    (said,) = checks.list_unconfirmed({"sms": anywhere})
    assert "115" in said
    assert emergency().unverified(["64.72"]) != emergency().unverified(["53.04"])
    assert checks.list_unconfirmed({}) == []
