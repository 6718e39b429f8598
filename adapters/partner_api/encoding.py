"""In which encoding a body was written: what its sender names, what JSON shows, else UTF-8."""

import codecs
import json

from adapters.contract import Invalid

UTF8 = "utf-8"
_WESTERN = frozenset({"ascii", "iso8859-1"})
"""What the web means by them is Windows-1252 (https://encoding.spec.whatwg.org/#names-and-labels)."""
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined"})
"""Codecs of Python that turn bytes into text and are no charset; punycode takes quadratic time."""


def codec_of(label: str) -> str:
    """Return Python's name of a charset; UTF-8 where none is named. Raises ``Invalid``."""
    try:
        found = codecs.lookup(label.strip().strip("'\"") or UTF8)
    except (LookupError, ValueError):
        raise Invalid(["charset: is not known"]) from None
    # Python also has codecs from bytes to bytes, such as base64.
    if not getattr(found, "_is_text_encoding", True) or found.name in _NO_CHARSETS:
        raise Invalid(["charset: is not known"])
    return "cp1252" if found.name in _WESTERN else found.name


def decode(body: bytes, codec: str = UTF8) -> str:
    """Decode what must be text of a codec. Raises ``Invalid``: a guess would lose letters."""
    try:
        return body.decode(codec)
    except UnicodeError:
        raise Invalid([not_text(codec)]) from None


def decode_json(body: bytes, label: str = "") -> str:
    """Decode JSON: RFC 8259 8.1 wants UTF-8, and lets a reader pass over a byte order mark.

    UTF-16 and UTF-32 show themselves; any other charset must be named. Raises ``Invalid``.
    """
    shown = json.detect_encoding(body)
    named = codec_of(label)
    return decode(body, named if shown == UTF8 and not named.startswith("utf") else shown)


def not_text(codec: str) -> str:
    """Say that bytes are no text of a codec."""
    return f"the body is not {codec} text: name its charset in Content-Type, or send UTF-8"
