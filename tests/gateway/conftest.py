"""Databases and houses for the tests of the gateway."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from gateway import components
from gateway.access import passwords
from gateway.casework import operators
from gateway.models.active import ActiveModels
from gateway.store import engine
from normalizer import masking
from tests import services
from tests.gateway import making, migrated

_CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Let a password that a test sets or tries cost a millisecond instead of a fifth of a second.

    Real processes are not touched.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (passwords, operators):
            patch.setattr(module, "HASHER", _CHEAP)
        yield


class Compiled(dict[tuple[Any, ...], Any]):
    """Statements as one kind of database takes them, whichever engine compiled them first."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Look a statement up; its key begins with the engine's own dialect."""
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


@pytest.fixture(scope="session", autouse=True)
def _statements_once() -> Iterator[None]:
    """Compile each statement once: every test opens engines of its own, which know none yet."""

    def sharing(make: Callable[..., AsyncEngine]) -> Callable[..., AsyncEngine]:
        compiled = Compiled()

        def made(*values: Any, **named: Any) -> AsyncEngine:
            opened = make(*values, **named)
            opened.sync_engine._compiled_cache = compiled
            return opened

        return made

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_sqlite", "_postgres"):
            patch.setattr(engine, name, sharing(getattr(engine, name)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _tables_once() -> Iterator[None]:
    """Read regions, phrases and texts once for all gateways of this process.

    Each gets a router of its own, with its own models; what has files of its own is not touched.
    """
    read = components.load
    shared: dict[tuple[float, str], components.Components] = {}

    def load(settings: Settings) -> components.Components:
        if settings.agencies.overrides:
            return read(settings)
        rules = settings.routing.cost_of_wrong, settings.deadlines.model_dump_json()
        if rules not in shared:
            shared[rules] = read(settings)
        routing = copy(shared[rules].routing)
        routing.scorer = routing.kinds = None
        trained = ActiveModels(settings, routing)
        trained.refresh()
        return replace(shared[rules], routing=routing, trained=trained)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "load", load)
        yield


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
