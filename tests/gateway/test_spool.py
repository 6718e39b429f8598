"""The spool: what is acknowledged while the database is away survives, whole and once."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.intake import group_commit
from gateway.intake.group_commit import GroupCommit
from gateway.store import spool as spool_of
from gateway.store.engine import Unavailable
from gateway.store.rows import AcceptedItem, IntakeItem, QuarantineItem, StoredFile
from gateway.store.spool import Spool, SpoolFull
from tests.gateway.making import Clock, House, accepted, held

TEXT = some.text(max_size=40)
TIME = some.datetimes(timezones=some.just(UTC))
FILES = some.lists(
    some.builds(StoredFile, TEXT, some.integers(0, 2**40), some.binary(max_size=40)), max_size=3
).map(tuple)
ACCEPTED = some.builds(
    AcceptedItem, TEXT, TEXT, TEXT, TEXT, TIME, TEXT, some.binary(), TEXT, some.binary(), FILES
)
HELD = some.builds(
    QuarantineItem,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    some.binary(),
    some.integers(0, 2**40),
    some.sampled_from(["open", "noted"]),
    TIME,
)


@given(batch=some.lists(some.one_of(ACCEPTED, HELD), min_size=1, max_size=5))
def test_every_batch_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, batch: list[IntakeItem]
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    spool.write(batch)
    (path,) = spool.waiting()
    assert spool.read(path) == batch
    spool.done(path)
    assert spool.waiting() == []


def test_batches_wait_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    spool, clock = Spool(tmp_path), Clock()
    batches: list[list[IntakeItem]] = [[held(clock)], [accepted(clock)], [held(clock)]]
    for batch in batches:
        clock.pass_(seconds=1)
        spool.write(batch)
    assert [spool.read(path) for path in spool.waiting()] == batches


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b'[{"kind": "acc',
        b"[1]",
        b'{"kind": "held"}',
        b'[{"kind": "unknown"}]',
        b'[{"kind": "held"}]',
        b'[{"kind": "accepted", "files": [1]}]',
        b'[{"kind": "held", "envelope": {"bytes": "*"}}]',
        b"[" * 100_000,
        b"null",
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path)
    path = tmp_path / "new" / "20260302T000000000000-x.json"
    path.write_bytes(content)
    assert spool.read(path) is None
    assert (spool.waiting(), spool.bad()) == ([], 1)
    assert (tmp_path / "bad" / path.name).read_bytes() == content


def test_a_batch_another_process_drained_is_no_fault(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write([held(Clock())])
    (path,) = spool.waiting()
    spool.done(path)
    assert spool.read(path) is None
    spool.done(path)
    spool.set_aside(path)
    assert spool.bad() == 0


@pytest.mark.parametrize("folder", ["tmp", "new"])
def test_a_disk_that_takes_nothing_is_said_and_leaves_nothing(tmp_path: Path, folder: str) -> None:
    spool = Spool(tmp_path)
    (tmp_path / folder).rmdir()
    (tmp_path / folder).write_text("a file where the folder was")
    with pytest.raises(SpoolFull):
        spool.write([held(Clock())])
    assert [path for path in tmp_path.rglob("*.json") if path.is_file()] == []


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"most": 2_000}, "it holds 0 bytes: no more than overload.spool_bytes"),
        ({"free": 2**62}, "its disk is nearly full: overload.free_bytes must stay free"),
    ],
)
def test_a_spool_takes_no_more_than_it_may(
    tmp_path: Path, bounds: dict[str, int], says: str
) -> None:
    spool = Spool(tmp_path, **bounds)
    with pytest.raises(SpoolFull, match=says):
        spool.write([held(Clock(), envelope=b"x" * 2_000)])
    assert spool.fault() == says
    assert spool.waiting() == []


def test_a_spool_that_was_drained_takes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_of, "COUNT_EVERY", 0.0)
    spool = Spool(tmp_path, most=5_000)
    spool.write([held(Clock())])
    with pytest.raises(SpoolFull):
        spool.write([held(Clock(), envelope=b"x" * 5_000)])
    (path,) = spool.waiting()
    spool.done(path)
    spool.write([held(Clock(), envelope=b"x" * 3_000)])


def test_a_crash_before_the_rename_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", crash)
    with pytest.raises(KeyboardInterrupt):
        spool.write([held(Clock())])
    assert Spool(tmp_path).waiting() == []


def test_what_is_written_is_synced_before_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, seen = Spool(tmp_path), list[str]()
    sync, rename = os.fsync, os.rename

    def noted(name: str, act: Callable[..., None]) -> Callable[..., None]:
        def do(*arguments: Any) -> None:
            seen.append(name)
            act(*arguments)

        return do

    monkeypatch.setattr(os, "fsync", noted("sync", sync))
    monkeypatch.setattr(os, "rename", noted("rename", rename))
    spool.write([held(Clock())])
    assert seen == ["sync", "rename", "sync"]


async def test_two_drains_at_once_bring_everything_once(house: House) -> None:
    items = [accepted(house.clock) for _ in range(20)]
    for item in items:
        house.spool.write([item, held(house.clock)])
    others = [GroupCommit(house.store, house.spool, house.commits.load) for _ in range(2)]
    await asyncio.gather(house.commits.drain(), *(other.drain() for other in others))
    assert house.spool.waiting() == []
    assert house.spool.bad() == 0
    assert await house.counted("messages") == 20
    assert await house.counted("quarantine") == 20
    assert await house.store.queue.depths() == {"reports": 20}


async def test_a_spooled_item_the_database_refuses_does_not_hold_up_its_neighbours(
    house: House,
) -> None:
    good = [accepted(house.clock) for _ in range(3)]
    bad = accepted(house.clock, received_at=house.clock().replace(tzinfo=None))
    house.spool.write([good[0], bad, *good[1:]])
    house.spool.write([accepted(house.clock)])
    await house.commits.drain()
    assert await house.counted("messages") == 4
    assert (house.spool.waiting(), house.spool.bad()) == ([], 1)


async def test_an_empty_batch_is_no_obstacle(lite: House, tmp_path: Path) -> None:
    (tmp_path / "spool" / "new" / "0.json").write_text(json.dumps([]))
    await lite.commits.drain()
    assert lite.commits.spooled == 0


async def test_a_file_that_cannot_be_opened_holds_up_no_other(lite: House, tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "new" / "00000000T000000000000-first.json"
    folder.mkdir()
    lite.spool.write([accepted(lite.clock)])
    lite.spool.write([accepted(lite.clock)])
    await lite.commits.drain()
    assert await lite.counted("messages") == 2
    assert (lite.spool.bad(), lite.commits.stuck) == (0, {folder})
    folder.rmdir()
    await lite.commits.drain()
    assert not lite.commits.stuck


async def test_batches_that_cannot_be_removed_are_drained_all_the_same(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        lite.spool.write([accepted(lite.clock)])

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", refuse)
        await lite.commits.drain()
        assert await lite.counted("messages") == 3
        assert lite.spool.waiting() == [], "what is in the database is not put there each second"
        assert len(Spool(lite.spool.folder).waiting()) == 3, "a start looks at them again"
    await lite.commits.drain()
    assert Spool(lite.spool.folder).waiting() == []


def test_leftovers_of_a_crash_are_removed_when_nobody_can_be_writing_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    old, young = tmp_path / "tmp" / "old.json", tmp_path / "tmp" / "young.json"
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (0, 0))
    assert spool.tidy() == 1
    assert (old.exists(), young.exists()) == (False, True)


async def test_what_was_set_aside_comes_back(lite: House) -> None:
    lite.spool.write([accepted(lite.clock)])
    lite.spool.set_aside(lite.spool.waiting()[0])
    assert await lite.commits.restore() == 1
    assert (lite.spool.bad(), await lite.counted("messages")) == (0, 1)


def _needs_a_second_for(
    monkeypatch: pytest.MonkeyPatch, house: House, heavy: str
) -> list[tuple[int, float | None]]:
    """Let one item need more than the usual time; returns how many were tried, in which time."""
    take_in, tries = house.store.take_in, list[tuple[int, float | None]]()

    async def take(batch: list[IntakeItem], *, within: float | None = None) -> set[str]:
        tries.append((len(batch), within))
        if heavy in {item.id for item in batch} and (within or 0) < 10:
            raise Unavailable("no answer within 5 s (TimeoutError)")
        return await take_in(batch, within=within)

    monkeypatch.setattr(house.store, "take_in", take)
    return tries


async def test_a_batch_too_much_for_one_commit_is_taken_one_by_one(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.commits.stop()
    batch = [accepted(lite.clock) for _ in range(3)]
    lite.spool.write(batch)
    tries = _needs_a_second_for(monkeypatch, lite, batch[0].id)
    await lite.commits.drain()
    assert await lite.counted("messages") == 3
    assert (lite.spool.waiting(), lite.spool.bad()) == ([], 0)
    assert tries == [(3, None)] + [(1, group_commit.LONG)] * 3


async def test_a_batch_the_database_never_takes_holds_up_no_other(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "LONG", 1.0)
    monkeypatch.setattr(group_commit, "REST", 10_000)
    await lite.commits.stop()
    heavy = accepted(lite.clock)
    lite.spool.write([heavy, accepted(lite.clock)])
    for _ in range(2):
        lite.clock.pass_(seconds=1)
        lite.spool.write([accepted(lite.clock)])
    tries = _needs_a_second_for(monkeypatch, lite, heavy.id)
    await lite.commits.drain()
    assert await lite.counted("messages") == 3, "what came with it, and what came after it"
    assert len(lite.commits.stuck) == lite.commits.spooled == 1
    before = len(tries)
    await lite.commits.drain()
    assert len(tries) == before, "it rests"
    assert lite.spool.bad() == 0


async def test_large_items_do_not_share_a_commit(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MOST_BYTES", 1_000)
    take_in, sizes = lite.store.take_in, list[int]()

    async def take(batch: list[IntakeItem]) -> set[str]:
        sizes.append(len(batch))
        return await take_in(batch)

    monkeypatch.setattr(lite.store, "take_in", take)
    weights = [400, 400, 400, 2_000, 10, 10]
    items = [held(lite.clock, envelope=b"x" * weight) for weight in weights]
    await asyncio.gather(*map(lite.commits.put, items))
    assert await lite.counted("quarantine") == 6
    assert sizes == [2, 1, 1, 2]


async def test_a_folder_that_cannot_be_listed_for_a_while_ends_no_draining(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "AWAY", 0.01)
    failed, loop = asyncio.Event(), asyncio.get_running_loop()

    def refuse() -> Any:
        loop.call_soon_threadsafe(failed.set)
        raise OSError(24, "Too many open files")

    await lite.commits.stop()
    commits = GroupCommit(lite.store, lite.spool, lite.commits.load)
    lite.spool.write([accepted(lite.clock)])
    with monkeypatch.context() as broken:
        broken.setattr(lite.spool, "tidy", refuse)
        broken.setattr(lite.spool, "waiting", refuse)
        await commits.start()
        await failed.wait()
    async with asyncio.timeout(5):
        while await lite.counted("messages") == 0:
            pass
    await commits.stop()
