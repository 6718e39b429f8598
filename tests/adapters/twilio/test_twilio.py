"""The SMS channel: what Twilio documents, what forgers try, and what comes back when we send."""

import asyncio
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
)

from adapters.contract import (
    ChannelError,
    File,
    Forged,
    Inbound,
    Malformed,
    OptedOut,
    Outgoing,
    Receipt,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
    WebhookRequest,
)
from adapters.sms.numbers import address
from adapters.sms.segmentation import fit_text
from adapters.twilio.api import MENDABLE, REFUSALS, SILENCED, SLOW_DOWN, failure
from adapters.twilio.channel import (
    STATES,
    Twilio,
    TwilioBlock,
)
from demo.phone import PhoneCompany, signature
from tests import emulate
from tests.adapters.doubles import Door, signed_form
from tests.adapters.examples import ACCOUNT, NUMBER, OLD_TOKEN, TOKEN, build

URL = "https://lapor.example/in/twilio"
SENDER = "+6281234567890"
SMS = [
    ("ToCountry", "ID"),
    ("SmsMessageSid", "SM" + "a" * 32),
    ("NumMedia", "0"),
    ("FromCity", ""),
    ("SmsSid", "SM" + "a" * 32),
    ("SmsStatus", "received"),
    ("Body", "SAMARINDA lampu jalan mati 💡 di Jl. Pahlawan\nudah 2 mgg"),
    ("To", NUMBER),
    ("NumSegments", "1"),
    ("MessageSid", "SM" + "a" * 32),
    ("AccountSid", ACCOUNT),
    ("From", SENDER),
    ("ApiVersion", "2010-04-01"),
]


def twilio(**changes: Any) -> Twilio:
    channel = build("twilio", **changes)
    assert isinstance(channel, Twilio)
    return channel


def sms(*changes: tuple[str, str], without: tuple[str, ...] = ()) -> WebhookRequest:
    """Sign the example message with some fields set or left out."""
    replaced = {name for name, _ in changes} | set(without)
    fields = [field for field in SMS if field[0] not in replaced] + list(changes)
    return signed_form(TOKEN, URL, fields)


def read(hook: WebhookRequest) -> Inbound:
    (said,) = twilio().parse(hook)
    assert isinstance(said, Inbound)
    return said


def events(*batch: object, token: str = TOKEN) -> WebhookRequest:
    """Sign a JSON body as Event Streams does: its hash in the URL, the URL in the signature."""
    body = json.dumps(batch).encode()
    url = f"{URL}?bodySHA256={sha256(body).hexdigest()}"
    headers = {"content-type": "application/json", "x-twilio-signature": signature(token, url, [])}
    return WebhookRequest(url, headers, body)


# Twilio's published vectors: token 12345, in its documentation and in every one of its SDKs.
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
JSON_BODY = '{"property": "value", "boolean": true}'
JSON_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
PAGE = "mycompany.com/myapp.php?foo=1&bar=2"
REPEATED = [
    ("Sid", "CA123"),
    ("SidAccount", "AC123"),
    *(("Digits", d) for d in ["5678", "1234"]),
]


