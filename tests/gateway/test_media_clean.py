"""What is handed on of a stranger's file: its pixels, and never what it hid beside them."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.media.clean import MOST, clean
from gateway.media.kinds import KINDS
from gateway.platform.sandbox import Sandbox
from normalizer.message import FileNote
from tests.gateway import pictures
from tests.gateway.pictures import MONAS, OWNER, encoded, photo, picture


def _opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("AVIF", "image/jpeg")],
)
def test_a_photo_keeps_its_pixels_and_loses_its_notes(kind: str, becomes: str) -> None:
    taken = photo(kind)
    assert OWNER.encode() in taken  # the photo does carry what must go
    cleaned = clean(taken)
    assert (cleaned.media_type, cleaned.note) == (becomes, None)
    assert OWNER.encode() not in cleaned.content
    image = _opened(cleaned.content)
    image.load()
    assert not image.getexif()
    assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()
    assert image.size == (40, 30)
    red, green, _ = image.convert("RGB").getpixel((5, 15))  # type: ignore[misc]
    assert red > 150 > 90 > green


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_where_a_photo_was_taken_is_read_before_it_is_dropped(kind: str) -> None:
    assert clean(photo(kind)).point == pytest.approx(MONAS, abs=1e-6)
    assert clean(encoded(picture(), kind)).point is None


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (40, 30), (5, 15)),
        (3, (40, 30), (35, 15)),
        (6, (30, 40), (15, 5)),
        (8, (30, 40), (15, 35)),
    ],
)
def test_a_photo_stands_upright(
    orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    image = _opened(clean(photo(orientation=orientation)).content)
    assert image.size == size
    red, green, _ = image.convert("RGB").getpixel(red_at)  # type: ignore[misc]
    assert red > 150 > 90 > green


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("side", [5000, 7000, 13000])
def test_a_large_photo_is_made_smaller(kind: str, side: int) -> None:
    image = _opened(clean(encoded(picture((side, side // 5)), kind)).content)
    assert MOST * 3 // 4 <= max(image.size) <= MOST
    assert image.size[0] / image.size[1] == pytest.approx(5, rel=0.01)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
def test_every_way_to_write_colours_is_read(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert clean(encoded(picture(mode=mode), kind)).note is None


def test_what_is_transparent_stays_so() -> None:
    image = _opened(clean(encoded(picture(mode="RGBA"), "PNG")).content)
    assert image.mode == "RGBA"
    assert image.getpixel((5, 5))[3] == 120  # type: ignore[index]


def test_of_an_animation_the_first_frame_is_kept() -> None:
    frames = [picture(), Image.new("RGB", (40, 30), (0, 0, 255))]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"hidden")
    cleaned = clean(moving)
    assert (cleaned.media_type, cleaned.note) == ("image/png", None)
    assert b"hidden" not in cleaned.content
    assert getattr(_opened(cleaned.content), "n_frames", 1) == 1


def test_what_hides_behind_a_picture_is_gone() -> None:
    cleaned = clean(encoded(picture(), "PNG") + pictures.HTML)
    assert cleaned.media_type == "image/png"
    assert b"script" not in cleaned.content


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (pictures.PDF, "application/pdf"),
        (pictures.MP3, "audio/mpeg"),
        (pictures.OGG, "audio/ogg"),
        (pictures.AMR, "audio/amr"),
        (pictures.MP4, "video/mp4"),
        (pictures.THREEGP, "video/3gpp"),
        (b"BEGIN:VCARD\nVERSION:3.0\nFN:A\nEND:VCARD\n", "text/vcard"),
        ("Jalan rusak é\n".encode(), "text/plain"),
    ],
)
def test_harmless_kinds_are_handed_on_as_they_are(content: bytes, media_type: str) -> None:
    cleaned = clean(content)
    assert (cleaned.content, cleaned.media_type, cleaned.note) == (content, media_type, None)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (pictures.HTML, FileNote.UNKNOWN_KIND),
        (pictures.SVG, FileNote.UNKNOWN_KIND),
        (pictures.EXE, FileNote.UNKNOWN_KIND),
        (pictures.HEIC, FileNote.UNKNOWN_KIND),
        (b"PK\x03\x04" + bytes(100), FileNote.UNKNOWN_KIND),
        (b"#!/bin/sh\nrm -rf /\n", FileNote.UNKNOWN_KIND),
        (b"", FileNote.UNKNOWN_KIND),
        (photo()[:300], FileNote.BROKEN),
        (encoded(picture(), "PNG")[:60], FileNote.BROKEN),
        (b"GIF89a" + bytes(20), FileNote.BROKEN),
        (b"\xff\xd8\xff\xe0" + pictures.HTML, FileNote.BROKEN),
        (pictures.bomb(), FileNote.BROKEN),
        (pictures.bomb(10_000), FileNote.BROKEN),
    ],
)
def test_what_cannot_be_made_harmless_is_noted_and_left_whole(
    content: bytes, note: FileNote
) -> None:
    cleaned = clean(content)
    assert (cleaned.note, cleaned.content, cleaned.point) == (note, content, None)


async def test_a_hostile_picture_costs_a_worker_at_most() -> None:
    reader = Sandbox(1, 20, modules=("gateway.media.clean",))
    try:
        assert (await reader.read(clean, pictures.bomb())).note is FileNote.BROKEN
        assert (await reader.read(clean, photo())).note is None
    finally:
        await reader.close()


SEEDS = st.sampled_from([photo(), photo("PNG"), photo("WEBP"), pictures.PDF, pictures.SVG])


@given(st.one_of(st.binary(max_size=200), SEEDS), st.data())
@settings(max_examples=150, deadline=None)
def test_no_bytes_get_through_that_are_not_what_they_say(
    content: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(content)))
    cleaned = clean(content[:at] + data.draw(st.binary(max_size=8)) + content[at:])
    if cleaned.note is None:
        assert cleaned.media_type in KINDS
        if cleaned.media_type.startswith("image/"):
            assert OWNER.encode() not in cleaned.content
            _opened(cleaned.content).load()
