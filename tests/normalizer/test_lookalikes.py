"""Letters in disguise are read; what is written in earnest stays."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.gazetteer import Gazetteer
from normalizer.lookalikes import LOOK_ALIKE, plain, spell_out
from normalizer.message import Intent
from normalizer.text import repair
from tests.normalizer.conftest import Normalize

SMALL = "abcdefghijklmnopqrstuvwxyz"
SAID = "jalan rusak"


def shifted(first: str) -> str:
    """Write ``SAID`` in an alphabet of Unicode that begins with a letter."""
    return "".join(chr(ord(first) + SMALL.index(c)) if c in SMALL else c for c in SAID)


def with_mark(mark: str) -> str:
    """Put a mark on every character, as tools for underlining do."""
    return "".join(c + mark for c in SAID)


ALPHABETS = dict(
    (
        *(("bold", "𝐚"), ("italic", "𝑎"), ("bold italic", "𝒂"), ("bold script", "𝓪")),
        *(("fraktur", "𝔞"), ("double-struck", "𝕒"), ("bold fraktur", "𝖆"), ("sans", "𝖺")),
        *(("sans bold", "𝗮"), ("sans italic", "𝘢"), ("sans bold italic", "𝙖")),
        *(("monospace", "𝚊"), ("circled", "ⓐ"), ("parenthesized", "⒜"), ("full width", "ａ")),
        *(("circled capitals", "Ⓐ"), ("squared", "🄰"), ("negative squared", "🅰")),
        *(("negative circled", "🅐"), ("bold capitals", "𝐀"), ("parenthesized capitals", "🄐")),
    )
)
"""Each begins with the letter A."""


@pytest.mark.parametrize("name", ALPHABETS)
def test_every_alphabet_of_unicode_is_read(name: str) -> None:
    assert repair(shifted(ALPHABETS[name])).lower() == SAID


@pytest.mark.parametrize(
    "written",
    [
        *map(with_mark, "\u0332\u0333\u0336\u0337\u0335\u0305\u033f\u20d2\u0489"[:8]),
        with_mark("\u0301\u0316\u0347"),
        "ᴊᴀʟᴀɴ ʀᴜꜱᴀᴋ",
        "ʲᵃˡᵃⁿ ʳᵘˢᵃᵏ",
        "jаlаn rusаk",  # Cyrillic
        "јаlаn ruѕаk",
        "jαlαn rυsακ",  # Greek
        "𝒿𝒶𝓁𝒶𝓃 rusak",
    ],
)
def test_other_disguises_are_read(written: str) -> None:
    read = repair(written)
    assert unicodedata.normalize("NFD", read).encode("ascii", "ignore").decode() == SAID


@pytest.mark.parametrize(
    "written",
    [
        "Москва, улица", "δρόμος", "café, naïve, É ê ñ", "Aceh: Gampông Lamgugop", "10 μg/m³, 5 m²",
        "🅿️ liar", "🇮🇩 merdeka", "α-tokoferol", "№ 12 ™ ℃", "тест dan ujian", "日本語", "ꦗꦭꦤ꧀", "ﷺ",
        "Ω 5 kΩ", "ŋoko", "½ liter", "x² + y³", "Ą Ő ş",
    ],
)  # fmt: skip
def test_what_is_written_in_earnest_stays(written: str) -> None:
    assert repair(written) == unicodedata.normalize("NFC", written)


@given(st.text(st.characters(codec="ascii")))
def test_ascii_is_never_touched(text: str) -> None:
    assert plain(text) == text


@given(st.text())
def test_reading_once_is_reading_twice(text: str) -> None:
    once = plain(unicodedata.normalize("NFC", text))
    assert plain(once) == once


def test_look_alikes_are_letters_of_one_size() -> None:
    assert all(a.isupper() == b.isupper() for a, b in LOOK_ALIKE.items())
    assert all(len(b) == 1 and b.isascii() for b in LOOK_ALIKE.values())


def test_what_was_typed_stays_in_the_original(normalize: Normalize) -> None:
    typed = "𝗝𝗮𝗹𝗮𝗻 𝗿𝘂𝘀𝗮𝗸 di Ѕаmаrinda"
    read = normalize(typed)
    assert (read.text, read.original) == ("Jalan rusak di Samarinda", typed)
    assert read.places[0].code == "64.72"
    assert normalize("𝗦𝗧𝗔𝗧𝗨𝗦").intent is Intent.STATUS
    assert normalize("𝗔𝗡𝗢𝗡𝗜𝗠 𝗷𝗮𝗹𝗮𝗻 𝗿𝘂𝘀𝗮𝗸 𝗽𝗮𝗿𝗮𝗵").anonymous


KNOWN = frozenset({"jalan", "rusak", "sampah", "banjir", "air", "tol", "ikan", "p3k", "pek"})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("j4l4n rus4k", "jalan rusak"),
        ("J4L4N", "JaLaN"),
        ("ja1an s4mp4h 8anj1r", "jalan sampah banjir"),
        ("4ir t0l", "air tol"),
        ("jalan2 rt03 rw05 km12 blok4 p3k 4orang k7p4x2m5 3578012 1kan", None),
        ("b4r4ng", None),
        ("https://x.example/j4l4n", "https://x.example/jalan"),
        ("a4" * 40, None),
        ("1" * 12 + "a", None),
    ],
)
def test_digits_are_letters_only_where_a_known_word_comes_of_it(
    written: str, read: str | None
) -> None:
    expected = written.replace("1kan", "ikan") if read is None else read
    assert spell_out(written, KNOWN.__contains__) == expected


@given(st.text("j4al1nrt0 ", max_size=40))
def test_spelling_out_keeps_every_position(text: str) -> None:
    read = spell_out(text, KNOWN.__contains__)
    assert len(read) == len(text)
    assert all(a == b or a.isdigit() for a, b in zip(text, read, strict=True))


def test_places_are_found_and_quoted_as_they_were_written(normalize: Normalize) -> None:
    read = normalize("jalan rusak di k3camatan Sungai Pinang, s4m4rind4")
    assert read.text.endswith("s4m4rind4")
    assert "64.72" in {place.code[:5] for place in read.places}
    assert "s4m4rind4" in {place.words for place in read.places}


@pytest.mark.parametrize("piece", ["a", "4a", "а", "aа", "a\u0332", "𝗮", "🅰", "a4a4 ", "1a "])
def test_the_work_grows_with_the_text(piece: str, gazetteer: Gazetteer) -> None:
    text = piece * (20_000 // len(piece))
    begun = time.process_time()
    spell_out(plain(text), KNOWN.__contains__)
    assert time.process_time() - begun < 1
