"""What is inside an S/MIME message that is signed as a whole: its content, without any check.

Cryptographic Message Syntax, RFC 5652, in BER (X.690): Outlook and OpenSSL write lengths that are
not definite, and strings in pieces. Only what leads to the content is read.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from adapters.mail.transfer import base64_bytes

MAX_VALUES = 100_000
"""Values that are looked at: a string in pieces has one for each."""
_PKCS7 = bytes.fromhex("2a864886f70d0107")
_KINDS = {
    _PKCS7 + b"\x01": "data",
    _PKCS7 + b"\x02": "signed",
    _PKCS7 + b"\x03": "encrypted",
    _PKCS7 + b"\x04": "encrypted",
    bytes.fromhex("2a864886f70d0109100109"): "compressed",
    bytes.fromhex("2a864886f70d0109100117"): "encrypted",
}
"""Object identifiers of content types: RFC 5652, 3274 and 5083."""
_SEQUENCE, _OCTETS, _OBJECT, _EXPLICIT = 0x30, 0x04, 0x06, 0xA0
_CONSTRUCTED = 0x20
_ARMOUR = re.compile(rb"-----(BEGIN|END) [A-Z0-9 ]{1,30}-----")

_MAX_DEPTH = 10

Kind = Literal["signed", "compressed", "encrypted"]


class _Value(NamedTuple):
    """One value: its tag, and where its content begins and ends."""

    tag: int
    first: int
    last: int
    open: bool
    """Its end is marked, not stated: ``last`` is only where it must have ended."""


@dataclass(frozen=True, slots=True)
class CmsContent:
    """What was found: its kind, and the mail inside; no bytes of what is encrypted."""

    kind: Kind
    content: bytes = field(repr=False)


def read(raw: bytes, room: int) -> CmsContent | None:
    """Open what is signed or compressed; None for what is neither, or broken. Never raises.

    ``room`` is how many bytes may come out. Time is linear in the length.
    """
    if raw[:1] != b"\x30":
        raw = base64_bytes(_ARMOUR.sub(b"", raw))
    try:
        return _Reader(raw, room).content_info(0, len(raw))
    except (IndexError, ValueError, StopIteration, zlib.error):
        return None


class _Reader:
    """A walk through BER values, with a count of them."""

    def __init__(self, raw: bytes, room: int) -> None:
        self._raw, self._room = raw, room
        self._seen = 0

    def content_info(self, at: int, end: int) -> CmsContent | None:
        """Read a ContentInfo: an object identifier, and the content it names."""
        whole = self._value(at, end)
        if whole.tag != _SEQUENCE:
            return None
        parts = self._inside(whole)
        kind = self._object(next(parts))
        if kind == "encrypted":
            return CmsContent("encrypted", b"")
        if kind not in ("signed", "compressed"):
            return None
        content = next(self._inside(self._expect(next(parts), _EXPLICIT)))
        packed = self._encapsulated(next(filter(self._leads, self._inside(content))))
        if kind == "signed":
            return CmsContent("signed", packed)
        return CmsContent("compressed", zlib.decompressobj().decompress(packed, self._room))

    def _leads(self, value: _Value) -> bool:
        """Tell whether a value begins with the identifier of a content; those of algorithms do
        not count."""
        if value.tag != _SEQUENCE:
            return False
        inner = next(self._inside(value), None)
        return inner is not None and self._object(inner) != ""

    def _encapsulated(self, value: _Value) -> bytes:
        parts = self._inside(value)
        next(parts)
        explicit = self._expect(next(parts), _EXPLICIT)
        return b"".join(self._octets(next(self._inside(explicit)), 0))

    def _octets(self, value: _Value, depth: int) -> Iterator[bytes]:
        if value.tag == _OCTETS | _CONSTRUCTED and depth < _MAX_DEPTH:
            for piece in self._inside(value):
                yield from self._octets(piece, depth + 1)
        elif value.tag in (_OCTETS, _SEQUENCE):  # PKCS #7 1.5 allowed any value here
            yield self._raw[value.first : value.last]
        else:
            raise ValueError("no octet string")

    def _inside(self, value: _Value) -> Iterator[_Value]:
        return self._values(value.first, value.last)

    def _object(self, value: _Value) -> str:
        known = _KINDS.get(self._raw[value.first : value.last], "")
        return known if value.tag == _OBJECT else ""

    @staticmethod
    def _expect(value: _Value, tag: int) -> _Value:
        if value.tag != tag:
            raise ValueError("another value was expected")
        return value

    def _values(self, at: int, end: int) -> Iterator[_Value]:
        """Yield what stands between; the end of an open value is looked for only to pass it."""
        while at < end and self._raw[at : at + 2] != b"\x00\x00":
            value = self._value(at, end)
            yield value
            at = self._after(value, 0)

    def _after(self, value: _Value, depth: int) -> int:
        if not value.open:
            return value.last
        at = value.first
        while self._raw[at : at + 2] != b"\x00\x00":
            if depth > _MAX_DEPTH:
                raise ValueError("too deep")
            at = self._after(self._value(at, value.last), depth + 1)
        return at + 2

    def _value(self, at: int, end: int) -> _Value:
        """Read the value at ``at``; the end of an open one is where the one around it ends."""
        self._seen += 1
        if self._seen > MAX_VALUES or at + 2 > end:
            raise ValueError("too many values, or none")
        tag, length, first = self._raw[at], self._raw[at + 1], at + 2
        if length == 0x80:
            return _Value(tag, first, end, True)
        if length > 0x80:
            size = length & 0x7F
            if size > 4:
                raise ValueError("too long")
            length = int.from_bytes(self._raw[first : first + size], "big")
            first += size
        return _Value(tag, first, min(first + length, end), False)
