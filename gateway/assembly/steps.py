"""The steps of the way of a message, and the consumers that work on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.contract import Sender
from gateway.assembly.ground import Ground, names, waiting_time
from gateway.broker.base import MEDIA
from gateway.casework.additions import Additions
from gateway.casework.alerts import DutyService
from gateway.casework.candidates import Candidates
from gateway.casework.commands import Commands
from gateway.casework.context import ContextLoader
from gateway.casework.conversation import Conversation, conversation
from gateway.casework.hiding import Hiding
from gateway.casework.matters import Matters
from gateway.casework.repeats import Novelty
from gateway.casework.route import Route
from gateway.media.fetch import FileFetcher
from gateway.media.store_files import StoreFiles, clean_in
from gateway.outbound.deliver import Deliver, DeliverWork
from gateway.outbound.methods import by_queue
from gateway.outbound.notify import Notify, NotifyWork
from gateway.queues.agency_queues import AGENCY_QUEUES, AgencyQueueReview
from gateway.queues.consumer import Consumer, Step
from gateway.queues.due import EVERYWHERE
from gateway.queues.escalation import ESCALATION, Escalation
from gateway.queues.indexing import ReportIndexer
from gateway.queues.lane import LEASE, OTHERS, Lane, LaneWatch, Pace
from gateway.queues.sweep import SWEEP, Sweep
from gateway.store.search import SEARCH


def build_hiding(ground: Ground) -> Hiding:
    """Return what carries out wishes about being known."""
    topics, register = ground.parts.routing.topics, ground.parts.routing.register

    def agency_name(id: str) -> str:
        agency = register.agency(id)
        return agency.name if agency else id

    return Hiding(ground.notifier, ground.now, topics.needs_identity, agency_name)


def build_matters(ground: Ground, hiding: Hiding) -> Matters:
    """Return what files reports and carries out decisions."""
    return Matters(
        ground.parts.routing,
        ground.parts.gazetteer,
        ground.notifier,
        hiding,
        ground.now,
        _overheard(ground),
        Novelty(ground.seal),
        _mute(ground),
    )


def build_route(ground: Ground, duty: DutyService, hiding: Hiding, matters: Matters) -> Route:
    """Return the step that routes a message."""
    waiting = waiting_time(ground.settings)
    return Route(
        ground.store,
        ground.parts.routing,
        _conversation(ground, duty, hiding, matters),
        ContextLoader(ground.now, waiting, ground.ownership, ground.seal),
        ground.seal,
        ground.now,
        mute=_mute(ground),
        overheard=_overheard(ground),
        fetched=names(ground.channels, lambda c: c.fetched),
    )


def _mute(ground: Ground) -> frozenset[str]:
    return names(ground.channels, lambda c: not c.can_ask)


def _overheard(ground: Ground) -> frozenset[str]:
    return names(ground.channels, lambda c: c.overhears)


def _conversation(
    ground: Ground, duty: DutyService, hiding: Hiding, matters: Matters
) -> Conversation:
    routing, notifier, now = ground.parts.routing, ground.notifier, ground.now
    return conversation(
        Commands(notifier, now, routing.topics.sensitive),
        Additions(
            notifier,
            now,
            routing.read_accusations,
            routing.overseer,
            hiding,
            Candidates(routing, ground.parts.gazetteer),
        ),
        hiding,
        matters,
        duty,
    )


def build_deliver(ground: Ground) -> Deliver:
    """Return the step that places deliveries with agencies."""
    work = ground.settings.work
    lease = min(LEASE, work.lease)
    return Deliver(ground.store, ground.methods, retry_after=work.retry_after, lease=lease)


def build_notify(ground: Ground) -> Notify:
    """Return what writes to citizens."""
    return Notify(
        ground.store,
        ground.channels,
        ground.seal,
        ground.notifier,
        ground.ownership,
        retry_after=ground.settings.work.retry_after,
        lease=min(LEASE, ground.settings.work.lease),
    )


def build_lanes(ground: Ground, deliver: Deliver, notify: Notify) -> tuple[Lane[Any], ...]:
    """Return a lane for every channel that is on, one for the others, and one per agency called."""
    most, news = ground.settings.work.concurrency, ground.store.lane_news
    return (
        *(_channel_lane(ground, notify, name) for name in sorted(notify.lanes)),
        Lane(notify.work(OTHERS), news, concurrency=most),
        *(Lane(deliver.work(agency), news, concurrency=most) for agency in deliver.lanes),
    )


def _channel_lane(ground: Ground, notify: Notify, name: str) -> Lane[Any]:
    channel, work = ground.channels[name], ground.settings.work
    news = ground.store.lane_news
    if not isinstance(channel, Sender):  # nothing leaves: its readers come and look
        return Lane(notify.work(name), news, concurrency=work.batch)
    pace = Pace(channel.block.sends_per_second)
    return Lane(notify.work(name), news, concurrency=work.concurrency, pace=pace)


def build_lane_watch(ground: Ground, lanes: Sequence[Lane[Any]]) -> LaneWatch:
    """Return the task that tells lanes what became due."""
    store = ground.store
    looks = {
        DeliverWork.kind: store.delivery_lanes.due,
        NotifyWork.kind: store.notification_lanes.due,
    }
    return LaneWatch(store.lane_news, looks, lanes)


def build_store_files(ground: Ground) -> StoreFiles:
    """Return the step that fetches and keeps files."""
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


def build_sweep(ground: Ground, deliver: Deliver) -> Sweep:
    """Return what puts back what queues have lost."""
    cursor, retry_after = ground.cursor(EVERYWHERE, SWEEP), ground.settings.work.retry_after
    return Sweep(ground.store, ground.broker, cursor, deliver.lanes, retry_after)


def build_escalation(ground: Ground) -> Escalation:
    """Return what brings reports that no agency fetches to coordinators."""
    own = {
        agency: method.block.fetch_within_hours
        for agency, method in ground.methods.items()
        if method.block.fetch_within_hours is not None
    }
    cursor, within = ground.cursor(EVERYWHERE, ESCALATION), ground.settings.delivery
    return Escalation(ground.store, cursor, within.fetch_within_hours, own)


def build_indexer(ground: Ground) -> ReportIndexer:
    """Return what lets reports be found by their words."""
    return ReportIndexer(ground.store, ground.cursor(EVERYWHERE, SEARCH))


def build_agency_queues(ground: Ground) -> AgencyQueueReview:
    """Return what looks after agencies' queues."""
    cursor = ground.cursor(EVERYWHERE, AGENCY_QUEUES)
    return AgencyQueueReview(ground.store, ground.broker, cursor, by_queue(ground.methods))


def build_consumers(ground: Ground, steps: Mapping[str, Step]) -> tuple[Consumer, ...]:
    """Return a consumer for the queue of every step."""
    work = ground.settings.work
    batches = {MEDIA: work.concurrency}
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
