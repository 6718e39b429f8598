"""States of a database in which it answers and takes nothing: no message is held against them."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from gateway.intake.group_commit import GroupCommit
from gateway.store.engine import Database
from gateway.store.store import Store
from tests.gateway import migrated
from tests.gateway.making import House, accepted, house, until_drained
from tests.services import PostgresServer


@contextlib.contextmanager
def _changed(url: str, do: str, undo: str) -> Iterator[str]:
    """Change a PostgreSQL database, and change it back; yields the URL by which to see that."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(do.encode())
        try:
            yield url
        finally:
            connection.execute(undo.encode())


@contextlib.contextmanager
def _without_rights(url: str) -> Iterator[str]:
    make = "CREATE ROLE reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
    with _changed(url, make, "DROP OWNED BY reader; DROP ROLE reader") as same:
        yield f"{same}{'&' if '?' in same else '?'}options=-crole%3Dreader"


@contextlib.contextmanager
def _read_only(url: str) -> Iterator[str]:
    yield f"{url}{'&' if '?' in url else '?'}options=-cdefault_transaction_read_only%3Don"


State = Callable[[str], AbstractContextManager[str]]

POSTGRES: dict[str, State] = {
    "read only, as a standby before its promotion": _read_only,
    "rights taken away": _without_rights,
    "another version's column": lambda url: _changed(
        url,
        "ALTER TABLE messages RENAME COLUMN body TO words",
        "ALTER TABLE messages RENAME COLUMN words TO body",
    ),
    "another version's table": lambda url: _changed(
        url, "ALTER TABLE queue RENAME TO lines", "ALTER TABLE lines RENAME TO queue"
    ),
    "a lock on a table": lambda url: _changed(url, "BEGIN; LOCK TABLE messages", "COMMIT"),
}


@contextlib.contextmanager
def _file_changed(url: str, do: str, undo: str) -> Iterator[str]:
    connection = sqlite3.connect(url.removeprefix(migrated.SQLITE), isolation_level=None)
    connection.execute(do)
    try:
        yield url
    finally:
        connection.execute(undo)
        connection.close()


@contextlib.contextmanager
def _bytes_gone(url: str) -> Iterator[str]:
    """The file is damaged where its header is, and comes back from a backup."""
    file = Path(url.removeprefix(migrated.SQLITE))
    for journal in (file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        journal.unlink(missing_ok=True)
    whole = file.read_bytes()
    file.write_bytes(b"no database at all" * 300)
    yield url
    file.write_bytes(whole)


SQLITE: dict[str, State] = {
    "locked": lambda url: _file_changed(url, "BEGIN EXCLUSIVE", "ROLLBACK"),
    "another version's column": lambda url: _file_changed(
        url,
        "ALTER TABLE messages RENAME COLUMN body TO words",
        "ALTER TABLE messages RENAME COLUMN words TO body",
    ),
    "damaged": _bytes_gone,
}


@pytest.mark.parametrize("state", POSTGRES)
async def test_postgres_in_a_state_that_passes(
    state: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = migrated.postgres(postgres_server)
    async with house(url, tmp_path) as built:
        await _accepted_and_kept(built, POSTGRES[state](url))


@pytest.mark.parametrize("state", SQLITE)
async def test_sqlite_in_a_state_that_passes(state: str, sqlite_url: str, tmp_path: Path) -> None:
    async with house(sqlite_url, tmp_path) as built:
        if state == "damaged":
            await built.store.close()
        await _accepted_and_kept(built, SQLITE[state](sqlite_url))


async def _accepted_and_kept(built: House, state: AbstractContextManager[str]) -> None:
    """Take three messages while the state lasts; all are there when it has passed."""
    items = [accepted(built.clock) for _ in range(3)]
    with state as url:
        store = Store(Database(url, pool_size=2, timeout=1.0), built.clock)
        commits = GroupCommit(store, built.spool, built.commits.load)
        await commits.start()
        try:
            for item in items:
                await commits.put(item)
            with contextlib.suppress(Exception):
                await commits.drain()
            assert built.spool.bad() == 0, "an innocent message was set aside"
        finally:
            await commits.stop()
            await store.close()
    await until_drained(built.commits)
    assert await built.counted("messages") == 3
    assert built.spool.bad() == 0


async def test_what_is_wrong_with_the_message_is_its_own_affair(lite: House) -> None:
    lite.spool.write([accepted(lite.clock, received_at=lite.clock().replace(tzinfo=None))])
    await lite.commits.drain()
    assert lite.spool.bad() == 1
    assert await lite.commits.restore() == 1
    assert lite.spool.bad() == 1, "it is refused again, and not forgotten"
