"""Due rows: what waits is done once, when its moment comes, and a question is not open for ever."""

import asyncio
import signal
import sys
from asyncio import create_subprocess_exec
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.access.roles import system
from gateway.operations.health import OVERDUE, Health
from gateway.platform.clock import CaseClock, wall
from gateway.queues.due import EVERYWHERE, LEASE, DueHandler, DueTask
from gateway.store.cursors import Cursor
from gateway.store.due import ALERT, KINDS, QUESTION, SEGMENTS, DueRow
from gateway.store.engine import Database, Unavailable
from gateway.store.segments import segment_key
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.store.views import ReportFile
from normalizer.report import Outcome, Status
from tests.gateway.making import NOWHERE, SOON, WHERE, Clock, House
from tests.gateway.test_owner import _upgrade_to

ROOT = Path(__file__).parents[2]
SAID = "Pelapor ditanya dan tidak menjawab selama 14 hari."
OLD_SAID = {
    "alerts": (
        "INSERT INTO alerts (id, report_id, code, opened_at, due_at, step, reached, rounds, "
        "failures, told) VALUES ('a1', 'r1', '4821', :at, :at, 0, 0, 0, 0, '[]'), "
        "('a2', 'r2', '4822', :at, NULL, 0, 0, 2, 0, '[]')"
    ),
    "reports": (
        "INSERT INTO reports (id, tracking, channel, reporter_ref, fingerprint, status, urgent, "
        "received_at, updated_at, version, head, body) VALUES "
        "('r1', '1', 'sms', 'x', 'f', 'waiting_for_reporter', false, :at, :at, 1, 'h', '{}'), "
        "('r2', '2', 'sms', 'x', 'f', 'triage', false, :at, :at, 1, 'h', '{}')"
    ),
    "parts": (
        "INSERT INTO parts (id, channel, account, sender, reference, total, number, external_id, "
        "digest, envelope, received_at, joined_at) VALUES "
        "('p1', 'sms', '1708', 's', 'r', 3, 1, 'e1', 'd', 'x', :at, NULL), "
        "('p2', 'sms', '1708', 's', 'r', 3, 2, 'e2', 'd', 'x', :at, NULL), "
        "('p3', 'sms', '1708', 's', 'q', 1, 1, 'e3', 'd', 'x', :at, :at)"
    ),
}
"""Rows of the version before, of which some wait."""


class Handler(DueHandler):
    """Keeps what it was asked to do; ``wrong`` are the keys that fail."""

    kind = "test"

    def __init__(self, store: Store, *wrong: str) -> None:
        self._store = store
        self.wrong = set(wrong)
        self.did: list[str] = []
        self.done = asyncio.Event()

    async def one(self, row: DueRow) -> int:
        if row.key in self.wrong:
            raise KeyError("a citizen's words")
        async with self._store.unit() as unit:
            if not await unit.due.settle(row):
                return 0
        self.did.append(row.key)
        self.done.set()
        return 1


def lane(store: Store, handler: DueHandler, holder: str = "one") -> DueTask:
    return DueTask(store, handler, store.cursors.of(EVERYWHERE, "due test", holder=holder))


async def put(house: House, *keys: str, kind: str = "test", **after: float) -> None:
    async with house.store.unit() as unit:
        for key in keys:
            unit.due.put(kind, key, house.clock() + timedelta(**after))


async def waiting(house: House) -> ReportFile:
    """Let a citizen be asked for the place."""
    file = await house.report(NOWHERE)
    assert file.report.status is Status.WAITING_FOR_REPORTER
    assert await house.counted("due", f"kind = '{QUESTION}'") == 1
    return file


# --- a question to a reporter ---------------------------------------------------------------------


