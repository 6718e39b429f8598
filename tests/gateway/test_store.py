"""The store on both databases: one durable write at the door, units of work behind it."""

import asyncio
import gc
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.platform.names import hash_name
from gateway.store import migrate
from gateway.store.copies import REBUILT
from gateway.store.engine import Database, Unavailable
from gateway.store.reports import StaleWrite
from gateway.store.rows import AuditEvent, KeptFile, ReportRecord
from gateway.store.store import Store
from gateway.store.tables import metadata
from gateway.wire.queues import REPORTS
from tests.gateway.conftest import Away
from tests.gateway.making import LAMP, ROAD, Clock, House, accepted, held, house
from tests.services import PostgresServer
from tests.services.proxy import chaos

WIB = timezone(timedelta(hours=7))


def _is_kept(name: str | None, kind: str, _: object) -> bool:
    """Tell whether the metadata should know a table; what is found by words is rebuilt."""
    return kind != "table" or not (name or "").startswith(REBUILT)


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "include_name": _is_kept}
    )
    return list(compare_metadata(context, metadata))


async def test_migrations_make_the_tables_the_code_speaks_of(house: House) -> None:
    async with house.store.database.read() as connection:
        assert await connection.run_sync(_differences) == []


def test_the_file_with_the_highest_number_is_the_last_change() -> None:
    assert ScriptDirectory(str(migrate.FOLDER)).get_heads() == [migrate.newest()]


async def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    stores = [Store(Database(empty_url, pool_size=2, timeout=20), Clock()) for _ in range(4)]
    await asyncio.gather(*(store.migrate() for store in stores))
    await stores[0].migrate()
    async with stores[1].database.read() as connection:
        versions = await connection.exec_driver_sql("SELECT count(*) FROM alembic_version")
        assert versions.scalar() == 1
        assert await connection.run_sync(_differences) == []
    for store in stores:
        await store.close()


async def test_a_repeat_changes_nothing(house: House) -> None:
    first = accepted(house.clock, external_id="SM1")
    repeat = accepted(house.clock, external_id="SM1", body='{"later": 1}')
    assert await house.store.take_in([first]) == {first.id}
    assert await house.store.take_in([repeat]) == set()
    assert await house.rows("SELECT id, body FROM messages") == [(first.id, "{}")]
    assert await house.store.queue.depths() == {REPORTS: 1}
    assert await house.counted("quarantine") == 0


@pytest.mark.parametrize("field", ["channel", "account", "external_id"])
async def test_only_the_whole_key_makes_a_repeat(house: House, field: str) -> None:
    first = accepted(house.clock, external_id="SM1")
    changes = {"external_id": "SM1", field: "another"}
    other = accepted(house.clock, **changes)
    assert await house.store.take_in([first, other]) == {first.id, other.id}
    assert await house.counted("messages") == 2


async def test_the_same_id_with_other_words_is_quarantined_once(house: House) -> None:
    first = accepted(house.clock, external_id="SM1")
    other = accepted(house.clock, external_id="SM1", digest="e" * 64, raw=b"other")
    await house.store.take_in([first])
    for _ in range(2):
        assert await house.store.take_in([replace(other)]) == set()
    assert await house.counted("messages") == 1
    (row,) = await house.rows("SELECT reason, state, envelope FROM quarantine")
    assert (row[0], row[1], bytes(row[2])) == ("same_id_other_content", "open", b"other")


async def test_a_repeat_within_one_batch_counts_once(house: House) -> None:
    first = accepted(house.clock, external_id="SM1")
    repeat = accepted(house.clock, external_id="SM1")
    other = accepted(house.clock, external_id="SM1", digest="e" * 64)
    assert await house.store.take_in([first, repeat, other]) == {first.id}
    assert await house.store.queue.depths() == {REPORTS: 1}
    assert await house.counted("quarantine") == 1


