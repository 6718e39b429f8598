"""The mail door: an SMTP server and an LMTP socket that hand over each message once it is whole.

A message gets its 250 only after ``Take`` has returned, which it does after the durable commit.
Everything else is a refusal in SMTP's own words: 4xx lets the sender's server keep the message
and try again, 5xx makes it tell the sender. The dialogue is aiosmtpd's; what it leaves open (caps,
endless lines, peers that never read, replies per recipient) is closed here.

Sources: RFC 5321 (SMTP), 2033 (LMTP), 2920 (PIPELINING), 3207 (STARTTLS), 3463 (codes),
6531 (SMTPUTF8).
"""

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
import ssl
import stat
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, TLSSetupException, syntax

from config import settings
from config.words import LANGUAGES, words
from gateway.platform import correlation

LINE_LIMIT = 131_072
"""Octets. The standard says 1,000, but web mailers send whole HTML pages as one line."""
COMMAND_LIMIT = 2_048
RECIPIENT_LIMIT = 100
CALL_LIMITS = {"*": 20, "MAIL": 200, "RCPT": 1_000, "DATA": 200, "RSET": 200, "NOOP": 100}
"""Calls of a command in one connection; a sender with more mail connects again."""
FLUSH_SECONDS = 5.0
"""How long a closed connection may take to read our last words, before it is cut."""

CODES: Mapping[str, str] = {
    "taken": "250 2.0.0",
    "try_later": "451 4.3.0",
    "too_big": "552 5.3.4",
    "not_ours": "550 5.1.1",
    "malformed": "501 5.1.3",
    "unreadable": "501 5.5.2",
    "many_recipients": "452 4.5.3",
    "no_auth": "502 5.5.1",
    "failed": "421 4.3.0",
    "idle": "421 4.4.2",
    "spent": "421 4.4.2",
    "busy_with_you": "421 4.7.0",
    "busy": "421 4.7.0",
    "closing": "421 4.3.2",
    "long_line": "554 5.6.0",
    "starttls": "530 5.7.0",
}
"""Code and enhanced code of every reply; ``config/errors`` has the words."""
REWORDED = {
    "500 Line too long (see RFC5321 4.5.3.1.6)": "long_line",
    "530 Must issue a STARTTLS command first": "starttls",
    "552 Error: Too much mail data": "too_big",
    "552 Error: message size exceeds fixed maximum message size": "too_big",
}
"""aiosmtpd's replies that lack the code a sender's server needs to explain the bounce."""

UNPARSABLE = (ValueError, LookupError, RecursionError)
"""What the address parser under aiosmtpd raises on nonsense, besides what it should."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One whole message and how it came. ``mail_from`` is empty for bounces."""

    peer: str
    """The IP address of the other side; empty on the Unix socket."""
    mail_from: str
    rcpt_to: tuple[str, ...]
    data: bytes


Take = Callable[[Envelope], Awaitable[None]]
"""Make a message durable, then return. Raises ``TryLater``. It is not cancelled when the sender
hangs up, so it may see a message again that it already has."""


def reply(name: str) -> str:
    """Return a reply: its code, then what it says in both languages."""
    said = (words("errors").say(f"smtp.{name}", language) for language in LANGUAGES)
    return f"{CODES[name]} {' / '.join(said)}"


class TryLater(Exception):
    """The message could not be made durable; its sender is asked to keep it."""


