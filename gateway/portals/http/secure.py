"""The headers of every answer of the web server, and what every request is read as."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS = "max-age=31536000"
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of an answer that brings none of its own: it is no page."""


class Secure:
    """ASGI middleware: no guessing of types, no frames; over https, https from then on.

    ``https`` is whether the public URL is. TLS ends at the proxy, so the connection does not know:
    without being told, a redirect would lead back into the clear.
    """

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Content-Security-Policy", NOTHING)
                if self._https:
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        known = {**scope, "scheme": "https"} if self._https else scope
        await self._app(known, receive, framed)
