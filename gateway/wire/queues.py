"""Messages, the queues they go on, and the table that holds them: shared by store and broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.platform import correlation

REPORTS = "reports"
DELIVERIES = "deliveries"
NOTIFICATIONS = "notifications"
MEDIA = "media"
WORK = (REPORTS, DELIVERIES, NOTIFICATIONS, MEDIA)
"""The queues Kanal itself works on; each has retry rungs and dead letters."""


def agency_queue(agency_id: str) -> str:
    """Return the name of the queue from which an agency fetches its reports."""
    return f"agency.{agency_id}"


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message for a queue. ``id`` is the same at every attempt to publish it."""

    queue: str
    id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=correlation.headers)

    @property
    def correlation(self) -> str:
        """The message of a citizen that it comes from; itself where it says none."""
        return self.headers.get(correlation.HEADER, self.id)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that failed for good, and why."""

    message: QueuedMessage
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class LeasedMessage:
    """A row of the queue table, taken under a lease whose token fences off late settlers.

    ``row`` is None where the process that wrote it has it in memory.
    """

    row: int | None
    lease: str
    message: QueuedMessage
    attempts: int


class QueueTable(Protocol):
    """The table behind the outbox and the embedded broker; the store provides it."""

    async def put(self, messages: Sequence[QueuedMessage]) -> None:
        """Add messages in a transaction of their own; a known (queue, id) changes nothing."""

    async def claim(self, queue: str, most: int, *, lease: float) -> list[LeasedMessage]:
        """Lease up to ``most`` visible messages, oldest first, for ``lease`` seconds."""

    async def settle(self, leased: Sequence[LeasedMessage]) -> int:
        """Delete messages whose lease still holds; return how many did."""

    async def postpone(
        self, leased: Sequence[LeasedMessage], *, delay: float, error: str, counted: bool = True
    ) -> None:
        """Hide a message for ``delay`` seconds and count one more attempt, or not."""

    async def bury(self, leased: LeasedMessage, *, error: str) -> None:
        """Mark a message dead."""

    async def release(self, leased: Sequence[LeasedMessage]) -> None:
        """Make leased messages visible again at once."""

    async def depths(self) -> dict[str, int]:
        """Count ready and leased messages by queue; dead ones count under ``QUEUE.dead``."""

    async def count(self, name: str) -> int:
        """Count the ready and leased messages of one queue."""

    async def changed(self, at_most: float) -> None:
        """Return when something was put in this process, or after ``at_most`` seconds."""
