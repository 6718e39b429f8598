"""Messages: written once when a channel takes them in, marked when they were routed, then filed.

A repeat (same channel, account and external id) changes nothing. Where it says something else than
the first, it goes into the quarantine instead of nowhere.
"""

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import correlation
from gateway.store.files import FileRepository
from gateway.store.quarantine import QuarantineRepository
from gateway.store.queries import Queries
from gateway.store.queue_table import Outbox
from gateway.store.rows import AcceptedItem, QuarantineItem
from gateway.store.tables import messages, queue
from gateway.wire import events
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


_EVENT = ("id", "body", "received_at", "tracking")
"""What the event of a message is composed of."""
_LATELY = 200
"""Messages that were routed last, of which the newest is looked for."""
_SETTLED = timedelta(minutes=2)
"""A message that is not routed while one that came so much later was, is on no queue any more."""


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

    async def take(self, items: Sequence[AcceptedItem]) -> set[str]:
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

    async def _quarantine_contradictions(self, repeats: Sequence[AcceptedItem]) -> None:
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

    async def requeue(
        self, before: datetime, besides: Collection[str], *, idle: bool, most: int
    ) -> list[str]:
        """Put messages on their queue again, ``besides`` some, that came before a moment.

        ``idle`` says that the queue is empty; else only those are put that were overtaken by later
        ones. Returns their ids. Doing it twice changes nothing.
        """
        routed = select(messages.c.received_at).where(messages.c.routed_at.is_not(None))
        lately = routed.order_by(messages.c.routed_at.desc()).limit(_LATELY).subquery()
        query = select(func.max(lately.c.received_at))
        newest = (await self._connection.execute(query)).scalar()
        if not idle:
            before = min(before, newest - _SETTLED) if newest else datetime.min.replace(tzinfo=UTC)
        on_queue = exists().where(queue.c.queue == REPORTS, queue.c.message_id == messages.c.id)
        # Not the raw mails: five hundred of them would not fit into memory.
        lost = select(*(messages.c[each] for each in _EVENT)).where(
            messages.c.routed_at.is_(None),
            messages.c.received_at < before,
            messages.c.id.not_in(besides),
            ~on_queue,
        )
        lost = lost.order_by(messages.c.received_at).limit(most)
        rows = (await self._connection.execute(lost)).mappings().all()
        for row in rows:
            event = events.compose(
                events.RECEIVED,
                row["id"],
                row["body"],
                at=row["received_at"],
                subject=row["tracking"],
            )
            with correlation.message(row["id"]):
                self._outbox.put(QueuedMessage(REPORTS, row["id"], event))
        return [row["id"] for row in rows]

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

    async def same(self, item: AcceptedItem) -> bool:
        """Tell whether the message that was first taken under an id says what this one says."""
        named = tuple_(*_IDENTITY) == (item.channel, item.account, item.external_id)
        digest: str | None = await self._one(select(messages.c.digest).where(named))
        return digest == item.digest

    async def count_unrouted(self, before: datetime) -> int:
        """Count what was taken in before a moment, is not routed, and is no dead letter."""
        letters = (queue.c.queue == REPORTS) & (queue.c.state == "dead")
        is_dead = exists().where(letters, queue.c.message_id == messages.c.id)
        query = select(func.count()).select_from(messages)
        query = query.where(messages.c.routed_at.is_(None), messages.c.received_at < before)
        count: int = await self._one(query.where(~is_dead))
        return count

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


def _row(item: AcceptedItem) -> dict[str, Any]:
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


def _contradiction(item: AcceptedItem) -> QuarantineItem:
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
