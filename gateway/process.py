"""The composition root: one process, with the roles it plays."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from adapters.contract import (
    ChannelError,
    ConnectionChannel,
    Inbound,
    Malformed,
    Poller,
    Receipt,
    Receiver,
    Reconciler,
    WebhookRequest,
)
from config.settings import Settings
from gateway import assembly
from gateway.access.ownership import Ownership
from gateway.broker.base import ANSWERS, DELIVERIES, MEDIA, REPORTS, WORK, Broker, BrokerError
from gateway.broker.embedded import Embedded
from gateway.broker.rabbit import Rabbit
from gateway.casework.agencies import AgencyService
from gateway.casework.alarm import ALARM, Alarm
from gateway.casework.alerts import DutyService
from gateway.casework.directory import Directory
from gateway.casework.operators import OperatorService
from gateway.casework.partners import PartnerService
from gateway.casework.route import Route
from gateway.casework.tracking import Tracking
from gateway.intake import heavy
from gateway.intake.connections import BIND, ConnectionTask
from gateway.intake.envelope import mail_hook
from gateway.intake.expiry import EXPIRE, Expiry
from gateway.intake.group_commit import GroupCommit, NotDurable
from gateway.intake.pages import PageIntake
from gateway.intake.polling import POLL, Polling
from gateway.intake.reassembly import EVERYWHERE, JOIN, Joining
from gateway.intake.receive import Intake, parse_here
from gateway.intake.reconciling import RECONCILE, Reconciling
from gateway.intake.smtp import Envelope, SmtpServer, TryLater
from gateway.media.access import DOWNLOAD, AttachmentAccess
from gateway.media.clean import Cleaned, clean
from gateway.media.fetch import FileFetcher
from gateway.media.store_files import StoreFiles
from gateway.operations.health import Health
from gateway.outbound.delicate import Delicate
from gateway.outbound.deliver import Deliver
from gateway.outbound.notifications import Letters
from gateway.outbound.notify import AnswerCitizen
from gateway.outbound.roster import Wording
from gateway.outbound.warning import Warning
from gateway.platform.sandbox import ReadingError, Sandbox
from gateway.portals.app import WebServer, application, monitor
from gateway.portals.citizen.routes import CitizenServices as Citizens
from gateway.portals.partners import alerts
from gateway.portals.partners.mounts import doors
from gateway.queues.consumer import Consumer, Step
from gateway.queues.leased_task import LeasedTask
from gateway.queues.relay import LEASE, Collector, Relay
from gateway.store.cursors import Bookmark, LeaseLost
from gateway.store.engine import Database, Unavailable
from gateway.store.queries import Queries
from gateway.store.renaming import hide_names
from gateway.store.spool import Spool
from gateway.store.store import Store
from normalizer.report import FileNote, Report

log = structlog.get_logger(__name__)

ROLES = ("web", "mail", "worker", "poller")
AGAIN = 1.0
"""Seconds before a task that died is started again."""
LOOK_AGAIN = 10.0
"""Seconds between two looks at what changes seldom: a trained model, counts of forgeries."""
INSIST = 5.0
"""Seconds a cancelled task gets before it is cancelled again."""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the running gateway listens."""

    web: int | None
    mail: int | None


