"""Binding: a channel's own connection is kept by one process at a time, and made again.

The cursor moves as long as the connection stands: health and console see from it that it does.
While the database is away the connection stays, and the spool takes what comes.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

import structlog

from adapters.contract import ConnectionChannel, Unreachable, WebhookRequest
from gateway.intake.load import NotDurable
from gateway.intake.receive import Intake
from gateway.platform import correlation, metrics
from gateway.queues import leased_task
from gateway.queues.leased_task import LeasedTask, PollResult
from gateway.store.cursors import Cursor, CursorPlace
from gateway.store.engine import Unavailable

log = structlog.get_logger(__name__)

BIND = "bind"


class ConnectionTask(LeasedTask):
    """The connection of one channel."""

    kind = BIND

    def __init__(self, channel: ConnectionChannel, cursor: Cursor, intake: Intake) -> None:
        super().__init__(channel, cursor)
        self.channel: ConnectionChannel = channel
        self._intake = intake
        self._stood = False

    @property
    def every(self) -> float:
        """Seconds between two signs that the connection stands."""
        return leased_task.BEAT

    async def look(self, place: CursorPlace) -> PollResult:
        """Hold the connection until it ends. Raises ``ChannelError`` then, or ``LeaseLost``."""
        self._stood = False
        holding = asyncio.create_task(self.channel.hold(self.take), name=self.channel.name)
        try:
            while not holding.done():
                await asyncio.wait({holding}, timeout=self.every)
                if not holding.done() and self.channel.standing:
                    await self._stands(place)
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        if not holding.cancelled():
            holding.result()
        raise Unreachable("the connection ended")

    async def take(self, hook: WebhookRequest) -> None:
        """Make one message durable. Raises ``Unreachable`` when that is not possible now."""
        with correlation.request():
            await self._receive(hook)

    async def _receive(self, hook: WebhookRequest) -> None:
        try:
            with self._intake.load.visit(self.channel.name) as visit:
                visit.grow(len(hook.body))
                visit.wait()
                await self._intake.receive_message(self.channel, hook)
        except NotDurable as error:
            raise Unreachable(str(error)) from error
        except Exception as error:  # the message is not safe: the provider must bring it again
            log.error("a message could not be taken", channel=self.channel.name, error=_name(error))
            raise Unreachable(_name(error)) from error

    async def _put_off(self, place: CursorPlace, error: Exception, said: str) -> float:
        """Begin with the shortest pause again when the connection had stood."""
        lately = replace(place, failures=0) if self._stood else place
        return await super()._put_off(lately, error, said)

    async def _stands(self, place: CursorPlace) -> None:
        self._stood = True
        with suppress(Unavailable):
            await self._cursor.move(place, place.cursor, pause=0)
            metrics.LOOKED.labels(self.channel.name, self.kind).set_to_current_time()


def _name(error: Exception) -> str:
    """Name an error by its type; its message might quote a citizen."""
    return type(error).__name__
