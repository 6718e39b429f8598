from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from normalizer.tracking import SPACE, compose, format_number, is_valid, mentions

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
