"""Nothing that names a person is kept outside the seal: a canary for every channel.

A message from a canary goes through the real door, routing, delivery and answers. Then every table,
queue, log line and file is searched for it. A channel without a canary here fails.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import process_time
from urllib.parse import parse_qsl, urlencode

import pytest
from sqlalchemy import inspect, select
from structlog import get_logger
from structlog.testing import capture_logs

from adapters.contract import (
    Channel,
    Inbound,
    Outgoing,
    Receipt,
    Refused,
    Sender,
    Unreachable,
    WebhookRequest,
)
from gateway.casework.agencies import Reply
from gateway.intake import identity, receipts
from gateway.intake.sealing import MessageSealer
from gateway.platform.logs import keep_harmless
from gateway.platform.names import hash_name, opened_thread, opened_url
from gateway.platform.seal import Seal
from gateway.store.renaming import hide_names
from gateway.store.tables import messages, metadata, notifications, reports, segments
from gateway.wire.queues import MEDIA, REPORTS, QueuedMessage
from normalizer.message import Message, Origin
from normalizer.nameless import nameless
from normalizer.report import Report
from tests.adapters.doubles import signed_form
from tests.adapters.examples import SOMEBODY, TOKEN
from tests.adapters.genuine import GENUINE
from tests.adapters.test_conformance_door import INWARD, bring, opened
from tests.adapters.web.forms import filled, posted
from tests.gateway.making import ROAD, House, note

MAIL, NAME = "kenari.rahasia@rumah-kenari.example", "Kenari Purnamasari"
PHONE, PERSON = "+628555001122334", "6200117766554"
KEY = "9f0c1d52-7a31-4b06-8f7e-51c0ffee0c0a"
MEDIA_SID = "ME" + "c0ffee" * 5 + "99"
LETTER_SID = "SM" + "fedcba" * 5 + "01"
Build = Callable[[Channel, str, str], WebhookRequest]


def _mail(channel: Channel, text: str, replied: str) -> WebhookRequest:
    hook = GENUINE["mail"](channel, text, f"{len(replied)}-dari-laptop-kenari")
    thread = f"In-Reply-To: {replied or '<awal@laptop-kenari.example>'}\r\n"
    return replace(hook, body=thread.encode() + hook.body)


def _telegram(channel: Channel, text: str, replied: str) -> WebhookRequest:
    hook = GENUINE["telegram"](channel, text, f"88001122334{len(replied)}")
    update = json.loads(hook.body)
    message = update["message"]
    message["message_id"] = 770055443322 + len(replied)
    message["from"]["first_name"] = message["chat"]["first_name"] = NAME
    to = int(replied.rpartition("/")[2]) if replied else 660055443322
    bot = {"id": 170800, "is_bot": True, "first_name": "Lapor"}
    chat = {"id": int(PERSON), "type": "private"}
    message["reply_to_message"] = {"message_id": to, "from": bot, "chat": chat, "date": 1}
    message["document"] = {"file_id": "BQAC-kenari-file", "file_unique_id": "kenari-unik"}
    message["caption"] = message.pop("text")
    return replace(hook, body=json.dumps(update).encode())


def _twilio(channel: Channel, text: str, replied: str) -> WebhookRequest:
    hook = GENUINE["twilio"](channel, text, f"{0xABCDEF0123456789ABCDEF + len(replied)}")
    url = f"https://api.twilio.com/2010-04-01/Accounts/AC{0:032}/Messages/SM1/Media/{MEDIA_SID}"
    fields = dict(parse_qsl(hook.body.decode(), keep_blank_values=True))
    fields |= {"NumMedia": "1", "MediaUrl0": url, "MediaContentType0": "image/jpeg"}
    fields |= {"ProfileName": NAME, "OriginalRepliedMessageSid": replied or "SM" + "0badc0de" * 4}
    return signed_form(TOKEN, channel.hook_url, list(fields.items()))


def _x(channel: Channel, text: str, replied: str) -> WebhookRequest:
    hook = GENUINE["x"](channel, text, f"199000111222333444{len(replied) % 10}")
    item = json.loads(hook.body)
    to = replied or "1980007776665554443"
    item["data"]["conversation_id"] = "1970007776665554443"
    item["data"]["referenced_tweets"] = [{"type": "replied_to", "id": to}]
    item["data"]["in_reply_to_user_id"] = "1708001708" if replied else PERSON
    item["includes"] = {"users": [{"id": PERSON, "name": NAME, "username": "kenari_purnama"}]}
    return replace(hook, body=json.dumps(item).encode())


def _web(channel: Channel, text: str, replied: str) -> WebhookRequest:
    values = filled(key=KEY, body=text, name=NAME, contact=MAIL)
    return replace(posted(values), url=channel.hook_url)


def _open311(channel: Channel, text: str, replied: str) -> WebhookRequest:
    hook = GENUINE["open311"](channel, text, "kunci-kenari-77")
    more = {"email": MAIL, "first_name": NAME, "phone": PHONE, "device_id": "gawai-kenari"}
    return replace(hook, body=hook.body + b"&" + urlencode(more).encode())


def _rest(channel: Channel, text: str, replied: str) -> WebhookRequest:
    hook = GENUINE["rest"](channel, text, f"kunci-kenari-{len(text)}")
    said = json.loads(hook.body) | {"sender": {"id": "akun-kenari", "name": NAME, "phone": PHONE}}
    return replace(hook, body=json.dumps(said).encode())


def _smpp(channel: Channel, text: str, replied: str) -> WebhookRequest:
    return GENUINE["smpp"](channel, text, "kenari-1795")


def _sms_http(channel: Channel, text: str, replied: str) -> WebhookRequest:
    return GENUINE["sms_http"](channel, text, "kenari-1795")


@dataclass(frozen=True)
class Canary:
    """How a canary writes on a channel, and what must not be found of it."""

    hook: Build
    marks: tuple[str, ...]
    address: str = ""
    letter: str = ""
    """What the provider calls our letter to it, where a reply can name that."""


CANARIES: dict[str, Canary] = {
    "mail": Canary(
        _mail,
        ("kenari.rahasia", "rumah-kenari", "laptop-kenari", "surat-kenari"),
        MAIL,
        "<surat-kenari@lapor.localhost>",
    ),
    "open311": Canary(_open311, (MAIL, NAME, PHONE[1:], "gawai-kenari", "kunci-kenari")),
    "rest": Canary(_rest, (NAME, PHONE[1:], "akun-kenari", "kunci-kenari")),
    "smpp": Canary(_smpp, (PHONE[1:], "kenari-1795", "nomor-kenari"), PHONE, "nomor-kenari-1"),
    "sms_http": Canary(
        _sms_http, (PHONE[1:], "kenari-1795", "nomor-kenari"), PHONE, "nomor-kenari-1"
    ),
    "telegram": Canary(
        _telegram,
        (PERSON, "88001122334", "7700554433", "66005544", "kenari-file", NAME, "550099887"),
        PERSON,
        f"170800/{PERSON}/550099887766",
    ),
    "twilio": Canary(
        _twilio,
        (PHONE[1:], "abcdef0123456789", "0badc0de", MEDIA_SID, NAME, LETTER_SID),
        PHONE,
        LETTER_SID,
    ),
    "web": Canary(_web, (KEY, NAME, MAIL), f"web:{KEY}", "web-kenari"),
    "x": Canary(
        _x,
        (PERSON, "19900011122233344", "1980007776665", "1970007776665", "kenari_", "16600099"),
        PERSON,
        "1660009988877766655",
    ),
}


@pytest.fixture
def canary(kind: str, monkeypatch: pytest.MonkeyPatch) -> Canary:
    found = CANARIES[kind]
    if found.address:
        monkeypatch.setitem(SOMEBODY, kind, found.address)
    return found


def carried_by(
    channel: Channel, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, Outgoing]]:
    """Let a channel carry to nobody, and keep what it was given."""
    carried: list[tuple[str, Outgoing]] = []

    async def send(to: str, message: Outgoing) -> str:
        carried.append((to, message))
        return canary.letter or message.id

    if isinstance(channel, Sender):
        monkeypatch.setattr(channel, "send", send)
    return carried


async def work(built: House) -> None:
    """Work on all there is; files that nobody has are given up."""
    its = built.another()
    built.services, built.media = its, its.store_files
    assert await built.work_all() == {}
    await built.work(MEDIA, built.media)
    assert await built.work_all() == {}


def files_in(folder: Path) -> list[tuple[str, str]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [(str(path), path.read_bytes().decode("latin-1")) for path in files]


async def everything(built: House, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield all that is kept, as text: every column of every table, and every file."""
    async with built.store.database.read() as connection:
        names = await connection.run_sync(lambda c: inspect(c).get_table_names())
        assert set(names) >= set(metadata.tables)
        for name in names:
            for row in (await connection.exec_driver_sql(f"SELECT * FROM {name}")).mappings():
                for column, value in row.items():
                    said = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    yield f"{name}.{column}", said
    for path, content in files_in(folder):
        yield path, content


