"""SMPP: what a message centre brings is read, acknowledged when it is safe, and answered."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import smpp34
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    Author,
    ChannelError,
    Inbound,
    Malformed,
    Outgoing,
    Receipt,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
    WebhookRequest,
)
from adapters.load import BadBlock
from adapters.smpp import session
from adapters.smpp.channel import FOR_GOOD, MENDABLE, SLOW_DOWN, Smpp
from adapters.sms.numbers import address
from demo.sms_center import (
    BAD_PASSWORD,
    ENQUIRE_LINK,
    OK,
    RESPONSE,
    UNANSWERED,
    UNBIND,
    MessageCenter,
)
from normalizer.inbound import Segment
from tests.adapters.examples import build
from tests.npm_center import PASSWORD, NpmCenter, npm_center

WHO = "+6281234567890"
LONG = "Jalan rusak parah di depan pasar, sudah lama sekali. " * 6
SOON = 10.0


@dataclass
class Taken:
    """What was taken, and what happens on the way."""

    channel: Smpp
    hooks: list[WebhookRequest] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, hook: WebhookRequest) -> None:
        self.begun.set()
        await self.go.wait()
        if self.fails:
            raise self.fails.pop(0)
        self.hooks.append(hook)

    @property
    def said(self) -> list[Inbound]:
        found = [item for hook in self.hooks for item in self.channel.parse(hook)]
        return [item for item in found if isinstance(item, Inbound)]


@pytest.fixture
async def center() -> AsyncIterator[MessageCenter]:
    async with MessageCenter("lapor", "pass-1f7c", "1708", receipts=False) as double:
        yield double


def channel_at(center: MessageCenter, **changes: Any) -> Smpp:
    channel = build("smpp", **{"port": center.port, "response_seconds": 5} | changes)
    assert isinstance(channel, Smpp)
    return channel


@asynccontextmanager
async def bound(center: MessageCenter, **changes: Any) -> AsyncIterator[Taken]:
    """Hold the connection of a channel."""
    channel = channel_at(center, **changes)
    taken = Taken(channel)
    taken.go.set()
    holding = asyncio.create_task(channel.hold(taken))
    try:
        await center.until_bound()
        assert await center.enquire() == OK  # it has read our answer to its bind
        assert channel.standing
        yield taken
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        await channel.close()


def deliver(payload: bytes = b"halo", **fields: Any) -> WebhookRequest:
    values: dict[str, Any] = {"source_addr_ton": 1} | fields
    source = values.pop("source_addr", WHO[1:])
    pdu = smpp34.DeliverSm(source, "1708", payload, **values)
    return WebhookRequest("smpp:", {"stamp": "1.0"}, pdu.encode())


def data_sm(payload: bytes, *, esm_class: int = 0, data_coding: int = 0) -> WebhookRequest:
    """Write a ``data_sm`` by hand, as 4.7.1 has it."""
    body = b"\0\1\1" + WHO[1:].encode() + b"\0\0\0" + b"1708\0"
    body += bytes([esm_class, 0, data_coding]) + b"\x04\x24" + len(payload).to_bytes(2, "big")
    pdu = session.HEAD.pack(16 + len(body + payload), session.DATA_SM, 0, 9) + body + payload
    return WebhookRequest("smpp:", {"stamp": "1.0"}, pdu)


def channel_here() -> Smpp:
    channel = build("smpp")
    assert isinstance(channel, Smpp)
    return channel


def one(hook: WebhookRequest, **changes: Any) -> Inbound:
    channel = build("smpp", **changes)
    assert isinstance(channel, Smpp)
    (said,) = channel.parse(hook)
    assert isinstance(said, Inbound)
    return said


# --- reading --------------------------------------------------------------------------------------


def test_a_message_is_read() -> None:
    hook = deliver(b"Jalan rusak \x1b<PUPR\x1b>")
    said = one(hook)
    assert (said.channel, said.account, said.text) == ("smpp", "1708", "Jalan rusak [PUPR]")
    assert said.sender == Author(WHO)
    assert said.raw == hook.body
    assert said.external_id.endswith("-1.0")
    assert said.part is None


def test_a_long_payload_and_a_part_are_read() -> None:
    payload = smpp34.Tlv(0x0424, LONG.encode())
    assert one(deliver(b"", tlvs=[payload])).text == LONG
    part = one(deliver(b"\x05\x00\x03\x07\x02\x01halo", esm_class=0x40))
    assert (part.text, part.part) == ("halo", Segment("8-bit 7", 1, 2))
    sar = [smpp34.Tlv(0x20C, b"\0\7"), smpp34.Tlv(0x20E, b"\2"), smpp34.Tlv(0x20F, b"\2")]
    assert one(deliver(tlvs=sar)).part == Segment("sar 7", 2, 2)
    whole = [smpp34.Tlv(0x0424, b"\x05\x00\x03\x07\x02\x01halo")]
    assert one(deliver(b"", tlvs=whole, esm_class=0x40)).part == Segment("8-bit 7", 1, 2)


@pytest.mark.parametrize(
    ("written", "ton", "expected"),
    [
        ("6281234567890", 1, WHO),
        ("+6281234567890", 1, WHO),
        ("081234567890", 2, WHO),
        ("081234567890", 0, WHO),
        ("6281234567890", 0, WHO),
        ("81234567890", 2, WHO),
        ("4915112345678", 1, "+4915112345678"),
        ("1708", 0, "1708"),
        ("1708", 3, "1708"),
        ("TELKOMSEL", 5, "TELKOMSEL"),
        ("6281234567890", 5, "6281234567890"),
        ("12-34", 0, "12-34"),
    ],
)
def test_numbers_are_written_as_every_channel_writes_them(
    written: str, ton: int, expected: str
) -> None:
    assert address(written, ton) == expected


def test_receipts_are_read_in_words_and_by_parameters() -> None:
    words = b"id:7f stat:DELIVRD err:000"
    channel = build("smpp")
    assert isinstance(channel, Smpp)
    expected = [Receipt("smpp", "7f", "delivered", "DELIVRD 000")]
    assert channel.parse(deliver(words, esm_class=0x04)) == expected
    tlvs = [smpp34.Tlv(0x1E, b"7f\0"), smpp34.Tlv(0x427, b"\x05")]
    found = channel.parse(deliver(b"", tlvs=tlvs))
    assert found == [Receipt("smpp", "7f", "failed", "UNDELIVERABLE")]
    assert channel.parse(deliver(b"id:7f stat:UNKNOWN err:000", esm_class=0x04)) == []
    decimal = build("smpp", receipt_ids="decimal")
    assert isinstance(decimal, Smpp)
    assert decimal.parse(deliver(b"id:0000000127 stat:DELIVRD", esm_class=0x04)) == [
        Receipt("smpp", "7f", "delivered", "DELIVRD")
    ]


@pytest.mark.parametrize("esm_class", [0x00, 0x04])
@pytest.mark.parametrize("coding", [0x00, 0x03, 0x08, 0xF1])
def test_a_receipt_is_one_whatever_its_message_says_of_itself(esm_class: int, coding: int) -> None:
    """Many centres leave ``esm_class`` 0; some name UCS-2 and write ASCII."""
    words = b"id:007F sub:001 dlvrd:001 stat:UNDELIV err:011 text:Laporan"
    (told,) = channel_here().parse(deliver(words, esm_class=esm_class, data_coding=coding))
    assert isinstance(told, Receipt)
    assert (told.provider_id, told.state, told.detail) == ("7f", "failed", "UNDELIV 011")
    assert (told.otherwise is None) == (esm_class == 0x04)


@pytest.mark.parametrize("esm_class", [0x00, 0x04])
def test_a_receipt_may_come_as_data_sm(esm_class: int) -> None:
    hook = data_sm(b"id:7f stat:DELIVRD err:000", esm_class=esm_class)
    (told,) = channel_here().parse(hook)
    assert isinstance(told, Receipt)
    assert told.provider_id == "7f"


def test_a_message_may_come_as_data_sm() -> None:
    hook = data_sm("Jalan rusak é".encode("utf-16-be"), data_coding=8)
    said = one(hook)
    assert (said.account, said.text, said.sender) == ("1708", "Jalan rusak é", Author(WHO))
    assert said.raw == hook.body
    part = one(data_sm(b"\x05\x00\x03\x07\x02\x01halo", esm_class=0x40))
    assert (part.text, part.part) == ("halo", Segment("8-bit 7", 1, 2))


def test_a_citizen_who_quotes_a_receipt_is_read() -> None:
    said = one(deliver(b"Saya terima id:7f stat:UNDELIV err:011 terus, apa artinya?"))
    assert said.text.startswith("Saya terima id:7f")


@pytest.mark.parametrize(
    ("short", "payload", "text"),
    [
        ("Jalan rusak", "di Wonocolo", "Jalan rusak\ndi Wonocolo"),
        ("Jalan rusak", "Jalan rusak di Wonocolo", "Jalan rusak di Wonocolo"),
        ("Jalan rusak di Wonocolo", "Wonocolo", "Jalan rusak di Wonocolo"),
    ],
)
def test_what_stands_in_both_places_is_read_once_and_whole(
    short: str, payload: str, text: str
) -> None:
    for codec, coding in (("ascii", 0), ("utf-16-be", 8)):
        tlvs = [smpp34.Tlv(0x0424, payload.encode(codec))]
        assert one(deliver(short.encode(codec), tlvs=tlvs, data_coding=coding)).text == text


def test_parts_are_read_together() -> None:
    halves = [b"\x05\x00\x03\x07\x02\x01Harga \x1b", b"\x05\x00\x03\x07\x02\x02e 10"]
    parts = [one(deliver(half, esm_class=0x40)) for half in halves]
    assert channel_here().join_texts(parts) == "Harga € 10"
    assert channel_here().join_texts(parts[:1]).strip() == "Harga"


def test_parts_of_different_codings_are_read_each_by_its_own() -> None:
    header = b"\x05\x00\x03\x07\x03"
    written = [(b"\1Harga \x1b", 0x00), (b"\2e 10 \x1b", 0xF0), (b"\3\0\xe9", 0x08)]
    parts = [one(deliver(header + p, esm_class=0x40, data_coding=c)) for p, c in written]
    assert channel_here().join_texts(parts) == "Harga € 10  é"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 16,
        deliver().body[:-1],
        deliver(b"halo", source_addr="").body,
        deliver(b"tanpa nomor", esm_class=0x04).body,
        smpp34.SubmitSm("1708", "62811", b"halo").encode(),
        b"\0\0\0\x12\0\0\1\3" + bytes(10),
    ],
)
def test_what_is_no_message_is_malformed(body: bytes) -> None:
    channel = build("smpp")
    assert isinstance(channel, Smpp)
    with pytest.raises(Malformed) as raised:
        channel.parse(WebhookRequest("smpp:", {}, body))
    assert str(raised.value)


def test_the_codec_we_use_reads_what_the_standard_says() -> None:
    """The optional parameters of a body made by hand, not by the codec that reads it."""
    body = b"\0\1\1" + b"6281\0" + b"\0\0" + b"1708\0" + b"\x40\0\0\0\0\0\0\x08\0\x0a"
    body += b"\x05\x00\x03\x07\x02\x01" + "é!".encode("utf-16-be") + b"\x14\x01\x00\x02zz"
    pdu = (16 + len(body)).to_bytes(4, "big") + b"\0\0\0\x05" + bytes(4) + b"\0\0\0\x09" + body
    said = one(WebhookRequest("smpp:", {}, pdu))
    assert (said.sender.address, said.account, said.text) == ("+6281"[1:], "1708", "é!")
    assert said.part == Segment("8-bit 7", 1, 2)


TAGS = st.sampled_from([0x1E, 0x427, 0x424, 0x20C, 0x20E, 0x20F, 0x1401])
TLVS = st.lists(st.builds(smpp34.Tlv, TAGS, st.binary(max_size=40)), max_size=6)
ADDRESSES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(
    payload=st.binary(max_size=254),
    source=ADDRESSES,
    ton=st.integers(0, 255),
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    tlvs=TLVS,
)
@hypothesis.settings(max_examples=300, deadline=None)
def test_whatever_fields_a_message_has_it_is_read_or_malformed(
    payload: bytes, source: str, ton: int, esm_class: int, data_coding: int, tlvs: list[smpp34.Tlv]
) -> None:
    fields: dict[str, Any] = {"esm_class": esm_class, "data_coding": data_coding, "tlvs": tlvs}
    hook = deliver(payload, source_addr=source, source_addr_ton=ton, **fields)
    channel = build("smpp")
    assert isinstance(channel, Smpp)
    try:
        read = channel.parse(hook)
    except Malformed:
        assert esm_class & 0x3C or not source or any(tlv.tag == 0x1E for tlv in tlvs)
        return
    assert read == channel.parse(hook)
    for said in read:
        if isinstance(said, Inbound):
            assert said.raw == hook.body
            assert said.part is None or 1 <= said.part.number <= said.part.total


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"host": "smsc.operator.example"}, False),
        ({"host": "10.20.30.40"}, False),
        ({"host": "10.20.30.40", "tunnel": True}, True),
        ({"host": "smsc.operator.example", "tls": True}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"number": ""}, False),
        ({"window": 0}, False),
        ({"default_alphabet": "utf-8"}, False),
        ({"part_timeout": 0}, False),
    ],
)
def test_a_password_never_travels_in_the_clear(changes: dict[str, Any], fits: bool) -> None:
    with contextlib.nullcontext() if fits else pytest.raises(BadBlock):
        build("smpp", **changes)


# --- the session ----------------------------------------------------------------------------------


async def test_a_message_is_taken_and_then_acknowledged(center: MessageCenter) -> None:
    async with bound(center) as taken:
        assert center.binds == ["transceiver"]
        taken.go.clear()
        bringing = asyncio.create_task(center.text(WHO, "Jalan rusak"))
        await taken.begun.wait()
        assert await center.enquire() == OK, "the link is alive while a commit hangs"
        assert not bringing.done()
        taken.go.set()
        assert await bringing == OK
    assert [said.text for said in taken.said] == ["Jalan rusak"]


async def test_a_data_sm_is_taken_and_acknowledged_as_one(center: MessageCenter) -> None:
    hook = data_sm(b"Jalan rusak")
    async with bound(center) as taken:
        esme = center._receiver()
        assert esme
        assert await esme.ask(session.DATA_SM, hook.body[16:]) == OK
        assert center.heard[-1] == session.DATA_SM | RESPONSE
    assert [said.text for said in taken.said] == ["Jalan rusak"]


async def test_what_is_not_safe_is_brought_again_as_the_same_message(center: MessageCenter) -> None:
    async with bound(center) as taken:
        taken.fails = [Unreachable("the spool is full"), KeyError("a fault of ours")]
        body = center.message(WHO, "Jalan rusak")
        statuses = [await center.bring(body, again=False) for _ in range(4)]
    assert statuses == [session.TRY_AGAIN, session.TRY_AGAIN, OK, OK]
    assert len({said.external_id for said in taken.said}) == 1


async def test_a_message_whose_answer_was_lost_is_the_same_one_after_a_new_bind(
    center: MessageCenter,
) -> None:
    async with bound(center) as taken:
        taken.go.clear()
        body = center.message(WHO, "ya")
        bringing = asyncio.create_task(center.bring(body, again=False))
        await taken.begun.wait()
        await center.drop()
        assert await bringing == UNANSWERED
        taken.go.set()
        channel = taken.channel
        holding = asyncio.create_task(channel.hold(taken))
        assert await center.bring(body) == OK
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
    first, again = taken.said
    assert first.external_id == again.external_id


async def test_an_equal_message_after_our_answer_was_read_is_another_one(
    center: MessageCenter,
) -> None:
    async with bound(center, enquire_seconds=0.05) as taken:
        body = center.message(WHO, "ya")
        assert await center.bring(body) == OK
        before = center.heard.count(ENQUIRE_LINK)
        await center.wait_for(lambda: center.heard.count(ENQUIRE_LINK) > before + 1)
        assert await center.bring(body) == OK
    first, second = taken.said
    assert first.external_id != second.external_id
    assert first.external_id.split("-")[0] == second.external_id.split("-")[0]


async def test_the_end_is_polite(center: MessageCenter) -> None:
    async with bound(center):
        pass
    assert center.heard[-1] == UNBIND


async def test_what_is_being_taken_is_acknowledged_before_the_end(center: MessageCenter) -> None:
    channel = channel_at(center)
    taken = Taken(channel)
    holding = asyncio.create_task(channel.hold(taken))
    bringing = asyncio.create_task(center.bring(center.message(WHO, "halo"), again=False))
    await taken.begun.wait()
    holding.cancel()
    asyncio.get_running_loop().call_later(0.05, taken.go.set)
    await asyncio.gather(holding, return_exceptions=True)
    assert await bringing == OK


async def test_a_connection_that_breaks_is_told(center: MessageCenter) -> None:
    channel = channel_at(center)
    holding = asyncio.create_task(channel.hold(Taken(channel)))
    await center.until_bound()
    await center.drop()
    with pytest.raises(Unreachable):
        await holding
    assert not channel.standing


async def test_a_centre_that_says_nothing_any_more_is_left(center: MessageCenter) -> None:
    channel = channel_at(center, enquire_seconds=0.05, response_seconds=0.1)
    holding = asyncio.create_task(channel.hold(Taken(channel)))
    await center.until_bound()
    center.silent = True
    async with asyncio.timeout(SOON):
        with pytest.raises(Unreachable):
            await holding


async def test_a_centre_that_unbinds_is_answered_and_left(center: MessageCenter) -> None:
    channel = channel_at(center)
    holding = asyncio.create_task(channel.hold(Taken(channel)))
    await center.until_bound()
    esme = center._receiver()
    assert esme
    assert await esme.ask(UNBIND) == OK
    with pytest.raises(Unreachable, match="ended the session"):
        await holding


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"password": "salah-salah"}, "the password was refused")],
)
async def test_a_refused_bind_says_why_and_may_be_mended(
    center: MessageCenter, changes: dict[str, Any], says: str
) -> None:
    channel = channel_at(center, **changes)
    with pytest.raises(Unreachable, match=says) as raised:
        await channel.hold(Taken(channel))
    assert "salah-salah" not in str(raised.value)
    with pytest.raises(Unreachable, match=says):
        await channel.send(WHO, Outgoing("1", "halo"))
    await channel.close()
    assert BAD_PASSWORD in MENDABLE


@pytest.mark.parametrize(
    ("command", "length", "answer"),
    [
        (0x15, 16, ENQUIRE_LINK | RESPONSE),
        (0xDEAD, 16, session.GENERIC_NACK),
        (0x05, 4, session.GENERIC_NACK),
        (0x05, 0x7FFF_FFFF, session.GENERIC_NACK),
    ],
)
async def test_every_request_is_answered_and_none_is_too_odd(
    center: MessageCenter, command: int, length: int, answer: int
) -> None:
    async with bound(center):
        esme = center._receiver()
        assert esme
        esme.writer.write(session.HEAD.pack(length, command, 0, 77))
        await center.wait_for(lambda: center.heard[-1] == answer)


@pytest.mark.parametrize("command", [0x0B, 0x102, 0x8000_0005, 0x8000_0000])
async def test_what_expects_no_answer_gets_none(center: MessageCenter, command: int) -> None:
    async with bound(center):
        esme = center._receiver()
        assert esme
        heard = len(center.heard)
        esme.writer.write(session.HEAD.pack(16, command, 0, 77))
        assert await center.enquire() == OK
        assert center.heard[heard:] == [ENQUIRE_LINK | RESPONSE]


async def test_more_than_can_wait_are_brought_later(
    center: MessageCenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MOST_AT_ONCE", 2)
    async with bound(center) as taken:
        taken.go.clear()
        bodies = [center.message(WHO, f"halo {number}") for number in range(3)]
        bringing = [asyncio.create_task(center.bring(b, again=False)) for b in bodies[:2]]
        await taken.begun.wait()
        assert await center.bring(bodies[2], again=False) == session.QUEUE_FULL
        taken.go.set()
        assert await asyncio.gather(*bringing) == [OK, OK]


async def test_an_encrypted_connection(
    center: MessageCenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = _certificate(tmp_path)
    secured = MessageCenter("lapor", "pass-1f7c", "1708")
    secured.secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.secured.load_cert_chain(certificate)
    async with secured:
        stranger = channel_at(secured, tls=True)
        with pytest.raises(Unreachable, match="SSLCertVerificationError"):
            await stranger.hold(Taken(stranger))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with bound(secured, tls=True) as taken:
            assert await secured.text(WHO, "rahasia") == OK
    assert [said.text for said in taken.said] == ["rahasia"]


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "center.pem"
    file.write_bytes(private + made.public_bytes(pem))
    return file


# --- sending --------------------------------------------------------------------------------------


async def test_an_answer_goes_over_the_connection_that_is_held(center: MessageCenter) -> None:
    async with bound(center) as taken:
        id = await taken.channel.send(WHO, Outgoing("1", "Laporan kami terima."))
    assert id
    assert center.binds == ["transceiver"]
    assert [(sms.to, sms.text) for sms in center.carried] == [(WHO, "Laporan kami terima.")]
    (sent,) = center.submitted
    assert (sent.source_addr, sent.data_coding, sent.registered_delivery) == ("1708", 0, 1)


async def test_without_it_a_transmitter_is_bound_and_kept(center: MessageCenter) -> None:
    channel = channel_at(center)
    for number in "12":
        await channel.send(WHO, Outgoing(number, f"Jawaban {number}"))
    await center.drop()
    with contextlib.suppress(Unreachable):  # the end of a connection may be seen only now
        await channel.send("1708", Outgoing("3", "Jawaban 3"))
    await channel.send("1708", Outgoing("4", "Jawaban 4"))
    await channel.close()
    assert center.binds == ["transmitter", "transmitter"]
    assert [sms.to for sms in center.carried][:3] == [WHO, WHO, "1708"]


async def test_a_centre_without_transceivers(center: MessageCenter) -> None:
    async with bound(center, bind="receiver") as taken:
        await taken.channel.send(WHO, Outgoing("1", "halo"))
        assert await center.text(WHO, "halo juga") == OK
    assert sorted(center.binds) == ["receiver", "transmitter"]


@pytest.mark.parametrize("text", [LONG, "“Jalan” – 💡 " * 20])
async def test_a_long_answer_is_shown_whole(center: MessageCenter, text: str) -> None:
    channel = channel_at(center, max_reply_characters=None)
    await channel.send(WHO, Outgoing("1", text))
    await channel.close()
    assert [sms.text for sms in center.carried] == [text]
    assert [sent.registered_delivery for sent in center.submitted][:-1] == [0] * (
        len(center.submitted) - 1
    )
    assert center.submitted[-1].registered_delivery == 1


ERRORS: list[tuple[int, type[ChannelError]]] = [
    *((status, Refused) for status in FOR_GOOD),
    *((status, Throttled) for status in SLOW_DOWN),
    *((status, Unreachable) for status in MENDABLE),
    (0x08, Unreachable),
    (0x45, Unreachable),
    (0x4FF, Unreachable),
]


@pytest.mark.parametrize(("status", "error"), ERRORS, ids=lambda value: str(value))
async def test_every_status_says_whether_to_try_again(
    center: MessageCenter, status: int, error: type[ChannelError]
) -> None:
    center.statuses = [status]
    channel = channel_at(center)
    with pytest.raises(error) as raised:
        await channel.send(WHO, Outgoing("1", "halo"))
    assert type(raised.value) is error
    assert WHO[1:] not in str(raised.value)
    assert f"{status:#010x}" in str(raised.value)
    await channel.close()


async def test_another_attempt_goes_on_with_the_part_that_was_throttled(
    center: MessageCenter,
) -> None:
    center.statuses = [0, 0x58]
    channel = channel_at(center)
    with pytest.raises(Throttled) as raised:
        await channel.send(WHO, Outgoing("1", LONG))
    assert raised.value.retry_after > 0
    await channel.send(WHO, Outgoing("1", LONG))
    await channel.close()
    assert len(center.submitted) == len({sent.short_message for sent in center.submitted})
    assert [sms.text for sms in center.carried] == [LONG]


async def test_a_send_that_is_not_answered_may_be_tried_again(center: MessageCenter) -> None:
    center.statuses = [UNANSWERED]
    channel = channel_at(center, response_seconds=0.1)
    with pytest.raises(Unreachable, match="in time"):
        await channel.send(WHO, Outgoing("1", "halo"))
    await channel.close()


async def test_a_send_that_the_end_of_the_connection_meets(center: MessageCenter) -> None:
    center.statuses = [UNANSWERED]
    async with bound(center) as taken:
        sending = asyncio.create_task(taken.channel.send(WHO, Outgoing("1", "halo")))
        await center.wait_for(lambda: 0x04 in center.heard)
        await center.drop()
        with pytest.raises(Unreachable):
            await sending


async def test_no_more_requests_are_under_way_than_the_window_holds(center: MessageCenter) -> None:
    center.statuses = [UNANSWERED] * 2
    channel = channel_at(center, window=2, response_seconds=0.3)
    sending = [
        asyncio.create_task(channel.send(WHO, Outgoing(str(n), f"halo {n}"))) for n in range(3)
    ]
    await center.wait_for(lambda: center.heard.count(0x04) == 2)
    done = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(each) for each in done] == [UnknownOutcome, UnknownOutcome, str]
    await channel.close()


# --- a message centre that nobody here wrote ------------------------------------------------------


@asynccontextmanager
async def bound_to_npm(center: NpmCenter, **changes: Any) -> AsyncIterator[Taken]:
    channel = build("smpp", port=center.port, **{"password": PASSWORD} | changes)
    assert isinstance(channel, Smpp)
    taken = Taken(channel)
    taken.go.set()
    holding = asyncio.create_task(channel.hold(taken))
    try:
        await center.saw("bind_transceiver")
        yield taken
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def test_strangers_and_we_understand_each_other() -> None:
    async with npm_center() as center:
        async with bound_to_npm(center, enquire_seconds=0.1) as taken:
            assert await center.deliver("6281234567890", "Jalan rusak [PUPR] €", data_coding=0) == 0
            assert await center.deliver("6281234567890", "Jalan 💡 ж", data_coding=8) == 0
            assert await center.deliver("6281234567890", "café", data_coding=3) == 0
            udh = "050003070201"
            assert await center.deliver("6281234567890", "bagian", udh=udh, data_coding=8) == 0
            sar: dict[str, Any] = {
                "sar_msg_ref_num": 7,
                "sar_total_segments": 2,
                "sar_segment_seqnum": 2,
            }
            assert await center.deliver("6281234567890", "kedua", data_coding=0, **sar) == 0
            assert await center.answered(center.do("enquire")) == 0
            await center.saw("enquire_link")
            id = await taken.channel.send(WHO, Outgoing("1", "Laporan kami terima {1}."))
            sent = await center.saw("submit_sm")
            assert (sent["id"], sent["to"], sent["from"]) == (id, WHO[1:], "1708")
            assert sent["text"] == "Laporan kami terima {1}."
            await taken.channel.send(WHO, Outgoing("2", "жалоба " * 20))
            await center.saw("submit_sm", 4)
            parts = [e for e in center.events if e["event"] == "submit_sm" and e["udh"]]
            assert "".join(part["text"] for part in parts) == "жалоба " * 20
            center.do("refuse", statuses=[0x58])
            assert await center.answered(center.do("enquire")) == 0  # it has heard us
            with pytest.raises(Throttled):
                await taken.channel.send(WHO, Outgoing("3", "halo"))
        await center.saw("unbind")
    assert [said.text for said in taken.said] == [
        "Jalan rusak [PUPR] €",
        "Jalan 💡 ж",
        "café",
        "bagian",
        "kedua",
    ]
    assert [said.part for said in taken.said][3:] == [
        Segment("8-bit 7", 1, 2),
        Segment("sar 7", 2, 2),
    ]
    assert {said.sender.address for said in taken.said} == {WHO}


async def test_strangers_refuse_a_wrong_password() -> None:
    async with npm_center() as center:
        channel = build("smpp", port=center.port, password="salah")
        assert isinstance(channel, Smpp)
        with pytest.raises(Unreachable, match="the password was refused"):
            await channel.hold(Taken(channel))
