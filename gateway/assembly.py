"""Wire every service of the gateway. Process, tests and measurements all use this one wiring."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from adapters.contract import Channel, ConnectionChannel, Poller, Receiver, Reconciler
from config.settings import Settings
from gateway import components
from gateway.access.ownership import Ownership
from gateway.broker.base import DELIVERIES, MEDIA, NOTIFICATIONS, REPORTS, WORK, Broker
from gateway.broker.embedded import Embedded
from gateway.broker.rabbit import Rabbit
from gateway.casework.additions import Additions
from gateway.casework.agencies import AgencyService
from gateway.casework.alarm import Alarm
from gateway.casework.alerts import DutyService
from gateway.casework.commands import Commands
from gateway.casework.context import ContextLoader
from gateway.casework.conversation import Conversation, conversation
from gateway.casework.directory import Directory
from gateway.casework.hiding import Hiding
from gateway.casework.matters import Matters
from gateway.casework.operators import OperatorService
from gateway.casework.partners import PartnerService
from gateway.casework.questions import UnansweredQuestions
from gateway.casework.route import Route
from gateway.casework.tracking import Tracking
from gateway.components import Components
from gateway.intake import heavy
from gateway.intake.connections import BIND, ConnectionTask
from gateway.intake.expiry import EXPIRE, Expiry
from gateway.intake.group_commit import GroupCommit
from gateway.intake.pages import PageIntake
from gateway.intake.polling import POLL, Polling
from gateway.intake.reassembly import Joining
from gateway.intake.receive import Intake, parse_in
from gateway.intake.reconciling import RECONCILE, Reconciling
from gateway.media.access import AttachmentAccess
from gateway.media.fetch import FileFetcher
from gateway.media.objects import AttachmentStore
from gateway.media.store_files import StoreFiles, clean_in
from gateway.operations.exchange_writer import ExchangeWriter
from gateway.operations.health import Health
from gateway.outbound.delicate import Delicate
from gateway.outbound.deliver import Deliver
from gateway.outbound.methods.base import Method
from gateway.outbound.notice import Notice
from gateway.outbound.notifications import Notifier
from gateway.outbound.notify import Notify
from gateway.outbound.roster import Roster, Wording
from gateway.outbound.warning import Warning
from gateway.platform.clock import CaseClock, Clock, wall
from gateway.platform.sandbox import Sandbox
from gateway.platform.seal import Seal
from gateway.portals.app import WebServer, application
from gateway.portals.citizen.routes import CitizenServices
from gateway.portals.partners import alerts
from gateway.portals.partners.mounts import mounted
from gateway.queues.consumer import Consumer, Step
from gateway.queues.due import EVERYWHERE, DueHandler, DueTask
from gateway.queues.leased_task import LeasedTask
from gateway.queues.relay import LEASE, Collector, Relay
from gateway.store.cursors import Bookmark
from gateway.store.engine import Database
from gateway.store.exchanges import Exchanges
from gateway.store.queries import Queries
from gateway.store.spool import Spool
from gateway.store.store import Store

LOOK_AGAIN = 10.0
"""Seconds between two looks for a newly trained model."""


@dataclass(frozen=True, slots=True)
class Sandboxes:
    """The processes in which what strangers sent is read; none starts before its first use."""

    mails: Sandbox
    images: Sandbox
    texts: Sandbox

    async def close(self) -> None:
        """Stop them."""
        for each in (self.mails, self.texts, self.images):
            await each.close()


@dataclass(frozen=True, slots=True)
class Task:
    """Work that a process does as long as it lives."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Ground:
    """What the services stand on. ``now`` is the case clock."""

    settings: Settings
    now: Clock
    parts: Components
    channels: Mapping[str, Channel]
    methods: Mapping[str, Method]
    """How agencies with settings of their own get their reports."""
    seal: Seal
    store: Store
    spool: Spool
    broker: Broker
    commits: GroupCommit
    notice: Notice
    notifier: Notifier
    roster: Roster
    attachments: AttachmentStore
    queries: Queries
    ownership: Ownership
    sandboxes: Sandboxes
    holder: str
    """The name of this process on the leases it takes."""

    def bookmark(self, name: str, kind: str) -> Bookmark:
        """Return the place that work of one kind has got to."""
        return Bookmark(self.store, name, kind, holder=self.holder)

    def due_task(self, handler: DueHandler) -> DueTask:
        """Return the lane in which what is due of one kind is done."""
        return DueTask(self.store, handler, self.bookmark(EVERYWHERE, f"due {handler.kind}"))


