"""A text as sentences, and the phrases of a table in them, however citizens spell and inflect them.

Spellings come first ("gak", "tdk" → "tidak"), then the verbs: a table names a root ("potong") and
every form of it is known, with the side of its doer: "motongin", "memotong" stand after the doer,
"dipotongin", "kepotong" before, "pemotongan" is the deed itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

__all__ = [
    "Label",
    "Sort",
    "Spelling",
    "Terms",
    "Voice",
    "WordMention",
    "bare",
    "fits",
    "forms",
    "sentences",
]

MOST_WORDS = 60
"""Words of a sentence; longer ones are read in pieces."""
_REMEMBERED = 10_000
"""Words whose bare form is remembered; the everyday ones are soon all there."""
_TOKENS = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*['’`]?|[.!?;\n]+|[,:]")
_DECIMAL = re.compile(r"(?<=\d)[.,](?=\d)")
_STOPS = frozenset(".!?;\n")
_HEAD = 4
"""Letters by which a phrase with a star is looked for before anything else is done."""
_ACCENTS = str.maketrans("àáâãäåèéêëìíîïòóôõöùúûüñḍṭ", "aaaaaaeeeeiiiiooooouuuundt")
_QUOTES = str.maketrans("", "", "'’`")

Voice = Literal["active", "passive", "deed"]
Sort = Literal["deed", "sign", "office", "person", "staff", "other", "reporter", "none"]


class Label(NamedTuple):
    """What a phrase stands for."""

    sort: Sort
    id: str
    voice: Voice = "deed"


@dataclass(frozen=True, slots=True)
class WordMention:
    """Where a phrase stands among the words of a sentence."""

    start: int
    end: int
    label: Label


_Phrase = tuple[tuple[str, ...], Label]


class Spelling:
    """Reads words as the table spells them; texts and phrases go through the same reading."""

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self._known = {one: right for right, ways in table.items() for one in ways}

    def tokens(self, text: str) -> list[str]:
        """Split a text into words and marks."""
        text = _DECIMAL.sub("", text.lower().translate(_ACCENTS))
        return [self._word(word) for word in _TOKENS.findall(text)]

    def phrase(self, phrase: str) -> tuple[str, ...]:
        """Read a phrase of a table; its stars stay."""
        return tuple(self._word(part) for part in phrase.lower().translate(_ACCENTS).split())

    def _word(self, word: str) -> str:
        word = word.translate(_QUOTES) or word
        if len(word) > 3 and word[-1] == "2" and word[-2].isalpha():
            word = word[:-1]
        return self._known.get(word, word)


class Terms:
    """Finds phrases in words; the longest that begins at a word wins."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._exact: dict[str, list[_Phrase]] = {}
        self._heads: dict[str, list[_Phrase]] = {}
        self._remembered: dict[str, tuple[_Phrase, ...]] = {}

    def add(self, phrases: Iterable[str], label: Label) -> None:
        """Take phrases in; a star ends a word that may go on."""
        for phrase in phrases:
            parts = self._spelling.phrase(phrase)
            first = parts[0]
            starred = first.endswith("*")
            table, key = (self._heads, first[:_HEAD]) if starred else (self._exact, first)
            table.setdefault(key, []).append((parts, label))

    def begins(self, word: str) -> bool:
        """Tell whether a phrase may begin with a word."""
        return bool(self._known(word))

    def at(self, words: Sequence[str], start: int) -> WordMention | None:
        """Return the longest phrase that begins here."""
        known = self._remembered.get(words[start])
        for parts, label in self._known(words[start]) if known is None else known:
            end = start + len(parts)
            if len(parts) == 1 or (end <= len(words) and _fit(parts, words, start)):
                return WordMention(start, end, label)
        return None

    def _known(self, word: str) -> tuple[_Phrase, ...]:
        """Return the phrases that may begin with a word, the longest first."""
        known = self._remembered.get(word)
        if known is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            ways = dict.fromkeys((word, bare(word), "#" if word[0].isdigit() else word))
            heads = [one for one in self._heads.get(word[:_HEAD], ()) if fits(one[0][0], word)]
            found = [*chain.from_iterable(self._exact.get(way, ()) for way in ways), *heads]
            known = tuple(sorted(found, key=lambda one: -len(one[0])))
            self._remembered[word] = known
        return known


def _fit(parts: Sequence[str], words: Sequence[str], start: int) -> bool:
    """Tell whether a phrase goes on in the words as it began in the first."""
    return all(fits(parts[at], words[start + at]) for at in range(1, len(parts)))


@lru_cache(_REMEMBERED)
def bare(word: str) -> str:
    """Return a word without what is put behind it ("petugasnya")."""
    ending = next((e for e in ("nya", "nyo", "ne", "na", "lah") if word.endswith(e)), "")
    return word.removesuffix(ending) if len(word) - len(ending) >= 3 else word


def fits(part: str, word: str) -> bool:
    """Tell whether a word is what a part of a phrase stands for."""
    if part == "#":
        return word[0].isdigit()
    if part.endswith("*"):
        return word.startswith(part[:-1])
    return part in (word, bare(word))


_NASALS: Mapping[str, tuple[str, str, bool]] = {
    "p": ("mem", "m", True), "b": ("mem", "mb", False), "f": ("mem", "m", True),
    "t": ("men", "n", True), "d": ("men", "nd", False), "j": ("men", "nj", False),
    "c": ("men", "ny", False), "s": ("meny", "ny", True), "k": ("meng", "ng", True),
    "g": ("meng", "ng", False), "h": ("meng", "ng", False),
    "a": ("meng", "ng", True), "i": ("meng", "ng", True), "u": ("meng", "ng", True),
    "e": ("meng", "ng", True), "o": ("meng", "ng", True),
}  # fmt: skip
"""First letter → what is put before it in full and in speech, and whether it goes."""
_VOWELS = frozenset("aiueo")
_ENDINGS = ("", "in", "kan", "i", "an", "ken", "keun", "ake", "akan", "ne", "e", "inya")


def forms(root: str) -> dict[Voice, set[str]]:
    """List the forms of a verb."""
    full, spoken, goes = _NASALS.get(root[0], ("me", "nge", False))
    rest = root[1:] if goes and root[0] not in _VOWELS else root
    short = root[1:] if root[0] == "c" else rest
    if root[0] in "bdgjh":
        short = root[1:]
    heads = {full + rest, spoken + short, "nge" + root, "ma" + (full + rest)[2:], "nga" + root}
    if root[0] == "h":
        heads.add("nge" + root[1:])
    done = {"di" + root, "ke" + root, "ter" + root, "e" + root, "kena " + root, "i" + root}
    return {
        "active": {head + ending for head in heads for ending in _ENDINGS}
        | {root + ending for ending in ("", "in", "kan", "i")},
        "passive": {head + ending for head in done for ending in _ENDINGS},
        "deed": {"pe" + (full + rest)[2:] + "an", root + "an"},
    }


def sentences(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Yield the words of each sentence; of a mark only a comma or a colon stays, as a comma."""
    words: list[str] = []
    for one in tokens:
        stop = one[0] in _STOPS
        if words and (stop or len(words) == MOST_WORDS):
            yield words
            words = []
        if not stop:
            words.append("," if one == ":" else one)
    if words:
        yield words
