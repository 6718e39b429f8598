"""Notifications: what citizens are told, and what became of each."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import correlation
from gateway.store.lanes import LaneTable, claim_of, claim_rows
from gateway.store.leases import LeaseClock
from gateway.store.queries import Queries
from gateway.store.queue_table import Outbox
from gateway.store.reactions import ReactionRepository
from gateway.store.rows import (
    LaneClaim,
    Notification,
    NotificationState,
    Retry,
    SendResult,
    redact,
    tidy,
)
from gateway.store.tables import TO_SEND, URGENT_TO_SEND, notifications, queue
from gateway.store.views import NotificationView
from gateway.wire.outbound import outbound
from gateway.wire.queues import NOTIFICATIONS, DeadLetter

_DONE = (
    update(notifications)
    .where(notifications.c.id == bindparam("which"), notifications.c.state != "withdrawn")
    .values(
        state=bindparam("becomes"),
        provider_id=bindparam("known_as"),
        detail=bindparam("says"),
        done_at=bindparam("now"),
        lease=None,
    )
)
_WAITING = ("waiting", "sending")
_BEFORE = {"sent": _WAITING, "final": (*_WAITING, "sent", "held")}
"""States that a receipt may change, by what it says."""
_SOME = 500


def notification_lanes(leases: LeaseClock) -> LaneTable:
    """Return how notifications leave: by channel."""
    channel = notifications.c.channel
    return LaneTable(notifications, channel, TO_SEND, leases, state="sending")


class NotificationRepository:
    """The notifications in one transaction."""

    def __init__(
        self,
        connection: AsyncConnection,
        now: Callable[[], datetime],
        lanes: LaneTable,
        reactions: ReactionRepository,
        outbox: Outbox,
    ) -> None:
        self._connection = connection
        self._now = now
        self._lanes = lanes
        self._reactions = reactions
        self._outbox = outbox
        self._new: list[dict[str, Any]] = []
        self._finished: list[dict[str, Any]] = []
        self.lanes: set[str] = set()
        """The channels for which something became due in this unit."""

    def add(self, notification: Notification) -> None:
        """File a notification; its lane sends it if its reader may have it."""
        weighed = self._reactions.weighed(notification)
        self._new.append(_row(weighed, self._now()))
        if weighed.state == "waiting":
            self.lanes.add(weighed.channel)

    async def by_ids(self, ids: Sequence[str]) -> dict[str, Notification]:
        """Read notifications by id."""
        query = select(notifications).where(notifications.c.id.in_(ids))
        rows = (await self._connection.execute(query)).mappings().all()
        return {row["id"]: _notification(row) for row in rows}

    async def reports_of(self, provider_ids: Iterable[str]) -> dict[str, str]:
        """Find what notifications were about: provider id → report id."""
        wanted = set(provider_ids)
        if not wanted:
            return {}
        query = select(notifications.c.provider_id, notifications.c.report_id)
        rows = await self._connection.execute(query.where(notifications.c.provider_id.in_(wanted)))
        return {row[0]: row[1] for row in rows}

    async def exists(self, id: str) -> bool:
        """Tell whether a notification was ever written, in this unit or before."""
        if any(row["id"] == id for row in self._new):
            return True
        query = select(notifications.c.id).where(notifications.c.id == id)
        return (await self._connection.execute(query)).scalar() is not None

    async def any_about(self, report_id: str) -> bool:
        """Tell whether anything was ever written to the citizen about a report."""
        query = select(notifications.c.id).where(notifications.c.report_id == report_id)
        return (await self._connection.execute(query.limit(1))).scalar() is not None

    def finish(self, result: SendResult) -> None:
        """Note what became of a notification."""
        self._finished.append(
            {
                "which": result.id,
                "becomes": result.state,
                "known_as": tidy(result.provider_id, 300) if result.provider_id else None,
                "says": redact(result.detail, 1000),
                "now": self._now(),
            }
        )

    async def receipt(self, channel: str, provider_id: str, state: str, detail: str) -> str | None:
        """Note what a provider says of a notification; return its report's id if it is ours.

        "delivered" and "failed" are final: nothing that comes late takes them back.
        """
        ours = _named(channel, provider_id)
        # Read before it is changed: one that is filed in between is then unknown and comes again.
        rows = await self._connection.execute(select(notifications.c.report_id).where(ours))
        report_id: str | None = rows.scalars().first()
        if report_id is None:
            return None
        before = _BEFORE["sent" if state == "sent" else "final"]
        change = update(notifications).where(ours, notifications.c.state.in_(before))
        await self._connection.execute(change.values(state=state, detail=redact(detail, 1000)))
        return report_id

    async def knows(self, channel: str, provider_id: str) -> bool:
        """Tell whether a provider's id is of one of ours, whatever became of it."""
        query = select(notifications.c.id).where(_named(channel, provider_id)).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def hold(self, channel: str, provider_id: str, detail: str) -> tuple[str, str] | None:
        """Hold a notification that was sent in vain; return its id and reader, None if not ours."""
        ours = _named(channel, provider_id) & or_(TO_SEND, notifications.c.state == "sent")
        change = update(notifications).where(ours)
        change = change.values(state="held", detail=redact(detail, 1000))
        returned = change.returning(notifications.c.id, notifications.c.reader)
        row = (await self._connection.execute(returned)).first()
        return (row.id, row.reader) if row else None

    async def claim(
        self,
        channel: str | None,
        most: int,
        *,
        lease: float,
        take_over: bool,
        besides: Collection[str] = (),
    ) -> list[tuple[LaneClaim, Notification]]:
        """Claim what is due of a channel, or of all ``besides`` those named, for ``lease`` seconds.

        What is urgent comes first, however much waits before it. What is not committed yet is not
        claimed. ``take_over``: also what somebody held too long.
        """
        rows: list[RowMapping] = []
        for only in (URGENT_TO_SEND, None):
            if left := most - len(rows):
                statement = self._lanes.claim(
                    channel, besides, left, lease=lease, take_over=take_over, only=only
                )
                rows += await claim_rows(self._connection, statement)
        return [(claim_of(row), _notification(row)) for row in rows]

    async def extend(self, claims: Collection[LaneClaim], *, lease: float) -> None:
        """Hold claimed rows for ``lease`` seconds more: they are still under way."""
        await self._connection.execute(self._lanes.extend(claims, lease=lease))

    async def ids_under(self, claims: Collection[LaneClaim]) -> set[str]:
        """Return the ids of the rows that no other process has taken over from these claims."""
        return set((await self._connection.execute(self._lanes.ids_under(claims))).scalars())

    async def put_off(self, claim: LaneClaim, retry: Retry) -> None:
        """Let a notification wait that somebody claimed and could not send."""
        marks = {"state": "waiting", "detail": redact(retry.error, 1000)}
        await self._connection.execute(self._lanes.put_off(claim, retry, **marks))

    def give_up(self, claim: LaneClaim, error: str) -> None:
        """Note that a notification failed for good, until an operator replays it."""
        self.finish(SendResult(claim.id, "failed", detail=error))
        message = outbound(NOTIFICATIONS, claim.id, at=self._now())
        self._outbox.bury(DeadLetter(message, claim.attempts + 1, error))

    async def resume(self, ids: Collection[str]) -> None:
        """Let notifications wait again that were given up and are replayed.

        The message of a replay may come late, or twice: as long as there is a dead letter, no
        operator replayed what was given up.
        """
        letters = (queue.c.queue == NOTIFICATIONS) & (queue.c.state == "dead")
        is_dead = exists().where(letters, queue.c.message_id == notifications.c.id)
        again = notifications.c.id.in_(ids) & (notifications.c.state == "failed")
        await self._wait_again(again & ~is_dead)

    async def release(self, *, id: str = "", reader: str = "") -> None:
        """Let the one notification, or all that are held for a reader, wait to be sent again."""
        which = notifications.c.id == id if id else notifications.c.reader == reader
        await self._wait_again(which & (notifications.c.state == "held"))

    async def _wait_again(self, which: ColumnElement[bool]) -> None:
        change = update(notifications).where(which)
        change = change.values(state="waiting", detail="", done_at=None, **self._lanes.again())
        rows = await self._connection.execute(change.returning(notifications.c.channel))
        self.lanes.update(rows.scalars())

    async def doubt_waiting(self) -> None:
        """Note of all that wait that they may have left; of what is claimed the next claim does."""
        change = update(notifications).where(TO_SEND, notifications.c.lease.is_(None))
        await self._connection.execute(change.values(doubts=notifications.c.doubts + 1))

    async def give_up_waiting(self, error: str) -> None:
        """Let a person decide of all that wait: each becomes a dead letter."""
        some = select(notifications.c.id, notifications.c.attempts).where(TO_SEND).limit(_SOME)
        while rows := (await self._connection.execute(some)).all():
            for id, attempts in rows:
                self.give_up(LaneClaim(id, "", attempts, 0, id), error)
            await self.flush()
            await self._outbox.flush()

    async def flush(self) -> None:
        """Write the new ones, and what became of others."""
        if self._new:
            new = insert(notifications).values(send_at=self._lanes.now())
            await self._connection.execute(new, self._new)
        if self._finished:
            await self._connection.execute(_DONE, self._finished)
        self._new.clear()
        self._finished.clear()


