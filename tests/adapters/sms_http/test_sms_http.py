"""A gateway described by settings: what it brings, how it proves it, what it is sent."""

import hmac
import json
import xml.etree.ElementTree as ET
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.contract import (
    CALLER,
    STAMP,
    ChannelError,
    Forged,
    Inbound,
    Malformed,
    OptedOut,
    Outgoing,
    Receipt,
    Refused,
    Segment,
    Throttled,
    Unreachable,
    UnreadableItem,
    WebhookRequest,
)
from adapters.http import HttpResponse
from adapters.load import BadBlock, load
from adapters.sms_http import sending
from adapters.sms_http.channel import MAX_BYTES, SmsHttp
from adapters.sms_http.fields import MAX_FIELDS
from adapters.sms_http.settings import SmsHttpBlock
from config import presets
from normalizer import gsm
from tests.adapters.doubles import Door
from tests.adapters.examples import EXAMPLES, PUBLIC_URL, SMS_TOKEN

WHO = "+6281234567890"
SECRET = "secret-of-the-signature-9f"
OPEN = {"token": {"values": [SMS_TOKEN]}}
NAMED = {"sender": "from", "recipient": "to", "text": "text", "id": "id"}
BARE: dict[str, Any] = {"type": "sms_http", "number": "1708", "access": OPEN}
LOGIN = {
    "kannel": {"username": "kanal", "password": "kata-sandi-7d"},
    "jasmin": {"username": "kanal", "password": "kata-sandi-7d"},
    "vonage": {"api_key": "abcd1234", "api_secret": "kata-sandi-7d"},
    "infobip": {"api_key": "kata-sandi-7d"},
}


def channel(**changes: Any) -> SmsHttp:
    built = load("sms", {**BARE, **changes}, public_url=PUBLIC_URL)
    assert isinstance(built, SmsHttp)
    return built


def preset(name: str, **changes: Any) -> SmsHttp:
    more = {"preset": name, "credentials": LOGIN[name], "url": "https://sms.example/send"}
    return channel(**{**more, **changes})


def plain_channel(**incoming: Any) -> SmsHttp:
    return channel(incoming={"fields": NAMED, **incoming})


def get(fields: dict[str, str] | str, **headers: str) -> WebhookRequest:
    query = fields if isinstance(fields, str) else urlencode(fields)
    return WebhookRequest(f"{PUBLIC_URL}/in/sms?token={SMS_TOKEN}&{query}", headers, b"", "GET")


def form(fields: dict[str, str], **headers: str) -> WebhookRequest:
    kind = {"content-type": "application/x-www-form-urlencoded", **headers}
    url = f"{PUBLIC_URL}/in/sms?token={SMS_TOKEN}"
    return WebhookRequest(url, kind, urlencode(fields).encode())


def posted(said: Any, **headers: str) -> WebhookRequest:
    kind = {"content-type": "application/json", **headers}
    return WebhookRequest(f"{PUBLIC_URL}/in/sms?token={SMS_TOKEN}", kind, json.dumps(said).encode())


def one(sms: SmsHttp, hook: WebhookRequest) -> Inbound:
    sms.verify(hook)
    (said,) = sms.parse(hook)
    assert isinstance(said, Inbound)
    return said


# --- what is brought --------------------------------------------------------------------------

MESSAGE = {"from": WHO, "to": "1708", "text": "Jalan rusak 💡 & <b>", "id": "m-1"}


@pytest.mark.parametrize("hook", [get(MESSAGE), form(MESSAGE), posted(MESSAGE)])
def test_the_same_message_by_every_way(hook: WebhookRequest) -> None:
    said = one(plain_channel(), hook)
    assert (said.account, said.sender.address, said.external_id) == ("1708", WHO, "m-1")
    assert said.text == "Jalan rusak 💡 & <b>"
    assert said.notes == ()
    assert said.raw


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("+6281234567890", WHO),
        (" 6281234567890", WHO),  # a plus that nobody encoded
        ("081234567890", WHO),
        ("6281234567890", WHO),
        ("1708", "1708"),
        ("TELKOMSEL", "TELKOMSEL"),
    ],
)
def test_who_wrote_is_one_address_however_it_is_written(written: str, address: str) -> None:
    assert one(plain_channel(), get({**MESSAGE, "from": written})).sender.address == address


