"""What the doors have under way, and whether there is room for one more.

A message counts from the moment it is whole at its door until it is durable or refused. A door
refuses when what is under way would take too long at the pace at which messages are settled now,
when nothing of its channel was settled for far too long, or when bodies take too much memory. It
asks before it reads a body, so that a refusal costs next to nothing and what was let in still
arrives. While the intake is behind or its memory full, a channel that has no more than its share is
let in: one that floods the intake keeps out no other.
"""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import structlog

from gateway.platform import metrics
from gateway.platform.clock import wall

log = structlog.get_logger(__name__)

FEW = 20
"""Messages under way of which one commit makes short work: nothing is refused for them."""
BLIND = 400
"""Messages under way that are let in while it is not known how fast they go: two commits."""
WINDOW = 0.5
"""Seconds with more than a few under way, before which no pace is known."""

REASONS = MappingProxyType(
    {
        "slow": "what waits would take too long",
        "stalled": "nothing of what waits has moved for too long",
        "memory": "what waits takes too much memory",
    }
)
"""Why a door refuses, as metrics name it and as health says it."""
SHARE = "slow"
"""The reason that holds for one channel alone: it has more than its share under way."""


class NotDurable(Exception):
    """Neither the database nor the spool took the item; the provider must try again later."""


class Overload(NotDurable):
    """More comes than becomes durable in time; nothing of this message was kept."""


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """When the doors refuse.

    ``wait`` is what a message may have to wait, in seconds; ``patience`` what is added to that
    before a channel counts as stalled, which is what the database has to answer in; ``bytes`` is
    what the bodies under way may take; a body of up to ``small`` bytes is always let in.
    """

    wait: float = 3.0
    patience: float = 5.0
    bytes: int = 256 * 2**20
    small: int = 64 * 2**10


@dataclass(frozen=True, slots=True)
class ShedState:
    """Why a channel is refused, and since when."""

    reason: str
    since: datetime


class Visit:
    """One message at a door."""

    def __init__(self, load: "IntakeLoad", channel: str) -> None:
        self.bytes = 0
        self._load = load
        self._channel = channel

    def grow(self, count: int) -> None:
        """Count bytes of its body. Raises ``Overload`` when there is no memory for them."""
        self._load.grow(self, self._channel, count)

    def wait(self) -> None:
        """Note that the message is whole and waits for us. Raises ``Overload``."""
        self._load.admit(self._channel, self.bytes)
        self._load.begin(self, self._channel)


class IntakeLoad:
    """Counts what one process has under way at its doors."""

    def __init__(
        self, limits: LoadLimits | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits or LoadLimits()
        self._now = now
        self._bytes = 0
        self._held = Counter[str]()
        """By channel: the bytes of its bodies."""
        self._waiting: dict[str, dict[Visit, float]] = {}
        """By channel, oldest first: since when they wait."""
        self._moved: dict[str, float] = {}
        """By channel with some under way: when one was settled, or the first came."""
        self._count = 0
        self._settled: deque[float] = deque()
        """When messages were settled, lately and while more than a few were under way."""
        self._since = 0.0
        self._behind = False
        self._refused: dict[str, ShedState] = {}

    @contextmanager
    def visit(self, channel: str, *, early: bool = True) -> Iterator[Visit]:
        """Let a message in until it is durable or refused. Raises ``Overload``.

        ``early``: also before its body was read; a person gets back what they typed.
        """
        if early:
            self.admit(channel)
        visit = Visit(self, channel)
        try:
            yield visit
        finally:
            self._count_bytes(channel, -visit.bytes)
            self._end(visit, channel)

    def admit(self, channel: str, own: int = 0) -> None:
        """Return when there is room for a message of a channel. Raises ``Overload``.

        ``own`` are the bytes that it has brought already.
        """
        if reason := self._reason(channel) or self._full(channel, own):
            self._refuse(channel, reason)
        if channel in self._refused:
            log.info("messages are taken again", channel=channel)
            del self._refused[channel]

    def shed(self) -> dict[str, ShedState]:
        """Return the channels that are refused now."""
        for channel in list(self._refused):
            if not (self._reason(channel) or self._is_full(channel)):
                del self._refused[channel]
        return dict(self._refused)

    def restart(self) -> None:
        """Forget the pace: what stood still will go on at another one."""
        self._settled.clear()
        self._since = self._now()

    def grow(self, visit: Visit, channel: str, count: int) -> None:
        """Count bytes of a body. Raises ``Overload`` when there is no memory for them."""
        self._count_bytes(channel, count)
        visit.bytes += count
        alone = self._bytes == visit.bytes
        if not alone and (reason := self._full(channel, visit.bytes)):
            self._refuse(channel, reason)

    def _count_bytes(self, channel: str, count: int) -> None:
        self._bytes += count
        self._held[channel] += count
        if not self._held[channel]:
            del self._held[channel]

    def _full(self, channel: str, own: int) -> str:
        """Return the reason against a body of so many bytes, which are counted."""
        return "memory" if own > self._limits.small and self._is_full(channel, own) else ""

    def _is_full(self, channel: str, own: int = 0) -> bool:
        """Tell whether others' bodies take all memory, and its channel's more than a share."""
        among = len(self._held) + (channel not in self._held)
        most = self._limits.bytes
        return self._bytes - own >= most and self._held[channel] * among >= most

    def begin(self, visit: Visit, channel: str) -> None:
        """Count a message that is whole."""
        self._waiting.setdefault(channel, {})[visit] = self._now()
        self._moved.setdefault(channel, self._now())
        self._count += 1
        metrics.UNDER_WAY.inc()
        if self._count == FEW:
            self.restart()

    def _end(self, visit: Visit, channel: str) -> None:
        waiting = self._waiting.get(channel, {})
        if waiting.pop(visit, None) is None:
            return
        self._moved[channel] = self._now()
        if not waiting:
            del self._waiting[channel], self._moved[channel]
        self._count -= 1
        metrics.UNDER_WAY.dec()
        if self._count >= FEW:
            self._settled.append(self._now())

    def _reason(self, channel: str) -> str:
        own = self._waiting.get(channel, {})
        if self._now() - self._moved.get(channel, math.inf) > self._longest:
            return "stalled"
        among = len(self._waiting) + (not own)
        return "slow" if self._is_behind() and len(own) * among >= self._count else ""

    @property
    def _longest(self) -> float:
        return self._limits.wait + self._limits.patience

    def _is_behind(self) -> bool:
        """Tell whether what is under way takes too long; once so, until it takes half of that."""
        part = 2 if self._behind else 1
        pace, most = self._pace(), self._limits.wait / part
        if self._count < FEW:
            self._behind = False
        elif pace is None:
            self._behind = self._count >= BLIND / part
        else:
            oldest = min(next(iter(each.values())) for each in self._waiting.values())
            late = self._now() - oldest >= most / 2
            self._behind = late and self._count > most * pace
        return self._behind

    def _pace(self) -> float | None:
        """Return how many messages a second are settled; None while that is not known.

        It is taken over as long as a commit may last: a group is settled at once, and then none.
        """
        begun = max(self._since, self._now() - self._longest)
        while self._settled and self._settled[0] < begun:
            self._settled.popleft()
        passed = self._now() - begun
        return len(self._settled) / passed if self._settled and passed >= WINDOW else None

    def _refuse(self, channel: str, reason: str) -> None:
        known = self._refused.get(channel)
        if known is None:
            log.warning("messages are refused", channel=channel, error=REASONS[reason])
        self._refused[channel] = ShedState(reason, known.since if known else wall())
        metrics.SHED.labels(channel, reason).inc()
        raise Overload(REASONS[reason])