class NotificationQueries(Queries):
    """Reads of notifications."""

    async def waiting(self) -> int:
        """Count those that wait to be sent, or are being sent."""
        return int(await self._one(select(func.count()).select_from(notifications).where(TO_SEND)))

    async def of(self, report_id: str) -> tuple[NotificationView, ...]:
        """List what was written because of a report, oldest first."""
        query = select(notifications).where(notifications.c.report_id == report_id)
        return tuple(
            NotificationView(
                row.id,
                row.channel,
                row.text,
                row.state,
                row.detail,
                row.created_at,
                row.done_at,
                row.reader,
            )
            for row in await self._all(query.order_by(notifications.c.created_at))
        )


def _named(channel: str, provider_id: str) -> ColumnElement[bool]:
    return (notifications.c.channel == channel) & (notifications.c.provider_id == provider_id)


def _row(notification: Notification, now: datetime) -> dict[str, Any]:
    return {
        "id": notification.id,
        "report_id": notification.report_id,
        "channel": notification.channel,
        "sealed_to": notification.sealed_to,
        "message_id": notification.message_id,
        "tracking": notification.tracking,
        "subject": notification.subject,
        "text": notification.text,
        "thread": json.dumps(notification.thread),
        "choices": json.dumps(notification.choices),
        "reader": notification.reader,
        "urgent": notification.urgent,
        "state": notification.state,
        "detail": redact(notification.detail, 1000),
        "created_at": now,
        "correlation": correlation.current(),
    }


def _notification(row: RowMapping) -> Notification:
    state: NotificationState = row["state"]
    assert state in get_args(NotificationState)
    return Notification(
        id=row["id"],
        report_id=row["report_id"],
        channel=row["channel"],
        text=row["text"],
        sealed_to=row["sealed_to"],
        message_id=row["message_id"],
        tracking=row["tracking"],
        subject=row["subject"],
        thread=tuple(json.loads(row["thread"])),
        choices=tuple(json.loads(row["choices"])),
        reader=row["reader"],
        urgent=row["urgent"],
        state=state,
        created_at=row["created_at"],
    )