@pytest.mark.parametrize(
    ("url", "media_type", "body", "proof"),
    [
        (f"https://{PAGE}", "form", urlencode(CALL), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            f"https://{PAGE}",
            "form",
            urlencode([*REPEATED, ("Digits", "1234")]),
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        (
            f"https://{PAGE}&bodySHA256={JSON_HASH}",
            "json",
            JSON_BODY,
            "a9nBmqA0ju/hNViExpshrM61xv4=",
        ),
        (f"https://{PAGE}", "form", urlencode(CALL), "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (f"http://{PAGE}", "form", urlencode(CALL), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (
            f"https://user:pass@{PAGE}",
            "form",
            urlencode(CALL),
            "CukzLTc1tT5dXEDIHm/tKBanW10=",
        ),
    ],
)
def test_published_vectors_pass_and_fail_when_touched(
    url: str, media_type: str, body: str, proof: str
) -> None:
    channel = twilio(auth_tokens=["12345"])
    kinds = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
    headers = {"content-type": kinds[media_type], "x-twilio-signature": proof}
    channel.verify(WebhookRequest(url, headers, body.encode()))
    for touched in (
        WebhookRequest(url + "&x=1", headers, body.encode()),
        WebhookRequest(url, headers, body.replace("1", "2").replace("true", "false").encode()),
        WebhookRequest(url, {**headers, "x-twilio-signature": proof.swapcase()}, body.encode()),
    ):
        with pytest.raises(Forged):
            channel.verify(touched)


@pytest.mark.parametrize("token", [TOKEN, OLD_TOKEN])
def test_old_and_new_token_are_accepted(token: str) -> None:
    hook = signed_form(token, URL, SMS)
    twilio().verify(hook)
    with pytest.raises(Forged):
        twilio(auth_tokens=["another"]).verify(hook)


def test_a_shared_key_signs_with_sha256() -> None:
    signed = URL + "".join(name + value for name, value in sorted(SMS))
    proof = b64encode(hmac.digest(b"shared", signed.encode(), sha256)).decode()
    plain = signed_form("x", URL, SMS)
    settings = "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256"
    header = "x-twilio-webhooks-signature-settings"
    headers = {**plain.headers, "x-twilio-signature": proof, header: settings}
    channel = twilio(shared_keys=["shared"])
    channel.verify(WebhookRequest(URL, headers, plain.body))
    for other in ({**headers, header: "algorithm=NONE"}, {**headers, header: ""}):
        with pytest.raises(Forged):
            channel.verify(WebhookRequest(URL, other, plain.body))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"headers": {}}, "no X-Twilio-Signature"),
        ({"headers": {"x-twilio-signature": ""}}, "no X-Twilio-Signature"),
        ({"headers": {"x-twilio-signature": "ÿ" * 28}}, "none of our tokens"),
        ({"body": b"&".join([b"a=1"] * 501)}, "cannot have been signed"),
        ({"url": "https://[bad/in/twilio"}, "cannot have been signed"),
        ({"url": "https://lapor.example:99999/in/twilio"}, "cannot have been signed"),
        ({"url": URL + "?x=%20"}, "none of our tokens"),
    ],
)
def test_what_cannot_be_proven_is_forged_and_says_why(change: dict[str, Any], words: str) -> None:
    genuine = sms()
    parts = {"url": genuine.url, "headers": genuine.headers, "body": genuine.body, **change}
    with pytest.raises(Forged, match=words):
        twilio().verify(WebhookRequest(**parts))


@pytest.mark.parametrize("query", ["", "?bodySHA256=", "?bodySHA256=" + "0" * 64])
def test_json_without_its_hash_in_the_signed_url_is_forged(query: str) -> None:
    url = URL + query
    headers = {"content-type": "application/json", "x-twilio-signature": signature(TOKEN, url, [])}
    with pytest.raises(Forged):
        twilio().verify(WebhookRequest(url, headers, b'[{"type": "x"}]'))


def test_a_message_is_read() -> None:
    hook = sms()
    twilio().verify(hook)
    assert read(hook) == Inbound(
        channel="twilio",
        account=NUMBER,
        external_id="SM" + "a" * 32,
        sender=read(hook).sender,
        text="SAMARINDA lampu jalan mati 💡 di Jl. Pahlawan\nudah 2 mgg",
        raw=hook.body,
    )
    assert read(hook).sender.address == SENDER


def test_the_exact_query_of_the_url_is_signed() -> None:
    url = URL + "?a=%2f+%C3%A9&a="
    twilio().verify(signed_form(TOKEN, url, SMS))


def test_pictures_without_a_word_are_a_message() -> None:
    said = read(
        sms(
            ("Body", ""),
            ("NumMedia", "2"),
            ("MediaUrl0", "https://api.twilio.com/Media/ME1"),
            ("MediaContentType0", "image/jpeg"),
            ("MediaUrl1", "https://api.twilio.com/Media/ME2"),
            ("MediaContentType1", "application/x-../../etc"),
        )
    )
    assert said.text == ""
    assert said.notes == ()
    assert said.files == (
        File("media-1.jpg", "image/jpeg", url="https://api.twilio.com/Media/ME1"),
        File("media-2", "application/x-../../etc", url="https://api.twilio.com/Media/ME2"),
    )


def test_missing_media_is_noted() -> None:
    said = read(sms(("NumMedia", "3"), ("MediaUrl0", "https://api.twilio.com/Media/ME1")))
    assert said.notes == ("files_not_named: 1/3",)


