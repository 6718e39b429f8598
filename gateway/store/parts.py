"""Parts of longer messages: put in one by one, taken out together, never deleted before that.

A part that was joined stays for a while, so that a copy of it is known and its late neighbours find
the message they belong to.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime

from sqlalchemy import bindparam, delete, func, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import Piece
from gateway.store.tables import parts

_PUT = text(
    "INSERT INTO parts (id, channel, account, sender, reference, total, number, external_id, "
    "digest, envelope, received_at) VALUES (:id, :channel, :account, :sender, :reference, :total, "
    ":number, :external_id, :digest, :envelope, :received_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=parts.c.received_at.type))

_KEY = (parts.c.channel, parts.c.account, parts.c.sender, parts.c.reference, parts.c.total)
_OPEN = parts.c.joined_at.is_(None)
_MOST = 1000
"""Messages looked at together."""

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
    """Write parts; return the ids of those that were news."""
    await connection.execute(_PUT, [asdict(piece) for piece in pieces])
    stored = select(parts.c.id).where(parts.c.id.in_([piece.id for piece in pieces]))
    return set((await connection.execute(stored)).scalars())


async def has(connection: AsyncConnection, piece: Piece) -> bool:
    """Tell whether a part with the same id says the same."""
    named = tuple_(parts.c.channel, parts.c.account, parts.c.external_id)
    same = named == (piece.channel, piece.account, piece.external_id)
    found = await connection.execute(select(parts.c.digest).where(same))
    return found.scalar() == piece.digest


async def ready(
    connection: AsyncConnection, due: Mapping[str, datetime]
) -> dict[Key, list[PartRow]]:
    """Read all that is known of messages of which something must be done.

    They are complete, or nothing came since ``due`` (by channel), or a part came for one that went
    on its way before.
    """
    newest = func.max(parts.c.received_at)
    waited = [(parts.c.channel == name) & (newest <= moment) for name, moment in due.items()]
    complete = func.count(parts.c.number.distinct()) >= parts.c.total
    whole = select(*_KEY).where(_OPEN).group_by(*_KEY).having(or_(complete, *waited))
    other = parts.alias()
    same = [getattr(other.c, column.name) == column for column in _KEY]
    gone = select(other.c.id).where(*same, other.c.joined_at.is_not(None)).exists()
    again = select(*_KEY).where(_OPEN, gone).distinct()
    keys: set[Key] = set()
    for query in (whole.order_by(newest), again):
        keys |= {_key(row) for row in await connection.execute(query.limit(_MOST))}
    return await _known(connection, keys) if keys else {}


async def _known(connection: AsyncConnection, keys: set[Key]) -> dict[Key, list[PartRow]]:
    query = select(parts).where(tuple_(*_KEY).in_(keys))
    found: dict[Key, list[PartRow]] = {}
    rows = await connection.execute(query.order_by(parts.c.received_at, parts.c.id))
    for row in rows.mappings():
        key = _key([row[column.name] for column in _KEY])
        fields = {name.name: row[name.name] for name in dataclass_fields(PartRow)}
        found.setdefault(key, []).append(PartRow(**fields))
    return found


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
