"""The agency webhook: what an agency's server sees, and what each of its answers means."""

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook as Agency
from standardwebhooks.webhooks import WebhookVerificationError
from yarl import URL

from adapters.contract import (
    LONGEST_WAIT,
    ChannelError,
    Outgoing,
    Refused,
    Throttled,
    Unreachable,
    retry_after,
)
from adapters.webhook import TRY_AGAIN, Webhook, WebhookBlock
from tests.adapters.doubles import Door
from tests.adapters.examples import EXAMPLES, SECRET, build

EVENT = json.dumps({"specversion": "1.0", "data": {"title": "Lampu jalan mati — Jl. Pahlawan"}})
REPORT = Outgoing("0190a1b2-report-1", EVENT)
Opened = Callable[..., Webhook]


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Build channels that are closed when the test ends, whichever way."""
    channels: list[Webhook] = []

    def build_one(door: Door, **changes: Any) -> Webhook:
        channel = build("webhook", **{"url": f"{door.public_url}/hook?unit=pu"} | changes)
        assert isinstance(channel, Webhook)
        channels.append(channel)
        return channel

    yield build_one
    for channel in channels:
        await channel.close()


async def test_an_agency_gets_the_report_and_can_prove_it_is_ours(opened: Opened) -> None:
    async with Door() as door:
        assert await opened(door).send("ignored", REPORT) == REPORT.id
        hook = await door.take()
    assert hook.url.endswith("/hook?unit=pu")
    assert hook.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert hook.headers["webhook-id"] == REPORT.id
    assert Agency(SECRET).verify(hook.body, dict(hook.headers)) == json.loads(EVENT)
    for touched in (hook.body + b" ", hook.body.replace(b"mati", b"nyala")):
        with pytest.raises(WebhookVerificationError):
            Agency(SECRET).verify(touched, dict(hook.headers))


async def test_the_signature_is_the_specifications_own_formula(opened: Opened) -> None:
    async with Door() as door:
        await opened(door).send("", REPORT)
        hook = await door.take()
    key = b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{REPORT.id}.{hook.headers['webhook-timestamp']}.".encode() + hook.body
    proof = b64encode(hmac.digest(key, signed, sha256)).decode()
    assert hook.headers["webhook-signature"] == f"v1,{proof}"


async def test_the_log_of_calls_names_no_path_as_that_may_be_the_secret(opened: Opened) -> None:
    async with Door() as door:
        channel = opened(door, url=f"{door.public_url}/hooks/plainletters?unit=pu")
        await channel.send("", REPORT)
        (exchange,) = channel.exchanges
        host = URL(door.public_url).host
    assert (exchange.target, exchange.status) == (f"{host}/", 200)


async def test_a_second_attempt_carries_the_same_id(opened: Opened) -> None:
    async with Door((500, {}), (200, {})) as door:
        channel = opened(door)
        with pytest.raises(Unreachable):
            await channel.send("", REPORT)
        await channel.send("", REPORT)
        first, second = await door.take(), await door.take()
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == REPORT.id
    assert first.body == second.body


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait"),
    [
        (200, {}, None, None),
        (202, {}, None, None),
        (204, {}, None, None),
        (301, {"Location": "/elsewhere"}, Refused, None),
        (307, {"Location": "/elsewhere"}, Refused, None),
        (400, {}, Refused, None),
        (401, {}, Refused, None),
        (404, {"Retry-After": "5"}, Refused, None),
        (410, {}, Refused, None),
        (422, {}, Refused, None),
        (408, {}, Unreachable, None),
        (409, {}, Unreachable, None),
        (425, {}, Unreachable, None),
        (429, {}, Throttled, 5.0),
        (429, {"Retry-After": "17"}, Throttled, 17.0),
        (429, {"Retry-After": "999999999999"}, Throttled, LONGEST_WAIT),
        (429, {"Retry-After": "soon"}, Throttled, 5.0),
        (500, {}, Unreachable, None),
        (503, {"Retry-After": "120"}, Throttled, 120.0),
    ],
)
async def test_each_answer_says_whether_to_try_again(
    opened: Opened,
    status: int,
    headers: Mapping[str, str],
    error: type[ChannelError] | None,
    wait: float | None,
) -> None:
    async with Door((status, headers)) as door:
        channel = opened(door)
        if error is None:
            assert await channel.send("", REPORT) == REPORT.id
        else:
            with pytest.raises(error, match=str(status)) as raised:
                await channel.send("", REPORT)
            assert type(raised.value) is error
            assert getattr(raised.value, "retry_after", None) == wait
        assert door.hooks.qsize() == 1, "a redirect must not be followed"


@pytest.mark.parametrize("status", sorted(TRY_AGAIN))
async def test_passing_refusals_are_tried_again(opened: Opened, status: int) -> None:
    async with Door((status, {})) as door:
        with pytest.raises(ChannelError) as raised:
            await opened(door).send("", REPORT)
        assert raised.value.retryable


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"}}")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    await reader.read()
    writer.close()


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"}}")
    writer.write(b"220 mail.agency.example ESMTP\r\n")
    writer.close()


async def _slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize(
    ("server", "fails"), [(_trickle, False), (_silence, True), (_noise, True), (_slam, True)]
)
async def test_a_bad_server_neither_hangs_nor_crashes_us(
    opened: Opened, server: Callable[..., Any], fails: bool
) -> None:
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    door = Door()
    door.public_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(30):
        channel = opened(door, timeout=0.3 if fails else 10)
        if fails:
            with pytest.raises(Unreachable, match="did not answer"):
                await channel.send("", REPORT)
        else:
            assert await channel.send("", REPORT) == REPORT.id
        await channel.close()
        listening.close()
        await listening.wait_closed()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("30", 30.0),
        ("0", 1.0),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 12:01:00", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 1.0),
        ("Sat, 21 Nov 2099 11:00:00 GMT", LONGEST_WAIT),
        ("Sat, 99 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_and_capped(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://agency.example/hook"}, "this machine only"),
        ({"url": "http://localhost.evil.example/"}, "this machine only"),
        ({"url": "http://127.0.0.1@evil.example/"}, "this machine only"),
        ({"url": "ftp://agency.example/hook"}, "URL scheme"),
        ({"url": "file:///etc/passwd"}, "URL scheme"),
        ({"secret": ""}, "base64 of 24 to 64 bytes"),
        ({"secret": "whsec_short"}, "base64 of 24 to 64 bytes"),
        ({"timeout": 0}, "greater than 0"),
        ({"verify": False}, "not permitted"),
    ],
)
def test_wrong_settings_say_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as raised:
        WebhookBlock.model_validate({**EXAMPLES["webhook"], **change})
    assert SECRET not in str(raised.value)
