"""The Telegram channel: what citizens send, what Telegram does, and what forgers try."""

import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import (
    ChannelError,
    File,
    Forged,
    Inbound,
    Malformed,
    OptedOut,
    Outgoing,
    Page,
    Refused,
    Throttled,
    Unreachable,
    UnreadableItem,
    WebhookRequest,
)
from adapters.load import BadBlock, load
from adapters.telegram.api import BLOCKED, MENDABLE, MOST_BUTTONS, REFUSALS
from adapters.telegram.api import keyboard as buttons
from adapters.telegram.channel import CORRECTED, Telegram, fitted, plain
from adapters.telegram.payloads import FILES, UNREAD
from demo.telegram_double import BotServer, Json
from normalizer import command
from normalizer.message import Intent
from tests.adapters.doubles import Door
from tests.adapters.examples import BOT_SECRET, BOT_TOKEN, EXAMPLES, PUBLIC_URL, build

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


@pytest.fixture
async def server() -> AsyncIterator[BotServer]:
    async with BotServer(BOT_TOKEN) as server:
        yield server


@pytest.fixture
async def bot(server: BotServer) -> AsyncIterator[Telegram]:
    channel = telegram(api_base=server.url)
    yield channel
    await channel.close()


@pytest.fixture
async def poller(server: BotServer) -> AsyncIterator[Telegram]:
    channel = telegram(api_base=server.url, mode="polling", secret_token=None, poll_timeout=0)
    yield channel
    await channel.close()


# What a citizen writes.


def test_a_message_is_read() -> None:
    given_hook = hook({"update_id": 9001, "message": message("SAMARINDA jalan rusak 💡")})
    telegram().verify(given_hook)
    (said,) = telegram().parse(given_hook)
    assert isinstance(said, Inbound)
    assert (said.sender.address, said.sender.name) == (str(CITIZEN), "Sri W")
    assert said == Inbound(
        channel="telegram",
        account=str(BOT),
        external_id="9001",
        sender=said.sender,
        text="SAMARINDA jalan rusak 💡",
        raw=given_hook.body,
        sent_at=datetime(2026, 11, 23, 1, 0, tzinfo=UTC),
        thread=(f"{BOT}/{CITIZEN}/41",),
    )


LOCATION = {"latitude": -0.502106, "longitude": 117.153709}
VENUE = {"location": LOCATION, "title": "Pasar Segiri", "address": "Jl. Pahlawan, Samarinda"}
CONTACT = {"phone_number": "+62811000", "first_name": "Bu", "last_name": "RT"}
STICKER = media("s", type="regular", width=1, height=1, is_animated=False, is_video=False)


@pytest.mark.parametrize(
    ("content", "text", "located"),
    [
        ({"text": "a" * 10_000}, "a" * 10_000, False),
        ({"text": "مرحبا بكم"}, "مرحبا بكم", False),
        ({"text": "separuh \ud83d emoji"}, "separuh ? emoji", False),
        ({"caption": "lubang", "photo": photo("p")}, "lubang", False),
        ({"photo": photo("p")}, "", False),
        ({"location": LOCATION}, "", True),
        ({"location": {**LOCATION, "live_period": 900, "heading": 4}}, "", True),
        (
            {"location": LOCATION, "venue": VENUE},
            "Pasar Segiri\nJl. Pahlawan, Samarinda",
            True,
        ),
        ({"venue": VENUE}, "Pasar Segiri\nJl. Pahlawan, Samarinda", True),
        ({"contact": CONTACT}, "Bu RT +62811000", False),
        ({"sticker": {**STICKER, "emoji": "👍"}}, "👍", False),
    ],
    ids=lambda value: str(list(value))[:30] if isinstance(value, dict) else "",
)
def test_all_that_says_something_is_read(content: Json, text: str, located: bool) -> None:
    said = read(message=message(**content))
    assert said.text == text
    assert said.location == ((-0.502106, 117.153709) if located else None)
    assert said.notes == ()


