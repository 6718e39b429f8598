"""The demo's Telegram is held to the Bot API's documents by a client that others wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters, Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from demo.telegram_double import BotServer, Sent
from tests.adapters.doubles import Door
from tests.adapters.examples import BOT_SECRET, BOT_TOKEN

BOT = int(BOT_TOKEN.partition(":")[0])
CITIZEN, GROUP, SUPERGROUP = 620011, -4001, -1004001


@pytest.fixture(autouse=True)
def _new_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # without it every 429 is a warning


@pytest.fixture
async def server() -> AsyncIterator[BotServer]:
    async with BotServer(BOT_TOKEN) as server:
        yield server


@pytest.fixture
async def bot(server: BotServer) -> AsyncIterator[Bot]:
    async with client(server, BOT_TOKEN) as bot:
        yield bot


def client(server: BotServer, token: str) -> Bot:
    """The library's own bot, with its own HTTP client."""
    urls = f"{server.url}/bot", f"{server.url}/file/bot"
    return Bot(token, *urls, HTTPXRequest(), HTTPXRequest())


async def test_the_bot_says_who_it_is(bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.id, me.username, me.is_bot) == (BOT, "lapor_bot", True)


@pytest.mark.parametrize("token", ["170800:another", "1:x"])
async def test_a_wrong_token_is_refused(server: BotServer, token: str) -> None:
    with pytest.raises(InvalidToken):
        async with client(server, token):
            pass


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("/bot1:x/getMe", 401, "Unauthorized"),
        ("/botnothing/getMe", 404, "Not Found"),
        (f"/bot{BOT_TOKEN}/getNothing", 404, "Not Found"),
        (f"/bot{BOT_TOKEN}/sendMessage", 400, "Bad Request: chat_id is empty"),
        (f"/bot{BOT_TOKEN}/sendMessage?chat_id=5", 400, "Bad Request: chat not found"),
        (f"/bot{BOT_TOKEN}/sendMessage?chat_id=x", 400, "Bad Request: chat not found"),
    ],
)
async def test_errors_have_the_documented_shape(
    server: BotServer, path: str, status: int, description: str
) -> None:
    async with ClientSession() as http:
        for method in ("GET", "POST"):
            async with http.request(method, server.url + path) as answer:
                body = await answer.json()
                assert answer.status == status
            assert body == {"ok": False, "error_code": status, "description": description}


async def test_methods_are_found_in_any_case_and_take_json(server: BotServer) -> None:
    await server.say(CITIZEN, "halo")
    url = f"{server.url}/bot{BOT_TOKEN}/SENDmessage"
    async with (
        ClientSession() as http,
        http.post(url, json={"chat_id": CITIZEN, "text": "x"}) as answer,
    ):
        body = await answer.json()
    assert body["ok"] is True
    assert body["result"]["chat"] == {"id": CITIZEN, "type": "private"}


async def test_updates_wait_until_what_comes_after_them_is_asked_for(
    server: BotServer, bot: Bot
) -> None:
    for n in range(3):
        await server.say(CITIZEN, f"pesan {n}")
    assert [u.message.text for u in await bot.get_updates(timeout=0) if u.message] == [
        "pesan 0", "pesan 1", "pesan 2"
    ]  # fmt: skip
    first = (await bot.get_updates(limit=1, timeout=0))[0]
    rest = await bot.get_updates(offset=first.update_id + 1, timeout=0)
    assert [update.update_id - first.update_id for update in rest] == [1, 2]
    assert await bot.get_updates(timeout=0) == rest, "the first is forgotten"
    assert await bot.get_updates(offset=-1, timeout=0) == rest[-1:]
    assert await bot.get_updates(timeout=0) == rest[-1:], "a negative offset forgets the others"


async def test_a_long_poll_ends_when_somebody_writes(server: BotServer, bot: Bot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=10))
    await server.polled()
    await server.say(CITIZEN, "halo")
    (update,) = await waiting
    assert update.message
    assert update.message.date.tzinfo is not None


async def test_of_two_that_poll_the_first_is_sent_away(server: BotServer, bot: Bot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=10))
    await server.polled()
    async with client(server, BOT_TOKEN) as other:
        assert await other.get_updates(timeout=0) == ()
    with pytest.raises(Conflict, match="only one bot instance"):
        await waiting


