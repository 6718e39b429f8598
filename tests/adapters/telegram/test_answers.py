"""Answers to citizens, the files they sent, and what Telegram says when it does not work."""

import json
import logging

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    ChannelError,
    Inbound,
    OptedOut,
    Outgoing,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from adapters.telegram.api import BLOCKED, MENDABLE, MOST_BUTTONS, REFUSALS
from adapters.telegram.api import keyboard as buttons
from adapters.telegram.channel import Telegram, fit_text
from demo.telegram_double import BotServer
from tests.adapters.examples import BOT_SECRET, BOT_TOKEN
from tests.adapters.telegram.updates import (
    BOT,
    CITIZEN,
    GROUP,
    NEIGHBOUR,
    SUPERGROUP,
    Answering,
    error_body,
    media,
    message,
    pressed,
    read,
    telegram,
)

# Answers.


async def test_an_answer_replies_to_the_message_it_answers(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "jalan rusak")
    (said,) = (await bot.poll("")).items
    assert isinstance(said, Inbound)
    name = await bot.send(
        said.sender.address, Outgoing("1", "Terima kasih 🙏", thread=(*said.thread, "100001"))
    )
    (sent,) = server.sent
    assert (sent.chat, sent.text, sent.reply_to) == (CITIZEN, "Terima kasih 🙏", 1)
    assert name == f"{BOT}/{CITIZEN}/{sent.message_id}"
    assert "parse_mode" not in sent.parameters, "what looks like markup is sent as it is"
    assert sent.parameters["link_preview_options"] == {"is_disabled": True}


async def test_an_answer_that_was_sent_is_sent_whatever_else_is_said_of_it() -> None:
    result = {"message_id": 5, "chat": {"id": CITIZEN, "type": "private"}, "date": 1795395600000}
    async with Answering(200, json.dumps({"ok": True, "result": result}).encode()) as url:
        channel = telegram(api_base=url)
        assert await channel.send(str(CITIZEN), Outgoing("1", "x")) == f"{BOT}/{CITIZEN}/5"
        await channel.close()


async def test_a_reply_to_the_answer_names_it(server: BotServer, bot: Telegram) -> None:
    await server.say(CITIZEN, "jalan rusak")
    name = await bot.send(str(CITIZEN), Outgoing("1", "Di mana?"))
    asked = server.message(BOT, "Di mana?") | {"message_id": server.sent[0].message_id}
    await server.say(CITIZEN, "Tenggarong", reply_to_message=asked)
    said = (await bot.poll("")).items[-1]
    assert isinstance(said, Inbound)
    assert name in said.thread


@pytest.mark.parametrize(
    "thread",
    [
        (),
        ("100001",),
        (f"{BOT}/{NEIGHBOUR}/1",),
        (f"999/{CITIZEN}/1",),
        (f"{BOT}/{CITIZEN}/album-1",),
        ("<mail@x>",),
    ],
)
async def test_without_a_message_of_that_chat_the_answer_stands_alone(
    server: BotServer, bot: Telegram, thread: tuple[str, ...]
) -> None:
    await server.say(CITIZEN, "x")
    await bot.send(str(CITIZEN), Outgoing("1", "halo", thread=thread))
    assert server.sent[0].reply_to is None


async def test_an_answer_to_a_message_that_is_gone_is_sent_all_the_same(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "x")
    await bot.send(str(CITIZEN), Outgoing("1", "halo", thread=(f"{BOT}/{CITIZEN}/999",)))
    assert server.sent[0].reply_to is None


async def test_in_a_group_the_answer_goes_to_the_group(server: BotServer, bot: Telegram) -> None:
    await server.say(CITIZEN, "/lapor banjir", group=GROUP)
    (said,) = (await bot.poll("")).items
    assert isinstance(said, Inbound)
    await bot.send(said.sender.address, Outgoing("1", "halo", thread=said.thread))
    assert (server.sent[0].chat, server.sent[0].reply_to) == (GROUP, 1)


