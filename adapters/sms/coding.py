"""Which alphabet a ``data_coding`` means, and reading text by it (SMPP 3.4, 5.2.19).

Message centres also pass on a phone's own coding scheme (3GPP TS 23.038, 4), so that is read too.
What cannot be read is read as well as possible, with a note.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from normalizer import gsm
from normalizer.inbound import Inbound

Default = Literal["gsm", "latin1", "ascii"]
"""What a message centre means by its own default alphabet, ``data_coding`` 0."""

UCS2, BINARY, DEFAULT = "utf-16-be", "binary", "default"

UCS2_NUMBER = 0x08
CODINGS: dict[int, str] = {
    0x00: DEFAULT,
    0x01: "ascii",
    0x02: BINARY,
    0x03: "latin-1",
    0x04: BINARY,
    0x05: "shift_jis",
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    UCS2_NUMBER: UCS2,
    0x0A: "iso2022_jp",
    0x0E: "euc_kr",
}
"""Of each assigned ``data_coding`` the codec."""
HALF = "half_character"
LEAST_ASCII = 8
"""Octets that are all ASCII letters and signs before they are taken for no UCS-2: as such they
would be four rare Chinese characters, and some centres name UCS-2 whatever they bring."""
_ASCII = re.compile(rb"[\t\n\r\x20-\x7e]+")
_GENERAL = (DEFAULT, BINARY, UCS2)
"""Bits 3 and 2 of a general coding scheme with a message class (0x10 to 0x3F)."""


@dataclass(frozen=True, slots=True)
class CodingWords:
    """A text and what was odd about reading it."""

    text: str
    notes: tuple[str, ...] = ()


def coding_of(data_coding: int) -> str | None:
    """Return the codec of a ``data_coding``; None when it is not assigned."""
    group = data_coding >> 4
    if group in (0x1, 0x2, 0x3):  # with a message class, perhaps compressed
        compressed, alphabet = data_coding & 0x20, (data_coding >> 2) & 0x3
        return BINARY if compressed or alphabet == 3 else _GENERAL[alphabet]
    if group in (0xC, 0xD):  # message waiting
        return DEFAULT
    if group == 0xE:
        return UCS2
    if group == 0xF:  # data coding and message class
        return BINARY if data_coding & 0x04 else DEFAULT
    return CODINGS.get(data_coding)


def read(payload: bytes, data_coding: int, default: Default) -> CodingWords:
    """Read what was written in a ``data_coding``; never raises."""
    coding = coding_of(data_coding)
    if coding == UCS2:
        return _ucs2(payload, data_coding)
    if coding == DEFAULT:
        return _default(payload, default)
    if coding == BINARY or coding is None:
        return CodingWords(_guessed(payload, default), _notes(data_coding))
    try:
        return CodingWords(payload.decode(coding))
    except UnicodeDecodeError:
        return CodingWords(_guessed(payload, "latin1"), _notes(data_coding))


def read_parts(payloads: Sequence[bytes], data_coding: int, default: Default) -> CodingWords:
    """Read consecutive parts of one message and one coding, in which a character may lie across."""
    if coding_of(data_coding) != UCS2 or sum(map(len, payloads)) % 2 == 0:
        return read(b"".join(payloads), data_coding, default)
    even = b"".join(payload[: len(payload) & ~1] for payload in payloads)  # each lost its own half
    words = read(even, data_coding, default)
    return CodingWords(words.text, (*words.notes, HALF))


def join_texts(
    parts: Iterable[Inbound], read_octets: Callable[[Sequence[bytes], int | str], str]
) -> str:
    """Return the text of consecutive parts; those of one coding are read from their octets."""
    texts: list[str] = []
    for coding, run in groupby(parts, key=_coding):
        together = [*run]
        octets = [part.part.octets for part in together if part.part]
        read_each = coding == "" or len(octets) < len(together)
        texts += [p.text for p in together] if read_each else [read_octets(octets, coding)]
    return "".join(texts)


def _coding(part: Inbound) -> int | str:
    """Return what parts have in common that are read together: another class is no other coding."""
    written = part.part.coding if part.part else ""
    known = coding_of(written) if isinstance(written, int) else None
    alike = (number for number, codec in CODINGS.items() if codec == known)
    return next(alike, written) if known not in (None, BINARY) else written


def _ucs2(payload: bytes, data_coding: int) -> CodingWords:
    if len(payload) >= LEAST_ASCII and _ASCII.fullmatch(payload):
        return CodingWords(payload.decode("ascii"), _notes(data_coding))
    notes = (HALF,) if len(payload) % 2 else ()
    even = payload[: len(payload) & ~1]
    codec = "utf-16-le" if even[:2] == b"\xff\xfe" else UCS2
    return CodingWords(even.decode(codec, "replace").replace("\ufeff", ""), notes)


def _notes(data_coding: int) -> tuple[str, ...]:
    """Say that a text is not what its coding says, or that this says nothing of letters."""
    return (f"alphabet_guessed: {data_coding:#04x}",)


def _default(payload: bytes, default: Default) -> CodingWords:
    if default != "gsm":
        return CodingWords(payload.decode("latin-1"))  # every octet is a letter, also beyond ASCII
    if max(payload, default=0) < 0x80:
        return CodingWords(gsm.decode(payload))
    return CodingWords(_guessed(payload, "latin1"), _notes(0))


def _guessed(payload: bytes, default: Default) -> str:
    try:
        return payload.decode("utf-8") if default != "gsm" else _default(payload, default).text
    except UnicodeDecodeError:
        return payload.decode("latin-1")