class Kanal:
    """One process of the gateway. ``file`` is named in error messages about settings."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        self.settings = settings
        self.parts = assembly.parts(settings)
        self.channels = assembly.channels(settings, file)
        self.webhooks = assembly.webhooks(settings, file)
        self.notice = assembly.notice(settings, self.channels)
        self.seal = assembly.seal(settings)
        database = Database(
            settings.database_url,
            pool_size=settings.database.pool_size,
            timeout=settings.database.timeout,
        )
        self.store = Store(database, now, assembly.limits(settings), assembly.room(settings))
        self.spool = Spool(settings.server.data_dir / "spool")
        self.broker = self._broker()
        self.commits = GroupCommit(self.store, self.spool)
        fetched = frozenset(name for name, c in self.channels.items() if c.fetched)
        delicate = Delicate(self.parts.routing.topics.delicate, fetched)
        self.letters = Letters(self.parts.texts, now, delicate, self.notice)
        self.roster = assembly.roster(settings, file, self.channels, self.seal)
        self.duty_desk = DutyService(self.store, self.roster, self.letters)
        self.reader = Sandbox(1, settings.mail_server.parse_seconds, modules=("adapters.mail",))
        self.cleaner = Sandbox(1, settings.media.clean_seconds, modules=("gateway.media.clean",))
        self.heavy = Sandbox(1, heavy.SECONDS, modules=("gateway.intake.heavy",))
        self.vault = assembly.vault(settings, self.seal)
        self.door = Intake(
            self.channels,
            self.store,
            self.commits,
            self.parts.normalizer,
            self.seal,
            now,
            self._parse,
            self._normalized,
            Warning(self.parts.routing, self.letters),
        )
        self.queries = Queries(self.store)
        self.files = AttachmentAccess(self.queries, self.vault)
        register = self.parts.routing.register
        directory = Directory(register, self.parts.gazetteer)
        self.desk = OperatorService(
            self.store,
            self.broker,
            self.door,
            self.letters,
            directory,
            register,
            self.seal,
            self.files,
            session_hours=settings.console.session_hours,
            sensitive=self.parts.routing.topics.sensitive,
            duty=self.duty_desk,
        )
        self.agencies = AgencyService(self.store, self.letters, settings.delivery, now)
        self.partners = PartnerService(
            self.store, self.seal, self.parts.routing.topics, directory, self.parts.gazetteer
        )
        self.pollings, self.reconcilings = self._duties()
        self.bindings = self._bindings()
        mark = Bookmark(self.store, EVERYWHERE, JOIN, holder=uuid.uuid4().hex)
        self.joining = Joining(self.door, self.store, self.seal, mark)
        self.alarm = self._alarm()
        expiring = Bookmark(self.store, EVERYWHERE, EXPIRE, holder=uuid.uuid4().hex)
        self.expiry = Expiry(self.store, expiring)
        self.health = Health(
            self.store,
            self.broker,
            self.commits,
            self.spool,
            self._looked_after(),
            self.vault,
            on_duty=bool(self.roster.posts),
        )
        self.web: WebServer | None = None
        self.mail: SmtpServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def _broker(self) -> Broker:
        url, work = self.settings.broker.url, self.settings.work
        if not url:
            return Embedded(self.store.queue, lease=work.lease)
        return Rabbit(url, retry_after=work.retry_after, timeout=self.settings.broker.timeout)

    def _duties(self) -> tuple[dict[str, Polling], dict[str, Reconciling]]:
        """Make what reads the providers of enabled channels, by the channel's name."""
        pages, holder, wanted = PageIntake(self.door, self.store), uuid.uuid4().hex, self.settings
        pollings: dict[str, Polling] = {}
        reconcilings: dict[str, Reconciling] = {}
        for name, channel in self.channels.items():
            if not channel.block.enabled:
                continue
            if isinstance(channel, Poller) and channel.polling:
                mark = Bookmark(self.store, name, POLL, holder=holder)
                pollings[name] = Polling(channel, mark, pages, self.store)
            if isinstance(channel, Reconciler):
                reconcilings[name] = Reconciling(
                    channel,
                    Bookmark(self.store, name, RECONCILE, holder=holder),
                    pages,
                    self.store,
                    every=60 * wanted.reconcile.every_minutes,
                    overlap=timedelta(minutes=wanted.reconcile.overlap_minutes),
                )
        return pollings, reconcilings

    def _alarm(self) -> Alarm:
        """Make what tells the posts on duty of danger."""
        wanted = self.settings.alerts
        url = str(self.settings.server.public_url)
        return Alarm(
            self.store,
            self.roster,
            Wording(self.parts.texts, self.parts.gazetteer, url),
            Bookmark(self.store, EVERYWHERE, ALARM, holder=uuid.uuid4().hex),
            within=wanted.acknowledge_within_seconds,
            repeat=wanted.repeat,
        )

    def _bindings(self) -> list[ConnectionTask]:
        """Make what keeps the connections of enabled channels."""
        holder = uuid.uuid4().hex
        return [
            ConnectionTask(channel, Bookmark(self.store, name, BIND, holder=holder), self.door)
            for name, channel in self.channels.items()
            if isinstance(channel, ConnectionChannel) and channel.block.enabled
        ]

    @property
    def duties(self) -> list[LeasedTask]:
        """What a poller does: polling, keeping connections, and catching up if so set."""
        timed = self.settings.reconcile.every_minutes > 0
        caught_up = self.reconcilings.values() if timed else ()
        return [*self.pollings.values(), *self.bindings, *caught_up]

    def _looked_after(self) -> dict[tuple[str, str], float]:
        return {(duty.channel.name, duty.kind): duty.every for duty in self.duties}

    async def catch_up(self, names: Sequence[str], since: datetime | None) -> dict[str, int | str]:
        """Read the providers of channels (none named: all); tell how many were news, or why not.

        A polled channel goes on from its cursor, whatever ``since`` says.
        """
        jobs: dict[str, Callable[[], Awaitable[int | None]]] = {
            **{name: partial(duty.once, since) for name, duty in self.reconcilings.items()},
            **{name: duty.once for name, duty in self.pollings.items()},
        }
        return {name: await _told(jobs.get(name)) for name in names or sorted(jobs)}

    async def start(self, roles: Sequence[str] = ROLES) -> Ports:
        """Start the roles; returns when the doors are open.

        A process of doors opens them even while database or broker are away: the spool stands in.
        One that works raises ``Unavailable`` (of the store or the broker) instead.
        """
        for said in assembly.all_warnings(self.settings, self.channels):
            log.warning(said)
        patient = "worker" not in roles and self.spool.writable()
        await self._reach("the database", self.migrate, patient=patient)
        await self._reach("the broker", self.broker.start, patient=patient)
        await self.commits.start()
        if "worker" in roles:
            await self._start_worker()
        if "poller" in roles:
            for duty in self.duties:
                self._spawn(f"{duty.kind} {duty.channel.name}", duty.run)
        if {"worker", "poller"} & set(roles):
            self._spawn("join parts", self.joining.run)
            self._spawn("expire the quarantine", self.expiry.run)
        if "mail" in roles and self.settings.mail_server.enabled:
            await self._start_mail()
        if "web" in roles:
            await self._start_web()
        elif self.settings.server.monitor_port:
            await self._start_monitor()
        self._spawn("gauges", self.health.gauge_for_ever)
        self._spawn("count what is not kept", self._count_missed)
        return Ports(self.web.port if self.web else None, self.mail.port if self.mail else None)

    async def stop(self) -> None:
        """Close the doors, finish what is under way, then let go of everything."""
        if self.web:
            await self.web.stop()
        if self.mail:
            await self.mail.stop()
        await _end(task for task in self._tasks if task.get_name().startswith(BIND))
        await self.commits.stop()
        await _end(self._tasks)
        with contextlib.suppress(Unavailable):
            await self.door.write_missed()
        await self.reader.close()
        await self.cleaner.close()
        await self.heavy.close()
        await self.close_channels()
        await self.broker.close()
        await self.store.close()

    async def close_channels(self) -> None:
        """Let go of the connections to providers and agencies."""
        posts = (post.sender for post in self.roster.posts)
        for channel in {*self.channels.values(), *self.webhooks.values(), *posts}:
            await channel.close()

    async def _reach(
        self, what: str, connect: Callable[[], Awaitable[None]], *, patient: bool
    ) -> None:
        try:
            await connect()
        except (Unavailable, BrokerError) as error:
            if not patient:
                raise
            log.warning("away at the start", name=what, error=str(error))
            self._spawn(f"reach {what}", partial(_until_reached, connect))

    async def _start_worker(self) -> None:
        # Reading the calendar takes half a second: better now than under the first report.
        await asyncio.to_thread(self.parts.routing.calendar.is_working, now().date())
        for consumer in self._consumers():
            self._spawn(f"work on {consumer.queue}", consumer.run)
        self._spawn("trained models", self._refresh_models)
        self._spawn(ALARM, self.alarm.run)
        if self.broker.outbox_is_queue:
            return
        lease = min(self.settings.work.lease, LEASE)
        relay = Relay(self.store.queue, self.broker, unpublishable_after=20, lease=lease)
        self._spawn("relay", relay.run)
        for name in WORK:
            collector = Collector(self.store.queue, self.broker, name, prefetch=100)
            self._spawn(f"dead letters of {name}", collector.run)

    async def migrate(self) -> None:
        """Bring database and rows to this version. Raises ``Unavailable``."""
        await self.store.migrate()
        await hide_names(self.store, self.seal)

    def _consumers(self) -> list[Consumer]:
        work = self.settings.work
        phones = frozenset(name for name, c in self.channels.items() if c.by_phone)
        ownership = Ownership(phones, self.settings.routing.ownership_days)
        route = Route(
            self.store,
            self.parts.routing,
            self.parts.gazetteer,
            self.letters,
            self.seal,
            now,
            waiting=timedelta(days=self.settings.routing.waiting_days),
            ownership=ownership,
            mute=frozenset(name for name, c in self.channels.items() if not c.can_ask),
            overheard=frozenset(name for name, c in self.channels.items() if c.overhears),
            fetched=frozenset(name for name, c in self.channels.items() if c.fetched),
            duty=self.duty_desk,
        )
        deliver = Deliver(
            self.store, self.settings.delivery, self.webhooks, concurrency=work.concurrency
        )
        answer = AnswerCitizen(
            self.store,
            self.channels,
            self.seal,
            self.letters,
            ownership,
            concurrency=work.concurrency,
        )
        media = self.settings.media
        store_files = StoreFiles(
            self.store,
            self.channels,
            self.vault,
            FileFetcher(max_bytes=media.max_bytes, timeout=media.timeout),
            self._clean,
            self.seal,
            self.letters,
            media,
            attempts=len(work.retry_after),
            concurrency=work.concurrency,
        )
        batches: dict[str, tuple[Step, int]] = {
            REPORTS: (route, work.batch),
            DELIVERIES: (deliver, work.batch),
            ANSWERS: (answer, work.concurrency),
            MEDIA: (store_files, work.concurrency),
        }
        return [
            Consumer(
                self.broker,
                queue,
                step,
                prefetch=self.settings.broker.prefetch,
                batch=batch,
                retry_after=work.retry_after,
            )
            for queue, (step, batch) in batches.items()
        ]

    async def _count_missed(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            with contextlib.suppress(Unavailable):
                await self.door.write_missed()

    async def _refresh_models(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            await asyncio.to_thread(self.parts.trained.refresh)

    async def _start_mail(self) -> None:
        channel = self.door.receiver(self.settings.mail_server.channel)
        if channel is None:
            return
        accepts = getattr(channel, "accepts", None)
        assert accepts is not None
        self.mail = SmtpServer(self.settings.mail_server, self._take_mail, accepts=accepts)
        await self.mail.start()
        log.info("mail door open", port=self.mail.port)

    async def _take_mail(self, envelope: Envelope) -> None:
        channel = self.door.receiver(self.settings.mail_server.channel)
        if channel is None:
            raise TryLater
        hook = mail_hook(envelope.peer, envelope.mail_from, envelope.rcpt_to, envelope.data)
        try:
            await self.door.take(channel, hook)
        except NotDurable as error:
            raise TryLater from error

    async def _start_web(self) -> None:
        server = self.settings.server
        url = str(server.public_url)
        own = doors(
            self.channels,
            self.door,
            self.partners,
            self.agencies,
            url,
            now,
            server.client_header,
        )
        app = application(
            server,
            self.door,
            self.desk,
            self.agencies,
            self.queries,
            self.health,
            self.files,
            now,
            Citizens(
                Tracking(self.queries, self.seal), assembly.categories(self.parts), self.notice
            ),
            own,
            alerts.routes(self.duty_desk, server.client_header, url),
        )
        self.web = WebServer(app, server, server.port)
        await self.web.start()
        log.info("web door open", port=self.web.port)

    async def _start_monitor(self) -> None:
        server = self.settings.server
        self.web = WebServer(monitor(self.health), server, server.monitor_port)
        await self.web.start()
        log.info("monitor open", port=self.web.port)

    async def _normalized(self, inbound: Inbound, about: Mapping[str, Any]) -> Report:
        """Read a message that is long to read in a process that can be killed."""
        try:
            return await self.heavy.read(heavy.normalized, inbound, dict(about))
        except ReadingError as error:
            raise heavy.Unread(type(error).__name__) from None

    async def _parse(self, channel: Receiver, hook: WebhookRequest) -> list[Inbound | Receipt]:
        if not channel.parse_may_hang:
            return await parse_here(channel, hook)
        try:
            return await self.reader.read(channel.parse, hook)
        except ReadingError as error:
            raise Malformed(f"could not be read safely: {type(error).__name__}") from error

    async def _clean(self, content: bytes) -> Cleaned:
        try:
            return await self.cleaner.read(clean, content)
        except ReadingError as error:
            log.warning("a file could not be made harmless", error=type(error).__name__)
            return Cleaned(content, DOWNLOAD, FileNote.BROKEN)

    def _spawn(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(self._keep(name, run), name=name))

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task until it ends by itself; one that dies is started again, and seen."""
        while True:
            try:
                await run()
                return
            except Exception:
                log.exception("a task died and is started again", task=name)
                self.health.died(name)
                await asyncio.sleep(AGAIN)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they are gone: a driver may turn one cancellation into its own error."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=INSIST)


async def _until_reached(connect: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(AGAIN)
        with contextlib.suppress(Unavailable, BrokerError):
            await connect()
            return


async def _told(job: Callable[[], Awaitable[int | None]] | None) -> int | str:
    if job is None:
        return "there is no such channel, or it cannot be asked"
    try:
        found = await job()
    except Unavailable:
        raise
    except (ChannelError, LeaseLost) as error:
        return f"failed: {error}"
    except Exception as error:  # a fault of the channel's own code; its words may quote anybody
        return f"failed: {type(error).__name__}"
    return "another process is reading it" if found is None else found
