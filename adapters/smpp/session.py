"""One session with a message centre: framing, timers, windows and polite endings (SMPP 3.4).

Nothing is acknowledged before ``receive`` says so; that is why no ready-made client is used
(docs/decisions/0016).
"""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from adapters.contract import UnknownOutcome, Unreachable

HEAD = struct.Struct(">IIII")
LONGEST = 70_000
"""Octets of a message; ``message_payload`` alone may have 65,535."""
MOST_AT_ONCE = 200
"""Messages that may wait for their commit; the centre is asked to bring more of them later."""
POLITE = 3.0
"""Seconds that an ending may take."""
INTERFACE = 0x34

RESPONSE = 0x8000_0000
GENERIC_NACK = RESPONSE
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK, DATA_SM = 0x04, 0x05, 0x06, 0x15, 0x103
BRINGING = frozenset({DELIVER_SM, DATA_SM})
"""Both bring messages and receipts (4.6 and 4.7)."""
UNANSWERED = {0x0B, 0x102}
"""outbind and alert_notification: the protocol has no answer to them."""

OK, INVALID_LENGTH, INVALID_COMMAND, QUEUE_FULL, TRY_AGAIN = 0x00, 0x02, 0x03, 0x14, 0x64


@dataclass(frozen=True, slots=True)
class Pdu:
    """A protocol data unit: ``raw`` is all of it."""

    command: int
    status: int
    sequence: int
    raw: bytes

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.raw[HEAD.size :]


@dataclass(frozen=True, slots=True)
class Timing:
    """``response`` and ``enquire`` in seconds; ``window`` requests may be unanswered at once."""

    response: float = 10.0
    enquire: float = 30.0
    window: int = 10


Receive = Callable[[bytes], Awaitable[None]]
"""Takes a message; raises ``Unreachable`` when the centre must bring it again."""
Answered = Callable[[bytes], None]
"""Is told that the centre has read our answer to a message."""


