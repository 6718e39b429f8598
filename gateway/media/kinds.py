"""Which kinds of file are handed on, and how: one table for the cleaner and for the portals.

What is not in the table (a page, a drawing with scripts, a program) is kept and quarantined.
"""

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["JPEG", "PNG", "WEBP"]


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file. ``inline``: a browser may show it; else it is only offered for download."""

    extension: str
    inline: bool = True
    reads: str = ""
    """Pillow's name of the format that an image of this kind is read by."""
    writes: Encoding = "JPEG"
    """The format in which that image is drawn again."""


KINDS: dict[str, FileKind] = {
    "image/jpeg": FileKind(".jpg", reads="JPEG"),
    "image/png": FileKind(".png", reads="PNG", writes="PNG"),
    "image/webp": FileKind(".webp", reads="WEBP", writes="WEBP"),
    "image/gif": FileKind(".gif", reads="GIF", writes="PNG"),
    "image/avif": FileKind(".avif", reads="AVIF"),
    "video/mp4": FileKind(".mp4"),
    "video/3gpp": FileKind(".3gp"),
    "video/quicktime": FileKind(".mov"),
    "audio/ogg": FileKind(".ogg"),
    "audio/amr": FileKind(".amr"),
    "audio/mpeg": FileKind(".mp3"),
    "audio/mp4": FileKind(".m4a"),
    # A PDF may hold scripts and forms; a browser's reader of it does not work in a sandbox anyway.
    "application/pdf": FileKind(".pdf", inline=False),
    "text/plain": FileKind(".txt"),
    "text/vcard": FileKind(".vcf", inline=False),
}
DRAWN: dict[Encoding, str] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""The media type of what was drawn again."""

ALIASES = {
    "application/ogg": "audio/ogg",
    "audio/x-m4a": "audio/mp4",
    "audio/x-mp4a-latm": "audio/mp4",
    "text/x-vcard": "text/vcard",
    "video/3gpp2": "video/3gpp",
    "video/x-m4v": "video/mp4",
}
"""Other names that libmagic gives to kinds of the table."""


def named(sniffed: str) -> str:
    """Return a media type by the name it has in the table."""
    low = sniffed.lower()
    return ALIASES.get(low, low)
