"""The mail door, met by real clients: smtplib, swaks, and a raw dialogue for the rude ones."""

import asyncio
import contextlib
import datetime
import io
import json
import logging
import os
import shutil
import smtplib
import socket
import ssl
import stat
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from config import settings
from gateway.intake.load import Overload
from gateway.intake.smtp import server as smtp_server
from gateway.intake.smtp import session
from gateway.intake.smtp.handler import Envelope, TryLater
from gateway.intake.smtp.replies import reply
from gateway.intake.smtp.server import SmtpServer

OURS = "lapor@kanal.test"
MAIL = b"Subject: lampu mati\r\n\r\nLampu jalan mati di depan pasar.\r\n"


@dataclass
class Mailbox:
    """Stands for the durable store: keeps what it is given, or fails as told."""

    mails: list[Envelope] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, envelope: Envelope) -> None:
        self.entered.set()
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        self.mails.append(envelope)


def accepts(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return local.partition("+")[0] in {"lapor", "pengaduan", "wargä"} and domain == "kanal.test"


def mail_settings(**changes: Any) -> settings.MailServerSettings:
    values = settings.load().mail_server.model_dump()
    return settings.MailServerSettings(
        **values | {"port": 0, "hostname": "mx.kanal.test"} | changes
    )


Opened = Callable[..., Awaitable[SmtpServer]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def opened(mailbox: Mailbox) -> AsyncIterator[Opened]:
    """Start servers with changed settings; stop them at the end."""
    servers: list[SmtpServer] = []

    async def start(
        *,
        patience: float = 20.0,
        longest: float = 600.0,
        admit: Callable[[], None] = lambda: None,
        **changes: Any,
    ) -> SmtpServer:
        server = SmtpServer(
            mail_settings(**changes),
            mailbox.take,
            accepts=accepts,
            admit=admit,
            timeout=patience,
            longest=longest,
        )
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop(grace=1)


@dataclass(frozen=True)
class Certificate:
    certificate: str
    key: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for localhost, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    hosts: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(IPv4Address("127.0.0.1")),
    ]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(str(folder / "cert.pem"), str(folder / "key.pem"))


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.certificate)


def tls(certificate: Certificate) -> dict[str, str]:
    return {"tls_certificate": certificate.certificate, "tls_key": certificate.key}


