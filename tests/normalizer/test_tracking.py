import sys
import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from normalizer.tracking import (
    SPACE,
    bare,
    compose,
    format_number,
    is_mistyped,
    is_nearly_one,
    is_valid,
    mentions,
    without,
)

numbers = st.integers(10**10, 6 * 10**10).map(compose).filter(bool).map(str)


@given(st.integers(0, SPACE - 1))
def test_what_is_composed_is_valid_and_no_phone_number(number: int) -> None:
    made = compose(number)
    assert made is None or (is_valid(made) and len(made) == 12 and made[0] != "0")
    assert made is None or not made.startswith("62")


@given(numbers, st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number: str, at: int, by: int) -> None:
    wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    assert not is_valid(wrong)


@given(numbers, st.integers(0, 10))
def test_two_swapped_neighbours_are_noticed(number: str, at: int) -> None:
    assume(number[at] != number[at + 1])
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert not is_valid(swapped)


@given(numbers, st.sampled_from(["{}", "no {}.", "STATUS {}", "lihat ({})!", "a\n{}\nb"]))
def test_a_mention_is_found_however_it_is_written(number: str, around: str) -> None:
    groups = number[:4], number[4:8], number[8:]
    for joint in ("", " ", "-", "."):
        assert list(mentions(around.format(joint.join(groups)))) == [number]
    assert list(mentions(format_number(number))) == [number]


DASHES = [chr(n) for n in range(sys.maxunicode) if unicodedata.category(chr(n)) == "Pd"]
JOINTS = [
    *DASHES, "\u2212", " - ", " – ", "-\n", " \n", "\r\n", "/", " / ", "_", "\\", "|", ",", ":",
    "·", "\u00a0", "\u2009", "\u202f", "\t", "-\u200b", "\u2060", "\u00ad", "⁄", "∕", "  ", "...",
]  # fmt: skip


@given(numbers, st.sampled_from(JOINTS), st.sampled_from(JOINTS))
def test_a_mention_is_found_whatever_stands_between_its_groups(
    number: str, one: str, other: str
) -> None:
    written = f"{number[:4]}{one}{number[4:8]}{other}{number[8:]}"
    for said in (written, f"STATUS {written}", f"lihat ({written})!", f"no. {written}, 2 hari"):
        assert list(mentions(said)) == [number]
    assert without(f"a {written} b").split() == ["a", "b"]
    assert bare(written) == number


@pytest.mark.parametrize("zero", ["０", "𝟎", "𝟬", "𝟢", "٠", "०"])
def test_digits_of_other_scripts_and_styles_are_digits(zero: str) -> None:
    number = next(filter(None, map(compose, range(48_210_937_551, 48_210_938_551))))
    styled = "".join(chr(ord(zero) + int(digit)) for digit in number)
    assert list(mentions(f"STATUS {styled[:4]}-{styled[4:8]}–{styled[8:]}")) == [number]
    assert bare(styled) == number


@given(numbers, st.integers(0, 11), st.integers(1, 9), st.sampled_from(["", "-", " – ", "/"]))
def test_a_wrong_digit_is_a_typing_error(number: str, at: int, by: int, joint: str) -> None:
    wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    written = f"STATUS {wrong[:4]}{joint}{wrong[4:8]}{joint}{wrong[8:]}"
    assert is_mistyped(written)
    assert is_mistyped(written[:-1])
    assert not is_mistyped(f"STATUS {number}")


@pytest.mark.parametrize(
    "text", ["STATUS", "STATUS 123", "STATUS 1708", "nik 3578012345678901", ""]
)
def test_other_numbers_are_no_typing_errors(text: str) -> None:
    assert not is_mistyped(text)
    assert not is_nearly_one(text)


@pytest.mark.parametrize(
    "text", ["0812-3456-7890", "6281-2345-6789", "+6281 2345 6789", "481234567890"]
)
def test_a_telephone_number_is_nearly_none_of_ours(text: str) -> None:
    assert not is_nearly_one(text)


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "1234", "1234-", "1234 - ", "12345678-", "- ", "1234\n"]
)
def test_a_number_is_looked_for_in_time_that_grows_with_the_text(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    begun = time.process_time()
    list(mentions(text))
    without(text)
    is_mistyped(text)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "081234567890",
        "+628123456789",
        "628123456789",
        "nik 3578012345678901",
        "123456789012345",
    ],
)
def test_phones_and_identity_numbers_are_not_tracking_numbers(text: str) -> None:
    assert list(mentions(text)) == []


@pytest.mark.parametrize("number", ["", "12", "04821093755", "٤٨٢١٠٩٣٧٥٥١٦", "4821-0937-55"])
def test_other_things_are_not_valid(number: str) -> None:
    assert not is_valid(number)


def test_about_one_draw_in_nine_is_drawn_again() -> None:
    step = SPACE // 9_000
    drawn = [compose(n) for n in range(0, SPACE, step)]
    assert 0.09 < drawn.count(None) / len(drawn) < 0.13
    assert all(a != b for a, b in pairwise([d for d in drawn if d]))
