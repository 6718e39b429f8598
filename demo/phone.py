"""A phone company for the demo and the tests: a local double of Twilio's Messages API.

Takes what our channel sends (https://www.twilio.com/docs/messaging/api/message-resource), signs
what a citizen writes, as Twilio documents it, and lists both; its signatures are made here, not
with the SDK that checks them. Listens on loopback only.
"""

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha1
from secrets import token_hex
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web

PAGE_SIZE = 50
WINDOW = timedelta(hours=24)
"""How long after a citizen's message WhatsApp takes words that are no approved template."""
UNREACHED = 502
"""What we answer to ourselves for a webhook nobody listens at; Twilio notes an error 11200."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message the company was given to carry, or one that a citizen wrote to our number."""

    sid: str
    to: str
    from_: str
    body: str
    status_callback: str | None
    at: datetime
    inbound: bool = False
    media: tuple[tuple[str, str], ...] = ()
    """Of each file its address and media type."""


def signature(token: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """Sign a form as Twilio does: the URL, then each name with each of its values, sorted."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return b64encode(hmac.digest(token.encode(), signed.encode(), sha1)).decode()


class PhoneCompany:
    """Carries texts both ways; use as ``async with``, then ``url`` is where its API is."""

    def __init__(self, auth_token: str, account_sid: str, number: str) -> None:
        self.auth_token = auth_token
        self.account_sid = account_sid
        self.number = number
        self.url = ""
        self.carried: list[Text] = []
        """Messages to phones, oldest first."""
        self.written: dict[str, Text] = {}
        """Messages from phones by sid, whether a webhook took them or not."""
        self.stranded: list[Text] = []
        """What was taken and then not delivered because WhatsApp's window was closed."""
        self.refuses_late = False
        """Refuse what is outside the window at once; Twilio itself mostly notices later."""
        self.templates: dict[str, str] = {}
        """Approved templates by ContentSid, with {{1}} and so on."""
        self.stopped: set[str] = set()
        """Who said STOP."""
        self.files: dict[str, tuple[bytes, str]] = {}
        """What citizens sent, by media sid: bytes and media type."""
        self.given: list[Mapping[str, str]] = []
        """The headers with which files were asked for behind the redirect."""
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        path = "/2010-04-01/Accounts/{sid}/Messages"
        app.add_routes(
            [
                web.post(f"{path}.json", self._create),
                web.get(f"{path}.json", self._list),
                web.get(path + "/{message}/Media.json", self._list_media),
                web.get(path + "/{message}/Media/{media}", self._lead_to_file),
                web.get("/cdn/{media}", self._give_file),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._client = ClientSession(timeout=ClientTimeout(total=15))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def wait_for(self, fits: Callable[[Text], bool], within: float = 30.0) -> Text:
        """Return the first message that fits, as soon as it is there. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            while (found := next(filter(fits, self.carried), None)) is None:
                await self._news.wait()
        return found

    async def text(
        self,
        url: str,
        from_: str,
        body: str,
        *,
        media: Sequence[tuple[str, str]] = (),
        sid: str | None = None,
        extra: Mapping[str, str] | None = None,
        forge: bool = False,
        at: datetime | None = None,
    ) -> int:
        """Let a citizen write: call the webhook ``url`` and return the HTTP status it answers.

        ``media`` holds (address, media type) pairs; ``sid`` repeats an earlier message; ``forge``
        signs with a token that is not the account's; ``at`` is when it was written, if not now.
        """
        if body.strip().upper() in ("STOP", "START"):
            (self.stopped.add if body.strip().upper() == "STOP" else self.stopped.discard)(from_)
        message = sid or ("MM" if media else "SM") + token_hex(16)
        if not forge:
            moment = at or datetime.now(UTC)
            text = Text(message, self.number, from_, body, None, moment, True, tuple(media))
            self.written.setdefault(message, text)
        fields = [
            ("ToCountry", "ID"),
            ("SmsMessageSid", message),
            ("NumMedia", str(len(media))),
            ("SmsSid", message),
            ("SmsStatus", "received"),
            ("Body", body),
            ("FromCountry", "ID"),
            ("To", self.number),
            ("NumSegments", str(len(body) // 153 + 1)),
            ("MessageSid", message),
            ("AccountSid", self.account_sid),
            ("From", from_),
            ("ApiVersion", "2010-04-01"),
            *((f"MediaUrl{n}", address) for n, (address, _) in enumerate(media)),
            *((f"MediaContentType{n}", kind) for n, (_, kind) in enumerate(media)),
            *(extra or {}).items(),
        ]
        return await self._call(url, fields, forge=forge)

    def picture(self, content: bytes, media_type: str = "image/jpeg") -> tuple[str, str]:
        """Keep a file for a citizen; returns its address and media type, for ``text``."""
        media = "ME" + token_hex(16)
        self.files[media] = content, media_type
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages/MM{token_hex(16)}/Media/{media}"
        return self.url + path, media_type

    async def report(self, text: Text, status: str, *, error: int | None = None) -> int:
        """Tell a message's StatusCallback what became of it; returns the HTTP status."""
        if text.status_callback is None:
            raise ValueError("this message asked for no status callback")
        fields = [
            ("SmsSid", text.sid),
            ("SmsStatus", status),
            ("MessageStatus", status),
            ("To", text.to),
            ("MessageSid", text.sid),
            ("AccountSid", self.account_sid),
            ("From", text.from_),
            ("ApiVersion", "2010-04-01"),
            *([("ErrorCode", str(error))] if error is not None else []),
        ]
        return await self._call(text.status_callback, fields)

    async def _call(
        self, url: str, fields: Sequence[tuple[str, str]], *, forge: bool = False
    ) -> int:
        token = token_hex(16) if forge else self.auth_token
        headers = {"X-Twilio-Signature": signature(token, url, fields), "User-Agent": "TwilioProxy"}
        try:
            async with self._client.post(url, data=fields, headers=headers) as answer:
                return answer.status
        except ClientConnectionError:
            return UNREACHED

    async def _create(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        form = await request.post()
        to, sender = str(form.get("To", "")), str(form.get("From", ""))
        template = self.templates.get(str(form.get("ContentSid", "")))
        values = str(form.get("ContentVariables", "{}"))
        body = _filled(template, values) if template else str(form.get("Body", ""))
        late = not (template or self._may_write(to))
        for fault, status, code, words in (
            (not to, 400, 21604, "A 'To' phone number is required."),
            (not _is_number(to), 400, 21211, f"The 'To' number {to} is not a valid phone number."),
            (sender != self.number, 400, 21659, f"'From' {sender} is not a Twilio phone number"),
            ("ContentSid" in form and not template, 400, 21655, "The ContentSid is invalid"),
            (template and "\\n" in values, 400, 21656, "The ContentVariables are invalid"),
            (to in self.stopped, 400, 21610, "Attempt to send to unsubscribed recipient"),
            (late and self.refuses_late, 400, 63016, f"{to} is outside the allowed window"),
            (not body, 400, 21602, "Message body is required."),
            (len(body) > 1600, 400, 21617, "The concatenated message body exceeds 1600."),
        ):
            if fault:
                return _error(status, code, words)
        callback = str(form["StatusCallback"]) if "StatusCallback" in form else None
        text = Text("SM" + token_hex(16), to, sender, body, callback, datetime.now(UTC))
        async with self._news:
            (self.stranded if late else self.carried).append(text)
            self._news.notify_all()
        return web.json_response(self._resource(text), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        query = dict(request.query)
        size, number = int(query.get("PageSize", PAGE_SIZE)), int(query.get("Page", 0))
        fitting = [t for t in (*self.carried, *self.written.values()) if _fits(t, query)]
        fitting.sort(key=lambda text: text.at, reverse=True)
        following = urlencode(query | {"Page": number + 1, "PageToken": f"PA{number + 1}"})
        more = len(fitting) > (number + 1) * size
        return web.json_response(
            {
                "messages": [
                    self._resource(t) for t in fitting[number * size : (number + 1) * size]
                ],
                "page": number,
                "page_size": size,
                "uri": request.path_qs,
                "next_page_uri": f"{request.path}?{following}" if more else None,
            }
        )

    async def _list_media(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        text = self.written.get(request.match_info["message"])
        if text is None:
            return _error(404, 20404, "The requested resource was not found")
        listed = [
            {"content_type": kind, "sid": f"ME{n}", "uri": f"{urlsplit(address).path}.json"}
            for n, (address, kind) in enumerate(text.media)
        ]
        return web.json_response({"media_list": listed, "next_page_uri": None})

    async def _lead_to_file(self, request: web.Request) -> web.Response:
        """Check the password and send on to where the file is, as Twilio does to its storage."""
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        raise web.HTTPTemporaryRedirect(f"{self.url}/cdn/{request.match_info['media']}")

    async def _give_file(self, request: web.Request) -> web.Response:
        self.given.append(dict(request.headers))
        content, media_type = self.files.get(request.match_info["media"], (b"", ""))
        if not content:
            return _error(404, 20404, "The requested resource was not found")
        return web.Response(body=content, content_type=media_type)

    def _may_write(self, to: str) -> bool:
        """Tell whether words that are no template may go to a number now."""
        since = datetime.now(UTC) - WINDOW
        written = (text.at for text in self.written.values() if text.from_ == to)
        return not to.startswith("whatsapp:") or any(at >= since for at in written)

    def _is_ours(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = b64decode(given).decode().partition(":")
        except (NotBase64, UnicodeDecodeError):
            return False
        expected = (self.account_sid, self.auth_token)
        ours = request.match_info["sid"] == self.account_sid
        return scheme == "Basic" and (user, password) == expected and ours

    def _resource(self, text: Text) -> dict[str, Any]:
        at = format_datetime(text.at, usegmt=False)
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{text.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": at,
            "date_sent": at if text.inbound else None,
            "date_updated": at,
            "direction": "inbound" if text.inbound else "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": text.from_,
            "messaging_service_sid": None,
            "num_media": str(len(text.media)),
            "num_segments": str(len(text.body) // 153 + 1),
            "price": None,
            "price_unit": "USD",
            "sid": text.sid,
            "status": "received" if text.inbound else "queued",
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": text.to,
            "uri": f"{path}.json",
        }


def _fits(text: Text, query: Mapping[str, str]) -> bool:
    """Tell whether a list with these filters shows a message; times count by the second."""
    at = text.at.replace(microsecond=0)
    return (
        query.get("To", text.to) == text.to
        and at >= datetime.fromisoformat(query.get("DateSent>", "1970-01-01T00:00:00Z"))
        and at <= datetime.fromisoformat(query.get("DateSent<", "9999-01-01T00:00:00Z"))
    )


def _filled(template: str, values: str) -> str:
    for name, value in json.loads(values).items():
        template = template.replace(f"{{{{{name}}}}}", value)
    return template


def _is_number(written: str) -> bool:
    written = written.removeprefix("whatsapp:")
    return written[:1] == "+" and written[1:].isdigit() and 8 <= len(written) <= 16


def _error(status: int, code: int, message: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return web.json_response(body, status=status)
