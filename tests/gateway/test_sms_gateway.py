"""An HTTP gateway at the real door: who gets in, what is kept, whose receipts count."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.types import Message as AsgiMessage

from adapters.contract import Receipt, WebhookRequest
from adapters.sms_http.channel import SmsHttp
from gateway.assembly.ground import answer_to
from gateway.intake import receipts, webhook
from gateway.intake.limits import CallLimits
from gateway.outbound.delicate import Delicate
from gateway.outbound.notice import Notice
from gateway.outbound.notifications import Notifier
from gateway.platform.names import hash_name
from gateway.store.rows import Notification, SendResult
from normalizer.gsm import segments
from tests.adapters.examples import PUBLIC_URL, SMS_TOKEN, build
from tests.gateway.making import ROAD, House, house, made_parts

WHO = "+6281234567890"
NAMED = {"sender": "from", "recipient": "to", "text": "text", "id": "id"}
BARE: dict[str, Any] = {
    "preset": "",
    "url": None,
    "credentials": {},
    "access": {"token": {"values": [SMS_TOKEN]}},
}


@asynccontextmanager
async def opened(folder: Path, **changes: Any) -> AsyncIterator[tuple[House, SmsHttp]]:
    channel = build("sms_http", **changes)
    assert isinstance(channel, SmsHttp)
    async with house(f"sqlite+aiosqlite:///{folder / 'kanal.sqlite3'}", folder) as built:
        built.channels[channel.name] = channel
        yield built, channel
        await channel.close()


async def call(
    built: House,
    query: str | dict[str, str] = "",
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    client: str = "192.0.2.7",
) -> int:
    """Call the door as a server would; return the status."""
    limits = CallLimits("", proxied=False)
    app = Starlette(routes=webhook.routes(built.door, PUBLIC_URL, 65_536, limits))
    said: list[int] = []

    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: AsgiMessage) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    written = query if isinstance(query, str) else urlencode(query)
    scope = {
        "type": "http",
        "method": method,
        "path": "/in/sms_http",
        "raw_path": b"/in/sms_http",
        "query_string": written.encode(),
        "headers": [(n.encode(), v.encode()) for n, v in (headers or {}).items()],
        "client": (client, 4711),
    }
    await app(scope, receive, send)
    return said[0]


MESSAGE = {"token": SMS_TOKEN, "id": "1", "from": WHO, "to": "1708", "text": ROAD}


async def test_who_gets_in_and_what_is_kept_of_who_does_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as (built, _):
        assert await call(built, MESSAGE) == 200
        assert await call(built, MESSAGE) == 200
        assert await built.counted("messages") == 1
        assert await call(built) == 403, "a crawler"
        assert await call(built, method="HEAD") == 200
        assert await call(built, MESSAGE, method="POST") == 405
        assert await built.counted("quarantine") == 0
        assert await call(built, {**MESSAGE, "token": "guess"}) == 403
        assert await call(built, {**MESSAGE, "id": "2", "from": ""}) == 200
        many = "&".join(f"f{n}=1" for n in range(10_000))
        assert await call(built, f"token={SMS_TOKEN}&{many}") == 403
        assert await call(built, MESSAGE, body=b"x" * 1_100_000) == 413
        kept = sorted(item.reason for item in await built.store.quarantine.latest(10))
        assert kept == ["forged", "forged", "malformed"]
        assert await built.counted("messages") == 1


async def test_nobody_outside_says_where_they_call_from(tmp_path: Path) -> None:
    access = {"allow": ["192.0.2.0/28"]}
    async with opened(tmp_path, access=access) as (built, _):
        assert await call(built, MESSAGE) == 200
        lie = {"x-kanal-caller": "192.0.2.7"}
        assert await call(built, {**MESSAGE, "id": "2"}, client="203.0.113.9", headers=lie) == 403
        assert await built.counted("messages") == 1


async def test_equal_words_count_once_as_a_retry_and_twice_as_two_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_796_052_600.0
    monkeypatch.setattr("adapters.sms_http.channel.time.time", lambda: now)
    bare = {"fields": {"sender": "from", "text": "text"}}
    async with opened(tmp_path, **BARE, incoming=bare) as (built, _):
        said = {"token": SMS_TOKEN, "from": WHO, "text": "lampu mati lagi"}
        for passed, messages in ((0, 1), (30, 1), (60, 1), (200, 2), (10, 2)):
            now += passed
            assert await call(built, said) == 200
            assert await built.counted("messages") == messages


async def test_one_that_cannot_be_read_keeps_its_neighbours_and_can_be_released(
    tmp_path: Path,
) -> None:
    incoming = {"fields": NAMED, "items": "results"}
    async with opened(tmp_path, **BARE, incoming=incoming) as (built, channel):
        good = [{"id": str(n), "from": WHO, "to": "1708", "text": f"{ROAD} {n}"} for n in (1, 2)]
        broken = {"id": "3", "from": "", "text": "dari siapa"}
        body = json.dumps({"results": [good[0], broken, good[1]]}).encode()
        assert await call(built, f"token={SMS_TOKEN}", method="POST", body=body) == 200
        assert await built.counted("messages") == 2
        (item,) = await built.store.quarantine.latest(10)
        assert item.reason == "malformed"
        assert "sender" in item.detail
        alone = WebhookRequest(channel.hook_url, {}, json.dumps({**broken, "from": WHO}).encode())
        assert await built.door.readmit(channel, alone, item.id, item.reason) == 1
        assert await built.counted("messages") == 3


async def test_parts_become_one_message_in_any_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as (built, _):
        for number in (2, 1, 2):
            part = {**MESSAGE, "text": f"bagian {number} ", "udh": f"0500030702{number:02d}"}
            assert await call(built, {**part, "id": f"p{number}"}) == 200
        await built.join()
        ((body,),) = await built.rows("SELECT body FROM messages")
        assert json.loads(body)["text"] == "bagian 1 bagian 2"


async def test_a_receipt_touches_no_message_of_another_channel(tmp_path: Path) -> None:
    async with opened(tmp_path) as (built, channel):
        seal = built.services.intake.sealer.seal
        for name in (channel.name, "paper"):
            known_as = hash_name(seal, name, "n-1")
            async with built.store.unit() as unit:
                unit.notifications.add(Notification(name, "r", name, "x"))
            async with built.store.unit() as unit:
                unit.notifications.finish(SendResult(name, "sent", provider_id=known_as))

        async def states() -> dict[str, str]:
            return dict(await built.rows("SELECT id, state FROM notifications"))

        told = {"token": SMS_TOKEN, "id": "n-1", "smsc": ""}
        assert await call(built, {**told, "receipt": "16", "token": "guess"}) == 403
        assert await states() == {channel.name: "sent", "paper": "sent"}
        for _ in range(2):
            assert await call(built, {**told, "receipt": "1"}) == 200
            assert await call(built, {**told, "receipt": "8"}) == 200
            assert await states() == {channel.name: "delivered", "paper": "sent"}
        unknown = Receipt(channel.name, "nobody", "failed")
        assert not await receipts.note(built.store, seal, channel, unknown)
        assert await built.counted("messages") == 0


def written(**answers: str) -> Notifier:
    parts = made_parts()
    delicate = Delicate(parts.routing.topics.delicate, frozenset())
    return Notifier(parts.texts, delicate, Notice(), answers)


def test_only_below_a_name_a_text_says_where_to_answer() -> None:
    by_number, by_name = build("sms_http"), build("sms_http", sender="LAPOR")
    assert answer_to({"a": by_number, "b": by_name, "web": build("web")}) == {"b": "1708"}
    assert written(b="1708")._end("a", "id") == ""
    assert written(b="1708")._end("b", "id") == "\nBalas ke 1708"
    assert written(b="1708")._end("b", "en") == "\nReply to 1708"


def test_where_to_answer_is_counted_with_the_text() -> None:
    for length in range(1, 400):
        text, end = "a" * length, "\nBalas ke 1708"
        said = written(b="1708").first(text, "id", end=end)
        urgent = written(b="1708").first(text, "id", urgent=True, end=end)
        assert said.endswith(end)
        assert segments(said) <= segments(f"{text}{end}") + 1
        assert urgent == "" or segments(urgent) == segments(text + end)


async def test_a_reader_is_told_where_to_answer_on_that_channel_only(tmp_path: Path) -> None:
    async with opened(tmp_path, sender="LAPOR") as (built, channel):
        built.services.notifier._answer_to = {channel.name: channel.answer_to}
        assert await call(built, MESSAGE) == 200
        await built.work_all()
        texts = [text for (text,) in await built.rows("SELECT text FROM notifications")]
        assert texts
        assert all(text.endswith("\nBalas ke 1708") for text in texts)
