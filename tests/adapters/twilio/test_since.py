"""After an outage: what Twilio lists is the same, to the letter, as what its webhook brings."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    ChannelError,
    Inbound,
    Malformed,
    Outgoing,
    Page,
    Receipt,
    Throttled,
    Unreachable,
    UnreadableItem,
)
from adapters.twilio import listing
from adapters.twilio.channel import Twilio
from demo.phone import PhoneCompany
from tests import emulate
from tests.adapters.doubles import Door
from tests.adapters.examples import ACCOUNT, NUMBER, TOKEN, build

PHONE = "+6281234567890"
SERVICE = "MG" + "0" * 32
NOBODY = "http://127.0.0.1:9/in/twilio"
LIST = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@pytest.fixture
async def company() -> AsyncIterator[PhoneCompany]:
    async with PhoneCompany(TOKEN, ACCOUNT, NUMBER) as company:
        yield company


@pytest.fixture
async def channel(company: PhoneCompany) -> AsyncIterator[Twilio]:
    built = build("twilio", api_base=company.url)
    assert isinstance(built, Twilio)
    yield built
    await built.close()


async def everything(channel: Twilio, since: datetime) -> list[Inbound | Receipt | UnreadableItem]:
    return [item async for page in channel.since(since) for item in page.items]


async def texts(channel: Twilio, since: datetime) -> list[str]:
    found = await everything(channel, since)
    return [item.text for item in found if isinstance(item, Inbound)]


async def test_listed_and_called_are_the_same_message(
    company: PhoneCompany, channel: Twilio
) -> None:
    path = f"{company.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media"
    media = [(f"{path}/ME1", "image/jpeg"), (f"{path}/ME2", "image/png")]
    async with Door() as door:
        await company.text(f"{door.public_url}/in/twilio", PHONE, "lampu mati 💡", media=media)
        (called,) = channel.parse(await door.take())
    (listed,) = await everything(channel, datetime.now(UTC) - timedelta(minutes=1))
    assert isinstance(listed, Inbound)
    assert listed.sent_at is not None
    assert abs(listed.sent_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert replace(listed, raw=b"", sent_at=None) == replace(called, raw=b"")  # type: ignore[arg-type]
    assert channel.reread(listed.raw) == [listed], "what is kept can be read again"


async def test_only_what_citizens_wrote_since_then_oldest_first(
    company: PhoneCompany, channel: Twilio
) -> None:
    now = datetime.now(UTC)
    for minutes, body in ((300, "lama"), (170, "satu"), (100, "dua"), (99, "tiga"), (1, "empat")):
        await company.text(NOBODY, PHONE, body, at=now - timedelta(minutes=minutes))
    await company.text(NOBODY, "+14155550000", "dari luar")
    company.written["SMother"] = replace(
        next(iter(company.written.values())), sid="SMother", to="+6281100000000", at=now
    )
    await channel.send(PHONE, Outgoing("1", "Terima kasih"))
    since = await texts(channel, now - timedelta(hours=3))
    assert since == ["satu", "dua", "tiga", "empat", "dari luar"]


async def test_what_we_sent_is_found_by_its_words(company: PhoneCompany, channel: Twilio) -> None:
    text = Outgoing("1", "Terima kasih \u201cBudi\u201d \u2013 laporan 1234 kami terima")
    since = datetime.now(UTC) - timedelta(seconds=5)
    assert await channel.find_sent(PHONE, text, since) is None
    sid = await channel.send(PHONE, text)
    plain = Outgoing("1", 'Terima kasih "Budi" - laporan 1234 kami terima')
    assert await channel.find_sent(PHONE, text, since) == sid
    assert await channel.find_sent(PHONE, plain, since) == sid, "as Twilio may have written it"
    assert await channel.find_sent(NOBODY, text, since) is None
    assert await channel.find_sent(PHONE, Outgoing("1", "Terima kasih"), since) is None
    await company.text(NOBODY, PHONE, text.text)
    assert await channel.find_sent(PHONE, text, since) == sid, "what a citizen wrote is not ours"


async def test_a_long_list_is_followed_to_its_end(
    company: PhoneCompany, channel: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LISTED", 3)
    now = datetime.now(UTC)
    for number in range(10):
        moment = now - timedelta(minutes=10 - number)
        await company.text(NOBODY, PHONE, f"pesan {number}", at=moment)
    assert await texts(channel, now - timedelta(minutes=30)) == [f"pesan {n}" for n in range(10)]


async def test_the_files_of_a_message_are_asked_for_once(
    company: PhoneCompany, channel: Twilio
) -> None:
    await company.text(NOBODY, PHONE, "", media=[(f"{company.url}/m/ME1", "image/jpeg")], sid="MM1")
    moment = datetime.now(UTC) - timedelta(minutes=1)
    first = await everything(channel, moment)
    company.written["MM1"] = replace(company.written["MM1"], media=(("/other", "image/png"),))
    assert await everything(channel, moment) == first


async def test_a_double_that_strangers_wrote_lists_what_it_called_us_for() -> None:
    async with Door() as door, emulate.emulated_twilio(f"{door.public_url}/in/sms") as other:
        await other.text(PHONE, "lampu mati 💡 & é")
        hook = await door.take()
        settings: dict[str, Any] = {"account_sid": emulate.ACCOUNT, "auth_tokens": [emulate.TOKEN]}
        channel = build("twilio", api_base=other.url, number=emulate.NUMBER, **settings)
        assert isinstance(channel, Twilio)
        (called,) = channel.parse(hook)
        (listed,) = await everything(channel, datetime.now(UTC) - timedelta(minutes=1))
        await channel.close()
    assert isinstance(listed, Inbound)
    assert replace(listed, raw=b"", sent_at=None) == replace(called, raw=b"")  # type: ignore[arg-type]


# --- a provider that answers otherwise -----------------------------------------------------------


class Lists:
    """An API that gives fixed answers to a list, one per request; the last one stays."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.queries: list[Mapping[str, str]] = []
        self.paths: list[str] = []

    async def __aenter__(self) -> "Lists":
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        self.paths.append(request.path)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json")


