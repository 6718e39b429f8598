"""The demo's phone company is held to Twilio's documents by Twilio's own SDK."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession, encode_basic_auth
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioRestException,
)
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from demo.phone import UNREACHED, PhoneCompany, signature
from tests.adapters.doubles import Door
from tests.adapters.examples import ACCOUNT, NUMBER, TOKEN

PHONE = "+6281234567890"


class Rebased(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's own blocking client, talking to another host."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=10)
        self.base = base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, self.base + parts.path + query, *args, **kwargs)


@pytest.fixture
async def company() -> AsyncIterator[PhoneCompany]:
    async with PhoneCompany(TOKEN, ACCOUNT, NUMBER) as company:
        yield company


def client(company: PhoneCompany, token: str = TOKEN) -> Any:
    return Client(ACCOUNT, token, http_client=Rebased(company.url))


def create(company: PhoneCompany, **fields: Any) -> Any:
    given = {"to": PHONE, "from_": NUMBER, "body": "halo", **fields}
    return client(company).messages.create(**given)


async def test_the_sdk_creates_and_lists_messages(company: PhoneCompany) -> None:
    created = await asyncio.to_thread(create, company, status_callback="http://127.0.0.1:1/x")
    assert (created.status, created.direction, created.to) == ("queued", "outbound-api", PHONE)
    assert created.date_created.tzinfo is not None
    other = await asyncio.to_thread(create, company, to="+6281111111111", body="dua")
    listed = await asyncio.to_thread(client(company).messages.list)
    assert [message.sid for message in listed] == [other.sid, created.sid]
    mine = await asyncio.to_thread(client(company).messages.list, to=PHONE, limit=5)
    assert [message.body for message in mine] == ["halo"]
    assert company.carried[0].status_callback == "http://127.0.0.1:1/x"


async def test_the_sdk_lists_what_citizens_wrote_also_when_nobody_took_it(
    company: PhoneCompany,
) -> None:
    nowhere, now = "http://127.0.0.1:9/in/sms", datetime.now(UTC)
    media = [(f"{company.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1", "image/png")]
    assert await company.text(nowhere, PHONE, "kemarin", at=now - timedelta(days=1)) == UNREACHED
    for _ in range(2):  # a late try of the same message is no second one
        await company.text(nowhere, PHONE, "tadi", sid="MM1", media=media)
    messages = client(company).messages
    since = now - timedelta(hours=1)
    (found,) = await asyncio.to_thread(messages.list, to=NUMBER, date_sent_after=since)
    assert (found.sid, found.direction, found.num_media) == ("MM1", "inbound", "1")
    before = await asyncio.to_thread(messages.list, to=NUMBER, date_sent_before=since)
    assert [message.body for message in before] == ["kemarin"]
    (file,) = await asyncio.to_thread(client(company).messages("MM1").media.list)
    assert file.content_type == "image/png"
    whole = await asyncio.to_thread(messages.list, page_size=1)
    assert [message.body for message in whole] == ["tadi", "kemarin"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"to": ""}, 400, 21604),
        ({"to": "bukan nomor"}, 400, 21211),
        ({"from_": "+15005550006"}, 400, 21659),
        ({"body": ""}, 400, 21602),
        ({"body": "x" * 1601}, 400, 21617),
    ],
)
async def test_the_sdk_reads_its_errors(
    company: PhoneCompany, fields: dict[str, str], status: int, code: int
) -> None:
    with pytest.raises(TwilioRestException) as raised:
        await asyncio.to_thread(create, company, **fields)
    assert (raised.value.status, raised.value.code) == (status, code)
    assert company.carried == []


async def test_a_wrong_token_is_refused(company: PhoneCompany) -> None:
    messages = client(company, "wrong").messages
    with pytest.raises(TwilioRestException) as raised:
        await asyncio.to_thread(messages.create, to=PHONE, from_=NUMBER, body="x")
    assert (raised.value.status, raised.value.code) == (401, 20003)
    url = f"{company.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    for header in ("", "Basic !", "Bearer x", encode_basic_auth("x", TOKEN)):
        async with ClientSession() as http, http.get(url, headers={"Authorization": header}) as got:
            assert got.status == 401


async def test_what_a_citizen_writes_is_signed_so_that_the_sdk_accepts_it(
    company: PhoneCompany,
) -> None:
    async with Door((200, {}), (403, {})) as door:
        url = f"{door.public_url}/in/sms?kota=64.72"
        media = [("https://media.example/1", "image/jpeg")]
        assert await company.text(url, PHONE, "lampu mati 💡 & é", media=media) == 200
        assert await company.text(url, PHONE, "palsu", forge=True) == 403
        genuine, forged = await door.take(), await door.take()
    for hook, right in ((genuine, True), (forged, False)):
        fields = dict(parse_qsl(hook.body.decode(), keep_blank_values=True))
        proof = hook.headers["x-twilio-signature"]
        assert RequestValidator(TOKEN).validate(url, fields, proof) is right
        assert len(b64decode(proof)) == 20
    assert b"MediaUrl0" in genuine.body


async def test_each_message_has_its_own_sid_unless_repeated(company: PhoneCompany) -> None:
    async with Door() as door:
        for sid in (None, None, "SM1", "SM1"):
            await company.text(f"{door.public_url}/in/sms", PHONE, "halo", sid=sid)
        sids = [dict(parse_qsl((await door.take()).body.decode()))["MessageSid"] for _ in range(4)]
    assert len(set(sids[:2])) == 2
    assert sids[2:] == ["SM1", "SM1"]


async def test_waiting_ends_when_the_message_comes_and_when_it_does_not(
    company: PhoneCompany,
) -> None:
    waiting = asyncio.create_task(company.wait_for(lambda text: text.body == "kedua"))
    await asyncio.to_thread(create, company, body="pertama")
    await asyncio.to_thread(create, company, body="kedua")
    assert (await waiting).body == "kedua"
    with pytest.raises(TimeoutError):
        await company.wait_for(lambda text: text.body == "ketiga", within=0.01)


async def test_a_message_without_callback_cannot_be_reported(company: PhoneCompany) -> None:
    await asyncio.to_thread(create, company)
    with pytest.raises(ValueError, match="no status callback"):
        await company.report(company.carried[0], "delivered")


@given(st.dictionaries(st.text("AaBb1", min_size=1), st.text(st.characters(codec="utf-8"))))
def test_signatures_equal_the_sdks(fields: dict[str, str]) -> None:
    url = "https://lapor.example/in/sms?x=1"
    expected = RequestValidator(TOKEN).compute_signature(url, fields)
    assert signature(TOKEN, url, list(fields.items())) == expected
