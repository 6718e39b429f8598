"""What the doors have under way, and whether there is room for one more.

A message counts from the moment it is whole at its door until it is durable or refused. A door
refuses when what is under way would take too long at the pace at which messages are settled now,
when the oldest of its channel has waited far too long, or when bodies take too much memory. It asks
before it reads a body, so that a refusal costs next to nothing and what was let in still arrives.
While the intake is behind, a channel that has no more than its share under way is let in: one that
floods the intake keeps out no other.
"""

import time
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
WINDOW = 0.5
"""Seconds over which the pace is taken, while more than a few are under way."""

REASONS = MappingProxyType(
    {
        "slow": "what waits would take too long",
        "stalled": "what waits has waited too long",
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
    what the bodies under way may take.
    """

    wait: float = 3.0
    patience: float = 5.0
    bytes: int = 256 * 2**20


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
        self._waiting: dict[str, dict[Visit, float]] = {}
        """By channel, oldest first: since when they wait."""
        self._count = 0
        self._pace: float | None = None
        """Messages settled in a second while more than a few were under way."""
        self._settled, self._since = 0, 0.0
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
            self._bytes -= visit.bytes
            self._end(visit, channel)

    def admit(self, channel: str, own: int = 0) -> None:
        """Return when there is room for a message of a channel. Raises ``Overload``.

        ``own`` are the bytes that it has brought already.
        """
        if reason := self._reason(channel, own):
            self._refuse(channel, reason)
        if channel in self._refused:
            log.info("messages are taken again", channel=channel)
            del self._refused[channel]

    def shed(self) -> dict[str, ShedState]:
        """Return the channels that are refused now."""
        reasons = {channel: self._reason(channel) for channel in self._refused}
        for channel, reason in reasons.items():
            if not reason:
                del self._refused[channel]
        return dict(self._refused)

    def restart(self) -> None:
        """Forget the pace: what stood still will go on at another one."""
        self._pace, self._settled, self._since = None, 0, self._now()

    def grow(self, visit: Visit, channel: str, count: int) -> None:
        """Count bytes of a body. Raises ``Overload`` when there is no memory for them."""
        self._bytes += count
        visit.bytes += count
        if self._bytes > self._limits.bytes and self._bytes > visit.bytes:
            self._refuse(channel, "memory")

    def begin(self, visit: Visit, channel: str) -> None:
        """Count a message that is whole."""
        self._waiting.setdefault(channel, {})[visit] = self._now()
        self._count += 1
        metrics.UNDER_WAY.inc()
        if self._count == FEW:
            self.restart()

    def _end(self, visit: Visit, channel: str) -> None:
        waiting = self._waiting.get(channel, {})
        if waiting.pop(visit, None) is None:
            return
        if not waiting:
            del self._waiting[channel]
        self._count -= 1
        metrics.UNDER_WAY.dec()
        self._settled += 1
        passed = self._now() - self._since
        if self._count < FEW:
            self._pace, self._behind = None, False
        elif passed >= WINDOW:
            self._pace, self._settled, self._since = self._settled / passed, 0, self._now()

    def _reason(self, channel: str, bytes: int = 0) -> str:
        own = self._waiting.get(channel, {})
        if self._bytes - bytes >= self._limits.bytes:
            return "memory"
        if own and self._now() - next(iter(own.values())) > (
            self._limits.wait + self._limits.patience
        ):
            return "stalled"
        among = len(self._waiting) + (not own)
        return "slow" if self._is_behind() and len(own) * among >= self._count else ""

    def _is_behind(self) -> bool:
        """Tell whether what is under way takes too long; once so, until it takes half of that."""
        if self._count < FEW:
            self._behind = False
        elif self._pace is not None:
            most = self._limits.wait / (2 if self._behind else 1)
            self._behind = self._count / self._pace > most
        return self._behind

    def _refuse(self, channel: str, reason: str) -> None:
        known = self._refused.get(channel)
        if known is None:
            log.warning("messages are refused", channel=channel, error=REASONS[reason])
        self._refused[channel] = ShedState(reason, known.since if known else wall())
        metrics.SHED.labels(channel, reason).inc()
        raise Overload(REASONS[reason])
