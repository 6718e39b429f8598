"""Which phrases of which topics occur in a text: dictionary look-ups word by word, no patterns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from router.words import Lexicon, Reading

NEAR = 6
"""Words within which the two halves of a pair ("jalan .. rusak") must stand."""
PAIR = ".."


@dataclass(slots=True)
class Tally:
    """The points of one topic, and the writer's words that earned them, heaviest first."""

    points: float = 0.0
    _seen: dict[str, tuple[float, str]] = field(default_factory=dict)

    def add(self, phrase: str, weight: float, words: str) -> None:
        """Count a phrase; a phrase said twice counts once."""
        if phrase not in self._seen:
            self._seen[phrase] = (weight, words)
            self.points += weight

    def words(self, most: int) -> tuple[str, ...]:
        """Return up to ``most`` of the writer's words, without repeats."""
        heaviest = sorted(self._seen.values(), key=lambda said: -said[0])
        return tuple(dict.fromkeys(words for _, words in heaviest[:most]))


@dataclass(frozen=True, slots=True)
class _Hit:
    """A phrase that occurs, from word ``at`` on, and the topics it speaks for."""

    at: int
    size: int
    phrase: str
    topics: dict[str, float]

    def holds(self, word: int) -> bool:
        return self.at <= word < self.at + self.size


_Cover = dict[int, _Hit]
"""The longest phrase of several words over each word; what lies inside it speaks for its topics
only: "bpjs ketenagakerjaan" says nothing about health, "mati lampu" nothing about street lamps."""


class PhraseIndex:
    """All phrases of all topics."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._phrases: dict[str, dict[str, float]] = {}
        self._starts: dict[str, int] = {}
        """First word of a phrase → words of the longest phrase that starts with it."""
        self._pairs: dict[str, list[tuple[str, str, float]]] = {}

    def add(self, topic: str, written: str, weight: float) -> None:
        """Let a phrase, or a pair of words, speak for a topic."""
        first, _, second = written.partition(PAIR)
        words = self._lexicon.read(first).words
        if second:
            other = self._lexicon.phrase(second)
            self._pairs.setdefault(" ".join(words), []).append((other, topic, weight))
        elif words:
            self._phrases.setdefault(" ".join(words), {}).setdefault(topic, weight)
            self._starts[words[0]] = max(self._starts.get(words[0], 0), len(words))

    def tallies(self, reading: Reading) -> dict[str, Tally]:
        """Count the points of every topic that a text says anything of."""
        tallies: dict[str, Tally] = {}
        hits = self._hits(reading.words)
        over = _cover(hits)
        self._count_phrases(reading, hits, over, tallies)
        self._count_pairs(reading, over, tallies)
        return tallies

    def _hits(self, words: Sequence[str]) -> list[_Hit]:
        hits = []
        for at, word in enumerate(words):
            for size in range(1, min(self._starts.get(word, 0), len(words) - at) + 1):
                phrase = " ".join(words[at : at + size])
                if topics := self._phrases.get(phrase):
                    hits.append(_Hit(at, size, phrase, topics))
        return hits

    def _count_phrases(
        self, reading: Reading, hits: Sequence[_Hit], over: _Cover, tallies: dict[str, Tally]
    ) -> None:
        for hit in hits:
            last = hit.at + hit.size - 1
            longest = over.get(hit.at, hit)
            inside = longest.size > hit.size and longest.holds(last)
            for topic, weight in hit.topics.items():
                if not inside or topic in longest.topics:
                    said = reading.said(hit.at, last)
                    tallies.setdefault(topic, Tally()).add(hit.phrase, weight, said)

    def _count_pairs(self, reading: Reading, over: _Cover, tallies: dict[str, Tally]) -> None:
        words = reading.words
        for at, word in enumerate(words):
            for other, topic, weight in self._pairs.get(word, ()):
                start = max(0, at - NEAR)
                around = words[start : at + NEAR + 1]
                if other not in around:
                    continue
                there = start + around.index(other)
                longest = over.get(at)
                if longest and longest.holds(there) and topic not in longest.topics:
                    continue
                said = " … ".join(reading.said(i, i) for i in sorted((at, there)))
                tallies.setdefault(topic, Tally()).add(f"{word}..{other}", weight, said)


def _cover(hits: Sequence[_Hit]) -> _Cover:
    over: _Cover = {}
    for hit in sorted(hits, key=lambda hit: hit.size):
        if hit.size > 1:
            over.update(dict.fromkeys(range(hit.at, hit.at + hit.size), hit))
    return over