async def test_an_answer_follows_a_group_that_moved(server: BotServer, bot: Telegram) -> None:
    await server.say(CITIZEN, "/lapor banjir", group=GROUP)
    server.moved[GROUP] = SUPERGROUP
    name = await bot.send(f"{CITIZEN}@{GROUP}", Outgoing("1", "halo", thread=(f"{BOT}/{GROUP}/1",)))
    assert (server.sent[0].chat, server.sent[0].reply_to) == (SUPERGROUP, None)
    assert name.startswith(f"{BOT}/{SUPERGROUP}/")


async def test_a_pressed_button_stops_waiting_when_it_is_answered(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "x")
    await bot.send(str(CITIZEN), Outgoing("1", "Yang mana?"))
    await server.press(CITIZEN, server.sent[0], "Kota Bandung")
    said = (await bot.poll("")).items[-1]
    assert isinstance(said, Inbound)
    assert said.text == "Kota Bandung"
    await bot.send(str(CITIZEN), Outgoing("2", "Baik.", thread=said.thread))
    assert [f"{BOT}/callback/{query}" for query in server.settled] == [said.thread[-1]]
    await bot.send(str(CITIZEN), Outgoing("3", "Baik.", thread=(f"{BOT}/callback/",)))
    assert len(server.sent) == 3, "a button that is too old keeps no answer back"


@pytest.mark.parametrize(
    ("text", "most", "fits"),
    [
        ("pendek", 10, "pendek"),
        ("a" * 4096, 4096, "a" * 4096),
        ("satu dua tiga", 10, "satu dua…"),
        ("a" * 20, 10, "a" * 9 + "…"),
        ("💡" * 20, 10, "💡" * 4 + "…"),
    ],
)
def test_long_answers_are_cut_at_a_word_in_telegrams_measure(
    text: str, most: int, fits: str
) -> None:
    assert fit_text(text, most) == fits
    assert len(fits.encode("utf-16-le")) <= 2 * most


async def test_an_answer_is_never_too_long(server: BotServer, bot: Telegram) -> None:
    await server.say(CITIZEN, "x")
    await bot.send(str(CITIZEN), Outgoing("1", "kata " * 2000))
    assert len(server.sent[0].text) <= 4096


async def test_a_citizen_who_blocked_us_is_not_written_to_again(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "x")
    server.blocked.add(CITIZEN)
    with pytest.raises(OptedOut, match="blocked") as raised:
        await bot.send(str(CITIZEN), Outgoing("1", "halo"))
    assert (raised.value.until, raised.value.retryable) == ("writes", False)


CHOICES = ("Tambahan laporan 4821-0937-5514", "Laporan baru")


async def test_likely_answers_are_buttons_and_a_pressed_one_is_what_it_says(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "x")
    name = await bot.send(str(CITIZEN), Outgoing("1", "Yang mana?", choices=CHOICES))
    (sent,) = server.sent
    rows = sent.parameters["reply_markup"]["inline_keyboard"]
    assert [[button["text"] for button in row] for row in rows] == [[each] for each in CHOICES]
    for label in CHOICES:
        await server.tap(CITIZEN, sent, label)
        said = (await bot.poll("")).items[-1]
        assert isinstance(said, Inbound)
        assert (said.text, said.thread[0]) == (label, name)
    gone = {"message_id": sent.message_id, "chat": message()["chat"], "date": 0}
    data = sent.buttons[1]["callback_data"]
    assert read(callback_query=pressed(data, gone)).text == "2", "as an SMS would say it"


async def test_an_answer_without_choices_has_no_buttons(server: BotServer, bot: Telegram) -> None:
    await server.say(CITIZEN, "x")
    await bot.send(str(CITIZEN), Outgoing("1", "halo"))
    assert "reply_markup" not in server.sent[0].parameters