@pytest.mark.parametrize(
    ("content", "file"),
    [
        (
            {"photo": photo("p")},
            File("foto.jpg", "image/jpeg", url="telegram:p-1280?unique=p1280&size=150000"),
        ),
        (
            {"document": media("d", file_name="surat.pdf", mime_type="application/pdf")},
            File("surat.pdf", "application/pdf", url="telegram:AgAC-d?unique=d&size=5000"),
        ),
        (
            {"document": {"file_id": "x", "file_unique_id": "y"}},
            File("dokumen", "application/octet-stream", url="telegram:x?unique=y"),
        ),
        (
            {"voice": media("v", duration=4, mime_type="audio/ogg")},
            File("suara.ogg", "audio/ogg", url="telegram:AgAC-v?unique=v&size=5000"),
        ),
        (
            {"audio": media("a", duration=4)},
            File("audio.mp3", "audio/mpeg", url="telegram:AgAC-a?unique=a&size=5000"),
        ),
        (
            {"video": media("w", width=1, height=1, duration=4)},
            File("video.mp4", "video/mp4", url="telegram:AgAC-w?unique=w&size=5000"),
        ),
        (
            {"video_note": media("n", length=1, duration=4)},
            File("video.mp4", "video/mp4", url="telegram:AgAC-n?unique=n&size=5000"),
        ),
        (
            {
                "animation": media("g", width=1, height=1, duration=4, file_name="api.mp4"),
                "document": media("g", file_name="api.mp4"),
            },
            File("api.mp4", "video/mp4", url="telegram:AgAC-g?unique=g&size=5000"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_file_is_kept_by_its_id_and_never_by_a_url_with_the_token(
    content: Json, file: File
) -> None:
    assert set(content) <= set(FILES)
    assert read(message=message(**content)).files == (file,)


def test_a_file_that_no_bot_may_fetch_is_noted() -> None:
    said = read(message=message(video=media("w", 50_000_000, width=1, height=1, duration=4)))
    assert len(said.files) == 1
    assert said.notes == ("a file is larger than Telegram gives to bots",)


OLD_POLL = {"id": "1", "question": "?", "options": [], "type": "regular"}
"""As an older server writes it: the library's own reading would refuse the whole message."""


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("poll", OLD_POLL),
        ("dice", {"emoji": "🎲", "value": 3}),
        ("story", {"id": 1, "chat": {"id": 5, "type": "private"}}),
    ],
)
def test_what_has_no_words_is_still_a_message_so_that_its_sender_is_asked(
    kind: str, value: Json
) -> None:
    assert kind in UNREAD
    content: Json = {kind: value}
    said = read(message=message(**content))
    assert (said.text, said.notes) == ("", (f"not read: {kind}",))


def test_a_forwarded_message_says_so() -> None:
    origin = {"type": "hidden_user", "sender_user_name": "Anon", "date": 1795390000}
    assert read(message=message("banjir", forward_origin=origin)).notes == ("forwarded",)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"message": in_group(new_chat_members=[OURS])},
        {"message": message(pinned_message=message("x"))},
        {"message": in_group(migrate_to_chat_id=SUPERGROUP)},
        {"channel_post": message("x", chat={"id": -1, "type": "channel", "title": "x"})},
        {"my_chat_member": {}},
        {"a_kind_of_next_year": {"x": 1}},
    ],
    ids=lambda value: next(iter(value), "nothing"),
)
def test_an_update_without_a_message_is_none(content: Json) -> None:
    if "my_chat_member" in content:
        member = {"user": OURS, "status": "kicked", "until_date": 0}
        change = {"chat": message()["chat"], "from": message()["from"], "date": 1}
        content = {"my_chat_member": {**change, "old_chat_member": member}}
        content["my_chat_member"]["new_chat_member"] = member
    assert read_all(**content) == []


