"""Schema changes by Alembic, run inside the gateway with the connection it already has."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from gateway.store.engine import Database

FOLDER = Path(__file__).with_name("migrations")
LONGEST = 600.0
"""Seconds that a change of the tables may take: an old database is large, a small machine slow."""
_LOCK = 0x6B616E616C  # "kanal": several processes may start at once, one of them migrates
_TABLE = "alembic_version"


async def upgrade(database: Database) -> None:
    """Bring the tables to the newest version; does nothing when they are there already."""
    async with database.write(within=LONGEST) as connection:
        if not database.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await connection.run_sync(_upgrade)


def newest() -> str:
    """Return this version of the tables: the highest number that a file of changes begins with."""
    return max(file.name.partition("_")[0] for file in FOLDER.glob("versions/[0-9]*_*.py"))


def _upgrade(connection: Connection) -> None:
    if _version(connection) == newest():
        return
    from alembic import command  # slow to import; hardly any start has something to change
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()
