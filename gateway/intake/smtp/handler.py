"""What each SMTP command is answered, and the handing over of a whole message."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from aiosmtpd.smtp import SMTP

from config import settings
from gateway.intake.load import Overload
from gateway.intake.smtp.replies import reply
from gateway.platform import correlation

RECIPIENT_LIMIT = 100

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


Admit = Callable[[], None]
"""Returns when there is room for a message. Raises ``Overload``."""


class TryLater(Exception):
    """The message could not be made durable; its sender is asked to keep it."""


class Speaker(Protocol):
    """What the handler must know of the connection that a message came by."""

    peer: str

    def restart_clock(self) -> None:
        """Give what comes now its own time."""


class SmtpHandler:
    """aiosmtpd's hooks. ``accepts`` says whether a recipient is ours.

    ``admit`` is asked before a message comes.
    """

    def __init__(
        self,
        settings: settings.MailServerSettings,
        take: Take,
        accepts: Callable[[str], bool],
        admit: Admit,
    ) -> None:
        self._settings, self._take = settings, take
        self._accepts, self._admit = accepts, admit
        self._takes: set[asyncio.Future[None]] = set()

    async def finish(self, grace: float) -> None:
        """Wait for the messages that are being made durable; give up the late ones."""
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
        try:
            self._admit()
        except Overload:
            return reply("overload")
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

    async def handle_DATA(self, server: Speaker, session: Any, envelope: Any) -> str:
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
                log.error("mail not stored, sender keeps it", error=place(error))
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


def place(error: BaseException) -> str:
    """Name an error by type and line; its message might quote a citizen."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {where}"
