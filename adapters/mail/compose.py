"""Our own mail, written line by line: each header is checked here and cannot bring another.

The standard library folds long message ids into encoded words, which breaks threading, so the
few headers we send are written by hand.
"""

import binascii
import hashlib
import re
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from adapters.contract import Outgoing, Refused
from adapters.mail.automatic import LOOP_HEADER
from adapters.mail.headers import is_address, message_id, one_line
from adapters.mail.quotes import REPLY_MARKER
from config.words import words
from normalizer import tracking

MAX_REFERENCES = 20
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SAFE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_RESERVED = {
    "auto-submitted", "bcc", "cc", "content-transfer-encoding", "content-type", "date", "from",
    "in-reply-to", "message-id", "mime-version", "references", "reply-to", "subject", "to",
    "x-auto-response-suppress", "x-kanal-loop",
}  # fmt: skip


def id_of(message: Outgoing, address: str) -> str:
    """Return the Message-ID of a message: the same at every attempt."""
    local = message.id
    if not _SAFE_ID.fullmatch(local):
        local = hashlib.sha256(local.encode("utf-8", "replace")).hexdigest()
    return f"<{local}@{address.rpartition('@')[2]}>"


def plus_address(address: str, number: str | None) -> str:
    """Return our address with the tracking number in it, by which the answer finds its report."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{number}@{domain}" if number and tracking.is_valid(number) else address


def recipient(to: str) -> str:
    """Check that ``to`` is one address, with its domain in ASCII. Raises ``Refused``."""
    if not is_address(to):
        raise Refused("the recipient is not one plain mail address")
    local, _, domain = to.rpartition("@")
    try:
        return f"{local}@{domain if domain.isascii() else domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise Refused("the recipient's domain is no domain name") from None


def compose(message: Outgoing, *, to: str, address: str, from_name: str, moment: datetime) -> bytes:
    """Write the mail, CRLF lines, UTF-8 text as quoted-printable. Raises ``Refused``.

    ``moment`` is aware. Auto-Submitted is RFC 3834's: ``auto-replied`` where it answers a mail.
    """
    headers = [
        ("Message-ID", id_of(message, address)),
        ("Date", format_datetime(moment)),
        ("From", f"{_phrase(from_name)} <{address}>" if from_name else address),
        ("To", to),
        ("Reply-To", plus_address(address, message.tracking)),
        ("Subject", _words(message.subject or _subject(message.tracking))),
        *_threading(message),
        ("Auto-Submitted", "auto-replied" if message.thread else "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        (LOOP_HEADER, address),
        *_extra(message),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ]
    lines = [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + _body(message.text)


def _subject(number: str | None) -> str:
    subject = words("labels").say("notice.subject")
    return f"{subject} {tracking.format_number(number)}" if number else subject


def _words(text: str) -> str:
    """Encode header text; longer lines are folded, nothing in it starts a new header."""
    clean = one_line(text.encode("utf-8", "replace").decode("utf-8"))[:300]
    return Header(clean, None if clean.isascii() else "utf-8", maxlinelen=70).encode(linesep="\r\n")


def _phrase(name: str) -> str:
    clean = one_line(name)
    return _words(clean) if not clean.isascii() else '"' + re.sub(r'["\\]', "", clean) + '"'


def _threading(message: Outgoing) -> list[tuple[str, str]]:
    ids = [i for i in map(message_id, message.thread) if i][-MAX_REFERENCES:]
    if not ids:
        return []
    return [("In-Reply-To", ids[-1]), ("References", "\r\n ".join(ids))]


def _extra(message: Outgoing) -> list[tuple[str, str]]:
    for name, value in message.headers.items():
        injected = one_line(value) != value.strip()
        if not _SAFE_NAME.fullmatch(name) or name.lower() in _RESERVED or injected:
            raise Refused(f"the header {name[:60]!r} cannot be sent")
    return [(name, _words(value)) for name, value in message.headers.items()]


def _body(text: str) -> bytes:
    lines = f"{REPLY_MARKER}\n\n{text.strip()}\n".replace("\r\n", "\n").replace("\r", "\n")
    raw = lines.encode("utf-8", "replace")
    return binascii.b2a_qp(raw, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
