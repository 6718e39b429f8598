"""WhatsApp, MMS and STOP through the Twilio file: what citizens send, and when we may answer."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.contract import (
    Forged,
    Inbound,
    Malformed,
    OptedOut,
    Outgoing,
    Receipt,
    Refused,
    WebhookRequest,
)
from adapters.twilio.api import SILENCED
from adapters.twilio.channel import Twilio, TwilioBlock
from adapters.twilio.content import OPT_OUT
from demo.phone import PhoneCompany
from normalizer.message import MAX_TEXT
from tests.adapters.doubles import Door, signed_form
from tests.adapters.examples import ACCOUNT, TOKEN, build

US, CITIZEN = "whatsapp:+6281100001708", "whatsapp:+6281234567890"
TEMPLATE = "HX" + "1" * 32
LATE = datetime.now(UTC) - timedelta(hours=25)
MEDIA = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
TEXT = "Jawaban dinas:\n\nregu   turun besok."


def whatsapp(**changes: Any) -> Twilio:
    channel = build("twilio", **{"number": US, **changes})
    assert isinstance(channel, Twilio)
    return channel


@pytest.fixture
async def company() -> AsyncIterator[PhoneCompany]:
    async with PhoneCompany(TOKEN, ACCOUNT, US) as company:
        company.templates[TEMPLATE] = "Kabar laporan {{1}}: {{2}}"
        yield company


@pytest.fixture
async def channel(company: PhoneCompany) -> AsyncIterator[Twilio]:
    channel = whatsapp(api_base=company.url)
    yield channel
    await channel.close()


@pytest.fixture
async def opening(company: PhoneCompany) -> AsyncIterator[Twilio]:
    """A channel that has a template."""
    channel = whatsapp(api_base=company.url, window_template=TEMPLATE)
    yield channel
    await channel.close()


async def said(company: PhoneCompany, body: str, **more: Any) -> Inbound:
    """Let a citizen write and read it as our channel does."""
    async with Door() as door:
        reader = whatsapp(public_url=door.public_url, api_base=company.url)
        assert await company.text(reader.hook_url, CITIZEN, body, **more) == 200
        hook = await door.take()
        reader.verify(hook)
        (found,) = reader.parse(hook)
        await reader.close()
    assert isinstance(found, Inbound)
    return found


def read(*fields: tuple[str, str]) -> list[Inbound | Receipt]:
    base = [("MessageSid", "SM1"), ("From", CITIZEN), ("To", US), ("SmsStatus", "received")]
    return whatsapp().parse(signed_form(TOKEN, "https://lapor.example/in/x", [*base, *fields]))


# What comes in.


async def test_a_place_with_a_name_and_who_sent_it(company: PhoneCompany) -> None:
    place = {"Latitude": "-0.5021", "Longitude": "117.1536", "Label": "Pasar Segiri"}
    found = await said(
        company,
        "jalan rusak",
        extra={**place, "Address": "Samarinda", "ProfileName": "Sri W", "WaId": CITIZEN[10:]},
    )
    assert (found.sender.address, found.sender.name, found.account) == (CITIZEN, "Sri W", US)
    assert found.location == (-0.5021, 117.1536)
    assert found.text == "jalan rusak\nPasar Segiri\nSamarinda"


async def test_a_reply_names_our_message_and_a_forwarded_one_says_so(company: PhoneCompany) -> None:
    extra = {"OriginalRepliedMessageSid": "SM7", "Forwarded": "true"}
    found = await said(company, "2", extra=extra)
    assert (found.text, found.thread, found.notes) == ("2", ("SM7",), ("forwarded",))


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("image/jpeg", "media-1.jpg"),
        ("audio/ogg; codecs=opus", "media-1.ogg"),
        ("application/x-unknown", "media-1"),
    ],
)
async def test_a_file_has_a_name_of_its_kind(
    company: PhoneCompany, media_type: str, name: str
) -> None:
    address, _ = company.picture(b"x", media_type)
    (file,) = (await said(company, "", media=[(address, media_type)])).files
    assert (file.name, file.media_type, file.url) == (name, media_type, address)


# STOP and START.


@pytest.mark.parametrize(
    ("word", "wish"), [*OPT_OUT.items(), ("berhenti ", "stop"), ("Stop", "stop")]
)
def test_a_word_that_is_all_of_a_message_is_a_wish(word: str, wish: str) -> None:
    (found,) = read(("Body", word))
    assert isinstance(found, Inbound)
    assert found.wants == wish


@pytest.mark.parametrize(
    "body", ["", "stop dulu", "jalan rusak", "YES", "ya", "STATUS", "berhenti."]
)
def test_other_words_are_what_they_say(body: str) -> None:
    (found,) = read(("Body", body))
    assert isinstance(found, Inbound)
    assert found.wants == ""


@pytest.mark.parametrize(
    ("said_by_twilio", "wishes"), [("STOP", ["stop"]), ("START", ["start"]), ("HELP", [])]
)
def test_twilios_own_reading_goes_first(said_by_twilio: str, wishes: list[str]) -> None:
    found = read(("Body", "sudah"), ("OptOutType", said_by_twilio))
    assert [each.wants for each in found if isinstance(each, Inbound)] == wishes


async def test_who_said_stop_is_not_written_to_until_start(
    company: PhoneCompany, opening: Twilio
) -> None:
    await said(company, "STOP")
    for silenced in (False, True):
        with pytest.raises(OptedOut, match="said STOP") as raised:
            await opening.send(CITIZEN, Outgoing("1", "halo", silenced=silenced))
        assert raised.value.until == "starts"
    await said(company, "START")
    await opening.send(CITIZEN, Outgoing("1", "halo"))
    assert [text.body for text in company.carried] == ["halo"]


# The 24 hours.


async def test_within_a_day_words_are_carried(company: PhoneCompany, channel: Twilio) -> None:
    await said(company, "jalan rusak")
    await channel.send(CITIZEN, Outgoing("1", TEXT))
    assert [text.body for text in company.carried] == [TEXT]


async def test_later_they_wait_until_the_citizen_writes(
    company: PhoneCompany, channel: Twilio
) -> None:
    company.refuses_late = True
    await said(company, "jalan rusak", at=LATE)
    with pytest.raises(OptedOut, match="24 hours") as raised:
        await channel.send(CITIZEN, Outgoing("1", TEXT))
    assert (raised.value.until, channel.opens) == ("writes", False)
    assert "1234567890" not in str(raised.value)
    await said(company, "sudah?")
    await channel.send(CITIZEN, Outgoing("1", TEXT))
    assert [text.body for text in company.carried] == [TEXT]


@pytest.mark.parametrize("known", [True, False], ids=["known to be late", "refused"])
async def test_a_template_reaches_who_wrote_long_ago(
    company: PhoneCompany, opening: Twilio, known: bool
) -> None:
    company.refuses_late = True
    await said(company, "jalan rusak", at=LATE)
    answer = Outgoing("1", TEXT, tracking="482109375514", silenced=known)
    sid = await opening.send(CITIZEN, answer)
    (text,) = company.carried
    assert text.sid == sid
    assert text.body == "Kabar laporan 4821-0937-5514: Jawaban dinas: regu turun besok."


async def test_twilio_mostly_notices_later_and_says_so_in_a_receipt(company: PhoneCompany) -> None:
    async with Door() as door:
        channel = whatsapp(public_url=door.public_url, api_base=company.url)
        sid = await channel.send(CITIZEN, Outgoing("1", TEXT))
        assert company.carried == []
        await company.report(company.stranded[0], "undelivered", error=63016)
        hook = await door.take()
        channel.verify(hook)
        detail = f"63016: {SILENCED[63016][1]}"
        assert channel.parse(hook) == [Receipt("twilio", sid, "failed", detail, "writes")]
        await channel.close()


def test_a_receipt_that_is_no_failure_holds_nothing() -> None:
    fields = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("ErrorCode", "63016")]
    hook = signed_form(TOKEN, "https://lapor.example/in/x", fields)
    (found,) = whatsapp().parse(hook)
    assert isinstance(found, Receipt)
    assert found.until is None


@given(st.text(max_size=2000))
def test_whatever_is_answered_a_template_can_hold_it(text: str) -> None:
    channel = whatsapp(window_template=TEMPLATE)
    content = channel._template(Outgoing("1", text))
    values = json.loads(str(content["content_variables"]))
    assert len(values["2"]) <= 900
    assert values["2"] == " ".join(values["2"].split())


@pytest.mark.parametrize("sid", ["", "MG" + "1" * 32, "HX1"])
def test_a_template_is_named_by_its_content_sid(sid: str) -> None:
    block = {"type": "twilio", "account_sid": ACCOUNT, "auth_tokens": [TOKEN], "number": US}
    with pytest.raises(ValidationError, match="window_template"):
        TwilioBlock.model_validate({**block, "window_template": sid})


# Files.


async def test_a_file_is_given_with_our_token_which_its_storage_does_not_see(
    company: PhoneCompany, channel: Twilio
) -> None:
    found = await said(company, "", media=[company.picture(b"\xff\xd8 a picture")])
    assert found.files[0].url
    source = await channel.source(found.files[0].url)
    assert source.trusted
    async with ClientSession() as http:
        first = await http.get(source.url, headers=source.headers, allow_redirects=False)
        assert first.status == 307
        async with http.get(first.headers["Location"]) as answer:
            assert await answer.read() == b"\xff\xd8 a picture"
        async with http.get(source.url) as answer:
            assert answer.status == 401, "without the token it is nobody's"
    assert all("Authorization" not in headers for headers in company.given)
    assert TOKEN not in f"{source!r} {source}"


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        (f"https://api.twilio.com{MEDIA}", True),
        (f"https://api.twilio.com.evil.example{MEDIA}", False),
        (f"https://evil.example{MEDIA}", False),
        (f"https://api.twilio.com{MEDIA}/../../../x", False),
        (f"https://api.twilio.com{MEDIA.replace(ACCOUNT, 'AC' + 'f' * 32)}", False),
        (f"https://api.twilio.com{MEDIA}?x=https://evil.example", False),
        (f"https://user@api.twilio.com{MEDIA}", False),
        ("https://media.example/x.jpg", False),
    ],
)
async def test_only_our_own_files_get_our_token(url: str, ours: bool) -> None:
    source = await whatsapp().source(url)
    assert bool(source.headers) is ours
    assert (source.url, source.trusted) == (url, False)


async def test_behind_a_proxy_the_proxy_is_asked() -> None:
    source = await whatsapp(api_base="http://127.0.0.1:9").source(f"https://api.twilio.com{MEDIA}")
    assert source.url == f"http://127.0.0.1:9{MEDIA}"
    assert source.headers


@given(
    st.one_of(
        st.text(), st.sampled_from(["http://x.example/a", "file:///etc/passwd", "https:// x"])
    )
)
async def test_whatever_a_url_is_it_is_fetched_over_tls_or_refused(url: str) -> None:
    try:
        source = await whatsapp().source(url)
    except Refused:
        return
    assert source.url.startswith("https://")


FIELDS = (
    *("Body", "OptOutType", "ProfileName", "Latitude", "Longitude", "Label", "MediaUrl0", "From"),
    *("NumMedia", "MessageStatus", "ErrorCode", "Forwarded", "SmsStatus"),
)


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=30)))
def test_whatever_stands_in_the_fields_they_are_read_or_malformed(fields: dict[str, str]) -> None:
    form = {"MessageSid": "SM1", "From": CITIZEN, "To": US, **fields}
    body = urlencode(form, errors="replace").encode()
    hook = WebhookRequest("https://lapor.example/in/x", {}, body)
    try:
        found = whatsapp().parse(hook)
    except (Malformed, Forged):
        return
    for each in found:
        if isinstance(each, Inbound):
            assert len(each.text) <= MAX_TEXT
            each.text.encode()
