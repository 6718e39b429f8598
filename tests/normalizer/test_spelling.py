import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.spelling import alike, deletions, sound

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=6, max_size=16)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("soekolilo", "sukolilo"), ("djambangan", "jambangan"), ("tjikini", "cikini"),
        ("rungkutt", "rungkut"), ("khatulistiwa", "katulistiwa"), ("surabaia", "surabaya"),
        ("siwalankertoh", "siwalankerto"),
    ],
)  # fmt: skip
def test_names_that_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)


@pytest.mark.parametrize(("one", "other"), [("gubeng", "gedeng"), ("ampel", "ambal"), ("a", "b")])
def test_names_that_do_not(one: str, other: str) -> None:
    assert sound(one) != sound(other)


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ("jemurwonsari", "jemurwonosari", True),
        ("jemurwonossari", "jemurwonosari", True),
        ("jemurwnoosari", "jemurwonosari", True),
        ("jemurwonosary", "jemurwonosari", True),
        ("jemurwonnsary", "jemurwonosari", False),
        ("ploso", "plosi", False),
        ("tandes", "tandas", True),
        ("kenjeran", "kenjera", True),
        ("kenjeran", "kenje", False),
    ],
)
def test_one_letter_may_be_wrong_in_a_long_name(one: str, other: str, are: bool) -> None:
    assert alike(one, other) is are
    assert alike(other, one) is are


@given(WORDS, st.integers(min_value=0, max_value=15))
def test_a_word_without_a_letter_is_like_it(word: str, at: int) -> None:
    short = word[:at] + word[at + 1 :]
    assert alike(word, short) or len(short) < 6


@given(WORDS)
def test_what_is_left_without_a_letter(word: str) -> None:
    left = deletions(word)
    assert len(left) == len(word) - 2
    assert all(part[:2] == word[:2] and len(part) == len(word) - 1 for part in left)


@given(st.text())
def test_any_key_has_a_sound(key: str) -> None:
    assert bool(sound(key)) == bool(key)