class SmtpServer:
    """SMTP on a port and, if set, LMTP on a Unix socket (mode 0660), in the running loop.

    ``accepts`` says whether a recipient is ours. ``timeout`` is in seconds: between two commands,
    and for the whole of one message; ``longest`` is for a whole connection, except that a message
    under way may end. Raises ``ValueError`` when TLS is required without a
    certificate, ``OSError`` and ``ssl.SSLError`` from ``start``.
    """

    def __init__(
        self,
        settings: settings.MailServerSettings,
        take: Take,
        *,
        accepts: Callable[[str], bool],
        timeout: float = 300.0,
        longest: float = 3_600.0,
    ) -> None:
        self._settings = settings
        self._door = _Door(settings, take, accepts, longest)
        self._timeout = timeout
        self._servers: list[asyncio.Server] = []
        certified = bool(settings.tls_certificate and settings.tls_key)
        if settings.require_tls and not certified:
            raise ValueError("mail_server.require_tls needs tls_certificate and tls_key")

    @property
    def port(self) -> int:
        """The TCP port that is listened on, once started."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen."""
        # aiosmtpd logs addresses and message lines below this level.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        try:
            await self._listen()
        except BaseException:
            await self.stop(grace=0)
            raise

    async def stop(self, grace: float = 10.0) -> None:
        """Stop listening; messages under way get ``grace`` seconds, idle senders a 421 at once."""
        for server in self._servers:
            server.close()
        await self._door.shut(grace)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _listen(self) -> None:
        loop, set_to = asyncio.get_running_loop(), self._settings
        tls = self._tls()
        self._servers.append(
            await loop.create_server(lambda: self._session(tls), set_to.host, set_to.port)
        )
        if set_to.lmtp_socket:
            listener = _unix_listener(Path(set_to.lmtp_socket))
            self._servers.append(await loop.create_unix_server(self._local_session, sock=listener))

    def _tls(self) -> ssl.SSLContext | None:
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        if not (certificate and key):
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context

    def _session(self, tls: ssl.SSLContext | None) -> "_Session":
        return _Session(
            self._door,
            tls_context=tls,
            require_starttls=self._settings.require_tls,
            command_call_limit=CALL_LIMITS,
            **self._options("ESMTP"),
        )

    def _local_session(self) -> "_LocalSession":
        return _LocalSession(self._door, **self._options("LMTP"))

    def _options(self, ident: str) -> dict[str, Any]:
        return {
            "hostname": self._settings.hostname,
            "ident": ident,
            "data_size_limit": self._settings.max_bytes,
            "enable_SMTPUTF8": True,
            "timeout": self._timeout,
            "auth_exclude_mechanism": ["LOGIN", "PLAIN"],
            "loop": asyncio.get_running_loop(),
        }


class _Door:
    """Who is connected, and aiosmtpd's hooks: what each command is answered."""

    def __init__(
        self,
        settings: settings.MailServerSettings,
        take: Take,
        accepts: Callable[[str], bool],
        longest: float,
    ) -> None:
        self._settings, self._take, self._accepts = settings, take, accepts
        self.longest = longest
        self._sessions: set[_Session] = set()
        self._takes: set[asyncio.Future[None]] = set()
        self.closing = False

    def admit(self, session: "_Session") -> str:
        """Count a connection in, or return the refusal."""
        if self.closing:
            return reply("closing")
        if len(self._sessions) >= self._settings.max_connections:
            return reply("busy")
        near = sum(session.network == other.network for other in self._sessions)
        if session.network and near >= self._settings.max_connections_per_peer:
            return reply("busy_with_you")
        self._sessions.add(session)
        return ""

    def leave(self, session: "_Session") -> None:
        """Count a connection out; twice does no harm."""
        self._sessions.discard(session)

    async def shut(self, grace: float) -> None:
        """Send the idle away, wait for the busy, cut off whoever is left."""
        self.closing = True
        for session in list(self._sessions):
            if not session.receiving:
                session.dismiss(reply("closing"))
        if running := [s.running for s in self._sessions if s.running]:
            await asyncio.wait(running, timeout=grace)
        for session in list(self._sessions):
            session.cut()
        if self._takes:
            _, late = await asyncio.wait(self._takes, timeout=grace)
            for take in late:
                take.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def handle_HELO(self, server: SMTP, session: Any, envelope: Any, name: str) -> str:
        if not name.isprintable():
            return reply("unreadable")
        session.host_name = name
        return f"250 {self._settings.hostname}"

    async def handle_EHLO(
        self, server: SMTP, session: Any, envelope: Any, name: str, replies: list[str]
    ) -> list[str]:
        if not name.isprintable():
            return [reply("unreadable")]
        session.host_name = name
        offers = [reply for reply in replies[1:] if not reply.startswith("250-AUTH")]
        return [replies[0], "250-PIPELINING", *offers]

    async def handle_MAIL(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not address.isprintable():
            return reply("malformed")
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not address.isprintable():
            return reply("malformed")
        if len(envelope.rcpt_tos) >= RECIPIENT_LIMIT:
            return reply("many_recipients")
        if not self._accepts(address):
            return reply("not_ours")
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: "_Session", session: Any, envelope: Any) -> str:
        server.restart_clock()
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from
        recipients = tuple(dict.fromkeys(envelope.rcpt_tos))
        whole = Envelope(server.peer, sender, recipients, envelope.content)
        with correlation.request(id := correlation.new()):
            try:
                await self._hand_over(whole)
            except TryLater:
                log.warning("mail not stored, sender keeps it")
                return f"{reply('try_later')} ({id})"
            except Exception as error:
                log.error("mail not stored, sender keeps it", error=_place(error))
                return f"{reply('try_later')} ({id})"
        return reply("taken")

    async def _hand_over(self, envelope: Envelope) -> None:
        # Shielded: a sender who hangs up must not break a commit half-way. Counted, because
        # senders who send and hang up at once are no longer held back by the connection caps.
        if len(self._takes) >= self._settings.max_connections:
            raise TryLater
        take = asyncio.ensure_future(self._take(envelope))
        self._takes.add(take)
        take.add_done_callback(self._takes.discard)
        await asyncio.shield(take)