class Dialogue:
    """A client that says exactly the bytes it is told to say."""

    all: ClassVar[list["Dialogue"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.all.append(self)

    @classmethod
    async def open(cls, server: SmtpServer) -> "Dialogue":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    @classmethod
    async def greeted(cls, server: SmtpServer) -> "Dialogue":
        self = await cls.open(server)
        await self.reply()
        await self.say(b"EHLO client.test\r\n")
        return self

    @classmethod
    async def ready_for_data(cls, server: SmtpServer) -> "Dialogue":
        self = await cls.greeted(server)
        for line in (b"MAIL FROM:<w@warga.test>", f"RCPT TO:<{OURS}>".encode(), b"DATA"):
            await self.say(line + b"\r\n")
        return self

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def reply(self) -> str:
        """Return one reply, all its lines; empty when the server has hung up."""
        lines = []
        async with asyncio.timeout(30):
            while line := (await self._reader.readline()).decode().rstrip("\r\n"):
                lines.append(line)
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def say(self, data: bytes) -> str:
        self.send(data)
        return await self.reply()

    async def rest(self) -> bytes:
        """Return all until the server hangs up."""
        async with asyncio.timeout(30):
            return await self._reader.read()

    def send_eof(self) -> None:
        self._writer.write_eof()

    async def pour(self, data: bytes) -> None:
        """Send the same for ever, without reading. Raises ``ConnectionError`` when cut off."""
        while True:
            self._writer.write(data)
            await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


@pytest.fixture(autouse=True)
async def closed_dialogues() -> AsyncIterator[None]:
    yield
    for dialogue in Dialogue.all:
        await dialogue.close()
    Dialogue.all.clear()


def send(port: int, *, to: str = OURS, mail: bytes = MAIL, **options: Any) -> Any:
    """Send one mail with smtplib; return what it returns, raise what it raises."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        return client.sendmail("warga@warga.test", [to], mail, **options)


# --- taking mail ------------------------------------------------------------------------------


async def test_a_mail_arrives_as_it_was_sent(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened()
    mail = MAIL + b".starts with a dot\r\n..\r\n\xff\xfe raw bytes\r\n"
    assert await asyncio.to_thread(send, server.port, mail=mail) == {}
    assert mailbox.mails == [Envelope("127.0.0.1", "warga@warga.test", (OURS,), mail)]


async def test_the_greeting_names_host_but_no_software(opened: Opened) -> None:
    client = await Dialogue.open(await opened())
    assert await client.reply() == "220 mx.kanal.test ESMTP"


async def test_what_is_offered(opened: Opened) -> None:
    client = await Dialogue.open(await opened(max_bytes=5000))
    await client.reply()
    offers = await client.say(b"EHLO client.test\r\n")
    assert {line[4:] for line in offers.split("\n")} == {
        "mx.kanal.test", "PIPELINING", "SIZE 5000", "8BITMIME", "SMTPUTF8", "HELP",
    }  # fmt: skip


async def test_smtputf8_addresses(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened()

    def utf8() -> None:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
            options = ["SMTPUTF8", "BODY=8BITMIME"]
            client.sendmail("püja@wärga.test", ["wargä@kanal.test"], MAIL, options)

    await asyncio.to_thread(utf8)
    assert mailbox.mails[0].mail_from == "püja@wärga.test"
    assert mailbox.mails[0].rcpt_to == ("wargä@kanal.test",)


@pytest.mark.parametrize(
    ("mail", "taken"),
    [
        pytest.param(b"", b"", id="empty"),
        pytest.param(b"no header", b"no header\r\n", id="no header"),
        pytest.param(b"S: x\r\n\r\n" + b"a" * 100_000, None, id="one long line"),
        pytest.param(b"S: x\r\n\r\na\x00b\r\n", None, id="NUL"),
        pytest.param(b"S: x\n\n" + b"Jalan rusak.\n" * 30_000, None, id="LF alone, 390 KB"),
        pytest.param(b"S: x\n\n" + b"a\n.\nMAIL FROM:<x@y.z>\n" * 9_000, None, id="LF and dots"),
    ],
)
async def test_odd_mail_is_taken(
    opened: Opened, mailbox: Mailbox, mail: bytes, taken: bytes | None
) -> None:
    server = await opened()
    client = await Dialogue.ready_for_data(server)
    ending = b"" if not mail or mail.endswith(b"\r\n") else b"\r\n"
    assert (await client.say(mail + ending + b".\r\n")).startswith("250 2.0.0")
    assert mailbox.mails[0].data == (mail + ending if taken is None else taken)


async def test_bounces_come_from_nobody_and_repeated_recipients_count_once(
    opened: Opened, mailbox: Mailbox
) -> None:
    client = await Dialogue.greeted(await opened())
    for line in ("MAIL FROM:<>", f"RCPT TO:<{OURS}>", f"RCPT TO:<{OURS}>"):
        assert (await client.say(f"{line}\r\n".encode())).startswith("250")
    await client.say(b"DATA\r\n")
    await client.say(b"x\r\n.\r\n")
    assert (mailbox.mails[0].mail_from, mailbox.mails[0].rcpt_to) == ("", (OURS,))


async def test_pipelined_commands_are_answered_in_order(opened: Opened, mailbox: Mailbox) -> None:
    client = await Dialogue.greeted(await opened())
    one = f"MAIL FROM:<a@b.test>\r\nRCPT TO:<no@no.test>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n"
    client.send(one.encode())
    assert [(await client.reply())[:3] for _ in range(4)] == ["250", "550", "250", "354"]
    client.send(b"first\r\n.\r\nRSET\r\nQUIT\r\n")
    assert [(await client.reply())[:3] for _ in range(3)] == ["250", "250", "221"]
    assert [mail.data for mail in mailbox.mails] == [b"first\r\n"]


async def test_twenty_connections_lose_and_double_nothing(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened()

    def session(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
            for mail in range(5):
                client.sendmail("w@warga.test", [OURS], f"{number}/{mail}\r\n")

    await asyncio.gather(*(asyncio.to_thread(session, n) for n in range(20)))
    counted = Counter(mail.data for mail in mailbox.mails)
    assert counted == Counter(f"{n}/{m}\r\n".encode() for n in range(20) for m in range(5))


# --- the promise: no 250 before it is durable ---------------------------------------------------


async def test_the_words_of_a_refusal_lead_to_its_log_line(
    opened: Opened, mailbox: Mailbox, logged: io.StringIO
) -> None:
    server = await opened()
    mailbox.error = OSError(28, "full")
    replies = []
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await asyncio.to_thread(send, server.port)
        replies.append(str(refused.value.smtp_error))
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    ids = [line["request"] for line in lines if line["event"] == "mail not stored, sender keeps it"]
    assert len({*ids}) == 2
    assert [id in reply for id, reply in zip(ids, replies, strict=True)] == [True, True]


async def test_while_too_much_comes_no_message_is_asked_for(
    opened: Opened, mailbox: Mailbox
) -> None:
    def full() -> None:
        raise Overload("slow")

    server = await opened(admit=full)
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        await asyncio.to_thread(send, server.port)
    assert refused.value.smtp_code == 451
    assert bytes(refused.value.smtp_error).startswith(b"4.4.5 ")
    assert not mailbox.entered.is_set()


@pytest.mark.parametrize(
    ("error", "level"),
    [(TryLater(), "warning"), (ValueError("Siti"), "error"), (OSError(28, "full"), "error")],
)
async def test_what_could_not_be_stored_is_never_acknowledged(
    opened: Opened, mailbox: Mailbox, error: Exception, level: str
) -> None:
    server = await opened()
    mailbox.error = error
    with capture_logs() as logs, pytest.raises(smtplib.SMTPDataError) as refused:
        await asyncio.to_thread(send, server.port)
    reply = f"{refused.value.smtp_code} {refused.value.smtp_error!r}"
    assert reply.startswith("451 b'4.3.0 ")
    assert [entry["log_level"] for entry in logs] == [level]
    for words in (str(logs), reply):
        assert not any(secret in words for secret in ("Siti", "warga.test", "Traceback"))
    mailbox.error = None
    assert await asyncio.to_thread(send, server.port) == {}
    assert len(mailbox.mails) == 1


async def test_the_250_waits_for_the_commit(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened()
    mailbox.gate = asyncio.Event()
    client = await Dialogue.ready_for_data(server)
    answer = asyncio.create_task(client.say(MAIL + b".\r\n"))
    await mailbox.entered.wait()
    assert not (await asyncio.wait([answer], timeout=0.1))[0]
    mailbox.gate.set()
    assert (await answer).startswith("250 2.0.0")


async def test_a_sender_who_hangs_up_does_not_break_the_commit(
    opened: Opened, mailbox: Mailbox
) -> None:
    server = await opened()
    mailbox.gate = asyncio.Event()
    client = await Dialogue.ready_for_data(server)
    client.send(MAIL + b".\r\n")
    await mailbox.entered.wait()
    await client.close()
    mailbox.gate.set()
    await server.stop(grace=5)
    assert [mail.data for mail in mailbox.mails] == [MAIL]


async def test_senders_who_hang_up_at_once_do_not_pile_up_work(
    opened: Opened, mailbox: Mailbox
) -> None:
    server = await opened(max_connections=1)
    mailbox.gate = asyncio.Event()
    hasty = await Dialogue.ready_for_data(server)
    hasty.send(MAIL + b".\r\n")
    await mailbox.entered.wait()
    hasty.send_eof()
    await hasty.rest()
    patient = await Dialogue.ready_for_data(server)
    assert (await patient.say(MAIL + b".\r\n")).startswith("451 4.3.0")
    mailbox.gate.set()


async def test_half_a_mail_is_no_mail(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened()
    client = await Dialogue.ready_for_data(server)
    client.send(MAIL)
    await client.close()
    assert await asyncio.to_thread(send, server.port, mail=b"whole\r\n") == {}
    assert [mail.data for mail in mailbox.mails] == [b"whole\r\n"]


# --- refusals -----------------------------------------------------------------------------------

REFUSED = [
    (b"RCPT TO:<other@kanal.test>", "550 5.1.1"),
    (b"RCPT TO:<lapor@elsewhere.test>", "550 5.1.1"),
    (b"RCPT TO:<lapor\xff@kanal.test>", "501 5.1.3"),
    (b"RCPT TO:<lapor\x01@kanal.test>", "5"),
    (b"RCPT TO:<", "5"),
    (b"RCPT TO:" + b"(" * 1500, "5"),
    (b"RCPT TO:<" + b'"' * 300 + b">", "5"),
    (b"RCPT", "501"),
    (b"EHLO \xff\xfe", "501 5.5.2"),
    (b"HELO \xff\xfe", "501 5.5.2"),
    (b"VRFY (\xff", "5"),
    (b"\xff\xfe\xfd", "500"),
    (b"\x16\x03\x01\x02\x00\x01", "500"),
    (b"", "500"),
    (b"NOOP " + b"x" * 5_000, "500"),
    (b"NOOP " + b"x" * 300_000, "500"),
    (b"AUTH PLAIN AGEAYg==", "502 5.5.1"),
    (b"STARTTLS", "454"),
    (b"DATA", "503"),
    (b"MAIL FROM:<a@b.test> SIZE=99999999999", "503"),
    (b"BDAT 10 LAST", "500"),
]


@pytest.mark.parametrize(("line", "code"), REFUSED, ids=lambda value: repr(value)[:40])
async def test_refusals_leave_the_dialogue_intact(
    opened: Opened, mailbox: Mailbox, line: bytes, code: str
) -> None:
    with capture_logs() as logs:
        client = await Dialogue.greeted(await opened())
        await client.say(b"MAIL FROM:<a@b.test>\r\n")
        assert (await client.say(line + b"\r\n")).startswith(code)
        assert (await client.say(b"NOOP\r\n")).startswith("250")
    assert logs == []


async def test_plus_addresses_are_for_the_caller_to_judge(opened: Opened, mailbox: Mailbox) -> None:
    await asyncio.to_thread(send, (await opened()).port, to="lapor+ABC123@kanal.test")
    assert mailbox.mails[0].rcpt_to == ("lapor+ABC123@kanal.test",)


async def test_a_message_has_at_most_a_hundred_recipients(opened: Opened) -> None:
    client = await Dialogue.greeted(await opened())
    await client.say(b"MAIL FROM:<a@b.test>\r\n")
    codes = [await client.say(f"RCPT TO:<lapor+{n}@kanal.test>\r\n".encode()) for n in range(101)]
    assert {code[:3] for code in codes[:100]} == {"250"}
    assert codes[100].startswith("452 4.5.3")


async def test_announced_too_big(opened: Opened) -> None:
    server = await opened(max_bytes=5_000)
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        await asyncio.to_thread(send, server.port, mail=b"x" * 5_001)
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (552, b"5.3.4")


LINE = b"x" * 70 + b"\r\n"
TOO_BIG = [
    pytest.param(LINE * 100 + b".\r\n", "552 5.3.4", id="a little"),
    pytest.param(b"x" * 8_000 + b"\r\n.\r\n", "552 5.3.4", id="in one line"),
    pytest.param(b"x" * 140_000 + b"\r\n.\r\n", "552 5.3.4", id="in one endless line"),
]


@pytest.mark.parametrize(("data", "code"), TOO_BIG)
async def test_too_big_without_warning(
    opened: Opened, mailbox: Mailbox, data: bytes, code: str
) -> None:
    client = await Dialogue.ready_for_data(await opened(max_bytes=5_000))
    assert (await client.say(data)).startswith(code)
    assert (await client.say(b"NOOP\r\n")).startswith("250")
    assert mailbox.mails == []


async def test_a_line_without_end_is_cut_off(opened: Opened, mailbox: Mailbox) -> None:
    client = await Dialogue.ready_for_data(await opened(max_bytes=5_000))
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionError):
            await client.pour(b"x" * 65_536)
    assert mailbox.mails == []


# --- SMTP smuggling: only CRLF.CRLF ends a message -----------------------------------------------

SMUGGLED = b"MAIL FROM:<boss@gov.test>\r\nRCPT TO:<lapor@kanal.test>\r\nDATA\r\nforged\r\n.\r\n"
NOT_THE_END = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\x00.\r\n"]


@pytest.mark.parametrize("ending", NOT_THE_END)
async def test_no_second_mail_is_smuggled_in(
    opened: Opened, mailbox: Mailbox, ending: bytes
) -> None:
    client = await Dialogue.ready_for_data(await opened())
    assert (await client.say(b"first" + ending + SMUGGLED)).startswith("250")
    assert (await client.say(b"NOOP\r\n")).startswith("250")
    assert len(mailbox.mails) == 1
    assert mailbox.mails[0].mail_from == "w@warga.test"


# --- TLS ----------------------------------------------------------------------------------------


async def test_starttls_with_a_verified_certificate(
    opened: Opened, mailbox: Mailbox, certificate: Certificate
) -> None:
    server = await opened(require_tls=True, **tls(certificate))

    def secured() -> tuple[bool, bytes]:
        with smtplib.SMTP("localhost", server.port, timeout=30) as client:
            client.starttls(context=trusting(certificate))
            client.sendmail("w@warga.test", [OURS], MAIL)
            return client.has_extn("auth"), client.docmd("AUTH LOGIN")[1]

    offers_auth, refusal = await asyncio.to_thread(secured)
    assert mailbox.mails[0].data == MAIL
    assert not offers_auth
    assert refusal.startswith(b"5.5.1")


async def test_plain_text_is_refused_where_tls_is_required(
    opened: Opened, mailbox: Mailbox, certificate: Certificate
) -> None:
    server = await opened(require_tls=True, **tls(certificate))
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        await asyncio.to_thread(send, server.port)
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (530, b"5.7.0")
    assert mailbox.mails == []


async def test_plain_text_goes_where_tls_is_offered_only(
    opened: Opened, mailbox: Mailbox, certificate: Certificate
) -> None:
    assert await asyncio.to_thread(send, (await opened(**tls(certificate))).port) == {}


def until(connection: socket.socket, end: bytes) -> bytes:
    said = b""
    while not said.endswith(end):
        said += connection.recv(1)
    return said


async def test_commands_injected_before_the_handshake_are_dropped(
    opened: Opened, mailbox: Mailbox, certificate: Certificate
) -> None:
    server = await opened(**tls(certificate))

    def inject() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain:
            until(plain, b"ESMTP\r\n")
            plain.sendall(b"EHLO x\r\n")
            until(plain, b"HELP\r\n")
            plain.sendall(b"STARTTLS\r\nEHLO x\r\nMAIL FROM:<evil@x.test>\r\n")
            until(plain, b"TLS\r\n")
            with trusting(certificate).wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(b"NOOP\r\nMAIL FROM:<a@b.test>\r\n")
                return until(secure, b"\r\n") + until(secure, b"\r\n")

    assert [line[:3] for line in (await asyncio.to_thread(inject)).splitlines()] == [b"250", b"503"]


async def test_a_broken_handshake_costs_only_that_connection(
    opened: Opened, mailbox: Mailbox, certificate: Certificate
) -> None:
    server = await opened(**tls(certificate))
    client = await Dialogue.greeted(server)
    await client.say(b"STARTTLS\r\n")
    client.send(b"this is no TLS\r\n" * 10)
    await client.rest()
    assert await asyncio.to_thread(send, server.port) == {}


def test_requiring_tls_without_a_certificate_is_an_error(mailbox: Mailbox) -> None:
    with pytest.raises(ValueError, match="tls_certificate"):
        SmtpServer(mail_settings(require_tls=True), mailbox.take, accepts=accepts)


# --- caps and clocks ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "caps", [{"max_connections": 2}, {"max_connections_per_peer": 2}], ids=lambda c: next(iter(c))
)
async def test_one_connection_too_many_is_told_so(opened: Opened, caps: dict[str, int]) -> None:
    server = await opened(**caps)
    within = [await Dialogue.greeted(server) for _ in range(2)]
    beyond = await Dialogue.open(server)
    assert (await beyond.reply()).startswith("421 4.7.0")
    assert await beyond.rest() == b""
    assert (await within[0].say(b"QUIT\r\n")).startswith("221")
    assert await within[0].rest() == b""
    again = await Dialogue.greeted(server)
    assert (await again.say(b"NOOP\r\n")).startswith("250")


async def test_refused_connections_give_their_descriptors_back(opened: Opened) -> None:
    server = await opened(max_connections_per_peer=1)
    first = await Dialogue.greeted(server)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(40):
        beyond = await Dialogue.open(server)
        assert (await beyond.rest()).startswith(b"421 4.7.0")
        await beyond.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert (await first.say(b"NOOP\r\n")).startswith("250")


async def test_other_peers_are_not_shut_out_by_one(opened: Opened) -> None:
    server = await opened(max_connections_per_peer=1)
    first = await Dialogue.greeted(server)
    other = await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
    assert (await other[0].readline()).startswith(b"220 ")
    Dialogue(*other)
    assert (await first.say(b"NOOP\r\n")).startswith("250")


@pytest.mark.parametrize("lines", [[b"NOOP"] * 101, [b"HELP"] * 21, [b"XYZ"] * 6])
async def test_endless_commands_end(opened: Opened, lines: list[bytes]) -> None:
    client = await Dialogue.greeted(await opened())
    said = [await client.say(line + b"\r\n") for line in lines]
    assert said[-2][:3] in {"250", "500", "502"}
    assert said[-1][:3] in {"421", ""}
    assert await client.rest() == b""


STALLS = [
    pytest.param([], id="silent from the start"),
    pytest.param([b"EHLO x\r\n"], id="silent after EHLO"),
    pytest.param([b"EHL"], id="half a command"),
    pytest.param(
        [b"EHLO x\r\n", b"MAIL FROM:<a@b.test>\r\n", f"RCPT TO:<{OURS}>\r\n".encode(),
         b"DATA\r\n", b"Subject: slow\r\n"], id="silent in the message",
    ),
]  # fmt: skip


@pytest.mark.parametrize("sent", STALLS)
async def test_silence_is_bounded(opened: Opened, mailbox: Mailbox, sent: list[bytes]) -> None:
    client = await Dialogue.open(await opened(patience=1.0))
    client.send(b"".join(sent))
    assert (await client.rest()).splitlines()[-1].startswith(b"421 4.4.2")
    assert mailbox.mails == []


async def test_dripping_bytes_do_not_buy_time(opened: Opened, mailbox: Mailbox) -> None:
    client = await Dialogue.ready_for_data(await opened(patience=1.0))
    ended = asyncio.create_task(client.rest())
    while not ended.done():
        client.send(b"x\r\n")
        await asyncio.wait([ended], timeout=0.02)
    with contextlib.suppress(ConnectionError):  # a reset may overtake the last words
        assert (await ended).startswith(b"421 4.4.2")
    assert mailbox.mails == []


async def test_commands_now_and_then_do_not_hold_a_connection_for_ever(opened: Opened) -> None:
    client = await Dialogue.greeted(await opened(longest=1.0))
    ended = asyncio.create_task(client.rest())
    for _ in range(90):  # fewer than a connection may say
        client.send(b"NOOP\r\n")
        await asyncio.wait([ended], timeout=0.05)
        if ended.done():
            break
    assert reply("spent").encode() in await ended


async def test_a_message_under_way_is_finished_when_the_connection_is_spent(
    opened: Opened, mailbox: Mailbox
) -> None:
    client = await Dialogue.ready_for_data(await opened(longest=0.6))
    await asyncio.wait([asyncio.create_task(client.rest())], timeout=0.9)
    client.send(MAIL + b".\r\n")
    await asyncio.wait_for(mailbox.entered.wait(), 30)
    assert len(mailbox.mails) == 1


async def test_a_slow_commit_has_its_own_clock(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened(patience=3.0)
    mailbox.gate = asyncio.Event()
    client = await Dialogue.ready_for_data(server)
    await asyncio.wait([asyncio.create_task(mailbox.entered.wait())], timeout=1.7)
    answer = asyncio.create_task(client.say(MAIL + b".\r\n"))
    await asyncio.wait([answer], timeout=1.7)
    mailbox.gate.set()
    assert (await answer).startswith("250 2.0.0")


async def test_who_never_reads_loses_the_place(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(smtp_server, "CALL_LIMITS", {"*": 10**9})
    server = await opened(patience=1.0, max_connections=1)
    deaf = await Dialogue.open(server)
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionError):
            await deaf.pour(b"HELP\r\n" * 20_000)
    client = await Dialogue.open(server)
    assert (await client.reply()).startswith("220")


# --- LMTP ---------------------------------------------------------------------------------------


def lmtp(path: Path, to: list[str], mail: bytes = MAIL) -> tuple[list[bytes], bytes]:
    """Send one mail over the Unix socket; return the final replies and the answer to NOOP."""
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(30)
        plain.connect(str(path))
        stream = plain.makefile("rwb")
        lines = ["LHLO mta.test", "MAIL FROM:<w@warga.test>", *(f"RCPT TO:<{t}>" for t in to)]
        stream.write("".join(f"{line}\r\n" for line in [*lines, "DATA"]).encode())
        stream.flush()
        while not stream.readline().startswith(b"354"):
            pass
        stream.write(mail + b".\r\nNOOP\r\n")
        stream.flush()
        replies = [stream.readline() for _ in range(len(to) + 1)]
        stream.close()
        return replies[:-1], replies[-1]


@pytest.fixture
def lmtp_socket(tmp_path: Path) -> Path:
    return tmp_path / "lmtp.sock"


async def test_lmtp_by_smtplib(opened: Opened, mailbox: Mailbox, lmtp_socket: Path) -> None:
    await opened(lmtp_socket=str(lmtp_socket))

    def deliver() -> Any:
        with smtplib.LMTP(str(lmtp_socket)) as client:
            refused = client.sendmail("w@warga.test", [OURS, "no@kanal.test"], MAIL)
            return refused, client.noop()

    refused, noop = await asyncio.to_thread(deliver)
    assert [(to, answer[0]) for to, answer in refused.items()] == [("no@kanal.test", 550)]
    assert noop[0] == 250
    assert mailbox.mails == [Envelope("", "w@warga.test", (OURS,), MAIL)]


TWO = [OURS, "pengaduan@kanal.test"]
LMTP_CASES = [
    pytest.param(None, MAIL, b"250 2.0.0", id="taken"),
    pytest.param(TryLater(), MAIL, b"451 4.3.0", id="not stored"),
    pytest.param(None, LINE * 100, b"552 5.3.4", id="too big"),
    pytest.param(None, b"x" * 140_000 + b"\r\n", b"5", id="line too long"),
]


@pytest.mark.parametrize(("error", "mail", "code"), LMTP_CASES)
async def test_lmtp_answers_once_for_each_recipient(
    opened: Opened,
    mailbox: Mailbox,
    lmtp_socket: Path,
    error: Exception | None,
    mail: bytes,
    code: bytes,
) -> None:
    await opened(lmtp_socket=str(lmtp_socket), max_bytes=5_000)
    mailbox.error = error
    replies, after = await asyncio.to_thread(lmtp, lmtp_socket, TWO, mail)
    assert [reply.startswith(code) for reply in replies] == [True, True]
    assert after.startswith(b"250 OK")
    assert len(mailbox.mails) == (1 if code.startswith(b"250") else 0)


async def test_the_mail_server_behind_the_socket_may_connect_often(
    opened: Opened, lmtp_socket: Path
) -> None:
    await opened(lmtp_socket=str(lmtp_socket), max_connections_per_peer=1)
    for _ in range(3):
        client = Dialogue(*await asyncio.open_unix_connection(str(lmtp_socket)))
        assert (await client.reply()) == "220 mx.kanal.test LMTP"


async def test_the_socket_is_for_the_group_only(opened: Opened, lmtp_socket: Path) -> None:
    await opened(lmtp_socket=str(lmtp_socket))
    status = await asyncio.to_thread(lmtp_socket.stat)
    assert stat.S_IMODE(status.st_mode) == 0o660


async def test_a_socket_left_behind_is_replaced_but_no_other_file(
    opened: Opened, mailbox: Mailbox, lmtp_socket: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as earlier:
        earlier.bind(str(lmtp_socket))
    await opened(lmtp_socket=str(lmtp_socket))
    assert (await asyncio.to_thread(lmtp, lmtp_socket, TWO))[1].startswith(b"250")
    precious = lmtp_socket.with_name("precious")
    precious.write_text("data")
    with pytest.raises(OSError, match="in use"):
        await opened(lmtp_socket=str(precious))
    assert precious.read_text() == "data"


# --- stopping -----------------------------------------------------------------------------------


async def test_stopping_lets_a_message_finish_and_sends_the_idle_away(
    opened: Opened, mailbox: Mailbox
) -> None:
    server = await opened()
    port = server.port
    idle, busy = await Dialogue.greeted(server), await Dialogue.ready_for_data(server)
    stopping = asyncio.create_task(server.stop(grace=10))
    assert (await idle.reply()).startswith("421 4.3.2")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert (await busy.say(MAIL + b".\r\n")).startswith("250 2.0.0")
    assert (await busy.reply()).startswith("421 4.3.2")
    await stopping
    assert len(mailbox.mails) == 1


async def test_stopping_is_bounded(opened: Opened, mailbox: Mailbox) -> None:
    server = await opened()
    mailbox.gate = asyncio.Event()
    client, stuck = await Dialogue.ready_for_data(server), await Dialogue.ready_for_data(server)
    stuck.send(MAIL + b".\r\n")
    await mailbox.entered.wait()
    async with asyncio.timeout(20):
        await server.stop(grace=0.2)
    for cut in (client, stuck):
        with contextlib.suppress(ConnectionError):
            assert await cut.rest() == b""
    assert mailbox.mails == []


async def test_aiosmtpd_logs_nothing_personal(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await asyncio.to_thread(send, (await opened()).port)
    assert "warga" not in caplog.text
    assert "Lampu" not in caplog.text


# --- swaks --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def swaks() -> str:
    """The swaks command; in CI it must be there, elsewhere its tests are skipped."""
    if not shutil.which("swaks") and os.environ.get("CI") == "true" and os.geteuid() == 0:
        subprocess.run(["apt-get", "update"], check=False, timeout=100)
        packages = ["swaks", "libnet-ssleay-perl"]
        subprocess.run(["apt-get", "install", "-y", *packages], check=True, timeout=100)
    path = shutil.which("swaks")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("swaks is not installed")
    if path is None:
        pytest.skip("swaks is not installed (apt-get install swaks libnet-ssleay-perl)")
    return path


async def run_swaks(command: str, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        command, "--from", "w@warga.test", "--timeout", "10s", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode("utf-8", "replace")


SWAKS = [
    pytest.param(["--to", OURS], 0, "250 2.0.0", id="taken"),
    pytest.param(["--to", OURS, "--tls"], 0, "250 2.0.0", id="STARTTLS"),
    pytest.param(["--to", OURS, "--pipeline"], 0, "250 2.0.0", id="pipelined"),
    pytest.param(["--to", "no@kanal.test"], 24, "550 5.1.1", id="unknown recipient"),
    pytest.param(["--to", OURS, "--body", "x" * 9_000], 26, "552 5.3.4", id="too big"),
    pytest.param(["--to", OURS, "--auth", "--auth-user", "a", "--auth-password", "b"], 28, "",
                 id="no AUTH"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "status", "reply"), SWAKS)
async def test_swaks(
    opened: Opened,
    swaks: str,
    certificate: Certificate,
    options: list[str],
    status: int,
    reply: str,
) -> None:
    server = await opened(max_bytes=5_000, **tls(certificate))
    address = f"127.0.0.1:{server.port}"
    exit_status, said = await run_swaks(swaks, "--server", address, *options)
    assert (exit_status, reply in said) == (status, True), said


async def test_swaks_over_lmtp(
    opened: Opened, swaks: str, mailbox: Mailbox, lmtp_socket: Path
) -> None:
    await opened(lmtp_socket=str(lmtp_socket))
    options = ["--protocol", "LMTP", "--socket", str(lmtp_socket), "--to", ",".join(TWO)]
    status, said = await run_swaks(swaks, *options)
    assert (status, said.count("250 2.0.0")) == (0, 2), said
    assert len(mailbox.mails) == 1
