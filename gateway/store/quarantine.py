"""How much the quarantine keeps, and for how long.

What a stranger may send without end (``NOISE``) has a quota: the newest is then not kept, only
counted. What came by a proven door is kept until an operator has decided, however much it is.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import metrics
from gateway.store.rows import QuarantineItem
from gateway.store.tables import not_kept, quarantine

NOISE, MESSAGE = "noise", "message"
REASONS: dict[str, str] = {
    "forged": NOISE,
    "automatic": NOISE,
    "receipt": NOISE,
    "malformed": MESSAGE,
    "unreadable": MESSAGE,
    "unstorable": MESSAGE,
    "same_id_other_content": MESSAGE,
}
"""What each reason is: noise nobody waits for, or a message that may be a person's."""
FRESH = timedelta(seconds=5)
"""How long what was counted is believed, beside what this process added since."""
BATCH = 500
"""Rows that are forgotten in one transaction."""

_OPEN = ["open", "noted"]
_NOISY = [reason for reason, kind in REASONS.items() if kind == NOISE]
_HOLD = text(
    "INSERT INTO quarantine (id, channel, reason, detail, envelope, size, state, at) "
    "VALUES (:id, :channel, :reason, :detail, :envelope, :size, :state, :at) "
    "ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=quarantine.c.at.type))
_COUNT = text(
    "INSERT INTO not_kept (channel, reason, day, count) VALUES (:channel, :reason, :day, :count) "
    "ON CONFLICT (channel, reason, day) DO UPDATE SET count = not_kept.count + excluded.count"
)


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """How much noise is kept; ``share`` of it at most of one channel."""

    bytes: int = 2**30
    rows: int = 20_000
    share: float = 0.5
    days: int = 30


@dataclass(frozen=True, slots=True)
class Room:
    """How much of one kind is there."""

    rows: int = 0
    bytes: int = 0

    def __add__(self, other: "Room") -> "Room":
        return Room(self.rows + other.rows, self.bytes + other.bytes)

    def over(self, limits: QuarantineLimits, share: float = 1.0) -> bool:
        """Tell whether it is as much as the limits let be, or more."""
        return self.rows >= share * limits.rows or self.bytes >= share * limits.bytes


USUAL = QuarantineLimits()


class Shelf:
    """Where held things are put. ``limits`` are the deployment's."""

    def __init__(self, now: Callable[[], datetime], limits: QuarantineLimits = USUAL) -> None:
        self.limits = limits
        self._now = now
        self._room: dict[str, Room] = {}
        self._counted: datetime | None = None

    async def put(self, connection: AsyncConnection, items: Sequence[QuarantineItem]) -> None:
        """Keep items, each id once; count the noise for which there is no room."""
        if any(kind(item.reason) == NOISE for item in items):
            await self._count_again(connection)
        kept = [item for item in items if self._admits(item)]
        if kept:
            await connection.execute(_HOLD, [_row(item) for item in kept])
        ids = {item.id for item in kept}
        await self.tally(
            connection,
            Counter((item.channel, item.reason) for item in items if item.id not in ids),
        )

    async def tally(
        self, connection: AsyncConnection, missed: Mapping[tuple[str, str], int]
    ) -> None:
        """Count what was not kept, by channel and reason."""
        day = self._now().date().isoformat()
        rows = [
            {"channel": channel, "reason": reason, "day": day, "count": count}
            for (channel, reason), count in missed.items()
        ]
        if rows:
            await connection.execute(_COUNT, rows)
        for key, count in missed.items():
            metrics.NOT_KEPT.labels(*key).inc(count)

    def _admits(self, item: QuarantineItem) -> bool:
        if kind(item.reason) != NOISE:
            return True
        there = self._room.get(item.channel, Room())
        whole = sum(self._room.values(), Room())
        if whole.over(self.limits) or there.over(self.limits, self.limits.share):
            return False
        self._room[item.channel] = there + Room(1, len(item.envelope))
        return True

    async def _count_again(self, connection: AsyncConnection) -> None:
        now = self._now()
        if self._counted and timedelta(0) <= now - self._counted < FRESH:
            return
        taken = quarantine.c.reason.in_(_NOISY)
        self._room = await rooms(connection, taken)
        self._counted = now

    async def forget(self, connection: AsyncConnection) -> int:
        """Forget a batch of what is older than the limits say; return how much it was.

        Undecided noise goes whole. Of what an operator has decided the envelope goes; who decided
        what, when and why stays. What nobody has decided stays whole, if it is no noise.
        """
        old = self._now() - timedelta(days=self.limits.days)
        noise = quarantine.c.reason.in_(_NOISY) & quarantine.c.state.in_(_OPEN)
        gone = select(quarantine.c.id).where(noise, quarantine.c.at < old).limit(BATCH)
        decided = quarantine.c.state.not_in(_OPEN) & (quarantine.c.done_at < old)
        decided &= func.length(quarantine.c.envelope) > 0
        emptied = select(quarantine.c.id).where(decided).limit(BATCH)
        days = delete(not_kept).where(not_kept.c.day < old.date().isoformat())
        await connection.execute(days)
        done = await connection.execute(delete(quarantine).where(quarantine.c.id.in_(gone)))
        change = update(quarantine).where(quarantine.c.id.in_(emptied)).values(envelope=b"")
        return done.rowcount + (await connection.execute(change)).rowcount


def kind(reason: str) -> str:
    """Return what a reason is; one that is not known is a message."""
    return REASONS.get(reason, MESSAGE)


async def rooms(connection: AsyncConnection, which: ColumnElement[bool]) -> dict[str, Room]:
    """Count what is undecided, by channel."""
    size = func.coalesce(func.sum(func.length(quarantine.c.envelope)), 0)
    query = select(quarantine.c.channel, func.count(), size)
    query = query.where(which, quarantine.c.state.in_(_OPEN)).group_by(quarantine.c.channel)
    return {name: Room(rows, int(size)) for name, rows, size in await connection.execute(query)}


async def messages_room(connection: AsyncConnection) -> Room:
    """Count the undecided that may be people's: no quota holds them back."""
    found = await rooms(connection, quarantine.c.reason.not_in(_NOISY))
    return sum(found.values(), Room())


async def missed_since(connection: AsyncConnection, since: datetime) -> int:
    """Count what was not kept since the day of a moment."""
    late = not_kept.c.day >= since.date().isoformat()
    query = select(func.coalesce(func.sum(not_kept.c.count), 0)).where(late)
    return int((await connection.execute(query)).scalar_one())


def _row(item: QuarantineItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "channel": item.channel,
        "reason": item.reason,
        "detail": item.detail,
        "envelope": item.envelope,
        "size": item.size,
        "state": item.state,
        "at": item.at,
    }
