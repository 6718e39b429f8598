"""Health: red while anything waits for a person, ready while messages can be taken."""

from pathlib import Path

import pytest

from gateway.broker.base import DELIVERIES, REPORTS, BrokerUnavailable, QueuedMessage, agency_queue
from gateway.broker.embedded import Embedded
from gateway.media.objects import AttachmentStore, Folder
from gateway.operations.health import LOST, OVERDUE, Health
from gateway.platform import metrics
from tests.gateway.making import ROAD, House, held, house, note


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