@pytest.mark.parametrize(
    ("query", "incoming", "text", "notes"),
    [
        ("text=lamp%C3%A9", {}, "lampé", 0),
        ("text=lamp%E9", {}, "lampé", 1),
        ("text=%D8%3D%DC%A1%00x&cs=UTF-16BE", {}, "💡x", 0),
        ("text=lamp%E9&cs=ISO-8859-1", {}, "lampé", 0),
        ("text=lamp%E9&cs=nobody-knows", {}, "lampé", 1),
        ("text=%93x%94&cs=WINDOWS-1252", {}, "“x”", 0),
        ("text=a%00%1be&cs=GSM", {}, "a@€", 0),
        ("text=%E9&cs=GSM", {}, "é", 1),
        ("text=lamp%E9&cs=TEL", {"charsets": {"tel": "latin-1"}}, "lampé", 0),
        ("hex=006C0061&dcs=2", {"codings": {"2": "utf-16-be"}}, "la", 0),
        ("hex=d83ddca1&dcs=8&text=?", {"codings": "smpp"}, "💡", 0),
        ("hex=4a1b65&dcs=0&text=?", {"codings": "smpp"}, "J€", 0),
        ("hex=&text=lampu", {"codings": "smpp"}, "lampu", 0),
        ("text=&x=1", {}, "", 0),
    ],
)
def test_every_alphabet_is_read(
    query: str, incoming: dict[str, Any], text: str, notes: int
) -> None:
    fields = {**NAMED, "charset": "cs", "coding": "dcs", "hex": "hex"}
    said = one(channel(incoming={"fields": fields, **incoming}), get(f"from={WHO[1:]}&{query}"))
    assert said.text == text
    assert len(said.notes) == notes


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("udh=050003070201", Segment("8-bit 7", 1, 2)),
        ("udh=%05%00%03%07%02%02", Segment("8-bit 7", 2, 2)),
        ("udh=06080400070202", Segment("16-bit 7", 2, 2)),
        ("udh=", None),
        ("udh=zz", None),
        ("ref=9&n=2&of=3", Segment("9", 2, 3)),
        ("ref=9&n=4&of=3", None),
        ("ref=9&n=1&of=1", None),
        ("ref=&n=1&of=3", None),
        ("ref=9&n=x&of=99999999999", None),
    ],
)
def test_a_part_says_which_it_is(query: str, part: Segment | None) -> None:
    named = {**NAMED, "udh": "udh", "reference": "ref", "part": "n", "parts": "of"}
    said = one(channel(incoming={"fields": named}), get(f"from=62811&text=a&id=5&{query}"))
    assert said.part == part
    assert said.external_id == (f"5.{part.number}" if part else "5")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ((b"Harga \x1b", b"e 10", "cs=gsm"), "Harga € 10"),
        ((b"Jalan \xf0\x9f", b"\x92\xa1 mati", "cs=utf-8"), "Jalan 💡 mati"),
        (("é💡".encode("utf-16-be")[:4], "é💡".encode("utf-16-be")[4:], "cs=ucs2"), "é💡"),
    ],
)
def test_a_character_may_lie_across_two_parts(written: tuple[bytes, bytes, str], text: str) -> None:
    named = {**NAMED, "udh": "udh", "hex": "hex", "charset": "cs"}
    sms = channel(incoming={"fields": named})
    *halves, charset = written
    parts = [
        one(sms, get(f"from=62811&id=5&udh=05000307020{n}&hex={half.hex()}&{charset}"))
        for n, half in enumerate(halves, 1)
    ]
    assert sms.join_texts(parts) == text


@pytest.mark.parametrize(
    ("written", "hours", "moment"),
    [
        ("1796052606", 0, datetime(2026, 11, 30, 15, 30, 6, tzinfo=UTC)),
        ("1796052606000", 0, datetime(2026, 11, 30, 15, 30, 6, tzinfo=UTC)),
        ("2026-11-30 22:30:06", 7, datetime(2026, 11, 30, 15, 30, 6, tzinfo=UTC)),
        ("2026-11-30T15:30:06.000+0000", 7, datetime(2026, 11, 30, 15, 30, 6, tzinfo=UTC)),
        ("30/11/26", 0, None),
        ("9" * 400, 0, None),
        ("", 0, None),
    ],
)
def test_when_it_was_sent(written: str, hours: float, moment: datetime | None) -> None:
    sms = plain_channel(fields={**NAMED, "time": "at"}, hours_from_utc=hours)
    assert one(sms, get({**MESSAGE, "at": written})).sent_at == moment


def test_a_message_without_an_id_is_the_same_again_and_another_one_later() -> None:
    named = {"sender": "from", "text": "text", "time": "at"}
    timed = channel(incoming={"fields": named})
    first, later = ({"from": WHO, "text": "mati lampu", "at": at} for at in ("1796052606", "17"))
    assert one(timed, get(first)).external_id == one(timed, get(first)).external_id
    assert one(timed, get(first)).external_id != one(timed, get(later)).external_id
    assert timed.stamp(get(first)) == get(first), "a time needs no stamp"


