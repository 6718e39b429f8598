"""Transfer encodings (RFC 2045 section 6), as mailers write and confuse them.

What a part says of its encoding is a claim. For text it is believed where the result is text; what
is no base64 stays as it stands, and base64 without an announcement is read.
"""

import binascii
import re
from collections.abc import Callable
from itertools import islice

from adapters.mail import charset, notes, packed

_COMMENT = re.compile(r"\([^()]{0,200}\)")
_ENCODED_WORD = re.compile(r"=\?[^?]{1,40}\?[qQ]\?([^?]{0,60})\?=")
_NO_LETTERS = re.compile(r"[^a-z0-9]")
_NAMES = (
    ("base64", "base64"),
    ("b64", "base64"),
    ("quotedprintable", "quoted-printable"),
    ("qp", "quoted-printable"),
    ("xuu", "uuencode"),
    ("uue", "uuencode"),
    ("xyenc", "yenc"),
    ("yenc", "yenc"),
    ("7bit", ""),
    ("8bit", ""),
    ("binary", ""),
)
"""How a name begins once only letters and figures are left, and what it is."""
UNKNOWN = "unknown"

_SAMPLE = 4_096
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_BASE64 = bytes(set(range(256)) - set(_NOT_BASE64))
_ASCII = bytes(range(1, 128))
_LINES = re.compile(rb"(?:[A-Za-z0-9+/]+={0,2}[ \t\r]*(?:\n[ \t\r\n]*|\Z))+")
_CHUNK = re.compile(rb"[A-Za-z0-9+/]+=*")
_MAX_CHUNKS = 100_000
"""Pieces with an end of their own."""
_LEAST = 16
"""Letters of base64 that are believed without a word of the header, or with other text below."""
_SURE = 6
"""Bytes that come out as text of letters that never were base64 once in ten thousand times."""
_WORD = 20
"""Longer than words are on average, shorter than the lines of base64."""
_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2}|[ \t]*\r?\n|\Z)")
_TELLING = re.compile(rb"=([89A-Fa-f][0-9A-Fa-f]|[ \t]*\r?\n)")
"""Escapes that stand in no address of a page: a letter beyond ASCII, a soft line break."""
_CONTROLS = bytes([*range(9), 11, *range(14, 27), *range(28, 32), 127])


def name_of(stated: str) -> str:
    """Return what a Content-Transfer-Encoding means: "" for none, ``UNKNOWN`` for no known one."""
    said = _COMMENT.sub(" ", _ENCODED_WORD.sub(r"\1", stated[:500]))
    first = re.split(r"[;,]", said.strip(" ;,"), maxsplit=1)[0]
    plain = _NO_LETTERS.sub("", first.lower())
    if not plain:
        return ""
    return next((what for begins, what in _NAMES if plain.startswith(begins)), UNKNOWN)


def decode(body: bytes, stated: str) -> bytes:
    """Undo the transfer encoding of a file. Never raises."""
    name = name_of(stated)
    if name == "base64":
        # A picture that only claims to be base64 would come out as noise.
        return body if body[:_SAMPLE].translate(None, _ASCII) else base64_bytes(body)
    return _DECODERS.get(name, bytes)(body)


def decode_text(body: bytes, stated: str, label: str) -> tuple[bytes, str]:
    """Undo the transfer encoding of a text of charset ``label``; the second is a note or "".

    Never raises. Time is linear in the length.
    """
    name = name_of(stated)
    if name == "base64":
        found = _base64_text(body, label)
        return found if found is not None else (_unannounced(body) or body, notes.ENCODING)
    if name in ("uuencode", "yenc"):
        return _uuencoded(body), f"{notes.OPENED}: {name}"
    if name not in ("", UNKNOWN):
        guess = _whole_base64(body) if name == "quoted-printable" else None
        return (guess, notes.ENCODING) if guess else (_DECODERS[name](body), "")
    guess = _unannounced(body, name == UNKNOWN)
    note = notes.ENCODING if guess is not None or name == UNKNOWN else ""
    return (body if guess is None else guess), note


