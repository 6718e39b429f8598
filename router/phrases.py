"""Which phrases occur in a text: dictionary look-ups word by word, no patterns.

Everything the router looks for stands in one index, so that a text is searched once. A user of it
has a *book* of the index: what a text is about, what is out of scope, what cannot wait.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

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
``_LATER`` holds for all that follows: slang may make many words of few letters."""
_NOT_FAR = (1.0,) * 25
"""The same where topics do not compete."""
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

    @property
    def covered(self) -> frozenset[int]:
        """Return which words of the text the points rest on, by their places."""
        spans = (span for _, parts in self._seen.values() for span in parts)
        return frozenset(at for first, last in spans for at in range(first, last + 1))

    def words(self, most: int, reading: Reading) -> tuple[str, ...]:
        """Return up to ``most`` of the writer's words, without repeats."""
        heaviest = sorted([(-weight, spans) for weight, spans in self._seen.values()])[:most]
        said = reading.quote
        return tuple(
            dict.fromkeys([" … ".join([said(*span) for span in spans]) for _, spans in heaviest])
        )


class Tallies(dict[str, Tally]):
    """The tallies of topics; one that was not spoken of begins at nothing."""

    def __missing__(self, topic: str) -> Tally:
        found = self[topic] = Tally()
        return found


Hit = tuple[int, int, "_Node"]
"""A phrase that occurs: its first word, the word after its last, and the phrase."""
_Near = tuple[int, int, str, Mapping[str, float]]
"""Where the halves of a pair stand, the earlier first, the pair, and what it speaks for."""
_Cover = dict[int, Hit]
"""The longest phrase of several words over each word; what lies inside it speaks for its topics
only: "bpjs ketenagakerjaan" says nothing about health, "mati lampu" nothing about street lamps."""


@dataclass(slots=True, eq=False)
class _Node:
    """A phrase read so far: the words that may follow, and what it speaks for in each book."""

    phrase: str
    follow: dict[str, "_Node"] = field(default_factory=dict)
    books: dict["Book", dict[str, float]] = field(default_factory=dict)
    landmark: bool = False
    numbered: bool = False
    courtesy: bool = False


@dataclass(slots=True, eq=False)
class _Pair:
    """Two words that say something when they stand near each other, in whichever order."""

    phrase: str
    books: dict["Book", dict[str, float]] = field(default_factory=dict)


class Book:
    """Phrases that speak for topics, or for whatever else is asked of a text."""

    near = CLOSE

    def __init__(self, index: "PhraseIndex") -> None:
        self._index = index

    def add(self, topic: str, text: str, weight: float) -> None:
        """Let a phrase, or a pair of words, speak for a topic; the first weight of a pair holds."""
        self._index.add(self, topic, text, weight)

    def hits(self, reading: Reading) -> Sequence[Hit]:
        """Return where phrases of this book occur, in the order of their first words."""
        return self._index.search(reading).phrases.get(self, ())

    def tallies(self, reading: Reading) -> Tallies:
        """Count the points of every topic that a text says anything of."""
        found = self._index.search(reading)
        phrases, pairs = found.phrases.get(self, ()), found.pairs.get(self, ())
        return self._counted(phrases, pairs, reading.words) if phrases or pairs else Tallies()

    def _counted(
        self, phrases: Sequence[Hit], pairs: Sequence[_Near], words: Sequence[str]
    ) -> Tallies:
        tallies = Tallies()
        denies = _NOT in words
        for at, end, node in phrases:
            if denies and _denied(words, at):
                continue
            share = _NOT_FAR[at] if at < len(_NOT_FAR) else _LATER
            for topic, weight in node.books[self].items():
                tallies[topic].add(node.phrase, weight * share, ((at, end - 1),))
        for first, last, phrase, weights in pairs:
            share = _NOT_FAR[first] if first < len(_NOT_FAR) else _LATER
            spans = ((first, first), (last, last))
            for topic, weight in weights.items():
                tallies[topic].add(phrase, weight * share, spans)
        return tallies


class Rivals(Book):
    """A book whose topics compete.

    A phrase inside a longer one of another topic does not count, what is said earlier counts more,
    and what only says where something is counts little.
    """

    near = NEAR

    def __init__(self, index: "PhraseIndex") -> None:
        super().__init__(index)
        self._before_landmarks: frozenset[str] = frozenset()

    def landmarks(
        self, after: Iterable[str], phrases: Iterable[str], numbered: Iterable[str] = ()
    ) -> None:
        """Let ``phrases`` count little where they follow one of the words in ``after``.

        Those that are ``numbered`` ("gang 2") count little before a number.
        """
        self._before_landmarks = frozenset(map(self._index.lexicon.phrase, after))
        for written in phrases:
            self._index.node(written).landmark = True
        for written in numbered:
            self._index.node(written).numbered = True

    def courtesies(self, phrases: Iterable[str]) -> None:
        """Let nothing inside ``phrases`` ("mohon bantuannya") speak for a topic."""
        for written in phrases:
            node = self._index.node(written)
            node.courtesy = True
            node.books.setdefault(self, {})

    def _counted(
        self, phrases: Sequence[Hit], pairs: Sequence[_Near], words: Sequence[str]
    ) -> Tallies:
        tallies = Tallies()
        over, denies = _cover(phrases), _NOT in words
        for hit in phrases:
            at, end, node = hit
            if denies and _denied(words, at):
                continue
            share = _FADING[at] if at < len(_FADING) else _LATER
            if (node.landmark or node.numbered) and self._is_place(words, at, end, node):
                share *= _LANDMARK
            longest = over.get(at, hit)
            weights = node.books[self]
            inside = longest is not hit and end <= longest[1]
            only = longest[2].books[self] if inside else weights
            for topic, weight in weights.items():
                if topic in only:
                    tallies[topic].add(node.phrase, weight * share, ((at, end - 1),))
        for pair in pairs:
            self._count_pair(pair, words, over, tallies)
        return tallies

    def _is_place(self, words: Sequence[str], at: int, end: int, node: _Node) -> bool:
        """Tell whether a phrase is a landmark there, or an address with its number."""
        before = words[at - 1] if at else ""
        is_landmark = node.landmark and before in self._before_landmarks
        return is_landmark or (node.numbered and end < len(words) and words[end].isdigit())

    def _is_landmark(self, words: Sequence[str], at: int) -> bool:
        """Tell whether a word only says where something is ("pipa bocor di depan sekolah")."""
        node = self._index.root.follow.get(words[at])
        return bool(at and node and node.landmark and words[at - 1] in self._before_landmarks)

    def _count_pair(
        self, pair: _Near, words: Sequence[str], over: _Cover, tallies: Tallies
    ) -> None:
        first, last, phrase, weights = pair
        spoken_for = _spoken_for(first, last, over)
        share = _FADING[first] if first < len(_FADING) else _LATER
        if self._is_landmark(words, first) or self._is_landmark(words, last):
            share *= _LANDMARK
        spans = ((first, first), (last, last))
        for topic, weight in weights.items():
            if spoken_for is None or topic in spoken_for.books[self]:
                tallies[topic].add(phrase, weight * share, spans)


