"""Counting calls in sliding windows.

Counted in this process: with several web processes each has its own count.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from time import time

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

MOST_KEYS = 20_000
"""Counts kept: above this the one that was used longest ago is forgotten. A flood of made-up
callers costs no memory, and frees no caller that goes on calling."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a call may pass, and what is left."""

    passes: bool
    limit: RateLimitItem
    remaining: int
    reset: int
    """Seconds until there is more."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by draft-ietf-httpapi-ratelimit-headers, and Retry-After for limited callers."""
        told = {
            "ratelimit-policy": f'"minute";q={self.limit.amount};w={self.limit.get_expiry()}',
            "ratelimit": f'"minute";r={self.remaining};t={self.reset}',
        }
        return told if self.passes else told | {"retry-after": str(self.reset)}


class Rates:
    """The counts of one web process."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._used: OrderedDict[tuple[RateLimitItem, tuple[str, ...]], None] = OrderedDict()
        """What is counted, the one used longest ago first."""

    async def count(self, limit: RateLimitItem, *who: str) -> Standing:
        """Count one call of somebody, whom ``who`` names, against a limit."""
        self._used[limit, who] = None
        self._used.move_to_end((limit, who))
        while len(self._used) > MOST_KEYS:
            (old, whom), _ = self._used.popitem(last=False)
            await self._limiter.clear(old, *whom)
        passes = await self._limiter.hit(limit, *who)
        reset, remaining = await self._limiter.get_window_stats(limit, *who)
        wait = max(1, ceil(reset - time()))
        return Standing(passes, limit, remaining if passes else 0, wait)
