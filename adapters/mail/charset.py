"""Bytes to text when the label may be right, wrong, unknown or missing."""

import codecs
import encodings.aliases
import re
from functools import lru_cache

_ALIASES = {
    "utf8mb4": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso-8859-8",
    "x-sjis": "cp932",
    "win-1252": "cp1252",
    "unicode": "utf-16",
    "ansi": "cp1252",
}
_SQUASHED = {
    re.sub(r"[^a-z0-9]", "", name): codec
    for pair in encodings.aliases.aliases.items()
    for name, codec in (pair, (pair[1], pair[1]))
}
"""Python's names of charsets without signs: mailers write UTF_8, iso8859_1 and windows1252."""
_LABEL = re.compile(r"[a-z0-9][\w.:+-]*", re.ASCII)
_WIDE = ("utf-16", "utf-32")
_NAMELESS = {"charset", "x", "none", "default", "unknown", "x-unknown", "unknown-8bit", "8bit"}
"""What stands where a charset should, and names none."""
_WESTERN = {"", "ascii", "iso8859-1", "cp1252"}
"""Labels that mailers set without looking: bytes that are valid UTF-8 are UTF-8 all the same."""
_CHARSETS = re.compile(
    r"(utf|iso|cp\d|windows|mac|koi8|big5|gb|shift_jis|euc|hz|johab|tis|ptcp|kz|ascii|latin)"
)
"""How the codec of a charset is called; Python also has idna, punycode (quadratic) and rot13."""


def decode(raw: bytes, label: str = "", *, cut: bool = False) -> tuple[str, bool]:
    """Decode ``raw`` and tell whether the label had to be set aside or bytes replaced.

    ``cut`` says that ``raw`` is the beginning of something longer, so that a character may be
    broken at its end. Never raises.
    """
    if not label and not cut and raw.isascii():
        return raw.decode("ascii"), False
    codec = _codec(label)
    tries = ("utf-8-sig", codec) if codec in _WESTERN else (codec, "utf-8-sig")
    for name in filter(None, tries):
        try:
            return _strict(raw, name, cut), _codec(label) is None or _differs(codec, name)
        except (UnicodeError, ValueError):
            continue
    return _guessed(raw, codec), True


def _guessed(raw: bytes, codec: str | None) -> str:
    """Decode what no charset fits; UTF-8 of which no character survives is Western text."""
    if codec and codec not in _WESTERN:
        text = raw.decode(codec, "replace")
        if codec != "utf-8" or not text.replace("\ufffd", "").isascii():
            return text
    return raw.decode("cp1252", "replace")


def is_utf8(raw: bytes, *, cut: bool = False) -> bool:
    """Tell whether bytes are valid UTF-8; ``cut`` allows half a character at the end."""
    return _decodes(raw, "utf-8", cut)


def fits(raw: bytes, label: str, *, cut: bool = False) -> bool:
    """Tell whether bytes are valid in the charset of this label."""
    codec = _codec(label)
    return bool(codec) and _decodes(raw, codec or "", cut)


def is_wide(label: str) -> bool:
    """Tell whether a charset has NUL in ordinary text."""
    return (_codec(label) or "").startswith(_WIDE)


def codec_of_page(number: int) -> str | None:
    """Return the codec of a Windows code page; None for one that is not known."""
    return "utf-8" if number == 65_001 else _python_name(f"cp{number}")


def _decodes(raw: bytes, codec: str, cut: bool) -> bool:
    try:
        _strict(raw, codec, cut)
    except (UnicodeError, ValueError):
        return False
    return True


@lru_cache(256)
def _codec(label: str) -> str | None:
    """Return Python's name of a charset; "" for none given, None for one that is not known.

    A label may be decorated: in quotes, with a comment, with signs before or behind it.
    """
    if not any(map(str.isalnum, label)):
        return ""
    words = _LABEL.findall(label[:200].lower())
    wanted = next((word for word in words if word not in _NAMELESS), "")
    squashed = re.sub(r"[^a-z0-9]", "", wanted)
    plain = _ALIASES.get(wanted) or _SQUASHED.get(squashed) or _SQUASHED.get(squashed[1:])
    for name in (wanted, plain):
        if found := _python_name(name or ""):
            return found
    return None


def _python_name(name: str) -> str | None:
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):
        return None
    return found if _CHARSETS.match(found) else None


def _strict(raw: bytes, codec: str, cut: bool) -> str:
    if codec in ("ascii", "cp1252", "iso8859-1"):
        codec = "cp1252"
    return codecs.getincrementaldecoder(codec)("strict").decode(raw, not cut)


def _differs(codec: str | None, used: str) -> bool:
    """A Western label on UTF-8 is too common to be worth a note."""
    return bool(codec) and codec not in _WESTERN and codec != used