def base64_bytes(raw: bytes) -> bytes:
    """Decode base64 whatever its padding and whatever stands between. Never raises."""
    clean = raw.translate(None, _NOT_BASE64)
    if b"=" in clean.rstrip(b"="):
        chunks = islice(_CHUNK.finditer(clean), _MAX_CHUNKS)
        return b"".join(_base64(chunk[0]) for chunk in chunks)
    return _base64(clean)


def _base64(clean: bytes) -> bytes:
    for cut in (clean + b"===", clean.rstrip(b"=")[:-1] + b"==="):
        try:
            return binascii.a2b_base64(cut)
        except binascii.Error:
            continue
    return b""


def _uuencoded(body: bytes) -> bytes:
    _, found = packed.unpack(body)
    return found[0].content if found else body


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64_bytes,
    "quoted-printable": binascii.a2b_qp,
    "uuencode": _uuencoded,
    "yenc": _uuencoded,
}


def _base64_text(body: bytes, label: str) -> tuple[bytes, str] | None:
    """Decode text that says it is base64; None when it is not."""
    stripped = body.strip()
    match = _LINES.match(stripped)
    whole = match[0] if match else b""
    rest = stripped[len(whole) :]
    if match and len(whole) >= _LEAST and rest:
        decoded = base64_bytes(whole)
        if is_text(decoded, label):  # the footer of a list, below what it did not decode
            return decoded.rstrip() + b"\n" + rest, notes.ENCODING
    decoded = base64_bytes(stripped)
    told = _fits(whole) and not rest and is_text(decoded, label)
    plain = len(decoded) >= _SURE and is_text(decoded, "utf-8")
    return (decoded, "") if told or plain or not _is_wording(stripped) else None


def _fits(encoded: bytes) -> bool:
    size = len(encoded.translate(None, b" \t\r\n"))
    return size % 4 == 0 or size >= _LEAST


def _is_wording(body: bytes) -> bool:
    """Tell whether a body reads like words rather than like base64."""
    sample = body[:_SAMPLE]
    pieces = sample.split()
    short = sum(map(len, pieces)) < _WORD * len(pieces)
    foreign = len(sample.translate(None, b" \t\r\n").translate(None, _BASE64)) * 20 > len(sample)
    odd = len(pieces) == 1 and len(body) % 4 != 0
    return is_text(sample, "", cut=len(body) > _SAMPLE) and (short or foreign or odd)


def _unannounced(body: bytes, unknown: bool = False) -> bytes | None:
    """Decode what is plainly encoded though its headers do not say so; None when it is not."""
    return _whole_base64(body) or _quoted_printable(body, unknown)


def _whole_base64(body: bytes) -> bytes | None:
    stripped = body.strip()
    first = stripped[:80].split(b"\n", 1)[0].rstrip(b"\r")
    if len(stripped) < _LEAST or first.translate(None, _BASE64):
        return None
    size = len(stripped.translate(None, b" \t\r\n"))
    if size % 4 or not _LINES.fullmatch(stripped):
        return None
    decoded = base64_bytes(stripped)
    return decoded if b" " in decoded and is_text(decoded, "utf-8") else None


def _quoted_printable(body: bytes, unknown: bool) -> bytes | None:
    marks = body.count(b"=")
    if not marks or not (unknown or _TELLING.search(body)):
        return None
    if len(_ESCAPE.findall(body)) != marks:
        return None
    decoded = binascii.a2b_qp(body)
    return decoded if is_text(decoded, "utf-8") else None


def is_text(raw: bytes, label: str, *, cut: bool = False) -> bool:
    """Tell whether bytes read like text in a charset, or in UTF-8."""
    sample = raw[:_SAMPLE]
    cut = cut or len(raw) > _SAMPLE
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if charset.is_wide(label):
        return True
    if controls * 50 > len(sample):
        return False
    if charset.is_utf8(sample, cut=cut):
        return True
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    return not controls and charset.fits(sample, label, cut=cut) and high * 10 < len(sample) * 4
