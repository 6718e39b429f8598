"""How often one network address may call, and how often a tracking page may be guessed at.

The counts are this process's own. Behind a proxy an address is only known by the header that the
settings name; without it nothing is counted by address, since all callers would look like one.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from starlette.requests import Request

from adapters.contract import Receiver
from gateway.intake.rates import Rates

log = structlog.get_logger(__name__)
Who = Callable[[Request], str | None]
"""Tells the network address that calls, None where it cannot be known: ``CallLimits.caller``."""
LOOKS_AT_ONE = RateLimitItemPerMinute(30, 15, namespace="number")
"""Looks of one network address at one tracking number."""
LOOKS_OF_ALL = RateLimitItemPerMinute(1_000, 15, namespace="everybody")
"""Looks of all at one number, whose secret has 40 bits: a stranger must not keep its owner out."""
WRONG_KEYS = RateLimitItemPerMinute(30, 15, namespace="wrong")
"""Wrong tokens or keys from one network address."""
LOOKS_FROM_ONE = RateLimitItemPerMinute(300, 15, namespace="caller")
"""Looks from one network address, behind which a mobile network puts many phones."""


class CallLimits:
    """Counts callers. ``header`` names their address; ``proxied`` says that a proxy is in front."""

    def __init__(self, header: str, *, proxied: bool) -> None:
        self._header = header
        self._proxied = proxied
        self._rates = Rates()

    async def posted(self, channel: Receiver, request: Request) -> int:
        """Count a hook of a channel; return the seconds to wait, 0 when it may come in."""
        address = self.caller(request)
        if channel.posts_per_hour is None or address is None:
            return 0
        return await self._count(
            RateLimitItemPerHour(channel.posts_per_hour), channel.name, address
        )

    async def looked(self, number: str, request: Request) -> int:
        """Count a look at a tracking page, before its secret is checked; return the wait."""
        if (address := self.caller(request)) is None:
            return await self._count(LOOKS_OF_ALL, number)
        for limit, key in ((LOOKS_FROM_ONE, (address,)), (LOOKS_AT_ONE, (number, address))):
            if wait := await self._count(limit, *key):
                return wait  # who must wait uses up nothing of what others may
        return await self._count(LOOKS_OF_ALL, number)

    async def wrong(self, door: str, request: Request) -> int:
        """Count and log a wrong token or key at a door; return the seconds to wait, 0 for none.

        Who waits is not logged again. The right one always opens: tokens are long, and another
        behind the same address must not suffer.
        """
        address = self.caller(request)
        wait = 0 if address is None else await self._count(WRONG_KEYS, door, address)
        if not wait:
            log.warning("wrong key", door=door, caller=address or "")
        return wait

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
        """Count one; return the seconds until there may be one more when it was too many."""
        standing = await self._rates.count(limit, *key)
        return 0 if standing.passes else standing.reset
