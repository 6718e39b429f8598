"""Schema changes by Alembic, run inside the gateway with the connection it already has."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database

FOLDER = Path(__file__).with_name("migrations")
LONGEST = 600.0
"""Seconds that a change of the tables may take: an old database is large, a small machine slow."""
_LOCK = 0x6B616E616C  # "kanal": several processes may start at once, one of them migrates
_TABLE = "alembic_version"


async def upgrade(database: Database) -> None:
    """Bring the tables to the newest version; does nothing when they are there already."""
    async with database.write(within=LONGEST) as connection:
        await alone(connection)
        await connection.run_sync(upgrade_to)


def newest() -> str:
    """Return this version of the tables: the highest number that a file of changes begins with."""
    return max(_revisions())


async def alone(connection: AsyncConnection) -> None:
    """Keep other processes from changing tables until the transaction ends.

    SQLite has one writer, and needs no more than that.
    """
    if connection.dialect.name != "sqlite":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def upgrade_to(connection: Connection, revision: str = "") -> None:
    """Bring the tables to a revision, the newest if none is named."""
    if revision_of(connection) == (revision or newest()):
        return
    from alembic import command  # slow to import; hardly any start has something to change
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision or "head")


def revision_of(connection: Connection) -> str:
    """Return the revision of the tables; "" where there are none."""
    if not inspect(connection).has_table(_TABLE):
        return ""
    return connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar() or ""


def is_known(revision: str) -> bool:
    """Tell whether this version of the program knows a revision, and all that came before it."""
    return revision in _revisions()


def _revisions() -> set[str]:
    return {file.name.partition("_")[0] for file in FOLDER.glob("versions/[0-9]*_*.py")}