@dataclass(frozen=True)
class Services(Ground):
    """Everything a process can do, wired: the services, the steps of the way, and the tasks."""

    intake: Intake
    pages: PageIntake
    files: AttachmentAccess
    tracking: Tracking
    operators: OperatorService
    agencies: AgencyService
    partners: PartnerService
    duty: DutyService
    route: Route
    deliver: Deliver
    notify: Notify
    store_files: StoreFiles
    pollings: Mapping[str, Polling]
    reconcilings: Mapping[str, Reconciling]
    bindings: tuple[ConnectionTask, ...]
    joining: DueTask
    questions: DueTask
    expiry: Expiry
    alarm: DueTask
    consumers: tuple[Consumer, ...]
    exchanges: ExchangeWriter
    health: Health

    @property
    def duties(self) -> list[LeasedTask]:
        """What a poller does: polling, keeping connections, and catching up if so set."""
        return _duties(self.settings, self.pollings, self.bindings, self.reconcilings)

    async def close_channels(self) -> None:
        """Let go of the connections to providers and agencies."""
        posts = (post.sender for post in self.roster.posts)
        for channel in {*self.channels.values(), *posts}:
            await channel.close()
        for method in self.methods.values():
            await method.close()


def assemble(
    settings: Settings,
    file: Path | None = None,
    *,
    parts: Components | None = None,
    channels: Mapping[str, Channel] | None = None,
    methods: Mapping[str, Method] | None = None,
    store: Store | None = None,
    broker: Broker | None = None,
    sandboxes: Sandboxes | None = None,
    now: Clock | None = None,
) -> Services:
    """Wire the services; what is not given is made as the settings say.

    ``file`` is named in error messages about settings; ``now`` stands in for every clock of the
    process. Raises ``SettingsError``.
    """
    case, true = now or CaseClock.from_environment(), now or wall
    if channels is None:
        channels = components.channels(settings, file)
    if methods is None:
        methods = components.methods(settings, file)
    ground = _ground(
        settings,
        file,
        parts or components.load(settings),
        channels,
        methods,
        store or _store(settings, case, true),
        broker,
        sandboxes or _sandboxes(settings, channels),
        case,
    )
    return _services(ground)


def _ground(
    settings: Settings,
    file: Path | None,
    parts: Components,
    channels: Mapping[str, Channel],
    methods: Mapping[str, Method],
    store: Store,
    broker: Broker | None,
    sandboxes: Sandboxes,
    now: Clock,
) -> Ground:
    seal, notice = components.seal(settings), components.notice(settings, channels)
    spool = Spool(settings.server.data_dir / "spool")
    delicate = Delicate(parts.routing.topics.delicate, _names(channels, lambda c: c.fetched))
    phones = _names(channels, lambda c: c.by_phone)
    return Ground(
        settings=settings,
        now=now,
        parts=parts,
        channels=channels,
        methods=methods,
        seal=seal,
        store=store,
        spool=spool,
        broker=broker or _broker(settings, store),
        commits=GroupCommit(store, spool),
        notice=notice,
        notifier=Notifier(parts.texts, delicate, notice),
        roster=components.roster(settings, file, channels, seal),
        attachments=components.attachments(settings, seal),
        queries=Queries(store),
        ownership=Ownership(phones, settings.routing.ownership_days),
        sandboxes=sandboxes,
        holder=uuid.uuid4().hex,
    )