@given(st.lists(st.text(min_size=1), max_size=20))
def test_whatever_stands_on_a_button_it_can_be_carried_and_read_back(labels: list[str]) -> None:
    made = buttons(labels)
    asked = message("?", message_id=50, reply_markup=json.loads(json.dumps(made)))
    shown = [button for row in made["inline_keyboard"] for button in row]
    assert len(shown) == min(len(labels), MOST_BUTTONS)
    for label, button in zip(labels, shown, strict=False):
        assert 0 < len(button["callback_data"].encode()) <= 64
        said = read(callback_query=pressed(button["callback_data"], asked))
        assert said.text == label.encode("utf-8", "replace").decode()


# Files.


async def test_a_file_is_fetched_from_where_telegram_says(server: BotServer, bot: Telegram) -> None:
    server.files["AgAC-voice"] = b"OggS"
    await server.say(CITIZEN, voice=media("voice"))
    (said,) = (await bot.poll("")).items
    assert isinstance(said, Inbound)
    assert said.files[0].url
    source = await bot.source(said.files[0].url)
    async with ClientSession() as http, http.get(source.url, headers=source.headers) as answer:
        assert await answer.read() == b"OggS"
    assert source.trusted, "the operator's own server may be a private one"
    assert source.host == "127.0.0.1"
    assert BOT_TOKEN not in f"{source!r} {source} {source.host}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("telegram:AgAC-1?unique=1&size=20000001", "larger than Telegram gives"),
        ("telegram:AgAC-1?unique=1&size=5000", "the file is gone"),
        ("telegram:AgAC-1", "no file on Telegram"),
        ("https://lapor.example/x", "no file on Telegram"),
        ("telegram:../getMe?x?unique=1", "no file on Telegram"),
        ("", "no file on Telegram"),
    ],
)
async def test_a_file_that_cannot_be_had_says_why(bot: Telegram, url: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        await bot.source(url)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error_body(400, "Bad Request: file is too big"), Refused),
        (400, error_body(400, "Bad Request: wrong file_id or the file is gone"), Refused),
        (401, error_body(401, "Unauthorized"), Unreachable),
        (429, error_body(429, "Too Many Requests", retry_after=3), Throttled),
        (500, b"<html>", Unreachable),
        (200, b'{"ok": true, "result": {}}', UnknownOutcome),
        (200, b'{"ok": true, "result": {"file_path": "/var/lib/bot/x"}}', UnknownOutcome),
        (200, b'{"ok": true, "result": {"file_path": "x/../../getMe"}}', UnknownOutcome),
        (200, b'{"ok": true, "result": {"file_path": "x?a#b"}}', UnknownOutcome),
        (200, b'{"ok": true, "result": {"file_path": 7}}', UnknownOutcome),
    ],
)
async def test_what_telegram_says_of_a_file_is_checked(
    status: int, body: bytes, kind: type[ChannelError]
) -> None:
    async with Answering(status, body) as url:
        channel = telegram(api_base=url)
        with pytest.raises(kind) as raised:
            await channel.source("telegram:AgAC-1?unique=1&size=5")
        await channel.close()
    assert type(raised.value) is kind
    assert BOT_TOKEN not in f"{raised.value!r}{raised.value.__context__!r}"


@given(st.text(max_size=40))
async def test_whatever_a_url_is_it_is_a_file_or_refused(url: str) -> None:
    channel = telegram(api_base="http://127.0.0.1:9")
    with pytest.raises((Refused, Unreachable)):
        await channel.source(f"telegram:{url}")
    await channel.close()


@pytest.mark.parametrize("to", ["", "x", "+62811", "1@2@3", "@5", "9" * 30])
async def test_an_address_of_another_channel_is_refused_before_anything_is_sent(
    server: BotServer, bot: Telegram, to: str
) -> None:
    with pytest.raises(Refused):
        await bot.send(to, Outgoing("1", "halo"))
    assert server.sent == []


