"""Which phrases of which topics occur in a text: dictionary look-ups word by word, no patterns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from router.words import Lexicon, Reading

NEAR = 8
"""Words within which the two halves of a pair ("jalan .. rusak") must stand: names of places may
stand between them."""
CLOSE = 6
"""The same where nothing competes and a far-fetched pair would stand alone."""
PAIR = ".."
_LATER = 0.7
_FADING = tuple(max(_LATER, 1 - 0.01 * at) for at in range(31))
"""What is left of a phrase's weight by where it stands: people say first what they write about.
The last share holds for all that follows."""
_STEP = (1.0,) * 25 + (_LATER,)
_NOT = "bukan"
_ABOUT = frozenset(("soal", "masalah", "urusan", "perkara", "tentang"))
_LANDMARK = 0.25
"""What is left of a phrase's weight where it only says where something is ("depan sekolah")."""


Spans = tuple[tuple[int, int], ...]
"""First and last word of each part of a phrase: one part, or the two halves of a pair."""


@dataclass(slots=True)
class Tally:
    """The points of one topic, and the words that earned them, heaviest first."""

    points: float = 0.0
    _seen: dict[str, tuple[float, Spans]] = field(default_factory=dict)

    def add(self, phrase: str, weight: float, spans: Spans) -> None:
        """Count a phrase; one said twice counts once, as heavy as it was at its heaviest."""
        known = self._seen.get(phrase)
        before = known[0] if known else 0.0
        if weight > before:
            self._seen[phrase] = (weight, spans)
            self.points += weight - before

    def words(self, most: int, reading: Reading) -> tuple[str, ...]:
        """Return up to ``most`` of the writer's words, without repeats."""
        heaviest = sorted(self._seen.values(), key=lambda seen: -seen[0])[:most]
        said = (" … ".join(reading.said(*span) for span in spans) for _, spans in heaviest)
        return tuple(dict.fromkeys(said))


@dataclass(slots=True)
class _Node:
    """A phrase read so far: the words that may follow, and the topics it speaks for."""

    phrase: str
    follow: dict[str, "_Node"] = field(default_factory=dict)
    topics: dict[str, float] = field(default_factory=dict)
    landmark: bool = False
    numbered: bool = False
    courtesy: bool = False


_Hit = tuple[int, int, _Node]
"""A phrase that occurs: its first word, the word after its last, and the phrase."""
_Cover = dict[int, _Hit]
"""The longest phrase of several words over each word; what lies inside it speaks for its topics
only: "bpjs ketenagakerjaan" says nothing about health, "mati lampu" nothing about street lamps."""


