"""The whole database as plain rows: what a backup holds of it, and what a restore puts back.

Both kinds of database give and take the same rows, at any revision of the tables: which columns
there are is asked of the database, so that a new table needs nothing here.

NotEmpty         there are tables already where a copy is to be put
"""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    String,
    TableClause,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    table,
)
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from gateway.store.agency_queues import LEFT
from gateway.store.engine import NotMigrated
from gateway.store.migrate import alone, revision_of, upgrade_to
from gateway.store.notifications import NotificationRepository
from gateway.store.search import SEARCH
from gateway.store.tables import UTCDateTime, agency_queues, cursors

ColumnKind = Literal["text", "integer", "float", "boolean", "time", "bytes"]
Row = Sequence[Any]

LONGEST_COPY = 24 * 3600.0
"""Seconds that a copy of the whole database may take."""
LEFT_OUT = {"alembic_version", "sessions"}
"""The revision is told apart, and a backup logs no operator in."""
REBUILT = "report_search"
"""How the names of tables begin that are made of others, again after a restore."""
_UNSEALED = {"queue"}
"""Tables whose bytes are not sealed."""
_MANY, _FEW = 200, 10
"""Rows read at a time; few where one may be a mail of ten megabytes."""
_TYPES: dict[ColumnKind, TypeEngine[Any]] = {
    "boolean": Boolean(),
    "bytes": LargeBinary(),
    "float": Float(),
    "integer": BigInteger(),
    "text": String(),
    "time": UTCDateTime(),
}
_KINDS: tuple[tuple[type[TypeEngine[Any]], ColumnKind], ...] = (
    (Boolean, "boolean"),
    (LargeBinary, "bytes"),
    (DateTime, "time"),
    (Float, "float"),
    (Integer, "integer"),
    (String, "text"),
)
_WRITE: Mapping[ColumnKind, Callable[[Any], Any]] = {
    "bytes": lambda value: b64encode(value).decode(),
    "time": datetime.isoformat,
}
_READ: Mapping[ColumnKind, Callable[[Any], Any]] = {
    "bytes": lambda value: b64decode(value, validate=True),
    "time": datetime.fromisoformat,
}
"""How values that JSON does not know are written there, and read."""


class NotEmpty(Exception):
    """There are tables already where a copy is to be put."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table's name, and its columns in the order of its rows' values."""

    name: str
    columns: tuple[tuple[str, ColumnKind], ...]

    def clause(self) -> TableClause:
        """Return the table as statements name it."""
        return table(self.name, *(column(name, _TYPES[kind]) for name, kind in self.columns))