@pytest.mark.parametrize(
    ("typed", "text", "intent"),
    [
        ("/start", "START", Intent.HELP),
        ("/start kampanye_2026", "START", Intent.HELP),
        ("/help", "HELP", Intent.HELP),
        ("/bantuan@lapor_bot", "BANTUAN", Intent.HELP),
        ("/cara_lapor", "CARA LAPOR", Intent.HELP),
        ("/status", "STATUS", Intent.STATUS),
        ("/status 4821-0937-5514", "STATUS 4821-0937-5514", Intent.STATUS),
        ("/Status@Lapor_Bot 482109375514", "STATUS 482109375514", Intent.STATUS),
        ("/lapor", "LAPOR", Intent.HELP),
        ("/lapor jalan rusak di Samarinda", "LAPOR jalan rusak di Samarinda", Intent.REPORT),
        ("/samarinda jalan rusak", "SAMARINDA jalan rusak", Intent.REPORT),
        ("/anonim kepala desa pungli", "ANONIM kepala desa pungli", Intent.REPORT),
        ("jalan /status rusak", "jalan /status rusak", Intent.REPORT),
        ("/ jalan rusak", "/ jalan rusak", Intent.REPORT),
        ("/2/3 jalan rusak", "/2/3 jalan rusak", Intent.REPORT),
    ],
)
def test_commands_become_the_words_an_sms_would_have(typed: str, text: str, intent: Intent) -> None:
    said = read(message=message(typed)).text
    assert said == text
    assert command.read(said).intent is intent


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("@lapor_bot jalan rusak", "jalan rusak"),
        ("@Lapor_Bot: jalan rusak", "jalan rusak"),
        ("tolong @lapor_bot, jalan rusak", "tolong jalan rusak"),
        ("surel warga@lapor_bot.id", "surel warga@lapor_bot.id"),
        ("@lapor_bot2 jalan", "@lapor_bot2 jalan"),
    ],
)
def test_our_name_is_no_part_of_what_is_said(typed: str, text: str) -> None:
    assert plain(typed, "lapor_bot") == text


# Who it is, and whether it is for us.


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        (in_group("banjir di sini"), False),
        (in_group("@lapor_bot banjir di sini"), True),
        (in_group("banjir, @LAPOR_BOT!"), True),
        (in_group("@lapor_bot2 banjir"), False),
        (in_group("/lapor banjir"), True),
        (in_group("/lapor@lapor_bot banjir"), True),
        (in_group("/apa@lapor_bot"), True),
        (in_group("/lapor@bot_lain banjir"), False),
        (in_group("/ban"), False),
        (in_group("sudah", reply_to_message=answered(OURS)), True),
        (in_group("sudah", reply_to_message=answered(message()["from"])), False),
        (in_group(caption="@lapor_bot lubang", photo=photo("p")), True),
        (in_group(photo=photo("p")), False),
        (in_group(location=LOCATION), False),
    ],
)
def test_in_groups_only_what_is_addressed_to_us_is_read(content: Json, ours: bool) -> None:
    assert bool(read_all(message=content)) is ours


def test_without_a_name_of_ours_a_mention_means_nobody() -> None:
    nameless = telegram(username=None)
    for text, count in (("@lapor_bot banjir", 0), ("/lapor@x banjir", 0), ("/lapor banjir", 1)):
        assert len(nameless.parse(hook({"update_id": 1, "message": in_group(text)}))) == count


def test_in_a_group_everybody_is_somebody_else_and_the_answer_goes_to_the_group() -> None:
    first = read(message=in_group("/lapor banjir"))
    second = read(message=in_group("/lapor banjir", **{"from": OURS | {"id": 5, "is_bot": False}}))
    assert first.sender.address == f"{CITIZEN}@{GROUP}"
    assert second.sender.address == f"5@{GROUP}"
    assert (first.in_public, read(message=message("banjir")).in_public) == (True, False)


def test_a_sender_of_whom_little_is_said_is_a_citizen() -> None:
    said = read(message=message("halo", **{"from": {"id": CITIZEN}}))
    assert (said.sender.address, said.sender.name) == (str(CITIZEN), None)
    assert said.automatic is None


