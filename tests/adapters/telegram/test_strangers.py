"""A Telegram that strangers wrote and our own double: one conversation goes the same with both.

The package ``telegram-test-api`` knows getUpdates, sendMessage, callbacks and setWebhook, but no
secret, no offset, no files and no errors; those are held to the documents in
``test_telegram_double``. Its dates of sent messages are milliseconds.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from aiohttp import ClientSession

from adapters.contract import Forged, Inbound, Outgoing, WebhookRequest
from adapters.telegram.channel import Telegram
from demo.telegram_double import BotServer, Json
from tests import node
from tests.adapters.doubles import Door
from tests.adapters.examples import BOT_TOKEN, build

CITIZEN = 620011
CHOICES = ("Anonim", "Rahasia")


class World(Protocol):
    """A Telegram, and the one citizen in it."""

    url: str

    async def say(self, text: str) -> None: ...
    async def read(self) -> Json: ...
    async def press(self, asked: Json, label: str) -> None: ...


class Ours:
    """Our own double."""

    def __init__(self, server: BotServer) -> None:
        self.server, self.url = server, server.url

    async def say(self, text: str) -> None:
        await self.server.say(CITIZEN, text)

    async def read(self) -> Json:
        sent = self.server.sent[-1]
        return {"message_id": sent.message_id, **sent.parameters}

    async def press(self, asked: Json, label: str) -> None:
        await self.server.tap(CITIZEN, self.server.sent[-1], label)


class Theirs:
    """What strangers wrote; its client's calls, as its documentation shows them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._who = {"id": CITIZEN, "first_name": "Warga", "username": "warga", "is_bot": False}
        self._chat = {"id": CITIZEN, "type": "private", "first_name": "Warga"}

    async def say(self, text: str) -> None:
        await self._call("sendMessage", text=text, date=1795395600, chat=self._chat)

    async def read(self) -> Json:
        found = await self._call("getUpdates", token=BOT_TOKEN, chatId=CITIZEN)
        newest = found["result"][-1]
        said = {"message_id": newest["messageId"], **newest["message"]}
        return said | {"reply_parameters": json.loads(said["reply_parameters"])}

    async def press(self, asked: Json, label: str) -> None:
        buttons = asked["reply_markup"]["inline_keyboard"]
        data = next(b["callback_data"] for row in buttons for b in row if b["text"] == label)
        below = {"message_id": asked["message_id"], "chat": self._chat, "date": 1795395600}
        below["reply_markup"] = asked["reply_markup"]
        await self._call("sendCallback", message=below, data=data)

    async def _call(self, method: str, **fields: Any) -> Json:
        body = {"botToken": BOT_TOKEN, "from": self._who, **fields}
        async with ClientSession() as http, http.post(f"{self.url}/{method}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            found: Json = await answer.json()
        return found


@asynccontextmanager
async def ours() -> AsyncIterator[World]:
    async with BotServer(BOT_TOKEN) as server:
        yield Ours(server)


@asynccontextmanager
async def theirs() -> AsyncIterator[World]:
    port = node.free_port()
    async with node.running(node.HOME / "telegram.cjs", str(port), ready=b"Ready."):
        yield Theirs(f"http://127.0.0.1:{port}")


def channel(world: World, door: Door, **changes: Any) -> Telegram:
    found = build("telegram", public_url=door.public_url, api_base=world.url, **changes)
    assert isinstance(found, Telegram)
    return found


async def conversation(
    start: Callable[[], AbstractAsyncContextManager[World]],
) -> list[tuple[object, ...]]:
    """Talk by polling, then by webhook; return what our channel and the citizen noticed."""
    async with start() as world, Door() as door:
        poller = channel(world, door, mode="polling", secret_token=None, poll_timeout=0)
        await world.say("SAMARINDA jalan rusak 💡")
        page = await poller.poll("")
        (said,) = page.items
        assert isinstance(said, Inbound)
        answer = Outgoing("1", "Laporan 4821-0937-5514.", thread=said.thread, choices=CHOICES)
        name = await poller.send(said.sender.address, answer)
        asked = await world.read()
        await world.press(asked, "Rahasia")
        page = await poller.poll(page.cursor)
        (pressed,) = page.items
        assert isinstance(pressed, Inbound)
        assert (await poller.poll(page.cursor)).items == ()
        called = channel(world, door)
        await called._listen(called.hook_url, None)
        await world.say("lewat webhook")
        hook = await door.take()
        (hooked,) = called.parse(hook)
        assert isinstance(hooked, Inbound)
        proven = _is_proven(called, hook)
        await poller.close()
        await called.close()
    noticed: list[tuple[object, ...]] = [
        *((each.sender, each.account, each.text, each.notes) for each in (said, pressed, hooked)),
        (asked["text"], str(asked["chat_id"]), asked["reply_markup"], asked["reply_parameters"]),
        (name in pressed.thread, hook.url.removeprefix(door.public_url)),
    ]
    assert proven is (start is ours), "strangers send no secret, and are refused for it"
    return noticed


def _is_proven(called: Telegram, hook: WebhookRequest) -> bool:
    try:
        called.verify(hook)
    except Forged:
        return False
    return True


async def test_a_conversation_goes_the_same_with_both() -> None:
    noticed = await conversation(ours)
    assert noticed == await conversation(theirs)
    texts = [each[2] for each in noticed[:3]]
    assert texts == ["SAMARINDA jalan rusak 💡", "Rahasia", "lewat webhook"]
    assert noticed[-1] == (True, "/in/telegram")
