"""The services that tests stand on, started when the first test asks for them.

A laptop without a service skips its tests, loudly; with ``CI=true`` that is a failure, because a
suite that skips its hard half is green for the wrong reason.
"""

import io
import logging
import os
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import structlog
from hypothesis import HealthCheck, settings

from gateway.platform import logs, loop
from tests import services

# An example that takes long says that the machine is busy. Whoever measures does so by CPU time.
settings.register_profile("kanal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kanal")

# What the shell around the tests is set to is nothing that they mean; processes inherit it too.
for _name in [name for name in os.environ if name.upper().startswith("KANAL_")]:
    del os.environ[_name]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Run every test on the loop the program runs on."""
    return {"program": loop.new}


@contextmanager
def offered(what: str) -> Iterator[None]:
    """Skip a test whose service is missing, loudly; with ``CI=true`` fail it."""
    try:
        yield
    except services.ServiceMissing as error:
        line = f"NO {what.upper()} HERE: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(line)
        pytest.skip(line)


@pytest.fixture(scope="session")
def rabbit_node() -> Iterator[services.RabbitNode]:
    """A private RabbitMQ node; a test that kills it starts it again."""
    node = services.RabbitNode()
    try:
        with offered("RabbitMQ"):
            node.start()
        yield node
    finally:
        node.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[services.PostgresServer]:
    """A private PostgreSQL server; a test that stops it starts it again."""
    server = services.PostgresServer(fsync=False)
    try:
        with offered("PostgreSQL"):
            server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def rabbit_url(rabbit_node: services.RabbitNode) -> str:
    """The URL of an empty virtual host."""
    return rabbit_node.vhost()


@pytest.fixture
def postgres_url(postgres_server: services.PostgresServer) -> str:
    """The SQLAlchemy URL of an empty database."""
    return postgres_server.database()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of a Chromium."""
    with offered("Chromium"):
        return services.chromium()
    raise AssertionError("unreachable: a missing service skips or fails")


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything any logger writes, at the chattiest level, as one line of JSON each."""
    written = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    logs.set_up("DEBUG", "json")
    structlog.configure(cache_logger_on_first_use=False)  # a cached one would never be heard again
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
