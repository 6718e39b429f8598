"""The clocks: a file moves the case clock, and nothing that must be true or must not lapse."""

import ast
import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from config.environment import OFFSET_FILE
from config.settings import SettingsError, load
from gateway import checks
from gateway.access.accounts import set_password
from gateway.platform.clock import FURTHEST, MOST_BYTES, CaseClock, OffsetError, wall
from gateway.store.engine import Database
from gateway.store.store import Store
from gateway.wire.queues import QueuedMessage
from tests.gateway.making import ROAD, House

GATEWAY = Path(__file__).parents[2] / "gateway"
CLOCK = GATEWAY / "platform" / "clock.py"
WEEK = timedelta(days=7)
LOOKS = {
    "datetime": {"now", "utcnow", "today", "utcfromtimestamp"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime"},
}
"""Ways to look at the machine's clock; how long something takes is measured by ``monotonic``."""


class Offset:
    """The file that moves a clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(timedelta())

    def set(self, by: timedelta) -> None:
        self.path.write_text(f"{by.total_seconds()}\n")


@pytest.fixture
def offset(tmp_path: Path) -> Offset:
    """A file that moves the clocks of a test by nothing yet."""
    return Offset(tmp_path / "offset")


@pytest.fixture
async def store(database_url: str, offset: Offset) -> AsyncIterator[Store]:
    """A store as a process makes it on a test system."""
    made = Store(Database(database_url, pool_size=4, timeout=20), CaseClock(offset.path), wall=wall)
    await made.migrate()
    yield made
    await made.close()


def looks(path: Path) -> list[str]:
    """List where a file looks at the machine's clock by itself."""
    tree = ast.parse(path.read_text("utf-8"))
    return [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and node.attr in LOOKS.get(getattr(node.value, "attr", getattr(node.value, "id", "")), ())
    ]


def test_nothing_looks_at_the_machines_clock_but_the_clock() -> None:
    found = {str(path): looks(path) for path in GATEWAY.rglob("*.py")}
    assert found.pop(str(CLOCK)), "this would find it"
    assert [line for lines in found.values() for line in lines] == []


# --- the file -------------------------------------------------------------------------------------


def test_a_clock_without_a_file_tells_the_true_time() -> None:
    clock = CaseClock()
    assert not clock.is_moved
    assert abs(clock() - wall()) < timedelta(seconds=1)


@pytest.mark.parametrize("written", ["86400", "-86400.5\n", " +1e3 ", f"{FURTHEST:.0f}", "0"])
def test_the_file_is_read_on_every_look(offset: Offset, written: str) -> None:
    still = datetime(2026, 3, 2, tzinfo=UTC)
    clock = CaseClock(offset.path, lambda: still)
    assert clock() == still
    offset.path.write_text(written)
    assert clock() == still + timedelta(seconds=float(written))


SENSELESS = {
    "empty": b"",
    "words": b"tomorrow",
    "nan": b"nan",
    "inf": b"inf",
    "far": f"{FURTHEST + 1:.0f}".encode(),
    "long": b"1" + b" " * MOST_BYTES,
    "bytes": b"\xff\xfe1",
    "two": b"1 2",
}


@pytest.mark.parametrize("name", SENSELESS)
def test_a_senseless_file_is_a_fault_at_the_start_and_changes_nothing_later(
    offset: Offset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFSET_FILE, str(offset.path))
    offset.set(WEEK)
    clock = CaseClock.from_environment()
    assert clock() > wall() + WEEK / 2
    assert checks.clock_faults() == []
    assert "604800" in checks.clock_warnings()[0]
    offset.path.write_bytes(SENSELESS[name])
    with structlog.testing.capture_logs() as logs:
        assert clock() > wall() + WEEK / 2
        assert clock() > wall() + WEEK / 2
    assert [each["log_level"] for each in logs] == ["error"]
    assert str(offset.path) not in str(logs)
    (fault,) = checks.clock_faults()
    assert OFFSET_FILE in str(fault)
    offset.set(2 * WEEK)
    assert clock() > wall() + 3 * WEEK / 2


def test_a_file_that_is_not_there_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "none", tmp_path, Path()):
        monkeypatch.setenv(OFFSET_FILE, str(path))
        assert len(checks.clock_faults()) == 1
        with pytest.raises(OffsetError, match="cannot be read"):
            CaseClock.from_environment().check()


