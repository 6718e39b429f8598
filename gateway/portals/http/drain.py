"""Answers to callers that are still sending: the rest is read to its end, and thrown away.

Closing a connection that still brings a body resets it, and the answer is lost with it: a proxy
then says 502, and a provider sends again and again what will never be taken.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST = 64 * 2**20
"""Bytes that are heard out; as much as the largest body that any route takes."""


class DrainMiddleware:
    """ASGI middleware: an answer begins when its request has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ended = scope["type"] != "http" or not _brings(scope)

        async def heard() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or message["type"] != "http.request" or not message.get("more_body")
            return message

        async def said(message: Message) -> None:
            nonlocal ended
            left = MOST
            while message["type"] == "http.response.start" and not ended and left > 0:
                left -= len((await heard()).get("body", b""))
            ended = True
            await send(message)

        await self._app(scope, heard, said)


def _brings(scope: Scope) -> bool:
    """Tell whether a body comes unasked; who expects a 100 sends none before it."""
    named = {name for name, value in scope["headers"] if value != b"0"}
    return not named.isdisjoint({b"content-length", b"transfer-encoding"}) and (
        b"expect" not in named
    )