def test_without_id_and_time_the_moment_of_arrival_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_796_052_606.0
    monkeypatch.setattr("time.time", lambda: now)
    sms = channel(incoming={"fields": {"sender": "from", "text": "text"}})
    hook = get({"from": WHO, "text": "mati lampu"})
    first = sms.stamp(hook)
    assert one(sms, first).external_id == one(sms, first).external_id, "also when read again"
    now += 100
    assert one(sms, sms.stamp(hook)).external_id == one(sms, first).external_id, "a retry"
    now += 100
    assert one(sms, sms.stamp(hook)).external_id != one(sms, first).external_id, "written again"
    other = sms.stamp(get({"from": WHO, "text": "air mati"}))
    assert one(sms, other).external_id != one(sms, first).external_id
    outside = get({"from": WHO, "text": "x"}, **{STAMP: "x"})
    assert one(sms, outside).external_id


def test_one_that_cannot_be_read_keeps_its_neighbours() -> None:
    sms = plain_channel(items="results")
    bad = {"to": "1708", "text": "dari siapa"}
    hook = posted({"results": [{**MESSAGE, "id": "1"}, bad, 7, {**MESSAGE, "id": "2"}]})
    found = sms.parse(hook)
    assert [i.external_id for i in found if isinstance(i, Inbound)] == ["1", "2"]
    kept = [i for i in found if isinstance(i, UnreadableItem)]
    assert [json.loads(item.raw) for item in kept] == [bad, 7]
    mended = posted({**bad, "from": WHO, "id": "3"})
    assert one(sms, mended).text == "dari siapa", "what is kept is read again by itself"


@pytest.mark.parametrize(
    "hook",
    [
        get({"to": "1708", "text": "x"}),
        get({"from": "\x00", "text": "x"}),
        get({"from": "x" * 201, "text": "x"}),
        get({"from": WHO}),
        posted({"from": [WHO], "text": {"a": 1}}),
        form({"hex": "0"}),
    ],
)
def test_what_is_no_message_is_said_in_words(hook: WebhookRequest) -> None:
    with pytest.raises(Malformed, match=r"\w+ \w+"):
        plain_channel().parse(hook)


def test_attacks_on_the_parser_end_early() -> None:
    sms = plain_channel()
    many = "&".join(f"f{n}=1" for n in range(10_000))
    for hook in (get(many), form({f"f{n}": "1" for n in range(10_000)})):
        with pytest.raises(Malformed, match=str(MAX_FIELDS)):
            sms.parse(hook)
        with pytest.raises(Forged):
            channel(access={"token": {"place": "body", "values": [SMS_TOKEN]}}, url=None,
                    incoming={"fields": NAMED}).verify(hook)  # fmt: skip
    deep = WebhookRequest(f"{PUBLIC_URL}/in/sms?token={SMS_TOKEN}", {}, b'{"a":' * 50_000)
    with pytest.raises(Malformed):
        sms.parse(deep)
    with pytest.raises(Malformed, match="messages in one call"):
        plain_channel(items="results").parse(posted({"results": [1] * 1_001}))
    assert sms.max_bytes == MAX_BYTES


# --- who may call -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "name", "hook"),
    [
        ("query", "token", get(MESSAGE)),
        ("header", "X-Token", form(MESSAGE, **{"x-token": SMS_TOKEN})),
        ("body", "secret", form({**MESSAGE, "secret": SMS_TOKEN})),
        ("body", "auth.secret", posted({**MESSAGE, "auth": {"secret": SMS_TOKEN}})),
    ],
)
def test_a_token_opens_and_nothing_like_it(place: str, name: str, hook: WebhookRequest) -> None:
    def guarded(*tokens: str) -> SmsHttp:
        access = {"token": {"place": place, "name": name, "values": list(tokens)}}
        return channel(access=access, incoming={"fields": NAMED})

    guarded(SMS_TOKEN).verify(hook)
    guarded("another-token-of-ours-77", SMS_TOKEN).verify(hook)
    for wrong in (f"{SMS_TOKEN}x", SMS_TOKEN[:-1] + "x", SMS_TOKEN.upper()):
        with pytest.raises(Forged) as raised:
            guarded(wrong).verify(hook)
        assert wrong not in str(raised.value)
        assert SMS_TOKEN not in str(raised.value)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_covers_the_body_and_nothing_else_is_believed(
    algorithm: str, encoding: str
) -> None:
    signature = {"header": "X-Sign", "secrets": [SECRET], "prefix": "v1="}
    access = {"signature": {**signature, "algorithm": algorithm, "encoding": encoding}}
    sms = channel(access=access, incoming={"fields": NAMED})
    bare = posted(MESSAGE)
    made = hmac.digest(SECRET.encode(), bare.body, algorithm)
    proof = made.hex() if encoding == "hex" else b64encode(made).decode()
    signed = posted(MESSAGE, **{"x-sign": f"v1={proof}"})
    assert one(sms, signed).text == MESSAGE["text"]
    for forged in (
        bare,
        posted({**MESSAGE, "text": "lain"}, **{"x-sign": f"v1={proof}"}),
        posted(MESSAGE, **{"x-sign": proof}),
        posted(MESSAGE, **{"x-sign": "v1="}),
        get(MESSAGE, **{"x-sign": f"v1={hmac.digest(SECRET.encode(), b'', algorithm).hex()}"}),
    ):
        with pytest.raises(Forged):
            sms.verify(forged)
    smuggled = WebhookRequest(f"{signed.url}&extra=1&text=lain", signed.headers, signed.body)
    assert one(sms, smuggled).text == MESSAGE["text"]
    with pytest.raises(Malformed):
        sms.parse(WebhookRequest(f"{signed.url}&{urlencode(MESSAGE)}", signed.headers, b"{}"))