def test_an_anonymous_administrator_writes_as_the_group_and_bots_are_noted_only() -> None:
    chat = {"id": GROUP, "title": "Warga RT 05", "type": "supergroup"}
    stand_in = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    said = read(message=in_group("/lapor banjir", sender_chat=chat, **{"from": stand_in}))
    assert (said.sender.address, said.sender.name) == (f"{GROUP}@{GROUP}", "Warga RT 05")
    assert said.automatic is None
    other = read(message=in_group("/lapor banjir", **{"from": {**stand_in, "id": 99}}))
    assert other.automatic


# What belongs together.


def test_a_reply_names_what_it_answers_and_a_quote_changes_nothing() -> None:
    quote = {"text": "di mana?", "position": 3}
    said = read(message=message("di Tenggarong", reply_to_message=answered(OURS), quote=quote))
    assert said.thread == (f"{BOT}/{CITIZEN}/40", f"{BOT}/{CITIZEN}/41")
    assert said.text == "di Tenggarong"


def test_two_messages_of_one_topic_have_no_more_in_common_than_the_topic() -> None:
    topic = {"is_topic_message": True, "message_thread_id": 40}
    first = in_group("/lapor banjir", reply_to_message=answered(OURS), **topic)
    second = in_group("/lapor sampah", reply_to_message=answered(OURS), message_id=42, **topic)
    threads = [read(message=content).thread for content in (first, second)]
    assert threads == [(f"{BOT}/{GROUP}/41",), (f"{BOT}/{GROUP}/42",)]
    assert read_all(message=in_group("halo", reply_to_message=answered(OURS), **topic)) == []


def test_an_edit_is_a_message_of_its_own_that_names_the_first() -> None:
    first = read(message=message("jalan rusak di samrinda"))
    edit = message("jalan rusak di Samarinda", edit_date=1795395700)
    (said,) = telegram().parse(hook({"update_id": 9002, "edited_message": edit}))
    assert isinstance(said, Inbound)
    assert said.external_id != first.external_id
    assert set(said.thread) & set(first.thread)
    assert said.text == f"{CORRECTED} jalan rusak di Samarinda"
    assert said.notes == ("edited",)


def test_a_corrected_command_is_the_command() -> None:
    said = read(edited_message=message("/status 4821-0937-5514", edit_date=1795395700))
    assert command.read(said.text).intent is Intent.STATUS


@pytest.mark.parametrize(
    "content",
    [
        message(location={**LOCATION, "live_period": 900}, edit_date=1795395700),
        message(location=LOCATION, edit_date=1795395700),
        message("a reaction came, or a preview"),
        in_group("not for us", edit_date=1795395700),
    ],
    ids=["live location moved", "live location ended", "nobody edited", "not for us"],
)
def test_what_is_no_edit_of_a_report_is_nothing(content: Json) -> None:
    assert read_all(edited_message=content) == []


def test_the_parts_of_an_album_share_a_name_when_they_come_one_by_one() -> None:
    parts = [
        read(message=message(message_id=n, photo=photo(f"p{n}"), media_group_id="13579"))
        for n in (1, 2, 3)
    ]
    shared = set.intersection(*(set(part.thread) for part in parts))
    assert shared == {f"{BOT}/{CITIZEN}/album-13579"}
    other = read(message=message(photo=photo("p"), media_group_id="97531"))
    assert not shared & set(other.thread)


def keyboard(*rows: tuple[str, str]) -> Json:
    return {"inline_keyboard": [[{"text": text, "callback_data": data}] for text, data in rows]}


def pressed(data: str | None, asked: Json | None, user: int = CITIZEN) -> Json:
    who = {"id": user, "is_bot": False, "first_name": "Sri"}
    query = {"id": "77", "from": who, "chat_instance": "1", "data": data, "message": asked}
    return {name: value for name, value in query.items() if value is not None}


