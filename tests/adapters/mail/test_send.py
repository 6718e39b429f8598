"""Mail that goes out, against a real SMTP server on loopback."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.contract import ChannelError, Inbound, Outgoing, Refused, Throttled, Unreachable
from adapters.load import load
from adapters.mail.channel import REPLY_MARKER, Mail
from tests.adapters.mail.mails import ADDRESS, CITIZEN, TRACKING, read_one

ANSWER = Outgoing(
    id="0198-aa",
    text="Laporan Anda sudah diteruskan – terima kasih.\n\nDinas PU",
    thread=("<m0@mail.example>", "<m1@mail.example>"),
    tracking=TRACKING,
)


@dataclass
class Exchange:
    """A mail server that keeps what it is given, or answers what it is told to."""

    replies: dict[str, str] = field(default_factory=dict)
    mails: list[Any] = field(default_factory=list)
    tls: list[bool] = field(default_factory=list)

    def answer(self, command: str) -> str:
        return self.replies.get(command, "250 OK")

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answer("MAIL")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answer("RCPT")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.tls.append(session.ssl is not None)
        self.mails.append(envelope)
        return self.answer("DATA")

    def only(self) -> EmailMessage:
        """The only mail taken, as the standard library reads it."""
        [envelope] = self.mails
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found


def text_of(found: EmailMessage) -> str:
    return str(found.get_content()).replace("\r\n", "\n")


@asynccontextmanager
async def serving(exchange: Exchange, **options: Any) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    made: list[Server] = []

    def make() -> Server:
        made.append(Server(exchange, hostname="mx.localhost", loop=loop, **options))
        return made[-1]

    server = await loop.create_server(make, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def channel(port: int, **block: object) -> Mail:
    usual = {"type": "mail", "address": ADDRESS, "smtp_port": port, "timeout": 5.0}
    found = load("email", {**usual, **block}, public_url="https://lapor.example")
    assert isinstance(found, Mail)
    return found


async def sent(message: Outgoing, to: str = CITIZEN, **block: object) -> Exchange:
    exchange = Exchange()
    async with serving(exchange) as port:
        await channel(port, **block).send(to, message)
    return exchange


async def test_an_answer_carries_all_that_threads_it_and_stops_loops() -> None:
    exchange = Exchange()
    async with serving(exchange) as port:
        door = channel(port, from_name="Kanal Kota – Uji")
        first, again = await door.send(CITIZEN, ANSWER), await door.send(CITIZEN, ANSWER)
    assert first == again == "<0198-aa@lapor.localhost>"
    envelope, _ = exchange.mails
    assert envelope.mail_from == f"lapor+{TRACKING}@lapor.localhost"
    assert envelope.rcpt_tos == [CITIZEN]
    exchange.mails.pop()
    found = exchange.only()
    assert found["Message-ID"] == first
    assert found["From"] == f"Kanal Kota – Uji <{ADDRESS}>"
    assert found["To"] == CITIZEN
    assert found["Reply-To"] == f"lapor+{TRACKING}@lapor.localhost"
    assert found["Subject"] == "Laporan Anda 4821-0937-5514"
    assert found["In-Reply-To"] == "<m1@mail.example>"
    assert found["References"].split() == ["<m0@mail.example>", "<m1@mail.example>"]
    assert found["Auto-Submitted"] == "auto-replied"
    assert found["X-Auto-Response-Suppress"] == "All"
    assert found["X-Kanal-Loop"] == ADDRESS
    assert abs(found["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert text_of(found) == f"{REPLY_MARKER}\n\n{ANSWER.text}\n"
    assert envelope.content.isascii()
    assert max(map(len, envelope.content.split(b"\r\n"))) <= 78


async def test_a_server_that_hangs_up_after_taking_the_mail_has_taken_it() -> None:
    class Curt(Exchange):
        async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
            server.transport.abort()
            return "221 Bye"

    exchange = Curt()
    async with serving(exchange) as port:
        assert await channel(port).send(CITIZEN, ANSWER)
    assert len(exchange.mails) == 1


async def test_our_own_mail_coming_back_is_not_answered() -> None:
    [envelope] = (await sent(ANSWER)).mails
    found = read_one(envelope.content)
    assert isinstance(found, Inbound)
    assert found.automatic


async def test_a_first_mail_is_generated_and_not_a_reply() -> None:
    found = (await sent(Outgoing(id="a", text="isi"))).only()
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Reply-To"] == ADDRESS
    assert found["Subject"] == "Laporan Anda"
    assert "References" not in found


@pytest.mark.parametrize(
    "text",
    ["a" * 5000, ".\n..\n.x", "✔" * 2000, "satu\r\ndua\rtiga", "From x\n", "a =3D b ", "\ud800"],
)
async def test_any_text_arrives_as_it_was_written(text: str) -> None:
    found = (await sent(Outgoing(id="a", text=text))).only()
    expected = text.strip().replace("\r\n", "\n").replace("\r", "\n").replace("\ud800", "?")
    assert text_of(found) == f"{REPLY_MARKER}\n\n{expected}\n"


@pytest.mark.parametrize(
    "subject",
    ["Balasan ✔ " * 20, "x\r\nBcc: korban@b.id", "x\n\nisi palsu", "a" * 500, "=?x?q?y?="],
)
async def test_a_subject_brings_no_other_header(subject: str) -> None:
    exchange = await sent(Outgoing(id="a", text="isi", subject=subject))
    found = exchange.only()
    assert set(found.keys()) == set((await sent(Outgoing(id="a", text="isi"))).only().keys())
    assert exchange.mails[0].rcpt_tos == [CITIZEN]
    assert text_of(found) == f"{REPLY_MARKER}\n\nisi\n"


async def test_ids_that_are_none_stay_out_of_the_thread() -> None:
    thread = ("<a@b>", "<c@d>\r\nBcc: x@y", "bukan id", "<" + "l" * 200 + "@b>")
    found = (await sent(Outgoing(id="x y\r\nz", text="isi", thread=thread))).only()
    assert found["References"].split() == ["<a@b>", "<c@d>", "<" + "l" * 200 + "@b>"]
    assert "Bcc" not in found
    assert len(found["Message-ID"]) == len(f"<{'0' * 64}@lapor.localhost>")


@pytest.mark.parametrize(
    "to",
    [
        "", "budi", "a@b.id, c@d.id", "a@b.id\r\nRCPT TO:<c@d.id>", "a@b.id\nX: y", "<a@b.id>",
        "Budi <a@b.id>", "a b@c.id", "a@b@c.id", "a@" + "b" * 300, "a@b..id\x00", "a\u2028@b.id",
    ],
)  # fmt: skip
async def test_what_is_no_single_address_is_refused_unsent(to: str) -> None:
    exchange = Exchange()
    async with serving(exchange) as port:
        with pytest.raises(Refused):
            await channel(port).send(to, ANSWER)
    assert not exchange.mails


@pytest.mark.parametrize(
    "headers", [{"X-A": "b\r\nBcc: c@d.id"}, {"X A": "b"}, {"Bcc": "c@d.id"}, {"from": "c@d.id"}]
)
async def test_headers_that_would_change_the_mail_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refused):
        await sent(Outgoing(id="a", text="isi", headers=headers))


async def test_more_headers_can_be_given() -> None:
    headers = {"X-Kanal-Report": TRACKING}
    found = (await sent(Outgoing(id="a", text="isi", headers=headers))).only()
    assert found["X-Kanal-Report"] == TRACKING


async def test_addresses_beyond_ascii_are_sent_with_smtputf8() -> None:
    exchange = Exchange()
    async with serving(exchange, enable_SMTPUTF8=True) as port:
        await channel(port).send("用户@mail.example", ANSWER)
        await channel(port).send("budi@jalan–rusak.example", ANSWER)
    first, second = exchange.mails
    assert first.rcpt_tos == ["用户@mail.example"]
    assert "用户@mail.example".encode() in first.content
    assert second.rcpt_tos[0].startswith("budi@xn--")


async def test_a_server_without_smtputf8_refuses_such_addresses() -> None:
    with pytest.raises(Refused):
        await sent(ANSWER, "用户@mail.example")


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("421 4.3.2 shutting down", Throttled),
        ("450 4.2.0 greylisted", Throttled),
        ("452 4.5.3 too many", Throttled),
        ("451 4.3.0 local error", Unreachable),
        ("454 4.7.0 not now", Unreachable),
        ("550 5.1.1 no such user", Refused),
        ("552 5.3.4 too big", Refused),
        ("554 5.7.1 spam", Refused),
    ],
)
async def test_the_servers_answer_says_whether_to_try_again(
    command: str, reply: str, expected: type[ChannelError]
) -> None:
    async with serving(Exchange({command: reply})) as port:
        with pytest.raises(ChannelError) as raised:
            await channel(port).send(CITIZEN, ANSWER)
    assert type(raised.value) is expected
    assert raised.value.retryable == (expected is not Refused)
    assert CITIZEN not in str(raised.value)
    assert reply[:3] in str(raised.value)


async def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable):
        await channel(unused_tcp_port).send(CITIZEN, ANSWER)


@pytest.mark.parametrize("greeting", [b"", b"554 no service\r\n", b"421 busy\r\n", b"halo\r\n"])
async def test_a_server_that_does_not_serve_is_unreachable(greeting: bytes) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        with pytest.raises(Unreachable):
            await channel(server.sockets[0].getsockname()[1]).send(CITIZEN, ANSWER)


async def test_a_silent_server_is_unreachable_in_time() -> None:
    done = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            with pytest.raises(Unreachable):
                await channel(port, timeout=0.2).send(CITIZEN, ANSWER)
        done.set()


@dataclass
class Certificate:
    """A key and certificate for 127.0.0.1, signed by itself."""

    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Certificate(folder / "cert.pem", context)


async def test_starttls_with_a_trusted_certificate(certificate: Certificate) -> None:
    exchange = Exchange()
    async with serving(exchange, tls_context=certificate.context) as port:
        door = channel(port, smtp_tls="starttls", smtp_ca_file=str(certificate.file))
        await door.send(CITIZEN, ANSWER)
    assert exchange.tls == [True]


async def test_starttls_does_not_trust_a_stranger(certificate: Certificate) -> None:
    exchange = Exchange()
    async with serving(exchange, tls_context=certificate.context) as port:
        with pytest.raises(Unreachable):
            await channel(port, smtp_tls="starttls").send(CITIZEN, ANSWER)
    assert not exchange.mails


async def test_starttls_that_is_asked_for_and_not_offered_sends_nothing() -> None:
    exchange = Exchange()
    async with serving(exchange) as port:
        with pytest.raises(Unreachable):
            await channel(port, smtp_tls="starttls").send(CITIZEN, ANSWER)
    assert not exchange.mails


@pytest.mark.parametrize(("setting", "encrypted"), [("if_offered", True), ("none", False)])
async def test_tls_when_it_is_offered(
    certificate: Certificate, setting: str, encrypted: bool
) -> None:
    exchange = Exchange()
    async with serving(exchange, tls_context=certificate.context) as port:
        await channel(port, smtp_tls=setting).send(CITIZEN, ANSWER)
    assert exchange.tls == [encrypted]


@pytest.mark.parametrize(("password", "expected"), [("benar", None), ("salah", Unreachable)])
async def test_login(
    certificate: Certificate, password: str, expected: type[ChannelError] | None
) -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data == LoginPassword(b"kanal", b"benar"), handled=False)

    exchange = Exchange()
    options = {"tls_context": certificate.context, "authenticator": check, "auth_required": True}
    async with serving(exchange, **options) as port:
        door = channel(port, smtp_username="kanal", smtp_password=password)
        if expected:
            with pytest.raises(expected) as raised:
                await door.send(CITIZEN, ANSWER)
            assert password not in str(raised.value)
        else:
            await door.send(CITIZEN, ANSWER)
    assert len(exchange.mails) == (expected is None)