@pytest.mark.parametrize(
    ("latitude", "longitude", "location"),
    [
        ("-0.502106", "117.153709", (-0.502106, 117.153709)),
        ("91", "117", None),
        ("nan", "117", None),
        ("", "", None),
    ],
)
def test_a_shared_place_is_read(
    latitude: str, longitude: str, location: tuple[float, float] | None
) -> None:
    place = (("Latitude", latitude), ("Longitude", longitude), ("Address", "Jl. Awang Long"))
    said = read(sms(("Body", "banjir"), *place))
    assert said.location == location
    assert said.text == "banjir\nJl. Awang Long"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+6281234567890", "+6281234567890"),
        ("081234567890", "+6281234567890"),
        ("6281234567890", "+6281234567890"),
        ("+15551234567", "+15551234567"),
        ("1708", "1708"),
        ("93355", "93355"),
        ("TELKOMSEL", "TELKOMSEL"),
        ("Bank Kaltim", "Bank Kaltim"),
        ("O8123456789", "O8123456789"),
        ("٠٨١٢٣٤٥٦٧٨٩٠", "٠٨١٢٣٤٥٦٧٨٩٠"),
        ("whatsapp:+6281234567890", "whatsapp:+6281234567890"),
        ("0000000000000000000000", "0000000000000000000000"),
    ],
)
def test_numbers_are_written_one_way(written: str, number: str) -> None:
    assert address(written) == number
    assert read(sms(("From", written))).sender.address == number


@pytest.mark.parametrize("status", [*STATES, "DELIVERED"])
@pytest.mark.parametrize("body", [(), (("Body", "our own text"),)])
def test_status_callbacks_become_receipts(status: str, body: tuple[tuple[str, str], ...]) -> None:
    hook = sms(("MessageStatus", status), ("ErrorCode", "30003"), *body, without=("Body",))
    state = STATES[status.lower()]
    sid = "SM" + "a" * 32
    said = f"30003: {REFUSALS[30003]}"
    expected = [Receipt("twilio", sid, state, said)] if state else []
    assert twilio().parse(hook) == expected


def test_an_unknown_status_is_no_news_and_no_crash() -> None:
    hook = sms(("MessageStatus", "teleported"), without=("Body", "SmsStatus"))
    assert twilio().parse(hook) == []


@pytest.mark.parametrize(
    "hook",
    [
        WebhookRequest(URL, {}, b""),
        WebhookRequest(URL, {}, b"\xff\x00\x80"),
        WebhookRequest(URL, {}, urlencode(CALL).encode()),
        sms(without=("MessageSid", "SmsSid")),
        sms(("MessageSid", "SM\x00")),
        sms(without=("From",)),
        sms(("From", "")),
        sms(("From", "  ")),
        sms(("From", "+62\n812")),
        sms(without=("To",)),
        sms(without=("Body", "SmsStatus")),
        WebhookRequest(URL, {}, b"&".join([b"a=1"] * 501)),
        WebhookRequest(URL, {"content-type": "application/json"}, b"{"),
        WebhookRequest(URL, {"content-type": "application/json"}, b"[" * 100_000),
        WebhookRequest(URL, {"content-type": "application/json"}, b"[1]"),
        events({"type": "com.twilio.messaging.inbound-message.received", "data": 3}),
    ],
)
def test_what_is_no_message_is_malformed(hook: WebhookRequest) -> None:
    with pytest.raises(Malformed):
        twilio().parse(hook)


def test_events_are_read_and_others_skipped() -> None:
    said = {"messageSid": "SM1", "from": SENDER, "to": NUMBER, "body": "jalan rusak", "numMedia": 0}
    sent = {"messageSid": "SM2", "errorCode": 30008}
    inbound = {"type": "com.twilio.messaging.inbound-message.received", "data": said}
    hook = events(
        inbound,
        {"type": "com.twilio.messaging.message.undelivered", "data": sent},
        {"type": "com.twilio.messaging.message.queued", "data": sent},
        {"type": "com.twilio.voice.insights.call-summary.complete", "data": {}},
    )
    twilio().verify(hook)
    message, receipt = twilio().parse(hook)
    assert isinstance(message, Inbound)
    assert (message.external_id, message.text, message.account) == ("SM1", "jalan rusak", NUMBER)
    assert json.loads(message.raw) == inbound
    again = WebhookRequest(URL, {"content-type": "application/json"}, message.raw)
    assert twilio().parse(again) == [message]
    assert receipt == Receipt("twilio", "SM2", "failed", "30008")


def test_a_text_that_cannot_be_stored_is_repaired() -> None:
    data = {"messageSid": "SM1", "from": SENDER, "to": NUMBER, "body": "a\ud800b"}
    hook = events({"type": "com.twilio.messaging.inbound-message.received", "data": data})
    assert read(hook).text == "a?b"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_citizen_writes_verifies_and_arrives_unchanged(text: str) -> None:
    hook = sms(("Body", text))
    twilio().verify(hook)
    assert read(hook).text == text


@given(st.text(), st.integers(40, 200))
def test_answers_are_cut_at_words(text: str, most: int) -> None:
    cut = fit_text(text, most)
    assert len(cut) <= most
    assert cut == text or (cut.endswith("...") and text.startswith(cut[:-3]))


