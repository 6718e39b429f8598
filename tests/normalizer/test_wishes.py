"""Wishes not to be known, and what only looks like one."""

import pytest

from normalizer.masking import masked_self
from normalizer.privacy import read

WISHES = """
tolong anonim pak
mohon anonim
saya anonim saja
jalan rusak di dago, anonim dong
jgn sebut nama sy ya
nama sy jgn disebut
tolong jangan kasih tau nama saya
jangan bilang2 dari saya
jangan kasih tau siapa2 kalau saya yg lapor
kades korupsi tapi saya takut ketahuan. kecamatan sepaku
hamba Allah
tanpa nama
rahasiakan ya pak
mohon dirahasiakan identitasnya
ini rahasia pak
please keep my name secret
don't tell anyone it was me
aja kandha sapa-sapa ya pak nek aku sing lapor
ulah nyebut ngaran abdi
wedi konangan pak lurah
jan disabuik namo ambo
umpetin name aye
ja' nyebbut nyamana engko'
eda nyambatang adan tiange
aja' muteppu asekku
teaki pau arengku
jang sebut kita pe nama
jang bilang sa yang lapor
petugas minta uang untuk surat pindah, tolong anonim ya
"""
MATTERS = """
dana rahasia desa dipakai kades
sudah rahasia umum kalau petugas minta uang
ada surat anonim yang beredar di kampung
nama saya tidak tercantum di DPT
nama saya tidak ada di DTKS
data saya bocor
akun anonim menipu warga
jangan sebut dinas bohong
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
