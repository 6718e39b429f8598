"""Engines for the two databases, and the one error for a database that is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.platform.disk import private_file, private_folder

_OF_THE_ROW = ("22", "23")
"""Classes of SQLSTATE that say what is wrong with the values of a statement: data exceptions and
integrity constraints. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_NO_TABLE = "42P01"  # PostgreSQL's undefined_table
LOCKED_FILE = "the database is locked: another process is writing"
_STATES = {
    "42703": "the tables are of another version: kanal migrate",
    "42501": "the database user may not do this: its rights were taken away",
    "25006": "the database can only be read",
    "53100": "the database's disk is full",
    "53300": "the database has no connection left",
    "55P03": "the database is locked: writing waits for a lock",
    "57014": "the database cancelled a statement that took or waited too long",
    "57P03": "the database is starting up or shutting down",
    "SQLITE_BUSY": LOCKED_FILE,
    "SQLITE_CANTOPEN": "the file of the database cannot be opened",
    "SQLITE_FULL": "the database's disk is full",
    "SQLITE_IOERR": "the disk of the database fails",
    "SQLITE_READONLY": "the database can only be read",
}
"""What a state of the database is called where its error's class says too little."""
_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_UNBINDABLE = "Error binding parameter"
"""How Python's driver begins what it says of a value that SQLite has no type for."""


def has_database(url: str) -> bool:
    """Tell whether there is a database to be asked: a file of SQLite is made by the first look."""
    made = make_url(url)
    return made.get_backend_name() != "sqlite" or Path(made.database or "").is_file()


class Unavailable(Exception):
    """The database did not answer; nothing was changed, try again."""


class NotMigrated(Unavailable):
    """The database answers, and has no tables yet: ``kanal migrate`` makes them."""


class Database:
    """A database with an engine for writing and, on SQLite, another one for reading.

    SQLite has one writer: its write engine has one connection, so that writers wait for their turn
    here instead of polling the file's lock, and each transaction starts with BEGIN IMMEDIATE (a
    deferred one that reads first and writes later fails at once when another writer came between).
    """

    def __init__(self, url: str, *, pool_size: int, timeout: float) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.timeout = timeout
        if self.is_sqlite:
            self._make_folder()
            self._writer = _sqlite(url, pool_size=1, timeout=timeout, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite(url, pool_size=pool_size, timeout=timeout, begin="BEGIN")
        else:
            self._writer = self._reader = _postgres(url, pool_size=pool_size, timeout=timeout)

    def _make_folder(self) -> None:
        """Make folder and file before SQLite does, which would let others read them."""
        path = self.url.database or ""
        if path and not path.startswith((":", "file:")):
            private_folder(Path(path).parent)
            with contextlib.suppress(FileExistsError):
                private_file(Path(path), new=True).close()

    @asynccontextmanager
    async def write(self, *, within: float | None = None) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; it is committed at the end. Raises ``Unavailable``.

        ``within`` are the seconds it may take, where that is more than everyday work needs.
        """
        async with _guarded(within or self.timeout, self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads. Raises ``Unavailable``."""
        async with _guarded(self.timeout, self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self, *, within: float) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees the database as it is at its first look, until its end.

        Others write meanwhile. ``within`` are the seconds it may take. Raises ``Unavailable``.
        """
        async with _guarded(within, self._reader) as connection:
            if not self.is_sqlite:  # SQLite's transactions are like that anyway
                await connection.execute(text(_ONE_MOMENT))
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


@asynccontextmanager
async def _guarded(seconds: float, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        async with asyncio.timeout(seconds), engine.begin() as connection:
            yield connection
    except (TimeoutError, PoolTimeout, OSError, DBAPIError) as error:
        if (task := asyncio.current_task()) and task.cancelling():
            # Whoever cancels a query may get the driver's own error for it; it is no news.
            raise asyncio.CancelledError from error
        if _has_no_table(error):
            raise NotMigrated("the tables are not there yet: kanal migrate") from error
        if said := _away(error, seconds):
            raise Unavailable(said) from error
        raise


def _has_no_table(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", "")
    return state == _NO_TABLE or str(error.orig).startswith("no such table")


def _away(error: Exception, seconds: float) -> str:
    """Say how the database is away; "" where the values are at fault.

    Only what is provably wrong with the values may be held against them. Read-only, full, locked,
    without rights, of another schema: all that is the database's state, and passes.
    """
    if not isinstance(error, DBAPIError):
        return f"no answer within {seconds:g} s ({type(error).__name__})"
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or not _blames_values(error, sqlstate):
        # SQLite's extended names begin with the plain one: SQLITE_READONLY_DBMOVED.
        name = "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2])
        return _STATES.get(sqlstate or name, type(error.orig).__name__)
    return ""


def _blames_values(error: DBAPIError, sqlstate: str) -> bool:
    """Tell whether the database refused the values; SQLite has no SQLSTATE, but the classes."""
    if sqlstate:
        return sqlstate.startswith(_OF_THE_ROW)
    return isinstance(error, DataError | IntegrityError) or str(error.orig).startswith(_UNBINDABLE)


def _postgres(url: str, *, pool_size: int, timeout: float) -> AsyncEngine:
    # libpq gives each host of a list that time: the first may be a machine that is gone.
    hosts = ",".join(make_url(url).normalized_query.get("host", ())).count(",") + 1
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_pre_ping=False,
        connect_args={"connect_timeout": max(2, int(timeout / hosts))},
    )

    @event.listens_for(engine.sync_engine, "invalidate")
    def give_up(connection: Any, _: object, __: object) -> None:
        # A statement was cut off: left to the garbage collector its connection stays open.
        connection.driver_connection.pgconn.finish()

    return engine


def _sqlite(url: str, *, pool_size: int, timeout: float, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout,
        connect_args={"timeout": timeout},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute(f"PRAGMA busy_timeout={int(timeout * 1000)}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def give_up(connection: Any, _: object, __: object) -> None:
        # A statement that waits for the garbage collector puts off the closing, and keeps the lock.
        connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
