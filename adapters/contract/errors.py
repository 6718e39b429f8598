"""What may go wrong in a channel; each error says whether the same call may succeed later."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar, Literal

LONGEST_WAIT = 3600.0
"""Seconds; a longer Retry-After is cut to this."""


class ChannelError(Exception):
    """The channel could not do what was asked."""

    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "").splitlines()[0]


class Forged(ChannelError):
    """The message does not carry a valid proof of its sender."""


class Malformed(ChannelError):
    """The message cannot be read."""


class Invalid(Malformed):
    """The caller is told what to mend, and still holds the message."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class DuplicateId(Invalid):
    """An id that was used before, for something else."""


class Refused(ChannelError):
    """The provider will never take this message."""


Until = Literal["writes", "starts"]
"""What a citizen must do before we may write again: write anything, or say START."""


class OptedOut(ChannelError):
    """The citizen cannot be written to until they write again, or ask for it."""

    def __init__(self, message: str = "", *, until: Until = "writes") -> None:
        super().__init__(message)
        self.until: Until = until


class Unreachable(ChannelError):
    """The provider did not answer."""

    retryable = True


class UnknownOutcome(Unreachable):
    """The provider may have taken it, and did not say so."""


class Throttled(Unreachable):
    """The provider asked us to slow down."""

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110 §10.2.3): seconds to wait, between 1 and an hour."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(max(float(value[:9]), 1.0), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 1.0), LONGEST_WAIT)
