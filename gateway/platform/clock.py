"""The clocks of the gateway; docs/architecture.md has the table of which moment each measures.

The case clock measures what happens to reports: deadlines, due rows, the times of messages. A test
system moves it with a file, so that weeks are lived through in a minute. The wall clock is the true
time: sessions, signatures, the log of a report, and what providers are asked about. Leases have a
third one, the database's own (``gateway.store.leases``), so that machines need not agree.
"""

import math
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from config.environment import OFFSET_FILE

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
"""Returns an aware moment."""

MOST_BYTES = 64
FURTHEST = 3_660 * 86_400.0
"""Seconds: no deadline is further away than ten years."""


def wall() -> datetime:
    """Return the true time."""
    return datetime.now(UTC)


class OffsetError(Exception):
    """The file with the seconds cannot be used."""


class CaseClock:
    """The clock of everything that happens to reports.

    ``file`` holds seconds to add and is read again on every look. While it cannot be used, the last
    offset that could stays, and the log says so once.
    """

    def __init__(self, file: Path | None = None, real: Clock = wall) -> None:
        self._file = file
        self._real = real
        self._offset = 0.0
        self._fault = ""

    @classmethod
    def from_environment(cls) -> "CaseClock":
        """Make the clock that the environment asks for: moved on a test system, true elsewhere."""
        named = os.environ.get(OFFSET_FILE)
        return cls(None if named is None else Path(named))

    def __call__(self) -> datetime:
        """Return the time."""
        return self._real() + timedelta(seconds=self.offset) if self._file else self._real()

    @property
    def is_moved(self) -> bool:
        """Tell whether a file moves this clock, even if by nothing."""
        return self._file is not None

    def check(self) -> float:
        """Return the seconds that are added now. Raises ``OffsetError``."""
        return _read(self._file) if self._file is not None else 0.0

    @property
    def offset(self) -> float:
        """The seconds that are added; the last ones that could be read."""
        try:
            self._offset, fault = self.check(), ""
        except OffsetError as error:
            fault = str(error)
        if fault != self._fault:
            self._fault = fault
            if fault:
                log.error("the clock's file cannot be used: the last offset stays", error=fault)
            else:
                log.info("the clock's file can be used again")
        return self._offset


def offset_of(clock: Clock) -> float:
    """Return the seconds by which a clock is moved from the true time on purpose."""
    return clock.offset if isinstance(clock, CaseClock) and clock.is_moved else 0.0


def _read(file: Path) -> float:
    """Read the seconds in a file. Raises ``OffsetError``, in words that quote nothing of it."""
    try:
        with file.open("rb") as opened:
            written = opened.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise OffsetError(f"it cannot be read ({type(error).__name__})") from None
    try:
        seconds = float(written.decode("ascii")) if len(written) <= MOST_BYTES else math.nan
    except ValueError:
        seconds = math.nan
    if not abs(seconds) <= FURTHEST:
        raise OffsetError(f"it holds no number of seconds from -{FURTHEST:.0f} to {FURTHEST:.0f}")
    return seconds
