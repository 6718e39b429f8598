"""Updates as Telegram writes them, and the channel that reads them."""

import json
from datetime import timedelta
from typing import Any

from aiohttp import web

from adapters.contract import Inbound, WebhookRequest
from adapters.telegram.channel import Telegram
from demo.telegram_double import Json
from tests.adapters.examples import BOT_SECRET, BOT_TOKEN, PUBLIC_URL, build

BOT = int(BOT_TOKEN.partition(":")[0])
CITIZEN, NEIGHBOUR, GROUP, SUPERGROUP = 620011, 620012, -4001, -1004001
HEADER = "x-telegram-bot-api-secret-token"
HOUR = timedelta(hours=1)


def telegram(**changes: Any) -> Telegram:
    channel = build("telegram", **changes)
    assert isinstance(channel, Telegram)
    return channel


def message(text: str | None = None, **more: Any) -> Json:
    """Compose a private message as Telegram writes it."""
    said = {
        "message_id": 41,
        "from": {"id": CITIZEN, "is_bot": False, "first_name": "Sri", "last_name": "W"},
        "chat": {"id": CITIZEN, "first_name": "Sri", "last_name": "W", "type": "private"},
        "date": 1795395600,
    }
    return said | ({} if text is None else {"text": text}) | more


def in_group(text: str | None = None, **more: Any) -> Json:
    return message(text, chat={"id": GROUP, "title": "Warga RT 05", "type": "supergroup"}, **more)


def hook(content: Json | list[Any] | str, **headers: str) -> WebhookRequest:
    """Dress an update as Telegram's call."""
    body = content if isinstance(content, str) else json.dumps(content)
    sent = {"content-type": "application/json", HEADER: BOT_SECRET, **headers}
    return WebhookRequest(f"{PUBLIC_URL}/in/telegram", sent, body.encode())


def read_all(**content: Json) -> list[Inbound]:
    found = telegram().parse(hook({"update_id": 9001, **content}))
    assert all(isinstance(said, Inbound) for said in found)
    return [said for said in found if isinstance(said, Inbound)]


def read(**content: Json) -> Inbound:
    (said,) = read_all(**content)
    return said


def photo(name: str, **more: Any) -> list[Json]:
    sizes = [(90, 1_000), (1280, 150_000), (320, 9_000)]
    return [
        {"file_id": f"{name}-{w}", "file_unique_id": f"{name}{w}", "width": w, "height": w}
        | {"file_size": size}
        | more
        for w, size in sizes
    ]


def media(name: str, size: int = 5_000, **more: Any) -> Json:
    return {"file_id": f"AgAC-{name}", "file_unique_id": name, "file_size": size, **more}


def answered(to: Json) -> Json:
    return {"message_id": 40, "from": to, "chat": {"id": CITIZEN, "type": "private"}, "date": 1}


def nested(depth: int) -> Json:
    """Compose a message that answers a message that answers a message, and so on."""
    said = message("x")
    for _ in range(depth):
        said = message("x", reply_to_message=said)
    return said


class Answering:
    """A host that gives one answer to everything; use as ``async with``."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers=self.headers)


def error_body(status: int, description: str, **parameters: Any) -> bytes:
    said = {"ok": False, "error_code": status, "description": description}
    return json.dumps(said | ({"parameters": parameters} if parameters else {})).encode()


OURS = {"id": BOT, "is_bot": True, "first_name": "Lapor", "username": "lapor_bot"}


def pressed(data: str | None, asked: Json | None, user: int = CITIZEN) -> Json:
    who = {"id": user, "is_bot": False, "first_name": "Sri"}
    query = {"id": "77", "from": who, "chat_instance": "1", "data": data, "message": asked}
    return {name: value for name, value in query.items() if value is not None}
