"""What all reads have in common that open a transaction of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, or_

from gateway.store.engine import Database


@dataclass(frozen=True, slots=True)
class PageEnd:
    """The last row of a page of a list, newest first; the next page begins behind it."""

    at: datetime
    id: str
    group: int = 0
    """Lists may be in parts, one after the other."""

    @classmethod
    def read(cls, written: str) -> "PageEnd | None":
        """Read what ``str`` wrote; None where it is nothing of the kind."""
        group, at, id = (*written.split("~", 2), "", "")[:3]
        try:
            moment = datetime.fromisoformat(at).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        is_id = id.replace("-", "").isalnum() and id.isascii() and len(id) <= 36
        return cls(moment, id, int(group)) if is_id and group in ("0", "1") else None

    def __str__(self) -> str:
        return f"{self.group}~{self.at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z~{self.id}"

    def is_before(
        self, at: ColumnElement[datetime], id: ColumnElement[Any], key: object
    ) -> ColumnElement[bool]:
        """Return the condition that a row of the same group comes behind it."""
        return or_(at < self.at, and_(at == self.at, id < key))


class Queries:
    """Reads of one thing; none of them changes anything. Every method raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _all(self, query: Select[Any]) -> Sequence[Any]:
        async with self._database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with self._database.read() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows

    async def _one(self, query: Select[Any]) -> Any:
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar()
