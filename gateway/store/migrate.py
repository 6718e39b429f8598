"""Schema changes by Alembic, run inside the gateway with the connection it already has."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.store.engine import Database

_FOLDER = Path(__file__).with_name("migrations")
LONGEST = 600.0
"""Seconds that a change of the tables may take: an old database is large, a small machine slow."""
_LOCK = 0x6B616E616C  # "kanal": several processes may start at once, one of them migrates


async def upgrade(database: Database) -> None:
    """Bring the tables to the newest version; does nothing when they are there already."""
    async with database.write(within=LONGEST) as connection:
        if not database.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    if MigrationContext.configure(connection).get_current_heads() == _newest():
        return
    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


@cache
def _newest() -> tuple[str, ...]:
    return tuple(ScriptDirectory(str(_FOLDER)).get_heads())
