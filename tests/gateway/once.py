"""What all gateways of a test process share: tables and statements made once, a cheap hasher."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
import structlog
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from gateway import components
from gateway.access import accounts, passwords
from gateway.models.active import ActiveModels
from gateway.store import engine

__all__ = ["cheap_passwords", "loggers_reset", "statements_once", "tables_once", "uncached_loggers"]

_CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Let a password that a test sets or tries cost a millisecond instead of a fifth of a second.

    Real processes are not touched.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (passwords, accounts):
            patch.setattr(module, "HASHER", _CHEAP)
        yield


@pytest.fixture(scope="session", autouse=True)
def uncached_loggers() -> Iterator[None]:
    """Let no logger keep the settings of the test that used it first: no other would hear it."""
    configure = structlog.configure

    def uncached(*values: Any, **named: Any) -> None:
        configure(*values, **named | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", uncached)
        yield


@pytest.fixture(autouse=True)
def loggers_reset() -> Iterator[None]:
    """Take back what a command that ran in this process set: it may keep lines from being heard."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


class Compiled(dict[tuple[Any, ...], Any]):
    """Statements as one kind of database takes them, whichever engine compiled them first."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Look a statement up; its key begins with the engine's own dialect."""
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


@pytest.fixture(scope="session", autouse=True)
def statements_once() -> Iterator[None]:
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
def tables_once() -> Iterator[None]:
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