def needles(canary: Canary) -> Iterator[str]:
    """Yield every way in which a mark could stand there and be read without a key."""
    for mark in (*canary.marks, canary.address, canary.letter):
        if mark:
            yield mark
            yield json.dumps(mark)[1:-1]
            yield sha256(mark.encode()).hexdigest()
            yield b64encode(mark.encode()).decode().rstrip("=")[:-1]


@pytest.mark.parametrize("kind", INWARD)
def test_a_channel_has_a_canary(kind: str) -> None:
    assert kind in CANARIES, f"add a canary of {kind} to tests/gateway/test_names.py"


@pytest.mark.parametrize("kind", INWARD)
async def test_a_canary_is_found_nowhere_outside_the_seal(
    kind: str, canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        async with opened(kind, tmp_path) as (built, channel):
            carried = carried_by(channel, canary, monkeypatch)
            assert await bring(built, channel, canary.hook(channel, ROAD, "")) < 300
            async for where, said in everything(built, tmp_path):
                assert not [n for n in needles(canary) if n in said], (where, "before routing")
            await work(built)
            file = await built.newest()
            assert file.report.assignment
            assert file.report.assignment.agency
            agency = file.report.assignment.agency.id
            reply = Reply(kind="progress", text="Sudah kami teruskan ke lapangan.")
            await built.agencies.reply(agency, file.report.tracking, reply, key="1")
            await work(built)
            if isinstance(channel, Sender) and canary.letter:
                receipt = Receipt(kind, canary.letter, "delivered")
                assert await receipts.note(built.store, built.seal, channel, receipt)
            again = canary.hook(channel, "sampai sekarang belum juga, pak", canary.letter)
            assert await bring(built, channel, again) < 300
            hold = canary.hook(channel, "rusak", "")
            await built.door.quarantine.quarantine(
                channel.name, hold, "forged", "the proof does not fit"
            )
            await work(built)
            found = [
                (where, needle)
                async for where, said in everything(built, tmp_path)
                for needle in needles(canary)
                if needle in said
            ]
            assert found == []
            if carried:
                assert {to for to, _ in carried} == {canary.address}, "it opens for who may"
    assert not [n for n in needles(canary) if n in json.dumps(logs, default=str)]


@pytest.mark.parametrize("kind", ["mail", "telegram", "twilio", "x"])
async def test_a_reply_and_its_answer_still_find_their_thread(
    kind: str, canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        carried = carried_by(channel, canary, monkeypatch)
        await bring(built, channel, canary.hook(channel, ROAD, ""))
        await work(built)
        first = carried[-1][1].thread
        assert len(first) >= 2
        assert not any("ref:" in name for name in first)
        again = canary.hook(channel, "sampai sekarang belum juga, pak", canary.letter)
        await bring(built, channel, again)
        await work(built)
        assert await built.counted("reports") == 1
        assert "sampai sekarang" in (await built.newest()).report.text
        assert canary.letter in carried[-1][1].thread, "the answer names what it answers"


@pytest.mark.parametrize("kind", INWARD)
async def test_a_canary_in_the_spool_is_sealed(kind: str, canary: Canary, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as (built, channel):
        hook = canary.hook(channel, ROAD, "")
        items = await built.door.rereader.reread(channel, hook)
        built.spool.write(
            [await built.door.sealer.seal_message(channel, item, hook) for item in items]
        )
        (path,) = built.spool.waiting()
        said = path.read_text()
        assert not [n for n in needles(canary) if n in said]


async def test_an_agency_hears_nothing_of_the_providers_names(lite: House) -> None:
    await lite.say(ROAD, id="pesan-kenari", thread=["utas-kenari"])
    file = await lite.newest()
    assert not any("kenari" in each.text for each in file.notifications)
    (event,) = await lite.handed_over(file)
    assert "kenari" not in json.dumps(event)
    origin = event["data"]["origin"]
    assert (origin["external_id"], origin["thread"], origin["sealed"]) == ("", [], {})


# What providers say of a fault.


@pytest.mark.parametrize("kind", INWARD)
async def test_what_is_said_of_a_fault_is_kept_without_names(
    kind: str, canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = (canary.address, canary.letter, *canary.marks)
    named = [each for each in real if "@" in each or sum(map(str.isdigit, each)) > 6]
    assert named, "a real provider's names have many digits, or an @"
    words = "; ".join(f"550 <{each}> unknown ({each})" for each in named)
    with capture_logs(processors=[keep_harmless]) as logs:
        async with opened(kind, tmp_path) as (built, channel):
            if isinstance(channel, Sender):

                async def send(to: str, message: Outgoing) -> str:
                    raise failing.pop() if failing else Refused(words)

                failing: list[Exception] = [Unreachable(words)]
                monkeypatch.setattr(channel, "send", send)
            await bring(built, channel, canary.hook(channel, ROAD, ""))
            await built.work_all()
            hold = canary.hook(channel, "rusak", "")
            await built.door.quarantine.quarantine(channel.name, hold, "malformed", f"no: {words}")
            await built.store.queue.put([QueuedMessage(REPORTS, "1", b"{}")])
            (leased,) = await built.store.queue.claim(REPORTS, 1, lease=60)
            await built.store.queue.bury(leased, error=words)
            mark = built.store.cursors.of(kind, "poll", holder="one")
            await mark.take(60)
            await mark.failed(words, pause=1)
            get_logger().warning("a provider could not be read", error=words)
            async for where, said in everything(built, tmp_path):
                assert not [each for each in named if each in said], where
            assert await built.counted("quarantine", "detail LIKE 'no: 550 %unknown%'") == 1
            assert await built.counted("queue", "error LIKE '550 %unknown%' OR error = ''") >= 1
            assert await built.counted("cursors", "error LIKE '550 %unknown%' OR error = ''") == 1
    assert not [each for each in named if each in json.dumps(logs, default=str)]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <siti@contoh.id>: mailbox full", "550 5.1.1 <…>: mailbox full"),
        ("to +62 812-3456-7890 failed (21610)", "to … failed (21610)"),
        (
            "POST https://api.telegram.org/bot12:AA/send said 400",
            "POST https://api.telegram.org/… said 400",
        ),
        ("message SM0123456789abcdef0123456789abcdef is gone", "message … is gone"),
        ("chat 6200117766554 not found", "chat … not found"),
        ("@kenari_p blocked us", "… blocked us"),
        ("In-Reply-To <a.b+c@laptop.example>", "In-Reply-To <…>"),
        ("not taken by the broker: 24 for agency.3578-dinas-perhubungan",) * 2,
        ("no answer within 20 s from db.internal:5432",) * 2,
        ("cut: 65536 of 200000 bytes kept, sha256 " + "0a" * 32,) * 2,
        ("ConnectionRefusedError at subscription.py:114",) * 2,
        ("DELIVRD 000",) * 2,
    ],
)
def test_a_note_names_the_fault_and_nobody(said: str, kept: str) -> None:
    assert nameless(said) == kept
    assert nameless(kept) == kept


@pytest.mark.parametrize("piece", ["a", "1", "a@", "@", "x1_", "1-", "-", "https://", "a:", "…"])
def test_a_note_is_read_in_the_time_its_length_allows(piece: str) -> None:
    said = piece * 20_000
    begun = process_time()
    nameless(said)
    assert process_time() - begun < 1


async def test_the_reference_of_parts_is_hashed_and_parts_still_find_each_other(
    house: House,
) -> None:
    for number, said in ((1, ROAD[:40]), (2, ROAD[40:])):
        await house.take(note(said, id=f"b{number}", part=["acuan-kenari", number, 2]))
    async for where, said in _all(house):
        assert "acuan-kenari" not in said, where
    assert await house.join() == 1


# Names themselves.


def test_a_name_is_another_one_on_another_channel_and_under_another_key() -> None:
    seal, other = Seal([b"k" * 32]), Seal([b"o" * 32])
    found = {hash_name(seal, "sms", "a"), hash_name(seal, "x", "a"), hash_name(other, "sms", "a")}
    assert len(found) == 3
    assert hash_name(seal, "sms", hash_name(seal, "sms", "a")) == hash_name(seal, "sms", "a")
    assert hash_name(seal, "open311", "update:7").startswith("update:ref:")
    hash_name(seal, "sms", "\ud800" * 2_000)


# Rows of the version before.


async def test_what_the_version_before_kept_in_the_clear_is_hidden_at_the_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite = house

    def unkeyed(sealer: MessageSealer, inbound: Inbound, *, whole: bool = False) -> str:
        return identity.digest(inbound, whole=whole)

    monkeypatch.setattr(MessageSealer, "_digest", unkeyed)
    await lite.take(note(ROAD, id="pesan-kenari", thread=["utas-kenari"]))
    await lite.take(note("bagian satu ", id="bagian-kenari", part=["7", 1, 2]))
    assert await lite.work_all() == {}
    letter = f"paper-{lite.paper.carried[-1][1].id}"
    await _as_before(lite)
    clear = [s async for _, s in _all(lite) if "pesan-kenari" in s or "utas-kenari" in s]
    assert clear, "the rows are as the version before wrote them"
    monkeypatch.undo()
    assert await hide_names(lite.store, lite.seal) == 2
    assert await hide_names(lite.store, lite.seal) == 0
    async for where, said in _all(lite):
        assert "kenari" not in said, where
        assert letter not in said, where
    # What came once is known, what is answered finds its report, what was waited for is joined.
    assert (await lite.take(note(ROAD, id="pesan-kenari", thread=["utas-kenari"]))).status == 200
    assert await lite.counted("messages") == 1
    assert await lite.counted("quarantine") == 0
    told = await lite.say("masih rusak sampai sekarang, pak", thread=[letter])
    assert "Tambahan" in told
    assert await lite.counted("reports") == 1
    assert await receipts.note(
        lite.store, lite.seal, lite.paper, Receipt("paper", letter, "delivered")
    )
    assert (await lite.store.events.audit())[1] == []


async def test_an_event_of_the_version_before_is_routed_with_its_names_hidden(
    lite: House,
) -> None:
    await lite.take(note(ROAD, id="pesan-kenari", thread=["utas-kenari"]))
    await _as_before(lite)
    await lite.change(
        "UPDATE queue SET body = CAST(replace(CAST(body AS TEXT), "
        f"'{hash_name(lite.seal, 'paper', 'pesan-kenari')}', 'pesan-kenari') AS BLOB)"
    )
    assert await lite.work_all() == {}
    report = (await lite.newest()).report
    assert report.origin.external_id == hash_name(lite.seal, "paper", "pesan-kenari")


async def _all(house: House) -> AsyncIterator[tuple[str, str]]:
    async for where, said in everything(house, Path("/nowhere")):
        yield where, said


async def _as_before(house: House) -> None:
    """Write the rows as the version before did, in the clear."""
    seal = house.seal

    def plain(origin: Origin) -> Origin:
        known = {n: opened_thread(seal, [s])[0] for n, s in origin.sealed.items()}
        thread = tuple(known.get(name, name) for name in origin.thread)
        name = known.get(origin.external_id, origin.external_id)
        changes = {"thread": thread, "external_id": name, "sealed": {}}
        return origin.model_copy(update=changes)

    def message(each: Message) -> Message:
        return each.model_copy(update={"origin": plain(each.origin)})

    def clear(body: str) -> str:
        if "messages" not in json.loads(body):
            return message(Message.model_validate_json(body)).model_dump_json()
        report = Report.model_validate_json(body)
        said = tuple(map(message, report.messages))
        changes = {"origin": plain(report.origin), "messages": said}
        return report.model_copy(update=changes).model_dump_json()

    async with house.store.database.write() as connection:
        for table in (messages, reports):
            for row in (await connection.execute(select(table.c.id, table.c.body))).all():
                change = table.update().where(table.c.id == row.id)
                body = clear(row.body)
                values = {"body": body}
                if table is messages:
                    values["external_id"] = json.loads(body)["origin"]["external_id"]
                await connection.execute(change.values(**values))
        values = {"external_id": "bagian-kenari", "reference": "acuan-kenari"}
        await connection.execute(segments.update().values(**values))
        for letter in (await connection.execute(select(notifications))).all():
            names = opened_thread(seal, json.loads(letter.thread))
            change = notifications.update().where(notifications.c.id == letter.id)
            known = f"paper-{letter.id}"
            await connection.execute(change.values(thread=json.dumps(names), provider_id=known))


def test_a_url_is_opened_for_fetching_only() -> None:
    seal = Seal([b"k" * 32])
    assert opened_url(seal, "https://plain.example/a") == "https://plain.example/a"
