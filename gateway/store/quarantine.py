"""How much the quarantine keeps, and for how long.

What a stranger may send without end (``NOISE``) has a quota: the newest is then not kept, only
counted. What came by a proven door is kept until an operator has decided, however much it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import metrics
from gateway.store.due import RECEIPT, DueRepository
from gateway.store.queries import Queries
from gateway.store.rows import QuarantineItem
from gateway.store.tables import not_kept, quarantine
from gateway.store.views import QuarantineView

NOISE, MESSAGE = "noise", "message"
REASONS: dict[str, str] = {
    "forged": NOISE,
    "automatic": NOISE,
    "receipt": NOISE,
    "malformed": MESSAGE,
    "machine": MESSAGE,
    "unreadable": MESSAGE,
    "unstorable": MESSAGE,
    "same_id_other_content": MESSAGE,
}
"""What each reason is: noise that may be dropped, or a message that may be a person's."""
FRESH = timedelta(seconds=5)
"""How long what was counted is believed, beside what this process added since."""
BATCH = 500
"""Rows that are forgotten in one transaction."""

_OPEN = ["open", "noted"]
_STRANGERS = ["forged", "machine"]
"""Shown as open, and no reason for ``/health`` to be red: adverts come every day."""
_NOISY = [reason for reason, kind in REASONS.items() if kind == NOISE]
_PUT = text(
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


class QuarantineQuota:
    """How much noise there is room for, as one process believes. ``limits`` are settings."""

    def __init__(self, now: Callable[[], datetime], limits: QuarantineLimits = USUAL) -> None:
        self.limits = limits
        self._now = now
        self._room: dict[str, Room] = {}
        self._counted: datetime | None = None

    def is_fresh(self) -> bool:
        """Tell whether what was counted is still believed."""
        at = self._counted
        return at is not None and timedelta(0) <= self._now() - at < FRESH

    def count(self, room: dict[str, Room]) -> None:
        """Believe what was counted, by channel."""
        self._room, self._counted = room, self._now()

    def admits(self, item: QuarantineItem) -> bool:
        """Tell whether an item may be kept, and count it in."""
        if kind(item.reason) != NOISE:
            return True
        there = self._room.get(item.channel, Room())
        whole = sum(self._room.values(), Room())
        if whole.over(self.limits) or there.over(self.limits, self.limits.share):
            return False
        self._room[item.channel] = there + Room(1, len(item.envelope))
        return True


class QuarantineRepository:
    """The quarantine in one transaction; unlike other writes of a unit these go out at once."""

    def __init__(
        self,
        connection: AsyncConnection,
        now: Callable[[], datetime],
        quota: QuarantineQuota,
        due: DueRepository,
    ) -> None:
        self._connection = connection
        self._now = now
        self._quota = quota
        self._due = due

    async def put(self, items: Sequence[QuarantineItem]) -> None:
        """Keep items, each id once; count the noise for which there is no room."""
        noisy = any(kind(item.reason) == NOISE for item in items)
        if noisy and not self._quota.is_fresh():
            rows = await self._connection.execute(_rooms(quarantine.c.reason.in_(_NOISY)))
            self._quota.count(_by_channel(rows))
        kept = [item for item in items if self._quota.admits(item)]
        if kept:
            await self._connection.execute(_PUT, [_row(item) for item in kept])
        for item in kept:
            if item.again_at is not None:
                self._due.put(RECEIPT, item.id, item.again_at, item.at.isoformat(), sooner=True)
        ids = {item.id for item in kept}
        await self.tally(
            Counter((item.channel, item.reason) for item in items if item.id not in ids)
        )

    async def tally(self, missed: Mapping[tuple[str, str], int]) -> None:
        """Count what was not kept, or not even offered, by channel and reason."""
        day = self._now().date().isoformat()
        rows = [
            {"channel": channel, "reason": reason, "day": day, "count": count}
            for (channel, reason), count in missed.items()
        ]
        if rows:
            await self._connection.execute(_COUNT, rows)
        for key, count in missed.items():
            metrics.NOT_KEPT.labels(*key).inc(count)

    async def decide(
        self, id: str, state: Literal["released", "dismissed"], *, by: str, note: str, at: datetime
    ) -> bool:
        """Note an operator's decision; False if it came too late."""
        undecided = (quarantine.c.id == id) & quarantine.c.state.in_(_OPEN)
        change = update(quarantine).where(undecided)
        change = change.values(state=state, done_by=by, done_note=note[:500], done_at=at)
        return (await self._connection.execute(change)).rowcount == 1

    async def forget(self) -> int:
        """Forget a batch of what is older than the limits say; return how much it was.

        Undecided noise goes whole. Of what an operator has decided the envelope goes; who decided
        what, when and why stays. What is not decided stays whole, if it is no noise.
        """
        old = self._now() - timedelta(days=self._quota.limits.days)
        noise = quarantine.c.reason.in_(_NOISY) & quarantine.c.state.in_(_OPEN)
        gone = select(quarantine.c.id).where(noise, quarantine.c.at < old).limit(BATCH)
        decided = quarantine.c.state.not_in(_OPEN) & (quarantine.c.done_at < old)
        decided &= func.length(quarantine.c.envelope) > 0
        emptied = select(quarantine.c.id).where(decided).limit(BATCH)
        days = delete(not_kept).where(not_kept.c.day < old.date().isoformat())
        await self._connection.execute(days)
        done = await self._connection.execute(delete(quarantine).where(quarantine.c.id.in_(gone)))
        change = update(quarantine).where(quarantine.c.id.in_(emptied)).values(envelope=b"")
        return done.rowcount + (await self._connection.execute(change)).rowcount


class QuarantineQueries(Queries):
    """Reads of the quarantine."""

    async def latest(self, most: int, skip: int = 0) -> list[QuarantineView]:
        """List what is not decided: what is open first, then what is only noted."""
        query = select(quarantine).where(quarantine.c.state.in_(_OPEN))
        query = query.order_by(
            quarantine.c.state != "open", quarantine.c.at.desc(), quarantine.c.id
        )
        return [
            QuarantineView(row.id, row.channel, row.reason, row.detail, row.state, row.at, row.size)
            for row in await self._all(query.limit(most).offset(skip))
        ]

    async def count_listed(self) -> int:
        """Count what is not decided, with what is only noted."""
        query = select(func.count()).where(quarantine.c.state.in_(_OPEN))
        return int(await self._one(query))

    async def count(self) -> int:
        """Count what is not decided."""
        query = select(func.count()).where(quarantine.c.state == "open")
        return int(await self._one(query))

    async def count_proven(self) -> int:
        """Count what is undecided and no stranger's or machine's: those are no fault of ours."""
        waiting = (quarantine.c.state == "open") & quarantine.c.reason.not_in(_STRANGERS)
        return int(await self._one(select(func.count()).where(waiting)))

    async def room(self) -> Room:
        """Count the undecided that may be people's, with their bytes: no quota holds them back."""
        rows = await self._all(_rooms(quarantine.c.reason.not_in(_NOISY)))
        return sum(_by_channel(rows).values(), Room())

    async def missed_since(self, since: datetime) -> int:
        """Count what was not kept since the day of a moment."""
        late = not_kept.c.day >= since.date().isoformat()
        query = select(func.coalesce(func.sum(not_kept.c.count), 0)).where(late)
        return int(await self._one(query))

    async def envelope(self, id: str) -> tuple[str, str, bytes] | None:
        """Return channel, reason and sealed envelope of something undecided."""
        query = select(quarantine.c.channel, quarantine.c.reason, quarantine.c.envelope)
        rows = await self._all(query.where(quarantine.c.id == id, quarantine.c.state.in_(_OPEN)))
        return (rows[0].channel, rows[0].reason, bytes(rows[0].envelope)) if rows else None


def kind(reason: str) -> str:
    """Return what a reason is; one that is not known is a message."""
    return REASONS.get(reason, MESSAGE)


def _rooms(which: ColumnElement[bool]) -> Select[tuple[str, int, int]]:
    """Select how much is undecided, by channel."""
    size = func.coalesce(func.sum(func.length(quarantine.c.envelope)), 0)
    query = select(quarantine.c.channel, func.count(), size)
    return query.where(which, quarantine.c.state.in_(_OPEN)).group_by(quarantine.c.channel)


def _by_channel(rows: Iterable[Any]) -> dict[str, Room]:
    return {name: Room(count, int(size)) for name, count, size in rows}


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
