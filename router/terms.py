"""What a trained model reads of a text: words, pairs of them, pieces, runs of characters, signs.

Training and scoring take the same functions, by the names under ``FAMILIES``; every family marks
its terms so that no two families share one.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from router.words import MOST_CHARACTERS

NUMBER = "0"
"""What every number is read as: house numbers and dates point to no agency."""
SIGN = "^"
PIECES, RUNS = range(2, 6), range(2, 6)
_TOKEN = re.compile(r"[@#]?\w+|[^\w\s]+")
_ADDRESS = re.compile(r"https?://\S+")
_QUOTED = re.compile(r'\brt:? ?"?(@\w+)|^"?(@\w+): ')
_FIRST: Final = {
    "passed-on": re.compile(r"[\"“.]?(?:rt|mt)\b"),
    "account": re.compile(r"[\"“.]?@"),
    "tag": re.compile(r"#"),
    "aside": re.compile(r"\("),
    "clock": re.compile(r"\d\d?[.:]\d\d"),
}
_ANYWHERE: Final = {
    "ask": re.compile(r"\?"),
    "shout": re.compile(r"!"),
    "link": re.compile(r"https?:|pic\."),
    "passed-on": re.compile(r"(?<!^)\brt\b:? ?@"),
    "date": re.compile(r"\b\d\d?/\d\d?\b"),
    "clock": re.compile(r"\b\d\d?[.:]\d\d\b"),
    "block": re.compile(r"\br[tw] ?\.?\d"),
    "where": re.compile(
        r"\b(?:jl|jln|jalan|gang|gg|komp|kel|kec|perempatan|depan|dpn|dekat|deket)\b"
    ),
    "smile": re.compile(r"[:;]-?[)d]|\b(?:hehe|haha|wkwk)|\?\?"),
    "cut": re.compile(r"(?:…|\.\.\.)\s*$"),
}
"""What shows in a message which kind it is, beside its words; lower case."""


def tokens(text: str, facts: Iterable[str] = ()) -> list[str]:
    """Split a message into words, @mentions, #tags and marks, and end with the signs of its kind.

    Signs begin with ``SIGN``: how it begins, whom it quotes, how many it speaks to, how long it is,
    and ``facts`` that others have read in it.
    """
    lowered = text[:MOST_CHARACTERS].lower().strip()
    found = [_unlike(token) for token in _TOKEN.findall(_ADDRESS.sub("url", lowered))]
    return [*found, *(f"{SIGN}{sign}" for sign in (*_signs(lowered, found), *facts))]


def _unlike(token: str) -> str:
    """Keep a mark that looks like a sign from being one."""
    return f"_{token}" if token[0] == SIGN else token


def _signs(text: str, found: Sequence[str]) -> list[str]:
    begins = next((name for name, sign in _FIRST.items() if sign.match(text)), "word")
    quoted = [f"from-{one or other}" for one, other in _QUOTED.findall(text)]
    shown = [name for name, sign in _ANYWHERE.items() if sign.search(text)]
    spoken_to = min(3, sum(token[0] == "@" for token in found))
    return [f"={begins}", *quoted, *shown, f"@{spoken_to}", f"={len(text) // 35}"]


class TermsRead(NamedTuple):
    """What a text is learned by: its words, numbers made alike, and its signs."""

    words: Sequence[str]
    signs: Sequence[str]


def split_signs(said: Sequence[str]) -> TermsRead:
    """Divide what was read in a text into words and signs."""
    words = [NUMBER if word.isdigit() else word for word in said if word[0] != SIGN]
    return TermsRead(words, () if len(words) == len(said) else [w for w in said if w[0] == SIGN])


def plain(text: TermsRead) -> Sequence[str]:
    """Return the words."""
    return text.words


def pairs(text: TermsRead) -> Sequence[str]:
    """Return words that follow each other, "a b"."""
    return [f"{a} {b}" for a, b in pairwise(text.words)]


def pieces(text: TermsRead) -> Sequence[str]:
    """Return the pieces of two to five characters that words are made of, edges marked: "~_ab"."""
    found = []
    for word in text.words:
        edged = f"_{word}_"
        for size in PIECES:
            found += [f"~{edged[at : at + size]}" for at in range(max(1, len(edged) - size + 1))]
    return found


def runs(text: TermsRead) -> Sequence[str]:
    """Return the runs of two to five characters, also across words: "≈b_c"."""
    whole = "_".join(text.words)
    return [f"≈{whole[at : at + size]}" for size in RUNS for at in range(len(whole) - size + 1)]


def signs(text: TermsRead) -> Sequence[str]:
    """Return the signs."""
    return text.signs


FAMILIES: Final[Mapping[str, Callable[[TermsRead], Sequence[str]]]] = {
    "words": plain,
    "pairs": pairs,
    "pieces": pieces,
    "runs": runs,
    "signs": signs,
}
"""Families of terms by name; each has length 1 in a text whatever its number of terms."""
