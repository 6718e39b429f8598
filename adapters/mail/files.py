"""Names and types of attached files: the name is made safe, the type is what the bytes say."""

import re
import unicodedata

from adapters.contract import File
from adapters.mail.part import MimePart
from normalizer.file_types import sniff

MAX_FILES = 50
TOO_MANY_FILES = f"mail_many_files: {MAX_FILES}"
_MAX_NAME = 120
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f<>:\"|?*\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Also the marks that turn ``gpj.exe`` around into a picture's name."""
_SUFFIXES = {
    "application/pdf": ".pdf",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/html": ".html",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
}


def is_text(content: bytes) -> bool:
    """Tell whether bytes are plain text."""
    return sniff(content) == "text/plain"


def safe_name(name: str, media_type: str, number: int) -> str:
    """Make a file name of one path piece, at most 120 characters, nothing hidden in it.

    ``../../etc/passwd`` comes out of RFC 2231 parameters; nothing left gives ``lampiran-1.jpg``.
    """
    piece = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    clean = _UNSAFE.sub("", piece).strip(" .")
    if not clean:
        return f"lampiran-{number}{_SUFFIXES.get(media_type, '')}"
    stem, dot, suffix = clean.rpartition(".")
    if len(clean) > _MAX_NAME and dot and len(suffix) <= 10:
        return f"{stem[: _MAX_NAME - len(suffix) - 1]}.{suffix}"
    return clean[:_MAX_NAME]


def file(part: MimePart, number: int) -> File:
    """Turn a part into a file; a mail in the mail stays a file, unopened."""
    content = part.content()
    nested = part.media_type == "message/rfc822"
    media_type = part.media_type if nested else sniff(content)
    return File(safe_name(part.name, media_type, number), media_type, content)