def test_a_button_is_read_as_if_its_words_had_been_written() -> None:
    rows = (("Kota Bandung", "32.73"), ("Kabupaten Bandung", "32.04"))
    asked = message("Yang mana?", message_id=50, reply_markup=keyboard(*rows), **{"from": OURS})
    said = read(callback_query=pressed("32.04", asked))
    assert said.text == "Kabupaten Bandung"
    assert said.sender.address == str(CITIZEN)
    assert said.thread == (f"{BOT}/{CITIZEN}/50", f"{BOT}/callback/77")
    assert read(callback_query=pressed("lain", asked)).text == "lain"
    gone = {"message_id": 50, "chat": asked["chat"], "date": 0}
    assert read(callback_query=pressed("32.04", gone)).text == "32.04"
    for nothing in (pressed(None, asked), pressed("x", None)):
        assert read_all(callback_query=nothing) == []


def test_in_a_group_only_the_one_who_was_asked_can_press() -> None:
    asked = in_group("Yang mana?", message_id=50, **{"from": OURS})
    asked["reply_to_message"] = in_group("/lapor jalan")
    said = read(callback_query=pressed("ya", asked))
    assert said.sender.address == f"{CITIZEN}@{GROUP}"
    assert read_all(callback_query=pressed("ya", asked, NEIGHBOUR)) == []


# What proves that it is Telegram, and what is not readable.


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("", {}),
        (BOT_SECRET[:-1], {}),
        (BOT_SECRET.upper(), {}),
        (f" {BOT_SECRET}", {}),
        ("ÿ\ud800", {}),
        (BOT_SECRET, {"secret_token": "another"}),
        (BOT_SECRET, {"mode": "polling"}),
        ("", {"mode": "polling", "secret_token": None}),
    ],
)
def test_a_call_without_our_secret_is_forged(said: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Forged):
        telegram(**changes).verify(hook({}, **{HEADER: said}))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "7",
        "[7]",
        "{}",
        "[" * 100_000,
        '{"update_id": "1"}',
        '{"update_id": true}',
        '{"update_id": 1e999}',
        '{"update_id": 9223372036854775808}',
        {"update_id": 1, "message": 5},
        {"update_id": 1, "message": {}},
        {"update_id": 1, "message": message(5)},  # type: ignore[arg-type]
        {"update_id": 1, "message": message("x", date="soon")},
        {"update_id": 1, "message": message("x", date=10**20)},
        {"update_id": 1, "message": message("x", message_id="41")},
        {"update_id": 1, "message": message("x", message_id=2**63)},
        {"update_id": 1, "message": message("x", chat={"id": "a/b", "type": "private"})},
        {"update_id": 1, "message": {k: v for k, v in message("x").items() if k != "from"}},
        {"update_id": 1, "message": message(location={"latitude": 91, "longitude": 0})},
        {"update_id": 1, "message": message(location={"latitude": "1", "longitude": 0})},
        {"update_id": 1, "message": message(voice=media("v") | {"file_id": "../ x"})},
        {"update_id": 1, "message": message(photo=photo("p", file_size=-1))},
        {"update_id": 1, "message": message("x", media_group_id=5)},
        {"update_id": 1, "message": nested(400)},
        {"update_id": 1, "callback_query": {"id": "1"}},
    ],
    ids=lambda body: str(body)[-60:],
)
def test_what_cannot_be_telegrams_is_malformed_and_quotes_nobody(body: Any) -> None:
    with pytest.raises(Malformed) as raised:
        telegram().parse(hook(body))
    assert "Sri" not in str(raised.value)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["\ud83d", "", "private", "supergroup", "@lapor_bot x", "/lapor x"])
    | st.sampled_from([1795395600, GROUP, BOT])
)  # fmt: skip
NAMES = st.sampled_from(
    [
        *FILES, *UNREAD, "message_id", "date", "edit_date", "chat", "from", "id", "type", "is_bot",
        "first_name", "text", "caption", "location", "latitude", "longitude", "venue", "contact",
        "title", "address", "file_id", "file_unique_id", "file_size", "reply_to_message",
        "media_group_id", "sender_chat", "data", "message", "reply_markup", "inline_keyboard",
    ]
)  # fmt: skip
OBJECTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
CHANGES = st.dictionaries(NAMES, OBJECTS, max_size=4)
KINDS = st.sampled_from(["message", "edited_message", "callback_query", "channel_post"])