class Snapshot:
    """A database at one moment. ``Store.snapshot`` makes it."""

    def __init__(
        self, connection: AsyncConnection, revision: str, tables: Sequence[TableShape]
    ) -> None:
        self._connection = connection
        self.backend: Literal["sqlite", "postgresql"] = (
            "sqlite" if connection.dialect.name == "sqlite" else "postgresql"
        )
        self.revision = revision
        self.tables = tables
        """Every table, those that others point to first."""
        self.key_names: set[bytes] = set()
        """The names of the keys by which what was read until now is sealed."""

    @classmethod
    async def of(cls, connection: AsyncConnection) -> "Snapshot":
        """Take a snapshot within a transaction. Raises ``NotMigrated``."""
        revision = await connection.run_sync(revision_of)
        if not revision:
            raise NotMigrated("the tables are not there yet: kanal migrate")
        return cls(connection, revision, await connection.run_sync(_shapes))

    async def rows(self, shape: TableShape) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows of a table as JSON can write them, some at a time."""
        kinds = [kind for _, kind in shape.columns]
        options = {"yield_per": _FEW if "bytes" in kinds else _MANY}
        query = select(*shape.clause().columns)
        found = await self._connection.stream(query, execution_options=options)
        async for part in found.partitions():
            if shape.name not in _UNSEALED:
                self._note_keys(kinds, part)
            yield [[_plain(*each) for each in zip(kinds, row, strict=True)] for row in part]

    async def agencies_by_queue(self) -> set[str]:
        """Return the agencies whose queue is not left; none where the tables are older than it."""
        if agency_queues.name not in {shape.name for shape in self.tables}:
            return set()
        query = select(agency_queues.c.agency_id).where(agency_queues.c.state != LEFT)
        return set((await self._connection.execute(query)).scalars())

    def _note_keys(self, kinds: Sequence[ColumnKind], rows: Sequence[Row]) -> None:
        sealed = [at for at, kind in enumerate(kinds) if kind == "bytes"]
        self.key_names.update(row[at][:1] for row in rows for at in sealed if row[at])


class Filling:
    """A database that is filled, in one transaction. ``Store.filling`` makes it."""

    def __init__(self, connection: AsyncConnection, notifications: NotificationRepository) -> None:
        self._connection = connection
        self._notifications = notifications

    @classmethod
    async def begin(
        cls, connection: AsyncConnection, revision: str, notifications: NotificationRepository
    ) -> "Filling":
        """Make the tables as they were at a revision. Raises ``NotEmpty``."""
        await alone(connection)
        if await connection.run_sync(lambda c: inspect(c).get_table_names()):
            raise NotEmpty
        await connection.run_sync(upgrade_to, revision)
        return cls(connection, notifications)

    async def put(self, shape: TableShape, rows: Sequence[Row]) -> None:
        """Add rows as ``Snapshot.rows`` gave them. Raises ``ValueError`` where they are not so."""
        kinds = [kind for _, kind in shape.columns]
        names = [name for name, _ in shape.columns]
        values = [[_value(*each) for each in zip(kinds, row, strict=True)] for row in rows]
        new = [dict(zip(names, row, strict=True)) for row in values]
        if not new:
            return
        try:
            await self._connection.execute(insert(shape.clause()), new)
        except (DataError, IntegrityError) as error:
            raise ValueError(type(error.orig).__name__) from None

    async def count_on(self, shape: TableShape) -> None:
        """Let the table number its next row after those that were put."""
        if self._connection.dialect.name != "sqlite" and ("id", "integer") in shape.columns:
            clause = shape.clause()
            last = select(func.max(clause.c.id)).scalar_subquery()
            counter = func.pg_get_serial_sequence(shape.name, "id")
            has = counter.is_not(None) & last.is_not(None)
            await self._connection.execute(select(func.setval(counter, last)).where(has))

    async def finish(self, hold: str) -> None:
        """Bring the tables to this version; note of texts that waited that they may have left.

        With ``hold``, which says why, each of those is given up until a person decides.
        """
        await self._connection.run_sync(upgrade_to)
        await self._connection.execute(delete(cursors).where(cursors.c.work == SEARCH))
        if hold:
            await self._notifications.give_up_waiting(hold)
        else:
            await self._notifications.doubt_waiting()


async def row_counts(connection: AsyncConnection, names: Sequence[str]) -> dict[str, int] | None:
    """Count the rows of those of some tables that there are; None where there is no table."""
    there = await connection.run_sync(lambda c: inspect(c).get_table_names())
    counts = {}
    for name in set(names) & set(there):
        query = select(func.count()).select_from(table(name))
        counts[name] = (await connection.execute(query)).scalar_one()
    return counts if there else None


def _shapes(connection: Connection) -> list[TableShape]:
    about = inspect(connection)
    names = [name for name, _ in about.get_sorted_table_and_fkc_names() if name]
    return [
        TableShape(name, tuple((c["name"], _kind(c["type"])) for c in about.get_columns(name)))
        for name in names
        if name not in LEFT_OUT and not name.startswith(REBUILT)
    ]


def _kind(of: TypeEngine[Any]) -> ColumnKind:
    return next(kind for type_, kind in _KINDS if isinstance(of, type_))


def _plain(kind: ColumnKind, value: Any) -> Any:
    return _WRITE[kind](value) if value is not None and kind in _WRITE else value


def _value(kind: ColumnKind, value: Any) -> Any:
    return _READ[kind](value) if value is not None and kind in _READ else value