async def test_a_question_nobody_answers_goes_to_an_operator_with_the_reason(house: House) -> None:
    file = await waiting(house)
    questions = house.services.questions
    house.clock.pass_(days=13, hours=23)
    assert await questions.turn() == 0
    house.clock.pass_(hours=2)
    assert await questions.turn() == 1
    found = await house.file(file.report.tracking)
    assert found.report.status is Status.TRIAGE
    assert found.events[-1].kind == "question_unanswered"
    assert found.report.assignment is not None
    assert found.report.assignment.decision is Outcome.TRIAGE
    assert found.report.assignment.question is None
    assert found.report.assignment.reasons[0].text == SAID
    assert found.report.history[-1].note == SAID
    assert [each.id for each in await house.services.operators.triage(actor=system("sari"))] == [
        file.report.id
    ]
    assert await house.counted("due") == 0
    assert await questions.turn() == 0
    assert await house.store.events.audit() == (1, [])


async def test_an_answer_in_time_ends_the_waiting(house: House) -> None:
    file = await waiting(house)
    house.clock.pass_(days=13)
    await house.say(WHERE)
    assert await house.counted("due") == 0
    house.clock.pass_(days=2)
    assert await house.services.questions.turn() == 0
    assert (await house.file(file.report.tracking)).report.status is Status.FORWARDED


@pytest.mark.parametrize("act", ["assign", "archive"])
async def test_an_operators_decision_ends_the_waiting(lite: House, act: str) -> None:
    file, desk = await waiting(lite), lite.services.operators
    if act == "assign":
        await desk.assign(file.report.id, "3578-dinas-pu", actor=system("operator:siti"))
    else:
        async with lite.store.unit() as unit:
            stored = await unit.reports.by_id(file.report.id, lock=True)
            assert stored
            closed = stored.report.with_status(Status.ARCHIVED_BY_ADMIN, at=lite.clock(), by="x")
            unit.reports.change(stored, closed, [])
    assert await lite.counted("due") == 0


async def test_what_is_added_to_a_question_does_not_prolong_it(lite: House) -> None:
    file = await waiting(lite)
    ((before,),) = await lite.rows("SELECT due_at FROM due")
    lite.clock.pass_(days=3)
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id, lock=True)
        assert stored
        unit.reports.change(stored, stored.report.model_copy(update={"public": True}), [])
    assert await lite.rows("SELECT due_at FROM due") == [(before,)]


async def test_a_window_that_was_made_longer_since_is_kept(lite: House) -> None:
    file = await waiting(lite)
    longer = lite.another(routing={"waiting_days": 30}).questions
    lite.clock.pass_(days=15)
    assert await longer.turn() == 0
    assert (await lite.file(file.report.tracking)).report.status is Status.WAITING_FOR_REPORTER
    lite.clock.pass_(days=16)
    assert await longer.turn() == 1
    assert (await lite.file(file.report.tracking)).report.status is Status.TRIAGE


async def test_a_late_answer_is_added_and_no_report_of_its_own(lite: House) -> None:
    file = await waiting(lite)
    lite.clock.pass_(days=15)
    await lite.services.questions.turn()
    await lite.say(f"{WHERE} {file.report.tracking}")
    assert await lite.counted("reports") == 1
    assert WHERE in (await lite.file(file.report.tracking)).report.text


# --- crashes and races ----------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