@pytest.mark.parametrize(
    ("caller", "opens"),
    [
        ("10.1.2.3", True),
        ("10.2.2.3", False),
        ("2001:db8:1:2::/64", True),
        ("2001:db8:2:2::/64", False),
        ("", False),
    ],
)
def test_where_a_call_comes_from(caller: str, opens: bool) -> None:
    access = {"allow": ["10.1.0.0/16", "2001:db8:1::/48"]}
    sms = channel(access=access, incoming={"fields": NAMED})
    assert sms.asks_caller
    hook = form(MESSAGE, **({CALLER: caller} if caller else {}))
    if opens:
        sms.verify(hook)
        return
    with pytest.raises(Forged):
        sms.verify(hook)


def test_who_only_looks_is_turned_away_without_a_trace() -> None:
    sms = plain_channel()
    with pytest.raises(Forged):
        sms.challenge(WebhookRequest(f"{PUBLIC_URL}/in/sms", {}, b"", "GET"))
    assert sms.challenge(get(MESSAGE)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"access": {}}, "anybody could call"),
        ({"access": {"token": {"values": ["short"]}}}, "16"),
        ({"access": {"token": {"values": ["has a space in it, too"]}}}, "letters, figures"),
        ({"access": {"allow": ["2001:db8::/96"]}}, "/64"),
        ({"access": {"allow": ["10.0.0.1/8"]}}, "10.1.0.0/16"),
        ({}, "name the fields"),
        ({"incoming": {"fields": {"sender": "from"}}}, "needs sender and text"),
        ({"preset": "nobody"}, "infobip, jasmin, kannel, vonage"),
        ({"preset": "kannel", "url": "https://x.example"}, "credentials.password"),
        ({"url": "http://sms.example", "incoming": {"fields": NAMED}}, "this machine only"),
        ({"url": "https://x.example", "outgoing": {"query": {"a": "{"}}}, "{{ for a brace"),
        ({"url": "https://x.example", "outgoing": {"query": {"a": "{nobody}"}}}, "nobody"),
        ({"url": "https://x.example", "outgoing": {"form": {"a": "b"}, "xml_body": "<a/>"}}, "one"),
        ({"url": "https://x.example", "outgoing": {"method": "GET", "form": {"a": "b"}}}, "GET"),
        ({"url": "https://x.example", "outgoing": {"callback": "{callback}"}}, "itself"),
        ({"url": "https://x.example", "outgoing": {"reply": {"code": "x"}}}, "ok"),
        ({"url": "https://x.example", "outgoing": {"reply": {"id": "x"}}}, "one group"),
        ({"url": "https://x.example", "outgoing": {"reply": {"id": "(("}}}, "one group"),
        ({"credentials": {"text": "x"}, "url": "https://x.example"}, "taken"),
        ({"sender": "TWELVELETTERS"}, "sender|pattern"),
        ({"incoming": {"fields": NAMED, "charsets": {"x": "rot13"}}}, "latin-1"),
    ],
)
def test_a_fault_says_what_to_do(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadBlock, match=said):
        channel(**changes)


def test_a_door_guarded_by_addresses_alone_is_warned_of() -> None:
    (said,) = channel(access={"allow": ["10.0.0.0/8"]}, incoming={"fields": NAMED}).warnings()
    assert "access.token" in said
    assert plain_channel().warnings() == ()


# --- presets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", presets.names("sms"))
def test_a_preset_says_where_its_facts_are_from(name: str) -> None:
    about = presets._read("sms", name)[presets.ABOUT]
    assert about["source"].startswith("https://")
    assert about["verified"] in ("tried", "read")
    assert about["date"].year >= 2026
    block = preset(name).block
    assert block.incoming.fields.sender
    assert set(block.receipts.states.values()) >= {"delivered", "failed"}