async def test_telegram_says_how_long_to_wait(server: BotServer, bot: Telegram) -> None:
    await server.say(CITIZEN, "x")
    server.busy += [37, 100_000]
    for seconds in (37.0, 3600.0):
        with pytest.raises(Throttled) as raised:
            await bot.send(str(CITIZEN), Outgoing("1", "halo"))
        assert raised.value.retry_after == seconds
    await bot.send(str(CITIZEN), Outgoing("1", "halo"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        *((s, error_body(s, "x"), Unreachable, words) for s, words in MENDABLE.items()),
        *((400, error_body(400, f"Bad Request: {w}"), Refused, o) for w, o in REFUSALS.items()),
        *(
            (403, error_body(403, f"Forbidden: bot {w}"), OptedOut, o[1])
            for w, o in BLOCKED.items()
        ),
        (400, error_body(400, "Bad Request: +62811 is wrong"), Refused, "answered 400"),
        (403, error_body(403, "Forbidden: new reason"), Refused, "answered 403"),
        (429, error_body(429, "Too Many Requests"), Throttled, "answered 429"),
        (429, b"<html>", Throttled, "answered 429"),
        (429, error_body(429, "x", retry_after="NaN"), Throttled, "answered 429"),
        (500, error_body(500, "Internal"), Unreachable, "answered 500"),
        (502, b"<html>Bad Gateway +62811</html>", Unreachable, "answered 502"),
        (302, b"", Unreachable, "answered 302"),
        (200, b"<html>", UnknownOutcome, "could not be read"),
        (200, b"[" * 50_000, UnknownOutcome, "could not be read"),
        (200, b'{"ok": true}', UnknownOutcome, "could not be read"),
        (200, b'{"ok": true, "result": 5}', UnknownOutcome, "could not be read"),
        (200, b'{"ok": true, "result": {"message_id": 1}}', UnknownOutcome, "could not be read"),
    ],
)
async def test_every_answer_of_the_api_says_whether_to_try_again(
    status: int, body: bytes, kind: type[ChannelError], words: str
) -> None:
    headers = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
    async with Answering(status, body, **headers) as url:
        channel = telegram(api_base=url)
        with pytest.raises(kind, match=words) as raised:
            await channel.send(str(CITIZEN), Outgoing("1", "halo", thread=(f"{BOT}/callback/1",)))
        await channel.close()
    assert type(raised.value) is kind
    assert "+62811" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("body", [b'{"ok": true, "result": {"a": 1}}', b'{"ok":true,"result":[7]}'])
async def test_a_poll_that_cannot_be_read_is_tried_again(body: bytes) -> None:
    async with Answering(200, body) as url:
        channel = telegram(api_base=url, mode="polling")
        with pytest.raises(Unreachable, match="could not be read"):
            await channel.poll("")
        await channel.close()


async def test_an_answer_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.telegram.api.MAX_ANSWER", 1_000)
    async with Answering(200, b" " * 1_001 + b"{}") as url:
        channel = telegram(api_base=url)
        with pytest.raises(Unreachable, match="does not end"):
            await channel.send(str(CITIZEN), Outgoing("1", "x"))
        await channel.close()


async def test_neither_token_nor_citizen_shows_in_logs_or_errors(
    server: BotServer, bot: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await server.say(CITIZEN, "kata rahasia")
    await bot.poll("")
    await bot.send(str(CITIZEN), Outgoing("1", "kata rahasia"))
    errors = []
    hosts = [Answering(200, b"kata rahasia"), Answering(404, b"kata rahasia")]
    for host in hosts:
        async with host as url:
            for work in (telegram(api_base=url), telegram(api_base=url, mode="polling")):
                with pytest.raises(ChannelError) as raised:
                    await (work.poll("") if work.polling else work.send("1", Outgoing("1", "x")))
                errors.append(f"{raised.value!r} {raised.value.__context__!r} {vars(work)!r}")
                await work.close()
    shown = " ".join((*errors, caplog.text, repr(vars(bot))))
    for secret in (BOT_TOKEN, BOT_TOKEN.partition(":")[2], BOT_SECRET, "kata rahasia"):
        assert secret not in shown
