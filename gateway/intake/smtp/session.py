"""One connection of the mail server, over SMTP or LMTP."""

import asyncio
import contextlib
import ipaddress
from collections import defaultdict
from typing import Any, cast

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, TLSSetupException, syntax

from gateway.intake.smtp.admission import Admission
from gateway.intake.smtp.handler import SmtpHandler, place
from gateway.intake.smtp.replies import reply, reword

COMMAND_LIMIT = 2_048
UNASKED_LIMIT = 524_288
"""Octets that may come between two replies outside of a message."""
FLUSH_SECONDS = 5.0
"""How long a closed connection may take to read our last words, before it is cut."""
UNPARSABLE = (ValueError, LookupError, RecursionError)
"""What the address parser under aiosmtpd raises on nonsense, besides what it should."""

log = structlog.get_logger(__name__)


class SmtpSession(SMTP):
    """One connection."""

    def __init__(
        self, handler: SmtpHandler, admission: Admission, longest: float, **options: Any
    ) -> None:
        # aiosmtpd keeps this in the class and clears it at every new connection.
        self.command_size_limits = defaultdict(lambda: COMMAND_LIMIT)
        self.receiving = False
        self.peer = ""
        self.network = ""
        self._admission = admission
        self._longest = longest
        self._refusal = ""
        self._arrived = 0
        self._spent = False
        self._end: asyncio.TimerHandle | None = None
        # A line of a message may be as long as the message: to a program that ends its lines with
        # LF alone, all of it is one. Only CR LF ends a line, so that nothing can be smuggled in.
        self.line_length_limit = max(options["data_size_limit"], 2 * COMMAND_LIMIT)
        super().__init__(handler, **options)

    @property
    def running(self) -> asyncio.Task[None] | None:
        """The task that holds the dialogue."""
        return self._handler_coroutine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called a second time when TLS has been set up."""
        if self._original_transport is None:
            self.peer, self.network = _peer(transport)
            self._refusal = self._admission.admit(self)
            self._end = self.loop.call_later(self._longest, self._spend)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._admission.leave(self)
        if self._end:
            self._end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Read on, but not without end: aiosmtpd would hold a line without end in memory."""
        self._arrived += len(data)
        most = 2 * (self.data_size_limit or 0) if self.receiving else 0
        if self._arrived > most + UNASKED_LIMIT:
            self.dismiss(reply("too_big"))
        else:
            super().data_received(data)

    def dismiss(self, reply: str) -> None:
        """Say a last word and hang up."""
        if self.transport is not None:
            # What a transport is an instance of differs from loop to loop; what it does, does not.
            cast(asyncio.WriteTransport, self.transport).write(f"{reply}\r\n".encode())
            self._hang_up()

    def cut(self) -> None:
        """Drop the connection without waiting for the other side."""
        transport = self._original_transport or self.transport
        if transport is not None:
            cast(asyncio.WriteTransport, transport).abort()

    def restart_clock(self) -> None:
        """Give what comes now its own time."""
        self._reset_timeout()

    async def push(self, status: Any) -> None:
        """Reply."""
        await super().push(reword(status))

    async def handle_exception(self, error: Exception) -> str:
        """Answer a fault of ours or a command that cannot be parsed, without its details."""
        if isinstance(error, UNPARSABLE):
            return reply("unreadable")
        if not isinstance(error, TLSSetupException):
            log.error("mail session failed", error=place(error))
            self.loop.call_soon(self._hang_up)
        return reply("failed")

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        """Receive a message."""
        self.receiving = True
        try:
            await super().smtp_DATA(arg)
        finally:
            self.receiving = False
        if self._admission.closing:
            self.dismiss(reply("closing"))
        elif self._spent:
            self.dismiss(reply("spent"))

    async def smtp_AUTH(self, arg: str) -> None:
        """Refuse: there is no login here."""
        await self.push(reply("no_auth"))

    async def _handle_client(self) -> None:
        if self._refusal:
            self.dismiss(self._refusal)
            return
        try:
            with contextlib.suppress(ConnectionError):
                await super()._handle_client()
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        # Without the cut, a peer that never reads would keep its place.
        if self.transport is not None:
            self.transport.close()
            self.loop.call_later(FLUSH_SECONDS, self.cut)

    def _reset_timeout(self, duration: float | None = None) -> None:
        self._arrived = 0
        super()._reset_timeout(duration)

    def _timeout_cb(self) -> None:
        self.dismiss(reply("idle"))

    def _spend(self) -> None:
        self._spent = True
        if not self.receiving:
            self.dismiss(reply("spent"))


class LmtpSession(SmtpSession, LMTP):
    """One connection on the Unix socket: after a message, one reply for each recipient."""

    _replies = 1

    async def smtp_DATA(self, arg: str) -> None:
        """Receive a message."""
        await super().smtp_DATA(arg)
        self._replies = 1

    async def push(self, status: Any) -> None:
        """Reply as often as is due."""
        said = reword(status)
        await super().push("\r\n".join([said] * self._replies))
        if said.startswith("354") and self.envelope is not None:
            self._replies = len(self.envelope.rcpt_tos)


def _peer(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """Return the address and what it counts under: IPv6 users own a /64 each; Unix: empty."""
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple):
        return "", ""
    address = ipaddress.ip_address(str(name[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = 64 if address.version == 6 else 32
    return str(address), str(ipaddress.ip_network((int(address), bits), strict=False))
