"""Step 6, notify: the citizen, on the channel they used, at that channel's pace.

The only place where a reporter's address is unsealed by the machine. A provider without an
idempotency key may be asked twice when a process dies between its answer and our commit.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog

from adapters.contract import Channel, OptedOut, Outgoing, Refused, Sender
from gateway.access.machines import Machines
from gateway.access.ownership import Ownership
from gateway.broker.base import Later, ReceivedMessage
from gateway.outbound.batch import every, ids_of
from gateway.outbound.notifications import Notifier
from gateway.platform import correlation, metrics
from gateway.platform.identity import opened_reporter
from gateway.platform.names import hash_name, opened_thread
from gateway.platform.seal import Seal
from gateway.store.rows import Notification, OptOut, SendResult
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork

log = structlog.get_logger(__name__)

READ_THERE = "read_there"
"""What is noted of a notification on a channel whose senders come and look (a form, an API)."""


class NoWay(Exception):
    """The settings name no way to send this."""


class Pace:
    """Lets one through every ``1 / per_second`` seconds; a short idle time earns a small burst."""

    def __init__(self, per_second: float, burst: int = 5) -> None:
        self._gap = 1 / per_second
        self._credit = burst * self._gap
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until it is this caller's turn."""
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + self._gap
        await asyncio.sleep(max(0.0, self._next - self._gap - now))


class Notify:
    """The step."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        seal: Seal,
        notifier: Notifier,
        ownership: Ownership,
        *,
        concurrency: int,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._ownership = ownership
        self._channels = channels
        self._machines = Machines(channels)
        self._seal = seal
        self._turn = asyncio.Semaphore(concurrency)
        self._paces = {n: Pace(c.block.sends_per_second) for n, c in channels.items()}

    async def __call__(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Send a batch; returns what failed and may succeed later, by message id."""
        ids = ids_of(batch)
        async with self._store.unit() as unit:
            stored = every(ids, await unit.notifications.by_ids(ids))
            waiting = [each for each in stored if each.state == "waiting"]
            silent = await unit.opt_outs.of(notification.reader for notification in waiting)
            withheld = await self._ownership.withheld(unit, waiting, unit.wall())
        waiting = [
            self._notifier.kept_back(notification, withheld[notification.id])
            if notification.id in withheld
            else notification
            for notification in waiting
        ]
        sends = (
            self._send(notification, silent.get(notification.reader)) for notification in waiting
        )
        results = await asyncio.gather(*sends)
        failed: dict[str, Exception] = {}
        async with self._store.unit() as unit:
            await unit.reactions.said(_sent_texts(waiting, results))
            for notification, result in zip(waiting, results, strict=True):
                outcome = await self._file(unit, notification, result)
                if isinstance(outcome, SendResult):
                    unit.notifications.finish(outcome)
                else:
                    failed[notification.id] = outcome
                self._count(notification, outcome)
        return failed

    async def _file(
        self, unit: UnitOfWork, notification: Notification, result: SendResult | OptOut | Exception
    ) -> SendResult | Exception:
        """Hold what is for a reader who cannot be written to, and note why where that is news."""
        if not isinstance(result, OptOut):
            return result
        if result.at is None:
            await unit.opt_outs.begin(result)
        elif not await unit.opt_outs.of([notification.reader]):
            return Later()  # the citizen wrote in between
        return SendResult(notification.id, "held", detail=result.reason)

    def _count(self, notification: Notification, result: SendResult | Exception) -> None:
        outcome = result.state if isinstance(result, SendResult) else "error"
        metrics.NOTIFIED.labels(notification.channel, outcome).inc()
        id = correlation.of(notification.id)
        log.debug("a notification", channel=notification.channel, status=outcome, correlation=id)
        if notification.created_at and outcome == "sent":
            passed = (self._store.now() - notification.created_at).total_seconds()
            metrics.NOTIFICATION_DELAY.labels(notification.channel).observe(passed)

    async def _send(
        self, notification: Notification, silence: OptOut | None
    ) -> SendResult | OptOut | Exception:
        channel = self._channels.get(notification.channel)
        if channel is None or not channel.block.enabled:
            return NoWay(f"the channel {notification.channel!r} is off")
        if not isinstance(channel, Sender):
            return SendResult(notification.id, "sent", detail=READ_THERE)
        if (
            silence
            and not notification.urgent
            and not (channel.opens and silence.until == "writes")
        ):
            return silence
        message = Outgoing(
            id=notification.id,
            text=notification.text,
            subject=notification.subject,
            thread=opened_thread(self._seal, notification.thread),
            tracking=notification.tracking,
            choices=notification.choices,
            silenced=silence is not None and not notification.urgent,
        )
        try:
            to = opened_reporter(self._seal, notification.message_id, notification.sealed_to)["to"]
            if why := self._machines.unwritable(channel, to):
                return SendResult(notification.id, "failed", detail=why)
            async with self._turn:
                await self._paces[notification.channel].turn()
                with correlation.queued_message(notification.id):
                    provider_id = await channel.send(to, message)
        except OptedOut as error:
            if (
                not notification.reader
            ):  # written before there were pseudonyms: nobody would release it
                return SendResult(notification.id, "failed", detail=str(error))
            return OptOut(notification.reader, channel.name, str(error), error.until)
        except Refused as error:
            return SendResult(notification.id, "failed", detail=str(error))
        except Exception as error:  # raised, it would make the whole batch be sent again
            return error
        known_as = hash_name(self._seal, notification.channel, provider_id)
        return SendResult(notification.id, "sent", provider_id=known_as)


def _sent_texts(
    waiting: Sequence[Notification], results: Sequence[SendResult | OptOut | Exception]
) -> Mapping[str, Sequence[str]]:
    """Group what was sent by its reader."""
    texts: dict[str, list[str]] = {}
    for notification, result in zip(waiting, results, strict=True):
        if isinstance(result, SendResult) and result.state == "sent" and notification.reader:
            texts.setdefault(notification.reader, []).append(notification.text)
    return texts
