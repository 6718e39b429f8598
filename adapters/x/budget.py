"""What reading and writing posts may cost in a calendar month (UTC), counted in posts."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from adapters.contract import ChannelError, Throttled

HOUR = 3600.0
"""Seconds to wait where money is missing: an operator may mend that at any time."""


def month_of(now: datetime) -> str:
    """Name a month as it is counted."""
    return f"{now:%Y-%m}"


def used_up(what: str, budget: int, month: str) -> Throttled:
    """Say that ``what`` (reads, posts) must wait for the next month, or for more money."""
    said = f"the budget of {budget} {what} for {month} is used up ({what}_per_month)"
    return Throttled(said, retry_after=HOUR)


class PostBudget:
    """The posts that this process has written, month by month; ``most`` in each of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._posted: Counter[str] = Counter()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one post. Raises ``Throttled`` where there is no money left for it."""
        month = month_of(datetime.now(UTC))
        if self._posted[month] >= self._most:
            raise used_up("posts", self._most, month)
        self._posted[month] += 1
        try:
            yield
        except ChannelError:  # what failed is not billed
            self._posted[month] -= 1
            raise
