"""Pictures and other files to be sent in: with secrets in them, disguised, damaged."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import ExifTags, Image

MONAS = (-6.175392, 106.827153)
"""Where the photos were taken."""
OWNER = "Siti Aminah, Jl. Melati 5"
"""What their camera noted beside."""
HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
EXE = b"MZ\x90\x00\x03" + bytes(55) + struct.pack("<I", 64) + b"PE\x00\x00\x64\x86" + bytes(300)
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + b"\xff\xfb\x90\x64" + bytes(500)
OGG = b"OggS\x00\x02" + bytes(8) + b"\x01\x00\x00\x00" + bytes(8) + b"\x01\x13OpusHead" + bytes(40)
AMR = b"#!AMR\n" + bytes(64)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)
THREEGP = b"\x00\x00\x00\x18ftyp3gp4\x00\x00\x00\x003gp4isom" + bytes(64)
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)


def picture(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    """Draw a picture whose left half is red."""
    drawn = Image.new(mode, size)
    red: Any = {
        "RGB": (200, 30, 30),
        "RGBA": (200, 30, 30, 120),
        "L": 120,
        "CMYK": (0, 200, 200, 9),
    }
    drawn.paste(red.get(mode, 1), (0, 0, size[0] // 2, size[1]))
    return drawn


def encoded(image: Image.Image, kind: str, **how: Any) -> bytes:
    """Encode a picture."""
    written = BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


def photo(kind: str = "JPEG", *, orientation: int = 1, size: tuple[int, int] = (40, 30)) -> bytes:
    """Take a photo that says where and by whom it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = OWNER
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(_gps())
    more: dict[str, Any] = {"comment": OWNER.encode()} if kind == "JPEG" else {}
    return encoded(picture(size), kind, exif=exif, icc_profile=OWNER.encode(), **more)


def _gps() -> dict[int, Any]:
    return {
        ExifTags.GPS.GPSLatitudeRef: "S",
        ExifTags.GPS.GPSLatitude: (6.0, 10.0, 31.4112),
        ExifTags.GPS.GPSLongitudeRef: "E",
        ExifTags.GPS.GPSLongitude: (106.0, 49.0, 37.7508),
    }


def bomb(side: int = 30_000) -> bytes:
    """Make a PNG of a few hundred bytes that claims to be ``side`` pixels wide and high."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"\0" * 99))


def _chunk(name: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + check
