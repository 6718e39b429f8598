"""Every channel that takes messages in, through the real door: nothing lost, nothing twice."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.applications import Starlette

from adapters.contract import Channel, ConnectionChannel, Fetcher, Page, Receiver, WebhookRequest
from adapters.load import channel_class, kinds
from gateway.intake import webhook
from gateway.intake.limits import CallLimits
from normalizer.message import Message
from tests.adapters.examples import PARTNER_KEY, SOMEBODY, build
from tests.adapters.genuine import GENUINE
from tests.adapters.test_conformance import _secrets
from tests.gateway.making import House, house

INWARD = [
    k for k in kinds() if issubclass(channel_class(k), Receiver | Fetcher | ConnectionChannel)
]
CALLED = [k for k in INWARD if issubclass(channel_class(k), Receiver)]
TEXTS = {
    "plain": "Jalan rusak di depan pasar, Kecamatan Wonocolo, Kota Surabaya",
    "emoji": "lampu mati 💡😡👨‍👩‍👧‍👦 di jalan Pahlawan 🇮🇩",
    "right to left": "الشارع مظلم جدا قرب المسجد, jalan gelap",
    "10,000 characters": "banjir di kampung kami, " * 416 + "tolong segera",
    "markup": "<script>alert('x')</script> & <b>jalan</b> rusak {nomor} %s",
    "controls": "jalan\x07 rusak\x1b[31m parah\u202e sekali\ufeff",
    "many lines": "jalan rusak\r\n\r\n\tdi depan sekolah\n" * 20,
    "one word": "a" * 3_000,
    "keyword only": "SAMARINDA",
}
KEPT = ("jalan", "lampu", "banjir", "samarinda", "aaa")
"""One of these is in each of ``TEXTS``, and must be in what is kept of it."""


TELLING = [k for k in CALLED if channel_class(k).refusal is not Receiver.refusal]  # type: ignore[attr-defined]
"""Their caller is the sender, who is told what to mend: such a channel may refuse a text."""
TO_MEND = ("10,000 characters", "keyword only")


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[tuple[House, Channel]]:
    """Open a house whose door has one channel of a type."""
    channel = build(kind)
    async with house(f"sqlite+aiosqlite:///{folder / 'kanal.sqlite3'}", folder) as built:
        built.channels[channel.name] = channel
        yield built, channel
        await channel.close()


async def bring(built: House, channel: Channel, hook: WebhookRequest) -> int:
    """Bring one message by the channel's own way; return the status its provider got."""
    if isinstance(channel, Receiver):
        return (await built.door.receive_webhook(channel, hook)).status
    if isinstance(channel, Fetcher):
        items = tuple(channel.reread(hook.body))
        await built.services.pages.file(channel, Page(items))
    if isinstance(channel, ConnectionChannel):
        await built.door.receive_message(channel, hook)
    return 200


async def stored(built: House) -> list[Message]:
    rows = await built.rows("SELECT body FROM messages ORDER BY received_at, id")
    return [Message.model_validate_json(row[0]) for row in rows]


@pytest.mark.parametrize("kind", INWARD)
def test_a_channel_has_a_genuine_message_for_the_tests(kind: str) -> None:
    assert kind in GENUINE, f"add how a genuine {kind} message looks to tests/adapters/genuine.py"


@pytest.mark.parametrize("kind", INWARD)
async def test_whatever_people_write_is_kept(kind: str, tmp_path: Path) -> None:
    known: set[str] = set()
    async with opened(kind, tmp_path) as (built, channel):
        for number, (what, text) in enumerate(TEXTS.items(), 1):
            hook = GENUINE[kind](channel, text, str(1_000 + number))
            status = await bring(built, channel, hook)
            if kind in TELLING and what in TO_MEND and status in (400, 422):
                continue
            assert status < 300, what
            await built.join()
            reports = await stored(built)
            assert len(reports) == len(known) + 1, what
            (newest,) = [report for report in reports if report.id not in known]
            known.add(newest.id)
            assert any(word in newest.text.casefold() for word in KEPT), what
            assert len(newest.text) >= min(len(text) * 0.7, 9_000), what
        assert await built.counted("quarantine") == 0


@pytest.mark.parametrize("kind", INWARD)
async def test_an_empty_message_is_answered_and_leaves_no_trace_of_a_crash(
    kind: str, tmp_path: Path
) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        status = await bring(built, channel, GENUINE[kind](channel, "", "1001"))
        assert status < 300 or status in (400, 422)
        held = [one.reason for one in await built.store.quarantine.latest(10)]
        assert "unreadable" not in held


@pytest.mark.parametrize("kind", INWARD)
async def test_repeats_and_replays_in_any_order_are_filed_once(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        sent = [
            GENUINE[kind](channel, f"jalan rusak parah sekali, nomor {n}", str(2_000 + n))
            for n in range(6)
        ]
        order = sent * 3
        Random(1708).shuffle(order)
        statuses = await asyncio.gather(*(bring(built, channel, hook) for hook in order))
        assert max(statuses) < 300
        again = [await bring(built, channel, hook) for hook in reversed(sent)]
        assert max(again) < 300
        assert {r.text.rpartition(" ")[2] for r in await stored(built)} == set("012345")
        assert await built.counted("messages") == 6
        assert await built.counted("quarantine") == 0


@pytest.mark.parametrize("kind", CALLED)
async def test_what_is_forged_is_refused_and_kept_for_an_operator(
    kind: str, tmp_path: Path
) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        genuine = GENUINE[kind](channel, "jalan rusak", "3001")
        unproven = {n: v for n, v in genuine.headers.items() if n == "content-type"}
        body = genuine.body.replace(PARTNER_KEY.encode(), b"kanal_key-of-nobody")
        url = "https://elsewhere.example/in/x"
        forged = replace(genuine, headers=unproven, url=url, body=body)
        assert await bring(built, channel, forged) in (401, 403)
        assert await built.counted("messages") == 0
        kept = [one.reason for one in await built.store.quarantine.latest(10)]
        assert kept == (["forged"] if getattr(channel, "keeps_forged", True) else [])


async def _post(app: Starlette, path: str, body: bytes) -> int:
    """Post a body as a server would hand it over; return the status."""
    said: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    return said[0]


@pytest.mark.parametrize("kind", CALLED)
async def test_what_is_too_large_is_refused_at_the_door(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        assert isinstance(channel, Receiver)
        limits = CallLimits("", proxied=False)
        app = Starlette(routes=webhook.routes(built.door, "https://lapor.example", 1024, limits))
        most = channel.max_bytes or 1024
        assert await _post(app, f"/in/{channel.name}", b"x" * (most + 1)) == 413
        assert await built.counted("messages") == 0


@pytest.mark.parametrize("kind", INWARD)
async def test_no_log_holds_a_secret_an_address_or_a_word(
    kind: str, tmp_path: Path, logged: io.StringIO
) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        logging.getLogger("somebody").debug("this is heard")
        genuine = GENUINE[kind](channel, "kata-sandi-warga bocor", "4001")
        await bring(built, channel, genuine)
        if isinstance(channel, Receiver):
            await bring(built, channel, replace(genuine, headers={}, body=b"kata-sandi-warga"))
        shown = logged.getvalue()
        assert "this is heard" in shown
        block = channel.block
        for secret in _secrets([getattr(block, name) for name in type(block).model_fields]):
            assert secret not in shown
        assert "kata-sandi-warga" not in shown
        assert SOMEBODY.get(kind, "kata-sandi-warga") not in shown
