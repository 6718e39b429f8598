"""Databases that have their tables already: migrated once in each process, then used again.

A file is copied. In PostgreSQL one database is emptied: to copy it would write 7 MB for each test.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from gateway.store import migrate
from gateway.store.engine import Database
from gateway.store.tables import metadata
from tests.services import PostgresServer

SQLITE = "sqlite+aiosqlite:///"
_ALONE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_EMPTY = f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"


def sqlite(url: str) -> None:
    """Put the tables where there is no file yet; any other URL is left alone."""
    file = Path(url.removeprefix(SQLITE))
    if url.startswith(SQLITE) and not file.exists():
        file.write_bytes(_file())


def postgres(server: PostgresServer) -> str:
    """Empty the one database of the server that has the tables, and return its SQLAlchemy URL."""
    url = _database(server)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_ALONE)  # a process that was killed may still hold a lock
        connection.execute(_EMPTY.encode())
    return url


@cache
def _file() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "kanal.sqlite3"
        _migrate(f"{SQLITE}{file}")
        return file.read_bytes()


@cache
def _database(server: PostgresServer) -> str:
    url = server.database()
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    """Migrate as the gateway does, in a thread: a test may have an event loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _migrated(url)).result()


async def _migrated(url: str) -> None:
    database = Database(url, pool_size=1, timeout=60)
    await migrate.upgrade(database)
    await database.close()
