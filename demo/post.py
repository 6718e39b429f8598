"""The demo's post office: sends citizens' mail over SMTP, and keeps what is mailed to them."""

import asyncio
import email
import email.policy
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Self

from config.settings import MailServerSettings as Settings
from gateway.intake.smtp.handler import Envelope
from gateway.intake.smtp.server import SmtpServer
from gateway.platform.clock import wall


class PostOffice:
    """A mail server for citizens' mailboxes on a free loopback port; use as ``async with``."""

    def __init__(self, settings: Settings) -> None:
        local = {"host": "127.0.0.1", "port": 0, "lmtp_socket": "", "require_tls": False}
        self._server = SmtpServer(
            settings.model_copy(update=local), self._keep, accepts=lambda _: True
        )
        self.kept: list[tuple[str, EmailMessage]] = []
        """(recipient, mail), oldest first."""
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(grace=0)

    @property
    def port(self) -> int:
        """The port the server listens on."""
        return self._server.port

    async def wait_for(
        self, fits: Callable[[str, EmailMessage], bool], within: float = 15.0
    ) -> EmailMessage:
        """Return the first mail that fits, as soon as it is there. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            while True:
                for to, mail in self.kept:
                    if fits(to, mail):
                        return mail
                await self._news.wait()

    async def _keep(self, envelope: Envelope) -> None:
        mail = email.message_from_bytes(envelope.data, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        async with self._news:
            self.kept += [(to, mail) for to in envelope.rcpt_to]
            self._news.notify_all()


def written(sender: str, to: str, subject: str, text: str) -> EmailMessage:
    """Write a mail as a citizen's program would."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Date"] = format_datetime(wall())
    mail.set_content(text)
    return mail


def send(mail: EmailMessage, port: int, *, to: str | None = None) -> int:
    """Send a mail by SMTP to a loopback port; return the server's last code."""
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        try:
            client.send_message(mail, to_addrs=[to] if to else None)
        except smtplib.SMTPRecipientsRefused as error:
            return next(iter(error.recipients.values()))[0]
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
    return 250
