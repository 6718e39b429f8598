"""How far each provider has been read. One process at a time holds a bookmark and may move it.

A bookmark is moved in the transaction of what was read, and only by who still holds it and saw its
last place: a process that lost it writes nothing at all. All times are the database's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, func, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import IntakeItem, noted
from gateway.store.store import Store
from gateway.store.tables import cursors, messages
from gateway.store.views import FetchStatus

_OPEN = text("INSERT INTO cursors (channel, work) VALUES (:channel, :work) ON CONFLICT DO NOTHING")


class LeaseLost(Exception):
    """Another process reads this provider now; nothing was written."""

    def __str__(self) -> str:
        return "another process reads this provider now"


@dataclass(frozen=True, slots=True)
class CursorPlace:
    """Where a bookmark lies."""

    cursor: str
    wait: float
    """Seconds until the next look is due; 0 or less means now."""
    ok_at: datetime | None
    """When the last look succeeded."""
    failures: int
    """Looks that failed since then."""


class Bookmark:
    """One provider's place, as ``holder`` (a process) sees it. All calls raise ``Unavailable``."""

    def __init__(self, store: Store, channel: str, work: str, *, holder: str) -> None:
        self._store = store
        self._key = {"channel": channel, "work": work}
        self._holder = holder
        self._row = (cursors.c.channel == channel) & (cursors.c.work == work)
        self._mine = self._row & (cursors.c.holder == holder)

    async def take(self, seconds: float) -> CursorPlace | None:
        """Hold it for ``seconds`` from now; None while another process does."""
        free = or_(
            cursors.c.holder == self._holder,
            cursors.c.held_until.is_(None),
            cursors.c.held_until < self._moment(),
        )
        take = update(cursors).where(self._row, free)
        take = take.values(holder=self._holder, held_until=self._moment(seconds))
        take = take.returning(cursors, self._moment().label("now"))
        async with self._store.database.write() as connection:
            await connection.execute(_OPEN, self._key)
            row = (await connection.execute(take)).mappings().first()
        return _place(row) if row else None

    async def peek(self) -> CursorPlace:
        """Look where it lies without holding it."""
        query = select(cursors, self._moment().label("now")).where(self._row)
        async with self._store.database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _place(row) if row else CursorPlace("", 0.0, None, 0)

    async def move(
        self,
        place: CursorPlace,
        batch: Sequence[IntakeItem],
        cursor: str,
        *,
        pause: float,
        recovered: bool = False,
    ) -> set[str]:
        """Write what was read and the new place in one transaction; return the ids that were news.

        ``recovered``: an outage had kept these from us. Raises ``LeaseLost``.
        """

        async def mark(connection: AsyncConnection, news: set[str]) -> None:
            change = update(cursors).where(self._mine, cursors.c.cursor == place.cursor)
            change = change.values(
                cursor=cursor,
                ok_at=self._moment(),
                due_at=self._moment(pause),
                failures=0,
                recovered=cursors.c.recovered + (len(news) if recovered else 0),
            )
            if (await connection.execute(change)).rowcount != 1:
                raise LeaseLost

        return await self._store.take_in(batch, also=mark)

    async def recovered(self, count: int) -> None:
        """Count messages that an outage had kept from us; needs no holding."""
        change = update(cursors).where(self._row)
        change = change.values(recovered=cursors.c.recovered + count)
        async with self._store.database.write() as connection:
            await connection.execute(_OPEN, self._key)
            await connection.execute(change)

    async def failed(self, error: str, *, pause: float) -> None:
        """Note that a look failed, and when the next one is due."""
        change = update(cursors).where(self._mine)
        change = change.values(
            failures=cursors.c.failures + 1,
            failed_at=self._moment(),
            error=noted(error, 500),
            due_at=self._moment(pause),
        )
        async with self._store.database.write() as connection:
            await connection.execute(change)

    def _moment(self, after: float = 0.0) -> ColumnElement[datetime]:
        return self._store.leases.moment(after)

    async def release(self) -> None:
        """Let another process take it at once."""
        change = update(cursors).where(self._mine).values(holder="", held_until=None)
        async with self._store.database.write() as connection:
            await connection.execute(change)


def _place(row: RowMapping) -> CursorPlace:
    wait = (row["due_at"] - row["now"]).total_seconds() if row["due_at"] else 0.0
    return CursorPlace(row["cursor"], wait, row["ok_at"], row["failures"])


async def readings(store: Store) -> dict[tuple[str, str], FetchStatus]:
    """Describe every bookmark by (channel, work). Raises ``Unavailable``."""
    held = (cursors.c.held_until >= store.leases.moment()).label("held")
    async with store.database.read() as connection:
        rows = (await connection.execute(select(cursors, held))).mappings().all()
    return {
        (row["channel"], row["work"]): FetchStatus(
            held=bool(row["held"]),
            ok_at=row["ok_at"],
            failures=row["failures"],
            error=row["error"],
            recovered=row["recovered"],
        )
        for row in rows
    }


async def last_heard(store: Store, channel: str) -> datetime | None:
    """Return when the newest message of a channel was taken. Raises ``Unavailable``."""
    query = select(func.max(messages.c.received_at)).where(messages.c.channel == channel)
    async with store.database.read() as connection:
        heard: datetime | None = (await connection.execute(query)).scalar()
    return heard


async def known(
    store: Store, channel: str, keys: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return those (account, external id) that a channel has brought. Raises ``Unavailable``."""
    if not keys:
        return set()
    pair = tuple_(messages.c.account, messages.c.external_id)
    query = select(messages.c.account, messages.c.external_id)
    query = query.where(messages.c.channel == channel, pair.in_(keys))
    async with store.database.read() as connection:
        return {(row[0], row[1]) for row in await connection.execute(query)}
