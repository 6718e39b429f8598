"""Dead letters: messages on queues that were given up, until an operator replays them."""

from collections.abc import Sequence

from sqlalchemy import func, select

from gateway.store.queries import Queries
from gateway.store.tables import deliveries, notifications, queue, reports
from gateway.store.views import DeadView


class DeadLetterQueries(Queries):
    """Reads of dead letters; ``Outbox`` files them, and ``Store.replay`` replays them."""

    async def counts(self) -> dict[str, int]:
        """Count dead letters by queue."""
        query = select(queue.c.queue, func.count()).where(queue.c.state == "dead")
        return {name: count for name, count in await self._all(query.group_by(queue.c.queue))}  # noqa: C416

    async def rows(self) -> Sequence[int]:
        """List the rows of all dead letters."""
        query = select(queue.c.id).where(queue.c.state == "dead")
        return [row.id for row in await self._all(query.order_by(queue.c.id))]

    async def latest(self, most: int, skip: int = 0) -> list[DeadView]:
        """List dead letters, newest first, after the first ``skip``."""
        number = func.coalesce(notifications.c.tracking, reports.c.tracking, "")
        query = (
            select(queue, number.label("tracking"))
            .join(notifications, notifications.c.id == queue.c.message_id, isouter=True)
            .join(deliveries, deliveries.c.id == queue.c.message_id, isouter=True)
            .join(reports, reports.c.id == deliveries.c.report_id, isouter=True)
            .where(queue.c.state == "dead")
            .order_by(queue.c.at.desc(), queue.c.id.desc())
        )
        return [
            DeadView(
                row.id,
                row.queue,
                row.message_id,
                row.tracking or None,
                row.attempts,
                row.error,
                row.at,
            )
            for row in await self._all(query.limit(most).offset(skip))
        ]
