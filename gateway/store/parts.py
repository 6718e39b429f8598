"""Parts of longer messages: put in one by one, taken out together, never deleted before that.

A part that was joined stays for a while, so that a copy of it is known and its late neighbours find
the message they belong to.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime

from sqlalchemy import bindparam, delete, func, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.due import SEGMENTS, DueRepository, DueRow
from gateway.store.engine import Database
from gateway.store.rows import Piece
from gateway.store.tables import parts

_PUT = text(
    "INSERT INTO parts (id, channel, account, sender, reference, total, number, external_id, "
    "digest, envelope, received_at) VALUES (:id, :channel, :account, :sender, :reference, :total, "
    ":number, :external_id, :digest, :envelope, :received_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=parts.c.received_at.type))

_KEY = (parts.c.channel, parts.c.account, parts.c.sender, parts.c.reference, parts.c.total)
_OPEN = parts.c.joined_at.is_(None)

Also = Callable[[AsyncConnection, set[str]], Awaitable[None]]
"""More to write in a transaction that took messages in; is told which ids were news."""
Key = tuple[str, str, str, str, int]
"""Channel, account, sender, reference and total: what the parts of one message have in common."""


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part that is stored; ``message`` names what it was joined into, None while it waits."""

    id: str
    number: int
    external_id: str
    digest: str
    envelope: bytes
    received_at: datetime
    message: str | None = None
    joined_at: datetime | None = None


class Joined(Exception):
    """Another process has joined these parts; nothing was written."""


async def put_parts(connection: AsyncConnection, pieces: Sequence[Piece]) -> set[str]:
    """Write parts, and when their messages are waited for no longer; return the ids of the news."""
    await connection.execute(_PUT, [asdict(piece) for piece in pieces])
    stored = select(parts.c.id).where(parts.c.id.in_([piece.id for piece in pieces]))
    news = set((await connection.execute(stored)).scalars())
    await _wait(connection, [piece for piece in pieces if piece.id in news])
    return news


async def _wait(connection: AsyncConnection, news: Sequence[Piece]) -> None:
    """Let messages wait for their other parts, or not, where all are there or it went before."""
    newest = {_key([getattr(piece, c.name) for c in _KEY]): piece for piece in news}
    if not newest:
        return
    due = DueRepository(connection)
    for key, piece in newest.items():
        due.put(SEGMENTS, *_due(key, piece.due_at or piece.received_at), sooner=True)
    # Who brings the other part of one of them waits here, and then sees these.
    await due.flush()
    open_ = func.count(parts.c.number.distinct()).filter(_OPEN)
    ready = or_(open_ >= parts.c.total, func.count(parts.c.joined_at) > 0)
    query = select(*_KEY).where(tuple_(*_KEY).in_(newest)).group_by(*_KEY).having(ready)
    for row in await connection.execute(query):
        key = _key(row)
        due.put(SEGMENTS, *_due(key, newest[key].received_at), sooner=True)
    await due.flush()


def _due(key: Key, at: datetime) -> tuple[str, datetime, str]:
    data = json.dumps(key)
    return hashlib.sha256(data.encode()).hexdigest(), at, data


def key_of(row: DueRow) -> Key:
    """Return which message a due row is about."""
    return _key(json.loads(row.data))


async def has(connection: AsyncConnection, piece: Piece) -> bool:
    """Tell whether a part with the same id says the same."""
    named = tuple_(parts.c.channel, parts.c.account, parts.c.external_id)
    same = named == (piece.channel, piece.account, piece.external_id)
    found = await connection.execute(select(parts.c.digest).where(same))
    return found.scalar() == piece.digest


async def parts_of(database: Database, key: Key) -> list[PartRow]:
    """Read all the parts that may be of one message, the oldest first. Raises ``Unavailable``."""
    query = select(parts).where(tuple_(*_KEY) == key)
    async with database.read() as connection:
        rows = await connection.execute(query.order_by(parts.c.received_at, parts.c.id))
        return [
            PartRow(**{name.name: row[name.name] for name in dataclass_fields(PartRow)})
            for row in rows.mappings()
        ]


def mark(ids: Sequence[str], message: str, now: datetime) -> Also:
    """Return what notes that waiting parts are in a message now: all of them, or ``Joined``."""

    async def write(connection: AsyncConnection, news: set[str]) -> None:
        change = update(parts).where(parts.c.id.in_(ids), _OPEN)
        done = await connection.execute(change.values(message=message, joined_at=now))
        if done.rowcount != len(ids):
            raise Joined

    return write


async def forget(connection: AsyncConnection, before: datetime) -> None:
    """Delete what was joined before a moment."""
    await connection.execute(delete(parts).where(parts.c.joined_at < before))


def _key(row: Sequence[object]) -> Key:
    channel, account, sender, reference, total = row
    assert isinstance(total, int)
    return str(channel), str(account), str(sender), str(reference), total
