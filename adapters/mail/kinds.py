"""Content types as mailers write them, and what is text for people among them.

RFC 2045 section 5.1, RFC 2046 section 4.1.4: a text of an unknown kind is shown as it stands.
"""

import re

from adapters.mail import headers

_COMMENT = re.compile(r"\([^()]{0,200}\)")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*")
_PAIR = re.compile(rf"({_TOKEN.pattern})\s*[/\\|:]\s*({_TOKEN.pattern})")
_FAMILIES = {
    "text",
    "multipart",
    "message",
    "image",
    "audio",
    "video",
    "application",
    "model",
    "font",
    "chemical",
}
_MEANT = {
    "text": "text/plain",
    "plain": "text/plain",
    "txt": "text/plain",
    "text-plain": "text/plain",
    "html": "text/html",
    "htm": "text/html",
    "text-html": "text/html",
    "multipart": "multipart/mixed",
    "mixed": "multipart/mixed",
    "alternative": "multipart/alternative",
    "message": "message/rfc822",
    "rfc822": "message/rfc822",
    "text/htm": "text/html",
    "text/txt": "text/plain",
    "text/ascii": "text/plain",
    "text/x-html": "text/html",
    "text/xhtml": "text/html",
    "application/html": "text/html",
    "application/xhtml+xml": "text/html",
    "application/plain": "text/plain",
    "application/txt": "text/plain",
    "application/text": "text/plain",
    "application/x-text": "text/plain",
    "application/text-plain": "text/plain",
    "message/rfc-822": "message/rfc822",
    "message/rfc2822": "message/rfc822",
    "message/rfc5322": "message/rfc822",
    "application/rtf": "text/rtf",
    "application/x-rtf": "text/rtf",
    "text/x-rtf": "text/rtf",
}
"""What a word, or a type there is not, stands for."""

HTML = {"text/html", "text/x-amp-html"}
_FILES = {
    "text/calendar",
    "text/csv",
    "text/tab-separated-values",
    "text/vcard",
    "text/x-vcard",
    "text/directory",
    "text/css",
    "text/javascript",
    "text/ecmascript",
    "text/xml",
    "text/x-amp-html",
    "text/rfc822-headers",
}
"""Texts for programs: files, whether the mail says so or not."""


def read(value: str) -> tuple[str, dict[str, str], bool]:
    """Read a Content-Type: its type, its parameters, and whether the type is as it should be.

    The type is "" where none is stated or guessed. Never raises.
    """
    stated = headers.decode_words(value[: headers.MAX_PARAMETER_TEXT]) if "=?" in value else value
    head, _, named = stated.partition(";")
    head = _COMMENT.sub(" ", head[:300]).strip(" ,\"'<>[]")
    match = _PAIR.match(head.lower()) or _TOKEN.match(head.lower())
    if match is None:
        return "", headers.parameters(f"x/x;{named}")[1], not head
    kind = f"{match[1]}/{match[2]}" if match.re is _PAIR else match[0]
    meant = _meant(kind)
    loose = head[match.end() :].lstrip(" ,")  # "text/plain charset=utf-8"
    return meant, headers.parameters(f"x/x;{loose};{named}")[1], head.lower() == meant


def _meant(kind: str) -> str:
    """Return the type that is meant: ``plain/text`` is turned around, ``text`` is plain text."""
    if meant := _MEANT.get(kind):
        return meant
    first, _, second = kind.partition("/")
    if first not in _FAMILIES and second in _FAMILIES:
        return _MEANT.get(f"{second}/{first}", f"{second}/{first}")
    if not second:
        return _MEANT.get(kind, "")
    return kind


def is_words(kind: str) -> bool:
    """Tell whether a part of this type is text for people to read."""
    return kind.startswith("text/") and kind not in _FILES
