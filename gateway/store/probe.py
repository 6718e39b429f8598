"""Is the database written to? It is tried: a row, and on PostgreSQL what locks would hold up."""

from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import LOCKED_FILE, Database, Unavailable
from gateway.store.tables import metadata, probes

WITHIN = 3.0
"""Seconds in which the database must answer a probe."""
FROZEN = 2.0
"""Seconds after which PostgreSQL ends the probe of a process that stands still: its row is
everybody's."""
LOCKED = "55P03"  # PostgreSQL's lock_not_available
TABLES = sorted(metadata.tables)

_ROW = text(
    "INSERT INTO probes (id, at) VALUES (1, :at) ON CONFLICT (id) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=probes.c.at.type))
_IMPATIENT = text(
    "SELECT set_config('lock_timeout', '1s', true), "
    "set_config('idle_in_transaction_session_timeout', :frozen, true)"
)
_EVERY_TABLE = text(f"LOCK TABLE {', '.join(TABLES)} IN ROW EXCLUSIVE MODE")
"""The lock that a row to be written needs; two of them are no hindrance to each other."""
_HOLD_UP = text(
    "SELECT DISTINCT c.relname FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation "
    "WHERE l.granted AND l.mode IN "
    "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND c.relname = ANY(:ours) ORDER BY 1"
)
"""The tables that are locked so that writing waits.
Source: https://www.postgresql.org/docs/current/explicit-locking.html"""


async def try_write(database: Database, at: datetime) -> None:
    """Return when the database takes something into every table. Raises ``Unavailable``."""
    try:
        async with database.write(within=min(WITHIN, database.timeout)) as connection:
            await _write(connection, at, is_sqlite=database.is_sqlite)
    except Unavailable as error:
        cause = error.__cause__
        if database.is_sqlite and isinstance(cause, TimeoutError):
            async with database.read():  # who reads does not wait for who writes
                raise Unavailable(LOCKED_FILE) from cause
        state = getattr(cause.orig, "sqlstate", "") if isinstance(cause, DBAPIError) else ""
        if state != LOCKED:
            raise
        raise Unavailable(f"{error}: {', '.join(await _locked_tables(database))}") from cause


async def _write(connection: AsyncConnection, at: datetime, *, is_sqlite: bool) -> None:
    if is_sqlite:
        await connection.execute(_ROW, {"at": at})
        return
    await connection.execute(_IMPATIENT, {"frozen": f"{FROZEN * 1000:.0f}ms"})
    await connection.execute(_EVERY_TABLE)
    await connection.execute(_ROW, {"at": at})  # last: others wait for who has it


async def _locked_tables(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(_HOLD_UP, {"ours": TABLES})).scalars())
