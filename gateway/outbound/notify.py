"""Step 6, notify: the citizen, on the channel they used, in that channel's lane.

The only place where a reporter's address is unsealed by the machine. Before a text leaves it is
marked as being sent; what may have left without our knowing (a process killed, a provider that did
not answer) is looked for where the provider can list what it took, and sent once more at most.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from adapters.contract import (
    Channel,
    ChannelError,
    OptedOut,
    Outgoing,
    Refused,
    Sender,
    SentList,
    UnknownOutcome,
)
from gateway.access.machines import Machines
from gateway.access.ownership import Ownership
from gateway.broker.base import Later, ReceivedMessage
from gateway.outbound.batch import ids_of
from gateway.outbound.notifications import Notifier
from gateway.platform import correlation, metrics
from gateway.platform.identity import opened_reporter
from gateway.platform.names import hash_name, opened_thread
from gateway.platform.seal import Seal
from gateway.queues.consumer import reason_of
from gateway.queues.lane import LEASE, OTHERS, SEND, Job, LaneWork, retry_for
from gateway.store.rows import LaneClaim, Notification, OptOut, Retry, SendResult
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork

log = structlog.get_logger(__name__)

READ_THERE = "read_there"
"""What is noted of a notification on a channel whose senders come and look (a form, an API)."""
DOUBTS = 2
"""How often a text may have left before it is given up: it is sent twice at most."""
SOON = 1.0
"""Seconds after which a text is looked at again whose reader wrote while it was held."""

Outcome = SendResult | OptOut | Exception


class NoWay(Exception):
    """The settings name no way to send this."""


class Uncertain(ChannelError):
    """It is not known whether it arrived; a person decides whether it is sent again."""


@dataclass(frozen=True, slots=True)
class Text:
    """A notification, and what keeps it from its reader."""

    notification: Notification
    silence: OptOut | None


class Notify:
    """What all lanes of notifications share."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        seal: Seal,
        notifier: Notifier,
        ownership: Ownership,
        *,
        retry_after: Sequence[float],
        lease: float = LEASE,
    ) -> None:
        self.store = store
        self.channels = channels
        self._seal = seal
        self._notifier = notifier
        self._ownership = ownership
        self._machines = Machines(channels)
        self._retry_after = retry_after
        self.lease = lease
        self.lanes = frozenset(name for name, each in channels.items() if each.block.enabled)

    async def resume(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Let notifications wait again that were given up, and that an operator replays.

        Also takes what the version before left on the queue: the rows wait in their lanes anyway.
        """
        async with self.store.unit() as unit:
            await unit.notifications.resume(ids_of(batch))
        return {}

    def work(self, channel: str) -> "NotifyWork":
        """Return the work of a channel's lane; of ``OTHERS`` for channels that are off."""
        return NotifyWork(self, channel)

    async def claim(self, channel: str, most: int, *, take_over: bool) -> list[Job[Text]]:
        """Mark texts as being sent, and read what keeps them. Raises ``Unavailable``."""
        if not await self.store.notification_lanes.any_due(*self._lane(channel)):
            return []
        async with self.store.unit() as unit:
            claims = await self._claims(unit, channel, most, take_over=take_over)
            waiting = [notification for _, notification in claims]
            silent = await unit.opt_outs.of(each.reader for each in waiting)
            withheld = await self._ownership.withheld(unit, waiting, unit.wall())
        jobs = []
        for claim, notification in claims:
            silence = silent.get(notification.reader)
            if report := withheld.get(notification.id):
                notification = self._notifier.kept_back(notification, report)
            jobs.append(Job(claim, Text(notification, silence)))
        return jobs

    async def send(self, job: Job[Text]) -> Outcome:
        """Send one text; never raises."""
        try:
            return await self._send(job)
        except OptedOut as error:
            notification = job.row.notification
            if not notification.reader:
                # Written before there were pseudonyms: nobody would release it.
                return SendResult(notification.id, "failed", detail=str(error))
            return OptOut(notification.reader, notification.channel, str(error), error.until)
        except Refused as error:
            return SendResult(job.claim.id, "failed", detail=str(error))
        except Exception as error:
            return error

    async def _send(self, job: Job[Text]) -> Outcome:
        notification, silence = job.row.notification, job.row.silence
        channel = self.channels.get(notification.channel)
        if channel is None or not channel.block.enabled:
            raise NoWay(f"the channel {notification.channel!r} is off")
        if not isinstance(channel, Sender):
            return SendResult(notification.id, "sent", detail=READ_THERE)
        if _is_kept_by(silence, notification, channel):
            assert silence is not None
            return silence
        to = opened_reporter(self._seal, notification.message_id, notification.sealed_to)["to"]
        if why := self._machines.unwritable(channel, to):
            return SendResult(notification.id, "failed", detail=why)
        message = self._outgoing(notification, silence)
        provider_id = await self._sent_before(channel, to, message, job)
        if provider_id is None:
            provider_id = await _within(channel, to, message)
        known_as = hash_name(self._seal, notification.channel, provider_id)
        return SendResult(notification.id, "sent", provider_id=known_as)

    def _outgoing(self, notification: Notification, silence: OptOut | None) -> Outgoing:
        return Outgoing(
            id=notification.id,
            text=notification.text,
            subject=notification.subject,
            thread=opened_thread(self._seal, notification.thread),
            tracking=notification.tracking,
            choices=notification.choices,
            silenced=silence is not None and not notification.urgent,
        )

    async def _sent_before(
        self, channel: Sender, to: str, message: Outgoing, job: Job[Text]
    ) -> str | None:
        """Look for a text that may have left already; None says to send it.

        Raises ``Uncertain`` where it was sent twice without an answer.
        """
        if not job.claim.doubts:
            return None
        metrics.UNCERTAIN.labels(channel.name).inc()
        if isinstance(channel, SentList):
            since = job.row.notification.created_at
            assert since is not None
            if (found := await channel.find_sent(to, message, since)) is not None:
                return found
        if job.claim.doubts >= DOUBTS:
            raise Uncertain(f"{channel.name} did not say whether it took it, {DOUBTS} times")
        log.warning("a text may arrive twice", channel=channel.name)
        return None

    async def file(self, done: Sequence[tuple[Job[Text], object]]) -> dict[str, Exception]:
        """Write down what came of texts. Raises ``Unavailable``."""
        failed: dict[str, Exception] = {}
        async with self.store.unit() as unit:
            await unit.reactions.said(_sent_texts(done))
            for job, outcome in await self._ours(unit, done):
                with correlation.message(job.claim.correlation):
                    result = await self._file(unit, job, outcome)
                    self._count(job.row.notification, result)
                if isinstance(result, SendResult):
                    unit.notifications.finish(result)
                else:
                    failed[job.claim.id] = result
        return failed

    async def _ours(
        self, unit: UnitOfWork, done: Sequence[tuple[Job[Text], object]]
    ) -> Sequence[tuple[Job[Text], object]]:
        """Leave out what failed here and was taken over meanwhile: it is on its way again."""
        doubtful = [job.claim for job, outcome in done if not _was_sent(outcome)]
        if not doubtful:
            return done
        held = await unit.notifications.ids_under(doubtful)
        return [each for each in done if _was_sent(each[1]) or each[0].claim.id in held]

    async def _file(
        self, unit: UnitOfWork, job: Job[Text], outcome: object
    ) -> SendResult | Exception:
        """Hold what is for a reader who cannot be written to, and put off what failed."""
        if isinstance(outcome, SendResult):
            return outcome
        if isinstance(outcome, OptOut):
            if outcome.at is None:
                await unit.opt_outs.begin(outcome)
            elif not await unit.opt_outs.of([job.row.notification.reader]):
                await unit.notifications.put_off(job.claim, Retry(SOON, "", counted=False))
                return Later()  # the citizen wrote in between
            return SendResult(job.claim.id, "held", detail=outcome.reason)
        assert isinstance(outcome, Exception)
        await self._put_off(unit, job.claim, outcome)
        return outcome

    async def put_off_oldest(self, channel: str, error: Exception, *, take_over: bool) -> None:
        """Put off the text that is due first. Raises ``Unavailable``."""
        async with self.store.unit() as unit:
            for claim, _ in await self._claims(unit, channel, 1, take_over=take_over):
                await self._put_off(unit, claim, error)

    async def _claims(
        self, unit: UnitOfWork, channel: str, most: int, *, take_over: bool
    ) -> list[tuple[LaneClaim, Notification]]:
        lane, besides = self._lane(channel)
        return await unit.notifications.claim(
            lane, most, lease=self.lease, take_over=take_over, besides=besides
        )

    def _lane(self, channel: str) -> tuple[str | None, frozenset[str]]:
        return (None, self.lanes) if channel == OTHERS else (channel, frozenset())

    async def _put_off(self, unit: UnitOfWork, claim: LaneClaim, error: Exception) -> None:
        if retry := retry_for(NotifyWork.kind, claim, error, self._retry_after):
            await unit.notifications.put_off(claim, retry)
        else:
            unit.notifications.give_up(claim, reason_of(error))

    def _count(self, notification: Notification, result: SendResult | Exception) -> None:
        outcome = result.state if isinstance(result, SendResult) else "error"
        metrics.NOTIFIED.labels(notification.channel, outcome).inc()
        log.debug("a notification", channel=notification.channel, status=outcome)
        if notification.created_at and outcome == "sent":
            passed = (self.store.now() - notification.created_at).total_seconds()
            metrics.NOTIFICATION_DELAY.labels(notification.channel).observe(passed)


class NotifyWork(LaneWork[Text]):
    """The lane of one channel."""

    kind = "notifications"

    def __init__(self, notify: Notify, channel: str) -> None:
        self.name = channel
        self.lease = notify.lease
        self._notify = notify

    async def claim(self, most: int, *, take_over: bool) -> list[Job[Text]]:
        """Mark texts of the channel as being sent. Raises ``Unavailable``."""
        return await self._notify.claim(self.name, most, take_over=take_over)

    async def put_off_oldest(self, error: Exception, *, take_over: bool) -> None:
        """Put off the text that is due first. Raises ``Unavailable``."""
        await self._notify.put_off_oldest(self.name, error, take_over=take_over)

    async def extend(self, claims: Sequence[LaneClaim]) -> None:
        """Hold texts that are still being sent. Raises ``Unavailable``."""
        async with self._notify.store.unit() as unit:
            await unit.notifications.extend(claims, lease=self.lease)

    async def send(self, job: Job[Text]) -> Outcome:
        """Send one text; never raises."""
        return await self._notify.send(job)

    async def file(self, done: Sequence[tuple[Job[Text], object]]) -> dict[str, Exception]:
        """Write down what came of texts. Raises ``Unavailable``."""
        return await self._notify.file(done)


def _was_sent(outcome: object) -> bool:
    return isinstance(outcome, SendResult) and outcome.state == "sent"


def _is_kept_by(silence: OptOut | None, notification: Notification, channel: Sender) -> bool:
    if silence is None or notification.urgent:
        return False
    return not (channel.opens and silence.until == "writes")


async def _within(channel: Sender, to: str, message: Outgoing) -> str:
    """Send in bounded time. What fails in no way that a channel knows may have left all the same.

    Raises ``ChannelError``.
    """
    try:
        async with asyncio.timeout(SEND):
            return await channel.send(to, message)
    except ChannelError:
        raise
    except Exception as error:
        raise UnknownOutcome(f"{channel.name}: {type(error).__name__}") from error


def _sent_texts(done: Sequence[tuple[Job[Text], object]]) -> Mapping[str, Sequence[str]]:
    """Group what was sent by its reader."""
    texts: dict[str, list[str]] = {}
    for job, outcome in done:
        reader = job.row.notification.reader
        if _was_sent(outcome) and reader:
            texts.setdefault(reader, []).append(job.row.notification.text)
    return texts
