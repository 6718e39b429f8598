"""Bytes to text when the label may be right, wrong, unknown or missing."""

import codecs
import re

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
    "cp-850": "cp850",
    "win-1252": "cp1252",
}
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


def _codec(label: str) -> str | None:
    """Return Python's name of a charset; "" for none given, None for one that is not known."""
    wanted = label.strip().strip("'\"").split("*")[0].lower()
    if not wanted:
        return ""
    try:
        name = codecs.lookup(_ALIASES.get(wanted, wanted)).name
    except (LookupError, ValueError):
        return None
    return name if _CHARSETS.match(name) else None


def _strict(raw: bytes, codec: str, cut: bool) -> str:
    if codec in ("ascii", "cp1252", "iso8859-1"):
        codec = "cp1252"
    return codecs.getincrementaldecoder(codec)("strict").decode(raw, not cut)


def _differs(codec: str | None, used: str) -> bool:
    """A Western label on UTF-8 is too common to be worth a note."""
    return bool(codec) and codec not in _WESTERN and codec != used
