"""Messages in several parts: reordered, repeated, lost and late, they make one report each."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Inbound, Segment, WebhookResponse
from gateway.intake.envelope import unpacked
from gateway.intake.reassembly import KEPT, Reassembly
from gateway.intake.segments import LATE, ReassemblyPlan, plan
from gateway.platform.seal import ENVELOPE
from gateway.queues.due import EVERYWHERE, LEASE, DueTask
from gateway.store.cursors import Cursor
from gateway.store.due import SEGMENTS
from gateway.store.segments import SegmentRecord, segment_key
from gateway.store.unit import UnitOfWork
from gateway.store.views import ReportFile
from normalizer.message import Message
from tests.gateway.conftest import Away
from tests.gateway.making import (
    NOWHERE,
    OTHER,
    ROAD,
    SOON,
    WHERE,
    WHO,
    House,
    house,
    note,
    until_drained,
)
from tests.gateway.streams import Stream, polling

TEXTS = (f"{ROAD}. Sudah tiga bul", "an begini, banyak yang ja", "tuh. Mohon segera diperbaiki.")
WHOLE = "".join(TEXTS)
TIMEOUT = timedelta(minutes=10)
START = datetime(2026, 3, 2, tzinfo=UTC)


def part(number: int, text: str = "", who: str = WHO, **more: Any) -> dict[str, Any]:
    """Write one part; ``ref`` and ``total`` name its message."""
    reference, total = more.pop("ref", "8-bit 7"), more.pop("total", 3)
    said = text or TEXTS[number - 1]
    id = more.pop("id", f"{who} {reference} {number}/{total} {said}")
    return note(said, who, id=id, part=[reference, number, total], **more)


def joining(house: House, holder: str = "one") -> DueTask:
    mark = house.store.cursors.of(EVERYWHERE, "due segments", holder=holder)
    return DueTask(house.store, Reassembly(house.door, house.store, house.seal), mark)


async def bring(house: House, *numbers: int, **more: Any) -> None:
    """Bring parts one by one, joining after each what can be joined."""
    for number in numbers:
        answer: WebhookResponse = await house.take(part(number, **more))
        assert answer.status == 200
        await joining(house).turn()


async def texts(house: House) -> list[str]:
    """Return the texts of all messages, oldest first."""
    rows = await house.rows("SELECT body FROM messages ORDER BY received_at")
    return [Message.model_validate_json(row[0]).text for row in rows]


async def one_file(house: House) -> ReportFile:
    assert await house.work_all() == {}
    assert await house.counted("reports") == 1
    return await house.newest()


# --- the plan -------------------------------------------------------------------------------------


def row(number: int, at: float, digest: str = "", **more: Any) -> SegmentRecord:
    name = f"{number}@{at}"
    moment = START + timedelta(seconds=at)
    return SegmentRecord(name, number, name, digest or f"d{number}", b"", moment, **more)


def gone(number: int, at: float, message: str, digest: str = "") -> SegmentRecord:
    moment = START + timedelta(seconds=at)
    return row(number, at, digest, message=message, joined_at=moment)


def planned(rows: Sequence[SegmentRecord], total: int, at: float) -> list[ReassemblyPlan]:
    now = START + timedelta(seconds=at)
    return plan(rows, total, now=now, timeout=TIMEOUT)


def ids(join: ReassemblyPlan) -> tuple[str, list[str], list[str], bool]:
    return join.message, [r.id for r in join.rows], [r.id for r in join.copies], join.late


Made = tuple[str, list[str], list[str], bool]


@pytest.mark.parametrize(
    ("rows", "at", "expected"),
    [
        ([], 0, []),
        ([row(1, 0)], 1, []),
        ([row(1, 0), row(2, 1)], 1, [("1@0", ["1@0", "2@1"], [], False)]),
        ([row(2, 0), row(1, 1)], 1, [("2@0", ["1@1", "2@0"], [], False)]),
        ([row(1, 0), row(1, 1)], 1, []),
        ([row(1, 0), row(1, 1), row(2, 2)], 2, [("1@0", ["1@0", "2@2"], ["1@1"], False)]),
        ([row(1, 0)], 600, [("1@0", ["1@0"], [], False)]),
        ([row(1, 0), row(1, 599, "other")], 601, [("1@0", ["1@0"], [], False)]),
        (
            [row(1, 0), row(1, 1, "other"), row(2, 2)],
            2,
            [("1@1", ["1@1", "2@2"], [], False)],
        ),
        ([gone(1, 0, "m"), gone(2, 0, "m"), row(1, 5)], 5, [("m", [], ["1@5"], False)]),
        ([gone(1, 0, "m"), gone(2, 0, "m"), row(1, 4000)], 4000, []),
        ([gone(1, 0, "m"), gone(2, 0, "m"), row(1, 5, "new")], 5, []),
        ([gone(1, 600, "m"), row(2, 700)], 700, [("m", ["2@700"], [], True)]),
        (
            [gone(1, 600, "m"), row(2, 700), row(2, 701)],
            701,
            [("m", ["2@700"], [], True), ("m", [], ["2@701"], False)],
        ),
        ([gone(1, 0, "m"), row(2, LATE.total_seconds() + 1)], LATE.total_seconds() + 1, []),
        (
            [gone(1, 600, "m"), row(1, 700, "new"), row(2, 701)],
            701,
            [("1@700", ["1@700", "2@701"], [], False)],
        ),
    ],
    ids=lambda value: "" if isinstance(value, list | int | float) else str(value),
)
def test_what_belongs_together(rows: list[SegmentRecord], at: float, expected: list[Made]) -> None:
    assert [ids(join) for join in planned(rows, 2, at)] == expected


@given(st.integers(2, 6), st.randoms(use_true_random=False), st.integers(0, 8), st.booleans())
def test_in_any_order_with_any_repeats_there_is_one_message(
    total: int, dice: random.Random, repeats: int, eager: bool
) -> None:
    numbers = [*range(1, total + 1), *(dice.randint(1, total) for _ in range(repeats))]
    dice.shuffle(numbers)
    rows: list[SegmentRecord] = []
    made: list[ReassemblyPlan] = []
    for at, number in enumerate(numbers):
        rows.append(row(number, at))
        if eager or at == len(numbers) - 1:
            joins = planned(rows, total, at)
            made += [join for join in joins if join.rows]
            taken = {id: join.message for join in joins for id in join.ids}
            rows = [
                gone(r.number, (r.received_at - START).total_seconds(), taken[r.id])
                if r.id in taken
                else r
                for r in rows
            ]
    (join,) = made
    assert [r.number for r in join.rows] == list(range(1, total + 1))
    assert not join.late
    assert all(r.joined_at for r in rows)


# --- one message ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
async def test_parts_in_any_order_make_one_report(house: House, order: tuple[int, ...]) -> None:
    await bring(house, *order)
    assert await texts(house) == [WHOLE]
    file = await one_file(house)
    assert file.report.text == WHOLE
    assert file.report.assignment is not None
    assert len(house.paper.told()) == 1
    assert await house.counted("parts", "joined_at IS NULL") == 0


async def test_a_part_is_safe_and_sealed_before_it_is_acknowledged(house: House) -> None:
    await bring(house, 2)
    ((sender, envelope),) = await house.rows("SELECT sender, envelope FROM parts")
    assert TEXTS[1].encode() not in bytes(envelope)
    assert WHO not in sender
    assert await house.counted("messages") == 0


@pytest.mark.parametrize("order", [(1, 1, 2, 3), (1, 2, 3, 2), (1, 2, 3, 1, 2, 3)])
async def test_a_part_that_comes_again_changes_nothing(
    house: House, order: tuple[int, ...]
) -> None:
    await bring(house, *order)
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    assert await texts(house) == [WHOLE]


async def test_a_part_that_comes_again_under_another_id_changes_nothing(house: House) -> None:
    for number, id in [(1, "a"), (1, "b"), (2, "c"), (3, "d"), (2, "e"), (3, "f")]:
        await house.take(part(number, id=id))
        await joining(house).turn()
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    assert await texts(house) == [WHOLE]
    assert await house.counted("parts", "joined_at IS NULL") == 0


async def test_two_senders_with_one_reference_are_kept_apart(house: House) -> None:
    await bring(house, 1, 2)
    await bring(house, 3, who=OTHER, text="tuh di Kota Medan.")
    assert await texts(house) == []
    await bring(house, 3)
    await bring(house, 1, who=OTHER, text="Lampu jalan ")
    await bring(house, 2, who=OTHER, text="mati dan ja")
    assert await texts(house) == [WHOLE, "Lampu jalan mati dan jatuh di Kota Medan."]


async def test_a_reference_that_comes_round_again_is_another_message(house: House) -> None:
    await bring(house, 1, 2, 3)
    house.clock.pass_(minutes=5)
    for number, text in [(3, "mati."), (1, "Lampu jalan "), (2, "di Kota Medan ")]:
        await bring(house, number, text=text)
    assert await texts(house) == [WHOLE, "Lampu jalan di Kota Medan mati."]


async def test_other_numbers_of_ours_references_and_totals_are_kept_apart(house: House) -> None:
    await bring(house, 1)
    await bring(house, 2, account="1709")
    await bring(house, 2, ref="16-bit 7")
    await bring(house, 2, total=4)
    await bring(house, 3)
    assert await texts(house) == []
    await bring(house, 2)
    assert await texts(house) == [WHOLE]


async def test_an_emoji_that_lies_across_two_parts_is_whole(house: House) -> None:
    await bring(house, 1, text="Lampu jalan di Kota Medan mati \ud83d", total=2)
    await bring(house, 2, text="\udca1 gelap", total=2)
    assert await texts(house) == ["Lampu jalan di Kota Medan mati 💡 gelap"]


# --- lost and late --------------------------------------------------------------------------------


async def test_a_missing_part_is_not_waited_for_for_ever_and_marked(house: House) -> None:
    await bring(house, 3, 1)
    house.clock.pass_(minutes=9)
    await joining(house).turn()
    assert await texts(house) == []
    house.clock.pass_(minutes=2)
    await joining(house).turn()
    file = await one_file(house)
    assert file.report.text == f"{TEXTS[0]} [… bagian 2 tidak diterima …] {TEXTS[2]}"
    assert file.report.assignment is not None


@pytest.mark.parametrize(
    ("came", "total", "text"),
    [
        ((2,), 3, "[… bagian 1 tidak diterima …] isi 2 [… bagian 3 tidak diterima …]"),
        ((1,), 5, "isi 1 [… bagian 2–5 tidak diterima …]"),
        ((4, 1), 4, "isi 1 [… bagian 2–3 tidak diterima …] isi 4"),
    ],
)
async def test_every_hole_is_marked_once(
    lite: House, came: tuple[int, ...], total: int, text: str
) -> None:
    for number in came:
        await lite.take(part(number, f"isi {number}", total=total))
    lite.clock.pass_(minutes=11)
    await joining(lite).turn()
    assert await texts(lite) == [text]


async def test_a_late_part_follows_up(house: House) -> None:
    await bring(house, 1, 3)
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    await one_file(house)
    house.clock.pass_(minutes=30)
    await bring(house, 2)
    file = await one_file(house)
    assert file.report.text.endswith(f"[bagian 2 dari 3, diterima terlambat] {TEXTS[1]}")
    assert [event.kind for event in file.events].count("followed_up") == 1
    await bring(house, 2)
    await house.take(part(2, id="again"))
    await joining(house).turn()
    assert (await one_file(house)).report.version == file.report.version
    assert await house.counted("messages") == 2


async def test_a_late_part_with_the_place_answers_the_question(house: House) -> None:
    await house.take(part(1, f"{NOWHERE} segera, ", total=2))
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    await one_file(house)
    await house.take(part(2, WHERE, total=2))
    await joining(house).turn()
    file = await one_file(house)
    assert file.report.assignment is not None
    assert file.report.assignment.agency is not None


async def test_a_part_from_another_day_is_no_late_one(house: House) -> None:
    await bring(house, 1)
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    house.clock.pass_(hours=25)
    await bring(house, 2)
    house.clock.pass_(minutes=11)
    await joining(house).turn()
    assert (await texts(house))[1].startswith("[… bagian 1 tidak diterima …]")


async def test_parts_of_a_channel_wait_as_long_as_its_block_says(house: House) -> None:
    house.paper.block = house.paper.block.model_copy(update={"part_timeout": 30.0})
    await bring(house, 1)
    house.clock.pass_(seconds=31)
    assert await joining(house).turn() == 1


async def test_what_was_joined_is_forgotten_after_a_while(house: House) -> None:
    await bring(house, 1, 2, 3)
    house.clock.pass_(seconds=KEPT.total_seconds() + 1)
    await bring(house, 1, ref="16-bit 9", total=2)
    await bring(house, 2, ref="16-bit 9", total=2)
    assert await house.counted("parts") == 2


# --- crashes, races and outages -------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


async def test_a_crash_before_the_commit_leaves_the_parts_to_the_next_process(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await house.take(part(number))
    flush = UnitOfWork.flush

    async def killed(unit: UnitOfWork) -> None:
        await flush(unit)
        raise Killed

    monkeypatch.setattr(UnitOfWork, "flush", killed)
    with pytest.raises(Killed):
        await joining(house).turn()
    assert (await house.counted("messages"), await house.counted("parts", "message IS NULL")) == (
        0,
        3,
    )
    monkeypatch.undo()
    assert await joining(house, "two").turn() == 0, "the first one's time is not over"
    house.clock.pass_(seconds=LEASE + 1)
    assert await joining(house, "two").turn() == 1
    assert await texts(house) == [WHOLE]


async def test_two_processes_that_race_make_one_message(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with nothing to keep them apart: the marks do."""

    async def always(self: Cursor, seconds: float) -> bool:
        return True

    monkeypatch.setattr(Cursor, "take", always)
    for total in range(2, 12):
        await asyncio.gather(
            *(
                house.take(part(number, f"{ROAD} {total} {number}", ref=f"r{total}", total=total))
                for number in range(1, total + 1)
            )
        )
        counts = await asyncio.gather(*(joining(house, str(n)).turn() for n in range(4)))
        assert sum(counts) == 1
    assert await house.counted("messages") == 10
    assert await house.counted("quarantine") == 0


