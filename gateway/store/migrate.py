"""Schema changes by Alembic, run inside the gateway with the connection it already has."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database

_FOLDER = Path(__file__).with_name("migrations")
LONGEST = 600.0
"""Seconds that a change of the tables may take: an old database is large, a small machine slow."""
_LOCK = 0x6B616E616C  # "kanal": several processes may start at once, one of them migrates


async def upgrade(database: Database) -> None:
    """Bring the tables to the newest version; does nothing when they are there already."""
    async with database.write(within=LONGEST) as connection:
        await alone(connection)
        await connection.run_sync(upgrade_to)


async def alone(connection: AsyncConnection) -> None:
    """Keep other processes from changing tables until the transaction ends.

    SQLite has one writer, and needs no more than that.
    """
    if connection.dialect.name != "sqlite":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def upgrade_to(connection: Connection, revision: str = "") -> None:
    """Bring the tables to a revision, the newest if none is named."""
    if MigrationContext.configure(connection).get_current_heads() == _newest():
        return
    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision or "head")


def revision_of(connection: Connection) -> str:
    """Return the revision of the tables; "" where there are none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def is_known(revision: str) -> bool:
    """Tell whether this version of the program knows a revision, and all that came before it."""
    scripts = ScriptDirectory(str(_FOLDER))
    return any(each.revision == revision for each in scripts.walk_revisions())


@cache
def _newest() -> tuple[str, ...]:
    return tuple(ScriptDirectory(str(_FOLDER)).get_heads())