def _services(ground: Ground) -> Services:
    settings, store = ground.settings, ground.store
    intake = _intake(ground)
    pages = PageIntake(intake, store)
    files = AttachmentAccess(ground.queries, ground.attachments)
    duty = DutyService(store, ground.roster, ground.notifier)
    directory = Directory(ground.parts.routing.register, ground.parts.gazetteer)
    route, deliver = _route(ground, duty), _deliver(ground)
    notify, store_files = _notify(ground), _store_files(ground)
    pollings, reconcilings = _pollings(ground, pages), _reconcilings(ground, pages)
    bindings = _bindings(ground, intake)
    steps: dict[str, Step] = {
        REPORTS: route,
        DELIVERIES: deliver,
        NOTIFICATIONS: notify,
        MEDIA: store_files,
    }
    return Services(
        **vars(ground),
        intake=intake,
        pages=pages,
        files=files,
        tracking=Tracking(ground.queries, ground.seal),
        operators=_operators(ground, intake, files, directory, duty),
        agencies=AgencyService(store, ground.notifier, ground.methods, ground.now),
        partners=_partners(ground, directory),
        duty=duty,
        route=route,
        deliver=deliver,
        notify=notify,
        store_files=store_files,
        pollings=pollings,
        reconcilings=reconcilings,
        bindings=bindings,
        joining=ground.due_task(Joining(intake, store, ground.seal)),
        questions=ground.due_task(UnansweredQuestions(store, _waiting(settings))),
        expiry=Expiry(store, ground.bookmark(EVERYWHERE, EXPIRE)),
        alarm=ground.due_task(_alarm(ground)),
        consumers=_consumers(ground, steps),
        exchanges=_exchanges(ground),
        health=_health(ground, _duties(settings, pollings, bindings, reconcilings)),
    )


def _names(channels: Mapping[str, Channel], wanted: Callable[[Channel], bool]) -> frozenset[str]:
    return frozenset(name for name, channel in channels.items() if wanted(channel))


def _store(settings: Settings, now: Clock, true: Clock) -> Store:
    chosen = settings.database
    database = Database(settings.database_url, pool_size=chosen.pool_size, timeout=chosen.timeout)
    limits, room = components.limits(settings), components.room(settings)
    return Store(database, now, limits, room, true, _waiting(settings))


def _waiting(settings: Settings) -> timedelta:
    return timedelta(days=settings.routing.waiting_days)


def _broker(settings: Settings, store: Store) -> Broker:
    url, work = settings.broker.url, settings.work
    if not url:
        return Embedded(store.queue, lease=work.lease)
    return Rabbit(url, retry_after=work.retry_after, timeout=settings.broker.timeout)


def _parsers(channels: Mapping[str, Channel]) -> tuple[str, ...]:
    """List the modules that a worker process reads messages with."""
    hard = (
        each for each in channels.values() if isinstance(each, Receiver) and each.parse_may_hang
    )
    return tuple(sorted({type(each).__module__ for each in hard}))


def _sandboxes(settings: Settings, channels: Mapping[str, Channel]) -> Sandboxes:
    return Sandboxes(
        mails=Sandbox(1, settings.mail_server.parse_seconds, modules=_parsers(channels)),
        images=Sandbox(1, settings.media.clean_seconds, modules=("gateway.media.clean",)),
        texts=Sandbox(1, heavy.SECONDS, modules=("gateway.intake.heavy",)),
    )


def _intake(ground: Ground) -> Intake:
    return Intake(
        ground.channels,
        ground.store,
        ground.commits,
        ground.parts.normalizer,
        ground.seal,
        ground.now,
        parse_in(ground.sandboxes.mails),
        heavy.normalize_in(ground.sandboxes.texts),
        Warning(ground.parts.routing, ground.notifier),
    )