def message(**changes: Any) -> dict[str, Any]:
    return {
        "sid": "SM1",
        "from": PHONE,
        "to": NUMBER,
        "body": "lampu mati",
        "direction": "inbound",
        "date_sent": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "num_media": "0",
        "messaging_service_sid": None,
    } | changes


async def pages(lists: Lists, **block: Any) -> list[Page]:
    channel = build("twilio", api_base=lists.url, **block)
    assert isinstance(channel, Twilio)
    try:
        return [page async for page in channel.since(datetime.now(UTC) - timedelta(minutes=1))]
    finally:
        await channel.close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"code": 20003, "message": "x"}, Unreachable),
        (404, {"code": 20404, "message": "x"}, Unreachable),
        (429, {"code": 20429, "message": "x"}, Throttled),
        (500, "<html>", Unreachable),
        (200, "<html>", Unreachable),
        (200, "[]", Unreachable),
        (302, "", Unreachable),
    ],
)
async def test_an_answer_that_is_no_list_is_an_error_of_ours(
    status: int, body: Any, error: type[ChannelError]
) -> None:
    async with Lists((status, body)) as lists:
        with pytest.raises(error) as raised:
            await pages(lists)
    assert PHONE not in str(raised.value)


async def test_the_list_does_not_choose_where_our_token_goes() -> None:
    elsewhere = "https://evil.example/2010-04-01/Accounts/AC1/Messages.json?Page=1&PageToken=PA1"
    first = {"messages": [message()], "next_page_uri": elsewhere}
    async with Lists((200, first), (200, {"messages": [], "next_page_uri": None})) as lists:
        (page,) = await pages(lists)
    assert len(page.items) == 1
    assert lists.paths == [LIST, LIST]
    assert lists.queries[1] == {"Page": "1", "PageToken": "PA1"}


async def test_a_list_that_goes_round_in_circles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 5)
    again = {"messages": [], "next_page_uri": f"{LIST}?Page=0"}
    async with Lists((200, again)) as lists:
        with pytest.raises(Unreachable, match="does not end"):
            await pages(lists)


async def test_a_messaging_service_takes_only_its_own() -> None:
    listed = [message(sid="SM1", messaging_service_sid=SERVICE), message(sid="SM2")]
    async with Lists((200, {"messages": listed})) as lists:
        (page,) = await pages(lists, number=None, messaging_service_sid=SERVICE)
    assert [item.external_id for item in page.items if isinstance(item, Inbound)] == ["SM1"]
    assert "To" not in lists.queries[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"sid": None},
        {"sid": "\n"},
        {"from": None},
        {"from": ""},
        {"to": None},
        {"sid": 7, "to": {}},
    ],
)
async def test_a_message_that_cannot_be_read_keeps_its_neighbours(changes: dict[str, Any]) -> None:
    broken = message(**changes)
    listed = [message(), broken, message(sid="SM3")]
    async with Lists((200, {"messages": [*listed, None, 7]})) as lists:
        (page,) = await pages(lists)
    kinds = [type(item) for item in page.items]
    assert kinds.count(Inbound) >= 2
    for item in page.items:
        if isinstance(item, UnreadableItem):
            assert json.loads(item.raw)["message"] == broken


KEYS = st.sampled_from(["message", "media", "sid", "from", "to", "body", "num_media", "date_sent"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner),
    max_leaves=12,
)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_was_kept_is_read_or_refused(raw: bytes) -> None:
    channel = build("twilio")
    assert isinstance(channel, Twilio)
    try:
        found = channel.reread(raw)
    except Malformed:
        return
    assert all(isinstance(item, Inbound) for item in found)
