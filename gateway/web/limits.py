"""How often one network address may call, and how often a tracking page may be guessed at.

The counts are this process's own. Behind a proxy an address is only known by the header that the
settings name; without it nothing is counted by address, since all callers would look like one.
"""

import math
import time
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request

from adapters.base import Receiver

GUESSES = RateLimitItemPerMinute(10, 15, namespace="guesses")
"""Wrong secrets for one tracking number; a right one has 40 bits."""
LOOKS = RateLimitItemPerMinute(60, 15, namespace="looks")
"""Wrong numbers or secrets from one network address."""


class Limits:
    """Counts callers. ``header`` names their address; ``proxied`` says that a proxy is in front."""

    def __init__(self, header: str, *, proxied: bool) -> None:
        self._header = header
        self._proxied = proxied
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def posted(self, channel: Receiver, request: Request) -> int:
        """Count a hook of a channel; return the seconds to wait, 0 when it may come in."""
        address = self.caller(request)
        if channel.posts_per_hour is None or address is None:
            return 0
        return await self._count(
            RateLimitItemPerHour(channel.posts_per_hour), channel.name, address
        )

    async def may_guess(self, number: str, request: Request) -> int:
        """Return the seconds until a tracking page may be asked for again; 0 when it may now."""
        address = self.caller(request)
        waits = [await self._wait(GUESSES, number)]
        if address is not None:
            waits.append(await self._wait(LOOKS, address))
        return max(waits)

    async def guessed(self, number: str, request: Request) -> None:
        """Count a wrong number or secret."""
        await self._count(GUESSES, number)
        if (address := self.caller(request)) is not None:
            await self._count(LOOKS, address)

    def caller(self, request: Request) -> str | None:
        """Return the network address of a caller, of IPv6 the /64 that one household has."""
        if self._header:
            # What a caller wrote into it stands left of what the proxy added.
            written = request.headers.get(self._header, "").rpartition(",")[2].strip()
        elif self._proxied or request.client is None:
            return None
        else:
            written = request.client.host
        try:
            found = ip_address(written)
        except ValueError:
            return None
        if isinstance(found, IPv6Address) and not found.ipv4_mapped:
            return str(ip_network((found.packed, 64), strict=False))
        return str(found)

    async def _count(self, limit: RateLimitItem, *key: str) -> int:
        return 0 if await self._limiter.hit(limit, *key) else await self._until(limit, *key)

    async def _wait(self, limit: RateLimitItem, *key: str) -> int:
        return 0 if await self._limiter.test(limit, *key) else await self._until(limit, *key)

    async def _until(self, limit: RateLimitItem, *key: str) -> int:
        stats = await self._limiter.get_window_stats(limit, *key)
        return max(1, math.ceil(stats.reset_time - time.time()))
