"""The unit of work: one transaction in which steps read, and collect what shall be written.

Most writes are kept until the end and go out one statement per table, however many messages share
the unit; steps never commit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform.clock import Clock
from gateway.store.agency_queues import AgencyQueueRepository
from gateway.store.alerts import AlertRepository
from gateway.store.cursors import CursorRepository
from gateway.store.deliveries import DeliveryRepository
from gateway.store.due import DueRepository
from gateway.store.events import EventRepository
from gateway.store.files import FileRepository
from gateway.store.lanes import LaneTable
from gateway.store.leases import LeaseClock
from gateway.store.messages import MessageRepository
from gateway.store.notifications import NotificationRepository
from gateway.store.opt_outs import OptOutRepository
from gateway.store.quarantine import QuarantineQuota, QuarantineRepository
from gateway.store.queue_table import Outbox, Queue
from gateway.store.reactions import AnswerLimits, ReactionRepository
from gateway.store.reports import ReportRepository
from gateway.store.rows import AcceptedItem, IntakeItem, QuarantineItem, SegmentItem
from gateway.store.search import SearchRepository
from gateway.store.segments import SegmentRepository


@dataclass(frozen=True, slots=True)
class UnitContext:
    """What all units of a store share."""

    now: Clock
    moment: Callable[[], ColumnElement[datetime]]
    wall: Clock
    leases: LeaseClock
    deliveries: LaneTable
    notifications: LaneTable
    queue: Queue
    quota: QuarantineQuota
    limits: AnswerLimits
    waiting: timedelta
    methods: Mapping[str, Sequence[str]]


class UnitOfWork:
    """One transaction, with one repository for each thing stored. Made by ``Store.unit``.

    The log of a report takes its times from ``wall``, everything else from the case clock.
    """

    def __init__(self, connection: AsyncConnection, context: UnitContext) -> None:
        now, self.wall = context.now, context.wall
        self.outbox = Outbox(connection, context.queue)
        self.due = DueRepository(connection)
        self.cursors = CursorRepository(connection, context.leases)
        self.quarantine = QuarantineRepository(connection, now, context.quota, self.due)
        self.segments = SegmentRepository(connection, now, self.due)
        self.files = FileRepository(connection, now, self.outbox)
        self.messages = MessageRepository(connection, now, self.files, self.quarantine, self.outbox)
        self.events = EventRepository(connection, self.wall)
        self.alerts = AlertRepository(connection, now, self.due)
        self.reports = ReportRepository(
            connection,
            now,
            context.waiting,
            self.events,
            self.alerts,
            self.due,
            context.deliveries.now,
        )
        self.opt_outs = OptOutRepository(connection, now)
        self.reactions = ReactionRepository(connection, now, context.limits)
        self.deliveries = DeliveryRepository(
            connection, now, context.moment, context.deliveries, self.outbox, context.methods
        )
        self.agency_queues = AgencyQueueRepository(connection)
        self.search = SearchRepository(connection)
        self.notifications = NotificationRepository(
            connection, now, context.notifications, self.reactions, self.outbox
        )

    async def take_in(self, items: Sequence[IntakeItem]) -> set[str]:
        """Write what came in at once, each where it belongs; return the ids that were news."""
        accepted = [item for item in items if isinstance(item, AcceptedItem)]
        quarantined = [item for item in items if isinstance(item, QuarantineItem)]
        segments = [item for item in items if isinstance(item, SegmentItem)]
        news = await self.messages.take(accepted) if accepted else set()
        if quarantined:
            await self.quarantine.put(quarantined)
        if segments:
            news |= await self.segments.put(segments)
        return news

    async def flush(self) -> None:
        """Write everything collected, in one order everywhere. Raises ``StaleWrite``."""
        await self.reactions.flush()
        await self.reports.flush()
        await self.events.flush()
        await self.alerts.flush()
        await self.due.flush()
        await self.deliveries.flush()
        await self.notifications.flush()
        await self.messages.flush()
        await self.files.flush()
        await self.outbox.flush()
