"""What is inside ``winmail.dat``: the text and the files that Outlook packs for its own kind.

Transport Neutral Encapsulation Format, [MS-OXTNEF]: attributes one after the other, some of which
hold properties of their own. Only text, files and their names are read; sums are not checked.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.mail import charset, rtf

SIGNATURE = b"\x78\x9f\x3e\x22"
MAX_FILES = 50
MAX_ATTRIBUTES = 5_000
MAX_PROPERTIES = 5_000
MAX_TEXT = 524_288

_BODY = 0x800C
_MESSAGE_PROPERTIES = 0x9003
_NEW_FILE = 0x9002
_FILE_DATA = 0x800F
_FILE_NAME = 0x8010
_FILE_PROPERTIES = 0x9005
_CODE_PAGE = 0x9007

_TEXT_PROPERTY = 0x1000
_PAGE_PROPERTY = 0x1013
_RTF_PROPERTY = 0x1009
_DATA_PROPERTY = 0x3701
_NAME_PROPERTIES = (0x3707, 0x3704, 0x3001)
"""Long file name, short file name, display name."""

_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8}
_SIZES |= {0x40: 8, 0x48: 16, 0x01: 4}
"""Bytes of a property of each fixed type, padded to 4."""
_STRING, _UNICODE = 0x1E, 0x1F
_COUNTED = {_STRING, _UNICODE, 0x0D, 0x102}
_MANY = 0x1000
_OBJECT_ID = 16
"""Bytes of the interface's id before an embedded object."""


@dataclass(slots=True)
class TnefFile:
    """A file inside."""

    name: str = ""
    content: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class TnefContent:
    """What was found; ``whole`` is False when the end could not be read."""

    text: str = ""
    page: bytes = b""
    files: list[TnefFile] = field(default_factory=list)
    whole: bool = True


def read(raw: bytes) -> TnefContent | None:
    """Take ``winmail.dat`` apart; None for what is none. Never raises; time is linear."""
    if not raw.startswith(SIGNATURE):
        return None
    found = TnefContent()
    codec, compressed = "cp1252", b""
    try:
        for name, value in _attributes(raw):
            if name == _CODE_PAGE:
                codec = charset.codec_of_page(int.from_bytes(value[:4], "little")) or codec
            elif name == _BODY:
                found.text = found.text or _string(value, codec)
            elif name == _MESSAGE_PROPERTIES:
                compressed = _message(found, _properties(value, codec)) or compressed
            elif name == _NEW_FILE:
                found.whole = found.whole and len(found.files) < MAX_FILES
                found.files.append(TnefFile())
            elif found.files and len(found.files) <= MAX_FILES:
                _file(found.files[-1], name, value, codec)
    except (struct.error, ValueError, LookupError):
        found.whole = False
    if compressed and not found.text.strip() and not found.page.strip():
        found.text = rtf.to_text(rtf.decompress(compressed))
    found.files = [each for each in found.files[:MAX_FILES] if each.content]
    return found


def _attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the name and the bytes of each attribute."""
    at = 6
    for _ in range(MAX_ATTRIBUTES):
        if len(raw) - at < 9:
            return
        _, name, _, length = struct.unpack_from("<BHHI", raw, at)
        at += 9
        if length > len(raw) - at:
            yield name, raw[at:]  # cut on its way: what is there may be the words
            raise ValueError("an attribute ends too early")
        yield name, raw[at : at + length]
        at += length + 2
    raise ValueError("too many attributes")


def _message(found: TnefContent, properties: dict[int, str | bytes]) -> bytes:
    """Take text and page of the message; return its compressed rich text."""
    text, page = properties.get(_TEXT_PROPERTY), properties.get(_PAGE_PROPERTY)
    if isinstance(text, str) and text.strip():
        found.text = text
    if page:
        found.page = page.encode() if isinstance(page, str) else page
    packed = properties.get(_RTF_PROPERTY, b"")
    return packed if isinstance(packed, bytes) else b""


def _file(file: TnefFile, name: int, value: bytes, codec: str) -> None:
    if name == _FILE_DATA:
        file.content = value
    elif name == _FILE_NAME:
        file.name = file.name or _string(value, codec)
    elif name == _FILE_PROPERTIES:
        properties = _properties(value, codec)
        names = (properties.get(each) for each in _NAME_PROPERTIES)
        file.name = next((n for n in names if isinstance(n, str) and n), file.name)
        data = properties.get(_DATA_PROPERTY, b"")
        if isinstance(data, bytes) and not file.content:
            file.content = data


def _properties(raw: bytes, codec: str) -> dict[int, str | bytes]:
    """Read the properties whose values are text or bytes; what is broken ends the reading."""
    found: dict[int, str | bytes] = {}
    try:
        for name, value in _each_property(raw, codec):
            found.setdefault(name, value)
    except (struct.error, ValueError, LookupError):
        pass
    return found


def _each_property(raw: bytes, codec: str) -> Iterator[tuple[int, str | bytes]]:
    [count] = struct.unpack_from("<I", raw)
    at = 4
    for _ in range(min(count, MAX_PROPERTIES)):
        kind, name = struct.unpack_from("<HH", raw, at)
        at += 4
        if name >= 0x8000:
            at = _after_name(raw, at)
        base = kind & ~_MANY
        values = 1
        if kind & _MANY or base in _COUNTED:
            [values] = struct.unpack_from("<I", raw, at)
            at += 4
        if base not in _COUNTED:
            at += _SIZES[base] * values if not kind & _MANY or base != 0x02 else _padded(2 * values)
            continue
        for _ in range(min(values, MAX_PROPERTIES)):
            [length] = struct.unpack_from("<I", raw, at)
            value = raw[at + 4 : at + 4 + length]
            at += 4 + _padded(length)
            yield name, _value(base, value, codec)


def _after_name(raw: bytes, at: int) -> int:
    """Pass the name of a named property: an id, and a number or a text."""
    kind, length = struct.unpack_from("<II", raw, at + 16)
    return at + 24 + (_padded(length) if kind else 0)


def _padded(length: int) -> int:
    return length + -length % 4


def _value(kind: int, value: bytes, codec: str) -> str | bytes:
    if kind == _UNICODE:
        return value[:MAX_TEXT].decode("utf-16-le", "replace").rstrip("\x00")
    if kind == _STRING:
        return _string(value, codec)
    return value[_OBJECT_ID:] if kind == 0x0D else value


def _string(value: bytes, codec: str) -> str:
    said = value[:MAX_TEXT].split(b"\x00", 1)[0]
    return charset.decode(said, codec)[0] if codec != "cp1252" else charset.decode(said)[0]
