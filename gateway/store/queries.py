"""What all reads have in common that open a transaction of their own."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select

from gateway.store.engine import Database


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
