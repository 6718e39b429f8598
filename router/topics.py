"""What a report is about: phrases with weights, looked up word by word, no training needed.

A topic's points are the sum over its phrases that occur. Its confidence grows with its own points
and shrinks with those of its rivals; when no phrase occurs, nothing is claimed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from normalizer.report import Topic
from router.data import DataError, Fault, Files, Row, read
from router.phrases import PAIR, PhraseIndex, Tally
from router.register import Kind, Register, Tier
from router.words import Lexicon, Reading

WEIGHTS: dict[Literal["sure", "likely", "hint"], float] = {"sure": 4, "likely": 2, "hint": 0.5}
ENOUGH = 6.0
"""Points beyond which a topic only repeats itself: length must not talk a rival down."""
LONGEST = 5
"""Words of the longest phrase."""
_AT_MOST = 0.97
"""Phrases are never surer than this, however many there are."""
_SCALE = 1.6
"""Points at which a topic without rivals is 63 % sure."""


class TopicsError(DataError):
    """The topics are wrong."""


class Phrases(Row):
    """``[topics.ID.phrases]``: what citizens write, by how much it says."""

    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    hint: tuple[str, ...] = ()


class Competence(Row):
    """Whose affair a topic is: the first row whose ``when`` occurs, else the one without."""

    level: Tier
    agency: Kind
    when: tuple[str, ...] = ()
    basis: str = ""


class TopicRow(Row):
    """``[topics.ID]``."""

    name: str
    category: int | None = None
    """LAPOR!'s id of the category, where it is known."""
    basis: str = ""
    """The law that says whose affair it is."""
    supervised: bool = False
    """Reports about this are complaints under supervision (pengaduan berkadar pengawasan)."""
    phrases: Phrases
    competence: Annotated[tuple[Competence, ...], Field(min_length=1)]


class TopicsFile(Row):
    """topics.toml."""

    slang: dict[str, str] = {}
    topics: dict[Kind, TopicRow] = {}


@dataclass(frozen=True, slots=True)
class Match:
    """A topic a text may be about, how sure that is, and the writer's words that say so."""

    topic: Topic
    row: TopicRow
    words: tuple[str, ...]


class Topics:
    """The taxonomy, ready to rank texts. Build with ``Topics.build``."""

    def __init__(self, file: TopicsFile) -> None:
        self.rows = file.topics
        self.lexicon = Lexicon(file.slang)
        self._index = PhraseIndex(self.lexicon)
        for id, row in self.rows.items():
            for strength, weight in WEIGHTS.items():
                for written in getattr(row.phrases, strength):
                    self._index.add(id, written, weight)
        self._when = {
            id: [(c, tuple(map(self.lexicon.phrase, c.when))) for c in row.competence]
            for id, row in self.rows.items()
        }

    @classmethod
    def build(cls, files: Files, register: Register) -> "Topics":
        """Check topics.toml, and that each competence names an agency. Raises ``TopicsError``."""
        topics, faults = cls.check(files, register)
        if faults:
            raise TopicsError(faults)
        return topics

    @classmethod
    def check(cls, files: Files, register: Register) -> tuple["Topics", list[Fault]]:
        """Build the topics from what can be read, and list everything that is wrong."""
        faults: list[Fault] = []
        topics = cls(read(TopicsFile, files.topics, faults, TopicsFile))
        for id, row in topics.rows.items():
            for keys, message in _faults_of(topics.lexicon, row, register):
                faults.append(Fault(files.topics.path, ("topics", id, *keys), message))
        for code, table in files.overrides.items():
            for id in register.overrides[code].move:
                if topics.rows and id not in topics.rows:
                    faults.append(Fault(table.path, ("move", id), f"no topic {id}"))
        return topics, faults

    def rank(self, reading: Reading) -> list[Match]:
        """Rank the topics a text may be about, surest first; [] when it says nothing known."""
        tallies = self._index.tallies(reading)
        total = sum(min(tally.points, ENOUGH) ** 2 for tally in tallies.values())
        best = sorted(tallies.items(), key=lambda item: (-item[1].points, item[0]))[:6]
        return [self._match(id, tally, total) for id, tally in best]

    def competence(self, id: str, reading: Reading) -> tuple[Competence, str]:
        """Choose the row of a topic that a text falls under, and the words that chose it."""
        for row, phrases in self._when[id]:
            for phrase in phrases:
                if words := reading.find(phrase):
                    return row, words
        return next(row for row, phrases in self._when[id] if not phrases), ""

    def _match(self, id: str, tally: Tally, total: float) -> Match:
        points = min(tally.points, ENOUGH)
        confidence = _AT_MOST * (1 - math.exp(-points / _SCALE)) * points**2 / total
        row = self.rows[id]
        return Match(Topic(id=id, name=row.name, confidence=confidence), row, tally.words(5))


def _faults_of(
    lexicon: Lexicon, row: TopicRow, register: Register
) -> Iterator[tuple[tuple[str, ...], str]]:
    for strength in WEIGHTS:
        for written in getattr(row.phrases, strength):
            if message := _wrong_with(written, lexicon):
                yield ("phrases", strength), f"{written!r}: {message}"
    if [bool(c.when) for c in row.competence].count(False) != 1:
        yield ("competence",), "exactly one row must do without `when`: it is the rule"
    for number, competence in enumerate(row.competence):
        if not register.has(competence.level, competence.agency):
            message = f"no agency {competence.agency} at level {competence.level}"
            yield ("competence", str(number), "agency"), message


def _wrong_with(written: str, lexicon: Lexicon) -> str:
    halves = [lexicon.read(half).words for half in written.split(PAIR)]
    if not all(halves):
        return "no words in it"
    if len(halves) > 1:
        return "" if [len(h) for h in halves] == [1, 1] else "a pair is two single words"
    return "" if len(halves[0]) <= LONGEST else f"longer than {LONGEST} words"