def test_an_answer_is_cut_before_a_word_it_cannot_hold() -> None:
    assert fit_text("laporan Anda sudah diteruskan kepada dinas", 33) == (
        "laporan Anda sudah diteruskan..."
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"auth_tokens": []}, "at least 1"),
        ({"auth_tokens": [""]}, "at least 1"),
        ({"number": None}, "either number or messaging_service_sid"),
        ({"messaging_service_sid": "MG" + "0" * 32}, "either number or messaging_service_sid"),
        ({"number": "0811"}, None),
        ({"number": "lapor"}, "match pattern"),
        ({"account_sid": "SK" + "0" * 32}, "match pattern"),
        ({"api_base": "http://api.example"}, "this machine only"),
        ({"api_base": "http://127.evil.example"}, "this machine only"),
        ({"api_base": "http://[::1]:4010"}, None),
        ({"max_reply_characters": 5000}, "less than or equal to 1600"),
        ({"tokens": ["x"]}, "not permitted"),
    ],
)
def test_wrong_settings_say_what_is_wrong(change: dict[str, Any], words: str | None) -> None:
    block = {"type": "twilio", "account_sid": ACCOUNT, "auth_tokens": [TOKEN], "number": NUMBER}
    if words is None:
        assert TwilioBlock.model_validate({**block, **change})
        return
    with pytest.raises(ValidationError, match=words):
        TwilioBlock.model_validate({**block, **change})


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Twilio]]:
    """Build channels that are closed when the test ends, whichever way."""
    channels: list[Twilio] = []

    def build_one(**changes: Any) -> Twilio:
        channels.append(twilio(**changes))
        return channels[-1]

    yield build_one
    for channel in channels:
        await channel.close()


@pytest.fixture
async def company() -> AsyncIterator[PhoneCompany]:
    async with PhoneCompany(TOKEN, ACCOUNT, NUMBER) as company:
        yield company


async def test_an_answer_reaches_the_phone_and_its_receipt_comes_back(
    opened: Callable[..., Twilio],
    company: PhoneCompany,
) -> None:
    async with Door() as door:
        channel = opened(public_url=door.public_url, api_base=company.url)
        sid = await channel.send(SENDER, Outgoing("1", "Laporan 4821-0937-5516 diterima"))
        text = await company.wait_for(lambda text: text.to == SENDER)
        assert (text.sid, text.body) == (sid, "Laporan 4821-0937-5516 diterima")
        assert await company.report(text, "undelivered", error=30005) == 200
        hook = await door.take()
        assert hook.url == channel.hook_url
        channel.verify(hook)
        assert channel.parse(hook) == [
            Receipt("twilio", sid, "failed", f"30005: {REFUSALS[30005]}")
        ]


async def test_a_long_answer_is_cut_to_three_segments(
    opened: Callable[..., Twilio], company: PhoneCompany
) -> None:
    channel = opened(api_base=company.url)
    await channel.send(SENDER, Outgoing("1", "kata " * 300))
    assert company.carried[0].body == fit_text("kata " * 300, 459)


async def test_closing_twice_and_sending_again_works(
    opened: Callable[..., Twilio], company: PhoneCompany
) -> None:
    channel = opened(api_base=company.url)
    await channel.send(SENDER, Outgoing("1", "satu"))
    await channel.close()
    await channel.close()
    await channel.send(SENDER, Outgoing("2", "dua"))
    assert [text.body for text in company.carried] == ["satu", "dua"]


@pytest.mark.parametrize(
    ("changes", "to", "error", "words"),
    [
        ({}, "1708", Refused, "code 21211"),
        ({"auth_tokens": ["wrong"]}, SENDER, Unreachable, "auth_tokens do not match"),
        ({"number": "+15005550006"}, SENDER, Unreachable, "does not belong to Twilio"),
        ({"api_base": "http://127.0.0.1:1"}, SENDER, Unreachable, "did not answer"),
    ],
)
async def test_failures_say_whether_to_try_again_and_never_name_the_citizen(
    opened: Callable[..., Twilio],
    company: PhoneCompany,
    changes: dict[str, Any],
    to: str,
    error: type[ChannelError],
    words: str,
) -> None:
    channel = opened(**{"api_base": company.url, **changes})
    with pytest.raises(error, match=words) as raised:
        await channel.send(to, Outgoing("1", "halo"))
    assert type(raised.value) is error
    assert SENDER not in str(raised.value)
    assert raised.value.__cause__ is None, "the SDK's words name the citizen"
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("status", "error"),
    [(201, UnknownOutcome), (503, Unreachable), (302, Unreachable), (429, Throttled)],
)
async def test_a_provider_that_answers_nonsense_is_no_crash(
    opened: Callable[..., Twilio], status: int, error: type[ChannelError]
) -> None:
    async with Door((status, {"Location": "http://127.0.0.1:1/"})) as door:
        channel = opened(api_base=door.public_url)
        with pytest.raises(error) as raised:
            await channel.send(SENDER, Outgoing("1", "halo"))
        assert type(raised.value) is error


