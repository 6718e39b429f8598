"""What the doors for other programs share: who calls, how often, and the way to the door."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from limits import RateLimitItemPerMinute
from starlette.requests import Request

from adapters.contract import WebhookRequest, WebhookResponse
from adapters.partner_api.channel import Keyed
from adapters.partner_api.identity import RECEIVED_ON, SENDER
from adapters.partner_api.keys import Caller
from gateway.intake.limits import WRONG_KEYS, CallLimits
from gateway.intake.rates import Rates, Standing
from gateway.intake.receive import Intake
from gateway.intake.webhook import hook_of
from gateway.platform import metrics

_OURS = "x-kanal-"


class Slow(Exception):
    """The caller must wait."""

    def __init__(self, standing: Standing) -> None:
        super().__init__("too many calls in a minute")
        self.standing = standing


class ApiAccess:
    """The gate in front of one channel. ``now`` is the clock."""

    def __init__(
        self,
        channel: Keyed,
        door: Intake,
        rates: Rates,
        public_url: str,
        now: Callable[[], datetime],
        limits: CallLimits,
    ) -> None:
        self.channel = channel
        self.block = channel.block
        self._door = door
        self._rates = rates
        self._url = public_url
        self.now = now
        self._limits = limits

    async def hook(self, request: Request) -> WebhookRequest:
        """Dress a request as a hook. Raises ``TooLarge``.

        Headers that only the shell may write are its own.
        """
        hook = await hook_of(request, self._url, self.block.max_bytes)
        sent = {n: v for n, v in hook.headers.items() if not n.startswith(_OURS)}
        return replace(hook, headers={**sent, RECEIVED_ON: self.now().date().isoformat()})

    async def count(
        self, request: Request, caller: Caller | None, *, keyed: bool
    ) -> Mapping[str, str]:
        """Count a call; return the headers that tell what is left. Raises ``Slow``.

        ``keyed`` is whether a key came with it; one that opens nothing is counted and logged.
        """
        name = self.channel.name
        if keyed and caller is None and (wait := await self._limits.wrong(name, request)):
            metrics.INTAKE.labels(name, "too_often").inc()
            raise Slow(Standing(False, WRONG_KEYS, 0, wait))
        if caller:
            limit = RateLimitItemPerMinute(caller.key.per_minute)
            standing = await self._rates.count(limit, name, "key", caller.name)
        else:
            peer = self._limits.caller(request) or ""
            limit = RateLimitItemPerMinute(self.block.public_per_minute)
            standing = await self._rates.count(limit, name, "at", peer)
        if not standing.passes:
            metrics.INTAKE.labels(name, "too_often").inc()
            raise Slow(standing)
        return standing.headers

    async def take(self, hook: WebhookRequest, sender: str = "") -> WebhookResponse:
        """Take a hook in; ``sender`` is whose report it adds to. Raises ``NotDurable``."""
        if sender:
            hook = replace(hook, headers={**hook.headers, SENDER: sender})
        with metrics.STEP.labels("receive").time():
            return await self._door.take(self.channel, hook)