def test_a_block_wins_over_its_preset_key_by_key() -> None:
    mine = {"query": {"smsc": "telkom", "text": "LAPOR: {text}"}}
    block = preset("kannel", outgoing=mine).block
    assert block.outgoing.query["smsc"] == "telkom"
    assert block.outgoing.query["text"] == "LAPOR: {text}"
    assert block.outgoing.query["dlr-url"] == "{callback}"
    assert preset("kannel").block.outgoing.query["text"] == "{text}"


# What the providers' own pages show, with numbers of our own.
BROUGHT: list[tuple[str, WebhookRequest, dict[str, Any]]] = [
    (
        "kannel",
        get(
            "id=203465ca-ae79-4ab9-8fe7-8a0cfb7ddd4d&from=%2B6281234567890&to=1708"
            "&text=%00l%00a%00m%00p%00u%00+%20%1C%D8%3D%DC%A1&charset=UTF-16BE&time=1796052609&udh="
        ),
        {"text": "lampu “💡"},
    ),
    (
        "jasmin",
        form(
            {
                "id": "16fd2706-8baf-433b-82eb-8c7fada847da",
                "from": "6281234567890",
                "to": "1708",
                "origin-connector": "mc",
                "coding": "8",
                "content": "?",
                "binary": "006c0061d83ddca1",
            }
        ),
        {"text": "la💡"},
    ),
    (  # as Jasmin 0.11.1 really calls: the coding is an octet
        "jasmin",
        form(
            {
                "id": "6cf9847b-9fa4-488a-89f6-7b3fc10534a2",
                "from": "6281234567890",
                "to": "1708",
                "origin-connector": "centre",
                "content": "\0L\0a",
                "binary": "004c0061d83ddca1",
                "priority": "0",
                "coding": "\x08",
            }
        ),
        {"text": "La💡"},
    ),
    (
        "vonage",
        posted(
            {
                "msisdn": "6281234567890",
                "to": "1708",
                "messageId": "0A0000000123ABCD1",
                "text": "bagian dua",
                "type": "text",
                "keyword": "BAGIAN",
                "message-timestamp": "2026-11-30 15:30:06",
                "concat": "true",
                "concat-ref": "108",
                "concat-part": "2",
                "concat-total": "2",
            }
        ),
        {"text": "bagian dua", "part": Segment("108", 2, 2)},
    ),
    (
        "infobip",
        posted(
            {
                "results": [
                    {
                        "messageId": "817790313235066447",
                        "from": "6281234567890",
                        "to": "1708",
                        "text": "RAHASIA jalan rusak",
                        "cleanText": "jalan rusak",
                        "keyword": "RAHASIA",
                        "receivedAt": "2026-11-30T15:30:06.000+0000",
                        "smsCount": 1,
                        "callbackData": "callbackData",
                    }
                ],
                "messageCount": 1,
                "pendingMessageCount": 0,
            }
        ),
        {"text": "RAHASIA jalan rusak"},
    ),
]


@pytest.mark.parametrize(("name", "hook", "expected"), BROUGHT, ids=lambda v: str(v)[:10])
def test_what_a_provider_brings_is_read(
    name: str, hook: WebhookRequest, expected: dict[str, Any]
) -> None:
    said = one(preset(name), hook)
    assert said.sender.address == WHO
    assert said.account == "1708"
    assert {key: getattr(said, key) for key in expected} == expected
    assert said.notes == ()


RECEIPTS: list[tuple[str, WebhookRequest, Receipt | None]] = [
    ("kannel", get("receipt=1&smsc=&id=n-1"), Receipt("sms", "n-1", "delivered", "1")),
    ("kannel", get("receipt=8&smsc=ACK%2F&id=n-1"), Receipt("sms", "n-1", "sent", "8")),
    ("kannel", get("receipt=16&smsc=NACK&id=n-1"), Receipt("sms", "n-1", "failed", "16 NACK")),
    ("kannel", get("receipt=4&smsc=&id=n-1"), None),
    ("kannel", get("receipt=99&smsc=&id=n-1"), None),
    (
        "jasmin",
        form({"id": "u-1", "message_status": "DELIVRD", "level": "2", "err": "000"}),
        Receipt("sms", "u-1", "delivered", "DELIVRD 000"),
    ),
    (
        "vonage",
        posted({"msisdn": "62811", "to": "LAPOR", "messageId": "V1", "status": "delivered"}),
        Receipt("sms", "V1", "delivered", "delivered"),
    ),
    (
        "infobip",
        posted(
            {
                "results": [
                    {
                        "messageId": "I1",
                        "to": "62811",
                        "status": {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9},
                        "error": {"groupId": 1, "name": "EC_ABSENT_SUBSCRIBER", "id": 27},
                    }
                ]
            }
        ),
        Receipt("sms", "I1", "failed", "UNDELIVERABLE EC_ABSENT_SUBSCRIBER"),
    ),
]


