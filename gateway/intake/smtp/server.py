"""The listening of the mail server: SMTP on a port, LMTP on a Unix socket."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config import settings
from gateway.intake.smtp.admission import Admission
from gateway.intake.smtp.handler import Admit, SmtpHandler, Take
from gateway.intake.smtp.session import LmtpSession, SmtpSession

CALL_LIMITS = {"*": 20, "MAIL": 200, "RCPT": 1_000, "DATA": 200, "RSET": 200, "NOOP": 100}
"""Calls of a command in one connection; a sender with more mail connects again."""


class SmtpServer:
    """SMTP on a port and, if set, LMTP on a Unix socket (mode 0660), in the running loop.

    ``accepts`` says whether a recipient is ours, ``admit`` whether there is room for one more
    message. ``timeout`` is in seconds: between two commands,
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
        admit: Admit = lambda: None,
        timeout: float = 300.0,
        longest: float = 3_600.0,
    ) -> None:
        self._settings = settings
        self._handler = SmtpHandler(settings, take, accepts, admit)
        self._admission = Admission(settings)
        self._longest = longest
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
        await self._admission.shut(grace)
        await self._handler.finish(grace)
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

    def _session(self, tls: ssl.SSLContext | None) -> SmtpSession:
        return SmtpSession(
            self._handler,
            self._admission,
            tls_context=tls,
            require_starttls=self._settings.require_tls,
            command_call_limit=CALL_LIMITS,
            **self._options("ESMTP"),
        )

    def _local_session(self) -> LmtpSession:
        return LmtpSession(self._handler, self._admission, **self._options("LMTP"))

    def _options(self, ident: str) -> dict[str, Any]:
        return {
            "longest": self._longest,
            "hostname": self._settings.hostname,
            "ident": ident,
            "data_size_limit": self._settings.max_bytes,
            "enable_SMTPUTF8": True,
            "timeout": self._timeout,
            "auth_exclude_mechanism": ["LOGIN", "PLAIN"],
            "loop": asyncio.get_running_loop(),
        }


def _unix_listener(path: Path) -> socket.socket:
    """Bind a Unix socket; a socket left behind by an earlier run is replaced."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        os.chmod(path, 0o660)  # before it listens: until then no peer can connect
    except OSError:
        listener.close()
        raise
    return listener