async def test_a_webhook_gets_updates_with_its_secret_and_ends_polling(
    server: BotServer, bot: Bot
) -> None:
    async with Door((200, {}), (503, {}), (200, {})) as door:
        url = f"{door.public_url}/in/telegram"
        await bot.set_webhook(url, secret_token=BOT_SECRET, max_connections=7)
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates(timeout=0)
        assert await server.say(CITIZEN, "satu") == 200
        assert await server.say(CITIZEN, "dua") == 503
        info = await bot.get_webhook_info()
        assert (info.url, info.pending_update_count, info.max_connections) == (url, 1, 7)
        assert info.last_error_date
        assert abs((datetime.now(UTC) - info.last_error_date).total_seconds()) < 60
        assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"
        assert await server.deliver() == 200
        hooks = [await door.take() for _ in range(3)]
    assert {hook.headers["x-telegram-bot-api-secret-token"] for hook in hooks} == {BOT_SECRET}
    assert hooks[1].body == hooks[2].body, "what failed is brought again as it was"
    assert (await bot.get_webhook_info()).pending_update_count == 0
    await bot.delete_webhook()
    assert (await bot.get_webhook_info()).url == ""


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("http://lapor.example/in/x", "x", "(?i)https url must be provided"),
        ("https://lapor.example/in/x", "a b", "unallowed characters"),
        ("https://lapor.example/in/x", "a" * 257, "unallowed characters"),
    ],
)
async def test_a_webhook_must_be_fit(bot: Bot, url: str, secret: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        await bot.set_webhook(url, secret_token=secret)


async def test_waiting_updates_survive_a_change_of_way_unless_dropped(
    server: BotServer, bot: Bot
) -> None:
    await server.say(CITIZEN, "halo")
    await bot.set_webhook("https://lapor.example/in/x")
    await bot.delete_webhook()
    assert len(await bot.get_updates(timeout=0)) == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates(timeout=0) == ()


async def test_only_the_kinds_that_were_asked_for_come(server: BotServer, bot: Bot) -> None:
    await bot.get_updates(timeout=0, allowed_updates=[Update.MESSAGE])
    said = server.message(CITIZEN, "halo")
    await server.bring(message=said)
    await server.edit(said, text="halo!")
    (update,) = await bot.get_updates(timeout=0)
    assert update.message


async def test_what_the_bot_writes_is_carried(server: BotServer, bot: Bot) -> None:
    await server.say(CITIZEN, "halo")
    waiting = asyncio.create_task(server.wait_for(lambda sent: sent.text == "dua"))
    reply = ReplyParameters(1)
    await bot.send_message(CITIZEN, "satu", reply_parameters=reply)
    message = await bot.send_message(CITIZEN, "dua")
    assert (await waiting).message_id == message.message_id
    assert [(sent.text, sent.reply_to) for sent in server.sent] == [("satu", 1), ("dua", None)]
    with pytest.raises(TimeoutError):
        await server.wait_for(lambda sent: sent.text == "tiga", within=0.01)


BUSY = {"busy": [7]}
BLOCKED = {"blocked": {CITIZEN}}
MOVED = {"moved": {CITIZEN: SUPERGROUP}}


@pytest.mark.parametrize(
    ("data", "fits"),
    [("1", True), ("x" * 64, True), ("", False), ("x" * 65, False), ("é" * 33, False)],
)
async def test_a_button_carries_1_to_64_bytes(
    server: BotServer, bot: Bot, data: str, fits: bool
) -> None:
    await server.say(CITIZEN, "halo")
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("Ya", callback_data=data)]])
    with nullcontext() if fits else pytest.raises(BadRequest, match=r"(?i)button_data_invalid"):
        await bot.send_message(CITIZEN, "?", reply_markup=markup)
    assert [each["text"] for sent in server.sent for each in sent.buttons] == ["Ya"] * fits


@pytest.mark.parametrize(
    ("state", "text", "error"),
    [
        ({}, " ", BadRequest),
        ({}, "x" * 4097, BadRequest),
        (BLOCKED, "x", Forbidden),
        (MOVED, "x", ChatMigrated),
        (BUSY, "x", RetryAfter),
    ],
)
async def test_the_library_knows_its_errors(
    server: BotServer, bot: Bot, state: dict[str, Any], text: str, error: type[TelegramError]
) -> None:
    await server.say(CITIZEN, "halo")
    for name, value in state.items():
        setattr(server, name, value)
    with pytest.raises(error) as raised:
        await bot.send_message(CITIZEN, text)
    assert type(raised.value) is error
    if isinstance(raised.value, ChatMigrated):
        assert raised.value.new_chat_id == SUPERGROUP
    if isinstance(raised.value, RetryAfter):
        assert raised.value._retry_after.total_seconds() == 7
    assert server.sent == []


async def test_a_reply_to_nothing_is_an_error_unless_it_need_not_be_one(
    server: BotServer, bot: Bot
) -> None:
    await server.say(CITIZEN, "halo")
    with pytest.raises(BadRequest, match="not found"):
        await bot.send_message(CITIZEN, "x", reply_parameters=ReplyParameters(99))
    forgiving = ReplyParameters(99, allow_sending_without_reply=True)
    await bot.send_message(CITIZEN, "x", reply_parameters=forgiving)
    assert server.sent[0].reply_to is None


async def test_the_library_reads_all_that_citizens_do(server: BotServer, bot: Bot) -> None:
    await server.say(CITIZEN, "/lapor banjir", group=GROUP)
    said = server.message(CITIZEN, "jalan rusak")
    await server.bring(message=said)
    await server.edit(said, text="jalan rusak parah")
    await server.press(CITIZEN, Sent(CITIZEN, "Yang mana?", 3, None, {}), "ya")
    group, private, edit, press = await bot.get_updates(timeout=0)
    assert group.message
    assert (group.message.chat.id, group.message.chat.type) == (GROUP, "group")
    assert private.message
    assert edit.edited_message
    assert edit.edited_message.message_id == private.message.message_id
    assert edit.edited_message.edit_date
    assert press.callback_query
    assert (press.callback_query.data, press.callback_query.from_user.id) == ("ya", CITIZEN)
    await bot.answer_callback_query(press.callback_query.id)
    assert server.settled == [press.callback_query.id]


async def test_files_are_fetched_in_two_steps(server: BotServer, bot: Bot) -> None:
    server.files["AgAC-1"] = b"\xff\xd8 a picture"
    file = await bot.get_file("AgAC-1")
    assert file.file_size == 12
    assert bytes(await file.download_as_bytearray()) == b"\xff\xd8 a picture"
    with pytest.raises(BadRequest):
        await bot.get_file("AgAC-2")
