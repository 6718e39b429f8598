"""Channels with routes of their own: served where such a channel is enabled.

Every call is capped in size and counted before its handler sees it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime

from limits import RateLimitItemPerMinute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.contract import (
    RECEIVED_ON,
    SENDER,
    AgencyResponder,
    Channel,
    Handler,
    MountPorts,
    Mounts,
    PartnerReader,
    WebhookRequest,
    WebhookResponse,
)
from gateway.intake.limits import WRONG_KEYS, CallLimits
from gateway.intake.load import NotDurable, Visit
from gateway.intake.rates import Rates, Standing
from gateway.intake.receive import Intake
from gateway.intake.webhook import LATER, METHODS, TooLarge, hook_of, request_of, respond
from gateway.platform import metrics
from gateway.portals.partners import reference
from gateway.store.engine import Unavailable
from gateway.store.reports import StaleWrite

Endpoint = Callable[[Request], Awaitable[Response]]
_VISIT: ContextVar[Visit] = ContextVar("visit")
"""The call that is being answered, where it may bring a message."""


class TooManyCalls(Exception):
    """The caller must wait."""

    def __init__(self, standing: Standing) -> None:
        super().__init__("too many calls in a minute")
        self.standing = standing


def mount_channels(
    channels: Mapping[str, Channel],
    intake: Intake,
    reader: PartnerReader,
    agencies: AgencyResponder,
    public_url: str,
    now: Callable[[], datetime],
    client_header: str = "",
) -> dict[str, list[BaseRoute]]:
    """Return the routes of such channels, by the channel's name."""
    rates = Rates()
    limits = CallLimits(client_header, proxied=public_url.startswith("https:"))
    served = {
        name: MountedChannel(channel, intake, rates, limits, public_url, now)
        for name, channel in channels.items()
        if isinstance(channel, Mounts) and channel.block.enabled
    }
    return {name: each.routes(reader, agencies) for name, each in served.items()}


class MountedChannel:
    """The way to the routes of one channel. ``now`` is the clock."""

    def __init__(
        self,
        channel: Mounts,
        intake: Intake,
        rates: Rates,
        limits: CallLimits,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._channel = channel
        self._intake = intake
        self._rates = rates
        self._limits = limits
        self._url = public_url
        self._now = now

    def routes(self, reader: PartnerReader, agencies: AgencyResponder) -> list[BaseRoute]:
        """Return the channel's routes, its description, and what answers every other path."""
        base = self._channel.base
        paths: dict[str, dict[str, Handler]] = {}
        for row in self._channel.routes(MountPorts(reader, agencies, self._submit, self._now)):
            paths.setdefault(row.path, {})[row.method] = row.handler
        return [
            *(
                Route(base + path, self._endpoint(handlers), methods=METHODS)
                for path, handlers in paths.items()
            ),
            *self._description(),
            Route(base, self._nothing, methods=METHODS),
            Route(f"{base}/{{rest:path}}", self._nothing, methods=METHODS),
        ]

    def _description(self) -> Sequence[BaseRoute]:
        channel = self._channel
        if (document := channel.document()) is None:
            return ()

        def described() -> Response:
            return JSONResponse(document)

        def drawn() -> Response:
            return reference.page(document, channel.document_path.lstrip("/"))

        return (
            Route(channel.base + channel.document_path, self._page(described), methods=METHODS),
            Route(f"{channel.base}/docs", self._page(drawn), methods=METHODS),
        )

    def _page(self, draw: Callable[[], Response]) -> Endpoint:
        async def answer(request: Request) -> Response:
            if request.method not in ("GET", "HEAD"):
                return self._not_allowed(self._bare(request), ["GET"])
            return draw()

        return answer

    def _endpoint(
        self, handlers: Mapping[str, Handler]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            called = self._bare(request)
            handler = handlers.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                return self._not_allowed(called, handlers)
            try:
                return await self._answer(request, called, handler)
            except TooLarge:
                return self._failed(called, 413)
            except TooManyCalls as slow:
                return self._failed(called, 429, slow.standing.headers)
            except (Unavailable, NotDurable, StaleWrite):
                return self._failed(called, 503, LATER)

        return answer

    async def _answer(self, request: Request, called: WebhookRequest, handler: Handler) -> Response:
        if called.method in ("GET", "HEAD"):
            return await self._handle(request, called, handler)
        with self._intake.load.visit(self._channel.name, early=False) as visit:
            _VISIT.set(visit)
            return await self._handle(request, called, handler, visit)

    async def _handle(
        self,
        request: Request,
        called: WebhookRequest,
        handler: Handler,
        visit: Visit | None = None,
    ) -> Response:
        late = self._channel.key_in_body
        headers = {} if late else await self._count(request, called)
        whole = await self._whole(request, visit)
        headers = await self._count(request, whole) if late else headers
        return respond(await handler(whole, request.path_params), dict(headers))

    def _not_allowed(self, called: WebhookRequest, methods: Collection[str]) -> Response:
        allow = sorted({*methods, "HEAD"} if "GET" in methods else methods)
        return self._failed(called, 405, {"allow": ", ".join(allow)}, allow)

    async def _nothing(self, request: Request) -> Response:
        return self._failed(self._bare(request), 404)

    def _failed(
        self,
        called: WebhookRequest,
        status: int,
        headers: Mapping[str, str] | None = None,
        allow: Sequence[str] = (),
    ) -> Response:
        return respond(self._channel.failure(called, status, allow), dict(headers or {}))

    def _bare(self, request: Request) -> WebhookRequest:
        return self._dressed(request_of(request, self._url))

    async def _whole(self, request: Request, visit: Visit | None) -> WebhookRequest:
        most = self._channel.max_bytes
        grow = visit.grow if visit else lambda _: None
        return self._dressed(await hook_of(request, self._url, most, grow))

    def _dressed(self, request: WebhookRequest) -> WebhookRequest:
        """Return a request with the day of its arrival, which only the shell may write."""
        return replace(
            request, headers={**request.headers, RECEIVED_ON: self._now().date().isoformat()}
        )

    async def _count(self, request: Request, called: WebhookRequest) -> Mapping[str, str]:
        """Count a call; return the headers that tell what is left. Raises ``TooManyCalls``.

        A key that opens nothing is counted and logged.
        """
        name, quota = self._channel.name, self._channel.quota(called)
        if quota.wrong_key and (wait := await self._limits.wrong(name, request)):
            metrics.INTAKE.labels(name, "too_often").inc()
            raise TooManyCalls(Standing(False, WRONG_KEYS, 0, wait))
        who = (
            ("key", quota.partner) if quota.partner else ("at", self._limits.caller(request) or "")
        )
        standing = await self._rates.count(RateLimitItemPerMinute(quota.per_minute), name, *who)
        if not standing.passes:
            metrics.INTAKE.labels(name, "too_often").inc()
            raise TooManyCalls(standing)
        return standing.headers

    async def _submit(self, request: WebhookRequest, sender: str) -> WebhookResponse:
        """Take a request in; ``sender`` is whose report it adds to. Raises ``NotDurable``.

        Only here a call counts among what waits to be durable: after its key and its quota, and an
        agency's answer never does.
        """
        _VISIT.get().wait()
        if sender:
            request = replace(request, headers={**request.headers, SENDER: sender})
        with metrics.STEP.labels("receive").time():
            return await self._intake.receive_webhook(self._channel, request)
