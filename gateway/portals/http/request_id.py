"""An id for every request: on its log lines and in every answer."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from gateway.platform import correlation

HEADER = "X-Request-Id"


class RequestId:
    """ASGI middleware. The id is always ours: one that a caller brings would be theirs to forge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        id = correlation.new()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = id
            await send(message)

        # Not unbound: a request is a task of its own, and the server logs in it what we let fall.
        bind_contextvars(**{correlation.REQUEST: id})
        await self._app(scope, receive, named)
