"""How much speaks for danger in a text, whatever the wording.

Phrases find what somebody thought of. Here a text is read word by word as *signs* (a body that is
hurt, water, a person, no answer, now ...), in any language of the tables, whatever affixes a
word carries. What counts is which signs stand near each other, then which words there are, then
which pieces of words: a learned weight each (``config/danger.tsv``, made by ``bench.dangers``). A
long text is as alarming as its most alarming passage.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import exp, sqrt

from config.danger import DangerWeights, Feature

MOST_CHARACTERS = 6_000
"""Characters that are looked at."""
PASSAGE = 22
"""Words that are weighed together, beside the whole text."""
FEW = 3
"""Words that are rather the name of a place than danger ..."""
DOUBT = 2.0
"""... unless there is so much more evidence, in log-odds."""
PART = 0.7
"""Log-odds that a passage of a longer text lacks: of many passages one is alarming by chance."""
NEAR = 8
"""Words within which two signs belong together."""
PIECES = (3, 4)
"""Letters of the pieces of a word, its ends counted as letters."""
SURE = 0.5
"""How likely a kind of danger must be to be named."""
OTHER = "other"
SHOWN = 3
"""Words that are shown as having said so."""
_NOTHING = Feature(0.0)
_LONGEST = 24
_SHORTEST = 4
_MOST_REMEMBERED = 50_000
_QUOTE = re.compile("['\u2019`]")
_NOT_WORD = re.compile(r"[\W_]+")
_STRETCHED = re.compile(r"([a-z])\1\1+")
_NUMBER = re.compile(r"\d+")
_END = re.compile(r"[.!?;\n]+")

_SWALLOWED = (
    ("", ("di", "ke", "ka", "ta", "ti", "ba", "be", "ber", "bar", "ter", "tar", "tor", "se", "sa",
          "ku", "pe", "pa", "ha", "a", "baku", "mo", "mu", "me", "ma", "n", "m", "nge", "nga", "ng",
          "meng", "mang", "peng", "pang", "ny", "mem", "mam", "pem", "men", "man", "pen")),
    ("k", ("meng", "mang", "peng", "pang", "ng")), ("s", ("meny", "many", "peny", "ny")),
    ("p", ("mem", "mam", "pem", "me", "ma", "m")), ("t", ("men", "man", "pen", "n")),
)  # fmt: skip
_BEGINNINGS = {
    beginning: tuple(letter for letter, some in _SWALLOWED if beginning in some)
    for _, beginnings in _SWALLOWED
    for beginning in beginnings
}
"""What may stand before a root, in Indonesian from Aceh to Papua → what it may have swallowed."""
_ENDINGS = (
    "nya", "nyo", "nye", "ipun", "keun", "kan", "ken", "lah", "pun", "kah", "na", "ne", "ku", "mu",
    "an", "in", "i", "e", "mi", "ki", "ka", "ing", "ed", "s", "0",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Word:
    signs: tuple[int, ...]
    whole: Feature
    pieces: Feature


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

    def find(self, words: Iterable[str]) -> set[str]:
        """Return the names of the signs in words, and the words, with "_" before them."""
        once = {*words}
        return {self.names[n] for word in once for n in self.of(word)} | {f"_{w}" for w in once}

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


class DangerEvidence:
    """Weighs a text with learned weights."""

    def __init__(self, table: Mapping[str, str], weights: DangerWeights) -> None:
        self.signs = Signs(table)
        self._weights = weights
        many = len(self.signs.names)
        numbers = ((n, self.signs.name(n)) for n in range(many * (many + 1)))
        self._pairs = {n: weights.signs[name] for n, name in numbers if name in weights.signs}
        self._remembered: dict[str, _Word] = {}

    def score(self, text: str) -> float:
        """Return the log-odds of danger in the most alarming passage."""
        return self._passage(text)[0]

    def needed(self, text: str) -> float:
        """Return the score above which a text tells of danger, though no rule says so."""
        return DOUBT if len(next(passages(text))) <= FEW else 0.0

    def kind(self, text: str) -> str:
        """Return the kind of danger that the signs of a text speak for; ``OTHER`` if none does."""
        if not self._weights.kinds:
            return OTHER
        names = self.signs.find(self._passage(text)[1])
        said = {
            kind: sum(table.get(name, _NOTHING).weight for name in ("", *names))
            for kind, table in self._weights.kinds.items()
        }
        best = max(said, key=lambda kind: said[kind])
        likely = 1 / sum(exp(points - said[best]) for points in said.values())
        return best if likely >= SURE else OTHER

    def words(self, text: str) -> list[str]:
        """Return the words of the most alarming passage that speak for danger most."""
        words = self._passage(text)[1]
        heavy = sorted(set(words), key=lambda word: -self._word(word).pieces.weight)[:SHOWN]
        return [word for word in dict.fromkeys(words) if word in heavy]

    def _passage(self, text: str) -> tuple[float, list[str]]:
        """Return the score of the most alarming passage, and its words."""
        scored = (
            (self._score(words) - (PART if at else 0), words)
            for at, words in enumerate(passages(text))
        )
        return max(scored)

    def _score(self, words: list[str]) -> float:
        read = [self._word(word) for word in words]
        near = self.signs.near([word.signs for word in read])
        once = dict(zip(words, read, strict=True)).values()
        return (
            self._weights.bias
            + _together(self._pairs[number] for number in near if number in self._pairs)
            + _together(word.whole for word in once)
            + _together(word.pieces for word in once)
        )

    def _word(self, word: str) -> _Word:
        known = self._remembered.get(word)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            table = self._weights.pieces
            cut = [table[piece] for piece in pieces(word) if piece in table]
            whole = self._weights.words.get(word, _NOTHING)
            summed = Feature(sum(each.weight for each in cut), sum(each.rarity for each in cut))
            known = self._remembered[word] = _Word(self.signs.of(word), whole, summed)
        return known


def _together(features: Iterable[Feature]) -> float:
    weight = rarity = 0.0
    for feature in features:
        weight += feature.weight
        rarity += feature.rarity
    return weight / sqrt(rarity) if rarity else 0.0


def passages(text: str) -> Iterator[list[str]]:
    """Yield the words of a text, then of its passages if it is longer than one, else of its
    sentences: a cry for help beside another matter is one all the same."""
    text = text[:MOST_CHARACTERS]
    yield (whole := words_of(text))
    if len(whole) <= PASSAGE:
        sentences = [words for part in _END.split(text) if len(words := words_of(part)) >= FEW]
        yield from sentences if len(sentences) > 1 else ()
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
    shorter = {
        each[: -len(ending)] for each in short for ending in _ENDINGS if each.endswith(ending)
    }
    stems = sorted((s for s in {word} | short | shorter if len(s) >= 3), key=lambda s: (-len(s), s))
    yield from stems
    for stem in stems:
        for length in (4, 3, 2, 1):
            for swallowed in _BEGINNINGS.get(stem[:length], ()):
                root = swallowed + stem[length:]
                if len(root) >= _SHORTEST:
                    yield root
