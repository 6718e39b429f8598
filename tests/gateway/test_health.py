"""Health: red while anything waits for a person, ready while messages can be taken."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.contract import Unreachable
from gateway.broker.base import DELIVERIES, REPORTS, BrokerUnavailable, QueuedMessage, agency_queue
from gateway.broker.embedded import Embedded
from gateway.intake.load import ShedState
from gateway.media.objects import AttachmentStore, Folder
from gateway.operations import health as health_of
from gateway.operations.health import LOST, OVERDUE, Health
from gateway.platform import metrics
from gateway.queues.lane import AFTER
from gateway.store import probe
from gateway.store.engine import LOCKED_FILE, Unavailable
from gateway.store.spool import Spool
from gateway.store.views import LaneView
from tests.gateway import migrated
from tests.gateway.making import ROAD, WHO, House, away, held, house, note


def _health(house: House) -> Health:
    return Health(house.store, house.broker, house.commits, house.spool)


async def test_an_idle_gateway_is_green_and_ready(house: House) -> None:
    finding = await _health(house).look()
    assert (finding.ok, finding.ready) == (True, True)
    assert set(finding.checks.values()) == {"ok"}


async def test_a_store_of_files_that_does_not_answer_is_said_so(
    lite: House, tmp_path: Path
) -> None:
    health = Health(lite.store, lite.broker, lite.commits, lite.spool, attachments=lite.attachments)
    assert (await health.look()).checks["files"] == "ok"
    (tmp_path / "taken").write_bytes(b"")  # a file where the folder should be
    nowhere = AttachmentStore(Folder(tmp_path / "taken" / "files"), lite.seal)
    finding = await Health(
        lite.store, lite.broker, lite.commits, lite.spool, attachments=nowhere
    ).look()
    assert (finding.ok, finding.ready) == (False, True)
    assert finding.checks["files"] == "the folder of the files: Not a directory"


async def _bury(house: House) -> None:
    await house.store.queue.put([QueuedMessage(REPORTS, "1", b"")])
    (leased,) = await house.store.queue.claim(REPORTS, 1, lease=60)
    await house.store.queue.bury(leased, error="x")


async def _hold(house: House) -> None:
    await house.store.take_in([held(house.clock, reason="malformed")])


async def _lose_delivery(house: House) -> None:
    await house.take(note(ROAD))
    await house.work(REPORTS, house.route)
    house.clock.pass_(seconds=LOST.total_seconds() + 1)


async def _lose_file(house: House) -> None:
    await house.take(note(ROAD, files=[("catatan.txt", "lubang")]))
    await house.work_all()
    house.clock.pass_(seconds=LOST.total_seconds() + 1)


async def _set_aside(house: House) -> None:
    house.spool.write([held(house.clock)])
    house.spool.set_aside(house.spool.waiting()[0])


@pytest.mark.parametrize(
    ("happens", "check", "says"),
    [
        (_bury, "dead_letters", "1 to replay or examine"),
        (_hold, "quarantine", "1 to release or dismiss"),
        (_lose_delivery, "deliveries", "1 not placed for minutes"),
        (_lose_file, "media", "files of 1 reports not fetched after all retries"),
        (_set_aside, "spool", "1 batches set aside: kanal replay takes them up again"),
    ],
)
async def test_what_waits_for_a_person_is_red_but_ready(
    lite: House, happens: object, check: str, says: str
) -> None:
    assert callable(happens)
    await happens(lite)
    finding = await _health(lite).look()
    assert (finding.ok, finding.ready, finding.checks[check]) == (False, True, says)
    assert [name for name, said in finding.checks.items() if said != "ok"] == [check]


async def test_what_is_only_noted_stays_green(lite: House) -> None:
    await lite.store.take_in([held(lite.clock, state="noted"), held(lite.clock)])
    assert (await _health(lite).look()).ok


async def test_a_replayed_dead_letter_makes_it_green_again(lite: House) -> None:
    await _bury(lite)
    await lite.store.replay()
    assert (await _health(lite).look()).ok


async def test_a_task_that_died_is_named(lite: House) -> None:
    health = _health(lite)
    health.died("relay")
    finding = await health.look()
    assert (finding.ok, finding.ready) == (False, True)
    assert finding.checks["tasks"] == "died lately: relay"


@pytest.mark.parametrize(("minutes", "red"), [(9, False), (11, True)])
async def test_what_is_taken_in_and_not_routed_for_minutes_is_red(
    house: House, minutes: float, red: bool
) -> None:
    await house.take(note(ROAD))
    house.clock.pass_(minutes=minutes)
    finding = await _health(house).look()
    assert LOST.total_seconds() == 600
    assert finding.checks["routing"].startswith("1 taken in") is red
    assert finding.ok is not red


@pytest.mark.parametrize(
    ("state", "unknown", "says"),
    [
        (
            "read",
            0,
            'agency.pln is read, and will go 7 days after its reader: set [delivery."pln"]',
        ),
        ("left", 3, "agency.pln holds 3 messages of no delivery: look at them"),
    ],
)
async def test_a_queue_that_is_kept_is_named_and_stays_green(
    lite: House, state: str, unknown: int, says: str
) -> None:
    columns = "agency_id, state, unknown"
    values = f"('pln', '{state}', {unknown}), ('bmkg', 'unseen', 0), ('named', 'read', 0)"
    await lite.change(f"INSERT INTO agency_queues ({columns}) VALUES {values}")
    health = Health(lite.store, lite.broker, lite.commits, lite.spool, by_queue=("named",))
    finding = await health.look()
    assert (finding.ok, finding.status) == (True, "warn")
    assert finding.checks["agency_queues"].startswith(says)
    assert "named" not in finding.checks["agency_queues"]


class Gone(Embedded):
    async def ping(self) -> None:
        raise BrokerUnavailable("no connection")


async def test_a_broker_that_is_away_is_red_but_ready(lite: House) -> None:
    broker = Gone(lite.store.queue, lease=1)
    finding = await Health(lite.store, broker, lite.commits, lite.spool).look()
    assert (finding.ok, finding.ready) == (False, True)
    assert finding.checks["broker"] == "no connection"


class Relayed(Embedded):
    outbox_is_queue = False


async def test_what_the_broker_does_not_take_for_minutes_is_red_and_named(lite: House) -> None:
    broker = Relayed(lite.store.queue, lease=1)
    health = Health(lite.store, broker, lite.commits, lite.spool)
    await lite.store.queue.put([QueuedMessage(agency_queue("pln"), "1", b"{}")])
    assert (await health.look()).ok
    lite.clock.pass_(seconds=OVERDUE.total_seconds() + 1)
    finding = await health.look()
    assert (finding.ok, finding.ready) == (False, True)
    assert finding.checks["outbox"] == "not taken by the broker: 1 for agency.pln"
    assert (await _health(lite).look()).ok  # there the outbox is the queue itself


async def test_without_a_database_the_spool_keeps_it_ready(
    postgres_url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = request.getfixturevalue("postgres_server")
    async with house(postgres_url, tmp_path, timeout=2.0) as built:
        health = _health(built)
        server.stop(immediate=True)
        try:
            with_spool = await health.look()
            (tmp_path / "spool" / "tmp").rmdir()
            without = await health.look()
        finally:
            server.start()
        assert (with_spool.ok, with_spool.ready) == (False, True)
        assert (without.ok, without.ready) == (False, False)
        assert with_spool.checks["database"] != "ok"
        assert (await health.look()).checks["database"] == "ok"


async def test_a_batch_that_waits_though_the_database_answers_is_said(
    lite: House, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "which nobody drains")
    spool.write([held(lite.clock)])
    os.utime(spool.waiting()[0], (time.time() - 600,) * 2)
    finding = await Health(lite.store, lite.broker, lite.commits, spool).look()
    assert (finding.ok, finding.ready) == (False, True)
    assert "the oldest batch has waited for 10 minutes" in finding.checks["spool"]


def _value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)


async def test_the_gauges_say_how_much_waits_and_how_long(house: House) -> None:
    await house.take(*(note(f"{ROAD} {n}") for n in range(3)))
    house.clock.pass_(seconds=90)
    await _health(house).gauge()
    assert _value("kanal_queue_depth", queue=REPORTS) == 3
    assert _value("kanal_queue_oldest_seconds", queue=REPORTS) == pytest.approx(90, abs=1)
    await house.work(REPORTS, house.route)
    await _hold(house)
    house.spool.write([held(house.clock)])
    await _health(house).gauge()
    assert _value("kanal_queue_depth", queue=REPORTS) == 0
    assert _value("kanal_queue_oldest_seconds", queue=REPORTS) == 0
    assert _value("kanal_queue_depth", queue=DELIVERIES) == 3
    assert _value("kanal_quarantine_open") == 1
    assert _value("kanal_spool_batches") == 1


async def _lock(url: str, house: House) -> AsyncIterator[None]:
    engine = create_async_engine(url)
    async with engine.begin() as connection:  # as CREATE INDEX does
        await connection.execute(text("LOCK TABLE notifications IN SHARE MODE"))
        yield
    await engine.dispose()


async def _read_only(url: str, house: House) -> AsyncIterator[None]:
    name = make_url(url).database
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for value in ("on", "off"):
            set_to = f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'
            await connection.execute(text("SET default_transaction_read_only = off"))
            await connection.execute(text(set_to))
            await house.store.close()  # new connections are read-only
            if value == "on":
                yield
    await engine.dispose()


async def _exclusive(url: str, house: House) -> AsyncIterator[None]:
    with away(url, None):
        yield


async def _frozen_file(url: str, house: House) -> AsyncIterator[None]:
    """SQLite refuses to write: its connections may only read."""
    async with house.store.database.write() as connection:
        await connection.exec_driver_sql("PRAGMA query_only = ON")
    yield
    await house.store.close()


Cause = Callable[[str, House], AsyncIterator[None]]
LOCKED = "the database is locked: writing waits for a lock: notifications"
CAUSES: dict[tuple[str, str], tuple[Cause, str]] = {
    ("postgres", "a lock on one table"): (_lock, LOCKED),
    ("postgres", "read-only"): (_read_only, "the database can only be read"),
    ("sqlite", "another process writes"): (_exclusive, LOCKED_FILE),
    ("sqlite", "read-only"): (_frozen_file, "the database can only be read"),
}


@pytest.mark.parametrize(("kind", "cause"), CAUSES)
async def test_health_names_what_keeps_the_database_from_writing(
    kind: str, cause: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "sqlite":
        url = request.getfixturevalue("sqlite_url")
    else:
        url = migrated.postgres(request.getfixturevalue("postgres_server"))
    happens, says = CAUSES[kind, cause]
    async with house(url, tmp_path, timeout=2.0 if kind == "postgres" else 1.0) as built:
        health = _health(built)
        async with asynccontextmanager(happens)(url, built):
            began = time.monotonic()
            finding = await health.look()
            assert time.monotonic() - began < 10, "within seconds"
            assert (finding.ok, finding.checks["database"]) == (False, says)
            assert finding.ready, "the spool stands in"
            assert (await built.take(note(ROAD))).status == 200
        assert (await health.look()).checks["database"] == "ok"


async def test_a_host_that_freezes_in_its_probe_turns_no_other_red(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "FROZEN", 0.1)
    async with house(postgres_url, tmp_path) as built:
        engine = create_async_engine(postgres_url)
        frozen = await engine.connect()
        await probe._write(frozen, built.store.wall(), is_sqlite=False)
        assert (await _health(built).look()).checks["database"] == "ok"
        await frozen.invalidate()
        await engine.dispose()


async def test_a_spool_that_takes_no_more_is_red_and_stops_what_the_database_does_not_take(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite.spool, "_most", 0)
    finding = await _health(lite).look()
    assert (finding.ok, finding.ready) == (False, True)
    assert "overload.spool_bytes" in finding.checks["spool"]


async def test_looks_that_come_together_share_one(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, try_write = [], lite.store.try_write

    async def counted() -> None:
        written.append(1)
        await try_write()

    monkeypatch.setattr(lite.store, "try_write", counted)
    health = _health(lite)
    await asyncio.gather(*(health.recent() for _ in range(50)))
    await health.recent()
    assert len(written) == 1
    monkeypatch.setattr(health._looks, "seconds", 0.0)
    await health.recent()
    assert len(written) == 2


async def test_what_waits_is_counted_once_for_many_looks(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, troubled_lanes = [], lite.store.troubled_lanes

    async def count() -> tuple[LaneView, ...]:
        counted.append(1)
        return await troubled_lanes()

    monkeypatch.setattr(lite.store, "troubled_lanes", count)
    health = _health(lite)
    monkeypatch.setattr(health._looks, "seconds", -1.0)
    for _ in range(3):
        assert (await health.recent()).checks["lanes"] == "ok"
    assert len(counted) == 1
    monkeypatch.setattr(health._counts, "seconds", -1.0)
    await health.recent()
    assert len(counted) == 2


@pytest.mark.parametrize("spool", [2**30, 0])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_count_that_is_slow_is_a_warning_and_the_database_is_there(
    lite: House, monkeypatch: pytest.MonkeyPatch, spool: int, fails: bool
) -> None:
    await _bury(lite)
    health = _health(lite)
    monkeypatch.setattr(health._looks, "seconds", -1.0)
    monkeypatch.setattr(health._counts, "seconds", -1.0)
    assert (await health.recent()).checks["dead_letters"] == "1 to replay or examine"

    async def slow() -> tuple[LaneView, ...]:
        if fails:
            raise Unavailable("no answer within 5 s (TimeoutError)")
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr(lite.store, "troubled_lanes", slow)
    monkeypatch.setattr(health_of, "IMPATIENCE", 0.2)
    monkeypatch.setattr(lite.spool, "_most", spool)
    finding = await health.recent()
    assert (finding.checks["database"], finding.ready) == ("ok", True)
    assert finding.checks["backlog"].startswith("not counted")
    assert not finding.ok, "what was counted stays red"
    assert finding.checks["dead_letters"] == "1 to replay or examine"


@pytest.mark.parametrize(
    ("reason", "ready"), [("slow", True), ("stalled", False), ("memory", False)]
)
async def test_a_channel_that_floods_is_red_and_takes_no_process_out_of_the_balancer(
    lite: House, monkeypatch: pytest.MonkeyPatch, reason: str, ready: bool
) -> None:
    shed = {"sms": ShedState(reason, lite.clock())}
    monkeypatch.setattr(lite.commits.load, "shed", lambda: shed)
    finding = await _health(lite).look()
    assert (finding.ok, finding.ready) == (False, ready)
    assert finding.checks["overload"].startswith("sms refused since")


async def _fail(lite: House, count: int = 1) -> None:
    await lite.take(*(note(f"{ROAD} {n}", f"{WHO[:-2]}{n:02}") for n in range(count)))
    await lite.work(REPORTS, lite.route)
    lite.paper.fails = [Unreachable("no answer")] * count
    await lite.notify()


async def test_a_lane_whose_other_end_is_away_is_named_and_red_when_it_lasts(lite: House) -> None:
    its = lite.services
    health = Health(lite.store, lite.broker, lite.commits, lite.spool, lanes=its.lanes)
    await _fail(lite, 2)
    lane = next(lane for lane in its.lanes if lane.label == "notifications paper")
    for _ in range(AFTER + 3):
        lane.breaker.note(Unreachable("no answer"))
    finding = await health.look()
    assert (finding.ok, finding.status) == (True, "warn")
    said = finding.checks["lanes"]
    assert said.startswith("notifications paper: 2 failed and come again, 8 in a row had no answer")
    assert "rests for 8 s" in said
    await lite.change("UPDATE notifications SET send_at = send_at - 1000")
    finding = await health.look()
    assert (finding.ok, finding.ready) == (False, True)
    assert "the oldest due for " in finding.checks["lanes"]
    lane.breaker.note("sent")
    await lite.notify()
    assert (await _health(lite).look()).checks["lanes"] == "ok"


async def test_of_thousands_of_lanes_a_few_are_named_and_the_others_counted(lite: House) -> None:
    await _fail(lite, 30)
    await lite.change("UPDATE notifications SET channel = 'c' || id")
    said = (await _health(lite).look()).checks["lanes"]
    assert said.count("failed and come again") == 10
    assert said.endswith("; 20 more")
