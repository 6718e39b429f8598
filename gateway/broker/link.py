"""One supervised connection to RabbitMQ: it fails fast at start and comes back by itself later.

aio-pika's own robust connection makes a publisher wait without bound while it reconnects and
restores consumers behind the caller's back; here a lost connection is a plain fact (``live`` is
None), so that a publisher hears of it at once and a consumer knows its receipts are void.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from gateway.broker.base import BrokerUnavailable

log = logging.getLogger(__name__)

LOST = (*CONNECTION_EXCEPTIONS, TimeoutError)
"""What aio-pika raises when the broker, the network or the channel is gone."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to reconnect; the last one repeats."""
FAREWELL = 1.0
"""Seconds a connection gets for its closing handshake; a dead peer never answers it."""


@contextlib.contextmanager
def hearing() -> Iterator[None]:
    """Turn the CancelledError by which aiormq ends calls on a dead connection into an error.

    Left alone it would end the task that is there to reconnect. A real cancellation passes.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise ConnectionError("the connection ended during a call") from error


class BrokerLink:
    """A connection that is kept up. ``prepare`` runs on each new one before it counts as live.

    ``prepare`` is also given what to call when the broker no longer answers on that connection. It
    gives up that one alone: a call that comes late, when a new one is up already, does nothing.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        timeout: float,
        prepare: Callable[[AbstractConnection, Callable[[], None]], Awaitable[None]] | None = None,
    ) -> None:
        self._url, self._name, self._timeout, self._prepare = url, name, timeout, prepare
        self._connection: AbstractConnection | None = None
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._alarm = ""

    @property
    def alarm(self) -> str:
        """Why RabbitMQ takes nothing on this connection, in its own words; "" while it does."""
        return self._alarm if self.live else ""

    @property
    def live(self) -> AbstractConnection | None:
        """The connection, or None while it is lost."""
        return self._connection if self._up.is_set() and not self._lost.is_set() else None

    async def start(self) -> None:
        """Connect once, and keep the connection up from then on. Raises ``BrokerUnavailable``."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep())

    async def wait(self) -> AbstractConnection:
        """Return the live connection, waiting for it where it is lost."""
        while (connection := self.live) is None:
            self._up.clear()
            await self._up.wait()
        return connection

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Open a short-lived channel: a refused declaration closes it and leaves the others open.

        Raises ``BrokerUnavailable`` when the broker does not answer in time.
        """
        if (connection := self.live) is None:
            raise BrokerUnavailable("not connected to the broker")
        try:
            async with asyncio.timeout(self._timeout):
                with hearing():
                    async with connection.channel(publisher_confirms=False) as channel:
                        yield channel
        except LOST as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error
            raise BrokerUnavailable(f"the broker did not answer: {error!r}") from error

    async def close(self) -> None:
        """Disconnect for good."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._discard()

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            log.warning("connection lost", extra={"link": self._name})
            await self._discard()
            await self._reconnect()

    async def _reconnect(self) -> None:
        for attempt in range(10**9):
            try:
                return await self._connect()
            except BrokerUnavailable as error:
                log.warning("%s", error, extra={"link": self._name})
                await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])

    async def _connect(self) -> None:
        lost = asyncio.Event()
        try:
            async with asyncio.timeout(self._timeout):
                with hearing():
                    connection = await self._open(lost)
        except LOST as error:
            raise BrokerUnavailable(f"cannot reach the broker: {error!r}") from error
        self._connection, self._lost = connection, lost
        self._up.set()

    async def _open(self, lost: asyncio.Event) -> AbstractConnection:
        connection = await aio_pika.connect(
            self._url,
            heartbeat=max(1, round(self._timeout / 2)),
            client_properties={"connection_name": self._name},
        )
        connection.close_callbacks.add(lambda *_: lost.set())
        self._hear_alarms(connection)
        try:
            if self._prepare is not None:
                await self._prepare(connection, lost.set)
        except BaseException:
            await _part(connection)
            raise
        return connection

    def _hear_alarms(self, connection: AbstractConnection) -> None:
        """Listen for what RabbitMQ says when it stops taking messages, and when it goes on.

        aiormq logs both and tells neither; tests/gateway/test_broker_rabbit.py would notice a
        version in which its handlers have other names.
        Source: https://www.rabbitmq.com/docs/connection-blocked
        """
        self._alarm = ""

        async def blocked(frame: aiormq.spec.Connection.Blocked) -> None:
            self._alarm = frame.reason or "an alarm"

        async def unblocked(_: aiormq.spec.Connection.Unblocked) -> None:
            self._alarm = ""

        assert connection.transport is not None
        wire: Any = connection.transport.connection
        for name, handler in (("blocked", blocked), ("unblocked", unblocked)):
            setattr(wire, f"_Connection__handle_connection_{name}", handler)

    async def _discard(self) -> None:
        self._up.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            await _part(connection)


async def _part(connection: AbstractConnection) -> None:
    with contextlib.suppress(*LOST):
        async with asyncio.timeout(FAREWELL):
            await connection.close()