@given(kind=KINDS, changes=CHANGES, album=st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_an_update_it_is_read_or_malformed(
    kind: str, changes: Json, album: bool
) -> None:
    channel = telegram()
    update = {"update_id": 1, kind: {**message("x"), "id": "1", "data": "d", **changes}}
    raw = json.dumps([update, {**update, "update_id": 2}] if album else update).encode()
    try:
        first = channel.reread(raw)
    except Malformed:
        return
    assert channel.reread(raw) == first
    for said in first:
        assert isinstance(said, Inbound)
        assert said.external_id in ("1", "2")
        assert said.raw == raw
        said.text.encode()


# The settings.


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        ({"token": "no token"}, "token", "123456:ABC"),
        ({"token": ""}, "token", "123456:ABC"),
        ({"secret_token": None}, "", 'mode = "polling"'),
        ({"secret_token": "with space"}, "secret_token", "letters, digits"),
        ({"secret_token": "a" * 257}, "secret_token", "letters, digits"),
        ({"mode": "carrier pigeon"}, "mode", "webhook"),
        ({"api_base": "http://bot.example"}, "api_base", "in the clear"),
        ({"username": "@lapor_bot"}, "username", "pattern"),
        ({"max_reply_characters": 5000}, "max_reply_characters", "4096"),
        ({"poll_timeout": 300}, "poll_timeout", "45"),
    ],
)
def test_a_fault_in_the_block_is_said_where_it_is(
    changes: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(BadBlock) as raised:
        load("telegram", {**EXAMPLES["telegram"], **changes}, public_url=PUBLIC_URL)
    ((keys, said),) = raised.value.faults
    assert ".".join(keys) == where
    assert words in said
    assert "no token" not in said


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
    assert fitted(text, most) == fits
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
        (200, b'{"ok": true, "result": {}}', Unreachable),
        (200, b'{"ok": true, "result": {"file_path": "/var/lib/bot/x"}}', Unreachable),
        (200, b'{"ok": true, "result": {"file_path": "x/../../getMe"}}', Unreachable),
        (200, b'{"ok": true, "result": {"file_path": "x?a#b"}}', Unreachable),
        (200, b'{"ok": true, "result": {"file_path": 7}}', Unreachable),
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
        (200, b"<html>", Unreachable, "could not be read"),
        (200, b"[" * 50_000, Unreachable, "could not be read"),
        (200, b'{"ok": true}', Unreachable, "could not be read"),
        (200, b'{"ok": true, "result": 5}', Unreachable, "could not be read"),
        (200, b'{"ok": true, "result": {"message_id": 1}}', Unreachable, "could not be read"),
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


# Long polling.


async def poll_all(channel: Telegram, cursor: str = "") -> tuple[list[Inbound], str]:
    found: list[Inbound] = []
    while True:
        page = await channel.poll(cursor)
        found += [said for said in page.items if isinstance(said, Inbound)]
        cursor = page.cursor
        if not page.more:
            return found, cursor


async def test_updates_come_once_and_are_forgotten_when_the_next_are_asked_for(
    server: BotServer, poller: Telegram
) -> None:
    for n in range(250):
        await server.say(CITIZEN, f"laporan {n}")
    first = await poller.poll("")
    assert (len(first.items), first.more) == (100, True)
    assert await poller.poll("") == first, "nothing is lost when the page could not be saved"
    found, cursor = await poll_all(poller, first.cursor)
    assert [said.text for said in found] == [f"laporan {n}" for n in range(100, 250)]
    assert await poller.poll(cursor) == Page((), cursor, False)
    assert server.waiting == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "١"])
