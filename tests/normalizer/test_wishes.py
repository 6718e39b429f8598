"""Wishes not to be known, and what only looks like one."""

import pytest

from normalizer.masking import masked_self
from normalizer.privacy import read

WISHES = """
minta tolong saya anonim saja pak
got di Sekeloa mampet, anonim ya min
mohon anonim, soalnya tetangga saya sendiri
bu jangan sebut-sebut nama saya nanti
nama kami jangan disebut ke pak RW
jgn kasih tau nama sy ke kelurahan
jangan bilang ke pak lurah kalau saya yang lapor
jgn kasih tau siapa pun ini dari saya
saya takut ketahuan bos, limbahnya dibuang malam hari
pungli di pasar, pelapor hamba Allah
lapor pungli tanpa nama
ada pungli di pasar, rahasiakan ya bu
mohon dirahasiakan identitas kami sekeluarga
keep my name secret, the headmaster takes money
please don't tell anyone I reported this
aja nyebut jenengku ya mas
ulah nyebut ngaran kuring nya
sieun kanyahoan ku pa RW
jan disabuik namo denai
jangan sebut name saye, tolong rahasiain name saye
eda nyambat adan tiange nggih
jang bilang kita yang lapor neh
"""
MATTERS = """
dana rahasia kabupaten tidak pernah diaudit
sudah rahasia umum jalan itu dibiarkan
selebaran anonim ditempel di balai desa
nama saya belum tercantum sebagai penerima bantuan
nama saya hilang dari daftar vaksin
data keluarga saya bocor di internet
penelepon anonim mengaku dari bank
jangan sebut program ini berhasil kalau airnya kotor
takut banjir lagi
warga takut karena tidak tahu kapan air datang
jalan tanpa nama di belakang pasar rusak
nama saya salah di KTP
tidak ada yang tahu kapan diperbaiki
kode rahasia ATM saya dicuri
warga takut anak tertabrak, tolong dibuatkan polisi tidur
nomor hp saya dibuka orang lain untuk pinjol
jangan bilang tidak ada anggaran
jangan sampai warga tahu sendiri dari koran
"""


@pytest.mark.parametrize("text", WISHES.strip().splitlines())
def test_a_wish_hides_who_wrote(text: str) -> None:
    assert read(text).anonymous


@pytest.mark.parametrize("text", MATTERS.strip().splitlines())
def test_a_matter_is_no_wish(text: str) -> None:
    wish = read(text)
    assert (wish.anonymous, wish.confidential, wish.unhide) == (False, False, False)


@pytest.mark.parametrize(
    "text", ["buka lagi nama saya gapapa", "tidak perlu anonim lagi", "batal anonim"]
)
def test_a_wish_can_be_withdrawn(text: str) -> None:
    assert read(text).unhide


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("jalan rusak. saya Rina Misal 085211112222", ("Rina", "0852")),
        ("Lampu mati.\n\n--\nBudi Misal\nJl. Melati 5", ("Budi", "Melati")),
        ("lurah minta uang. Nama saya Budi Misal, RT 03 RW 05", ("Budi", "RT 03")),
    ],
)
def test_what_a_writer_says_of_themselves_is_masked(text: str, hidden: tuple[str, ...]) -> None:
    assert not any(word in masked_self(text) for word in hidden)


@pytest.mark.parametrize(
    "unit",
    [
        "tolong ",
        "tolong mohon ",
        "anonim pak ",
        "takut ",
        "jangan sebut ",
        "saya ",
        "\n",
        "a",
        "Jl ",
    ],
)
def test_a_repeated_word_ends(unit: str) -> None:
    """A pattern that tries every split of such a text would not come back."""
    text = (unit * 20_000)[:20_000] + "!x"
    read(text)
    masked_self(text)
