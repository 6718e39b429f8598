"""Doubles for the channel tests: a door that keeps what is posted to it, and signed hooks."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self
from urllib.parse import urlencode

from aiohttp import web

from adapters.contract import WebhookRequest
from demo.phone import signature


class Door:
    """An HTTP server on loopback that keeps every POST as a request; use as ``async with``.

    ``answers`` holds (status, headers) to give, one per request; the last one stays.
    """

    def __init__(self, *answers: tuple[int, Mapping[str, str]]) -> None:
        self.hooks: asyncio.Queue[WebhookRequest] = asyncio.Queue()
        self.public_url = ""
        self._answers = list(answers) or [(200, {})]

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.public_url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def take(self) -> WebhookRequest:
        """Return the next request, waiting for it at most ten seconds."""
        async with asyncio.timeout(10):
            return await self.hooks.get()

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = self.public_url + request.raw_path
        self.hooks.put_nowait(WebhookRequest(url, headers, await request.read()))
        status, more = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return web.Response(status=status, headers=more)


def signed_form(token: str, url: str, fields: Sequence[tuple[str, str]]) -> WebhookRequest:
    """Build the hook of a form as Twilio would sign and send it."""
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "x-twilio-signature": signature(token, url, fields),
    }
    return WebhookRequest(url, headers, urlencode(fields).encode())
