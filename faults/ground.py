"""What a gateway stands on: one process with SQLite, PostgreSQL and RabbitMQ, or several of both.

``alone``: SQLite on a small disk, the embedded broker. ``apart``: a PostgreSQL and a RabbitMQ.
``several``: a PostgreSQL pair and three RabbitMQ nodes, reached over links that can be made bad.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.services import PostgresPair, PostgresServer, RabbitCluster, RabbitNode
from tests.services.proxy import ChaosProxy

OWNER = "kanal"
"""The gateway's own user of the database: an administrator may take rights from it."""
ADMINISTRATOR = "postgres"
SMALL_DISK = "size=512m"


@dataclass
class Ground:
    """Database and broker of a gateway, and the handles to strike at them."""

    database: str
    """The SQLAlchemy URL for the settings."""
    broker: str = ""
    name: str = ""
    """Of the database on its server."""
    postgres: PostgresServer | None = None
    rabbit: RabbitNode | None = None
    pair: PostgresPair | None = None
    cluster: RabbitCluster | None = None
    to_databases: tuple[ChaosProxy, ...] = ()
    to_broker: ChaosProxy | None = None

    @property
    def vhost(self) -> str:
        """Return the virtual host."""
        return self.broker.rpartition("/")[2]

    @property
    def primary(self) -> PostgresServer:
        """Return the server that takes what is written."""
        server = self.pair.primary if self.pair else self.postgres
        assert server
        return server

    @property
    def node(self) -> RabbitNode:
        """Return a node of the broker that answers."""
        node = self.cluster.first() if self.cluster else self.rabbit
        assert node
        return node

    def reading(self) -> str:
        """Return the URL by which the checker reads; around every link."""
        if self.database.startswith("sqlite"):
            return self.database
        return f"postgresql://{ADMINISTRATOR}@127.0.0.1:{self.primary.port}/{self.name}"

    def amqp(self) -> str:
        """Return the URL by which agencies fetch; around every link."""
        return self.node.url(self.vhost)

    @contextmanager
    def administrator(self) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection to the gateway's database with all rights."""
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(self.reading(), autocommit=True, options=options) as connection:
            yield connection

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl in the gateway's virtual host. Raises ``RuntimeError``."""
        return self.node.ctl("-p", self.vhost, *arguments)


async def build(stack: str, data: Path, ends: AsyncExitStack) -> Ground:
    """Start what a stack stands on; ``ends`` ends it. Raises ``ServiceMissing``."""
    if stack == "alone":
        ends.enter_context(_small_disk(data))
        return Ground(f"sqlite+aiosqlite:///{data}/kanal.sqlite3")
    return await (_apart if stack == "apart" else _several)(ends)


async def _apart(ends: AsyncExitStack) -> Ground:
    postgres, rabbit = PostgresServer(), RabbitNode()
    ends.callback(postgres.close)
    ends.callback(rabbit.close)
    await asyncio.gather(asyncio.to_thread(postgres.start), asyncio.to_thread(rabbit.start))
    name = _owned(postgres)
    url = f"postgresql+psycopg://{OWNER}@127.0.0.1:{postgres.port}/{name}"
    return Ground(url, rabbit.vhost(), name, postgres, rabbit)


async def _several(ends: AsyncExitStack) -> Ground:
    pair, cluster = PostgresPair(fsync=True), RabbitCluster(3)
    ends.callback(pair.close)
    ends.callback(cluster.close)
    await asyncio.gather(asyncio.to_thread(pair.start), asyncio.to_thread(cluster.start))
    name = _owned(pair.primary)
    links = [ChaosProxy(server.port) for server in (pair.primary, pair.standby)]
    to_broker = ChaosProxy(*(node.port for node in cluster.nodes))
    for link in (*links, to_broker):
        await link.open()
        ends.push_async_callback(link.refuse)
    hosts = "&".join(f"host=127.0.0.1:{link.port}" for link in links)
    vhost = cluster.vhost()[0].rpartition("/")[2]
    return Ground(
        f"postgresql+psycopg://{OWNER}@/{name}?{hosts}&target_session_attrs=read-write",
        f"amqp://guest:guest@127.0.0.1:{to_broker.port}/{vhost}",
        name,
        pair=pair,
        cluster=cluster,
        to_databases=tuple(links),
        to_broker=to_broker,
    )


def _owned(server: PostgresServer) -> str:
    """Make a database whose owner is no administrator, as deployments have."""
    name = server.create()
    server.tell(f"CREATE ROLE {OWNER} LOGIN")
    server.tell(f"ALTER DATABASE {name} OWNER TO {OWNER}")
    return name


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Put a folder on a disk of its own that can be filled, where that can be done."""
    command = ["mount", "-t", "tmpfs", "-o", SMALL_DISK, "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and not subprocess.run(command, capture_output=True).returncode
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the disk that a folder is on. Raises ``RuntimeError`` where it is not a small one."""
    if not os.path.ismount(folder):
        raise RuntimeError(f"{folder} is not on a disk of its own")
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65_536)
        yield
    finally:
        filler.unlink(missing_ok=True)