@pytest.mark.parametrize(("name", "hook", "receipt"), RECEIPTS, ids=lambda v: str(v)[:10])
def test_what_became_of_ours_is_read(
    name: str, hook: WebhookRequest, receipt: Receipt | None
) -> None:
    sms = preset(name)
    sms.verify(hook)
    assert list(sms.parse(hook)) == ([receipt] if receipt else [])


def test_a_word_that_means_stop_holds_what_waits() -> None:
    sms = preset("kannel", receipts={"states": {"Blocked": "opted_out"}})
    (said,) = sms.parse(get("receipt=BLOCKED&id=n-1"))
    assert said == Receipt("sms", "n-1", "failed", "BLOCKED", "starts")


def test_a_receipt_quotes_nobody_and_names_a_message() -> None:
    sms = preset("kannel")
    (said,) = sms.parse(get({"receipt": "16", "id": "n-1", "smsc": "NACK/nomor 0812 Bu Sri"}))
    assert said == Receipt("sms", "n-1", "failed", "16")
    with pytest.raises(Malformed):
        sms.parse(get({"receipt": "1", "id": ""}))


def test_a_provider_hears_what_it_wants_to_hear() -> None:
    assert preset("kannel").reply(get(MESSAGE), []).body == b""
    assert preset("jasmin").reply(get(MESSAGE), []).body == b"ACK/Jasmin"
    answered = channel(
        incoming={"fields": NAMED}, answer={"status": 204, "media_type": "text/xml"}
    ).reply(get(MESSAGE), [])
    assert (answered.status, answered.media_type) == (204, "text/xml")


# --- what is sent -----------------------------------------------------------------------------

NASTY = "Laporan {nomor} \"x\" & <b>\\ {password} %d\r\nX-Evil: 1\x00 {{text}} 'a'"


def called(sms: SmsHttp, text: str, to: str = WHO) -> sending.SmsCall:
    return sending.call(sms.block, to, Outgoing("n-1", text), sms.hook_url)


def test_kannel_is_asked_for_a_receipt_at_our_own_address() -> None:
    made = called(preset("kannel", plain_gsm=False), "lampu 💡")
    query = {name: value for name, (value,) in parse_qs(str(made.url.query_string)).items()}
    assert made.method == "GET"
    assert made.body is None
    assert (query["to"], query["from"], query["coding"]) == (WHO, "1708", "2")
    assert query["text"] == "lampu 💡"
    assert query["dlr-url"] == (f"{PUBLIC_URL}/in/sms?token={SMS_TOKEN}&receipt=%d&smsc=%A&id=n-1")


def test_jasmin_gets_words_or_octets_never_both() -> None:
    words = parse_qs((called(preset("jasmin", plain_gsm=False), "jalan").body or b"").decode())
    octets = parse_qs((called(preset("jasmin", plain_gsm=False), "la💡").body or b"").decode())
    assert (words["content"], words["coding"], "hex-content" in words) == (["jalan"], ["0"], False)
    assert octets["hex-content"] == ["006c0061d83ddca1"]
    assert (octets["coding"], "content" in octets) == (["8"], False)


def test_infobip_gets_a_document_with_our_id() -> None:
    made = called(preset("infobip"), "jalan")
    said = json.loads(made.body or b"")["messages"][0]
    assert made.headers["Authorization"] == "App kata-sandi-7d"
    assert made.headers["Content-Type"] == "application/json"
    assert said["destinations"] == [{"to": WHO[1:], "messageId": "n-1"}]
    assert said["content"] == {"text": "jalan"}
    assert said["webhooks"]["delivery"]["url"] == f"{PUBLIC_URL}/in/sms?token={SMS_TOKEN}"


PLACES: dict[str, dict[str, Any]] = {
    "query": {"method": "GET", "query": {"m": "{text}", "p": "{password}"}},
    "form": {"form": {"m": "{text}", "p": "{password}"}},
    "json": {"json_body": {"m": "{text}", "n": [{"p": "{password}"}]}},
    "xml": {"xml_body": '<s p="{password}"><m>{text}</m></s>'},
    "header": {"headers": {"X-M": "{text}", "X-P": "{password}"}},
}