async def test_a_batch_is_written_whole_or_not_at_all(house: House) -> None:
    good = accepted(house.clock)
    bad = replace(accepted(house.clock), received_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(Exception, match="zone"):
        await house.store.take_in([good, held(house.clock), bad])
    for table in ("messages", "quarantine", "queue", "files"):
        assert await house.counted(table) == 0, table


async def test_times_come_back_aware_and_in_utc(house: House) -> None:
    at = datetime(2026, 3, 2, 10, 30, 0, 123456, tzinfo=WIB)
    await house.store.take_in([accepted(house.clock, received_at=at), held(house.clock, at=at)])
    (view,) = await house.store.quarantine.latest(10)
    assert (view.at, view.at.tzinfo) == (at, UTC)
    (channel,) = await house.store.overview.channels(["paper"])
    assert channel.last_at == at


async def test_attachments_are_kept_once_and_read_back(house: House) -> None:
    await house.store.take_in([accepted(house.clock), accepted(house.clock)])
    assert await house.counted("files") == 1
    assert await house.store.files.get("f" * 64) == KeptFile(b"abc", None)
    assert await house.store.files.get("0" * 64) is None


async def test_an_error_in_a_unit_writes_nothing(house: House) -> None:
    file = await house.report()
    before = await _everything(house)
    with pytest.raises(RuntimeError, match="crash"):  # noqa: PT012
        async with house.store.unit() as unit:
            stored = (await unit.reports.by_ids([file.report.id]))[file.report.id]
            unit.reports.change(stored, stored.report, [AuditEvent("noted", "test")])
            house.notifier.notify(unit, stored.report, "x", cause="never")
            await unit.flush()
            raise RuntimeError("crash")
    assert await _everything(house) == before


async def _everything(house: House) -> list[object]:
    tables = [table.name for table in metadata.sorted_tables]
    return [await house.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables]


async def _stored(house: House, report_id: str) -> ReportRecord:
    async with house.store.unit() as unit:
        return (await unit.reports.by_ids([report_id]))[report_id]


async def test_the_second_of_two_changes_of_one_version_is_a_conflict(house: House) -> None:
    file = await house.report()
    old = await _stored(house, file.report.id)
    async with house.store.unit() as unit:
        unit.reports.change(old, old.report, [AuditEvent("first", "test")])
    with pytest.raises(StaleWrite):
        async with house.store.unit() as unit:
            unit.reports.change(old, old.report, [AuditEvent("second", "test")])
    kinds = [event.kind for event in (await house.file(file.report.tracking)).events]
    assert kinds[-1] == "first"
    assert await house.store.events.audit() == (1, [])


async def test_one_unit_may_file_and_change_a_report_again_and_again(house: House) -> None:
    file = await house.report()
    stored = await _stored(house, file.report.id)
    async with house.store.unit() as unit:
        for kind in ("one", "two", "three"):
            stored = unit.reports.change(stored, stored.report, [AuditEvent(kind, "test")])
    kinds = [event.kind for event in (await house.file(file.report.tracking)).events]
    assert kinds[-3:] == ["one", "two", "three"]
    assert await house.store.events.audit() == (1, [])


async def test_a_lock_keeps_others_waiting_for_the_newest_version(house: House) -> None:
    file = await house.report()

    async def note(kind: str) -> None:
        async with house.store.unit() as unit:
            stored = await unit.reports.by_id(file.report.id, lock=True)
            assert stored is not None
            unit.reports.change(stored, stored.report, [AuditEvent(kind, "test")])

    await asyncio.gather(*(note(f"note {n}") for n in range(6)))
    kinds = {event.kind for event in (await house.file(file.report.tracking)).events}
    assert kinds >= {f"note {n}" for n in range(6)}
    assert await house.store.events.audit() == (1, [])


async def test_a_database_that_is_away_says_so_in_time_and_comes_back(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        file = await built.report()
        with away():
            async with asyncio.timeout(20):
                with pytest.raises(Unavailable):
                    await built.store.take_in([accepted(built.clock)])
                with pytest.raises(Unavailable):
                    async with built.store.unit() as unit:
                        await unit.reports.by_id(file.report.id)
        assert await built.store.take_in([accepted(built.clock)])
        await built.store.ping()
        assert await built.counted("messages") == 2


@pytest.mark.parametrize("listens", [False, True])
async def test_a_database_on_two_hosts_is_found_where_the_first_is_gone(
    postgres_server: PostgresServer, postgres_url: str, *, listens: bool
) -> None:
    async with chaos(postgres_server.port) as first:
        if listens:  # and never answers, as a machine without power; that takes two seconds
            first.drop()
        else:
            await first.refuse()
        hosts = f"host=127.0.0.1:{first.port}&host=127.0.0.1:{postgres_server.port}"
        name = postgres_url.rpartition("/")[2]
        url = f"postgresql+psycopg://postgres@/{name}?{hosts}&target_session_attrs=read-write"
        database = Database(url, pool_size=1, timeout=4)
        try:
            async with database.write() as connection:
                assert await connection.scalar(text("SELECT current_database()")) == name
        finally:
            await database.close()


async def test_what_somebody_else_says_never_breaks_a_unit(house: House) -> None:
    file = await house.report()
    letter = next(each for each in file.notifications)
    async with house.store.unit() as unit:
        known_as = hash_name(house.seal, "paper", f"paper-{letter.id}")
        await unit.notifications.receipt(
            "paper", known_as, "failed", "half \ud800 and \x00 nothing"
        )
    (again,) = [o for o in (await house.newest()).notifications if o.id == letter.id]
    assert (again.state, again.detail) == ("failed", "half � and � nothing")


@pytest.mark.parametrize("final", ["delivered", "failed"])
async def test_nothing_that_comes_late_takes_back_how_it_ended(lite: House, final: str) -> None:
    file = await lite.report()
    letter = file.notifications[0]
    known_as = hash_name(lite.seal, "paper", f"paper-{letter.id}")
    for state in ("sent", final, "sent", "failed", "delivered"):
        async with lite.store.unit() as unit:
            about = await unit.notifications.receipt("paper", known_as, state, state)
        assert about == file.report.id
    (ended,) = [each for each in (await lite.newest()).notifications if each.id == letter.id]
    assert (ended.state, ended.detail) == (final, final)


async def test_a_failing_statement_is_not_taken_for_an_absent_database(house: House) -> None:
    with pytest.raises(DBAPIError):
        await house.change("INSERT INTO messages (id) VALUES ('only an id')")


async def test_reports_are_listed_newest_first_and_triage_oldest_first(lite: House) -> None:
    first, second = await lite.report(ROAD), await lite.report(LAMP)
    latest = [report.tracking for report in await lite.store.reports.latest(10)]
    assert latest == [second.report.tracking, first.report.tracking]
    status = first.report.status
    oldest = [report.tracking for report in await lite.store.reports.latest(10, status=status)]
    assert oldest == [first.report.tracking, second.report.tracking]


async def test_an_agency_pages_through_its_deliveries(lite: House) -> None:
    for number in range(5):
        await lite.report(f"{LAMP} tiang nomor {number}")
    agency = (await lite.newest()).report.assignment
    assert agency is not None
    assert agency.agency is not None
    assert await lite.store.deliveries.for_agency(agency.agency.id, after="", most=9) == []
    # Nothing that began before them can still be under way.
    lite.clock.pass_(seconds=lite.store.database.timeout + 1)
    cursor, seen = "", list[str]()
    while page := await lite.store.deliveries.for_agency(agency.agency.id, after=cursor, most=2):
        cursor = page[-1].id
        seen += [each.text for each in page]
    assert len(seen) == len(set(seen)) == 5
    assert await lite.store.deliveries.for_agency(agency.agency.id, after="unknown", most=2) == []


async def test_what_an_agency_is_given_at_once_has_a_largest_size(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report may be long and be listed often: a page ends early, and misses nothing."""
    for number in range(5):
        file = await house.report(f"{LAMP} tiang nomor {number}")
    agency = file.deliveries[0].agency_id
    house.clock.pass_(seconds=house.store.database.timeout + 1)
    whole = await house.store.deliveries.for_agency(agency, after="", most=9)
    (size,) = (await house.rows("SELECT max(length(body)) FROM reports"))[0]
    for room, most in ((2 * size, 2), (1, 1)):
        monkeypatch.setattr("gateway.store.deliveries.PAGE", room)
        cursor, seen = "", []
        while page := await house.store.deliveries.for_agency(agency, after=cursor, most=9):
            assert len(page) <= most
            cursor = page[-1].id
            seen += page
        assert [each.id for each in seen] == [each.id for each in whole]


async def test_a_cancellation_stays_one_whatever_error_the_driver_makes_of_it(
    lite: House,
) -> None:
    begun = asyncio.Event()

    async def query() -> None:
        async with lite.store.database.read():
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OperationalError("SELECT 1", {}, Exception("cancelled")) from None

    task = asyncio.create_task(query())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_write_leaves_no_lock_behind(lite: House) -> None:
    database = lite.store.database
    url = database.url.render_as_string(hide_password=False)

    async def write() -> None:
        async with database.write() as connection:
            for _ in range(3):
                await connection.execute(text("SELECT 1"))

    gc.disable()  # what a collection would clear away must not be needed
    try:
        for step in [*range(40)] * 2:  # how far the write has come
            task = asyncio.create_task(write())
            await asyncio.sleep(step / 10_000)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        other = Database(url, pool_size=1, timeout=2)
        async with other.write() as connection:
            await connection.execute(text("UPDATE messages SET channel = channel"))
        await other.close()
    finally:
        gc.enable()
