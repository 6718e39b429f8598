"""What is no affair of any agency: court cases, quarrels, pranks, adverts, praise, greetings.

A real complaint must never be taken for one of these, so a single word that speaks for a complaint
outweighs everything that speaks against it. What a verdict leaves unexplained makes it less sure:
one word of praise in a long message is no praise.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router.data import DataRow
from router.phrases import Book, PhraseIndex, Tally
from router.words import Reading

ENOUGH = 4.0
"""Points from which a text is out of scope: one sure phrase, or two likely ones."""
_SURE, _LIKELY = 4.0, 2.0
_AT_MOST = 0.97
_SCALE = 2.0
SURE = 0.95
"""Only so sure a verdict ends a report, and only where no topic and no danger speaks against it."""
FEW = 3
"""Words, besides courtesy, up to which a text says nothing but what was recognised."""


class ScopePhrases(DataRow):
    """``[scope.ID]`` phrases, by how much they say."""

    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()


class ScopeRow(DataRow):
    """``[scope.ID]`` of topics.toml."""

    name: str
    phrases: ScopePhrases = ScopePhrases()
    unless: tuple[str, ...] = ()
    """Phrases of which one keeps a report in scope, whatever else it says."""
    only: tuple[str, ...] = ()
    """A report made of these words alone says nothing."""
    foreign: bool = False
    """It is no report at all, as what ``router/foreign.py`` finds."""
    yields: bool = False
    """A clear topic outweighs it: such words say how somebody writes, or of whom, not of what."""

    def each_phrase(self) -> Iterator[tuple[str, str]]:
        """List the phrases with the key they stand under."""
        yield from (("sure", phrase) for phrase in self.phrases.sure)
        yield from (("likely", phrase) for phrase in self.phrases.likely)
        yield from (("unless", phrase) for phrase in self.unless)
        yield from (("only", phrase) for phrase in self.only)


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """Why a report is no affair of any agency, how sure that is, and the writer's words for it."""

    id: str
    name: str
    confidence: float
    words: tuple[str, ...]
    covered: frozenset[int] = frozenset()
    """Which words of the text it rests on, by their places."""


class Scopes:
    """Recognises what is out of scope."""

    def __init__(self, rows: Mapping[str, ScopeRow], index: PhraseIndex) -> None:
        self.rows = rows
        self._for = Book(index)
        self._against = Book(index)
        for id, row in rows.items():
            for phrase in row.phrases.sure:
                self._for.add(id, phrase, _SURE)
            for phrase in row.phrases.likely:
                self._for.add(id, phrase, _LIKELY)
            for phrase in row.unless:
                self._against.add(id, phrase, 1.0)
        self._courtesy = frozenset(
            word for row in rows.values() for text in row.only for word in index.lexicon.words(text)
        )
        self._only = {
            id: frozenset(word for text in row.only for word in index.lexicon.words(text))
            for id, row in rows.items()
            if row.only
        }

    def scope(self, reading: Reading) -> ScopeRules | None:
        """Say why a text is out of scope; None when an agency may have to act."""
        return self._of_only(reading) or self._by_phrases(reading)

    def _of_only(self, reading: Reading) -> ScopeRules | None:
        for id, words in self._only.items():
            if reading.words and all(map(words.__contains__, reading.words)):
                return ScopeRules(id, self.rows[id].name, _AT_MOST, (reading.text.strip()[:60],))
        return None

    def _by_phrases(self, reading: Reading) -> ScopeRules | None:
        tallies = self._for.tallies(reading)
        if not tallies:
            return None
        against = self._against.tallies(reading)
        left = {id: tally for id, tally in tallies.items() if id not in against}
        id = max(left, key=lambda id: left[id].points, default="")
        if not id or left[id].points < ENOUGH:
            return None
        points = left[id].points * (2 if self._explains(left[id], reading) else 1)
        confidence = _AT_MOST * (1 - math.exp(-points / _SCALE))
        words, covered = left[id].words(5, reading), left[id].covered
        return ScopeRules(id, self.rows[id].name, confidence, words, covered)

    def _explains(self, tally: Tally, reading: Reading) -> bool:
        """Tell whether hardly a word of a text is left beside what a verdict rests on."""
        left = (word for at, word in enumerate(reading.words) if at not in tally.covered)
        return sum(word not in self._courtesy for word in left) <= FEW