def _read(place: str, made: sending.SmsCall) -> tuple[str, str]:
    """Read message and password as the provider would."""
    if place == "query":
        query = parse_qs(urlsplit(str(made.url)).query, keep_blank_values=True)
        return query.get("m", [""])[0], query["p"][0]
    if place == "header":
        return made.headers["X-M"], made.headers["X-P"]
    body = (made.body or b"").decode()
    if place == "form":
        fields = parse_qs(body, keep_blank_values=True)
        assert set(fields) <= {"m", "p"}
        return fields.get("m", [""])[0], fields["p"][0]
    if place == "json":
        said = json.loads(body)
        assert set(said) <= {"m", "n"}
        return said.get("m", ""), said["n"][0]["p"]
    root = ET.fromstring(body)
    assert [each.tag for each in root] == ["m"]
    return root[0].text or "", root.attrib["p"]


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=40)
@given(text=st.text(max_size=60) | st.just(NASTY), secret=st.text("a&<\"'\\=%{}é ", min_size=1))
def test_no_word_of_a_citizen_leaves_its_place(place: str, text: str, secret: str) -> None:
    sms = channel(
        url="https://sms.example/send",
        credentials={"password": secret},
        outgoing=PLACES[place],
        plain_gsm=False,
    )
    made = called(sms, text)
    found, password = _read(place, made)
    assert made.url.host == "sms.example"
    assert made.url.path == "/send"
    assert not any(set("\r\n\0") & set(value) for value in made.headers.values())
    if place == "header":
        return
    sent, _ = sending.written_for(text, sms.block)
    if place == "xml":
        sent = "".join(c for c in sent if c in "\t\n\r" or c >= " ").replace("\ufffe", "")
        sent = sent.replace("\uffff", "").replace("\r\n", "\n").replace("\r", "\n")
        assert found == sent
        assert password == secret
        return
    assert found == sent.encode("utf-8", "replace").decode()
    assert password == secret


def test_text_goes_out_as_networks_carry_it() -> None:
    text = "“Sudah” – selesai 💡 €5"
    assert sending.written_for(text, preset("kannel").block) == ('"Sudah" - selesai EUR5', True)
    other = preset("kannel", plain_gsm=False).block
    assert sending.written_for(text, other) == (text, False)
    assert sending.written_for("“ya”", other) == ('"ya"', True)
    long = "kata " * 300
    cut, is_gsm = sending.written_for(long, other)
    assert is_gsm
    assert len(cut) <= 459
    assert gsm.segments(cut) == 3


def test_below_a_name_stays_where_to_answer_whatever_else_is_cut() -> None:
    sms = preset("kannel", sender="LAPOR")
    assert sms.answer_to == "1708"
    cut, _ = sending.written_for("kata " * 300 + "\nBalas ke 1708", sms.block)
    assert cut.endswith("...\nBalas ke 1708")
    assert len(cut) <= 459
    assert preset("kannel").answer_to == ""
    assert preset("kannel", sender="LAPOR", answer_to="lapor.example").answer_to == "lapor.example"
    assert "OK" in sms.alert_fault(WHO)
    assert preset("kannel").alert_fault(WHO) == ""
    assert sms.own == {"1708", "LAPOR"}


def test_our_own_secrets_show_nowhere() -> None:
    sms = preset("kannel")
    assert "kata-sandi-7d" not in f"{sms.block!r}{vars(sms)!r}"
    assert isinstance(sms.block.credentials["password"], SecretStr)


# --- what the gateway answers -----------------------------------------------------------------

TAKEN = {"status": "0", "message-id": "A1"}


def _vonage(*messages: dict[str, str]) -> str:
    return json.dumps({"message-count": str(len(messages)), "messages": messages})


def _infobip(group: str, name: str) -> str:
    status = {"groupName": group, "name": name}
    return json.dumps({"messages": [{"messageId": "n-1", "status": status}]})


