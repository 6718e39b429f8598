"""A text message gateway for the demo and the tests: a local double with Kannel's HTTP interface.

It brings what citizens write by GET, takes what is sent at /cgi-bin/sendsms, and says what became
of it at the address that was named for that. Written from Kannel's user guide, none of it shared
with the channel. Listens on loopback only.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex
from typing import Any, Self
from uuid import uuid4

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web
from yarl import URL

from demo.door import NOBODY, PLAIN, Door, Fault
from demo.samples import SMS
from demo.sms_center import Sms

DELIVERED, TAKEN = 1, 8
UNREACHED = 502
"""What we answer to ourselves where nobody listens."""


class SmsGateway:
    """Use as ``async with``; then ``url`` is where messages are sent to."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.username, self.password, self.token = "lapor", token_hex(8), token_hex(16)
        self.url = ""
        self.carried: list[Sms] = []
        """Messages to phones, oldest first."""
        self._telling: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/cgi-bin/sendsms", self._send)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/cgi-bin/sendsms"
        self._client = ClientSession(timeout=ClientTimeout(total=15))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self._client.close()
        await self._runner.cleanup()

    async def wait_for(self, fits: Callable[[Sms], bool], within: float = 30.0) -> Sms:
        """Return the first message that fits, as soon as it is there. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            while (found := next(filter(fits, self.carried), None)) is None:
                await self._news.wait()
        return found

    async def text(self, hook: str, who: str, text: str, *, forge: bool = False) -> int:
        """Let a citizen write: call ``hook`` and return the HTTP status it answers."""
        fields = {
            "token": token_hex(16) if forge else self.token,
            "id": str(uuid4()),
            "from": who,
            "to": self.number,
            "text": text,
            "charset": "UTF-8",
            "udh": "",
        }
        return await self._call(URL(hook).update_query(fields))

    async def _call(self, url: URL) -> int:
        try:
            async with self._client.get(url) as answer:
                return answer.status
        except ClientConnectionError:
            return UNREACHED

    async def _send(self, request: web.Request) -> web.Response:
        given = request.query
        if (given.get("username"), given.get("password")) != (self.username, self.password):
            return web.Response(status=403, text="Authorization failed for sendsms")
        async with self._news:
            self.carried.append(Sms(given["to"], given["text"]))
            self._news.notify_all()
        for state in (TAKEN, DELIVERED) if "dlr-url" in given else ():
            address = given["dlr-url"].replace("%d", str(state)).replace("%A", "")
            task = asyncio.create_task(self._tell(URL(address)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return web.Response(status=202, text="0: Accepted for delivery")

    async def _tell(self, url: URL) -> None:
        await self._call(url)


class SmsDoor(Door):
    """A gateway that brings each message by a call with a token."""

    channel, name, by = SMS, "SMS", "an HTTP gateway"
    refused = {"forged": 403}

    def __init__(self) -> None:
        self.company: SmsGateway = SmsGateway("1708")

    def block(self) -> dict[str, Any]:
        company = self.company
        return {
            "type": "sms_http",
            "preset": "kannel",
            "number": company.number,
            "url": company.url,
            "access": {"token": {"values": [company.token]}},
            "credentials": {"username": company.username, "password": company.password},
            "sends_per_second": 100,
        }

    def citizen(self, number: int) -> str:
        return f"+62811{number:07d}"

    async def say(self, who: str, text: str, subject: str) -> int:
        return await self.company.text(self._hook, who, text)

    def heard(self, who: str) -> list[str]:
        return [sms.text for sms in self.company.carried if sms.to == who]

    async def misuse(self, fault: Fault) -> int:
        return await self.company.text(self._hook, NOBODY, PLAIN, forge=fault == "forged")

    @property
    def _hook(self) -> str:
        return f"{str(self.settings.server.public_url).rstrip('/')}/in/{self.channel}"
