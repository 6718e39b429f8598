"""Segments of longer messages: put in one by one, taken out together, never deleted before that.

A segment that was joined stays for a while, so that a copy of it is known and its late neighbours
find the message they belong to.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime

from sqlalchemy import bindparam, delete, func, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.due import SEGMENTS, DueRepository, DueRow
from gateway.store.queries import Queries
from gateway.store.rows import SegmentItem
from gateway.store.tables import segments

_PUT = text(
    "INSERT INTO parts (id, channel, account, sender, reference, total, number, external_id, "
    "digest, envelope, received_at) VALUES (:id, :channel, :account, :sender, :reference, :total, "
    ":number, :external_id, :digest, :envelope, :received_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=segments.c.received_at.type))

_KEY = (
    segments.c.channel,
    segments.c.account,
    segments.c.sender,
    segments.c.reference,
    segments.c.total,
)
_OPEN = segments.c.joined_at.is_(None)

SegmentKey = tuple[str, str, str, str, int]
"""Channel, account, sender, reference and total: what the segments of one message share."""


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A segment as stored; ``message`` names what it was joined into, None while it waits."""

    id: str
    number: int
    external_id: str
    digest: str
    envelope: bytes
    received_at: datetime
    message: str | None = None
    joined_at: datetime | None = None


class AlreadyJoined(Exception):
    """Another process has joined these segments; nothing was written."""


class SegmentRepository:
    """The segments in one transaction; unlike other writes of a unit these go out at once."""

    def __init__(
        self, connection: AsyncConnection, now: Callable[[], datetime], due: DueRepository
    ) -> None:
        self._connection = connection
        self._now = now
        self._due = due

    async def put(self, items: Sequence[SegmentItem]) -> set[str]:
        """Write segments, and until when their messages are waited for; return the news."""
        await self._connection.execute(_PUT, [asdict(item) for item in items])
        stored = select(segments.c.id).where(segments.c.id.in_([item.id for item in items]))
        news = set((await self._connection.execute(stored)).scalars())
        await self._wait([item for item in items if item.id in news])
        return news

    async def _wait(self, news: Sequence[SegmentItem]) -> None:
        """Let messages wait for other segments, or not, where all are there or it went before."""
        newest = {_key([getattr(item, c.name) for c in _KEY]): item for item in news}
        if not newest:
            return
        for key, item in newest.items():
            self._due.put(SEGMENTS, *_due(key, item.due_at or item.received_at), sooner=True)
        # Who brings another segment of one of them waits here, and then sees these.
        await self._due.flush()
        open_ = func.count(segments.c.number.distinct()).filter(_OPEN)
        ready = or_(open_ >= segments.c.total, func.count(segments.c.joined_at) > 0)
        query = select(*_KEY).where(tuple_(*_KEY).in_(newest)).group_by(*_KEY).having(ready)
        for row in await self._connection.execute(query):
            key = _key(row)
            self._due.put(SEGMENTS, *_due(key, newest[key].received_at), sooner=True)
        await self._due.flush()

    async def join(self, ids: Sequence[str], message: str) -> None:
        """Note that waiting segments are in a message now: all of them, or ``AlreadyJoined``."""
        change = update(segments).where(segments.c.id.in_(ids), _OPEN)
        done = await self._connection.execute(change.values(message=message, joined_at=self._now()))
        if done.rowcount != len(ids):
            raise AlreadyJoined

    async def forget(self, before: datetime) -> None:
        """Delete what was joined before a moment."""
        await self._connection.execute(delete(segments).where(segments.c.joined_at < before))


class SegmentQueries(Queries):
    """Reads of segments."""

    async def same(self, item: SegmentItem) -> bool:
        """Tell whether a segment that was taken under the same id says what this one says."""
        named = tuple_(segments.c.channel, segments.c.account, segments.c.external_id)
        same = named == (item.channel, item.account, item.external_id)
        digest: str | None = await self._one(select(segments.c.digest).where(same))
        return digest == item.digest

    async def of(self, key: SegmentKey) -> list[SegmentRecord]:
        """Read all the segments that may be of one message, the oldest first."""
        query = select(segments).where(tuple_(*_KEY) == key)
        rows = await self._rows(query.order_by(segments.c.received_at, segments.c.id))
        names = [each.name for each in dataclass_fields(SegmentRecord)]
        return [SegmentRecord(**{name: row[name] for name in names}) for row in rows]


def segment_key(row: DueRow) -> SegmentKey:
    """Return which message a due row is about."""
    return _key(json.loads(row.data))


def _due(key: SegmentKey, at: datetime) -> tuple[str, datetime, str]:
    data = json.dumps(key)
    return hashlib.sha256(data.encode()).hexdigest(), at, data


def _key(row: Sequence[object]) -> SegmentKey:
    channel, account, sender, reference, total = row
    assert isinstance(total, int)
    return str(channel), str(account), str(sender), str(reference), total