class PhraseIndex:
    """All phrases of all topics.

    ``covering``: topics compete. A phrase inside a longer one of another topic does not count, and
    what is said earlier counts more.
    """

    def __init__(self, lexicon: Lexicon, *, covering: bool = True) -> None:
        self._lexicon = lexicon
        self._covering = covering
        self._near = NEAR if covering else CLOSE
        self._shares = _FADING if covering else _STEP
        self._root = _Node("")
        self._pairs: dict[str, dict[str, dict[str, float]]] = {}
        """First half → second half → topic → weight."""
        self._before_landmarks: frozenset[str] = frozenset()

    def add(self, topic: str, written: str, weight: float) -> None:
        """Let a phrase, or a pair of words, speak for a topic."""
        first, _, second = written.partition(PAIR)
        words = self._lexicon.words(first)
        if second:
            halves = self._pairs.setdefault(" ".join(words), {})
            halves.setdefault(self._lexicon.phrase(second), {}).setdefault(topic, weight)
        elif words:
            self._node(words).topics.setdefault(topic, weight)

    def landmarks(
        self, after: Iterable[str], phrases: Iterable[str], numbered: Iterable[str] = ()
    ) -> None:
        """Let ``phrases`` count little where they follow one of the words in ``after``.

        Those that are ``numbered`` ("gang 2") count little before a number.
        """
        self._before_landmarks = frozenset(map(self._lexicon.phrase, after))
        for written in phrases:
            self._node(self._lexicon.words(written)).landmark = True
        for written in numbered:
            self._node(self._lexicon.words(written)).numbered = True

    def courtesies(self, phrases: Iterable[str]) -> None:
        """Let nothing inside ``phrases`` ("mohon bantuannya") speak for a topic."""
        for written in phrases:
            self._node(self._lexicon.words(written)).courtesy = True

    def tallies(self, reading: Reading) -> dict[str, Tally]:
        """Count the points of every topic that a text says anything of."""
        tallies: dict[str, Tally] = {}
        words, vocabulary = reading.words, reading.said_at_all
        over: _Cover = {}
        if not self._root.follow.keys().isdisjoint(vocabulary):
            hits = self._hits(words)
            over = _cover(hits) if self._covering else over
            self._count_phrases(words, hits, over, tallies)
        if not self._pairs.keys().isdisjoint(vocabulary):
            self._count_pairs(words, over, tallies)
        return tallies

    def _node(self, words: Sequence[str]) -> _Node:
        node = self._root
        for word in words:
            node = node.follow.setdefault(word, _Node(f"{node.phrase} {word}".lstrip()))
        return node

    def _hits(self, words: Sequence[str]) -> list[_Hit]:
        hits = []
        starts = self._root.follow
        for at in [at for at, word in enumerate(words) if word in starts]:
            node, end = starts.get(words[at]), at + 1
            while node:
                if node.topics or node.courtesy:
                    hits.append((at, end, node))
                node = node.follow.get(words[end]) if end < len(words) else None
                end += 1
        return hits

    def _count_phrases(
        self, words: Sequence[str], hits: Sequence[_Hit], over: _Cover, tallies: dict[str, Tally]
    ) -> None:
        for hit in hits:
            at, end, node = hit
            share = self._share(words, hit)
            if not share:
                continue
            longest = over.get(at, hit)
            inside = longest is not hit and end <= longest[1]
            for topic, weight in node.topics.items():
                if not inside or topic in longest[2].topics:
                    _tally(tallies, topic).add(node.phrase, weight * share, ((at, end - 1),))

    def _share(self, words: Sequence[str], hit: _Hit) -> float:
        """How much a phrase counts there: nothing after "bukan", less as a landmark or late."""
        at, end, node = hit
        share = self._at(at)
        before = words[at - 1] if at else ""
        if before == _NOT or (before in _ABOUT and words[at - 2] == _NOT):
            return 0.0
        is_landmark = node.landmark and before in self._before_landmarks
        is_address = node.numbered and end < len(words) and words[end].isdigit()
        return share * _LANDMARK if is_landmark or is_address else share

    def _is_landmark(self, words: Sequence[str], at: int) -> bool:
        """Tell whether a word only says where something is ("pipa bocor di depan sekolah")."""
        node = self._root.follow.get(words[at])
        return bool(at and node and node.landmark and words[at - 1] in self._before_landmarks)

    def _at(self, at: int) -> float:
        return self._shares[at] if at < len(self._shares) else self._shares[-1]

    def _count_pairs(self, words: Sequence[str], over: _Cover, tallies: dict[str, Tally]) -> None:
        pairs = self._pairs
        for at in [at for at, word in enumerate(words) if word in pairs]:
            others = pairs[words[at]]
            first, end = max(0, at - self._near), at + self._near + 1
            if others.keys().isdisjoint(words[first:end]):
                continue
            for there in range(first, min(len(words), end)):
                if topics := others.get(words[there]):
                    self._count_pair(words, at, there, topics, over, tallies)

    def _count_pair(
        self,
        words: Sequence[str],
        at: int,
        there: int,
        topics: Mapping[str, float],
        over: _Cover,
        tallies: dict[str, Tally],
    ) -> None:
        spoken_for = _spoken_for(at, there, over)
        share = self._at(min(at, there))
        if self._is_landmark(words, at) or self._is_landmark(words, there):
            share *= _LANDMARK
        spans = tuple((i, i) for i in sorted((at, there)))
        phrase = f"{words[at]}..{words[there]}"
        for topic, weight in topics.items():
            if spoken_for is None or topic in spoken_for.topics:
                _tally(tallies, topic).add(phrase, weight * share, spans)


def _tally(tallies: dict[str, Tally], topic: str) -> Tally:
    known = tallies.get(topic)
    if known is None:
        known = tallies[topic] = Tally()
    return known


def _spoken_for(at: int, there: int, over: _Cover) -> _Node | None:
    """Return the longer phrase that holds both halves of a pair, or the courtesy that holds one."""
    first, second = over.get(at), over.get(there)
    if first and first[0] <= there < first[1]:
        return first[2]
    return next((hit[2] for hit in (first, second) if hit and hit[2].courtesy), None)


def _cover(hits: Sequence[_Hit]) -> _Cover:
    over: _Cover = {}
    for hit in sorted(hits, key=lambda hit: hit[1] - hit[0]):
        if hit[1] - hit[0] > 1:
            over.update(dict.fromkeys(range(hit[0], hit[1]), hit))
    return over
