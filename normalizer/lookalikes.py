"""Letters that are written in disguise: styles of Unicode, look-alikes, and digits for letters.

``plain`` reads what keyboards and "fonts" make of Latin letters, so that it looks the same and is
found: bold, circled, squared or small capitals, lines through and under letters, and Cyrillic or
Greek letters within Latin words. ``spell_out`` reads "j4l4n", but only where a word that is known
comes of it; it changes no length, so that positions in the text stay.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import product

_STYLED = (
    r"\u0250-\u02b8\u02e1-\u02e3\u1d00-\u1d6a\u2071\u207f\u2090-\u209c\u2102-\u2149\u2160-\u217f"
    r"\u2460-\u24ff\ua730\ua731\ua7af\U0001d400-\U0001d7ff\U0001f100-\U0001f189"
)
_MARKS = r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0"
_FOREIGN = r"\u0131\u0370-\u03ff\u0400-\u052f"
_ODD = re.compile(f"[{_STYLED}{_MARKS}{_FOREIGN}]")
"""What is looked for at all: no ASCII, no letter of Indonesia's languages, no emoji."""
_STYLE = re.compile(f"[{_STYLED}]")
_BADGE = re.compile(r"[\U0001f150-\U0001f169\U0001f170-\U0001f189]{2,}")
"""White letters on black; one alone is a sign (a car park, a blood group)."""
_LINES = re.compile(rf"(?<=[ -~\u00c0-\u024f])\ufe0f?[{_MARKS}]+")
"""Marks that no letter of ours is written with, so that composing left them."""
_STRANGER = re.compile(f"[{_FOREIGN}]")
_LETTERS_ALONE = re.compile(r"[^\W\d_]+")


def _pairs(foreign: str, latin: str) -> Iterator[tuple[str, str]]:
    return zip(foreign, latin, strict=True)


LOOK_ALIKE = dict(
    (
        *_pairs("аеорсухіѕјһԁԛԝӏѵкмтнв", "aeopcyxisjhdqwlvkmthb"),
        *_pairs("АЕОРСУХІЅЈԌԚԜӀВКМНТ", "AEOPCYXISJGQWIBKMHT"),
        *_pairs("αορντυκιχεηγ", "aopvtukixeny"),
        *_pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
        ("ı", "i"),
    )
)
"""Cyrillic and Greek letters, and the Latin ones they look like."""
_LATIN_LOOK_ALIKE = dict(_pairs("ɑɡɩɪ", "agii"))


def _styles() -> Iterator[tuple[str, str]]:
    """Yield each styled letter or digit, and the plain one."""
    for found in re.finditer(r"(.)-(.)|(.)", _STYLED.encode().decode("unicode_escape")):
        first, last = (found[1], found[2]) if found[1] else (found[3], found[3])
        for code in range(ord(first), ord(last) + 1):
            letter = chr(code)
            if plain := _LATIN_LOOK_ALIKE.get(letter) or _unstyled(letter):
                yield letter, plain


def _unstyled(letter: str) -> str:
    """Return the plain letters of a styled one, "" where it is something of its own."""
    plain = unicodedata.normalize("NFKC", letter).strip("().,")
    if plain.isascii() and plain.isalnum() and (len(plain) == 1 or letter >= "\u2160"):
        return plain  # neither "No" nor "TM", which are one sign
    name = unicodedata.name(letter, "")
    found = re.fullmatch(r"LATIN LETTER SMALL CAPITAL ([A-Z])", name)
    return found[1].lower() if found else ""


_PLAIN = dict(_styles())
_BADGES = {chr(start + n): chr(ord("A") + n) for start in (0x1F150, 0x1F170) for n in range(26)}


def plain(text: str) -> str:
    """Return ``text``, composed (NFC), with plain letters for those in disguise."""
    if not _ODD.search(text):
        return text
    text = _BADGE.sub(lambda found: "".join(map(_BADGES.__getitem__, found[0])), text)
    text = _STYLE.sub(lambda found: _PLAIN.get(found[0], found[0]), text)
    text = _LINES.sub("", text)
    return _LETTERS_ALONE.sub(_latin, text) if _STRANGER.search(text) else text


def _latin(found: re.Match[str]) -> str:
    """Read a word as Latin if some of it is, and all else in it looks so."""
    word = found[0]
    if word.isascii():
        return word
    read = "".join(LOOK_ALIKE.get(letter, letter) for letter in word)
    mixed = any(letter.isascii() for letter in word)
    return read if mixed and not _ODD.search(read) else word


_LETTERS = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b"}
"""What digits stand for. 2 is none of them: in "jalan2" it says a word twice."""
_FOR_A_LETTER = re.compile(r"\d[A-Za-z]")
_WORD = re.compile(r"[A-Za-z0-9]+")
_LONGEST = 30
_MOST_WAYS = 4
"""Ones of a word: each may be an i or an l, so that these are 16 words to look up."""
_DIGITS = re.compile(r"\d\d|[269](?!$)")
"""What no such word has: two digits side by side (rt03), or one that is like no letter."""


def spell_out(text: str, is_known: Callable[[str], bool]) -> str:
    """Return ``text`` with letters for digits where that alone makes a word that ``is_known``."""
    if not _FOR_A_LETTER.search(text):
        return text
    return _WORD.sub(lambda found: _word(found[0], is_known), text)


def _word(word: str, is_known: Callable[[str], bool]) -> str:
    if len(word) > _LONGEST or not _FOR_A_LETTER.search(word) or _DIGITS.search(word):
        return word
    if sum(map(str.isalpha, word)) < 2 or is_known(word.lower()):
        return word
    return next((each for each in _readings(word) if is_known(each.lower())), word)


def _readings(word: str) -> Iterable[str]:
    ways = (_LETTERS.get(each, each) for each in word)
    return map("".join, product(*ways)) if word.count("1") <= _MOST_WAYS else ()