async def test_a_crash_before_the_commit_leaves_it_to_the_next_process(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await waiting(house)
    house.clock.pass_(days=15)

    flush = UnitOfWork.flush

    async def kill(unit: UnitOfWork) -> None:
        await flush(unit)
        raise Killed

    monkeypatch.setattr(UnitOfWork, "flush", kill)
    with pytest.raises(Killed):
        await house.services.questions.turn()
    monkeypatch.undo()
    assert (await house.file(file.report.tracking)).report.status is Status.WAITING_FOR_REPORTER
    other = house.another().questions
    assert await other.turn() == 0, "the lease of the dead one still holds"
    house.clock.pass_(seconds=LEASE + 1)
    assert await other.turn() == 1
    assert await house.store.events.audit() == (1, [])


KILLED = """
import asyncio, os, signal, sys
from gateway.platform.clock import wall
from gateway.store.engine import Database
from gateway.store.store import Store
from gateway.wire.queues import QueuedMessage

async def main():
    store = Store(Database(sys.argv[1], pool_size=1, timeout=20), wall)
    (row,) = await store.due.rows("test", wall(), 9)
    async with store.unit() as unit:
        assert await unit.due.settle(row)
        unit.outbox.put(QueuedMessage("reports", "told", b"{}"))
        await unit.flush()
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_within_the_transaction_did_nothing(
    house: House, database_url: str
) -> None:
    await put(house, "one", seconds=-1)
    child = await create_subprocess_exec(sys.executable, "-c", KILLED, database_url, cwd=ROOT)
    assert await child.wait() == -signal.SIGKILL
    assert await house.counted("queue") == 0
    handler = Handler(house.store)
    assert await lane(house.store, handler).turn() == 1
    assert (handler.did, await house.counted("due")) == (["one"], 0)


async def test_two_processes_do_it_once_even_with_nothing_between_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await waiting(house)
    house.clock.pass_(days=15)

    async def always(self: Cursor, seconds: float) -> bool:
        return True

    monkeypatch.setattr(Cursor, "take", always)
    lanes = [house.another().questions for _ in range(3)]
    counts = await asyncio.gather(*(each.turn() for each in lanes))
    assert sum(counts) == 1
    kinds = [event.kind for event in (await house.file(file.report.tracking)).events]
    assert kinds.count("question_unanswered") == 1
    assert await house.counted("due") == 0


async def test_a_row_that_was_moved_meanwhile_is_not_settled(house: House) -> None:
    await put(house, "one", seconds=-1)
    (old,) = await house.store.due.rows("test", house.clock(), 9)
    await put(house, "one", hours=1)
    async with house.store.unit() as unit:
        assert not await unit.due.settle(old)
        assert not await unit.due.settle(old, house.clock())
        await unit.due.postpone(old, house.clock(), "x")
    assert await house.store.due.rows("test", house.clock(), 9) == []
    house.clock.pass_(hours=1)
    (new,) = await house.store.due.rows("test", house.clock(), 9)
    async with house.store.unit() as unit:
        assert await unit.due.settle(new, house.clock() + timedelta(hours=1))
        assert not await unit.due.settle(new)
    assert (new.failures, await house.counted("due")) == (0, 1)


# --- lanes ----------------------------------------------------------------------------------------


async def test_the_oldest_is_done_first_and_what_fails_delays_no_neighbour(house: House) -> None:
    for after, key in enumerate("abc", -9):
        await put(house, key, seconds=after)
    handler = Handler(house.store, "a")
    health = Health(house.store, house.broker, house.commits, house.spool, on_duty=False)
    task = lane(house.store, handler)
    assert await task.turn() == 2
    assert handler.did == ["b", "c"]
    for pause in (2, 4, 8):
        assert await task.turn() == 0
        assert "test: 1 fail, 0 late" in (await health.look()).checks["due"]
        house.clock.pass_(seconds=pause)
    assert await task.turn() == 0
    assert await house.rows("SELECT failures, error FROM due") == [(4, "KeyError")]
    handler.wrong.clear()
    house.clock.pass_(hours=1)
    assert await task.turn() == 1
    assert (await health.look()).checks["due"] == "ok"


async def test_a_row_that_fails_is_put_off_an_hour_at_most(lite: House) -> None:
    await put(lite, "a")
    await lite.change("UPDATE due SET failures = 1000000")
    await lane(lite.store, Handler(lite.store, "a")).turn()
    lite.clock.pass_(hours=1)
    assert len(await lite.store.due.rows("test", lite.clock(), 9)) == 1


async def test_a_moment_that_passes_with_nobody_to_act_is_seen(lite: House) -> None:
    health = Health(lite.store, lite.broker, lite.commits, lite.spool, on_duty=False)
    await waiting(lite)
    lite.clock.pass_(days=14)
    assert (await health.look()).checks["due"] == "ok"
    lite.clock.pass_(seconds=OVERDUE.total_seconds() + 1)
    finding = await health.look()
    assert (finding.ok, finding.checks["due"]) == (False, "question: 0 fail, 1 late")
    await lite.services.questions.turn()
    assert (await health.look()).checks["due"] == "ok"


async def test_an_outage_counts_as_no_failure(lite: House) -> None:
    class Away(Handler):
        async def one(self, row: DueRow) -> int:
            raise Unavailable("no answer")

    await put(lite, "a")
    with pytest.raises(Unavailable):
        await lane(lite.store, Away(lite.store)).turn()
    assert await lite.rows("SELECT failures FROM due") == [(0,)]


async def test_a_lane_that_runs_does_at_once_what_comes_due_in_its_process(house: House) -> None:
    handler = Handler(house.store)
    running = asyncio.create_task(lane(house.store, handler).run())
    await put(house, "one")
    async with asyncio.timeout(SOON):
        await handler.done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await put(house, "two")
    assert await lane(house.store, Handler(house.store), "two").turn() == 1, (
        "it let go of its lease"
    )


async def test_every_kind_has_a_lane_in_a_process_that_works(lite: House) -> None:
    services = lite.services
    lanes = (services.reassembly, services.receipts, services.alarm, services.questions)
    assert sorted(each.handler.kind for each in lanes) == sorted(KINDS)


@pytest.mark.parametrize(("first", "then", "kept"), [(10, 20, 10), (20, 10, 10)])
async def test_of_two_moments_the_sooner_can_be_kept(
    house: House, first: int, then: int, kept: int
) -> None:
    begun = house.clock()
    for seconds in (first, then):
        async with house.store.unit() as unit:
            unit.due.put("test", "k", begun + timedelta(seconds=seconds), "data", sooner=True)
    (row,) = await house.store.due.rows("test", begun + timedelta(hours=1), 9)
    assert (row.due_at, row.data) == (begun + timedelta(seconds=kept), "data")


# --- the clock's file, and the version before -----------------------------------------------------


async def test_moving_the_clock_by_its_file_makes_it_happen(
    database_url: str, house: House, tmp_path: Path
) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    clock = CaseClock(offset)
    store = Store(Database(database_url, pool_size=2, timeout=20), clock, wall=wall)
    try:
        async with store.unit() as unit:
            unit.due.put("test", "k", clock() + timedelta(days=14))
        handler = Handler(store)
        task = lane(store, handler)
        assert await task.turn() == 0
        offset.write_text(f"{15 * 86_400}")
        assert await task.turn() == 1
        other = store.cursors.of(EVERYWHERE, "due test", holder="other")
        assert await other.take(1) is None, "its lease did not lapse by that"
    finally:
        await store.close()


async def test_what_waited_in_the_version_before_waits_on(empty_url: str) -> None:
    store = Store(Database(empty_url, pool_size=2, timeout=20), Clock())
    try:
        async with store.database.write() as connection:
            await connection.run_sync(_upgrade_to, "0014")
            for said in OLD_SAID.values():
                given = text(said).bindparams(at=store.now().replace(tzinfo=None))
                await connection.execute(given)
        await store.migrate()
        later = store.now() + timedelta(days=1)
        found = {kind: await store.due.rows(kind, later, 9) for kind in KINDS}
        waiting = {kind: len(rows) for kind, rows in found.items() if rows}
        assert waiting == dict.fromkeys((SEGMENTS, ALERT, QUESTION), 1)
        assert found["question"][0].key == "r1"
        assert found["alert"][0].key == "a1"
        assert segment_key(found[SEGMENTS][0]) == ("sms", "1708", "s", "r", 3)
        async with store.unit() as unit:
            (alert,) = await unit.alerts.by_ids(["a1"])
            assert alert.code == "4821"
    finally:
        await store.close()
