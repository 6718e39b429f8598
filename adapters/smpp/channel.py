"""SMPP 3.4: text messages of a short code over a connection to the operator's message centre.

https://smpp.org/SMPP_v3_4_Issue1_2.pdf. Messages are read and written with the codec of ``smpp34``;
the session is our own, because a message may be acknowledged only when it is durable
(docs/decisions/0016). SMPP gives messages no id: adapters/sms/repeats.py says what is a repeat.
Out: SMPP knows no idempotency key, so a citizen may get an answer twice when the centre's own
answer was lost; its parts carry the same reference then.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, Self

import smpp34
from pydantic import Field, SecretStr, model_validator

from adapters.contract import (
    Author,
    ChannelSettings,
    ConnectionChannel,
    Inbound,
    Malformed,
    Outgoing,
    Receipt,
    Refused,
    Sender,
    Take,
    Throttled,
    Unreachable,
    WebhookRequest,
)
from adapters.smpp import receipts
from adapters.smpp.session import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DATA_SM,
    DELIVER_SM,
    HEAD,
    SUBMIT_SM,
    CommandFailed,
    Receive,
    SmppSession,
    Timing,
    bind_body,
)
from adapters.sms.coding import UCS2, Default, coding_of, join_texts, read, read_parts
from adapters.sms.numbers import INTERNATIONAL, UNKNOWN, address
from adapters.sms.repeats import Repeats, fingerprint
from adapters.sms.segmentation import SplitText, split
from adapters.sms.user_data_header import Payload, take_header
from config import links

URL = "smpp:"
"""Stands for the URL of what came over the connection."""
STAMP = "stamp"
"""The header that tells equal messages apart."""
ISDN = 1
MESSAGE_PAYLOAD = 0x0424
"""Tag of the optional parameter that stands in for a short message."""
HAS_HEADER = 0x40
"""The bit of ``esm_class`` that says that a user data header comes first."""
WANTED = 1
"""``registered_delivery``: tell when it arrived, or failed."""
MOST_UNDER_WAY = 1000

SLOW_DOWN: Mapping[int, float] = {0x14: 10.0, 0x58: 2.0}
"""Statuses that ask us to wait (full queue, throttled), and for how many seconds."""
FOR_GOOD: Mapping[int, str] = {
    0x01: "the message is too long",
    0x0B: "the number does not exist",
    0x50: "the number is of a wrong type",
    0x51: "the number is of a wrong plan",
    0x65: "the message was refused",
    0x66: "the message was rejected",
    0xFE: "the message could not be delivered",
}
"""Statuses that will be the same another time."""
MENDABLE: Mapping[int, str] = {
    0x04: "the session is not bound for this",
    0x05: "the account is bound already",
    0x0A: "number may not be used as sender",
    0x0D: "the bind was refused",
    0x0E: "the password was refused",
    0x0F: "the system_id was refused",
    0x48: "source_ton was refused",
    0x49: "source_npi was refused",
    0x53: "the system_type was refused",
}
"""Statuses that are our own doing. They are retried: an operator can mend them."""

_DATA_SM = re.compile(rb"([^\0]{0,64}\0..[^\0]{0,64}\0..[^\0]{0,64}\0)(.)(.)(.)(.*)", re.DOTALL)
"""Who writes to whom (service_type and two addresses), esm_class, registered_delivery, data_coding
and the optional parameters."""

Octet = Annotated[int, Field(ge=0, le=255)]
Word = Annotated[str, Field(pattern=r"^[!-~]{0,16}$")]


class SmppBlock(ChannelSettings):
    """``type = "smpp"``: an account at a message centre, and the number it writes from."""

    type: Literal["smpp"]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 2775
    tls: bool = False
    tunnel: bool = False
    """The way to ``host`` is encrypted by other means (the operator's VPN)."""
    system_id: Word
    password: SecretStr
    system_type: Word = ""
    bind: Literal["transceiver", "receiver"] = "transceiver"
    """A centre without transceivers gets a receiver, and a transmitter for what is sent."""
    number: Annotated[str, Field(pattern=r"^[A-Za-z0-9+ ._-]{1,20}$")]
    source_ton: Octet = UNKNOWN
    source_npi: Octet = ISDN
    default_alphabet: Default = "gsm"
    """What the centre means by data coding 0."""
    receipt_ids: receipts.Ids = "same"
    registered_delivery: Octet = WANTED
    """Asked for the last part of a message; 0 = no delivery receipts."""
    repeat_minutes: Annotated[float, Field(gt=0, le=1440)] = 15.0
    """How long an equal message may be one that the centre brings again."""
    enquire_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    response_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    window: Annotated[int, Field(ge=1, le=1000)] = 10
    sends_per_second: float = 10.0
    max_reply_characters: Annotated[int, Field(ge=40, le=10_000)] | None = 459

    @model_validator(mode="after")
    def _private_or_encrypted(self) -> Self:
        if not (self.tls or self.tunnel or links.is_own(self.host)):
            raise ValueError("set tls, or tunnel where a VPN encrypts the way to host")
        return self


@dataclass(frozen=True, slots=True)
class BroughtMessage:
    """What a message centre brought, taken apart."""

    pdu: smpp34.DeliverSm
    tlvs: Mapping[int, bytes]
    payload: Payload


class Smpp(ConnectionChannel, Sender):
    """Text messages of one account at a message centre."""

    settings = SmppBlock
    by_phone = True
    block: SmppBlock

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._repeats = Repeats(60 * self.block.repeat_minutes)
        self._held: SmppSession | None = None
        self._spare: SmppSession | None = None
        """A transmitter of our own, where another process holds the connection."""
        self._opening = asyncio.Lock()
        self._under_way: OrderedDict[str, list[str]] = OrderedDict()
        """Of each message the ids of the parts that went out already."""

    @property
    def own(self) -> frozenset[str]:
        """Return our number."""
        return frozenset({self.block.number})

    @property
    def standing(self) -> bool:
        """Tell whether we are bound."""
        return self._held is not None and self._held.bound

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read one message, a part of one, or a receipt. Raises ``Malformed``."""
        brought = self._brought(hook.body)
        pdu, payload = brought.pdu, brought.payload
        words = read(payload.body, pdu.data_coding, self.block.default_alphabet)
        if pdu.esm_class & receipts.MESSAGE_TYPE or receipts.MESSAGE_ID in brought.tlvs:
            return self._receipt(words.text, brought.tlvs)
        if not pdu.source_addr:
            raise Malformed("the message has no sender")
        said = Inbound(
            channel=self.name,
            account=pdu.destination_addr or self.block.number,
            external_id=f"{fingerprint(hook.body)}-{hook.headers.get(STAMP, '')}",
            sender=Author(address(pdu.source_addr, pdu.source_addr_ton)),
            text=words.text,
            raw=hook.body,
            notes=(*payload.notes, *words.notes),
            part=payload.part
            and replace(payload.part, octets=payload.body, coding=pdu.data_coding),
        )
        told = None if said.part else receipts.read_unmarked(said.text)
        return [self._told(told, said)] if told else [said]

    def join_texts(self, parts: Sequence[Inbound]) -> str:
        """Read parts of one coding together: a character may lie across two of them."""
        return join_texts(parts, self._read_octets)

    def _read_octets(self, octets: Sequence[bytes], coding: int | str) -> str:
        return read_parts(octets, int(coding), self.block.default_alphabet).text

    async def hold(self, take: Take) -> None:
        """Bind and hand every message to ``take``. Raises ``Unreachable`` when the session ends."""
        command = BIND_TRANSCEIVER if self.block.bind == "transceiver" else BIND_RECEIVER
        self._held = held = await self._bound(command, partial(self._receive, take))
        try:
            if command == BIND_TRANSCEIVER:
                await self._end_spare()
            await held.ended()
        finally:
            self._held = None
            await held.close()

    async def send(self, to: str, message: Outgoing) -> str:
        """Write to a phone number; returns the id of the last part. Raises ``ChannelError``.

        Another attempt goes on with the part that failed.
        """
        made = split(
            message.text,
            id=message.id,
            default=self.block.default_alphabet,
            most=self.block.max_reply_characters,
        )
        with self.exchanges.note("SMPP", f"smpp://{self.block.host}"):
            return await self._submit(to, message, made)

    async def _submit(self, to: str, message: Outgoing, parts: SplitText) -> str:
        session = await self._carrier()
        done = self._under_way.setdefault(message.id, [])
        while len(self._under_way) > MOST_UNDER_WAY:
            self._under_way.popitem(last=False)
        with _failures():
            for number in range(len(done), len(parts.payloads)):
                answer = await session.request(SUBMIT_SM, self._submit_sm(to, parts, number))
                done.append(answer.body.rstrip(b"\0").decode("latin-1"))
        self._under_way.pop(message.id, None)
        return receipts.as_sent(done[-1], self.block.receipt_ids) or message.id

    async def close(self) -> None:
        """End the sending side's own connection."""
        async with self._opening:
            await self._end_spare()

    def _brought(self, raw: bytes) -> BroughtMessage:
        pdu = _deliver_sm(raw)
        tlvs = {tlv.tag: tlv.value for tlv in pdu.tlvs}
        content = _content(pdu.short_message, tlvs.get(MESSAGE_PAYLOAD, b""), pdu.data_coding)
        headed = bool(pdu.esm_class & HAS_HEADER)
        return BroughtMessage(pdu, tlvs, take_header(content, has_header=headed, tlvs=tlvs))

    def _receipt(self, text: str, tlvs: Mapping[int, bytes]) -> list[Inbound | Receipt]:
        told = receipts.read_receipt(text, tlvs)
        if told is None:
            raise Malformed("a receipt that names no message or no state")
        return [self._told(told)] if told.state else []

    def _told(self, told: receipts.ReceiptText, otherwise: Inbound | None = None) -> Receipt:
        assert told.state is not None
        id = receipts.as_receipted(told.id, self.block.receipt_ids)
        detail = " ".join(filter(None, (told.word, told.error)))
        return Receipt(self.name, id, told.state, detail, otherwise=otherwise)

    async def _receive(self, take: Take, pdu: bytes) -> None:
        stamp = self._repeats.stamp(fingerprint(pdu), time.time())
        await take(WebhookRequest(URL, {STAMP: stamp}, pdu))

    async def _carrier(self) -> SmppSession:
        """Return what can send: the connection that is held here, or a transmitter of our own."""
        held = self._held
        if held and held.bound and self.block.bind == "transceiver":
            return held
        async with self._opening:
            if self._spare and self._spare.bound:
                return self._spare
            await self._end_spare()
            self._spare = await self._bound(BIND_TRANSMITTER)
            return self._spare

    async def _end_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare:
            await spare.close()

    async def _bound(self, command: int, receive: Receive | None = None) -> SmppSession:
        block = self.block
        timing = Timing(block.response_seconds, block.enquire_seconds, block.window)
        session = await SmppSession.connect(
            block.host,
            block.port,
            timing,
            tls=block.tls,
            receive=receive,
            answered=lambda pdu: self._repeats.note_answer(fingerprint(pdu)),
        )
        password = block.password.get_secret_value()
        ton, npi = block.source_ton, block.source_npi
        try:
            with _failures():
                await session.bind(
                    command, bind_body(block.system_id, password, block.system_type, ton, npi)
                )
        except BaseException:
            await session.close()
            raise
        return session

    def _submit_sm(self, to: str, parts: SplitText, number: int) -> bytes:
        """Write the body of one part; only the last asks for a receipt."""
        last = number == len(parts.payloads) - 1
        digits = to.removeprefix("+")
        pdu = smpp34.SubmitSm(
            self.block.number,
            digits,
            parts.payloads[number],
            source_addr_ton=self.block.source_ton,
            source_addr_npi=self.block.source_npi,
            dest_addr_ton=INTERNATIONAL if to.startswith("+") else UNKNOWN,
            dest_addr_npi=ISDN,
            esm_class=HAS_HEADER if parts.has_headers else 0,
            registered_delivery=self.block.registered_delivery if last else 0,
            data_coding=parts.data_coding,
        )
        return bytes(pdu.encode()[HEAD.size :])


CHANNEL = Smpp


def _deliver_sm(pdu: bytes) -> smpp34.DeliverSm:
    try:
        read = smpp34.decode(_as_deliver_sm(pdu))
    except smpp34.SmppError as error:
        raise Malformed(f"not a message of SMPP: {error}") from None
    if not isinstance(read, smpp34.DeliverSm):
        raise Malformed("neither a deliver_sm nor a data_sm")
    return read


def _as_deliver_sm(pdu: bytes) -> bytes:
    """Write a ``data_sm`` (4.7) as the ``deliver_sm`` that says the same: the codec has none."""
    if pdu[4 : HEAD.size - 8] != DATA_SM.to_bytes(4, "big"):
        return pdu
    found = _DATA_SM.fullmatch(pdu, HEAD.size)
    if found is None:
        raise Malformed("not a message of SMPP: a damaged data_sm")
    parties, esm_class, registered, coding, tlvs = found.groups()
    body = parties + esm_class + bytes(4) + registered + b"\0" + coding + bytes(2) + tlvs
    return HEAD.pack(HEAD.size + len(body), DELIVER_SM, 0, 1) + body


def _content(short: bytes, payload: bytes, data_coding: int) -> bytes:
    """Return what a message carries; a centre that fills in both ways says something in each."""
    if not short or not payload or short in payload or payload in short:
        return max(short, payload, key=len)
    return short + (b"\0\n" if coding_of(data_coding) == UCS2 else b"\n") + payload


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the statuses of a message centre into our errors; no number gets into their words."""
    try:
        yield
    except CommandFailed as error:
        status = error.status
        if status in FOR_GOOD:
            raise Refused(f"{FOR_GOOD[status]} ({error})") from None
        if status in SLOW_DOWN:
            raise Throttled(f"asked to wait ({error})", retry_after=SLOW_DOWN[status]) from None
        raise Unreachable(f"{MENDABLE.get(status, 'refused')} ({error})") from None
