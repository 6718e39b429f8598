"""Mails for the tests of the mail channel, written as bytes the way mail programs write them."""

from collections.abc import Sequence

from adapters.contract import Inbound, Receipt
from adapters.mail.channel import parse_mail

ADDRESS = "lapor@lapor.localhost"
CITIZEN = "warga@mail.example"
TRACKING = "482109375514"
OUR_ID = "<0198-aa@lapor.localhost>"


def mail(body: bytes | str = "Jalan rusak di depan pasar.", *fields: str) -> bytes:
    """Write a mail of the citizen; ``fields`` are whole header lines, which win over the usual."""
    given = {f.split(":", 1)[0].lower() for f in fields}
    usual = (
        f"From: Siti Aminah <{CITIZEN}>",
        f"To: {ADDRESS}",
        "Subject: Jalan rusak",
        "Date: Mon, 3 Nov 2025 10:00:00 +0700",
        "Message-ID: <m1@mail.example>",
    )
    lines = [u for u in usual if u.split(":", 1)[0].lower() not in given]
    head = "\r\n".join([*lines, *fields]).encode("utf-8")
    raw = body.encode("utf-8") if isinstance(body, str) else body
    return head + b"\r\n\r\n" + raw


def multipart(kind: str, *parts: str | bytes, boundary: str = "batas") -> bytes:
    """Write a multipart body with its own Content-Type line before it, for ``mail`` or nesting."""
    raw = [p.encode("utf-8") if isinstance(p, str) else p for p in parts]
    inside = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in raw)
    head = f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n".encode()
    return head + inside + b"--" + boundary.encode() + b"--\r\n"


def with_parts(kind: str, *parts: str | bytes, fields: Sequence[str] = ()) -> bytes:
    """Write a multipart mail of the citizen."""
    head, _, body = multipart(kind, *parts).partition(b"\r\n\r\n")
    return mail(body, *fields, head.decode())


def read(
    raw: bytes, *, mail_from: str = CITIZEN, rcpt_to: Sequence[str] = (ADDRESS,)
) -> list[Inbound | Receipt]:
    """Read a mail as the door would."""
    return parse_mail(raw, channel="email", address=ADDRESS, mail_from=mail_from, rcpt_to=rcpt_to)


def read_one(
    raw: bytes, *, mail_from: str = CITIZEN, rcpt_to: Sequence[str] = (ADDRESS,)
) -> Inbound:
    """Read a mail that is one message."""
    [found] = read(raw, mail_from=mail_from, rcpt_to=rcpt_to)
    assert isinstance(found, Inbound)
    return found
