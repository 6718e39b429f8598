"""How much speaks for danger in a text, whatever the wording.

Phrases find what somebody thought of. Here a text is read word by word as *signs* (a body that is
hurt, water, a person, nobody answers, now ...), in any language of the tables, whatever affixes a
word carries. What counts is which signs stand near each other, then which words there are, then
which pieces of words: a learned weight each (``config/danger.tsv``, made by ``bench.dangers``). A
long letter is as alarming as its most alarming passage.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp, sqrt

from config.danger import Weights

MOST_CHARACTERS = 6_000
"""Characters that are looked at."""
PASSAGE = 22
"""Words that are weighed together, beside the whole text."""
NEAR = 8
"""Words within which two signs belong together."""
PIECES = (3, 4)
"""Letters of the pieces of a word, its ends counted as letters."""
SURE = 0.4
"""How likely a kind of danger must be to be named."""
OTHER = "other"
_LONGEST = 24
_SHORTEST = 4
_MOST_REMEMBERED = 50_000
_QUOTE = re.compile("['\u2019`]")
_NOT_WORD = re.compile(r"[\W_]+")
_STRETCHED = re.compile(r"([a-z])\1\1+")
_NUMBER = re.compile(r"\d+")
_END = re.compile(r"[.!?;\n]+")

_BEGINNINGS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        "di ke ka ta ti be ba ber bar ter tar tor se sa ku pe pa ha a baku mo mu".split(), ("",)
    ),
    **dict.fromkeys("me ma n m nge nga".split(), ("", "t", "p")),
    **dict.fromkeys("meng mang peng pang ng".split(), ("", "k")),
    **dict.fromkeys("meny many peny ny".split(), ("s", "")),
    **dict.fromkeys("mem mam pem".split(), ("", "p")),
    **dict.fromkeys("men man pen".split(), ("", "t")),
}
"""What may stand before a root, in Indonesian from Aceh to Papua → what it may have swallowed."""
_ENDINGS = tuple(
    "nya nyo nye ipun keun kan ken lah pun kah na ne ku mu an in i e mi ki ka ing ed s 0".split()
)


@dataclass(frozen=True, slots=True)
class _Word:
    signs: tuple[int, ...]
    weight: float
    pieces: float
    count: int


class Signs:
    """Reads words as signs."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self.names = sorted(table)
        self._of: dict[str, tuple[int, ...]] = {}
        for number, name in enumerate(self.names):
            for word in table[name].split():
                self._of[word] = (*self._of.get(word, ()), number)

    def of(self, word: str) -> tuple[int, ...]:
        """Return the numbers of the signs that a word, or the root in it, stands for."""
        if word in self._of or not _SHORTEST <= len(word) <= _LONGEST:
            return self._of.get(word, ())
        return next((self._of[root] for root in _roots(word) if root in self._of), ())

    def near(self, words: list[tuple[int, ...]]) -> set[int]:
        """Return the signs of words in a row, and the pairs of those that stand near each other."""
        many = len(self.names)
        shown = [(at, signs) for at, signs in enumerate(words) if signs]
        found = {sign for _, signs in shown for sign in signs}
        for place, (at, signs) in enumerate(shown):
            around = {
                other for to, more in shown[place + 1 : place + NEAR] if to - at < NEAR
                for other in more
            }  # fmt: skip
            found |= {
                (a + 1) * many + b if a < b else (b + 1) * many + a for a in signs for b in around
            }
        return found

    def name(self, number: int) -> str:
        """Return how a sign or a pair is written."""
        first, second = divmod(number, len(self.names))
        return f"{self.names[first - 1]} {self.names[second]}" if first else self.names[second]