class _Session(SMTP):
    """One connection."""

    line_length_limit = LINE_LIMIT

    def __init__(self, door: _Door, **options: Any) -> None:
        # aiosmtpd keeps this in the class and clears it at every new connection.
        self.command_size_limits = defaultdict(lambda: COMMAND_LIMIT)
        self.receiving = False
        self.peer = ""
        self.network = ""
        self._door = door
        self._refusal = ""
        self._arrived = 0
        self._spent = False
        self._end: asyncio.TimerHandle | None = None
        super().__init__(door, **options)

    @property
    def running(self) -> asyncio.Task[None] | None:
        """The task that holds the dialogue."""
        return self._handler_coroutine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called a second time when TLS has been set up."""
        if self._original_transport is None:
            self.peer, self.network = _peer(transport)
            self._refusal = self._door.admit(self)
            self._end = self.loop.call_later(self._door.longest, self._spend)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._door.leave(self)
        if self._end:
            self._end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Read on, but not for ever: aiosmtpd would hold a line without end in memory."""
        self._arrived += len(data)
        if self._arrived > 2 * (self.data_size_limit or 0) + 4 * LINE_LIMIT:
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
        await super().push(_reworded(status))

    async def handle_exception(self, error: Exception) -> str:
        """Answer a fault of ours or a command that cannot be parsed, without its details."""
        if isinstance(error, UNPARSABLE):
            return reply("unreadable")
        if not isinstance(error, TLSSetupException):
            log.error("mail session failed", error=_place(error))
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
        if self._door.closing:
            self.dismiss(reply("closing"))
        elif self._spent:
            self.dismiss(reply("spent"))

    async def smtp_AUTH(self, arg: str) -> None:
        """Refuse: nobody logs in here."""
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
        # Without the cut, a peer that never reads would keep its place for ever.
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


class _LocalSession(_Session, LMTP):
    """One connection on the Unix socket: after a message, one reply for each recipient."""

    _replies = 1

    async def smtp_DATA(self, arg: str) -> None:
        """Receive a message."""
        await super().smtp_DATA(arg)
        self._replies = 1

    async def push(self, status: Any) -> None:
        """Reply as often as is due."""
        said = _reworded(status)
        await super().push("\r\n".join([said] * self._replies))
        if said.startswith("354") and self.envelope is not None:
            self._replies = len(self.envelope.rcpt_tos)


def _reworded(status: Any) -> Any:
    return reply(REWORDED[status]) if status in REWORDED else status


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


def _unix_listener(path: Path) -> socket.socket:
    """Bind a Unix socket; a socket left behind by an earlier run is replaced."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        os.chmod(path, 0o660)  # before it listens: until then nobody can connect
    except OSError:
        listener.close()
        raise
    return listener


def _place(error: BaseException) -> str:
    """Name an error by type and line; its message might quote a citizen."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {where}"


__all__ = ["Envelope", "SmtpServer", "Take", "TryLater"]
