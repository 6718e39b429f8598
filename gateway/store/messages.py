"""Messages: written once when a channel takes them in, marked when they were routed, then filed.

A repeat (same channel, account and external id) changes nothing. Where it says something else than
the first, it goes into the quarantine instead of nowhere.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.files import FileRepository
from gateway.store.quarantine import QuarantineRepository
from gateway.store.queries import Queries
from gateway.store.queue_table import Outbox
from gateway.store.rows import Accepted, QuarantineItem
from gateway.store.tables import messages
from gateway.wire.queues import REPORTS, QueuedMessage
from normalizer.message import Message
from normalizer.report import Report

_TIME = messages.c.received_at.type
_TAKE = text(
    "INSERT INTO messages "
    "(id, channel, account, external_id, received_at, digest, raw, body, tracking, reporter_ref) "
    "VALUES (:id, :channel, :account, :external_id, :received_at, :digest, :raw, :body, "
    ":tracking, :reporter_ref) "
    "ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=_TIME))
_FILE = (
    update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(report_id=bindparam("belongs_to"))
)
_IDENTITY = (messages.c.channel, messages.c.account, messages.c.external_id)


class MessageRepository:
    """The messages in one transaction."""

    def __init__(
        self,
        connection: AsyncConnection,
        now: Callable[[], datetime],
        files: FileRepository,
        quarantine: QuarantineRepository,
        outbox: Outbox,
    ) -> None:
        self._connection = connection
        self._now = now
        self._files = files
        self._quarantine = quarantine
        self._outbox = outbox
        self._filed: list[dict[str, Any]] = []
        self._lapsed: set[str] = set()

    async def take(self, items: Sequence[Accepted]) -> set[str]:
        """Write messages with their files and events at once; return the ids that were news."""
        await self._connection.execute(_TAKE, [_row(item) for item in items])
        ids = [item.id for item in items]
        stored = select(messages.c.id).where(messages.c.id.in_(ids))
        news = set((await self._connection.execute(stored)).scalars())
        if len(news) < len(ids):
            await self._quarantine_contradictions([i for i in items if i.id not in news])
        new = [item for item in items if item.id in news]
        await self._files.put([file for item in new for file in item.files])
        for item in new:
            self._outbox.put(QueuedMessage(REPORTS, item.id, item.event))
        return news

    async def _quarantine_contradictions(self, repeats: Sequence[Accepted]) -> None:
        wanted = [(item.channel, item.account, item.external_id) for item in repeats]
        query = select(*_IDENTITY, messages.c.digest).where(tuple_(*_IDENTITY).in_(wanted))
        first = {(c, a, e): digest for c, a, e, digest in await self._connection.execute(query)}
        others = [
            _contradiction(item)
            for item in repeats
            if first.get((item.channel, item.account, item.external_id), item.digest) != item.digest
        ]
        if others:
            await self._quarantine.put(others)

    async def claim(self, ids: Sequence[str]) -> tuple[set[str], set[str]]:
        """Mark messages as routed; return those that were news, and those that are not known."""
        take = (
            update(messages)
            .where(messages.c.id.in_(ids), messages.c.routed_at.is_(None))
            .values(routed_at=self._now())
            .returning(messages.c.id)
        )
        news = set((await self._connection.execute(take)).scalars())
        missing = set(ids) - news
        if missing:
            known = select(messages.c.id).where(messages.c.id.in_(missing))
            missing -= set((await self._connection.execute(known)).scalars())
        return news, missing

    def disown(self, report_ids: Iterable[str]) -> None:
        """Note which reports have no owner any more: no message is filed to them."""
        self._lapsed.update(report_ids)

    def file(self, message: Message, report: Report) -> None:
        """File a message to a report; only its own reporter's messages are."""
        if message.reporter.ref == report.reporter.ref and report.id not in self._lapsed:
            self._filed.append({"message": message.id, "belongs_to": report.id})

    async def flush(self) -> None:
        """Write which message belongs to which report."""
        if self._filed:
            await self._connection.execute(_FILE, self._filed)
            self._filed.clear()


class MessageQueries(Queries):
    """Reads of messages."""

    async def same(self, item: Accepted) -> bool:
        """Tell whether the message that was first taken under an id says what this one says."""
        named = tuple_(*_IDENTITY) == (item.channel, item.account, item.external_id)
        digest: str | None = await self._one(select(messages.c.digest).where(named))
        return digest == item.digest

    async def newest_at(self, channel: str) -> datetime | None:
        """Return when the newest message of a channel was taken."""
        query = select(func.max(messages.c.received_at)).where(messages.c.channel == channel)
        newest: datetime | None = await self._one(query)
        return newest

    async def present(self, channel: str, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those (account, external id) that a channel has brought."""
        if not keys:
            return set()
        pair = tuple_(messages.c.account, messages.c.external_id)
        query = select(messages.c.account, messages.c.external_id)
        rows = await self._all(query.where(messages.c.channel == channel, pair.in_(keys)))
        return {(row[0], row[1]) for row in rows}


def _row(item: Accepted) -> dict[str, Any]:
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
