"""Files of messages, as a channel took them in: sealed, each content once, by its SHA-256."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import correlation
from gateway.store.queries import Queries
from gateway.store.queue_table import Outbox
from gateway.store.rows import KeptFile, StoredFile
from gateway.store.tables import files, queue, reports
from gateway.wire.outbound import files_id, files_of
from gateway.wire.queues import MEDIA
from normalizer.message import Attachment
from normalizer.report import Report

_PUT = text(
    "INSERT INTO files (sha256, size, content) VALUES (:sha256, :size, :content) "
    "ON CONFLICT DO NOTHING"
)
_MOVE = (
    update(files)
    .where(files.c.sha256 == bindparam("digest"))
    .values(content=b"", became=bindparam("outcome"))
)
_AT_ONCE = 50
"""Reports that are read at once: each may be long."""


class FileRepository:
    """The files in one transaction."""

    def __init__(
        self, connection: AsyncConnection, now: Callable[[], datetime], outbox: Outbox
    ) -> None:
        self._connection = connection
        self._now = now
        self._outbox = outbox
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

    async def requeue(self, before: datetime, besides: Collection[str], *, most: int) -> list[str]:
        """Have files fetched that wait since before a moment, of reports ``besides`` some.

        Returns the ids of the reports. Doing it twice changes nothing.
        """
        since, id = reports.c.files_since, reports.c.id
        lost = select(id).where(since < before, id.not_in(besides)).order_by(since).limit(most)
        ids = (await self._connection.execute(lost)).scalars().all()
        found: list[str] = []
        for at in range(0, len(ids), _AT_ONCE):
            found += await self._requeue(ids[at : at + _AT_ONCE])
        return found

    async def _requeue(self, ids: Sequence[str]) -> list[str]:
        """Put a queue message for each report, but for those of which one is there or is dead."""
        query = select(reports.c.version, reports.c.body).where(reports.c.id.in_(ids))
        first: dict[str, str] = {}
        names: dict[str, str] = {}
        for version, body in (await self._connection.execute(query)).all():
            report = Report.model_validate_json(body)
            waiting = [message.id for message in report.messages if message.awaits_files]
            if waiting:
                first[report.id] = waiting[0]
            else:
                await self._settle(report.id, version)
            names |= {files_id(report.id, message): report.id for message in waiting}
        there = select(queue.c.message_id).where(queue.c.queue == MEDIA)
        there = there.where(queue.c.message_id.in_(names))
        for name in (await self._connection.execute(there)).scalars():
            first.pop(names[name], None)
        for report_id, message_id in first.items():
            with correlation.message(message_id):
                self._outbox.put(files_of(report_id, message_id, at=self._now()))
        return list(first)

    async def _settle(self, report_id: str, version: int) -> None:
        """Note that no file of a report waits: a process of the version before fetched it."""
        same = (reports.c.id == report_id) & (reports.c.version == version)
        await self._connection.execute(update(reports).where(same).values(files_since=None))

    async def flush(self) -> None:
        """Write what was moved."""
        if self._moved:
            await self._connection.execute(_MOVE, self._moved)
            self._moved.clear()


class FileQueries(Queries):
    """Reads of files."""

    async def count_waiting(self, before: datetime) -> int:
        """Count the reports of which a file waits to be fetched since before a moment."""
        query = select(func.count()).where(reports.c.files_since < before)
        count: int = await self._one(query)
        return count

    async def get(self, sha256: str) -> KeptFile | None:
        """Return a file as a channel took it in, or what became of it."""
        query = select(files.c.content, files.c.became).where(files.c.sha256 == sha256)
        rows = await self._all(query)
        return KeptFile(bytes(rows[0].content), rows[0].became) if rows else None
