"""Every channel in ``adapters/`` is held to the same promises; a new channel is found by itself."""

import ast
import asyncio
import importlib
import json
import re
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

import adapters
from adapters.contract import (
    Channel,
    ChannelError,
    ChannelSettings,
    ConnectionChannel,
    Fetcher,
    Forged,
    Inbound,
    Malformed,
    MediaSource,
    MountedRoute,
    Mounts,
    Outgoing,
    Poller,
    Receipt,
    Receiver,
    Reconciler,
    Sender,
    UnreadableItem,
    WebhookRequest,
)
from adapters.load import BadBlock, channel_class, kinds, load
from gateway.access.machines import Machines
from tests.adapters.examples import EXAMPLES, NO_PROVIDER, PUBLIC_URL, SOMEBODY, away, build
from tests.adapters.genuine import GENUINE
from tests.adapters.ports import ports

FOLDER = Path(adapters.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
KINDS = kinds()
RECEIVERS = [kind for kind in KINDS if issubclass(channel_class(kind), Receiver)]
FETCHERS = [kind for kind in KINDS if issubclass(channel_class(kind), Fetcher)]
KEEPERS = [kind for kind in KINDS if issubclass(channel_class(kind), MediaSource)]
MOUNTS = [kind for kind in KINDS if issubclass(channel_class(kind), Mounts)]
BOUND = [kind for kind in KINDS if issubclass(channel_class(kind), ConnectionChannel)]
SENDERS = [kind for kind in KINDS if issubclass(channel_class(kind), Sender)]
PRESENT = ("config.links", "config.presets", "config.words")
FORBIDDEN = ("config", "router", "gateway", "sqlalchemy", "aio_pika", "fastapi", "starlette")


def test_there_are_channels() -> None:
    assert {"twilio", "webhook"} <= set(KINDS)
    assert "twilio" in RECEIVERS
    assert "twilio" in SENDERS


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_has_an_example_and_says_what_it_is(kind: str) -> None:
    assert kind in EXAMPLES, f"add an example block of type {kind!r} to tests/adapters/examples.py"
    module = importlib.import_module(f"adapters.{kind}")
    found = module.CHANNEL
    assert issubclass(found, Channel)
    assert issubclass(found, Receiver | Fetcher | ConnectionChannel | Sender), (
        "a channel receives or sends"
    )
    assert (module.__doc__ or "").strip()
    assert (found.__doc__ or "").strip()
    assert found.__doc__ != Channel.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_a_strict_frozen_block_of_its_own(kind: str) -> None:
    block = channel_class(kind).settings
    assert issubclass(block, ChannelSettings)
    assert block is not ChannelSettings
    assert block.model_config.get("extra") == "forbid"
    assert block.model_config.get("frozen")
    with pytest.raises(BadBlock, match="typing_mistake"):
        load(kind, {**EXAMPLES[kind], "typing_mistake": 1}, public_url=PUBLIC_URL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_is_built_without_touching_the_network(kind: str) -> None:
    channel = load("door", EXAMPLES[kind], public_url=f"{PUBLIC_URL}/")
    assert channel.name == "door"
    assert channel.hook_url == f"{PUBLIC_URL}/in/door"
    assert channel.block.type == kind


def _secrets(values: Any) -> Iterator[str]:
    if isinstance(values, SecretStr):
        yield values.get_secret_value()
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _secrets(value)
    elif isinstance(values, dict):
        yield from _secrets(list(values.values()))
    elif isinstance(values, BaseModel):
        yield from _secrets([getattr(values, name) for name in type(values).model_fields])


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_do_not_show(kind: str) -> None:
    channel = build(kind)
    block = channel.block
    shown = f"{block!r} {block} {block.model_dump_json()} {vars(channel)!r}"
    with pytest.raises(BadBlock) as raised:
        load(kind, {**EXAMPLES[kind], "typing_mistake": 1}, public_url=PUBLIC_URL)
    for secret in _secrets([getattr(block, name) for name in type(block).model_fields]):
        assert secret not in shown + str(raised.value)


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_no_file_knows_a_room_above_or_another_channel(file: Path) -> None:
    own = file.relative_to(FOLDER).parts[0].removesuffix(".py")
    channels = {f"adapters.{kind}" for kind in KINDS if kind != own}
    for name in _imports(file):
        # Which addresses may be reached in the clear, what is known of providers, and the words
        # that people read.
        is_rule = name == "config" or name.startswith(PRESENT)
        assert is_rule or name.split(".")[0] not in FORBIDDEN, f"{file.name} imports {name}"
        assert ".".join(name.split(".")[:2]) not in channels, f"{file.name} imports {name}"


# What strangers may send: nothing, noise, and things that nearly look right.
WORDS = [
    "MessageSid",
    "From",
    "To",
    "Body",
    "SmsStatus",
    "MessageStatus",
    "received",
    "delivered",
    "MediaUrl0",
    "NumMedia",
    "Latitude",
    "Longitude",
    "type",
    "data",
    "messageSid",
    "com.twilio.messaging.inbound-message.received",
    "SM1",
    "+62811",
    "NaN",
    "-1",
    "1e999",
    "\x00",
]
NAMES = [
    "content-type",
    "x-twilio-signature",
    "x-twilio-webhooks-signature-settings",
    "authorization",
    "x-telegram-bot-api-secret-token",
    "x-mail-from",
    "x-rcpt-to",
    "origin",
    "sec-fetch-site",
    "accept-language",
]
SAID = [
    "application/json",
    "application/x-www-form-urlencoded",
    "algorithm=HMAC_SHA256",
    "Basic",
    "multipart/form-data; boundary=x",
    "null",
    "https://lapor.example.evil.test",
    "<>",
    "ÿ",
    "text/plain;charset=unknown",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
]
TEXTS = st.sampled_from(WORDS) | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=8,
)
FORMS = st.lists(st.tuples(TEXTS, TEXTS), max_size=8)
BODIES = (
    st.binary(max_size=200)
    | FORMS.map(lambda fields: urlencode(fields, errors="replace").encode())
    | VALUES.map(lambda value: json.dumps(value).encode())
)
HEADERS = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(SAID) | st.text(max_size=20), max_size=4
)
URLS = st.sampled_from(["", "/in/x", f"{PUBLIC_URL}/in/x", f"{PUBLIC_URL}/in/x?bodySHA256=0"])
HOOKS = st.builds(WebhookRequest, URLS, HEADERS, BODIES)
GARBAGE = [
    WebhookRequest(f"{PUBLIC_URL}/in/x", {}, b""),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {}, b"\x00" * 1000),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {"content-type": "application/json"}, b"[" * 100_000),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {"content-type": "application/json"}, b'{"a":' * 50_000),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {"content-type": "application/json"}, b"1" * 10_000),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {"content-type": "application/json"}, b'"\\ud800"'),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {}, b"&" * 100_000),
    WebhookRequest(f"{PUBLIC_URL}/in/x", {}, b"Body=" + "💡".encode() * 10_000),
]


