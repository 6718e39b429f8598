"""The store: everything durable, by the things that are stored.

``store.reports``, ``store.quarantine`` and so on read, each call in a transaction of its own.
``store.unit()`` opens one transaction with the same names for what belongs together.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, text

from gateway.platform.clock import Clock, offset_of
from gateway.platform.news import News
from gateway.store import migrate, probe
from gateway.store.access_log import AccessLogRepository
from gateway.store.accounts import AccountRepository
from gateway.store.agency_queues import AgencyQueueQueries
from gateway.store.alerts import AlertQueries
from gateway.store.coordination import CoordinationQueries
from gateway.store.copies import LONGEST_COPY, Filling, Snapshot, row_counts
from gateway.store.cursors import CursorMove, CursorQueries
from gateway.store.dead_letters import DeadLetterQueries
from gateway.store.deliveries import DeliveryQueries, delivery_lanes
from gateway.store.due import DueQueries
from gateway.store.engine import Database
from gateway.store.events import EventQueries
from gateway.store.exchanges import ExchangeRepository
from gateway.store.figures import FigureQueries
from gateway.store.files import FileQueries
from gateway.store.inbox import InboxQueries
from gateway.store.lanes import LaneQueries
from gateway.store.leases import LeaseClock
from gateway.store.listing import ListingQueries
from gateway.store.live import LiveQueries
from gateway.store.messages import MessageQueries
from gateway.store.notifications import NotificationQueries, notification_lanes
from gateway.store.one_time_links import OneTimeLinkRepository
from gateway.store.overview import OverviewQueries
from gateway.store.quarantine import USUAL as USUAL_ROOM
from gateway.store.quarantine import QuarantineLimits as RoomLimits
from gateway.store.quarantine import QuarantineQueries, QuarantineQuota
from gateway.store.queue_table import Queue
from gateway.store.reactions import USUAL, AnswerLimits
from gateway.store.reports import ReportQueries
from gateway.store.rows import IntakeItem
from gateway.store.search import SearchQueries
from gateway.store.segments import SegmentQueries
from gateway.store.sessions import SessionRepository
from gateway.store.traces import TraceQueries
from gateway.store.unit import UnitContext, UnitOfWork
from gateway.store.views import LaneView
from gateway.wire.queues import DELIVERIES, NOTIFICATIONS

LATE = 120.0
"""Seconds after which what is due to leave counts as late."""
_REPLAYED = 500
"""Dead letters that are replayed in one transaction."""


class Store:
    """Everything durable. ``now`` is the case clock, ``wall`` the true time; both are aware.

    ``waiting`` is how long a question to a reporter stays open; ``methods`` are the names of the
    methods of agencies that have several.
    """

    def __init__(
        self,
        database: Database,
        now: Clock,
        limits: AnswerLimits = USUAL,
        room: RoomLimits = USUAL_ROOM,
        wall: Clock | None = None,
        waiting: timedelta = timedelta(days=14),
        methods: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._methods = methods or {}
        self.database = database
        self.now = now
        self.wall = wall or now
        self.quota = QuarantineQuota(now, room)
        self._limits = limits
        self._waiting = waiting
        leases = LeaseClock(is_sqlite=database.is_sqlite)
        self.queue = Queue(database, now, leases)
        self.access_log = AccessLogRepository(database)
        self.accounts = AccountRepository(database, self.wall)
        self.agency_queues = AgencyQueueQueries(database)
        self.alerts = AlertQueries(database, now)
        self.coordination = CoordinationQueries(database)
        self.cursors = CursorQueries(database, leases)
        self.dead_letters = DeadLetterQueries(database)
        self.deliveries = DeliveryQueries(database, self._moment)
        self.due = DueQueries(database)
        self.events = EventQueries(database)
        self.exchanges = ExchangeRepository(database, self.wall)
        self.figures = FigureQueries(database)
        self.files = FileQueries(database)
        self.inbox = InboxQueries(database, self.deliveries)
        self.search = SearchQueries(database, leases)
        self.listing = ListingQueries(database, self.search)
        self.messages = MessageQueries(database)
        self.notifications = NotificationQueries(database)
        self.live = LiveQueries(database, leases)
        self.links = OneTimeLinkRepository(database, self.wall)
        self.overview = OverviewQueries(database, now, self.wall, self.cursors, self.dead_letters)
        self.quarantine = QuarantineQueries(database)
        self.reports = ReportQueries(database, self.events, self.deliveries, self.notifications)
        self.segments = SegmentQueries(database)
        self.sessions = SessionRepository(database, self.wall, self.accounts)
        self.traces = TraceQueries(database)
        self._lanes = delivery_lanes(leases), notification_lanes(leases)
        self.delivery_lanes, self.notification_lanes = (
            LaneQueries(database, table) for table in self._lanes
        )
        self.lane_news = News()
        """Told the lane of what became due in this process, as a (table's, lane's) name."""
        self.due_news = asyncio.Event()
        """Set when something came due in this process; another one takes its place then."""

    async def migrate(self) -> None:
        """Bring the tables to this version's state. Raises ``Unavailable``."""
        await migrate.upgrade(self.database)
        async with self.unit() as unit:
            await unit.reactions.forget()

    async def close(self) -> None:
        """Close every connection."""
        await self.database.close()

    async def ping(self) -> None:
        """Return when the database answers. Raises ``Unavailable``."""
        async with self.database.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def try_write(self) -> None:
        """Return when the database takes something into every table. Raises ``Unavailable``."""
        await probe.try_write(self.database, self.wall())

    async def troubled_lanes(self) -> tuple[LaneView, ...]:
        """Return the lanes that are not well, the latest first. Raises ``Unavailable``."""
        deliveries = await self.delivery_lanes.troubled(LATE)
        notifications = await self.notification_lanes.troubled(LATE)
        return tuple(sorted((*notifications, *deliveries), key=lambda lane: -lane.late))

    async def take_in(
        self,
        items: Sequence[IntakeItem],
        move: CursorMove | None = None,
        *,
        within: float | None = None,
    ) -> set[str]:
        """Write what came in, and the cursor behind it, all in one transaction.

        Returns the ids that were news. ``within`` are the seconds it may take, where that is more
        than usual. Raises ``Unavailable`` and ``LeaseLost``.
        """
        async with self.unit(within=within) as unit:
            news = await unit.take_in(items)
            if move:
                await unit.cursors.move(move, len(news))
        return news

    async def replay(self, rows: Sequence[int] | None = None) -> int:
        """Give dead letters (all, or those of ``rows``) a fresh start; return how many.

        What leaves by a lane waits there again from now on, whatever happens to its message.
        Raises ``Unavailable``.
        """
        wanted, count = await self.dead_letters.rows() if rows is None else rows, 0
        for at in range(0, len(wanted), _REPLAYED):
            async with self.unit() as unit:
                letters = await unit.outbox.replay(wanted[at : at + _REPLAYED])
                await unit.deliveries.resume([id for name, id in letters if name == DELIVERIES])
                await unit.notifications.resume(
                    [id for name, id in letters if name == NOTIFICATIONS]
                )
            self.queue.announce()
            count += len(letters)
        return count

    @asynccontextmanager
    async def unit(self, *, within: float | None = None) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work; everything it collected is committed at the end, or nothing.

        ``within`` are the seconds it may take, where that is more than usual. Raises
        ``Unavailable`` and ``StaleWrite``.
        """
        async with self.database.write(within=within) as connection:
            unit = UnitOfWork(connection, self._context())
            yield unit
            await unit.flush()
        if unit.outbox.written:
            self.queue.announce(unit.outbox.written)
        self.lane_news.tell(("deliveries", lane) for lane in unit.deliveries.lanes)
        self.lane_news.tell(("notifications", lane) for lane in unit.notifications.lanes)
        if unit.due.soonest <= self.now():
            self.announce_due()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Look at the whole database as it is now, while others go on. Raises ``Unavailable``."""
        async with self.database.snapshot(within=LONGEST_COPY) as connection:
            yield await Snapshot.of(connection)

    @asynccontextmanager
    async def filling(self, revision: str, *, hold: str = "") -> AsyncIterator[Filling]:
        """Fill an empty database with the rows of one of a revision, in one transaction.

        At the end the tables are of this version. Texts to citizens that waited may have left
        since; with ``hold``, which says why, a person decides of each. Raises ``Unavailable`` and
        ``NotEmpty``.
        """
        async with self.database.write(within=LONGEST_COPY) as connection:
            unit = UnitOfWork(connection, self._context())
            filling = await Filling.begin(connection, revision, unit.notifications)
            yield filling
            await filling.finish(hold)

    async def row_counts(self, *names: str) -> dict[str, int] | None:
        """Count the rows of those of some tables that there are; None where there is no table."""
        async with self.database.snapshot(within=LONGEST_COPY) as connection:
            return await row_counts(connection, names)

    def announce_due(self) -> None:
        """Wake the tasks that wait for due rows in this process."""
        self.due_news.set()
        self.due_news = asyncio.Event()

    def _moment(self, after: float = 0.0) -> ColumnElement[datetime]:
        """Return the moment by the database's clock, moved as far as the case clock is."""
        return self.cursors.leases.moment(after + offset_of(self.now))

    def _context(self) -> UnitContext:
        return UnitContext(
            now=self.now,
            moment=self._moment,
            wall=self.wall,
            leases=self.cursors.leases,
            deliveries=self._lanes[0],
            notifications=self._lanes[1],
            queue=self.queue,
            quota=self.quota,
            limits=self._limits,
            waiting=self._waiting,
            methods=self._methods,
        )
