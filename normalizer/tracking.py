"""Tracking numbers: twelve digits that are hard to guess and easy to type on a phone keypad.

Eleven random digits and one check digit of H. M. Damm's scheme ("Total anti-symmetrische
Quasigruppen", Marburg 2004), which notices every single wrong digit and every swap of two
neighbours. The first digit is never 0 and the number never starts with 62, so that no Indonesian
phone number (08..., 62...) is taken for one. Written for people in three groups: 4821-0937-5514.
"""

import re
from collections.abc import Iterator

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
_WRITTEN = re.compile(r"(?<![\d+])(\d{4})[ .\-]?(\d{4})[ .\-]?(\d{4})(?!\d)")


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


def mentions(text: str) -> Iterator[str]:
    """Yield every tracking number written in ``text``, however it is grouped, in order."""
    if not _DIGITS.search(text):
        return
    for match in _WRITTEN.finditer(text):
        number = "".join(match.groups())
        if is_valid(number):
            yield number


def without(text: str) -> str:
    """Return ``text`` without the tracking numbers in it."""
    return _WRITTEN.sub(lambda found: " " if is_valid("".join(found.groups())) else found[0], text)