def _parsed(
    channel: Receiver, hook: WebhookRequest
) -> Sequence[Inbound | Receipt | UnreadableItem] | ChannelError:
    try:
        return channel.parse(hook)
    except ChannelError as error:
        return error


def survives(channel: Receiver, hook: WebhookRequest) -> None:
    with pytest.raises(Forged) as raised:
        channel.verify(hook)
    assert not raised.value.retryable
    read = _parsed(channel, hook)
    if isinstance(read, ChannelError):
        assert str(read), "an error says in words what is wrong"
        assert not read.retryable, "asking again would bring the same bytes"
        return
    for said in read:
        if isinstance(said, UnreadableItem):
            continue
        assert said.channel == channel.name
        if isinstance(said, Inbound):
            assert said.external_id
            assert said.raw


@pytest.mark.parametrize("hook", GARBAGE, ids=lambda hook: repr(hook.body[:12]))
@pytest.mark.parametrize("kind", RECEIVERS)
def test_garbage_is_refused_and_read_without_a_crash(kind: str, hook: WebhookRequest) -> None:
    channel = build(kind)
    assert isinstance(channel, Receiver)
    survives(channel, hook)


@pytest.mark.parametrize("kind", RECEIVERS)
@given(hook=HOOKS)
@settings(max_examples=150, deadline=None)
def test_whatever_strangers_send_ends_in_an_error_of_ours(kind: str, hook: WebhookRequest) -> None:
    channel = build(kind)
    assert isinstance(channel, Receiver)
    survives(channel, hook)