def _operators(
    ground: Ground,
    intake: Intake,
    files: AttachmentAccess,
    directory: Directory,
    duty: DutyService,
) -> OperatorService:
    return OperatorService(
        ground.store,
        ground.broker,
        intake,
        ground.notifier,
        directory,
        ground.parts.routing.register,
        ground.seal,
        files,
        session_hours=ground.settings.console.session_hours,
        sensitive=ground.parts.routing.topics.sensitive,
        duty=duty,
    )


def _partners(ground: Ground, directory: Directory) -> PartnerService:
    topics = ground.parts.routing.topics
    return PartnerService(ground.store, ground.seal, topics, directory, ground.parts.gazetteer)


def _route(ground: Ground, duty: DutyService) -> Route:
    waiting = _waiting(ground.settings)
    overheard = _names(ground.channels, lambda c: c.overhears)
    return Route(
        ground.store,
        ground.parts.routing,
        _conversation(ground, duty, overheard),
        ContextLoader(ground.now, waiting, ground.ownership, ground.seal),
        ground.seal,
        ground.now,
        mute=_names(ground.channels, lambda c: not c.can_ask),
        overheard=overheard,
        fetched=_names(ground.channels, lambda c: c.fetched),
    )


def _conversation(ground: Ground, duty: DutyService, overheard: Set[str]) -> Conversation:
    routing, notifier, now = ground.parts.routing, ground.notifier, ground.now
    topics, register = routing.topics, routing.register

    def agency_name(id: str) -> str:
        agency = register.agency(id)
        return agency.name if agency else id

    hiding = Hiding(notifier, now, topics.needs_identity, agency_name)
    return conversation(
        Commands(notifier, now, topics.sensitive),
        Additions(notifier, now, routing.accused, routing.overseer),
        hiding,
        Matters(routing, ground.parts.gazetteer, notifier, hiding, now, overheard),
        duty,
    )


def _deliver(ground: Ground) -> Deliver:
    work = ground.settings.work
    return Deliver(
        ground.store,
        ground.methods,
        attempts=len(work.retry_after),
        concurrency=work.concurrency,
    )


def _notify(ground: Ground) -> Notify:
    return Notify(
        ground.store,
        ground.channels,
        ground.seal,
        ground.notifier,
        ground.ownership,
        concurrency=ground.settings.work.concurrency,
    )


def _store_files(ground: Ground) -> StoreFiles:
    media, work = ground.settings.media, ground.settings.work
    return StoreFiles(
        ground.store,
        ground.channels,
        ground.attachments,
        FileFetcher(max_bytes=media.max_bytes, timeout=media.timeout),
        clean_in(ground.sandboxes.images),
        ground.seal,
        ground.notifier,
        media,
        attempts=len(work.retry_after),
        concurrency=work.concurrency,
    )


def _pollings(ground: Ground, pages: PageIntake) -> dict[str, Polling]:
    return {
        name: Polling(channel, ground.bookmark(name, POLL), pages, ground.store)
        for name, channel in ground.channels.items()
        if isinstance(channel, Poller) and channel.polling and channel.block.enabled
    }


def _reconcilings(ground: Ground, pages: PageIntake) -> dict[str, Reconciling]:
    wanted = ground.settings.reconcile
    return {
        name: Reconciling(
            channel,
            ground.bookmark(name, RECONCILE),
            pages,
            ground.store,
            every=60 * wanted.every_minutes,
            overlap=timedelta(minutes=wanted.overlap_minutes),
        )
        for name, channel in ground.channels.items()
        if isinstance(channel, Reconciler) and channel.block.enabled
    }


def _bindings(ground: Ground, intake: Intake) -> tuple[ConnectionTask, ...]:
    return tuple(
        ConnectionTask(channel, ground.bookmark(name, BIND), intake)
        for name, channel in ground.channels.items()
        if isinstance(channel, ConnectionChannel) and channel.block.enabled
    )


def _duties(
    settings: Settings,
    pollings: Mapping[str, Polling],
    bindings: tuple[ConnectionTask, ...],
    reconcilings: Mapping[str, Reconciling],
) -> list[LeasedTask]:
    caught_up = reconcilings.values() if settings.reconcile.every_minutes > 0 else ()
    return [*pollings.values(), *bindings, *caught_up]


