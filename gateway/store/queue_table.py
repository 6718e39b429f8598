"""The queue table: outbox of every step, embedded queue, and dead letters of both brokers.

A row is *ready* (visible now or later) or *dead*. A lease hides a row until it runs out and fences
off the holder before: settling with an old lease changes nothing. Both are measured by the
database's own time.
"""

import asyncio
import hashlib
import json
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    bindparam,
    delete,
    false,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database
from gateway.store.leases import LeaseClock
from gateway.store.rows import redact, tidy
from gateway.store.tables import queue
from gateway.wire.queues import DeadLetter, LeasedMessage, QueuedMessage

_GIVEN = ("queue", "message_id", "body", "headers", "attempts", "state", "error", "at")
_LEASE = queue.c.lease
_LONGEST_ID = 64
BIRTH = 10.0
"""Seconds for which what a process puts is its own to publish."""
MOST_FRESH = 1_000
"""Messages kept in memory to be published; those beyond it wait until their lease has ended."""


class Queue:
    """The queue table of one store."""

    def __init__(self, database: Database, now: Callable[[], datetime], leases: LeaseClock) -> None:
        self._database = database
        self._now = now
        self._time = leases.seconds()
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        values: dict[str, Any] = {name: bindparam(name) for name in _GIVEN}
        new = insert(queue).values(visible_at=self._time, **values)
        self._put = new.on_conflict_do_nothing()
        kept = ("attempts", "state", "error", "at")
        self._put_dead = new.on_conflict_do_update(
            index_elements=["queue", "message_id"],
            set_={"lease": None, **{name: new.excluded[name] for name in kept}},
        )
        self._news = asyncio.Event()
        self._put_mine = (
            insert(queue)
            .values(visible_at=self._time + BIRTH, lease=bindparam("lease"), **values)
            .on_conflict_do_nothing()
        )
        self._mine = secrets.token_hex(16)
        self._fresh: deque[QueuedMessage] | None = None

    def keep_fresh(self) -> None:
        """Lease what this process puts to itself: its own relay publishes it from memory.

        What is left when the process dies is claimed once its lease has ended.
        """
        self._fresh = deque(maxlen=MOST_FRESH)

    def rows(self, messages: Sequence[QueuedMessage]) -> list[dict[str, Any]]:
        """Make the rows for ``put_rows``."""
        return [_row(message, self._now()) for message in messages]

    async def put_rows(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows inside a transaction of the store; call ``announce`` after its commit."""
        if not rows:
            return
        if self._fresh is None or any(row["state"] == "dead" for row in rows):
            await connection.execute(self._put, rows)
        else:
            mine = [row | {"lease": self._mine} for row in rows]
            await connection.execute(self._put_mine, mine)

    async def put_dead(self, connection: AsyncConnection, letters: Sequence[DeadLetter]) -> None:
        """File what was given up, inside a transaction of the store, also once more."""
        rows = [self._dead_row(letter) for letter in letters]
        if rows:
            await connection.execute(self._put_dead, rows)

    def announce(self, fresh: Sequence[QueuedMessage] = ()) -> None:
        """Wake the tasks that wait for news in this process; ``fresh`` is what it has put."""
        if self._fresh is not None:
            self._fresh.extend(fresh)
        self._news.set()
        self._news = asyncio.Event()

    async def changed(self, at_most: float) -> None:
        """Return when something was put in this process, or after ``at_most`` seconds."""
        try:
            async with asyncio.timeout(at_most):
                await self._news.wait()
        except TimeoutError:
            return

    def take_fresh(self, most: int) -> list[LeasedMessage]:
        """Take what this process put and has not published; its leases hold from its birth."""
        fresh: deque[QueuedMessage] = self._fresh if self._fresh is not None else deque()
        taken = [fresh.popleft() for _ in range(min(most, len(fresh)))]
        return [LeasedMessage(None, self._mine, message, 0) for message in taken]

    def forget_fresh(self) -> None:
        """Leave what this process put to a process that claims it once its leases have ended."""
        if self._fresh is not None:
            self._fresh.clear()

    async def put(self, messages: Sequence[QueuedMessage]) -> None:
        """Add messages in a transaction of their own; a known (queue, id) changes nothing."""
        async with self._database.write() as connection:
            await self.put_rows(connection, self.rows(messages))
        self.announce(messages)

    async def claim(self, name: str, most: int, *, lease: float) -> list[LeasedMessage]:
        """Lease up to ``most`` visible messages, oldest first. "" claims from every queue."""
        token = secrets.token_hex(16)
        chosen = (
            select(queue.c.id).where(self._visible(name)).order_by(queue.c.visible_at, queue.c.id)
        )
        chosen = chosen.limit(most)
        if not self._database.is_sqlite:
            chosen = chosen.with_for_update(skip_locked=True)
        taken = (
            update(queue)
            .where(queue.c.id.in_(chosen.scalar_subquery()))
            .values(lease=token, visible_at=self._time + lease)
            .returning(queue)
        )
        if not await self._any_ready(name):
            return []
        async with self._database.write() as connection:
            found = (await connection.execute(taken)).mappings().all()
        return [_leased(row) for row in sorted(found, key=lambda row: int(row["id"]))]

    def _visible(self, name: str) -> ColumnElement[bool]:
        visible = (queue.c.state == "ready") & (queue.c.visible_at <= self._time)
        return visible & (queue.c.queue == name) if name else visible

    async def _any_ready(self, name: str) -> bool:
        look = select(queue.c.id).where(self._visible(name)).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(look)).first() is not None

    async def settle(self, leased: Sequence[LeasedMessage]) -> int:
        """Delete messages whose lease still holds; return how many did."""
        if not leased:
            return 0
        gone = delete(queue).where(_held(leased))
        async with self._database.write() as connection:
            return (await connection.execute(gone)).rowcount

    async def postpone(
        self, leased: Sequence[LeasedMessage], *, delay: float, error: str, counted: bool = True
    ) -> None:
        """Hide messages for ``delay`` seconds and count one more attempt each, or not."""
        await self._change(
            leased,
            lease=None,
            visible_at=self._time + delay,
            attempts=queue.c.attempts + int(counted),
            error=redact(error, 1000),
        )

    async def bury(self, leased: LeasedMessage, *, error: str) -> None:
        """Mark a message dead."""
        await self._change(
            [leased],
            state="dead",
            lease=None,
            attempts=queue.c.attempts + 1,
            error=redact(error, 1000),
            at=self._now(),
        )

    async def release(self, leased: Sequence[LeasedMessage]) -> None:
        """Make leased messages visible again at once."""
        if leased:
            await self._change(leased, lease=None, visible_at=self._time)
            self.announce()

    async def _change(self, leased: Sequence[LeasedMessage], **values: Any) -> None:
        held = update(queue).where(_held(leased))
        async with self._database.write() as connection:
            await connection.execute(held.values(**values))

    async def keep_dead(self, letters: Sequence[DeadLetter]) -> None:
        """File dead letters that a broker handed over; known ones change nothing."""
        async with self._database.write() as connection:
            await self.put_rows(connection, [self._dead_row(letter) for letter in letters])

    def _dead_row(self, letter: DeadLetter) -> dict[str, Any]:
        return _row(letter.message, self._now()) | {
            "message_id": _known_as(letter.message),
            "state": "dead",
            "attempts": letter.attempts,
            "error": redact(letter.error, 1000),
        }

    async def revive(
        self, connection: AsyncConnection, rows: Sequence[int]
    ) -> list[tuple[str, str]]:
        """Give dead letters a fresh start inside a transaction; return their queues and ids."""
        dead = (queue.c.state == "dead") & queue.c.id.in_(rows)
        fresh = {"attempts": 0, "visible_at": self._time, "error": "", "at": self._now()}
        again = update(queue).where(dead).values(state="ready", **fresh)
        found = await connection.execute(again.returning(queue.c.queue, queue.c.message_id))
        return [(row.queue, row.message_id) for row in found]

    async def depths(self) -> dict[str, int]:
        """Count ready and leased messages by queue; dead ones count under ``QUEUE.dead``."""
        counted = select(queue.c.queue, queue.c.state, func.count()).group_by(
            queue.c.queue, queue.c.state
        )
        async with self._database.read() as connection:
            found = (await connection.execute(counted)).all()
        return {f"{name}.dead" if state == "dead" else name: count for name, state, count in found}

    async def count(self, name: str) -> int:
        """Count the ready and leased messages of one queue."""
        wanted = (queue.c.queue == name) & (queue.c.state == "ready")
        async with self._database.read() as connection:
            found = await connection.execute(select(func.count()).where(wanted))
        return int(found.scalar_one())

    async def overdue(self, since: datetime) -> dict[str, int]:
        """Count the ready messages from before a moment, by queue."""
        late = (queue.c.state == "ready") & (queue.c.at < since)
        query = select(queue.c.queue, func.count()).where(late).group_by(queue.c.queue)
        async with self._database.read() as connection:
            return {name: count for name, count in await connection.execute(query)}  # noqa: C416


def _held(leased: Sequence[LeasedMessage]) -> ColumnElement[bool]:
    """Say which rows these are, as long as their leases hold; those never read have no number."""
    numbers = [entry.row for entry in leased if entry.row is not None]
    names = [(e.message.queue, e.message.id) for e in leased if e.row is None]
    by_name = tuple_(queue.c.queue, queue.c.message_id).in_(names) if names else false()
    return or_(queue.c.id.in_(numbers), by_name) & _LEASE.in_({entry.lease for entry in leased})


class Outbox:
    """The messages that one transaction puts on queues."""

    def __init__(self, connection: AsyncConnection, queue: Queue) -> None:
        self._connection = connection
        self._queue = queue
        self._messages: list[QueuedMessage] = []
        self._dead: list[DeadLetter] = []
        self.written: list[QueuedMessage] = []
        """What was put, for tasks that wait for it after the commit."""

    def put(self, message: QueuedMessage) -> None:
        """Put a message on a queue when the unit commits."""
        self._messages.append(message)

    def bury(self, letter: DeadLetter) -> None:
        """File a dead letter when the unit commits."""
        self._dead.append(letter)

    async def replay(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Give dead letters a fresh start at once; return their queues and ids."""
        return await self._queue.revive(self._connection, rows)

    async def flush(self) -> None:
        """Write what was put."""
        await self._queue.put_dead(self._connection, self._dead)
        self._dead.clear()
        if self._messages:
            await self._queue.put_rows(self._connection, self._queue.rows(self._messages))
            self.written += self._messages
            self._messages.clear()


def _row(message: QueuedMessage, now: datetime) -> dict[str, Any]:
    return {
        "queue": message.queue,
        "message_id": message.id,
        "body": message.body,
        "headers": json.dumps(dict(message.headers)) if message.headers else "{}",
        "attempts": 0,
        "state": "ready",
        "error": "",
        "at": now,
    }


def _known_as(message: QueuedMessage) -> str:
    """Return the id, or a hash of the body where somebody else published without a usable one."""
    if message.id and tidy(message.id, _LONGEST_ID) == message.id:
        return message.id
    return hashlib.sha256(message.body).hexdigest()


def message_of(row: RowMapping) -> QueuedMessage:
    """Read a row back as the message it holds."""
    return QueuedMessage(
        row["queue"], row["message_id"], bytes(row["body"]), json.loads(row["headers"])
    )


def _leased(row: RowMapping) -> LeasedMessage:
    return LeasedMessage(row["id"], row["lease"], message_of(row), row["attempts"])
