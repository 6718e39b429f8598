"""A Telegram for the demo and the tests: a local double of the Bot API, and citizens who write.

Takes what our channel sends and brings what a citizen writes, as https://core.telegram.org/bots/api
documents it: an update waits until a webhook answers 2xx or a poll asks for what comes after it.
Nothing happens by itself: who wants Telegram to try a webhook again says ``deliver``. Listens on
loopback only.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web

Json = dict[str, Any]
LONGEST = 4096
MOST = 100
_SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the bot wrote."""

    chat: int
    text: str
    message_id: int
    reply_to: int | None
    parameters: Mapping[str, Any]

    @property
    def buttons(self) -> list[Json]:
        """The buttons below it, row by row."""
        return _buttons(self.parameters.get("reply_markup"))


class Declined(Exception):
    """An error of the Bot API: status, description and parameters."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.parameters = parameters


class BotServer:
    """Carries messages of one bot both ways; use as ``async with``, then ``url`` is its API."""

    def __init__(self, token: str, username: str = "lapor_bot") -> None:
        self.token = token
        self.id = int(token.partition(":")[0])
        self.username = username
        self.url = ""
        self.sent: list[Sent] = []
        """What the bot wrote, oldest first."""
        self.settled: list[str] = []
        """Callback queries that the bot answered."""
        self.files: dict[str, bytes] = {}
        """What citizens sent, by file id."""
        self.waiting: list[Json] = []
        """Updates that nobody took yet."""
        self.blocked: set[int] = set()
        self.moved: dict[int, int] = {}
        """Groups that became supergroups: old id, new id."""
        self.busy: list[int] = []
        """For each of the next calls of sendMessage: the seconds to wait, answered with 429."""
        self.webhook: Json = {}
        self._chats: set[int] = set()
        self._update, self._message = 100_000, 0
        self._poll = 0
        self._allowed: set[str] = set()
        self._failed: tuple[int, str] | None = None
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.route("*", "/bot{token}/{method}", self._call),
                web.get("/file/bot{token}/{path:.+}", self._file),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        self._client = ClientSession(timeout=ClientTimeout(total=15))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def wait_for(self, fits: Callable[[Sent], bool], within: float = 30.0) -> Sent:
        """Return the first message that fits, as soon as it is there. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            while (found := next(filter(fits, self.sent), None)) is None:
                await self._news.wait()
        return found

    async def called(self, within: float = 30.0) -> None:
        """Wait until the bot has a webhook. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: bool(self.webhook))

    async def polled(self, within: float = 30.0) -> None:
        """Wait until the bot polls for the first time. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: self._poll > 0)

    def message(
        self, user: int, text: str | None = None, *, group: int | None = None, **more: Any
    ) -> Json:
        """Compose a message of a citizen, in private or in a group; ``more`` are its fields."""
        self._message += 1
        who = {"id": user, "is_bot": False, "first_name": "Warga", "language_code": "id"}
        private = {"id": user, "type": "private", "first_name": "Warga"}
        chat: Json = private if group is None else _group(group)
        self._chats.add(chat["id"])
        said = {"message_id": self._message, "from": who, "chat": chat, "date": _now()}
        return said | ({} if text is None else {"text": text}) | more

    async def say(self, user: int, text: str | None = None, **more: Any) -> int:
        """Let a citizen write; returns what ``bring`` does."""
        return await self.bring(message=self.message(user, text, **more))

    async def edit(self, message: Json, **changes: Any) -> int:
        """Let a citizen change a message; returns what ``bring`` does."""
        return await self.bring(edited_message={**message, "edit_date": _now(), **changes})

    async def press(self, user: int, sent: Sent, data: str) -> int:
        """Let a citizen press a button below a message of the bot."""
        keyboard = sent.parameters.get("reply_markup")
        said = self.message(user, sent.text, reply_markup=keyboard) | {
            "message_id": sent.message_id,
            "from": self._me(),
        }
        who = {"id": user, "is_bot": False, "first_name": "Warga"}
        query = {"id": str(self._update + 7), "from": who, "chat_instance": "1"}
        return await self.bring(callback_query={**query, "message": said, "data": data})

    async def tap(self, user: int, sent: Sent, label: str) -> int:
        """Let a citizen press the button with this label. Raises ``StopIteration``."""
        data = next(each["callback_data"] for each in sent.buttons if each["text"] == label)
        return await self.press(user, sent, data)

    async def bring(self, **content: Json) -> int:
        """Make an update; returns the status that a webhook answered, 0 where none is set."""
        self._update += 1
        if not self._allowed or self._allowed >= content.keys():
            async with self._news:
                self.waiting.append({"update_id": self._update, **content})
                self._news.notify_all()
        return await self.deliver() if self.webhook else 0

    async def deliver(self, *, forge: bool = False) -> int:
        """Bring the webhook what is waiting, until it fails; returns the last status, or 0.

        ``forge`` sends another secret than the one that was set.
        """
        status = 0
        secret = "forged" if forge else self.webhook.get("secret_token")
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        for update in list(self.waiting):
            try:
                async with self._client.post(
                    self.webhook["url"], json=update, headers=headers
                ) as answer:
                    status = answer.status
            except ClientError:
                status = 0
            if not 200 <= status < 300:
                said = f"{status} {HTTPStatus(status).phrase}" if status else "Connection refused"
                self._failed = _now(), f"Wrong response from the webhook: {said}"
                break
            self.waiting.remove(update)
        return status

    async def _call(self, request: web.Request) -> web.Response:
        method = self._methods().get(request.match_info["method"].lower())
        try:
            self._check(request.match_info["token"])
            if method is None:
                raise Declined(404, "Not Found")
            result = method(await _parameters(request))
            if asyncio.iscoroutine(result):
                result = await result
        except Declined as error:
            body = {"ok": False, "error_code": error.status, "description": str(error)}
            more = {"parameters": error.parameters} if error.parameters else {}
            return web.json_response(body | more, status=error.status)
        return web.json_response({"ok": True, "result": result})

    def _methods(self) -> Mapping[str, Callable[[Json], Any]]:
        return {
            "answercallbackquery": self._settle,
            "deletewebhook": self._delete_webhook,
            "getfile": self._get_file,
            "getme": lambda _: self._me() | {"can_join_groups": True},
            "getupdates": self._get_updates,
            "getwebhookinfo": lambda _: self._webhook_info(),
            "sendmessage": self._send,
            "setwebhook": self._set_webhook,
        }

    def _check(self, token: str) -> None:
        if token != self.token:
            formed = re.fullmatch(r"\d+:[\w-]+", token)
            raise Declined(*((401, "Unauthorized") if formed else (404, "Not Found")))

    def _me(self) -> Json:
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": "Lapor",
            "username": self.username,
        }

    async def _get_updates(self, given: Json) -> list[Json]:
        if self.webhook:
            raise Declined(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        self._allow(given)
        offset = int(given.get("offset", 0))
        limit = min(max(int(given.get("limit", MOST)), 1), MOST)
        if offset < 0:
            self.waiting = self.waiting[offset:]
        self.waiting = [each for each in self.waiting if each["update_id"] >= offset]
        self._poll += 1
        mine = self._poll
        async with self._news:
            self._news.notify_all()
            ready = self._news.wait_for(lambda: self.waiting or self._poll != mine)
            try:
                await asyncio.wait_for(ready, int(given.get("timeout", 0)) or 0.01)
            except TimeoutError:
                return []
        if self._poll != mine:
            raise Declined(
                409,
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
            )
        return self.waiting[:limit]

    async def _set_webhook(self, given: Json) -> bool:
        url = given.get("url", "")
        if not url:
            return self._delete_webhook(given)
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname != "127.0.0.1":
            raise Declined(
                400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
            )
        if not _SECRET.fullmatch(given.get("secret_token", "")):
            raise Declined(400, "Bad Request: secret token contains unallowed characters")
        self._allow(given)
        self._failed = None
        async with self._news:
            self.webhook = {"max_connections": 40, **given}
            self._news.notify_all()
        return True

    def _delete_webhook(self, given: Json) -> bool:
        self.webhook = {}
        if given.get("drop_pending_updates") in (True, "true", "True"):
            self.waiting.clear()
        return True

    def _allow(self, given: Json) -> None:
        if "allowed_updates" in given:
            self._allowed = set(_value(given["allowed_updates"]))

    def _webhook_info(self) -> Json:
        told = {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self.waiting),
        }
        if self.webhook:
            told["max_connections"] = int(self.webhook["max_connections"])
        if self._failed:
            told |= {"last_error_date": self._failed[0], "last_error_message": self._failed[1]}
        return told

    async def _send(self, given: Json) -> Json:
        chat, text = self._chat(given), str(given.get("text", ""))
        for fault, status, words in (
            (chat in self.blocked, 403, "Forbidden: bot was blocked by the user"),
            (not text.strip(), 400, "Bad Request: message text is empty"),
            (len(text) > LONGEST, 400, "Bad Request: message is too long"),
            (not _can_be_pressed(given), 400, "Bad Request: BUTTON_DATA_INVALID"),
        ):
            if fault:
                raise Declined(status, words)
        if self.busy:
            seconds = self.busy.pop(0)
            raise Declined(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        reply = _value(given.get("reply_parameters", {}))
        answered = reply.get("message_id")
        if answered is not None and not 0 < answered <= self._message:
            if not reply.get("allow_sending_without_reply"):
                raise Declined(400, "Bad Request: message to be replied not found")
            answered = None
        self._message += 1
        sent = Sent(chat, text, self._message, answered, {k: _value(v) for k, v in given.items()})
        async with self._news:
            self.sent.append(sent)
            self._news.notify_all()
        kind = "private" if chat > 0 else "supergroup"
        return {
            "message_id": sent.message_id,
            "from": self._me(),
            "chat": {"id": chat, "type": kind},
            "date": _now(),
            "text": text,
        }

    def _chat(self, given: Json) -> int:
        written = str(given.get("chat_id", ""))
        if not written:
            raise Declined(400, "Bad Request: chat_id is empty")
        chat = int(written) if re.fullmatch(r"-?\d+", written) else 0
        if chat in self.moved:
            raise Declined(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.moved[chat],
            )
        if chat not in self._chats | set(self.moved.values()):
            raise Declined(400, "Bad Request: chat not found")
        return chat

    def _settle(self, given: Json) -> bool:
        if not given.get("callback_query_id"):
            raise Declined(400, "Bad Request: query is too old and response timeout expired")
        self.settled.append(given["callback_query_id"])
        return True

    def _get_file(self, given: Json) -> Json:
        name = given.get("file_id", "")
        if name not in self.files:
            raise Declined(400, "Bad Request: invalid file_id")
        size = len(self.files[name])
        if size > 20 * 2**20:
            raise Declined(400, "Bad Request: file is too big")
        path = f"files/{name}"
        return {"file_id": name, "file_unique_id": name, "file_size": size, "file_path": path}

    async def _file(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["path"].removeprefix("files/"))
        if request.match_info["token"] != self.token or found is None:
            return web.json_response(
                {"ok": False, "error_code": 404, "description": "Not Found"}, status=404
            )
        return web.Response(body=found)


def _buttons(markup: Any) -> list[Json]:
    rows = (_value(markup) or {}).get("inline_keyboard", []) if markup else []
    return [button for row in rows for button in row]


def _can_be_pressed(given: Json) -> bool:
    """Tell whether each button has a label, and 1 to 64 bytes to carry."""
    buttons = _buttons(given.get("reply_markup"))
    sizes = [len(str(each.get("callback_data", "")).encode()) for each in buttons]
    return all(each.get("text") for each in buttons) and all(0 < size <= 64 for size in sizes)


async def _parameters(request: web.Request) -> Json:
    """Read parameters from the query, a form, or JSON."""
    given: Json = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        body: Json = await request.json()
        return given | body
    return given | dict(await request.post())


def _value(given: Any) -> Any:
    """Read a parameter that a form carries as JSON."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        return given


def _group(chat: int) -> Json:
    return {"id": chat, "type": "group", "title": "RT 05"}


def _now() -> int:
    return int(datetime.now(UTC).timestamp())