async def test_a_provider_that_hangs_is_given_up_in_time(opened: Callable[..., Twilio]) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = opened(api_base=f"http://127.0.0.1:{port}", timeout=0.2)
    async with asyncio.timeout(30):
        with pytest.raises(Unreachable, match="did not answer"):
            await channel.send(SENDER, Outgoing("1", "halo"))
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("code", [*MENDABLE, *SLOW_DOWN])
def test_what_an_operator_can_mend_or_time_will_heal_is_tried_again(code: int) -> None:
    status = code if code < 1000 else 400
    error = failure(TwilioRestException(status, "/", f"to {SENDER}", code))
    assert error.retryable
    assert str(code) in str(error)
    assert SENDER not in str(error)
    assert getattr(error, "retry_after", None) == SLOW_DOWN.get(code)


@pytest.mark.parametrize("code", SILENCED)
def test_what_a_citizen_can_mend_says_what_they_must_do(code: int) -> None:
    error = failure(TwilioRestException(400, "/", f"to {SENDER}", code))
    assert isinstance(error, OptedOut)
    assert (error.until, error.retryable) == (SILENCED[code][0], False)
    assert str(error).endswith(f"code {code}: {SILENCED[code][1]}")


@pytest.mark.parametrize("code", REFUSALS)
def test_what_will_never_work_is_said_in_words(code: int) -> None:
    error = failure(TwilioRestException(400, "/", f"to {SENDER}", code))
    assert type(error) is Refused
    assert str(error).endswith(f"code {code}: {REFUSALS[code]}")


def test_no_code_has_two_meanings() -> None:
    tables = (MENDABLE, REFUSALS, SILENCED, SLOW_DOWN)
    assert len({code for table in tables for code in table}) == sum(map(len, tables))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 21610, OptedOut),
        (400, 21614, Refused),
        (400, None, Refused),
        (500, None, Unreachable),
        (408, 408, Unreachable),
    ],
)
def test_other_errors(status: int, code: int | None, error: type[ChannelError]) -> None:
    assert type(failure(TwilioRestException(status, "/", "", code))) is error


def test_an_error_without_a_status_is_tried_again() -> None:
    assert failure(TwilioException("Unable to fetch page")).retryable


def test_secrets_stay_out_of_sight() -> None:
    block = twilio().block
    assert isinstance(block, TwilioBlock)
    assert block.auth_tokens[0] == SecretStr(TOKEN)
    assert TOKEN not in f"{block!r} {block} {block.model_dump_json()}"


async def test_strangers_twilio_signs_what_we_verify_and_takes_what_we_send(
    opened: Callable[..., Twilio],
) -> None:
    async with (
        Door() as door,
        emulate.emulated_twilio(f"{door.public_url}/in/twilio?kota=64.72") as company,
    ):
        channel = opened(
            public_url=door.public_url,
            api_base=company.url,
            account_sid=emulate.ACCOUNT,
            auth_tokens=[emulate.TOKEN],
            number=emulate.NUMBER,
        )
        await company.text(SENDER, "jalan rusak é 🛣️ & macet + banjir = 100%")
        hook = await door.take()
        channel.verify(hook)
        (said,) = channel.parse(hook)
        assert isinstance(said, Inbound)
        assert said.text == "jalan rusak é 🛣️ & macet + banjir = 100%"
        assert (said.sender.address, said.account) == (SENDER, emulate.NUMBER)
        with pytest.raises(Forged):
            channel.verify(WebhookRequest(hook.url, hook.headers, hook.body + quote("!").encode()))

        sid = await channel.send(said.sender.address, Outgoing("1", "Laporan diterima"))
        queued = await door.take()
        channel.verify(queued)
        assert channel.parse(queued) == []
        await company.report(sid, "delivered")
        delivered = await door.take()
        channel.verify(delivered)
        assert channel.parse(delivered) == [Receipt("twilio", sid, "delivered")]

        with pytest.raises(Refused):
            await channel.send("bukan nomor", Outgoing("2", "halo"))
