"""Databases and houses for the tests of the gateway."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from normalizer import masking
from tests import services
from tests.gateway import making, migrated
from tests.gateway.once import (
    cheap_passwords,
    loggers_reset,
    statements_once,
    tables_once,
    uncached_loggers,
)

__all__ = [
    "cheap_passwords",
    "loggers_reset",
    "statements_once",
    "tables_once",
    "uncached_loggers",
]

Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of both kinds; it has its tables once a house stands on it."""
    if request.param == "sqlite":
        return f"{migrated.SQLITE}{tmp_path / 'kanal.sqlite3'}"
    return migrated.postgres(request.getfixturevalue("postgres_server"))


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, of both kinds."""
    if request.param == "sqlite":
        return f"{migrated.SQLITE}{tmp_path / 'kanal.sqlite3'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database, for what does not depend on the kind."""
    return f"{migrated.SQLITE}{tmp_path / 'kanal.sqlite3'}"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[making.House]:
    """A house on either database."""
    async with making.house(database_url, tmp_path) as built:
        yield built


@pytest.fixture
async def lite(sqlite_url: str, tmp_path: Path) -> AsyncIterator[making.House]:
    """A house on SQLite, for decisions that do not depend on the database."""
    async with making.house(sqlite_url, tmp_path) as built:
        yield built


@pytest.fixture
def away(database_url: str, request: pytest.FixtureRequest) -> Away:
    """Keep the database of this test from answering, for as long as the context lasts."""
    server: services.PostgresServer | None = None
    if database_url.startswith("postgres"):
        server = request.getfixturevalue("postgres_server")
    return lambda: making.away(database_url, server)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if masking were trusted: what the gate to the public lets through when it is open."""
    monkeypatch.setattr(masking, "UNTRUSTED", ())
