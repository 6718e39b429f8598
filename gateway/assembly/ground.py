"""What every service stands on: settings, channels, store, broker, seal, and what they give."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.contract import Channel, Receiver, Sender
from config.settings import Settings
from gateway import components
from gateway.access.ownership import Ownership
from gateway.broker.base import Broker
from gateway.broker.embedded import Embedded
from gateway.broker.rabbit import Rabbit
from gateway.components import Components
from gateway.intake import heavy
from gateway.intake.group_commit import GroupCommit
from gateway.intake.load import IntakeLoad, LoadLimits
from gateway.media.objects import AttachmentStore
from gateway.outbound.delicate import Delicate
from gateway.outbound.methods import names_by_agency
from gateway.outbound.methods.base import Method
from gateway.outbound.notice import Notice
from gateway.outbound.notifications import Notifier
from gateway.outbound.roster import Roster
from gateway.platform.clock import Clock
from gateway.platform.sandbox import Sandbox
from gateway.platform.seal import Seal
from gateway.queues.due import EVERYWHERE, DueHandler, DueTask
from gateway.store.cursors import Cursor
from gateway.store.engine import Database
from gateway.store.spool import Spool
from gateway.store.store import Store


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
    ownership: Ownership
    sandboxes: Sandboxes
    holder: str
    """The name of this process on the leases it takes."""

    def cursor(self, name: str, kind: str) -> Cursor:
        """Return the place that work of one kind has got to."""
        return self.store.cursors.of(name, kind, holder=self.holder)

    def due_task(self, handler: DueHandler) -> DueTask:
        """Return the lane in which what is due of one kind is done."""
        return DueTask(self.store, handler, self.cursor(EVERYWHERE, f"due {handler.kind}"))


def lay_ground(
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
    """Make what the services stand on; what is given is taken as it is."""
    seal, notice = components.seal(settings), components.notice(settings, channels)
    most = settings.overload
    spool = Spool(settings.server.data_dir / "spool", most.spool_bytes, most.free_bytes)
    load = IntakeLoad(LoadLimits(most.wait_seconds, settings.database.timeout, most.body_bytes))
    delicate = Delicate(parts.routing.topics.delicate, names(channels, lambda c: c.fetched))
    phones = names(channels, lambda c: c.by_phone)
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
        commits=GroupCommit(store, spool, load),
        notice=notice,
        notifier=Notifier(parts.texts, delicate, notice, answer_to(channels)),
        roster=components.roster(settings, file, channels, seal),
        attachments=components.attachments(settings, seal),
        ownership=Ownership(phones, settings.routing.ownership_days),
        sandboxes=sandboxes,
        holder=uuid.uuid4().hex,
    )


def answer_to(channels: Mapping[str, Channel]) -> Mapping[str, str]:
    """Return by channel where answers go, where the sender of our texts takes none."""
    senders = {name: each for name, each in channels.items() if isinstance(each, Sender)}
    return {name: each.answer_to for name, each in senders.items() if each.answer_to}


def names(channels: Mapping[str, Channel], wanted: Callable[[Channel], bool]) -> frozenset[str]:
    """Return the names of the channels of which something holds."""
    return frozenset(name for name, channel in channels.items() if wanted(channel))


def build_store(
    settings: Settings, now: Clock, true: Clock, methods: Mapping[str, Method] | None = None
) -> Store:
    """Open the database of the settings; ``true`` is the wall clock."""
    chosen = settings.database
    database = Database(settings.database_url, pool_size=chosen.pool_size, timeout=chosen.timeout)
    limits, room = components.limits(settings), components.room(settings)
    several = names_by_agency(methods or {})
    return Store(database, now, limits, room, true, waiting_time(settings), several)


def waiting_time(settings: Settings) -> timedelta:
    """Return how long a question to a citizen waits for its answer."""
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


def build_sandboxes(settings: Settings, channels: Mapping[str, Channel]) -> Sandboxes:
    """Return the sandboxes in which mails, images and long texts are read."""
    return Sandboxes(
        mails=Sandbox(1, settings.mail_server.parse_seconds, modules=_parsers(channels)),
        images=Sandbox(1, settings.media.clean_seconds, modules=("gateway.media.clean",)),
        texts=Sandbox(1, heavy.SECONDS, modules=("gateway.intake.heavy",)),
    )
