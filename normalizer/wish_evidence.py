"""How likely a text holds a wish that no rule knows: the weight of all that hints at one.

People ask in more words than any list has. Words, neighbours, signs (``normalizer.wish_signs``) and
two signs in their order each weigh what ``python -m bench.wishes`` learned from lines of several
authors (``wish_weights.csv``). A first look weighs words alone: most texts end there.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from normalizer.wish_signs import signs
from normalizer.wish_tokens import BREAK, Token, plain, words
from normalizer.wish_words import kinds

WEIGHTS = Path(__file__).with_name("wish_weights.csv")
FIRST = "first"
WISHES = ("anonymous", "confidential", "unhide")
BIAS = "bias"
_NEAR = 5
"""Words within which two signs count together."""
_SHORT = (4, 8, 14, 25)
_UNLIKELY = -3.5
"""What the first look must find, as a logit: nearly no wish of an author it never saw has less."""


class Likelihood(NamedTuple):
    """How likely a text asks for each of the three."""

    anonymous: float
    confidential: float
    unhide: float


class _Weights(NamedTuple):
    """What is weighed, as logits."""

    bias: Likelihood
    of: dict[str, tuple[float, float, float]]
    first: dict[str, float]
    first_bias: float


def may_wish(text: str) -> bool:
    """Tell whether a text may hold a wish at all, by its words one by one."""
    weights = _weights()
    logit, met = weights.first_bias, frozenset[str]()
    for word in {*words(text)}:
        weight, hinted = _hint(word)
        logit += weight
        met |= hinted
    return logit + sum(weights.first[sign] for sign in met) >= _UNLIKELY


def speaks(word: str) -> bool:
    """Tell whether a word speaks for a wish, at first look."""
    weight, met = _hint(word)
    return weight + sum(_weights().first[sign] for sign in met) > 0


def likelihood(tokens: Sequence[Token]) -> Likelihood:
    """Tell how likely each wish is."""
    weights = _weights()
    found = [weights.of[name] for name in features(tokens) if name in weights.of]
    logits = (sum(parts) for parts in zip(weights.bias, *found, strict=True))
    return Likelihood(*(1 / (1 + math.exp(-logit)) for logit in logits))


def first_features(text: str) -> frozenset[str]:
    """Name what the first look weighs."""
    return frozenset[str]().union(*map(_of_word, {*words(text)}))


def features(tokens: Sequence[Token]) -> frozenset[str]:
    """Name all that a text says which may hint at a wish."""
    said = [word for t in tokens if "BREAK" not in t.kinds for word in t.word.split()]
    found = {f"w:{word}" for word in said}
    found.update(f"b:{one} {two}" for one, two in pairwise(said))
    found.update(f"size:{size}" for size in _SHORT if len(said) <= size)
    for clause in _clauses(tokens):
        found.update(_in_clause(clause))
    return frozenset(found)


def _clauses(tokens: Iterable[Token]) -> Iterator[list[frozenset[str]]]:
    """Yield the signs of each word, clause by clause."""
    clause: list[frozenset[str]] = []
    for token in tokens:
        if token.kinds >= BREAK:
            yield clause
            clause = []
        else:
            clause.append(signs(token.word, token.kinds))
    yield clause


def _in_clause(clause: Sequence[frozenset[str]]) -> Iterator[str]:
    """Yield signs, signs beside each other and signs near each other."""
    for at, here in enumerate(clause):
        if here:
            yield from (f"s:{one}" for one in here)
            for far, there in enumerate(clause[at + 1 : at + 1 + _NEAR]):
                yield from (f"p:{one} {two}" for one in here for two in there)
                if far == 0:
                    yield from (f"a:{one} {two}" for one in here for two in there)


def _of_word(text: str) -> frozenset[str]:
    word = plain(text)
    return frozenset({f"w:{word}", *(f"s:{sign}" for sign in signs(word, kinds(word)))})


@lru_cache(maxsize=16_384)
def _hint(text: str) -> tuple[float, frozenset[str]]:
    """Return what a word weighs at first, and the signs it is that weigh something."""
    known = _of_word(text) & _weights().first.keys()
    met = frozenset(name for name in known if name.startswith("s:"))
    return sum(_weights().first[name] for name in known - met), met


@cache
def _weights() -> _Weights:
    of: dict[str, tuple[float, float, float]] = {}
    first: dict[str, float] = {}
    with WEIGHTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row["feature"]
            of[name] = float(row["anonymous"]), float(row["confidential"]), float(row["unhide"])
            if weight := float(row[FIRST]):
                first[name] = weight
    return _Weights(Likelihood(*of.pop(BIAS)), of, first, first.pop(BIAS))