async def test_a_racer_that_saw_less_makes_no_second_message(house: House) -> None:
    """One gives up waiting while the other has just seen the last part."""
    await bring(house, 1, 2)
    house.clock.pass_(minutes=11)
    slow = Reassembly(house.door, house.store, house.seal)
    (row,) = await house.store.due.rows(SEGMENTS, house.clock(), 9)
    key = segment_key(row)
    seen = await house.store.segments.of(key)
    await house.take(part(3))
    fast = joining(house)
    assert await fast.turn() == 1
    assert await slow.join_all(house.paper, key[-1], seen) == 0
    assert await texts(house) == [WHOLE]


async def test_parts_wait_in_the_spool_while_the_database_is_away(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        await bring(built, 2)
        with away():
            for number in (3, 1, 2):
                assert (await built.take(part(number))).status == 200
            assert built.commits.spooled > 0
        await until_drained(built.commits)
        async with asyncio.timeout(SOON):
            while not await built.counted("messages"):
                with contextlib.suppress(Exception):
                    await joining(built).turn()
        assert await texts(built) == [WHOLE]


async def test_a_joiner_that_runs_joins_at_once(house: House) -> None:
    running = asyncio.create_task(joining(house).run())
    for number in (1, 2, 3):
        await house.take(part(number))
    async with asyncio.timeout(SOON):
        while not await house.counted("messages"):
            await house.store.queue.changed(1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await joining(house, "two").turn() == 0
    assert await texts(house) == [WHOLE]


# --- other ways in, and poison --------------------------------------------------------------------


async def test_parts_from_a_provider_that_is_asked(house: House) -> None:
    class InParts(Stream):
        def _read(self, raw: bytes) -> Inbound:
            item = super()._read(raw)
            number = int(item.external_id.removeprefix("item-"))
            return replace(item, part=Segment("r", number, 2))

    channel = InParts()
    channel.said += [channel.item(number, f"{ROAD} {number} ") for number in (2, 1)]
    await polling(house, channel).turn()
    assert await house.counted("messages") == 0
    assert await joining(house).turn() == 1
    assert await texts(house) == [f"{ROAD} 1 {ROAD} 2"]


async def test_parts_that_cannot_be_read_together_are_quarantined_and_can_be_released(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await house.take(part(number))
    monkeypatch.setattr(house.door.sealer, "seal_message", _broken)
    await joining(house).turn()
    await joining(house).turn()
    monkeypatch.undo()
    assert await house.counted("parts", "joined_at IS NULL") == 0
    ((id, reason, sealed),) = await house.rows("SELECT id, reason, envelope FROM quarantine")
    assert reason == "unreadable"
    kept = unpacked(house.seal.open(bytes(sealed), ENVELOPE))
    assert await house.door.readmit(house.paper, kept, id, reason) == 1
    assert await texts(house) == [WHOLE]


def _broken(*_: object) -> None:
    raise KeyError("a citizen's words")


async def test_a_message_the_database_refuses_is_quarantined(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await house.take(part(number))
    take_in = UnitOfWork.take_in
    calls: dict[str, int] = defaultdict(int)

    async def refused(unit: UnitOfWork, batch: Any) -> set[str]:
        calls["take_in"] += 1
        if calls["take_in"] == 1:
            raise ValueError("too much for this database")
        return await take_in(unit, batch)

    monkeypatch.setattr(UnitOfWork, "take_in", refused)
    await joining(house).turn()
    assert await house.counted("quarantine", "reason = 'unstorable'") == 1
    assert await house.counted("parts", "joined_at IS NULL") == 0


async def test_parts_of_a_channel_that_is_gone_wait_for_it(house: House) -> None:
    await house.take(part(1))
    await house.take(part(2))
    await house.take(part(3))
    channels, house.door.channels = house.door.channels, {}
    assert await joining(house).turn() == 0
    assert await house.rows("SELECT failures, error FROM due") == [(1, "ChannelGone")]
    house.door.channels = channels
    house.clock.pass_(seconds=3)
    assert await joining(house).turn() == 1
    assert await house.counted("due") == 0


async def test_many_messages_at_once_keep_their_parts(house: House) -> None:
    dice = random.Random(8)
    notes = [
        part(number, f"{ROAD} {who} {number} ", f"+62812{who:07d}", total=4)
        for who in range(20)
        for number in range(1, 5)
    ]
    dice.shuffle(notes)
    await asyncio.gather(*(house.take(each) for each in notes))
    assert await joining(house).turn() == 20
    expected = {"".join(f"{ROAD} {who} {n} " for n in range(1, 5)).strip() for who in range(20)}
    assert set(await texts(house)) == expected
