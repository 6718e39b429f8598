"""What a queue is to Kanal: publish with confirmation, take, then ack, retry or bury.

Both brokers keep the same promises: a published message is durable when ``publish`` says so, a
taken message comes back unless it is acked, retried or buried, and a message that keeps failing
ends among the dead letters. Every message may come twice; its consumer must not mind.

    BrokerError
    └── Unavailable         the broker did not answer; nothing was lost, try again
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.wire.queues import (
    DELIVERIES,
    MEDIA,
    NOTIFICATIONS,
    REPORTS,
    WORK,
    DeadLetter,
    LeasedMessage,
    QueuedMessage,
    QueueTable,
    agency_queue,
)


class Later(Exception):
    """This message's turn has not come; bring it back soon without counting an attempt."""


class BrokerError(Exception):
    """The broker could not do what was asked."""


class BrokerUnavailable(BrokerError):
    """The broker did not answer; nothing was lost, try again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message was not published.

    ``final``: the message is at fault or has nowhere to go, which counts as a failed attempt;
    otherwise the broker was, and the message waits as long as that takes.
    """

    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message taken from a queue, and how many attempts at it have failed before."""

    message: QueuedMessage
    attempts: int
    receipt: object
    """What the broker needs to settle it; means nothing to anyone else."""


@dataclass(frozen=True, slots=True)
class QueueUse:
    """What a queue holds that waits, and how many consumers read it."""

    messages: int
    consumers: int


class Subscription(ABC):
    """One consumer of one queue."""

    @abstractmethod
    async def take(self, most: int) -> list[ReceivedMessage]:
        """Wait for at least one message and return up to ``most``, oldest first."""

    @abstractmethod
    async def ack(self, items: Sequence[ReceivedMessage]) -> None:
        """Settle messages whose work is durable."""

    @abstractmethod
    async def retry(
        self, item: ReceivedMessage, *, delay: float, error: str, counted: bool = True
    ) -> None:
        """Bring the message back after about ``delay`` seconds, with one more attempt counted."""

    @abstractmethod
    async def bury(self, item: ReceivedMessage, *, error: str) -> None:
        """Move the message to the dead letters."""

    @abstractmethod
    async def release(self, items: Sequence[ReceivedMessage]) -> None:
        """Give messages back untouched, for anyone to take."""

    @abstractmethod
    async def close(self) -> None:
        """Stop taking; what is taken and unsettled comes back to the queue."""


class Broker(ABC):
    """A message broker."""

    outbox_is_queue: bool = False
    """True when the store's outbox table is itself the queue, so that nothing is relayed."""

    @abstractmethod
    async def start(self) -> None:
        """Connect and declare the topology. Raises ``BrokerUnavailable``."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""

    @abstractmethod
    async def publish(self, messages: Sequence[QueuedMessage]) -> dict[str, Refusal]:
        """Publish all, pipelined, and wait until each is durable or failed.

        Returns what was refused, by message id: an empty dict says all are durable. Raises
        ``BrokerUnavailable`` when the broker is away.
        """

    @abstractmethod
    async def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume a queue, holding at most ``prefetch`` unsettled messages."""

    @abstractmethod
    async def dead_letters(self, queue: str, *, prefetch: int) -> Subscription | None:
        """Consume the dead letters of a work queue; None where the store holds them already."""

    @abstractmethod
    async def declare(self, queue: str) -> None:
        """Declare an agency's queue where there is none. Raises ``BrokerUnavailable``."""

    @abstractmethod
    async def use(self, queue: str) -> QueueUse | None:
        """Look at a queue; None where there is none. Raises ``BrokerUnavailable``."""

    @abstractmethod
    async def remove(self, queue: str) -> bool:
        """Remove a queue; False where it holds something, or is read.

        Raises ``BrokerUnavailable``.
        """

    @abstractmethod
    async def depths(self) -> dict[str, int]:
        """Count the messages that wait, by queue (work queues, retry rungs, agencies, dead)."""

    @abstractmethod
    async def ping(self) -> None:
        """Return when the broker answers. Raises ``BrokerUnavailable``."""


__all__ = [
    "DELIVERIES",
    "MEDIA",
    "NOTIFICATIONS",
    "REPORTS",
    "WORK",
    "Broker",
    "BrokerError",
    "BrokerUnavailable",
    "DeadLetter",
    "Later",
    "LeasedMessage",
    "QueueTable",
    "QueuedMessage",
    "ReceivedMessage",
    "Refusal",
    "Subscription",
    "agency_queue",
]
