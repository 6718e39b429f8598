"""Plain GSM 7-bit: what networks without UCS-2 are given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sms.plain import plain
from normalizer import gsm

BASIC = set(gsm.BASIC) - {"\x1b"}


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Laporan 1234-5678-9018: selesai.", "Laporan 1234-5678-9018: selesai."),
        ("“Sudah” – kata ‘petugas’…", "\"Sudah\" - kata 'petugas'..."),
        ("jalan 💡👨‍👩‍👧 gelap 🇮🇩", "jalan gelap"),
        ("biaya €5 [lihat] {x} ~1 a|b c\\d ^", "biaya EUR5 (lihat) (x) -1 a/b c/d"),
        ("Desa Šibeñik, Café, naïve, Ngalapě, ĀāŌō", "Desa Sibeñik, Café, naive, Ngalape, AaOo"),
        ("30°C m² ½", "30 derajat C m2 1/2"),
        ("satu\u00a0dua\u202ftiga\u3000empat\tlima", "satu dua tiga empat lima"),
        ("baris 1 \n baris 2", "baris 1\nbaris 2"),
        ("الشارع", "??????"),
        ("e\u0301", "é"),
        ("𝐉𝐚𝐥𝐚𝐧 ﬁle", "Jalan file"),
    ],
)
def test_what_is_written_and_what_is_sent(written: str, sent: str) -> None:
    assert plain(written) == sent


@given(st.text())
def test_whatever_is_written_the_basic_alphabet_holds_it(text: str) -> None:
    sent = plain(text)
    assert set(sent) <= BASIC
    assert plain(sent) == sent
