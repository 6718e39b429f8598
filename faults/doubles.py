"""The other ends: an SMS provider, a bot server, a mail box and an agency's own system.

Each notes what it got and misbehaves when told to. All listen on the loopback only.
"""

import asyncio
import base64
import hmac
import json
import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message as Mail
from email.parser import BytesParser
from email.policy import default as mail_policy
from email.utils import format_datetime
from hashlib import sha256
from itertools import count
from typing import Any, Self

from aiohttp import web
from aiosmtpd.controller import Controller

from tests.services import free_ports

HUGE = 64 * 2**20
"""Bytes of an answer that nobody should read to its end."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Text:
    """What a citizen was told."""

    channel: str
    to: str
    body: str


class HttpDouble(ABC):
    """A small HTTP server of ours; use as ``async with``, then ``url`` is where it is."""

    def __init__(self) -> None:
        self.url = ""
        self.pause = 0.0
        """Seconds before anything is answered."""

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """Return what it answers."""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class SmsProvider(HttpDouble):
    """Speaks the part of Twilio's API that a gateway for text messages needs.

    https://www.twilio.com/docs/messaging/api/message-resource.
    """

    def __init__(self, account: str, number: str) -> None:
        super().__init__()
        self._account, self._number = account, number
        self.texts: list[Text] = []
        self._listed: list[dict[str, Any]] = []
        self.mute = False
        """Takes a text and never says so."""
        self._ids = count(1)

    def routes(self) -> list[web.RouteDef]:
        """Return what it answers."""
        path = f"/2010-04-01/Accounts/{self._account}/Messages.json"
        return [web.post(path, self._take), web.get(path, self._list)]

    async def _take(self, request: web.Request) -> web.Response:
        form = await request.post()
        to, body = str(form["To"]), str(form["Body"])
        pause = self.pause
        self.texts.append(Text("sms", to, body))
        taken = {
            "sid": f"SM{next(self._ids):032x}",
            "to": to,
            "from": self._number,
            "body": body,
            "direction": "outbound-api",
            "status": "queued",
            "num_media": "0",
            "date_created": format_datetime(datetime.now(UTC)),
            "date_sent": format_datetime(datetime.now(UTC)),
        }
        self._listed.append(taken)
        await asyncio.sleep(pause)
        if self.mute:
            await asyncio.sleep(3600)
        return web.json_response(taken, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        to = request.query.get("To")
        found = [each for each in self._listed if to in (None, each["to"])][-PAGE:]
        return web.json_response({"messages": found[::-1], "next_page_uri": None})


class BotServer(HttpDouble):
    """Speaks the part of the Bot API that a gateway needs; serves several bots.

    https://core.telegram.org/bots/api.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[Text] = []
        self._waiting: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
        self._fetched: dict[str, int] = defaultdict(int)
        self._news = asyncio.Condition()
        self._ids, self._updates_made = count(1), count(1)

    def routes(self) -> list[web.RouteDef]:
        """Return what it answers."""
        return [web.route("*", "/bot{token}/{method}", self._call)]

    async def hold(self, token: str, update: dict[str, Any]) -> int:
        """Keep an update until a poll of the bot has moved past it; return its new number."""
        async with self._news:
            number = next(self._updates_made)
            self._waiting[token][number] = update | {"update_id": number}
            self._news.notify_all()
        return number

    async def fetched(self, token: str, update: int) -> None:
        """Return once a poll has moved past an update: the other side says that it has it."""
        async with self._news:
            await self._news.wait_for(lambda: self._fetched[token] > update)

    async def _call(self, request: web.Request) -> web.Response:
        token, method = request.match_info["token"], request.match_info["method"].lower()
        given = dict(request.query)
        if request.can_read_body:
            if request.content_type == "application/json":
                given |= await request.json()
            else:
                given |= {name: str(value) for name, value in (await request.post()).items()}
        answer: object = True
        if method == "sendmessage":
            self.texts.append(Text("telegram", str(given["chat_id"]), str(given["text"])))
            await asyncio.sleep(self.pause)
            chat = {"id": int(str(given["chat_id"])), "type": "private"}
            answer = {"message_id": next(self._ids), "date": 1_800_000_000, "chat": chat}
        elif method == "getupdates":
            answer = await self._updates(token, given)
        elif method == "getwebhookinfo":
            answer = {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
        elif method == "getme":
            answer = {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": "Lapor"}
        return web.json_response({"ok": True, "result": answer})

    async def _updates(self, token: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        offset, wait = int(given.get("offset") or 0), min(2.0, float(given.get("timeout") or 0))
        async with self._news:
            waiting = self._waiting[token]
            if offset > self._fetched[token]:
                self._fetched[token] = offset
                for number in [each for each in waiting if each < offset]:
                    del waiting[number]
                self._news.notify_all()
            if not waiting and wait:
                try:
                    async with asyncio.timeout(wait):
                        await self._news.wait_for(lambda: bool(waiting))
                except TimeoutError:
                    return []
            return [waiting[number] for number in sorted(waiting)][:100]


class MailBox:
    """A mail server that keeps everything; use as ``async with``, then ``port`` is where it is."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a mail (aiosmtpd calls this by its name)."""
        mail: Mail = BytesParser(policy=mail_policy).parsebytes(envelope.content)
        part = mail.get_body(("plain",))  # type: ignore[attr-defined]
        body = part.get_content() if part else ""
        for to in envelope.rcpt_tos:
            self.texts.append(Text("email", to, body))
        return "250 OK"

    async def __aenter__(self) -> Self:
        # Its own thread: that a gateway waits for it must not wait for our loop.
        (self.port,) = free_ports(1)
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._controller.stop)


@dataclass(frozen=True, slots=True)
class Call:
    """A report that an agency's own system was called with."""

    id: str
    body: str
    taken: bool
    """It was answered with 2xx, or the agency kept it and did not say so."""


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AgencySystem(HttpDouble):
    """An agency's endpoint, which checks signatures by the Standard Webhooks scheme.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
    """

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self._secret = secret
        self.calls: list[Call] = []
        self.forged = 0
        self.behave = "well"
        """well · error · gone · redirect · mute (keeps it, never answers) · cut · huge."""

    def routes(self) -> list[web.RouteDef]:
        """Return what it answers."""
        return [web.post("/hook", self._hook)]

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        id = request.headers.get("webhook-id", "")
        signed = f"{id}.{request.headers.get('webhook-timestamp', '')}.".encode() + body
        mine = base64.b64encode(hmac.digest(self._secret, signed, sha256)).decode()
        if f"v1,{mine}" not in request.headers.get("webhook-signature", "").split():
            self.forged += 1
            return web.Response(status=401)
        behave = self.behave
        self.calls.append(Call(id, body.decode(), behave in ("well", "mute", "cut", "huge")))
        await asyncio.sleep(self.pause)
        return await self._answer(request, behave)

    async def _answer(self, request: web.Request, behave: str) -> web.StreamResponse:
        if behave == "error":
            return web.Response(status=500)
        if behave == "gone":
            return web.Response(status=410)
        if behave == "redirect":
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})
        if behave == "mute":
            await asyncio.sleep(3600)
        if behave == "cut":
            assert request.transport
            request.transport.abort()
        if behave == "huge":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(HUGE // 2**16):
                await response.write(b"x" * 2**16)
            return response
        return web.Response()


_NUMBER = re.compile(r"\(laporan (\d+)\)")


def number_in(body: str) -> int | None:
    """Return the number that a sender put into a text, wherever it is quoted."""
    found = _NUMBER.search(body)
    return int(found[1]) if found else None


def delivery_in(body: str) -> str:
    """Return the id of a delivery, "" for what is none."""
    try:
        return str(json.loads(body)["id"])
    except (ValueError, LookupError, TypeError):
        return ""
