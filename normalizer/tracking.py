"""Tracking numbers: twelve digits that are hard to guess and easy to type on a phone keypad.

Eleven random digits and one check digit of H. M. Damm's scheme ("Total anti-symmetrische
Quasigruppen", Marburg 2004), which notices every single wrong digit and every swap of two
neighbours. The first digit is never 0 and the number never starts with 62, so that no Indonesian
phone number (08..., 62...) is taken for one. Written for people in three groups: 4821-0937-5514.
"""

import re
from collections.abc import Iterator
from unicodedata import decimal

SPACE = 10**11
"""How many different bodies there are to draw from: ``compose`` takes 0 <= number < SPACE."""

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_DIGITS = re.compile(r"\d\d\d\d")
"""What ``_WRITTEN`` begins with, quick to look for."""
_DASHES = (
    r"\-\u02d7\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    r"\u301c\u3030\u30a0\u30fc\ufe31\ufe32\ufe58\ufe63\uff0d\U00010d6e\U00010ead"
)
"""Unicode's dashes (Pd), the minus sign, and what looks like one."""
_BETWEEN = rf"[\s{_DASHES}._/\\|,:*~\u00ad\u00b7\u2022\u200b-\u200f\u2044\u2060\u2215\ufeff]{{0,3}}"
"""What people, phones and word processors put between the groups of a number."""
_JOINT = rf"[{_DASHES}_/]"
_BEFORE, _AFTER = rf"(?<![\d+])(?<!\d{_JOINT})", rf"(?!\d|{_JOINT}\d)"
_WRITTEN = re.compile(rf"{_BEFORE}(\d{{4}}){_BETWEEN}(\d{{4}}){_BETWEEN}(\d{{4}}){_AFTER}")
_GROUPED = re.compile(rf"{_BEFORE}\d{{4}}({_BETWEEN})\d{{4}}({_BETWEEN})\d{{4}}{_AFTER}")
_LIKE_A_NUMBER = re.compile(rf"{_BEFORE}\d(?:{_BETWEEN}\d){{10,12}}{_AFTER}")
"""As many digits as a number has, one missing, or one too many."""
_LONGEST_TYPO = 1_000
"""Characters of a command that are looked at for a mistyped number."""


def check_digit(digits: str) -> str:
    """Return the Damm check digit of a string of decimal digits."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


def is_valid(number: str) -> bool:
    """Tell whether ``number`` (twelve bare digits) could be a tracking number of ours."""
    return (
        len(number) == 12
        and number.isascii()
        and number.isdigit()
        and number[0] != "0"
        and not number.startswith("62")
        and check_digit(number) == "0"
    )


def compose(number: int) -> str | None:
    """Turn a random integer below ``SPACE`` into a tracking number.

    Returns None for the one draw in nine that would look like a phone number: draw again.
    """
    body = f"{number:011d}"
    whole = body + check_digit(body)
    return whole if is_valid(whole) else None


def format_number(number: str) -> str:
    """Group a tracking number for people: ``482109375514`` becomes ``4821-0937-5514``."""
    return f"{number[:4]}-{number[4:8]}-{number[8:]}"


def bare(text: str) -> str:
    """Return the digits of what somebody typed as a number, whatever stands between them."""
    return "".join(str(decimal(each)) for each in text if each.isdecimal())


def mentions(text: str) -> Iterator[str]:
    """Yield every tracking number written in ``text``, however it is grouped, in order."""
    if not _DIGITS.search(text):
        return
    for match in _WRITTEN.finditer(text):
        number = bare("".join(match.groups()))
        if is_valid(number):
            yield number


def is_mistyped(text: str) -> bool:
    """Tell whether ``text`` has a number in it that would be ours but for a wrong digit."""
    return any(
        not is_valid(bare(found[0])) for found in _LIKE_A_NUMBER.finditer(text[:_LONGEST_TYPO])
    )


def is_nearly_one(text: str) -> bool:
    """Tell whether something in ``text`` is grouped as our numbers are, and no telephone number."""
    return any(
        found[1] and found[2] and found[0][0] != "0" and not found[0].startswith("62")
        for found in _GROUPED.finditer(text[:_LONGEST_TYPO])
    )


def without(text: str) -> str:
    """Return ``text`` without the tracking numbers in it."""
    return _WRITTEN.sub(
        lambda found: " " if is_valid(bare("".join(found.groups()))) else found[0], text
    )
