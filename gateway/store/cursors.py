"""How far each provider has been read. One process at a time holds a cursor and may move it.

A cursor is moved in the transaction of what was read, and only by a process that still holds it
and saw its last place: a process that lost it writes nothing. All times are the database's own.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database
from gateway.store.leases import LeaseClock
from gateway.store.queries import Queries
from gateway.store.rows import redact
from gateway.store.tables import cursors
from gateway.store.views import FetchStatus

_OPEN = text("INSERT INTO cursors (channel, work) VALUES (:channel, :work) ON CONFLICT DO NOTHING")


class LeaseLost(Exception):
    """Another process reads this provider now; nothing was written."""

    def __str__(self) -> str:
        return "another process reads this provider now"


@dataclass(frozen=True, slots=True)
class CursorPlace:
    """Where a cursor stands."""

    cursor: str
    wait: float
    """Seconds until the next look is due; 0 or less means now."""
    ok_at: datetime | None
    """When the last look succeeded."""
    failures: int
    """Looks that failed since then."""


@dataclass(frozen=True, slots=True)
class CursorMove:
    """From where to where a holder moves a cursor; ``Cursor.step`` makes it."""

    channel: str
    work: str
    holder: str
    before: str
    after: str
    pause: float
    """Seconds until the next look is due."""
    recovered: bool
    """An outage had kept from us what is written with it."""


class CursorRepository:
    """The cursors in one transaction."""

    def __init__(self, connection: AsyncConnection, leases: LeaseClock) -> None:
        self._connection = connection
        self._leases = leases

    async def move(self, move: CursorMove, news: int = 0) -> None:
        """Move a cursor at once; ``news`` messages came with it. Raises ``LeaseLost``."""
        mine = _row(move.channel, move.work) & (cursors.c.holder == move.holder)
        change = update(cursors).where(mine, cursors.c.cursor == move.before)
        change = change.values(
            cursor=move.after,
            ok_at=self._leases.moment(),
            due_at=self._leases.moment(move.pause),
            failures=0,
            recovered=cursors.c.recovered + (news if move.recovered else 0),
        )
        if (await self._connection.execute(change)).rowcount != 1:
            raise LeaseLost


class CursorQueries(Queries):
    """Reads of cursors, and the cursors one by one."""

    def __init__(self, database: Database, leases: LeaseClock) -> None:
        super().__init__(database)
        self.leases = leases

    def of(self, channel: str, work: str, *, holder: str) -> "Cursor":
        """Return one provider's cursor, as ``holder`` (a process) sees it."""
        return Cursor(self._database, self, channel, work, holder=holder)

    async def status(self) -> dict[tuple[str, str], FetchStatus]:
        """Describe every cursor by (channel, work)."""
        held = (cursors.c.held_until >= self.leases.moment()).label("held")
        return {
            (row["channel"], row["work"]): FetchStatus(
                held=bool(row["held"]),
                ok_at=row["ok_at"],
                failures=row["failures"],
                error=row["error"],
                recovered=row["recovered"],
            )
            for row in await self._rows(select(cursors, held))
        }


class Cursor:
    """One provider's cursor, as ``holder`` (a process) sees it. All calls raise ``Unavailable``."""

    def __init__(
        self, database: Database, queries: CursorQueries, channel: str, work: str, *, holder: str
    ) -> None:
        self._database = database
        self._queries = queries
        self._key = {"channel": channel, "work": work}
        self._holder = holder
        self._row = _row(channel, work)
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
        async with self._database.write() as connection:
            await connection.execute(_OPEN, self._key)
            row = (await connection.execute(take)).mappings().first()
        return _place(row) if row else None

    async def peek(self) -> CursorPlace:
        """Look where it stands without holding it."""
        query = select(cursors, self._moment().label("now")).where(self._row)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _place(row) if row else CursorPlace("", 0.0, None, 0)

    def step(
        self, place: CursorPlace, after: str, *, pause: float, recovered: bool = False
    ) -> CursorMove:
        """Say how it moves on from a place, for the transaction of what was read."""
        return CursorMove(
            self._key["channel"],
            self._key["work"],
            self._holder,
            before=place.cursor,
            after=after,
            pause=pause,
            recovered=recovered,
        )

    async def move(self, place: CursorPlace, after: str, *, pause: float) -> None:
        """Move it on where nothing is written with it. Raises ``LeaseLost``."""
        async with self._database.write() as connection:
            repository = CursorRepository(connection, self._queries.leases)
            await repository.move(self.step(place, after, pause=pause))

    async def recovered(self, count: int) -> None:
        """Count messages that an outage had kept from us; needs no holding."""
        change = update(cursors).where(self._row)
        change = change.values(recovered=cursors.c.recovered + count)
        async with self._database.write() as connection:
            await connection.execute(_OPEN, self._key)
            await connection.execute(change)

    async def failed(self, error: str, *, pause: float) -> None:
        """Note that a look failed, and when the next one is due."""
        change = update(cursors).where(self._mine)
        change = change.values(
            failures=cursors.c.failures + 1,
            failed_at=self._moment(),
            error=redact(error, 500),
            due_at=self._moment(pause),
        )
        async with self._database.write() as connection:
            await connection.execute(change)

    def _moment(self, after: float = 0.0) -> ColumnElement[datetime]:
        return self._queries.leases.moment(after)

    async def release(self) -> None:
        """Let another process take it at once."""
        change = update(cursors).where(self._mine).values(holder="", held_until=None)
        async with self._database.write() as connection:
            await connection.execute(change)


def _row(channel: str, work: str) -> ColumnElement[bool]:
    return (cursors.c.channel == channel) & (cursors.c.work == work)


def _place(row: RowMapping) -> CursorPlace:
    wait = (row["due_at"] - row["now"]).total_seconds() if row["due_at"] else 0.0
    return CursorPlace(row["cursor"], wait, row["ok_at"], row["failures"])