OUTCOMES: list[tuple[str, int, str, str | type[ChannelError]]] = [
    ("kannel", 202, "0: Accepted for delivery", "n-1"),
    ("kannel", 202, "3: Queued for later delivery", "n-1"),
    ("kannel", 202, "5: nobody knows", Unreachable),
    ("kannel", 403, "Authorization failed for sendsms", Unreachable),
    ("kannel", 400, "Number(s) has/have been denied by white- and/or black-lists.", Refused),
    ("kannel", 503, "Temporal failure, try again later.", Unreachable),
    ("kannel", 200, "<html>a proxy's page</html>", Unreachable),
    ("jasmin", 200, 'Success "07033084-5cfd-4812-90a4-e4d2"', "07033084-5cfd-4812-90a4-e4d2"),
    ("jasmin", 412, 'Error "No route found"', Unreachable),
    ("jasmin", 403, 'Error "Authentication failure for username:x"', Unreachable),
    ("jasmin", 403, 'Error "Cannot charge submit_sm, check RouterPB log"', Unreachable),
    ("jasmin", 400, 'Error "Argument [to] has an invalid value: [x]."', Refused),
    ("jasmin", 500, 'Error "Cannot send submit_sm"', Unreachable),
    ("vonage", 200, _vonage(TAKEN, {**TAKEN, "message-id": "A2"}), "A2"),
    ("vonage", 200, _vonage(TAKEN, {"status": "1"}), Throttled),
    ("vonage", 200, _vonage({"status": "1", "error-text": "Throughput Rate Exceeded"}), Throttled),
    ("vonage", 200, _vonage({"status": "4"}), Unreachable),
    ("vonage", 200, _vonage({"status": "6"}), Refused),
    ("vonage", 200, _vonage(), Unreachable),
    ("vonage", 200, "not json", Unreachable),
    ("vonage", 429, "", Throttled),
    ("infobip", 200, _infobip("PENDING", "PENDING_ACCEPTED"), "n-1"),
    ("infobip", 200, _infobip("REJECTED", "REJECTED_NOT_ENOUGH_CREDITS"), Unreachable),
    ("infobip", 200, _infobip("REJECTED", "REJECTED_PREFIX_MISSING"), Refused),
    ("infobip", 401, '{"requestError":{}}', Unreachable),
    ("infobip", 500, "", Unreachable),
]


@pytest.mark.parametrize(("name", "status", "body", "expected"), OUTCOMES)
def test_what_an_answer_means(
    name: str, status: int, body: str, expected: str | type[ChannelError]
) -> None:
    answer = HttpResponse(status, {}, body.encode())
    block = preset(name).block
    if isinstance(expected, str):
        assert sending.outcome(answer, block, "n-1") == expected
        return
    with pytest.raises(ChannelError) as raised:
        sending.outcome(answer, block, "n-1")
    assert type(raised.value) is expected
    assert str(status) in str(raised.value)


def test_an_answer_that_says_stop_and_one_that_says_when() -> None:
    errors = {"words": {"Unsubscribed": "opted_out"}, "wait_seconds": 7}
    block = preset("kannel", outgoing={"errors": errors}).block
    with pytest.raises(OptedOut) as raised:
        sending.outcome(HttpResponse(400, {}, b"+62812 is UNSUBSCRIBED"), block, "n-1")
    assert raised.value.until == "starts"
    assert "62812" not in str(raised.value)
    with pytest.raises(Throttled) as slow:
        sending.outcome(HttpResponse(429, {"Retry-After": "30"}, b""), block, "n-1")
    assert slow.value.retry_after == 30
    with pytest.raises(Throttled) as slow:
        sending.outcome(HttpResponse(429, {}, b""), block, "n-1")
    assert slow.value.retry_after == 7


@settings(max_examples=60)
@given(status=st.integers(100, 599), body=st.binary(max_size=300), name=st.sampled_from([*LOGIN]))
def test_whatever_is_answered_ends_in_an_id_or_an_error_of_ours(
    status: int, body: bytes, name: str
) -> None:
    found: str | ChannelError
    try:
        found = sending.outcome(HttpResponse(status, {}, body), preset(name).block, "n-1")
    except ChannelError as error:
        found = error
    assert str(found).startswith("the gateway answered") or str(found).isprintable()


async def test_a_message_goes_out_and_nothing_of_it_is_remembered() -> None:
    async with Door((200, {})) as door:
        mine = {"method": "POST", "query": {}, "form": {"m": "{text}"}, "reply": {"code": ""}}
        sms = channel(
            url=f"{door.public_url}/kirim?akun=kanal",
            credentials=LOGIN["kannel"],
            outgoing={**mine, "headers": {"X-Key": "{password}"}},
        )
        assert await sms.send(WHO, Outgoing("n-1", "Laporan “1” {password}")) == "n-1"
        await sms.close()
        hook = await door.take()
    assert urlsplit(hook.url).query == "akun=kanal"
    assert hook.headers["x-key"] == "kata-sandi-7d"
    assert parse_qs(hook.body.decode())["m"] == ['Laporan "1" (password)']
    (exchange,) = sms.exchanges
    assert exchange.status == 200
    for told in (SMS_TOKEN, "kata-sandi-7d", WHO[1:], "Laporan", "kanal"):
        assert told not in repr(exchange)


async def test_without_a_url_nothing_is_sent() -> None:
    with pytest.raises(Refused):
        await plain_channel().send(WHO, Outgoing("n-1", "x"))
    assert "no url" in plain_channel().alert_fault(WHO)


def test_the_example_is_a_whole_block() -> None:
    assert SmsHttpBlock.model_validate(EXAMPLES["sms_http"]).preset == "kannel"
