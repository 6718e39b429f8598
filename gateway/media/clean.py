"""What a file is by its bytes, and a harmless copy of it.

Pure and synchronous, for a worker process with a deadline: every byte here comes from a stranger.
An image is drawn again on an empty sheet, turned upright, at most ``MOST`` pixels wide and high, so
that nothing but its pixels goes on: no EXIF, GPS, thumbnail, colour profile, comment or appendix.
Of an animation the first frame goes on. Other kinds are handed on as they are.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import ExifTags, Image

from gateway.media.kinds import DRAWN, KINDS, Encoding, FileKind, named
from normalizer.file_types import sniff
from normalizer.message import FileNote

MOST = 4096
"""Pixels on the longer side of an image that is handed on."""
_ENOUGH = MOST * 3 // 4
"""Pixels from which on a JPEG is decoded at half the size: a quarter of the memory."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientation and what turns the image upright."""
_SAVING: dict[Encoding, dict[str, Any]] = {
    "JPEG": {"quality": 85, "optimize": True},
    "PNG": {},
    "WEBP": {"quality": 85},
}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file as it may be kept. With a ``note`` it is quarantined: its bytes are the original's."""

    content: bytes
    media_type: str
    note: FileNote | None = None
    point: Point | None = None
    """Where a photo was taken: latitude and longitude, degrees, WGS 84."""


def clean(content: bytes) -> Cleaned:
    """Return a harmless copy of a file, or the file itself with a note; never raises."""
    media_type = named(sniff(content))
    kind = KINDS.get(media_type)
    if kind is None:
        return Cleaned(content, media_type, FileNote.UNKNOWN_KIND)
    if not kind.reads:
        return Cleaned(content, media_type)
    try:
        return _drawn(content, kind)
    except Exception:  # Pillow's readers raise whatever their authors did not think of
        return Cleaned(content, media_type, FileNote.BROKEN)


def _drawn(content: bytes, kind: FileKind) -> Cleaned:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(BytesIO(content), formats=[kind.reads]) as image:
            image.draft("RGB", _enough(image))
            exif = _exif(image)
            image.load()
            sheet = _redrawn(image, exif.get(ExifTags.Base.Orientation), kind.writes)
    written = BytesIO()
    sheet.save(written, kind.writes, **_SAVING[kind.writes])
    return Cleaned(written.getvalue(), DRAWN[kind.writes], point=_point(exif))


def _enough(image: Image.Image) -> tuple[int, int]:
    scale = min(1.0, _ENOUGH / max(image.size))
    return max(1, int(image.width * scale)), max(1, int(image.height * scale))


def _redrawn(image: Image.Image, orientation: object, encoding: Encoding) -> Image.Image:
    clear = encoding != "JPEG" and image.has_transparency_data
    mode = "RGBA" if clear else "RGB"
    drawn = image if image.mode == mode else image.convert(mode)
    drawn.thumbnail((MOST, MOST))
    if isinstance(orientation, int) and orientation in _TURNS:
        drawn = drawn.transpose(_TURNS[orientation])
    sheet = Image.new(drawn.mode, drawn.size)
    sheet.paste(drawn)
    return sheet


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # a picture whose notes are damaged is still a picture
        return Image.Exif()


def _point(exif: Image.Exif) -> Point | None:
    """Read where a photo was taken; None when it does not say so plausibly."""
    try:
        said = exif.get_ifd(ExifTags.IFD.GPSInfo)
        latitude = _degrees(said[ExifTags.GPS.GPSLatitude], said[ExifTags.GPS.GPSLatitudeRef])
        longitude = _degrees(said[ExifTags.GPS.GPSLongitude], said[ExifTags.GPS.GPSLongitudeRef])
    except Exception:
        return None
    somewhere = abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude, longitude) != (0, 0)
    return (latitude, longitude) if somewhere else None


def _degrees(parts: Sequence[Any], side: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    whole = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(whole):
        raise ValueError("no such place")
    return round(-whole if side in ("S", "W") else whole, 6)
