"""Due rows: moments that wait, by the case clock. One row for each kind and each thing.

A row is written in the transaction of what makes it wait, and goes in the transaction of what is
done when it comes due: a process that is killed in between leaves it, and it is done again. Each
writing gives it a new token, so that a row that was moved meanwhile is not settled.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, RowMapping, bindparam, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.queries import Queries
from gateway.store.rows import redact
from gateway.store.tables import due

SEGMENTS = "segments"
"""Parts of a longer text message: they are put together, the missing ones marked."""
ALERT = "alert"
"""Danger to life: the next post on duty is told."""
QUESTION = "question"
"""Our question to a reporter: it was not answered, and an operator decides."""
RECEIPT = "receipt"
"""A receipt in the quarantine: the message that it is about is looked for again."""
KINDS = (SEGMENTS, ALERT, QUESTION, RECEIPT)

_MOMENT = due.c.due_at.type
_PUT = text(
    "INSERT INTO due (kind, key, due_at, data, token, failures, error) "
    "VALUES (:kind, :key, :due_at, :data, :token, 0, '') "
    "ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data, token = excluded.token, "
    "failures = 0, error = '', due_at = CASE WHEN :sooner AND due.due_at < excluded.due_at "
    "THEN due.due_at ELSE excluded.due_at END"
).bindparams(bindparam("due_at", type_=_MOMENT), bindparam("sooner", type_=Boolean()))
_CLEAR = delete(due).where(due.c.kind == bindparam("of"), due.c.key == bindparam("about"))


@dataclass(frozen=True, slots=True)
class DueRow:
    """One moment that waits. ``key`` says what it is about, ``data`` is the kind's own."""

    kind: str
    key: str
    due_at: datetime
    data: str
    token: str
    failures: int
    """How often doing it failed since it was written."""


@dataclass(frozen=True, slots=True)
class DueCount:
    """How many rows of a kind fail, and how many wait since before a moment."""

    failing: int
    late: int


class DueRepository:
    """The due rows in one transaction; ``put`` and ``clear`` go out with ``flush``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._put: dict[tuple[str, str], dict[str, Any] | None] = {}
        self.soonest = datetime.max.replace(tzinfo=UTC)
        """The earliest moment that was put here."""

    def put(
        self, kind: str, key: str, at: datetime, data: str = "", *, sooner: bool = False
    ) -> None:
        """Let something wait until ``at``; what waited under the same key is replaced.

        ``sooner`` keeps the moment that waits already, where that is earlier.
        """
        row = {"kind": kind, "key": key, "due_at": at, "data": data, "token": _token()}
        self._put[kind, key] = row | {"sooner": sooner}
        self.soonest = min(self.soonest, at)

    def clear(self, kind: str, key: str) -> None:
        """Let something wait no longer."""
        self._put[kind, key] = None

    async def settle(self, row: DueRow, again: datetime | None = None) -> bool:
        """Take a row away, or move it to ``again``; False if it was moved or taken before."""
        mine = (due.c.kind == row.kind) & (due.c.key == row.key) & (due.c.token == row.token)
        change: Any = delete(due).where(mine)
        if again:
            fresh = {"due_at": again, "token": _token(), "failures": 0, "error": ""}
            change = update(due).where(mine).values(**fresh)
        return (await self._connection.execute(change)).rowcount == 1

    async def postpone(self, row: DueRow, until: datetime, error: str) -> None:
        """Note that doing it failed, and when it is tried again."""
        mine = (due.c.kind == row.kind) & (due.c.key == row.key) & (due.c.token == row.token)
        change = update(due).where(mine).values(
            due_at=until, failures=row.failures + 1, error=redact(error, 500)
        )  # fmt: skip
        await self._connection.execute(change)

    async def flush(self) -> None:
        """Write what was collected, in one order everywhere: so no deadlock is possible."""
        rows = sorted(self._put.items())
        if gone := [{"of": kind, "about": key} for (kind, key), row in rows if row is None]:
            await self._connection.execute(_CLEAR, gone)
        if kept := [row for _, row in rows if row is not None]:
            await self._connection.execute(_PUT, kept)
        self._put.clear()


class DueQueries(Queries):
    """Reads of due rows."""

    async def rows(self, kind: str, at: datetime, most: int) -> list[DueRow]:
        """Read what is due at a moment, the oldest first."""
        chosen = select(due).where(due.c.kind == kind, due.c.due_at <= at)
        rows = await self._rows(chosen.order_by(due.c.due_at, due.c.key).limit(most))
        return [_row(row) for row in rows]

    async def counts(self, since: datetime) -> dict[str, DueCount]:
        """Count by kind what fails, and what is due since before a moment."""
        failing, late = due.c.failures > 0, due.c.due_at < since
        counted = func.count().filter(failing), func.count().filter(late & ~failing)
        query = select(due.c.kind, *counted).where(failing | late).group_by(due.c.kind)
        return {kind: DueCount(*counts) for kind, *counts in await self._all(query)}


def _row(row: RowMapping) -> DueRow:
    return DueRow(**{name: row[name] for name in DueRow.__dataclass_fields__})


def _token() -> str:
    return secrets.token_hex(8)
