import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.message import MAX_TEXT
from normalizer.text import MAX_TITLE, NO_TEXT, file_name, repair, storable, title_of

anything = st.text(st.characters(codec=None, exclude_categories=()))
"""Lone surrogates and NUL included."""


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("jalan\u00a0rusak", "jalan rusak"),
        ("jalan \t  rusak  ", "jalan rusak"),
        ("satu\r\n\r\n\r\n\r\ndua", "satu\n\ndua"),
        ("baris satu \n baris dua", "baris satu\nbaris dua"),
        ("jalan\x00 rusak\x07", "jalan\ufffd rusak"),
        ("Bapak/Ibu yang terhormat â€” jalan rusak", "Bapak/Ibu yang terhormat — jalan rusak"),
        ("banjir lagi ðŸ˜¡", "banjir lagi 😡"),
        ("banjir lagi 😡👨‍👩‍👧", "banjir lagi 😡👨‍👩‍👧"),
        ("se\u200bnin", "senin"),
        ("ke\u00adcamatan", "kecamatan"),
        ("ｊａｌａｎ rusak", "jalan rusak"),
        ("cafe\u0301", "caf\u00e9"),
        ("“jalan” … rusak – parah", "“jalan” … rusak – parah"),
        ("“jalan”\nrusak â€” parah", "“jalan”\nrusak — parah"),
        ("“jalan” cafe\u0301", "“jalan” caf\u00e9"),
        ("“kutipan” &amp; tanda", "“kutipan” &amp; tanda"),
        ("balik \u202eterbalik", "balik terbalik"),
        ("", ""),
    ],
)
def test_repair(said: str, read: str) -> None:
    assert repair(said) == read


@given(anything)
def test_repair_gives_text_every_store_takes(said: str) -> None:
    read = repair(said)
    read.encode("utf-8")
    assert "\0" not in read
    assert read == read.strip()


@given(anything)
def test_the_original_changes_only_where_no_store_would_take_it(said: str) -> None:
    kept = storable(said)
    kept.encode("utf-8")
    assert "\0" not in kept
    if "\0" not in said and not any("\ud800" <= c <= "\udfff" for c in said):
        assert kept == said


def test_a_long_text_is_cut() -> None:
    assert len(repair("a😀" * MAX_TEXT)) == MAX_TEXT
    assert len(storable("😀" * MAX_TEXT * 2)) == MAX_TEXT


@pytest.mark.parametrize(
    ("text", "subject", "title"),
    [
        ("Jalan rusak. Mohon diperbaiki.", None, "Jalan rusak."),
        ("Lampu jalan sudah mati. Mohon diperbaiki.", None, "Lampu jalan sudah mati."),
        ("Selamat pagi. Lampu jalan mati di jl. Pahlawan. Terima kasih.", None,
         "Lampu jalan mati di jl. Pahlawan."),
        ("di kab. Tasik banyak sampah", None, "di kab. Tasik banyak sampah"),
        ("Yth. Bapak\nJembatan di desa kami putus", None, "Jembatan di desa kami putus"),
        ("isi", "Jalan rusak", "Jalan rusak"),
        ("isi", "Re: Fwd: RE: Jalan\n rusak", "Jalan rusak"),
        ("isi laporan", "Re: ", "isi laporan"),
        *(("isi", f"{before} Jalan rusak", "Jalan rusak") for before in (
            "[EXTERNAL] FW:", "*****SPAM***** Fwd:", "Fwd :", "FW\uff1a", "Re: Fwd:", "TR:", "I:",
            "Diteruskan:", "Bls: Terusan:", "[EXT]", "(SPAM)", "[Spam?] Re[2]:", "WG: AW:", "RV:",
            "EXTERNAL:", "[External Email] Fwd: [EXTERNAL]",
        )),
        ("isi", "[Fwd: Jalan rusak]", "Jalan rusak"),
        ("isi", "Fwd: [Fwd: Jalan [RT 03]]", "Jalan [RT 03]"),
        ("isi", "[RT 03] Jalan rusak", "[RT 03] Jalan rusak"),
        ("isi", "Irigasi: rusak", "Irigasi: rusak"),
        ("isi", "Resmi: jalan rusak", "Resmi: jalan rusak"),
        ("isi", "*** Darurat *** jalan", "*** Darurat *** jalan"),
        ("", None, NO_TEXT),
        ("...", None, NO_TEXT),
        ("😡", None, NO_TEXT),
    ],
)  # fmt: skip
def test_title(text: str, subject: str | None, title: str) -> None:
    assert title_of(text, subject) == title


def test_a_long_title_ends_at_a_word() -> None:
    title = title_of("jembatan penyeberangan " * 10)
    assert title.endswith(" jembatan…")
    assert 60 < len(title) <= MAX_TITLE


@given(anything, st.none() | anything)
def test_a_title_is_one_short_line(text: str, subject: str | None) -> None:
    title = title_of(repair(text), subject)
    assert 0 < len(title) <= MAX_TITLE
    assert title.splitlines() == [title]


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("foto.jpg", "foto.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\foto jalan.png", "foto jalan.png"),
        ("a\x00b\n.pdf", "a\ufffdb .pdf"),
        ("", "lampiran"),
        ("..", "lampiran"),
        ("/", "lampiran"),
        ('<script>"', "_script__"),
    ],
)
def test_file_name(given_name: str, shown: str) -> None:
    assert file_name(given_name) == shown


def test_a_long_file_name_keeps_its_ending() -> None:
    name = file_name("x" * 500 + ".jpeg")
    assert name.endswith("x.jpeg")
    assert len(name) == 120


@given(anything)
def test_a_file_name_never_leaves_its_folder(name: str) -> None:
    shown = file_name(name)
    assert shown not in {"", ".", ".."}
    assert not set(shown) & set('/\\\0\n\r:*?"<>|')
