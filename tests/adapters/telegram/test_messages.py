"""What citizens write to the bot, and what proves that it is Telegram who brings it."""

import json
from datetime import UTC, datetime
from inspect import signature
from typing import Any

import pytest
import telegram as telegram_library
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import File, Forged, Inbound, Malformed
from adapters.load import BadBlock, load
from adapters.telegram.channel import plain
from adapters.telegram.payloads import FILES, IGNORED_UPDATES, METADATA, SERVICE
from demo.telegram_double import Json
from normalizer import command
from normalizer.message import Intent
from normalizer.text import vocabulary
from tests.adapters.examples import BOT_SECRET, EXAMPLES, PUBLIC_URL
from tests.adapters.telegram.updates import (
    BOT,
    CITIZEN,
    GROUP,
    HEADER,
    NEIGHBOUR,
    OURS,
    SUPERGROUP,
    answered,
    hook,
    in_group,
    media,
    message,
    nested,
    photo,
    pressed,
    read,
    read_all,
    telegram,
)

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
    assert said.notes == ("large_file",)


OLD_POLL = {"id": "1", "question": "?", "options": [], "type": "regular"}
"""As an older server writes it: the library's own reading would refuse the whole message."""


CONTENT = vocabulary(
    """animation audio caption checklist contact dice document game giveaway giveaway_winners
    invoice live_photo location paid_media passport_data photo poll sticker story text venue video
    video_note voice web_app_data"""
)
"""What people send, by the Bot API that the library knows."""
NEXT_YEAR = ("hologram", "scent", "Ungewöhnlich!")


def fields_of(kind: type[telegram_library.TelegramObject]) -> frozenset[str]:
    """Name the fields of one of Telegram's objects as they travel."""
    names = set(signature(kind).parameters) - {"api_kwargs"}
    return frozenset(name.removesuffix("_user") if name == "from_user" else name for name in names)


def test_every_field_of_a_message_is_content_service_or_metadata() -> None:
    """A new version of the library brings new fields: each has to be sorted in."""
    assert not CONTENT & (SERVICE | METADATA)
    assert not SERVICE & METADATA
    assert fields_of(telegram_library.Message) - CONTENT - SERVICE - METADATA == frozenset()
    assert fields_of(telegram_library.Message) >= CONTENT


def test_every_kind_of_update_is_read_or_ignored() -> None:
    known = {"update_id", "message", "edited_message", "callback_query"} | IGNORED_UPDATES
    assert fields_of(telegram_library.Update) == known


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("poll", OLD_POLL),
        ("dice", {"emoji": "🎲", "value": 3}),
        ("story", {"id": 1, "chat": {"id": 5, "type": "private"}}),
        ("sticker", {"file_id": "S", "file_unique_id": "s", "type": "regular"}),
        *((kind, {}) for kind in ("checklist", "game", "giveaway", "invoice", "paid_media")),
        *((kind, {"x": 1}) for kind in ("giveaway_winners", "passport_data", "hologram", "scent")),
        ("scent", 7),
    ],
)
def test_what_has_no_words_is_still_a_message_so_that_its_sender_is_asked(
    kind: str, value: Any
) -> None:
    content: Json = {kind: value}
    said = read(message=message(**content))
    assert (said.text, said.notes) == ("", (f"not_read: {kind}",))
    with_words = read(message=message("jalan rusak", **content))
    noted = (f"not_read: {kind}",) if isinstance(value, dict) else ()
    assert (with_words.text, with_words.notes) == ("jalan rusak", noted)


def test_names_of_strange_kinds_are_not_repeated_and_not_without_end() -> None:
    content: Json = {f"Kind {number}": {} for number in range(50)}
    assert read(message=message(**content)).notes == ("not_read: other",) * 5


@pytest.mark.parametrize("kind", sorted(SERVICE))
def test_what_telegram_tells_of_a_chat_is_no_message(kind: str) -> None:
    content: Json = {kind: {"x": 1}}
    assert read_all(message=message(**content)) == []
    assert read(message=message("jalan rusak", **content)).notes == ()


def test_a_live_photo_and_what_a_page_was_filled_in_with_are_read() -> None:
    said = read(message=message(live_photo=media("l", width=1, height=1, duration=2)))
    (file,) = said.files
    assert (file.media_type, file.url) == ("video/mp4", "telegram:AgAC-l?unique=l&size=5000")
    filled = {"data": "Jalan rusak di Wonocolo", "button_text": "Lapor"}
    assert read(message=message(web_app_data=filled)).text == "Lapor\nJalan rusak di Wonocolo"


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
    assert said.text == "Ralat: jalan rusak di Samarinda"
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
        {"update_id": 1, "a_kind_of_next_year": {"x": 1}},
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
        *sorted(CONTENT), *NEXT_YEAR, "pinned_message", "message_id", "date", "edit_date", "chat",
        "from", "id", "type", "is_bot",
        "first_name", "latitude", "longitude",
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
