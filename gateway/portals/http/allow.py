"""A 405 that names every method of its address (RFC 9110 15.5.6), not only those of one route."""

from collections.abc import Iterable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.intake.webhook import METHODS


class AllowHeader:
    """ASGI middleware. ``routes`` are those of the application within."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = dict(scope)

        async def told(message: Message) -> None:
            refused = message["type"] == "http.response.start" and message["status"] == 405
            # A route that takes this method has said itself which ones mean something.
            if refused and not _takes(self._routes, asked):
                MutableHeaders(scope=message)["allow"] = ", ".join(self._methods(asked))
            await send(message)

        await self._app(scope, receive, told)

    def _methods(self, scope: Scope) -> Iterable[str]:
        return (each for each in METHODS if _takes(self._routes, {**scope, "method": each}))


def _takes(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        if not isinstance(route, Mount) or not route.routes:
            return True
        if _takes(route.routes, {**scope, **child}):
            return True
    return False
