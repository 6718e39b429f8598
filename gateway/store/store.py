"""The store: one durable write at the door, units of work behind it, reads for the desk."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform.clock import Clock
from gateway.store import migrate
from gateway.store.engine import Database
from gateway.store.leases import LeaseClock
from gateway.store.parts import Also, has, put_parts
from gateway.store.quarantine import USUAL as USUAL_ROOM
from gateway.store.quarantine import QuarantineLimits as RoomLimits
from gateway.store.quarantine import Shelf
from gateway.store.queue_table import Queue
from gateway.store.reactions import USUAL, AnswerLimits, forget
from gateway.store.rows import Accepted, IntakeItem, KeptFile, Piece, QuarantineItem
from gateway.store.tables import files, messages
from gateway.store.unit import UnitOfWork
from gateway.wire.queues import REPORTS, QueuedMessage

_TIME = messages.c.received_at.type
_TAKE = text(
    "INSERT INTO messages "
    "(id, channel, account, external_id, received_at, digest, raw, body, tracking, reporter_ref) "
    "VALUES (:id, :channel, :account, :external_id, :received_at, :digest, :raw, :body, "
    ":tracking, :reporter_ref) "
    "ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=_TIME))
_FILE = text(
    "INSERT INTO files (sha256, size, content) VALUES (:sha256, :size, :content) "
    "ON CONFLICT DO NOTHING"
)


class Store:
    """Everything durable. ``now`` is the case clock, ``wall`` the true time; both are aware.

    ``waiting`` is how long a question to a reporter stays open.
    """

    def __init__(
        self,
        database: Database,
        now: Clock,
        limits: AnswerLimits = USUAL,
        room: RoomLimits = USUAL_ROOM,
        wall: Clock | None = None,
        waiting: timedelta = timedelta(days=14),
    ) -> None:
        self.database = database
        self.now = now
        self.wall = wall or now
        self.leases = LeaseClock(is_sqlite=database.is_sqlite)
        self._limits = limits
        self._waiting = waiting
        self.queue = Queue(database, now, self.leases)
        self.shelf = Shelf(now, room)
        self.due_news = asyncio.Event()
        """Set when something came due in this process; another one takes its place then."""

    async def migrate(self) -> None:
        """Bring the tables to this version's state. Raises ``Unavailable``."""
        await migrate.upgrade(self.database)
        async with self.database.write() as connection:
            await forget(connection, self.now())

    async def close(self) -> None:
        """Close every connection."""
        await self.database.close()

    async def ping(self) -> None:
        """Return when the database answers. Raises ``Unavailable``."""
        async with self.database.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def take_in(self, batch: Sequence[IntakeItem], also: Also | None = None) -> set[str]:
        """Write what a door took, all in one transaction; return the ids that were news.

        A repeat (same channel, account and external id) changes nothing. Where a repeat says
        something else than the first, it goes into the quarantine instead of nowhere.
        """
        accepted = [item for item in batch if isinstance(item, Accepted)]
        held = [item for item in batch if isinstance(item, QuarantineItem)]
        pieces = [item for item in batch if isinstance(item, Piece)]
        async with self.database.write() as connection:
            news = await self._take(connection, accepted) if accepted else set()
            if held:
                await self.shelf.put(connection, held)
            if pieces:
                news |= await put_parts(connection, pieces)
            if also:
                await also(connection, news)
        if news:
            self.queue.announce()
        if pieces:
            self.announce_due()
        return news

    def announce_due(self) -> None:
        """Wake whoever waits for due rows in this process."""
        self.due_news.set()
        self.due_news = asyncio.Event()

    async def _take(self, connection: AsyncConnection, items: Sequence[Accepted]) -> set[str]:
        await connection.execute(_TAKE, [_message_row(item) for item in items])
        ids = [item.id for item in items]
        stored = select(messages.c.id).where(messages.c.id.in_(ids))
        news = set((await connection.execute(stored)).scalars())
        if len(news) < len(ids):
            await self._hold_contradictions(connection, [i for i in items if i.id not in news])
        kept = [
            {"sha256": f.sha256, "size": f.size, "content": f.content}
            for item in items
            if item.id in news
            for f in item.files
        ]
        if kept:
            await connection.execute(_FILE, kept)
        events = [QueuedMessage(REPORTS, item.id, item.event) for item in items if item.id in news]
        await self.queue.put_rows(connection, self.queue.rows(events))
        return news

    async def _hold_contradictions(
        self, connection: AsyncConnection, repeats: Sequence[Accepted]
    ) -> None:
        key = tuple_(messages.c.channel, messages.c.account, messages.c.external_id)
        wanted = [(item.channel, item.account, item.external_id) for item in repeats]
        query = select(
            messages.c.channel, messages.c.account, messages.c.external_id, messages.c.digest
        ).where(key.in_(wanted))
        first = {(c, a, e): digest for c, a, e, digest in await connection.execute(query)}
        held = [
            _contradiction(item)
            for item in repeats
            if first.get((item.channel, item.account, item.external_id), item.digest) != item.digest
        ]
        if held:
            await self.shelf.put(connection, held)

    async def says_the_same(self, item: Accepted) -> bool:
        """Tell whether the message that was first taken under an id says what this one says."""
        key = tuple_(messages.c.channel, messages.c.account, messages.c.external_id)
        same = key == (item.channel, item.account, item.external_id)
        query = select(messages.c.digest).where(same)
        async with self.database.read() as connection:
            return (await connection.execute(query)).scalar() == item.digest

    async def has_part(self, piece: Piece) -> bool:
        """Tell whether a part that was taken under the same id says what this one says."""
        async with self.database.read() as connection:
            return await has(connection, piece)

    async def count_missed(self, missed: Mapping[tuple[str, str], int]) -> None:
        """Count what was not even offered to the quarantine, by channel and reason."""
        async with self.database.write() as connection:
            await self.shelf.tally(connection, missed)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work; everything it collected is committed at the end, or nothing.

        Raises ``Unavailable`` and ``Conflict``.
        """
        async with self.database.write() as connection:
            unit = UnitOfWork(
                connection, self.queue, self.now, self.wall, self._limits, self._waiting
            )
            yield unit
            await unit.flush()
        self.queue.announce()
        if unit.due.soonest <= self.now():
            self.announce_due()

    async def file(self, sha256: str) -> KeptFile | None:
        """Return an attachment as the door took it in, or what became of it."""
        query = select(files.c.content, files.c.became).where(files.c.sha256 == sha256)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
        return KeptFile(bytes(row.content), row.became) if row is not None else None


def _message_row(item: Accepted) -> dict[str, Any]:
    return {
        "id": item.id,
        "channel": item.channel,
        "account": item.account,
        "external_id": item.external_id,
        "received_at": item.received_at,
        "digest": item.digest,
        "raw": item.raw,
        "body": item.body,
        "tracking": item.tracking,
        "reporter_ref": item.reporter_ref,
    }


def _contradiction(item: Accepted) -> QuarantineItem:
    name = hashlib.sha256(f"{item.channel} {item.external_id} {item.digest}".encode()).hexdigest()
    return QuarantineItem(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        channel=item.channel,
        reason="same_id_other_content",
        detail="a message with this id was taken before, with other content",
        envelope=item.raw,
        size=len(item.raw),
        state="open",
        at=item.received_at,
    )
