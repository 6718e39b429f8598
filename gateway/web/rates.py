"""How often a partner, or an address without a key, may call: sliding windows of a minute.

Counted in this process: with several web processes each has its own count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from time import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a call may pass, and what is left."""

    passes: bool
    per_minute: int
    remaining: int
    reset: int
    """Seconds until there is more."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by draft-ietf-httpapi-ratelimit-headers, with Retry-After for who must wait."""
        told = {
            "ratelimit-policy": f'"minute";q={self.per_minute};w=60',
            "ratelimit": f'"minute";r={self.remaining};t={self.reset}',
        }
        return told if self.passes else told | {"retry-after": str(self.reset)}


class Rates:
    """The counts of one web process."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count(self, who: str, per_minute: int) -> Standing:
        """Count one call of somebody, whom ``who`` names."""
        item = RateLimitItemPerMinute(per_minute)
        passes = await self._limiter.hit(item, who)
        reset, remaining = await self._limiter.get_window_stats(item, who)
        wait = max(1, ceil(reset - time()))
        return Standing(passes, per_minute, remaining if passes else 0, wait)
