"""What people and old mailers pack into plain text: uuencoded and yEnc files, PGP signed words.

Formats: POSIX uuencode, yEnc 1.3, RFC 9580 section 7 (cleartext signatures).
"""

import binascii
import re
from dataclasses import dataclass, field

MAX_FILES = 50
MAX_LINES = 250_000
"""Lines of one file: 11 MB in lines of the usual length."""
MAX_TRIES = 5
"""Beginnings that may turn out to be words."""
_UU = re.compile(rb"^begin [0-7]{3,4} ?([^\r\n]{0,200})\r?\n", re.MULTILINE)
_UU_LINE = re.compile(rb"[ -`]{1,90}\Z")
_YENC = re.compile(rb"^=ybegin [^\r\n]{0,300}?name=([^\r\n]{1,200})\r?\n", re.MULTILINE)
_YENC_END = re.compile(rb"^=yend[^\r\n]{0,300}\r?(?:\n|\Z)", re.MULTILINE)
_YENC_PART = re.compile(rb"=ypart[^\r\n]{0,300}\r?\n")
_YENC_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
_YENC_SHIFT = bytes((value - 42) % 256 for value in range(256))

_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_END = "-----END PGP SIGNATURE-----"
_ARMOUR_HEADERS = re.compile(r"[^\n]{0,20}\n(?:[A-Za-z-]{1,30}: ?[^\n]{0,200}\n){0,9}[ \t]*\n?")
_DASHED = re.compile(r"^- (?=-)", re.MULTILINE)
ENCRYPTED = "-----BEGIN PGP MESSAGE-----"


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file that stood in the text."""

    name: str
    content: bytes = field(repr=False)
    form: str
    """``uuencode`` or ``yenc``."""


def unpack(body: bytes) -> tuple[bytes, list[PackedFile]]:
    """Take the files out of a body; return what is left of it, and them. Never raises."""
    rest: list[bytes] = []
    found: list[PackedFile] = []
    at = tries = 0
    while len(found) < MAX_FILES and tries < MAX_TRIES and (match := _begin(body, at)):
        read = _READERS[form := "yenc" if match.re is _YENC else "uuencode"]
        content, after = read(body, match)
        if content is None:  # words: "begin 2024 ..."
            tries += 1
            rest.append(body[at : match.end()])
        else:
            rest.append(body[at : match.start()])
            found.append(PackedFile(match[1].decode("utf-8", "replace").strip(), content, form))
        at = after
    return b"".join([*rest, body[at:]]), found


def _begin(body: bytes, at: int) -> re.Match[bytes] | None:
    matches = [
        match
        for pattern, sign in ((_UU, b"begin"), (_YENC, b"=ybegin "))
        if body.find(sign, at) >= 0 and (match := pattern.search(body, at))
    ]
    return min(matches, key=lambda match: match.start(), default=None)


def _uudecoded(body: bytes, begin: re.Match[bytes]) -> tuple[bytes | None, int]:
    """Decode the lines after ``begin``, and tell where they end; None where they are words."""
    out: list[bytes] = []
    at = begin.end()
    while at < len(body) and len(out) < MAX_LINES:
        after = body.find(b"\n", at) + 1 or len(body)
        line = body[at : min(after, at + 100)].rstrip(b"\r\n")
        if line.strip() == b"end":
            return b"".join(out), after
        piece = _uudecoded_line(line)
        if piece is None:
            break
        out.append(piece)
        at = after
    cut = len(out) > 1 and at >= len(body)  # the mail ends before the file does
    return (b"".join(out), at) if cut else (None, begin.end())


def _uudecoded_line(line: bytes) -> bytes | None:
    if not line.strip(b" `"):
        return b""
    length = (line[0] - 32) & 63
    needed = 1 + (length + 2) // 3 * 4
    if not length or len(line) == 1 or len(line.rstrip()) > needed + 1 or not _UU_LINE.match(line):
        return None
    try:
        return binascii.a2b_uu(line[:needed])
    except binascii.Error:
        return None


def _yenc_decoded(body: bytes, begin: re.Match[bytes]) -> tuple[bytes | None, int]:
    end = _YENC_END.search(body, begin.end())
    if end is None:
        return None, begin.end()
    inside = body[begin.end() : end.start()]
    if part := _YENC_PART.match(inside):
        inside = inside[part.end() :]
    plain = inside.replace(b"\r", b"").replace(b"\n", b"")
    if plain.count(b"=") * 16 > len(plain) + 1_000:
        return None, begin.end()  # one in 64 is escaped; of many, each costs time
    plain = _YENC_ESCAPE.sub(lambda match: bytes([(match[1][0] - 64) % 256]), plain)
    return plain.translate(_YENC_SHIFT), end.end()


_READERS = {"uuencode": _uudecoded, "yenc": _yenc_decoded}


def strip_signature(text: str) -> tuple[str, bool]:
    """Take the signature off signed words; tell whether there was one. It is not checked."""
    said: list[str] = []
    at = 0
    while (begin := text.find(_SIGNED, at)) >= 0:
        signature = text.find(_SIGNATURE, begin)
        if signature < 0:
            break
        head = _ARMOUR_HEADERS.match(text, begin + len(_SIGNED))
        words = text[head.end() if head else begin : signature]
        end = text.find(_SIGNATURE_END, signature)
        said += [text[at:begin], _DASHED.sub("", words)]
        at = end + len(_SIGNATURE_END) if end >= 0 else len(text)
    return "".join([*said, text[at:]]), bool(said)
