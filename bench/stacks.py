"""What the contestants stand on: a database, a broker, and a way to see what has arrived."""

import contextlib
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from bench.traffic import ACCOUNT, AGENCIES, NUMBER, PUBLIC_URL, TOKEN
from gateway.platform.clock import wall
from gateway.store.engine import Database
from gateway.store.store import Store
from gateway.wire.queues import agency_queue
from tests.services import PostgresServer, RabbitNode

_ARRIVED = f"SELECT count(*) FROM queue WHERE queue IN ({', '.join('?' * len(AGENCIES))})"
"""Only where a report is to be dealt with: who gets a copy of one is another queue."""


class Ground(ABC):
    """Empty tables and queues for one run; ``environment`` is the contestant's settings."""

    environment: Mapping[str, str]

    @abstractmethod
    async def arrived(self) -> int:
        """Count the reports that lie in the agencies' queues."""


class Stack(ABC):
    """One choice of database and broker, and the processes (roles) it is measured with."""

    title: str
    roles: tuple[str, ...]

    @property
    def services(self) -> Mapping[str, int]:
        """Name the processes that serve, with their ids."""
        return {}

    @abstractmethod
    @asynccontextmanager
    def ground(self) -> AsyncIterator[Ground]:
        """Prepare one run."""


class Files(Ground):
    """A folder with a SQLite database, whose table is the queue."""

    def __init__(self, folder: Path) -> None:
        self.environment = _settings(folder, "", "")
        self._file = folder / "kanal.sqlite3"

    async def arrived(self) -> int:
        """Look into the table."""
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as connection:
            queues = [agency_queue(agency) for agency in AGENCIES]
            return int(connection.execute(_ARRIVED, queues).fetchone()[0])


class Queues(Ground):
    """A database on PostgreSQL and a virtual host on RabbitMQ."""

    def __init__(
        self, folder: Path, database: str, broker: str, connection: AbstractConnection
    ) -> None:
        self.environment = _settings(folder, database, broker)
        self._connection = connection

    async def arrived(self) -> int:
        """Ask the broker."""
        return sum([await self._depth(agency_queue(agency)) for agency in AGENCIES])

    async def _depth(self, name: str) -> int:
        with contextlib.suppress(ChannelNotFoundEntity):
            async with self._connection.channel() as channel:
                queue = await channel.declare_queue(name, passive=True)
                return queue.declaration_result.message_count or 0
        return 0


class Embedded(Stack):
    """SQLite and the embedded queue: one process, nothing installed."""

    title = "embedded: SQLite, one process"
    roles = ("up",)

    @asynccontextmanager
    async def ground(self) -> AsyncIterator[Ground]:
        """Make an empty database."""
        with _folder() as folder:
            await _migrate(f"sqlite+aiosqlite:///{folder / 'kanal.sqlite3'}")
            yield Files(folder)


class Services(Stack):
    """RabbitMQ and PostgreSQL of our own: the door and the worker are processes of their own."""

    title = "RabbitMQ + PostgreSQL, door and worker"
    roles = ("worker", "web")

    def __init__(self, postgres: PostgresServer, rabbit: RabbitNode) -> None:
        self._postgres, self._rabbit = postgres, rabbit

    @property
    def services(self) -> Mapping[str, int]:
        """Name both servers."""
        postgres = (self._postgres.folder / "data" / "postmaster.pid").read_text()
        rabbit = (self._rabbit.folder / "pid").read_text()
        return {"PostgreSQL": int(postgres.split()[0]), "RabbitMQ": int(rabbit)}

    @asynccontextmanager
    async def ground(self) -> AsyncIterator[Ground]:
        """Make an empty database and an empty virtual host."""
        database, broker = self._postgres.database(), self._rabbit.vhost()
        await _migrate(database)
        with _folder() as folder:
            async with await aio_pika.connect(broker) as connection:
                yield Queues(folder, database, broker, connection)


@contextmanager
def started() -> Iterator[Services]:
    """Start RabbitMQ and PostgreSQL; end them afterwards. Raises ``ServiceMissing``."""
    postgres, rabbit = PostgresServer(), RabbitNode()
    try:
        postgres.start()
        rabbit.start()
        yield Services(postgres, rabbit)
    finally:
        rabbit.close()
        postgres.close()


async def _migrate(url: str) -> None:
    store = Store(Database(url, pool_size=1, timeout=30.0), wall)
    await store.migrate()
    await store.close()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kanal-bench-") as folder:
        yield Path(folder)


def _settings(folder: Path, database: str, broker: str) -> dict[str, str]:
    """Return the settings of a contestant as variables of its environment."""
    by_queue = (f'[delivery."{agency}"]\nmethod = "queue"\n' for agency in AGENCIES)
    (folder / "kanal.toml").write_text("".join(by_queue))
    given = {
        "CONFIG": str(folder / "kanal.toml"),
        "SERVER__PORT": "0",
        "SERVER__PUBLIC_URL": PUBLIC_URL,
        "SERVER__DATA_DIR": str(folder),
        "DATABASE__URL": database,
        "BROKER__URL": broker,
        "MAIL_SERVER__ENABLED": "false",
        "CHANNELS__SMS__TYPE": "twilio",
        "CHANNELS__SMS__ACCOUNT_SID": ACCOUNT,
        "CHANNELS__SMS__AUTH_TOKENS": f'["{TOKEN}"]',
        "CHANNELS__SMS__NUMBER": NUMBER,
    }
    return {f"KANAL_{name}": value for name, value in given.items()}