def test_the_variable_is_no_setting_and_its_neighbours_are(
    offset: Offset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFSET_FILE, str(offset.path))
    load()
    monkeypatch.setenv(f"{OFFSET_FILE}S", str(offset.path))
    with pytest.raises(SettingsError):
        load()


# --- what it moves, and what it does not ----------------------------------------------------------


async def test_a_session_does_not_expire_when_the_case_clock_is_moved(
    store: Store, offset: Offset
) -> None:
    await set_password(store, "siti", "hash")
    expires_at = store.wall() + timedelta(hours=1)
    assert await store.sessions.begin("token", "siti", "csrf", expires_at, "hash")
    offset.set(WEEK)
    assert store.now() > expires_at
    assert await store.sessions.get("token")
    await store.sessions.begin("another", "siti", "csrf", expires_at, "hash")
    assert await store.sessions.get("token"), "it was not swept away either"


async def test_a_lease_does_not_lapse_when_the_case_clock_is_moved(
    store: Store, offset: Offset
) -> None:
    one, other = (store.cursors.of("*", "work", holder=name) for name in ("one", "other"))
    assert await one.take(60)
    await store.queue.put([QueuedMessage("reports", "1", b"{}")])
    assert len(await store.queue.claim("reports", 9, lease=60)) == 1
    for moved in (WEEK, -WEEK):
        offset.set(moved)
        assert await other.take(60) is None
        assert await store.queue.claim("reports", 9, lease=60) == []
    await store.queue.put([QueuedMessage("reports", "2", b"{}")])
    assert [each.message.id for each in await store.queue.claim("reports", 9, lease=60)] == ["2"]


async def test_leases_run_out_by_the_databases_own_time(store: Store) -> None:
    one, other = (store.cursors.of("*", "work", holder=name) for name in ("one", "other"))
    place = await one.take(0.05)
    assert place
    await store.queue.put([QueuedMessage("reports", "1", b"{}")])
    assert await store.queue.claim("reports", 9, lease=0.05)
    async with asyncio.timeout(20):
        while not (await other.take(60) and await store.queue.claim("reports", 9, lease=60)):
            await store.queue.changed(0.02)
    await other.failed("away", pause=600)
    assert 590 < (await other.peek()).wait <= 600


async def test_machines_whose_clocks_differ_do_not_fight_over_leases(
    store: Store, database_url: str
) -> None:
    """Process times differ by hours; the one that is ahead takes nothing that is leased."""
    ahead = Store(
        Database(database_url, pool_size=2, timeout=20), lambda: wall() + timedelta(hours=2)
    )
    try:
        assert await store.cursors.of("*", "work", holder="one").take(60)
        assert await ahead.cursors.of("*", "work", holder="ahead").take(60) is None
        await ahead.queue.put([QueuedMessage("reports", "1", b"{}")])
        (leased,) = await store.queue.claim("reports", 9, lease=60)
        assert await ahead.queue.claim("reports", 9, lease=60) == []
        await ahead.queue.postpone([leased], delay=0, error="again")
        assert await store.queue.claim("reports", 9, lease=60)
    finally:
        await ahead.close()


async def test_the_log_of_a_report_keeps_the_true_time(house: House) -> None:
    moved = house.clock
    house.store.now = lambda: moved() + WEEK
    house.route._now = house.store.now
    begun = moved.at
    await house.report(ROAD)
    (updated,) = await house.rows("SELECT updated_at FROM reports")
    assert str(updated[0])[:10] == f"{begun + WEEK:%Y-%m-%d}"
    times = {str(at)[:10] for (at,) in await house.rows("SELECT at FROM events")}
    assert times == {f"{begun:%Y-%m-%d}"}
