"""Files of messages, as a channel took them in: sealed, each content once, by its SHA-256."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.queries import Queries
from gateway.store.rows import KeptFile, StoredFile
from gateway.store.tables import files
from normalizer.message import Attachment

_PUT = text(
    "INSERT INTO files (sha256, size, content) VALUES (:sha256, :size, :content) "
    "ON CONFLICT DO NOTHING"
)
_MOVE = (
    update(files)
    .where(files.c.sha256 == bindparam("digest"))
    .values(content=b"", became=bindparam("outcome"))
)


class FileRepository:
    """The files in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._moved: list[dict[str, Any]] = []

    async def put(self, stored: Sequence[StoredFile]) -> None:
        """Write files at once; one that is there already stays."""
        rows = [{"sha256": f.sha256, "size": f.size, "content": f.content} for f in stored]
        if rows:
            await self._connection.execute(_PUT, rows)

    async def became(self, digests: Sequence[str]) -> dict[str, Attachment]:
        """Return what files that are kept elsewhere now became, by the hash they came with."""
        if not digests:
            return {}
        query = select(files.c.sha256, files.c.became).where(files.c.sha256.in_(digests))
        rows = await self._connection.execute(query.where(files.c.became.is_not(None)))
        return {row.sha256: Attachment.model_validate_json(row.became) for row in rows}

    def move(self, sha256: str, became: str) -> None:
        """Empty a file that is kept elsewhere now, and note what became of it.

        The row stays: a later message with the same file finds there what it became.
        """
        self._moved.append({"digest": sha256, "outcome": became})

    async def flush(self) -> None:
        """Write what was moved."""
        if self._moved:
            await self._connection.execute(_MOVE, self._moved)
            self._moved.clear()


class FileQueries(Queries):
    """Reads of files."""

    async def get(self, sha256: str) -> KeptFile | None:
        """Return a file as a channel took it in, or what became of it."""
        query = select(files.c.content, files.c.became).where(files.c.sha256 == sha256)
        rows = await self._all(query)
        return KeptFile(bytes(rows[0].content), rows[0].became) if rows else None