async def test_a_cursor_that_is_no_update_id_begins_at_the_beginning(
    server: BotServer, poller: Telegram, cursor: str
) -> None:
    await server.say(CITIZEN, "satu")
    await server.say(CITIZEN, "dua")
    assert len((await poller.poll(cursor)).items) == 2


async def test_an_album_that_came_together_is_one_message(
    server: BotServer, poller: Telegram
) -> None:
    for n, more in enumerate(({}, {"caption": "jalan rusak di Tenggarong"}, {})):
        await server.say(CITIZEN, photo=photo(f"p{n}"), media_group_id="13579", **more)
        await server.say(NEIGHBOUR, f"lain {n}")
    page = await poller.poll("")
    album, *others = page.items
    assert isinstance(album, Inbound)
    assert album.text == "jalan rusak di Tenggarong"
    assert [file.url for file in album.files] == [
        f"telegram:p{n}-1280?unique=p{n}1280&size=150000" for n in range(3)
    ]
    assert len(others) == 3
    assert poller.reread(album.raw) == [album]
    await server.say(CITIZEN, photo=photo("p9"), media_group_id="13579")
    (late,) = (await poller.poll(page.cursor)).items
    assert isinstance(late, Inbound)
    assert set(late.thread) & set(album.thread), "a part that came late belongs to it"


async def test_in_a_group_the_words_of_one_part_address_the_whole_album(
    server: BotServer, poller: Telegram
) -> None:
    for more in ({"caption": "@lapor_bot lubang"}, {}):
        await server.say(CITIZEN, photo=photo("p"), media_group_id="1", group=GROUP, **more)
        await server.say(CITIZEN, photo=photo("q"), media_group_id="2", group=GROUP)
    (album,) = (await poller.poll("")).items
    assert isinstance(album, Inbound)
    assert (album.text, len(album.files)) == ("lubang", 2)


async def test_one_poisoned_update_is_kept_apart_and_the_others_go_on(
    server: BotServer, poller: Telegram
) -> None:
    await server.say(CITIZEN, "satu")
    await server.say(CITIZEN, "dua", date="besok")
    await server.say(CITIZEN, "tiga")
    page = await poller.poll("")
    first, bad, last = page.items
    assert isinstance(bad, UnreadableItem)
    assert json.loads(bad.raw)["message"]["text"] == "dua"
    assert [said.text for said in (first, last) if isinstance(said, Inbound)] == ["satu", "tiga"]
    assert (await poller.poll(page.cursor)).items == ()


async def test_a_webhook_in_the_way_of_polling_is_taken_down_and_nothing_with_it(
    server: BotServer, poller: Telegram
) -> None:
    await server.say(CITIZEN, "halo")
    server.webhook = {"url": "https://old.example", "max_connections": 40}
    assert len((await poller.poll("")).items) == 1
    assert server.webhook == {}


async def test_polling_asks_for_no_more_kinds_than_are_read(
    server: BotServer, poller: Telegram
) -> None:
    await poller.poll("")
    await server.bring(my_chat_member={"x": 1})
    await server.bring(message=server.message(CITIZEN, "halo"))
    assert len(server.waiting) == 1


def test_a_block_polls_or_is_called() -> None:
    assert telegram(mode="polling").polling
    assert not telegram().polling


# Catching up.


async def recovered(channel: Telegram, since: timedelta = HOUR) -> list[Inbound]:
    pages = channel.since(datetime.now(UTC) - since)
    return [said async for page in pages for said in page.items if isinstance(said, Inbound)]


def calls(server: BotServer, url: str = f"{PUBLIC_URL}/in/telegram") -> None:
    """Let the bot have a webhook that does not answer."""
    server.webhook = {"url": url, "max_connections": 12, "secret_token": BOT_SECRET}