def _alarm(ground: Ground) -> Alarm:
    wanted, url = ground.settings.alerts, str(ground.settings.server.public_url)
    return Alarm(
        ground.store,
        ground.roster,
        Wording(ground.parts.texts, ground.parts.gazetteer, url),
        within=wanted.acknowledge_within_seconds,
        repeat=wanted.repeat,
    )


def _consumers(ground: Ground, steps: Mapping[str, Step]) -> tuple[Consumer, ...]:
    work = ground.settings.work
    batches = {NOTIFICATIONS: work.concurrency, MEDIA: work.concurrency}
    return tuple(
        Consumer(
            ground.broker,
            queue,
            step,
            prefetch=ground.settings.broker.prefetch,
            batch=batches.get(queue, work.batch),
            retry_after=work.retry_after,
        )
        for queue, step in steps.items()
    )


def _exchanges(ground: Ground) -> ExchangeWriter:
    """Write down the calls of the channels, of the agencies' senders and of the roster's."""
    own = {id(channel) for channel in ground.channels.values()}
    agencies = {f"agency:{id}": method.sender for id, method in ground.methods.items()}
    posts = {f"duty:{post.name}": post.sender for post in ground.roster.posts}
    others = {
        name: each for name, each in (agencies | posts).items() if each and id(each) not in own
    }
    return ExchangeWriter(Exchanges(ground.store), {**ground.channels, **others})


def _health(ground: Ground, duties: list[LeasedTask]) -> Health:
    return Health(
        ground.store,
        ground.broker,
        ground.commits,
        ground.spool,
        {(duty.channel.name, duty.kind): duty.every for duty in duties},
        ground.attachments,
        on_duty=bool(ground.roster.posts),
    )


def worker_tasks(services: Services) -> list[Task]:
    """Return what a worker does: the steps, the alarm, and the relay where a broker needs one."""
    return [
        *(Task(f"work on {consumer.queue}", consumer.run) for consumer in services.consumers),
        Task("trained models", partial(_refresh, services.parts)),
        *(
            Task(f"due {task.handler.kind}", task.run)
            for task in (services.alarm, services.questions)
        ),
        *_relays(services),
    ]


def poller_tasks(services: Services) -> list[Task]:
    """Return what a poller does."""
    return [Task(f"{duty.kind} {duty.channel.name}", duty.run) for duty in services.duties]


def shared_tasks(services: Services) -> list[Task]:
    """Return what a worker and a poller do both."""
    return [
        Task(f"due {services.joining.handler.kind}", services.joining.run),
        Task("expire the quarantine", services.expiry.run),
    ]


def _relays(services: Services) -> list[Task]:
    if services.broker.outbox_is_queue:
        return []
    queue, broker = services.store.queue, services.broker
    lease = min(services.settings.work.lease, LEASE)
    collectors = {name: Collector(queue, broker, name, prefetch=100) for name in WORK}
    return [
        Task("relay", Relay(queue, broker, unpublishable_after=20, lease=lease).run),
        *(Task(f"dead letters of {name}", each.run) for name, each in collectors.items()),
    ]


async def _refresh(parts: Components) -> None:
    while True:
        await asyncio.sleep(LOOK_AGAIN)
        await asyncio.to_thread(parts.trained.refresh)


def site(services: Services) -> WebServer:
    """Return the web server: the doors of the channels and every portal."""
    server = services.settings.server
    url = str(server.public_url)
    app = application(
        server,
        services.intake,
        services.operators,
        services.agencies,
        services.queries,
        services.health,
        services.files,
        services.now,
        services.store.wall,
        CitizenServices(services.tracking, components.categories(services.parts), services.notice),
        mounted(
            services.channels,
            services.intake,
            services.partners,
            services.agencies,
            url,
            services.now,
            server.client_header,
        ),
        alerts.routes(services.duty, server.client_header, url),
    )
    return WebServer(app, server, server.port)
