"""Messages over a door's budget: durable and answered at once, read where nobody waits."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.contract import Inbound
from config.words import mark
from gateway.intake import heavy
from gateway.platform.sandbox import Sandbox, TookTooLong
from normalizer.inbound import Author
from normalizer.message import Reporter
from tests.gateway.making import ROAD, Here, House, here, house, made_parts, note

T = TypeVar("T")

LONG = f"{ROAD}. " + "Sudah lama begini dan tidak ada yang datang. " * 150
assert len(LONG) > heavy.BUDGET


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(f"sqlite+aiosqlite:///{tmp_path}/kanal.sqlite3", tmp_path) as made:
        yield made


class Hanging(Here):
    """A sandbox in which nothing is read in time."""

    async def read(self, function: Callable[..., T], *arguments: object) -> T:
        raise TookTooLong("not read within 1 s")


async def test_a_long_message_is_kept_at_once_and_read_later(home: House) -> None:
    answer = await home.take(note(LONG, id="1"))
    assert answer.status == 200
    assert await home.counted("messages") == 0
    assert await home.counted("parts") == 1

    assert await home.join() == 1
    assert await home.work_all() == {}
    file = await home.newest()
    assert file.report.text == LONG.strip()
    assert file.report.assignment is not None
    assert file.report.assignment.agency is not None


async def test_a_repeat_makes_no_second_report(home: House) -> None:
    for _ in range(2):
        await home.take(note(LONG, id="1"))
    assert await home.join() == 1
    await home.take(note(LONG, id="1"))
    assert await home.join() == 0
    assert await home.work_all() == {}
    assert await home.counted("reports") == 1
    assert await home.counted("quarantine") == 0


async def test_other_words_under_the_same_id_are_quarantined(home: House) -> None:
    await home.take(note(LONG, id="1"))
    await home.take(note(f"{LONG} Tambahan.", id="1"))
    assert await home.rows("SELECT reason FROM quarantine") == [("same_id_other_content",)]


async def test_of_what_cannot_be_read_the_head_is_read_and_the_whole_is_kept(home: House) -> None:
    await home.take(note(LONG, id="1"))
    assert await home.another(sandboxes=replace(here(), texts=Hanging())).reassembly.turn() == 1
    assert await home.work_all() == {}
    report = (await home.newest()).report
    assert report.text.endswith(mark("unread"))
    assert report.text.startswith(ROAD)
    assert report.first.original == LONG.strip()
    assert report.places


async def test_the_process_reads_what_a_door_would_have_read() -> None:
    inbound = Inbound("paper", "", "1", Author("a"), LONG, b"")
    about: dict[str, Any] = {
        "id": "018f0000-0000-7000-8000-000000000001",
        "tracking": "482109375516",
        "received_at": datetime(2026, 11, 20, tzinfo=UTC),
        "reporter": Reporter(ref="r", sealed="s"),
        "context": None,
    }
    reader = Sandbox(1, 60.0, modules=("gateway.intake.heavy",))
    try:
        apart = await reader.read(heavy.normalized, inbound, about)
    finally:
        await reader.close()
    assert apart == made_parts().normalizer.normalize(inbound, **about)