class Evidence:
    """Weighs a text with learned weights."""

    def __init__(self, table: Mapping[str, str], weights: Weights) -> None:
        self.signs = Signs(table)
        self._weights = weights
        many = len(self.signs.names)
        numbers = ((n, self.signs.name(n)) for n in range(many * (many + 1)))
        self._pairs = {n: weights.signs[name] for n, name in numbers if name in weights.signs}
        self._remembered: dict[str, _Word] = {}

    def score(self, text: str) -> float:
        """Return the log-odds of danger in the most alarming passage."""
        return max(self._score(words) for words in passages(text))

    def kind(self, text: str) -> str:
        """Return the kind of danger that the signs of a text speak for; ``OTHER`` if none does."""
        if not self._weights.kinds:
            return OTHER
        words = max(passages(text), key=self._score)
        names = [self.signs.names[n] for n in {s for w in words for s in self._word(w).signs}]
        said = {
            kind: sum(table.get(name, 0.0) for name in ("", *names))
            for kind, table in self._weights.kinds.items()
        }
        best = max(said, key=lambda kind: said[kind])
        likely = 1 / sum(exp(points - said[best]) for points in said.values())
        return best if likely >= SURE else OTHER

    def words(self, text: str) -> list[str]:
        """Return the words of the most alarming passage that speak for danger most."""
        words = max(passages(text), key=self._score)
        heavy = sorted(set(words), key=lambda word: -self._word(word).pieces)[:3]
        return [word for word in dict.fromkeys(words) if word in heavy]

    def _score(self, words: list[str]) -> float:
        read = [self._word(word) for word in words]
        near = self.signs.near([word.signs for word in read])
        once = dict(zip(words, read, strict=True)).values()
        weight = self._pairs.get
        pieces = sum(word.count for word in once)
        return (
            self._weights.bias
            + sum(weight(number, 0.0) for number in near) / sqrt(len(near) or 1)
            + sum(word.weight for word in once) / sqrt(len(once) or 1)
            + sum(word.pieces for word in once) / sqrt(pieces or 1)
        )

    def _word(self, word: str) -> _Word:
        known = self._remembered.get(word)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            cut = [*pieces(word)]
            weights = self._weights
            known = _Word(
                self.signs.of(word),
                weights.words.get(word, 0.0),
                sum(weights.pieces.get(piece, 0.0) for piece in cut),
                len(cut),
            )
            self._remembered[word] = known
        return known


def passages(text: str) -> Iterator[list[str]]:
    """Yield the words of a text, then of its passages if it is longer than one."""
    text = text[:MOST_CHARACTERS]
    yield (whole := words_of(text))
    if len(whole) <= PASSAGE:
        return
    passage: list[str] = []
    for sentence in _END.split(text):
        words = words_of(sentence)
        for begin in range(0, len(words), PASSAGE):
            some = words[begin : begin + PASSAGE]
            if passage and len(passage) + len(some) > PASSAGE:
                yield passage
                passage = []
            passage = passage + some
    if passage:
        yield passage


def pieces(word: str) -> set[str]:
    """Return the pieces of a word: its runs of letters, with a space for either end."""
    ended = f" {word[:_LONGEST]} "
    return {ended[at : at + n] for n in PIECES for at in range(len(ended) - n + 1)}


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are looked up."""
    spaced = _NOT_WORD.sub(" ", _QUOTE.sub("", text.casefold()))
    return _NUMBER.sub("0", _STRETCHED.sub(r"\1", spaced)).split()


def _roots(word: str) -> Iterator[str]:
    """Yield what a word may be made from: without an ending or two, then without a beginning."""
    short = {word[: -len(ending)] for ending in _ENDINGS if word.endswith(ending)}
    shorter = {each[: -len(ending)] for each in short for ending in _ENDINGS if each.endswith(ending)}
    stems = sorted((s for s in {word} | short | shorter if len(s) >= 3), key=lambda s: (-len(s), s))
    yield from stems
    for stem in stems:
        for length in (4, 3, 2, 1):
            for swallowed in _BEGINNINGS.get(stem[:length], ()):
                root = swallowed + stem[length:]
                if len(root) >= _SHORTEST:
                    yield root
