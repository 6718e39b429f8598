"""Rich text (RTF) to plain text, and the compressed form in which Outlook packs it.

The format is Microsoft's RTF 1.9.1; [MS-OXRTFCP] is the compression, [MS-OXRTFEX] what Outlook
writes around a page. Only words and their line breaks are read.
"""

import re
import struct
from typing import NamedTuple

from adapters.mail import charset

MAX_RTF = 262_144
"""Bytes that are read, and that come out of the compression."""
_WINDOW = 4_096
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    b"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
    b"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])"
    rb"|([^\\{}\r\n]+)|[\r\n]+|\\\Z",
    re.DOTALL,
)
_ASIDE = {
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"objdata", b"themedata",
    b"listtable", b"listoverridetable", b"header", b"footer", b"fldinst", b"datastore",
    b"generator", b"xmlnstbl", b"rsidtbl", b"filetbl", b"revtbl", b"pntext",
}  # fmt: skip
"""Groups that are no text of the writer."""
_SIGNS = {
    b"par": "\n",
    b"line": "\n",
    b"sect": "\n",
    b"page": "\n",
    b"row": "\n",
    b"cell": " ",
    b"tab": "\t",
    b"emdash": "\u2014",
    b"endash": "\u2013",
    b"bullet": "\u2022",
    b"lquote": "\u2018",
    b"rquote": "\u2019",
    b"ldblquote": "\u201c",
    b"rdblquote": "\u201d",
}
_SYMBOLS = {b"~": "\u00a0", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n"}


class _State(NamedTuple):
    """What holds inside one group."""

    aside: bool = False
    page: bool = False
    """Inside what only shows the page that Outlook packed (``htmlrtf``)."""
    skip: int = 1
    """Characters after ``\\u`` that are its replacement for old readers."""


def to_text(raw: bytes) -> str:
    """Turn RTF into text. Never raises; time is linear in the length."""
    reader = _Reader()
    for match in _TOKEN.finditer(raw[:MAX_RTF]):
        reader.take(match)
    return reader.text()


class _Reader:
    """The groups that are open, and what was read so far."""

    def __init__(self) -> None:
        self._state = _State()
        self._outer: list[_State] = []
        self._said: list[str] = []
        self._letters = bytearray()
        self._codec = "cp1252"
        self._starred = False
        self._left = 0
        """Characters still to be left out after ``\\u``."""

    def text(self) -> str:
        """Return what was read."""
        self._flush()
        said = "".join(self._said)
        return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").strip()

    def take(self, match: re.Match[bytes]) -> None:
        """Take one token."""
        word, number, code, symbol, brace, plain = match.groups()
        if brace == b"{":
            self._outer.append(self._state)
        elif brace:
            self._state = self._outer.pop() if self._outer else self._state
        elif word:
            self._word(word, number)
        elif code:
            self._plain(bytes([int(code, 16)]))
        elif symbol == b"*":
            self._starred = True
            return
        elif symbol:
            self._plain(symbol) if symbol in b"\\{}" else self._say(_SYMBOLS.get(symbol, ""))
        elif plain:
            self._plain(plain)
        self._starred = False

    def _word(self, word: bytes, number: bytes | None) -> None:
        if self._starred or word in _ASIDE:
            self._state = self._state._replace(aside=True)
        elif word == b"htmlrtf":
            self._state = self._state._replace(page=number != b"0")
        elif word == b"uc":
            self._state = self._state._replace(skip=int(number or 1))
        elif word == b"u" and number:
            self._say(chr(int(number) % 65_536))
            self._left = self._state.skip
        elif word == b"ansicpg" and number:
            self._flush()
            self._codec = charset.codec_of_page(int(number)) or self._codec
        elif word in _SIGNS:
            self._say(_SIGNS[word])

    def _plain(self, letters: bytes) -> None:
        kept = letters[self._left :] if self._left > 0 else letters
        self._left = max(self._left - len(letters), 0)
        if not (self._state.aside or self._state.page):
            self._letters += kept

    def _say(self, text: str) -> None:
        if not (self._state.aside or self._state.page):
            self._flush()
            self._said.append(text)

    def _flush(self) -> None:
        if self._letters:
            self._said.append(self._letters.decode(self._codec, "replace"))
            self._letters.clear()


def decompress(packed: bytes) -> bytes:
    """Undo Outlook's compression ([MS-OXRTFCP] 2.2); b"" for what is none. Never raises."""
    if len(packed) < 16:
        return b""
    size, _, kind, _ = struct.unpack_from("<II4sI", packed)
    if kind == b"MELA":
        return packed[16 : min(size + 4, 16 + MAX_RTF)]
    if kind != b"LZFu":
        return b""
    out = bytearray(_DICTIONARY)
    at, end = 16, min(len(packed), size + 4)
    while at < end and len(out) < MAX_RTF:
        control = packed[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                out += packed[at : at + 1]
                at += 1
                continue
            pair = int.from_bytes(packed[at : at + 2], "big")
            at += 2
            here = len(out) % _WINDOW
            if at > end or pair >> 4 == here:
                return bytes(out[len(_DICTIONARY) :])
            _repeat(out, pair >> 4, (pair & 15) + 2)
    return bytes(out[len(_DICTIONARY) :])


def _repeat(out: bytearray, offset: int, length: int) -> None:
    """Copy from the window of the last 4,096 bytes; what was never written there is a space."""
    back = (len(out) - offset) % _WINDOW or _WINDOW
    for _ in range(length):
        out.append(out[-back] if back <= len(out) else 0x20)
