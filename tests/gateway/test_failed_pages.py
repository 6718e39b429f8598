"""Dead letters and the quarantine a page at a time: no row is on two pages, none on no page."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from gateway.access.roles import system
from gateway.store.queries import PageEnd
from tests.gateway.making import House
from tests.gateway.office import Office

AT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)


async def test_every_dead_letter_is_on_one_page(house: House) -> None:
    desk = Office(house)
    for number in range(1, 8):  # some are of the same moment
        await desk.kill(number, at=AT + timedelta(seconds=number // 3))
    listed, behind = [], ""
    while page := await desk.desk.dead_letters(2, behind, actor=system("rini")):
        listed += [each.id for each in page]
        behind = page[-1].place
    assert listed == [7, 6, 5, 4, 3, 2, 1]
    assert await desk.desk.count_dead(actor=system("rini")) == 7


async def test_every_quarantined_message_is_on_one_page(house: House) -> None:
    desk = Office(house)
    for number in range(1, 8):
        state = "noted" if number % 3 == 0 else "open"
        await desk.hold(f"q{number}", at=AT + timedelta(seconds=number // 4), state=state)
    await desk.hold("q8", state="dismissed")
    listed, behind = [], ""
    while page := await desk.desk.quarantine(2, behind, actor=system("rini")):
        listed += [each.id for each in page]
        behind = page[-1].place
    assert listed == ["q7", "q5", "q4", "q2", "q1", "q6", "q3"]
    assert await desk.desk.count_quarantined(actor=system("rini")) == 7


async def test_a_page_goes_on_where_the_last_one_ended_though_its_rows_are_gone(
    house: House,
) -> None:
    desk = Office(house)
    for number in range(1, 5):
        await desk.hold(f"q{number}", at=AT + timedelta(seconds=number))
    first = await desk.desk.quarantine(2, actor=system("rini"))
    for each in first:
        await desk.desk.dismiss(each.id, actor=system("rini"), reason="iklan")
    rest = await desk.desk.quarantine(2, first[-1].place, actor=system("rini"))
    assert [each.id for each in rest] == ["q2", "q1"]


@pytest.mark.parametrize(
    "written",
    ["", "~", "~~", "x", "0~x~q1", "0~2026-03-02T03:04:05Z~", "2~2026-03-02T03:04:05Z~q1",
     "0~9999-12-31T23:59:59-23:59~q1", "0~0001-01-01T00:00:00+14:00~q1", "0~2026-03-02~q'1"],
)  # fmt: skip
async def test_an_end_that_was_typed_begins_at_the_beginning(lite: House, written: str) -> None:
    desk = Office(lite)
    await desk.kill(1)
    await desk.hold("q1")
    assert PageEnd.read(written) is None
    assert len(await desk.desk.dead_letters(2, written, actor=system("rini"))) == 1
    assert len(await desk.desk.quarantine(2, written, actor=system("rini"))) == 1


def test_an_end_is_read_as_it_was_written() -> None:
    for end in (PageEnd(AT, "q-1"), PageEnd(AT.replace(microsecond=7), "12", 1)):
        assert PageEnd.read(str(end)) == end
        assert re.fullmatch(r"[\w~:.-]+", str(end))  # as it stands in an address
