"""Work on a queue: take a batch, run the step, settle. Acks come after the work, never before.

A batch that fails as a whole is tried message by message, so that one bad message fails alone. What
fails comes back by the retry rungs; what can never succeed, or has failed too often, is buried
among the dead letters. While the database or the broker is away nothing is counted as an attempt.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from adapters.contract import ChannelError, Throttled
from gateway.broker.base import Broker, BrokerError, Later, ReceivedMessage, Subscription
from gateway.platform import correlation, metrics
from gateway.store.engine import Unavailable
from gateway.wire.events import BadEvent

log = structlog.get_logger(__name__)

Step = Callable[[Sequence[ReceivedMessage]], Awaitable[Mapping[str, Exception]]]
"""Works on a batch; returns what failed by message id, or raises when all of it did."""

PAUSE = 0.5
"""Seconds to wait while the database or the broker is away."""
LONGEST_PAUSE = 5.0
PATIENCE = 120
"""Tries, about ten minutes, before a batch is given back. RabbitMQ parks among the dead letters
what was given back twenty times, and closes a channel that keeps a message for half an hour."""


class Consumer:
    """One queue and the step that works on it."""

    def __init__(
        self,
        broker: Broker,
        queue: str,
        step: Step,
        *,
        prefetch: int,
        batch: int,
        retry_after: Sequence[float],
    ) -> None:
        self._broker = broker
        self.queue = queue
        self._step = step
        self._prefetch = prefetch
        self._batch = batch
        self._retry_after = retry_after

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                subscription = await self._broker.subscribe(self.queue, prefetch=self._prefetch)
                try:
                    await self._work(subscription)
                finally:
                    # What it cannot give back comes by itself; nothing may outshout a cancellation.
                    with contextlib.suppress(BrokerError, Unavailable):
                        await subscription.close()
            except (BrokerError, Unavailable) as error:
                log.warning("a queue is away", queue=self.queue, error=str(error))
                await asyncio.sleep(PAUSE)

    async def _work(self, subscription: Subscription) -> None:
        while True:
            batch = await subscription.take(self._batch)
            with metrics.STEP.labels(self.queue).time():
                await self._settle(subscription, batch)

    async def _settle(self, subscription: Subscription, batch: Sequence[ReceivedMessage]) -> None:
        try:
            failed = await self._work_on(batch)
        except Exception as error:
            if len(batch) > 1:
                for item in batch:
                    await self._settle(subscription, [item])
                return
            failed = {batch[0].message.id: error}
        await subscription.ack([d for d in batch if d.message.id not in failed])
        await self._put_off(subscription, [d for d in batch if d.message.id in failed], failed)

    async def _work_on(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Run the step; while the database is away keep the batch, as giving it back counts."""
        pause = PAUSE
        for _ in range(PATIENCE):
            try:
                with correlation.batch({d.message.id: d.message.correlation for d in batch}):
                    return await self._step(batch)
            except Unavailable as error:
                log.warning("the database is away", queue=self.queue, error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        return {item.message.id: Later() for item in batch}

    async def _put_off(
        self,
        subscription: Subscription,
        items: Sequence[ReceivedMessage],
        failed: Mapping[str, Exception],
    ) -> None:
        for item in items:
            error = failed[item.message.id]
            if isinstance(error, Later):  # not by release: RabbitMQ would count it
                delay = self._retry_after[0] if self._retry_after else PAUSE
                await subscription.retry(item, delay=delay, error="", counted=False)
            else:
                with correlation.message(item.message.correlation):
                    await self._retry_or_bury(subscription, item, error)

    async def _retry_or_bury(
        self, subscription: Subscription, item: ReceivedMessage, error: Exception
    ) -> None:
        what = reason_of(error)
        told = {"queue": self.queue, "message": item.message.id, "error": what}
        if not may_succeed(error) or item.attempts >= len(self._retry_after):
            log.error("a message is given up", attempts=item.attempts + 1, **told)
            metrics.BURIED.labels(self.queue).inc()
            await subscription.bury(item, error=what)
            return
        delay = self._retry_after[item.attempts]
        if isinstance(error, Throttled):
            delay = max(delay, error.retry_after)
        log.warning("a message comes again", delay=delay, **told)
        metrics.RETRIED.labels(self.queue).inc()
        await subscription.retry(item, delay=delay, error=what)


def may_succeed(error: Exception) -> bool:
    """Tell whether another attempt at what failed may succeed."""
    if isinstance(error, ChannelError):
        return error.retryable
    return not isinstance(error, BadEvent)


def reason_of(error: Exception) -> str:
    """Return what a dead letter's reader needs; never the values an SQL error would quote."""
    ours = type(error).__module__.split(".")[0] in ("gateway", "adapters")
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__
