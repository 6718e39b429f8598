"""Step 2, relay: outbox → RabbitMQ, confirmed and pipelined, then forget the row.

Not needed for the embedded broker, whose queue is the outbox. A crash between confirmation and
forgetting publishes a message twice, under the same id.
"""

import asyncio

import structlog

from gateway.broker.base import (
    Broker,
    BrokerError,
    DeadLetter,
    LeasedMessage,
    ReceivedMessage,
    Refusal,
)
from gateway.platform import metrics
from gateway.store.engine import Unavailable
from gateway.store.queue_table import Queue

log = structlog.get_logger(__name__)

MOST = 500
LEASE = 10.0
"""Seconds for which a relay that was killed still holds the rows it had taken.

One whose confirms take longer publishes twice, under the same id.
"""
POLL = 0.25
PAUSE = 0.5
UNDECIDED = 3.0
"""Seconds before a message is tried again that the broker could not take."""
EVERY_QUEUE = ""
LEFT_BEHIND = 10
"""Turns in one of which a busy relay looks for what processes that died have left."""


class Relay:
    """Moves rows of the queue table to the broker: those of its own process from memory.

    ``lease``: seconds, better longer than a batch's confirmations take.
    """

    def __init__(
        self, queue: Queue, broker: Broker, *, unpublishable_after: int, lease: float = LEASE
    ) -> None:
        self._queue = queue
        self._broker = broker
        self._most_attempts = unpublishable_after
        self._lease = lease
        self._turns = 0

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            try:
                if not await self.relay_once():
                    await self._queue.changed(POLL)
            except (BrokerError, Unavailable) as error:
                log.warning("the relay waits", error=str(error))
                await asyncio.sleep(PAUSE)

    async def relay_once(self) -> int:
        """Relay one batch; return how many rows were taken. Raises ``BrokerError``."""
        taken = await self._take()
        if not taken:
            return 0
        with metrics.STEP.labels("relay").time():
            try:
                refused = await self._broker.publish([leased.message for leased in taken])
            except BrokerError:
                self._queue.forget_fresh()
                await self._queue.release(taken)
                raise
            await self._queue.settle([t for t in taken if t.message.id not in refused])
        for leased in taken:
            outcome = "refused" if leased.message.id in refused else "published"
            id = leased.message.correlation
            log.debug(
                "a message for a queue", queue=leased.message.queue, status=outcome, correlation=id
            )
        groups: dict[Refusal, list[LeasedMessage]] = {}
        for leased in taken:
            if refusal := refused.get(leased.message.id):
                groups.setdefault(refusal, []).append(leased)
        for refusal, group in groups.items():
            await self._put_off(group, refusal)
        return len(taken)

    async def _take(self) -> list[LeasedMessage]:
        """Take what this process has put, and now and then what others left behind."""
        self._turns += 1
        if self._turns % LEFT_BEHIND and (fresh := self._queue.take_fresh(MOST)):
            return fresh
        left = await self._queue.claim(EVERY_QUEUE, MOST, lease=self._lease)
        return left or self._queue.take_fresh(MOST)

    async def _put_off(self, group: list[LeasedMessage], refusal: Refusal) -> None:
        if not refusal.final:
            log.warning("the broker did not take messages", count=len(group), error=refusal.reason)
            await self._queue.postpone(group, delay=UNDECIDED, error=refusal.reason, counted=False)
            return
        for leased in group:
            if leased.attempts + 1 >= self._most_attempts:
                id = leased.message.correlation
                log.error("a message is given up", error=refusal.reason, correlation=id)
                await self._queue.bury(leased, error=refusal.reason)
            else:
                delay = 1.0 + leased.attempts
                await self._queue.postpone([leased], delay=delay, error=refusal.reason)


class Collector:
    """Moves dead letters from the broker into the store, where operators see and replay them."""

    def __init__(self, queue: Queue, broker: Broker, name: str, *, prefetch: int) -> None:
        self._queue = queue
        self._broker = broker
        self._name = name
        self._prefetch = prefetch

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            try:
                await self._collect()
                return
            except (BrokerError, Unavailable) as error:
                log.warning("dead letters wait", queue=self._name, error=str(error))
                await asyncio.sleep(PAUSE)

    async def _collect(self) -> None:
        subscription = await self._broker.dead_letters(self._name, prefetch=self._prefetch)
        if subscription is None:
            return
        try:
            while True:
                letters = await subscription.take(self._prefetch)
                await self._queue.keep_dead([dead_letter(letter) for letter in letters])
                await subscription.ack(letters)
        finally:
            await subscription.close()


def dead_letter(item: ReceivedMessage) -> DeadLetter:
    """Read a message of a dead-letter queue; its headers say why and after how many attempts."""
    error = item.message.headers.get("x-kanal-error", "unknown")
    return DeadLetter(item.message, item.attempts, error)