@pytest.mark.parametrize("kind", RECEIVERS)
def test_the_answer_to_the_provider_has_a_media_type(kind: str) -> None:
    channel = build(kind)
    assert isinstance(channel, Receiver)
    media_type, body = channel.reply_body()
    assert "/" in media_type
    assert isinstance(body, bytes)


@pytest.mark.parametrize("kind", FETCHERS)
@given(raw=BODIES)
@settings(max_examples=150, deadline=None)
def test_whatever_was_kept_of_a_page_is_read_again_or_refused(kind: str, raw: bytes) -> None:
    channel = build(kind)
    assert isinstance(channel, Fetcher)
    try:
        found = channel.reread(raw)
    except Malformed:
        return
    for said in found:
        assert said.channel == channel.name
        assert isinstance(said, Receipt) or (said.external_id and said.raw == raw)


@pytest.mark.parametrize("kind", FETCHERS)
async def test_a_provider_that_cannot_be_asked_is_asked_again(kind: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        channel = build(kind, **away(kind, closed.getsockname()[1]))
        if isinstance(channel, Poller):
            with pytest.raises(ChannelError) as raised:
                await channel.poll("")
            assert raised.value.retryable
        if isinstance(channel, Reconciler):
            with pytest.raises(ChannelError) as raised:
                await anext(channel.since(datetime.now(UTC) - timedelta(hours=1)))
            assert raised.value.retryable
    await channel.close()


def routes(kind: str) -> list[MountedRoute]:
    channel = build(kind)
    assert isinstance(channel, Mounts)
    return list(channel.routes(ports()))


@pytest.mark.parametrize("kind", MOUNTS)
def test_routes_are_rows_below_an_address_of_its_own(kind: str) -> None:
    channel = build(kind)
    assert isinstance(channel, Mounts)
    rows = [(row.method, row.path) for row in routes(kind)]
    assert rows
    assert len(rows) == len(set(rows))
    assert all(method in ("GET", "POST", "PUT", "PATCH", "DELETE") for method, _ in rows)
    assert all(path.startswith("/") for path in (channel.base, *(path for _, path in rows)))
    bases = [cls.base for cls in map(channel_class, MOUNTS) if issubclass(cls, Mounts)]
    assert bases.count(channel.base) == 1
    if document := channel.document():
        described = {(m.upper(), path) for path, by in document["paths"].items() for m in by}
        assert described == set(rows)


@pytest.mark.parametrize("kind", MOUNTS)
@pytest.mark.parametrize("status", [404, 405, 413, 429, 503])
def test_what_reaches_no_route_is_told_in_the_channels_own_words(kind: str, status: int) -> None:
    channel = build(kind)
    assert isinstance(channel, Mounts)
    answer = channel.failure(WebhookRequest(f"{PUBLIC_URL}{channel.base}/x", {}, b""), status)
    assert answer.status == status
    assert answer.body
    assert "/" in answer.media_type


@pytest.mark.parametrize("kind", MOUNTS)
@given(hook=HOOKS, method=st.sampled_from(["GET", "POST"]), said=TEXTS)
@settings(max_examples=100, deadline=None)
async def test_whatever_strangers_call_is_counted_and_answered(
    kind: str, hook: WebhookRequest, method: str, said: str
) -> None:
    channel = build(kind)
    assert isinstance(channel, Mounts)
    request = replace(hook, method=method)
    quota = channel.quota(request)
    assert quota.per_minute > 0
    assert not quota.partner, "no stranger is a partner"
    for row in channel.routes(ports()):
        names = re.findall(r"\{(\w+)\}", row.path)
        answer = await row.handler(request, dict.fromkeys(names, said))
        assert 200 <= answer.status < 500


PDUS = st.builds(
    lambda command, body: (16 + len(body)).to_bytes(4, "big") + bytes([*command]) + body,
    st.sampled_from(
        [bytes(head) + bytes(7) + b"\x01" for head in ((0, 0, 0, 5), (0, 0, 1, 3), (0, 0, 0, 21))]
    ),
    st.binary(max_size=120) | st.binary(max_size=100).map(lambda end: b"\0\1\1628\0" + end),
)


@pytest.mark.parametrize("kind", BOUND)
@given(body=BODIES | PDUS)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_over_a_connection_ends_in_an_error_of_ours(kind: str, body: bytes) -> None:
    channel = build(kind)
    assert isinstance(channel, ConnectionChannel)
    hook = WebhookRequest("connection:", {}, body)
    try:
        read = channel.parse(hook)
    except Malformed:
        return
    assert read == channel.parse(hook), "the same message is read the same way"
    for said in read:
        assert said.channel == channel.name
        assert isinstance(said, Receipt) or (said.external_id and said.raw == body)


@pytest.mark.parametrize("kind", BOUND)
async def test_a_connection_that_cannot_be_made_is_tried_again(kind: str) -> None:
    async def take(hook: WebhookRequest) -> None:
        raise AssertionError("nobody is there")

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        channel = build(kind, **away(kind, closed.getsockname()[1]))
        assert isinstance(channel, ConnectionChannel)
        assert not channel.standing
        with pytest.raises(ChannelError) as raised:
            await channel.hold(take)
    assert raised.value.retryable
    assert not channel.standing
    await channel.close()


@pytest.mark.parametrize("kind", sorted({*SENDERS} - NO_PROVIDER))
async def test_a_provider_that_is_away_is_worth_another_try(kind: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connecting is refused
        channel = build(kind, **away(kind, closed.getsockname()[1]))
        assert isinstance(channel, Sender)
        with pytest.raises(ChannelError) as raised:
            await channel.send(SOMEBODY[kind], Outgoing("1", "halo", subject="halo"))
    assert raised.value.retryable
    assert SOMEBODY[kind] not in str(raised.value), "what is logged names no citizen"
    (exchange,) = channel.exchanges
    assert (exchange.error != "", exchange.status) == (True, None)
    assert exchange.target.startswith("127.0.0.1")
    assert not any(
        secret in repr(exchange) for secret in (*_secrets(channel.block), SOMEBODY[kind], "halo")
    )
    await channel.close()
    await channel.close()


# What is no report and what has no words: never answered by mistake, never lost.

HEARS = sorted({*GENUINE} & {*SENDERS})
BY_PHONE = [kind for kind in HEARS if channel_class(kind).by_phone]
MACHINE_NAMES = ("TSELPROMO", "GRAB", "Tri 3", "BANK-X", "123", "3355", "14045", "500046")
"""Who writes a text message and is no person: names of senders, and short codes."""
TOLD = "id:00Ab sub:001 dlvrd:001 submit date:2603021000 done date:2603021001 stat:{} err:000"
RECEIPTS = (
    *(TOLD.format(state) for state in ("DELIVRD", "UNDELIV", "ENROUTE", "UNKNOWN", "LOST")),
    f"{TOLD.format('DELIVRD')} text:Laporan Anda kami teri",
    f"{TOLD.format('DELIVRD')} Text:Laporan Anda kami terima, nomor 1234-5678-9012, terima kasih",
    "id:7f stat:EXPIRED",
    "ID: 7F, SUB: 001, DLVRD: 000, STAT: REJECTD",
)
QUOTED = (
    f"Saya terima SMS aneh: {TOLD.format('UNDELIV')}, apa artinya?",
    f"{TOLD.format('UNDELIV')} begitu jawabannya, padahal jalan di Wonocolo rusak parah",
    "id: 3578011 stat: hilang. KTP saya hilang di Wonocolo",
)


def brought(channel: Channel, hook: WebhookRequest) -> Sequence[Inbound | Receipt | UnreadableItem]:
    """Read a message as the shell would."""
    if isinstance(channel, Receiver | ConnectionChannel):
        return channel.parse(hook)
    assert isinstance(channel, Fetcher)
    return channel.reread(hook.body)


def filed(channel: Channel, hook: WebhookRequest) -> tuple[str, bool]:
    """Say where a message goes, and whether its sender is answered."""
    machines = Machines({channel.name: channel})
    (said,) = brought(channel, hook)
    message = said.otherwise if isinstance(said, Receipt) else said
    assert isinstance(message, Inbound)
    found = machines.set_aside(channel, message)
    answered = machines.unanswered(channel, message) is None
    return (f"{found.reason} {found.state}" if found else "report"), answered


@pytest.mark.parametrize("sender", MACHINE_NAMES)
@pytest.mark.parametrize("kind", BY_PHONE)
def test_a_machine_is_never_answered_and_operators_see_what_it_wrote(
    kind: str, sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOMEBODY, kind, sender)
    channel = build(kind)
    for text in ("Promo! Paket data 10 GB cuma 25 ribu", "Jalan rusak di Wonocolo Surabaya"):
        assert filed(channel, GENUINE[kind](channel, text, "7")) == ("machine open", False)


@pytest.mark.parametrize("text", RECEIPTS)
@pytest.mark.parametrize("kind", BY_PHONE)
def test_a_receipt_in_words_is_never_a_report_and_never_answered(kind: str, text: str) -> None:
    channel = build(kind)
    where, answered = filed(channel, GENUINE[kind](channel, text, "7"))
    assert where in ("receipt noted", "machine open")
    assert not answered


@pytest.mark.parametrize("text", QUOTED)
@pytest.mark.parametrize("kind", BY_PHONE)
def test_who_quotes_a_receipt_is_a_citizen(kind: str, text: str) -> None:
    channel = build(kind)
    assert filed(channel, GENUINE[kind](channel, text, "7")) == ("report", True)


def changed(kind: str, change: Callable[[Any], None]) -> Callable[[Channel], WebhookRequest]:
    """Make a genuine message without words, of which ``change`` alters the JSON."""

    def hook(channel: Channel) -> WebhookRequest:
        genuine = GENUINE[kind](channel, "", "7")
        said = json.loads(genuine.body)
        change(said)
        return replace(genuine, body=json.dumps(said).encode())

    return hook


def of_kind(name: str, value: Any) -> Callable[[Any], None]:
    def change(update: Any) -> None:
        del update["message"]["text"]
        update["message"][name] = value

    return change


WORDLESS: dict[str, list[Callable[[Channel], WebhookRequest]]] = {
    "telegram": [
        changed("telegram", of_kind(name, value))
        for name, value in {
            "sticker": {"file_id": "S", "file_unique_id": "s"},
            "poll": {},
            "dice": {"value": 3},
            "web_app_data": {"data": ""},
            "text": "",
            "contact": {"phone_number": "", "first_name": ""},
            "hologram": {"x": 1},
            "kind_of_next_year": 7,
        }.items()
    ]
}
"""What has no words, on channels that have more of it than an empty message."""


@pytest.mark.parametrize("kind", sorted({*HEARS} - NO_PROVIDER))
def test_what_has_no_words_never_vanishes(kind: str) -> None:
    made = WORDLESS.get(kind) or [lambda channel: GENUINE[kind](channel, "", "7")]
    for each in made:
        channel = build(kind)
        (said,) = brought(channel, each(channel))
        assert isinstance(said, Inbound)


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A provider that refuses everything, and repeats all that it was told."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        heard = b""
        with suppress(TimeoutError):  # a mail client waits to be greeted
            async with asyncio.timeout(0.5):
                heard = await reader.read(65_536)
        words = {"text": heard.decode("latin-1"), heard.decode("latin-1"): 1, "code": 77}
        body = json.dumps({"ok": False, "errors": [words], "description": words}).encode()
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("kind", sorted({*SENDERS} - NO_PROVIDER))
async def test_what_is_remembered_of_a_call_names_no_secret_and_nobody(kind: str) -> None:
    text, subject = "Bu Sulastri melapor lubang", "Judul rahasia"
    async with echo() as port:
        channel = build(kind, **away(kind, port))
        assert isinstance(channel, Sender)
        with pytest.raises(ChannelError):
            async with asyncio.timeout(20):
                await channel.send(SOMEBODY[kind], Outgoing("1", text, subject=subject))
        await channel.close()
    remembered = repr([*channel.exchanges, channel.exchanges.take()])
    assert "direction='out'" in remembered
    told = (*_secrets(channel.block), SOMEBODY[kind], SOMEBODY[kind].lstrip("+"), text, subject)
    assert [secret for secret in (*told, "Sulastri") if secret in remembered] == []


NOT_FILES = [
    "",
    "file:///etc/passwd",
    "http://169.254.169.254/",
    "ftp://x",
    "telegram:",
    "https://",
]


@pytest.mark.parametrize("kind", KEEPERS)
@given(url=st.one_of(st.sampled_from(NOT_FILES), st.text(max_size=60)))
async def test_a_file_is_fetched_over_tls_from_outside_or_refused(kind: str, url: str) -> None:
    channel = build(kind)
    assert isinstance(channel, MediaSource)
    try:
        source = await channel.source(url)
    except ChannelError:
        return
    finally:
        await channel.close()
    assert source.url.startswith("https://")
    assert not source.trusted, "no address from a message is trusted"
    assert not source.headers, "and none of them gets a secret"
    assert source.url not in repr(source)
