"""E-mail: mail comes in by the shell's SMTP and LMTP servers and goes out by an SMTP relay.

The shell hands each mail over as ``SmtpReceiver`` says. ``parse_mail`` is a plain function of plain
values, for a worker process with a deadline.
Formats: RFC 5322, 2045-2047, 2231, 3464, 3676, 3834, 6532.
"""

import ssl
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal, Self

import aiosmtplib
from pydantic import Field, SecretStr, field_validator, model_validator

from adapters.contract import (
    ChannelError,
    ChannelSettings,
    Forged,
    Inbound,
    Outgoing,
    Receipt,
    Refused,
    Sender,
    SmtpReceiver,
    Throttled,
    UnknownOutcome,
    Unreachable,
    WebhookRequest,
)
from adapters.mail import compose, headers
from adapters.mail.message import parse_mail
from adapters.mail.quotes import REPLY_MARKER
from config import links

_THROTTLED = {421, 450, 452}
"""Reply codes by which a mail server asks for patience: shutting down, mailbox busy, no room."""
_RETRY_AFTER = 60.0


class MailBlock(ChannelSettings):
    """``[channels.NAME]`` of type ``mail``."""

    type: Literal["mail"] = "mail"
    address: str
    """Ours; answers go to ``local+TRACKING@domain``."""
    from_name: str = "Kanal Pengaduan"
    authserv_id: str | None = None
    """The mail server in front whose Authentication-Results header is believed."""
    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 25
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["none", "if_offered", "starttls", "implicit"] = "if_offered"
    """``starttls`` and ``implicit`` check the certificate; ``if_offered`` takes any."""
    smtp_ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    timeout: Annotated[float, Field(gt=0, le=300)] = 30.0

    @field_validator("address")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not headers.is_address(value) or not value.isascii() or "+" in value:
            raise ValueError("must be one plain address such as lapor@lapor.example, without '+'")
        return value.lower()

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.smtp_tls == "none" and not links.is_own(self.smtp_host):
            raise ValueError('smtp_tls = "none" is for this machine only: use starttls or implicit')
        return self


class Mail(SmtpReceiver, Sender):
    """The mail channel."""

    settings = MailBlock
    block: MailBlock
    parse_may_hang = True

    def verify(self, hook: WebhookRequest) -> None:
        """Refuse mail that did not come by our own SMTP server; SMTP itself proves no sender."""
        if not hook.url.startswith("smtp:"):
            raise Forged("mail is taken by SMTP only")

    @property
    def own(self) -> frozenset[str]:
        """Return our address."""
        return frozenset({self.block.address})

    def warnings(self) -> list[str]:
        """Say that senders are unproven, and that the relay is not."""
        said = []
        if self.block.authserv_id is None:
            said.append(
                "mail senders are UNPROVEN. Anybody can write in anybody's name; set authserv_id "
                "to the name your own mail server puts into Authentication-Results"
            )
        host = self.block.smtp_host
        if self.block.smtp_tls == "if_offered" and not links.is_own(host):
            said.append(
                f'smtp_tls = "if_offered" to {host} takes any certificate, or none: who is on the '
                "way can read the answers; set starttls or implicit"
            )
        return said

    def alert_fault(self, to: str) -> str:
        """Say that an acknowledgement by mail must come from its claimed sender."""
        if self.block.authserv_id is None:
            return (
                "anybody can acknowledge by mail in its name: set authserv_id of the channel first"
            )
        return ""

    def accepts(self, recipient: str) -> bool:
        """Tell whether a recipient is ours: our address, with or without a token, or postmaster.

        RFC 5321 (4.5.1) wants every server to take mail for postmaster.
        """
        local, _, domain = recipient.lower().rpartition("@")
        ours, _, home = self.block.address.rpartition("@")
        if (local or domain) == "postmaster":
            return not local or domain == home
        return domain == home and local.partition("+")[0] == ours

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read one mail, or the receipts of a bounce. Raises ``Malformed``."""
        return parse_mail(
            hook.body,
            channel=self.name,
            address=self.block.address,
            mail_from=hook.headers.get("x-mail-from", ""),
            rcpt_to=hook.headers.get("x-rcpt-to", "").split(","),
            authserv_id=self.block.authserv_id,
        )

    async def send(self, to: str, message: Outgoing) -> str:
        """Send a mail and return its Message-ID. Raises ``ChannelError``."""
        block, target = self.block, compose.recipient(to)
        raw = compose.compose(
            message,
            to=target,
            address=block.address,
            from_name=block.from_name,
            moment=datetime.now(UTC),
        )
        sender = compose.plus_address(block.address, message.tracking)
        client = self._client()
        try:
            with self.exchanges.note("SMTP", f"smtp://{block.smtp_host}"):
                await self._deliver(client, sender, target, raw)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _translated(error, handed_over=client.handed_over) from error
        return compose.id_of(message, block.address)

    async def _deliver(self, client: "_Client", sender: str, to: str, raw: bytes) -> None:
        options = [] if to.isascii() else ["SMTPUTF8"]
        async with client:
            if password := self.block.smtp_password:
                await client.login(self.block.smtp_username or "", password.get_secret_value())
            await client.sendmail(sender, [to], raw, mail_options=options)

    def _client(self) -> "_Client":
        block = self.block
        return _Client(
            hostname=block.smtp_host,
            port=block.smtp_port,
            timeout=block.timeout,
            use_tls=block.smtp_tls == "implicit",
            start_tls={"starttls": True, "if_offered": None}.get(block.smtp_tls, False),
            tls_context=_tls(block.smtp_tls != "if_offered", block.smtp_ca_file),
            local_hostname=block.address.rpartition("@")[2],
        )


CHANNEL = Mail


@cache  # reading the system's certificates takes longer than sending a mail
def _tls(checked: bool, ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if not checked:  # encrypts against listeners; whoever can forge could hide the offer anyway
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Client(aiosmtplib.SMTP):
    """An SMTP client that knows whether it began to hand a mail over."""

    handed_over = False

    async def data(self, *arguments: Any, **more: Any) -> Any:
        self.handed_over = True
        return await super().data(*arguments, **more)


def _translated(error: Exception, *, handed_over: bool) -> ChannelError:
    """Turn what the SMTP client raised into an error that says whether to try again.

    Addresses stay out of the message: it is logged.
    """
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPNotSupported) and "UTF8" in str(error).upper():
        return Refused("the mail server does not take this address (no SMTPUTF8)")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Unreachable("the mail server refused our login")  # our settings, not this message
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _by_code(error)
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return Refused("the recipient cannot be written in SMTP")
    said = f"the mail server did not answer ({type(error).__name__})"
    return UnknownOutcome(said) if handed_over else Unreachable(said)


def _by_code(error: aiosmtplib.SMTPResponseException) -> ChannelError:
    said = f"the mail server said {error.code}"
    if error.code in _THROTTLED:
        return Throttled(said, retry_after=_RETRY_AFTER)
    connecting = isinstance(error, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPHeloError)
    return Refused(said) if 500 <= error.code < 600 and not connecting else Unreachable(said)


__all__ = ["CHANNEL", "REPLY_MARKER", "Mail", "MailBlock", "parse_mail"]
