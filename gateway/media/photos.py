"""Photos that officers put to an answer: made harmless like those of citizens, and kept."""

import re
from typing import NamedTuple

from gateway.media.kinds import KINDS
from gateway.media.objects import AttachmentStore
from gateway.media.store_files import Clean

PHOTO_BYTES = 8_000_000
_NAME = re.compile(r"[0-9a-f]{64}")


class NoPhoto(Exception):
    """The bytes are no image that can be drawn again."""


class PhotoTooLarge(Exception):
    """There are more than ``PHOTO_BYTES``."""


class KeptPhoto(NamedTuple):
    """A photo by its digest."""

    sha256: str
    media_type: str
    size: int


class PhotoStore:
    """Keeps photos. Raises ``ObjectsUnavailable``."""

    def __init__(self, attachments: AttachmentStore, clean: Clean) -> None:
        self._attachments = attachments
        self._clean = clean

    async def keep(self, data: bytes) -> KeptPhoto:
        """Draw a photo again and keep it. Raises ``NoPhoto``, ``PhotoTooLarge``."""
        if len(data) > PHOTO_BYTES:
            raise PhotoTooLarge
        cleaned = await self._clean(data)
        if cleaned.note or not is_photo(cleaned.media_type):
            raise NoPhoto
        digest = await self._attachments.put(cleaned.content)
        return KeptPhoto(digest, cleaned.media_type, len(cleaned.content))

    async def has(self, sha256: str, media_type: str) -> bool:
        """Tell whether a photo is kept."""
        if not is_photo(media_type) or not _NAME.fullmatch(sha256):
            return False
        return await self._attachments.has(sha256)


def is_photo(media_type: str) -> bool:
    """Tell whether files of this type are drawn again."""
    kind = KINDS.get(media_type)
    return kind is not None and bool(kind.reads)
