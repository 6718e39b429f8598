"""An operator's message centre for the demo and the tests: a local double that speaks SMPP 3.4.

It takes binds, carries what is submitted to phones, and brings what citizens write, long texts in
parts, again and again until they are acknowledged. Messages go through the codec of ``smpp34``; the
rest is its own, none of it shared with the channel. Listens on loopback only.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import randbelow, token_hex
from typing import Any, Self

import smpp34

from adapters.sms import coding
from config.settings import Settings
from demo.door import Door
from demo.samples import SMPP
from gateway.process import Ports

HEAD = struct.Struct(">IIII")
RESPONSE = 0x8000_0000
BINDS = {0x01: "receiver", 0x02: "transmitter", 0x09: "transceiver"}
SUBMIT_SM, UNBIND, ENQUIRE_LINK, DELIVER_SM = 0x04, 0x06, 0x15, 0x05
OK, NOT_BOUND, BAD_PASSWORD, UNANSWERED = 0x00, 0x04, 0x0E, -1
UNITS = 67
"""Units of UCS-2 in one part."""


@dataclass(frozen=True, slots=True)
class Sms:
    """What a phone was shown."""

    to: str
    text: str


@dataclass(slots=True)
class Esme:
    """One connection of a customer of the centre."""

    writer: asyncio.StreamWriter
    bound: str = ""
    asked: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    sequence: int = 0

    def say(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        if not self.writer.is_closing():
            self.writer.write(HEAD.pack(HEAD.size + len(body), command, status, sequence) + body)

    async def ask(self, command: int, body: bytes = b"", within: float = 15.0) -> int:
        """Ask and return the status of the answer; ``UNANSWERED`` when the connection ended."""
        self.sequence += 1
        number = self.sequence
        self.asked[number] = asyncio.get_running_loop().create_future()
        self.say(command, OK, number, body)
        try:
            async with asyncio.timeout(within):
                return await self.asked[number]
        except TimeoutError:
            return UNANSWERED
        finally:
            self.asked.pop(number, None)


class MessageCenter:
    """Use as ``async with``; then ``port`` is where it listens."""

    def __init__(
        self, system_id: str, password: str, number: str, *, receipts: bool = True
    ) -> None:
        self.system_id, self.password, self.number = system_id, password, number
        self.receipts = receipts
        """Tell what became of a message, where that was asked for."""
        self.port = 0
        self.carried: list[Sms] = []
        """Whole messages to phones, oldest first."""
        self.submitted: list[smpp34.SubmitSm] = []
        """What was taken, part by part."""
        self.statuses: list[int] = []
        """What the next submits are answered with (``UNANSWERED``: not at all); then ``OK``."""
        self.silent = False
        """Nothing is answered any more."""
        self.secured: ssl.SSLContext | None = None
        self.binds: list[str] = []
        """What was bound, oldest first."""
        self.heard: list[int] = []
        """The commands that came, oldest first."""
        self._esmes: list[Esme] = []
        self._parts: dict[tuple[str, int], dict[int, tuple[bytes, int]]] = {}
        self._telling: set[asyncio.Task[Any]] = set()
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.secured)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self.drop()
        await self._server.wait_closed()

    async def wait_for(self, fits: Callable[..., bool], within: float = 30.0) -> None:
        """Return as soon as something is so. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(fits)

    async def until_bound(self, within: float = 30.0) -> None:
        """Return as soon as somebody can be brought messages. Raises ``TimeoutError``."""
        await self.wait_for(lambda: self._receiver() is not None, within)

    def parts(self, text: str, reference: int | None = None) -> list[bytes]:
        """Write a text as the payloads of its parts, in UCS-2 with a header each."""
        units = text.encode("utf-16-be")
        bodies = [units[at : at + 2 * UNITS] for at in range(0, len(units), 2 * UNITS)]
        mark = randbelow(256) if reference is None else reference
        total = len(bodies)
        return [bytes([5, 0, 3, mark, total, n]) + body for n, body in enumerate(bodies, 1)]

    def message(self, who: str, text: str) -> bytes:
        """Write a short text as the body of a ``deliver_sm``."""
        return self.body(who, text.encode("utf-16-be"))

    def body(self, who: str, payload: bytes, **fields: Any) -> bytes:
        """Write the body of a ``deliver_sm``; UCS-2 unless ``fields`` say otherwise."""
        values = {"source_addr_ton": 1, "source_addr_npi": 1, "data_coding": 8} | fields
        pdu = smpp34.DeliverSm(who.removeprefix("+"), self.number, payload, **values)
        return pdu.encode()[HEAD.size :]

    async def text(self, who: str, text: str) -> int:
        """Let a citizen write; a long text comes in parts, the last one first."""
        if len(text) <= 70:
            return await self.bring(self.message(who, text))
        bodies = [self.body(who, part, esm_class=0x40) for part in self.parts(text)]
        return max([await self.bring(body) for body in reversed(bodies)])

    async def bring(self, body: bytes, *, again: bool = True, within: float = 15.0) -> int:
        """Bring one ``deliver_sm`` until it is acknowledged (or once); returns the last status."""
        status = UNANSWERED
        async with asyncio.timeout(60):
            while True:
                await self.until_bound(60)
                esme = self._receiver()
                if esme is not None:
                    status = await esme.ask(DELIVER_SM, body, within)
                if status == OK or not again:
                    return status

    async def enquire(self) -> int:
        """Ask whether the customer is there."""
        esme = self._receiver()
        return await esme.ask(ENQUIRE_LINK) if esme else UNANSWERED

    async def receipt(self, id: str, word: str = "DELIVRD", error: str = "000") -> int:
        """Tell what became of a message."""
        words = f"id:{id} sub:001 dlvrd:001 stat:{word} err:{error} text:"
        body = self.body("628110", words.encode(), esm_class=0x04, data_coding=0)
        return await self.bring(body)

    async def drop(self) -> None:
        """Let every connection break."""
        for esme in self._esmes:
            esme.writer.transport.abort()
        async with self._news:
            await self._news.wait_for(lambda: not self._esmes)

    def _receiver(self) -> Esme | None:
        able = ("transceiver", "receiver")
        return next((esme for esme in reversed(self._esmes) if esme.bound in able), None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        esme = Esme(writer)
        self._esmes.append(esme)
        try:
            while not writer.is_closing():
                head = await reader.readexactly(HEAD.size)
                length, command, status, sequence = HEAD.unpack(head)
                pdu = head + await reader.readexactly(length - HEAD.size)
                await self._meet(esme, command, status, sequence, pdu)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._esmes.remove(esme)
            for asked in esme.asked.values():
                if not asked.done():
                    asked.set_result(UNANSWERED)
            writer.close()
            async with self._news:
                self._news.notify_all()

    async def _meet(self, esme: Esme, command: int, status: int, sequence: int, pdu: bytes) -> None:
        self.heard.append(command)
        if self.silent:
            pass
        elif command & RESPONSE:
            if (asked := esme.asked.get(sequence)) and not asked.done():
                asked.set_result(status)
        elif command in BINDS:
            self._bind(esme, command, sequence, pdu[HEAD.size :])
        elif command == SUBMIT_SM:
            self._submit(esme, sequence, pdu)
        else:
            esme.say(command | RESPONSE, OK, sequence)
            if command == UNBIND:
                esme.writer.close()
        async with self._news:
            self._news.notify_all()

    def _bind(self, esme: Esme, command: int, sequence: int, body: bytes) -> None:
        known = body.split(b"\0")[:2] == [self.system_id.encode(), self.password.encode()]
        status = OK if known else BAD_PASSWORD
        esme.say(command | RESPONSE, status, sequence, b"DOUBLE\0" if known else b"")
        if known:
            esme.bound = BINDS[command]
            self.binds.append(esme.bound)

    def _submit(self, esme: Esme, sequence: int, raw: bytes) -> None:
        status = self.statuses.pop(0) if self.statuses else OK
        if esme.bound not in ("transceiver", "transmitter"):
            status = NOT_BOUND
        if status == UNANSWERED:
            return
        id = token_hex(6)
        esme.say(SUBMIT_SM | RESPONSE, status, sequence, b"" if status else id.encode() + b"\0")
        if status != OK:
            return
        pdu = smpp34.decode(raw)
        assert isinstance(pdu, smpp34.SubmitSm)
        self.submitted.append(pdu)
        self._carry(pdu)
        if self.receipts and pdu.registered_delivery & 1:
            task = asyncio.create_task(self.receipt(id))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def _carry(self, pdu: smpp34.SubmitSm) -> None:
        to = f"+{pdu.destination_addr}" if pdu.dest_addr_ton == 1 else pdu.destination_addr
        total, number, mark, content = 1, 1, 0, pdu.short_message
        if pdu.esm_class & 0x40:
            mark, total, number, content = content[3], content[4], content[5], content[6:]
        parts = self._parts.setdefault((to, mark), {})
        parts[number] = content, pdu.data_coding
        if len(parts) == total:
            payloads = [parts[n][0] for n in sorted(parts)]
            whole = coding.read_parts(payloads, pdu.data_coding, "gsm")
            self.carried.append(Sms(to, whole.text))
            del self._parts[to, mark]


class SmppDoor(Door):
    """A message centre that brings text messages over a connection of our own."""

    channel, name, by, ok = SMPP, "SMPP", "a bound connection", OK

    def __init__(self) -> None:
        self.company: MessageCenter = MessageCenter("lapor", token_hex(4), "1708")

    def block(self) -> dict[str, Any]:
        return {
            "type": "smpp",
            "host": "127.0.0.1",
            "port": self.company.port,
            "system_id": self.company.system_id,
            "password": self.company.password,
            "number": self.company.number,
            "sends_per_second": 100,
        }

    async def opened(self, settings: Settings, ports: Ports) -> None:
        await super().opened(settings, ports)
        await self.company.until_bound(30)

    def citizen(self, number: int) -> str:
        return f"+62812{number:07d}"

    async def say(self, who: str, text: str, subject: str) -> int:
        return await self.company.text(who, text)

    def heard(self, who: str) -> list[str]:
        return [sms.text for sms in self.company.carried if sms.to == who]
