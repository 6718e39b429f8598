"""Counts across several things, for the first screen of the console and for health."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, exists, func, select

from gateway.store.cursors import CursorQueries
from gateway.store.dead_letters import DeadLetterQueries
from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import deliveries, events, messages, notifications, queue
from gateway.store.views import ChannelView, QueueView
from gateway.wire.queues import DELIVERIES, MEDIA, NOTIFICATIONS, REPORTS

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class OverviewQueries(Queries):
    """What goes on in the queues and the channels, now."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        wall: Callable[[], datetime],
        cursors: CursorQueries,
        dead: DeadLetterQueries,
    ) -> None:
        super().__init__(database)
        self._now = now
        self._wall = wall
        self._cursors = cursors
        self._dead = dead

    async def queues(self, depths: dict[str, int]) -> tuple[QueueView, ...]:
        """Describe the work queues; ``depths`` is what the broker counts."""
        dead = await self._dead.counts()
        return (
            await self._reports_queue(depths, dead),
            await self._deliveries_queue(dead),
            await self._notifications_queue(dead),
            await self._media_queue(depths, dead),
        )

    async def _reports_queue(self, depths: dict[str, int], dead: dict[str, int]) -> QueueView:
        waiting = messages.c.routed_at.is_(None)
        oldest = await self._one(select(func.min(messages.c.received_at)).where(waiting))
        since = self._now() - MINUTE
        done = select(func.count()).where(messages.c.routed_at >= since)
        return _view(REPORTS, depths, await self._one(done), oldest, dead)

    async def _deliveries_queue(self, dead: dict[str, int]) -> QueueView:
        """Describe what waits for agencies, in the table: some of it in lanes, and on no queue."""
        return await self._rows_view(
            DELIVERIES, deliveries, deliveries.c.state == "pending", deliveries.c.placed_at, dead
        )

    async def _notifications_queue(self, dead: dict[str, int]) -> QueueView:
        waits = notifications.c.state.in_(("waiting", "sending"))
        return await self._rows_view(
            NOTIFICATIONS, notifications, waits, notifications.c.done_at, dead
        )

    async def _rows_view(
        self, name: str, table: Table, waits: Any, done_at: Any, dead: dict[str, int]
    ) -> QueueView:
        waits &= ~_is_dead(name, table.c.id)
        counted = select(func.count(), func.min(table.c.created_at)).where(waits)
        async with self._database.read() as connection:
            depth, oldest = (await connection.execute(counted)).one()
        done = select(func.count()).where(done_at >= self._now() - MINUTE)
        return QueueView(name, depth, await self._one(done), oldest, dead.get(name, 0))

    async def _media_queue(self, depths: dict[str, int], dead: dict[str, int]) -> QueueView:
        waiting = (queue.c.queue == MEDIA) & (queue.c.state == "ready")
        oldest = await self._one(select(func.min(queue.c.at)).where(waiting))
        since = self._wall() - MINUTE
        done = select(func.count()).where(events.c.kind == "files_stored", events.c.at >= since)
        return _view(MEDIA, depths, await self._one(done), oldest, dead)

    async def channels(self, names: Sequence[str]) -> tuple[ChannelView, ...]:
        """Describe what each channel brought in and could not bring out."""
        since = self._now() - HOUR
        inward = (
            select(messages.c.channel, func.count(), func.max(messages.c.received_at))
            .where(messages.c.received_at >= since)
            .group_by(messages.c.channel)
        )
        outward = (
            select(notifications.c.channel, notifications.c.state, func.count())
            .where(notifications.c.state.in_(["waiting", "sending", "held", "failed"]))
            .group_by(notifications.c.channel, notifications.c.state)
        )
        came = {name: (count, last) for name, count, last in await self._all(inward)}
        left = {(name, state): count for name, state, count in await self._all(outward)}
        read = await self._cursors.status()
        return tuple(
            ChannelView(
                name,
                *came.get(name, (0, None)),
                left.get((name, "waiting"), 0) + left.get((name, "sending"), 0),
                left.get((name, "failed"), 0),
                read.get((name, "poll")) or read.get((name, "bind")),
                read.get((name, "reconcile")),
                left.get((name, "held"), 0),
            )
            for name in names
        )


def _is_dead(name: str, id: Any) -> Any:
    """Ask whether the message about a row is a dead letter."""
    return exists().where(queue.c.queue == name, queue.c.message_id == id, queue.c.state == "dead")


def _view(
    name: str, depths: dict[str, int], done: int, oldest: datetime | None, dead: dict[str, int]
) -> QueueView:
    rungs = sum(n for queue, n in depths.items() if queue.startswith(f"{name}.retry."))
    return QueueView(name, depths.get(name, 0) + rungs, done, oldest, dead.get(name, 0))