class CommandFailed(Exception):
    """The centre refused a request; ``status`` is its reason."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status:#010x}")
        self.status = status


def pack_command(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """Put the header before a body."""
    return HEAD.pack(HEAD.size + len(body), command, status, sequence) + body


def bind_body(system_id: str, password: str, system_type: str, ton: int, npi: int) -> bytes:
    """Write the body of a bind (4.1)."""
    words = b"".join(word.encode("ascii", "replace") + b"\0" for word in (system_id, password))
    return words + system_type.encode("ascii", "replace") + bytes([0, INTERFACE, ton, npi, 0])


class SmppSession:
    """A connection that was made; ``bind`` before anything else, ``close`` at the end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        timing: Timing,
        receive: Receive | None = None,
        answered: Answered | None = None,
    ) -> None:
        self._reader, self._writer, self._timing = reader, writer, timing
        self._receive, self._answered = receive, answered
        self._sequence = 0
        self._unanswered: dict[int, asyncio.Future[Pdu]] = {}
        self._room = asyncio.Semaphore(timing.window)
        self._taking: set[asyncio.Task[None]] = set()
        self._unproven: list[bytes] = []
        """Messages that we answered, and do not know whether the centre has read it."""
        self._enquiring: asyncio.Task[None] | None = None
        self.bound = False
        self._reading = asyncio.create_task(self._read_for_ever(), name="read a message centre")

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        timing: Timing,
        *,
        tls: bool,
        receive: Receive | None = None,
        answered: Answered | None = None,
    ) -> Self:
        """Connect. Raises ``Unreachable``."""
        secured = ssl.create_default_context() if tls else None
        try:
            async with asyncio.timeout(timing.response):
                reader, writer = await asyncio.open_connection(host, port, ssl=secured)
        except (OSError, TimeoutError) as error:
            said = f"the message centre could not be reached: {type(error).__name__}"
            raise Unreachable(said) from None
        return cls(reader, writer, timing, receive, answered)

    async def bind(self, command: int, body: bytes) -> None:
        """Bind. Raises ``CommandFailed`` and ``Unreachable``."""
        await self.request(command, body)
        self.bound = True
        self._enquiring = asyncio.create_task(self._enquire_for_ever(), name="enquire")

    async def request(self, command: int, body: bytes = b"") -> Pdu:
        """Ask for something and return the answer. Raises ``CommandFailed`` and ``Unreachable``."""
        async with self._room:
            if self._reading.done():
                raise Unreachable("the session with the message centre has ended")
            answer = await self._asked(command, body)
        if answer.status != OK or answer.command == GENERIC_NACK:
            raise CommandFailed(answer.status)
        return answer

    async def ended(self) -> None:
        """Return never while the session stands. Raises ``Unreachable`` when it has ended."""
        await asyncio.shield(self._reading)

    async def close(self) -> None:
        """Answer what is being taken, unbind, and let go of the connection."""
        with contextlib.suppress(TimeoutError, Unreachable, CommandFailed):
            async with asyncio.timeout(POLITE):
                if self.bound and not self._reading.done():
                    if self._taking:
                        await asyncio.wait(self._taking)
                    await self.request(UNBIND)
        self._end()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(POLITE):
                await self._writer.wait_closed()

    async def _asked(self, command: int, body: bytes) -> Pdu:
        self._sequence = self._sequence % 0x7FFF_FFFF + 1
        number = self._sequence
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._unanswered[number] = answer
        try:
            async with asyncio.timeout(self._timing.response):
                self._writer.write(pack_command(command, OK, number, body))
                await self._writer.drain()
                return await answer
        except TimeoutError:
            raise UnknownOutcome("the message centre did not answer in time") from None
        except OSError as error:
            raise UnknownOutcome(f"the connection broke: {type(error).__name__}") from None
        finally:
            self._unanswered.pop(number, None)

    async def _read_for_ever(self) -> None:
        try:
            while True:
                self._meet(await self._next())
        except (OSError, asyncio.IncompleteReadError) as error:
            said = f"the message centre ended the connection: {type(error).__name__}"
            raise Unreachable(said) from None
        finally:
            self._end()

    async def _next(self) -> Pdu:
        head = await self._reader.readexactly(HEAD.size)
        length, command, status, sequence = HEAD.unpack(head)
        if not HEAD.size <= length <= LONGEST:
            self._say(GENERIC_NACK, INVALID_LENGTH, sequence)
            raise Unreachable("the message centre sent something of an impossible length")
        body = await self._reader.readexactly(length - HEAD.size)
        return Pdu(command, status, sequence, head + body)

    def _meet(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            if (asked := self._unanswered.get(pdu.sequence)) and not asked.done():
                asked.set_result(pdu)
        elif pdu.command in BRINGING and self._receive:
            self._begin_taking(pdu, self._receive)
        elif pdu.command == ENQUIRE_LINK:
            self._say(ENQUIRE_LINK | RESPONSE, OK, pdu.sequence)
        elif pdu.command == UNBIND:
            self._say(UNBIND | RESPONSE, OK, pdu.sequence)
            raise Unreachable("the message centre ended the session")
        elif pdu.command not in UNANSWERED:
            self._say(GENERIC_NACK, INVALID_COMMAND, pdu.sequence)

    def _begin_taking(self, pdu: Pdu, receive: Receive) -> None:
        if len(self._taking) >= MOST_AT_ONCE:
            self._say(pdu.command | RESPONSE, QUEUE_FULL, pdu.sequence, b"\0")
            return
        task = asyncio.create_task(self._take(pdu, receive), name="take a text message")
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, pdu: Pdu, receive: Receive) -> None:
        """Take one message and only then answer; whatever goes wrong, it is brought again."""
        try:
            await receive(pdu.raw)
        except Exception:
            self._say(pdu.command | RESPONSE, TRY_AGAIN, pdu.sequence, b"\0")
            return
        self._say(pdu.command | RESPONSE, OK, pdu.sequence, b"\0")
        self._unproven.append(pdu.raw)

    async def _enquire_for_ever(self) -> None:
        """Ask whether the centre is there; its answer proves that it read what we said before."""
        while True:
            await asyncio.sleep(self._timing.enquire)
            said, self._unproven = self._unproven, []
            try:
                await self._asked(ENQUIRE_LINK, b"")
            except Unreachable:
                self._writer.close()  # the reader sees it, and tells
                return
            for message in said:
                if self._answered:
                    self._answered(message)

    def _say(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(pack_command(command, status, sequence, body))

    def _end(self) -> None:
        self.bound = False
        if self._enquiring:
            self._enquiring.cancel()
        for answer in self._unanswered.values():
            if not answer.done():
                answer.set_exception(
                    UnknownOutcome("the session with the message centre has ended")
                )
        self._writer.close()
