"""A telephone number changes hands: after a long silence a report is no longer its number's."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.access.ownership import Ownership
from gateway.casework.agencies import Reply
from gateway.platform.numbers import page_secret
from gateway.store.views import ReportFile
from normalizer.tracking import format_number
from tests.gateway.making import LAMP, ROAD, WHO, House, note
from tests.gateway.test_owner import BARE, SECRET, STRANGE

DAYS = 180
LATER = "Regu kami datang hari Kamis"


@pytest.fixture
async def lite(lite: House) -> AsyncIterator[House]:
    """A house in which, whatever a test did, every report's log must hold at its end."""
    yield lite
    assert (await lite.store.events.audit())[1] == []


async def answered(house: House, key: str = "1", text: str = SECRET) -> ReportFile:
    """Have the agency answer the oldest report there is."""
    tracking = (await house.rows("SELECT tracking FROM reports ORDER BY received_at"))[0][0]
    made = (await house.file(tracking)).report.assignment
    assert made
    assert made.agency
    reply = Reply(kind="progress", text=text)
    await house.agencies.reply(made.agency.id, tracking, reply, key=key)
    assert await house.work_all() == {}
    return await house.file(tracking)


async def lapsed(house: House) -> ReportFile:
    """File a report whose agency answers, and let its number be silent for too long."""
    await house.report(ROAD, thread=["m-0"])
    before = await answered(house)
    house.clock.pass_(days=DAYS + 1)
    return before


async def is_a_strangers(house: House, before: ReportFile, told: int) -> None:
    """Check that nothing of the report changed or came to its number since then."""
    after = await house.file(before.report.tracking)
    assert (after.report, after.events) == (before.report, before.events)
    assert all(SECRET not in each for each in house.paper.told()[told:])


@pytest.mark.parametrize("said", [*STRANGE, "BACA {number}", "TAMBAHAN {number} cabut"])
async def test_who_has_the_number_now_gets_no_hold_of_the_report(lite: House, said: str) -> None:
    before = await lapsed(lite)
    told = len(lite.paper.told())
    await lite.take(note(said.format(number=format_number(before.report.tracking))))
    assert await lite.work_all() == {}
    await is_a_strangers(lite, before, told)


@pytest.mark.parametrize("said", [*BARE, "BACA"])
@pytest.mark.parametrize("below", ["a letter", "the report"])
async def test_nor_who_answers_below_an_old_letter(lite: House, said: str, below: str) -> None:
    before = await lapsed(lite)
    told = len(lite.paper.told())
    letter = f"paper-{lite.paper.carried[-1][1].id}"
    await lite.take(note(said, thread=[letter if below == "a letter" else "m-0"]))
    assert await lite.work_all() == {}
    await is_a_strangers(lite, before, told)


async def test_the_agencys_answer_no_longer_goes_to_the_number(lite: House) -> None:
    await lapsed(lite)
    await answered(lite, "2", LATER)
    told = lite.paper.told()[-1]
    assert LATER not in told
    assert "dan kode" in told


async def test_nor_does_an_answer_that_was_held_until_start(lite: House) -> None:
    await lite.report(ROAD)
    await lite.take(note("STOP", wants="stop"))
    assert await lite.work_all() == {}
    await answered(lite)
    told = len(lite.paper.told())
    lite.clock.pass_(days=DAYS + 1)
    await lite.take(note("START", wants="start"))
    assert await lite.work_all() == {}
    assert len(lite.paper.told()) > told, "it is released"
    assert all(SECRET not in told for told in lite.paper.told())


async def test_the_code_of_its_page_proves_whose_it_is(lite: House) -> None:
    before = await lapsed(lite)
    number = before.report.tracking
    wrong = "aaaaaaaa" if page_secret(lite.seal, number) != "aaaaaaaa" else "bbbbbbbb"
    assert SECRET not in await lite.say(f"BACA {number} {wrong}")
    assert SECRET in await lite.say(
        f"BACA {format_number(number)} {page_secret(lite.seal, number)}"
    )
    await answered(lite, "2", LATER)
    assert LATER in lite.paper.told()[-1], "from then on it is its number's again"


@pytest.mark.parametrize("said", ["STATUS {number}", "BACA {number}", "{number} masih berlubang"])
async def test_who_goes_on_writing_keeps_it(lite: House, said: str) -> None:
    number = (await lite.report(ROAD)).report.tracking
    for _ in range(3):
        lite.clock.pass_(days=DAYS - 10)
        await lite.say(said.format(number=number))
    await answered(lite, "2", LATER)
    assert LATER in lite.paper.told()[-1]


async def test_another_report_of_the_same_number_renews_nothing(lite: House) -> None:
    await lite.report(ROAD)
    lite.clock.pass_(days=DAYS - 10)
    await lite.report(LAMP)
    lite.clock.pass_(days=20)
    await answered(lite, "2", LATER)
    assert LATER not in " ".join(lite.paper.told())


@pytest.mark.parametrize(
    ("ownership", "reads"),
    [
        (Ownership({"paper"}, 0), True),
        (Ownership(frozenset(), DAYS), True),
        (Ownership({"paper"}, DAYS), False),
    ],
    ids=["for ever", "no phone channel", "lapses"],
)
async def test_it_lapses_on_phone_channels_only_and_only_where_so_set(
    lite: House, ownership: Any, reads: bool
) -> None:
    lite.services.notify._ownership = ownership
    await lapsed(lite)
    await answered(lite, "2", LATER)
    assert (LATER in lite.paper.told(WHO)[-1]) is reads
