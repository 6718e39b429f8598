"""What anybody may read names nobody by number, address or account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.masking import (
    HIDDEN,
    NUMBERS,
    _hidden,
    _matches,
    masked_all,
    masked_self,
    personal_spans,
)


def mask_numbers(text: str) -> str:
    """Mask only what needs no cue: numbers, addresses on the net, plates."""
    return _hidden(text, _matches(text, NUMBERS))


@pytest.mark.parametrize(
    "said",
    [
        "0812-3456-7890",
        "+62 812 3456 7890",
        "(021) 555 1234 ext",
        "6472011203850002",
        "64.720.112.0385.0002",
        "09.254.294.3-407.000",
        "warga.desa+lapor@surel.example",
        "warga @ surel.example",
        "@warga_desa",
        "https://wa.me/628123456789?text=hai",
        "www.warga.example/saya",
        "t.me/warga",
        "KT 1234 AB",
        "B1234XYZ",
    ],
)
def test_what_identifies_somebody_is_hidden(said: str) -> None:
    shown = mask_numbers(f"Jalan rusak, hubungi {said} segera")
    assert shown.startswith("Jalan rusak, hubungi ")
    assert HIDDEN in shown
    assert not any(word in shown for word in said.split() if len(word) > 3)


@pytest.mark.parametrize(
    "said",
    [
        "Jalan rusak di RT 02 RW 05, gang 3 nomor 17",
        "Lampu mati sejak 20-11-26 pukul 18.30",
        "Lubang sedalam 30 cm di KM 12 DI depan pasar",
        "Pungutan Rp 50.000 tiap bulan, 2026",
        "harga naik 12% @ kios",
        "",
    ],
)
def test_what_says_where_and_what_stays(said: str) -> None:
    assert mask_numbers(said) == said


@pytest.mark.parametrize("head", ["Kepada: ", "To: ", "> *To:* ", 'Cc: "'])
def test_whom_a_mail_was_written_to_is_hidden_where_the_reporter_is(head: str) -> None:
    quote = '"' if head.endswith('"') else ""
    said = f"Tolong.\nDari: Dinas\n{head}Wulan Abcde{quote} <wulan@mail.example>\nJalan rusak"
    hidden = masked_self(said)
    assert "Wulan" not in hidden
    assert "Jalan rusak" in hidden


@given(st.text(max_size=300))
def test_nothing_crashes_and_masking_again_changes_nothing(text: str) -> None:
    once = mask_numbers(text)
    assert mask_numbers(once) == once


@given(st.text(max_size=300))
def test_what_is_found_is_gone_and_the_rest_stays(text: str) -> None:
    for own, mask in ((True, masked_self), (False, masked_all)):
        covered = {
            at for each in personal_spans(text, own=own) for at in range(each.start, each.end)
        }
        kept = "".join(each for at, each in enumerate(text) if at not in covered)
        assert mask(text).replace(HIDDEN, "") == kept.replace(HIDDEN, "")


@given(st.integers(min_value=10**9, max_value=10**16 - 1), st.sampled_from(["", " ", "-", "."]))
def test_a_long_number_is_hidden_however_it_is_grouped(number: int, between: str) -> None:
    written = between.join(str(number)[i : i + 4] for i in range(0, len(str(number)), 4))
    assert mask_numbers(f"nomor {written} itu") == f"nomor {HIDDEN} itu"