async def failed(server: BotServer, count: int) -> None:
    """Let citizens write while our door is down."""
    hook_url, server.webhook["url"] = server.webhook["url"], "http://127.0.0.1:9"
    for n in range(count):
        assert await server.say(CITIZEN, f"laporan {n}") == 0
    server.webhook["url"] = hook_url


async def test_what_could_not_be_brought_is_fetched_and_the_webhook_stands_again(
    server: BotServer, bot: Telegram
) -> None:
    calls(server)
    await failed(server, 120)
    found = await recovered(bot)
    assert [said.text for said in found] == [f"laporan {n}" for n in range(120)]
    assert server.waiting == [], "Telegram does not bring them again"
    assert server.webhook["url"] == bot.hook_url
    assert server.webhook["secret_token"] == BOT_SECRET
    assert server.webhook["max_connections"] == "12"
    assert await recovered(bot) == []


async def test_what_is_fetched_has_the_identity_it_would_have_had_by_webhook(
    server: BotServer, bot: Telegram
) -> None:
    calls(server)
    await failed(server, 1)
    update = dict(server.waiting[0])
    (said,) = await recovered(bot)
    (again,) = bot.parse(hook(update))
    assert isinstance(again, Inbound)
    key = (again.channel, again.account, again.external_id, again.text)
    assert (said.channel, said.account, said.external_id, said.text) == key


async def test_a_missing_webhook_is_set_and_what_waited_is_fetched(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "halo")
    assert [said.text for said in await recovered(bot)] == ["halo"]
    assert server.webhook["url"] == bot.hook_url
    assert json.loads(server.webhook["allowed_updates"]) == [
        "message", "edited_message", "callback_query"
    ]  # fmt: skip


async def test_after_a_death_in_between_the_next_call_puts_the_webhook_back(
    server: BotServer, bot: Telegram
) -> None:
    calls(server)
    await failed(server, 2)
    pages = bot.since(datetime.now(UTC) - HOUR)
    assert (await anext(pages)).items
    assert server.webhook == {}, "while it is away we fetch"
    await pages.aclose()
    assert server.webhook["url"] == bot.hook_url
    server.webhook = {}  # this time nobody was left to put it back
    assert len(await recovered(bot)) == 2
    assert server.webhook["url"] == bot.hook_url


@pytest.mark.parametrize("case", ["all is well", "an old failure", "a certificate", "polling"])
async def test_a_webhook_that_works_or_is_somebodys_own_is_left_alone(
    server: BotServer, bot: Telegram, poller: Telegram, case: str
) -> None:
    calls(server)
    if case != "all is well":
        await failed(server, 1)
    if case == "a certificate":
        info = server._webhook_info() | {"has_custom_certificate": True}
        server._webhook_info = lambda: info  # type: ignore[method-assign]
    before = dict(server.webhook)
    channel = poller if case == "polling" else bot
    since = -HOUR if case == "an old failure" else HOUR
    assert await recovered(channel, since) == []
    assert server.webhook == before


async def test_another_path_that_a_proxy_leads_to_us_is_kept(
    server: BotServer, bot: Telegram
) -> None:
    calls(server, "https://lapor.example/rahasia/tg")
    await failed(server, 1)
    assert len(await recovered(bot)) == 1
    assert server.webhook["url"] == "https://lapor.example/rahasia/tg"


# The hook itself, through the double.


async def test_what_telegram_brings_is_genuine_and_a_forger_is_not(
    server: BotServer, bot: Telegram
) -> None:
    async with Door((200, {}), (403, {})) as door:
        calls(server, f"{door.public_url}/in/telegram")
        assert await server.say(CITIZEN, "halo") == 200
        bot.verify(genuine := await door.take())
        assert isinstance(bot.parse(genuine)[0], Inbound)
        server.waiting.append({"update_id": 5, "message": server.message(CITIZEN, "palsu")})
        assert await server.deliver(forge=True) == 403
        with pytest.raises(Forged):
            bot.verify(await door.take())