class PhraseMatch(NamedTuple):
    """What of each book occurs in a text."""

    phrases: dict[Book, list[Hit]]
    pairs: dict[Book, list[_Near]]


class PhraseIndex:
    """All phrases of all books."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.root = _Node("")
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._by_half: dict[str, dict[str, _Pair]] = {}
        """The half that fewer pairs have → the other half → the pair; made when first needed."""

    def add(self, book: Book, topic: str, text: str, weight: float) -> None:
        """Let a phrase, or a pair of words, speak for a topic of a book."""
        first, _, second = text.partition(PAIR)
        if second:
            one, other = sorted(map(self.lexicon.phrase, (first, second)))
            pair = self._pairs.setdefault((one, other), _Pair(f"{one}{PAIR}{other}"))
            pair.books.setdefault(book, {}).setdefault(topic, weight)
            self._by_half.clear()
        elif words := self.lexicon.words(first):
            self._node(words).books.setdefault(book, {}).setdefault(topic, weight)

    def node(self, text: str) -> _Node:
        """Return the node of a phrase, made where there is none."""
        return self._node(self.lexicon.words(text))

    def _node(self, words: Sequence[str]) -> _Node:
        node = self.root
        for word in words:
            following = node.follow.get(word)
            if following is None:
                following = _Node(f"{node.phrase} {word}".lstrip())
                node.follow[word] = following
            node = following
        return node

    def search(self, reading: Reading) -> PhraseMatch:
        """Find the phrases of all books in a text, once."""
        found = reading.found
        if not isinstance(found, PhraseMatch):
            found = reading.found = PhraseMatch(defaultdict(list), defaultdict(list))
            self._find_phrases(reading.words, found.phrases)
            self._find_pairs(reading.words, found.pairs)
        return found

    def _find_phrases(self, words: Sequence[str], found: dict[Book, list[Hit]]) -> None:
        starts, many = self.root.follow, len(words)
        for at in [at for at, word in enumerate(words) if word in starts]:
            node, end = starts[words[at]], at + 1
            while True:
                for book in node.books:
                    found[book].append((at, end, node))
                if end == many or (longer := node.follow.get(words[end])) is None:
                    break
                node, end = longer, end + 1

    def _find_pairs(self, words: Sequence[str], found: dict[Book, list[_Near]]) -> None:
        halves, said = self._by_half or self._by_rarer_half(), frozenset(words)
        for at in [at for at, word in enumerate(words) if word in halves]:
            others = halves[words[at]]
            if others.keys().isdisjoint(said):
                continue
            begin = max(0, at - NEAR)
            for there, word in enumerate(words[begin : at + NEAR + 1], begin):
                if (pair := others.get(word)) is None:
                    continue
                first, last = (at, there) if at < there else (there, at)
                for book, weights in pair.books.items():
                    if last - first <= book.near:
                        found[book].append((first, last, pair.phrase, weights))

    def _by_rarer_half(self) -> dict[str, dict[str, _Pair]]:
        """Put every pair under the half that is looked for less often for it."""
        partners = Counter(chain.from_iterable(self._pairs))
        for halves, pair in self._pairs.items():
            rarer, other = sorted(halves, key=partners.__getitem__)
            self._by_half.setdefault(rarer, {})[other] = pair
        return self._by_half


def _denied(words: Sequence[str], at: int) -> bool:
    """Tell whether the words before say that it is not that: "bukan soal sampah"."""
    before = words[at - 1] if at else ""
    return before == _NOT or (at > 1 and before in _ABOUT and words[at - 2] == _NOT)


def _spoken_for(at: int, there: int, over: _Cover) -> _Node | None:
    """Return the longer phrase that holds both halves of a pair, or the courtesy that holds one."""
    first, second = over.get(at), over.get(there)
    if first and first[0] <= there < first[1]:
        return first[2]
    return next((hit[2] for hit in (first, second) if hit and hit[2].courtesy), None)


def _cover(hits: Sequence[Hit]) -> _Cover:
    over: _Cover = {}
    longer = [hit for hit in hits if hit[1] - hit[0] > 1]
    for hit in sorted(longer, key=lambda hit: hit[1] - hit[0]):
        over.update(dict.fromkeys(range(hit[0], hit[1]), hit))
    return over
