"""What a report is about: phrases with weights, looked up word by word, no training needed.

A topic's points are the sum over its phrases that occur. Its confidence grows with its own points
and shrinks with those of its rivals; when no phrase occurs, nothing is claimed.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from config.danger import weights
from config.emergency import emergency
from normalizer.message import Level
from normalizer.report import Topic
from router.calibration import AS_SAID, Curve, Point, wrong_with
from router.danger import RULE, Dangers
from router.data import DataError, DataFault, DataFiles, DataRow, read
from router.evidence import DangerEvidence
from router.phrases import PAIR, Book, PhraseIndex, Rivals, Tally
from router.register import Kind, Register, Tier
from router.scope import ScopeRow, ScopeRules, Scopes
from router.urgency import Urgencies, UrgencyRow, UrgencyRules
from router.words import Lexicon, Reading

WEIGHTS: dict[Literal["sure", "likely", "hint"], float] = {"sure": 4, "likely": 2, "hint": 0.5}
ENOUGH = 8.0
"""Points beyond which a topic mostly repeats itself: length must not talk a rival down."""
_REPEATED = 0.1
"""What is left of points beyond ``ENOUGH``: of two rich topics, the richer comes first."""
LONGEST = 5
"""Words of the longest phrase."""
MOST = 8
"""Topics that are considered."""
FAINT = 0.001
"""Topics less sure than this are not worth a word."""
_CHOICE = 3.0
"""Points of the topic that the reporter chose from a list: less than one sure phrase of another."""
_SHOWN = 5
"""Words that are named as evidence."""
_AT_MOST = 0.97
"""Phrases are never surer than this, however many there are."""
_SCALE = 1.6
"""Points at which a topic without rivals is 63 % sure."""


class TopicsError(DataError):
    """The topics are wrong."""


class Phrases(DataRow):
    """``[topics.ID.phrases]``: what citizens write, by how much it says."""

    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    hint: tuple[str, ...] = ()


class Competence(DataRow):
    """Whose affair a topic is: the first row whose ``when`` occurs, else the rule without."""

    level: Tier
    agency: Kind
    when: tuple[str, ...] = ()
    basis: str = ""
    """The law that says whose affair it is."""
    verified: bool = False
    """Whether that was checked against a source."""
    also: bool = False
    """Not the rule and chosen by no words: a body that may have to act as well."""

    @property
    def is_rule(self) -> bool:
        """Tell whether this row holds where no words choose another."""
        return not self.when and not self.also


class Group(DataRow):
    """``[groups.ID]``: a branch of LAPOR!'s category tree."""

    name: str
    category: int | None = None


class Landmarks(DataRow):
    """``[landmarks]``: words that only say where something is, after certain words."""

    after: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()
    """Words that are part of an address before a number."""
    words: tuple[str, ...] = ()


class Courtesy(DataRow):
    """``[courtesy]``: phrases that say nothing of what a report is about."""

    phrases: tuple[str, ...] = ()


class Alone(DataRow):
    """``[alone]``: words that are no form of the word they look like a form of."""

    words: tuple[str, ...] = ()


class Calibration(DataRow):
    """``[calibration]``: how often the phrases are right when they are so sure."""

    points: tuple[Point, ...] = AS_SAID
    measured: str = ""
    """On what."""


class TopicRow(DataRow):
    """``[topics.ID]``."""

    name: str
    group: Kind
    """The branch of LAPOR!'s category tree that it belongs to."""
    category: int | None = None
    """LAPOR!'s id of the category, where it is known."""
    sensitive: bool = False
    """Reports about this name people who could be harmed: no public row, only counts."""
    delicate: bool = False
    """Whom a report about this is about may read the reporter's phone: texts to it are neutral."""
    needs_identity: bool = False
    """The agency can hardly act without knowing who asks: identity papers, benefits, licences."""
    supervised: bool = False
    """Reports about this are complaints under supervision (pengaduan berkadar pengawasan)."""
    phrases: Phrases
    competence: Annotated[tuple[Competence, ...], Field(min_length=1)]


class TopicsFile(DataRow):
    """topics.toml."""

    slang: dict[str, str] = {}
    alone: Alone = Alone()
    groups: dict[Kind, Group] = {}
    landmarks: Landmarks = Landmarks()
    calibration: Calibration = Calibration()
    courtesy: Courtesy = Courtesy()
    scope: dict[Kind, ScopeRow] = {}
    urgency: dict[Kind, UrgencyRow] = {}
    topics: dict[Kind, TopicRow] = {}


class Match(NamedTuple):
    """A topic a text may be about, how sure that is, and what says so."""

    id: str
    confidence: float
    row: TopicRow
    tally: Tally
    reading: Reading

    @property
    def topic(self) -> Topic:
        """The topic as reports carry it."""
        return Topic(id=self.id, name=self.row.name, confidence=self.confidence)

    @property
    def words(self) -> tuple[str, ...]:
        """The writer's words that say so, heaviest first."""
        return self.tally.words(_SHOWN, self.reading)


class Topics:
    """The taxonomy, ready to rank texts. Build with ``Topics.build``."""

    def __init__(self, file: TopicsFile) -> None:
        self.rows = file.topics
        self.groups = file.groups
        self.sensitive = frozenset(id for id, row in self.rows.items() if row.sensitive)
        """The topics whose reports have no public row."""
        self.delicate = frozenset(id for id, row in self.rows.items() if row.delicate)
        """The topics of which texts to a phone say nothing."""
        self.needs_identity = frozenset(id for id, row in self.rows.items() if row.needs_identity)
        self.alone = file.alone.words
        self.curve = Curve(file.calibration.points)
        self.lexicon = Lexicon(file.slang)
        index = PhraseIndex(self.lexicon)
        self.scopes = Scopes(file.scope, index)
        self.urgencies = Urgencies(file.urgency, index)
        self.emergency = emergency()
        self.dangers = Dangers([*self.emergency.threats.items()], self.emergency.words)
        self.evidence = DangerEvidence(self.emergency.signs, weights())
        self._about = Rivals(index)
        for id, row in self.rows.items():
            for strength, weight in WEIGHTS.items():
                for written in getattr(row.phrases, strength):
                    self._about.add(id, written, weight)
        marks = file.landmarks
        self._about.landmarks(marks.after, marks.words, marks.numbered)
        self._about.courtesies(file.courtesy.phrases)
        self._choices = Book(index)
        """Which phrases choose which row of a topic's competence: the row's number as weight."""
        self._rules = {id: self._rule(id, row) for id, row in self.rows.items()}

    @classmethod
    def build(cls, files: DataFiles, register: Register) -> "Topics":
        """Check topics.toml, and that each competence names an agency. Raises ``TopicsError``."""
        topics, faults = cls.check(files, register)
        if faults:
            raise TopicsError(faults)
        return topics

    @classmethod
    def check(cls, files: DataFiles, register: Register) -> tuple["Topics", list[DataFault]]:
        """Build the topics from what can be read, and list everything that is wrong."""
        faults: list[DataFault] = []
        topics = cls(read(TopicsFile, files.topics, faults, TopicsFile))
        for id, row in topics.rows.items():
            for keys, message in _faults_of(topics, row, register):
                faults.append(DataFault(files.topics.path, ("topics", id, *keys), message))
        faults.extend(_faults_of_marks(topics, files))
        if message := wrong_with(topics.curve.points):
            faults.append(DataFault(files.topics.path, ("calibration", "points"), message))
        for code, table in files.overrides.items():
            for id in register.overrides[code].move:
                if topics.rows and id not in topics.rows:
                    faults.append(DataFault(table.path, ("move", id), f"no topic {id}"))
        named = register.regions.regions(Level.PROVINCE, Level.REGENCY, Level.CITY, Level.DISTRICT)
        names = {word for one in named for word in one.bare.lower().split()}
        topics.lexicon.learn(names.union(topics.alone))
        return topics, faults

    def rank(self, reading: Reading, chosen: str = "") -> list[Match]:
        """Rank the topics a text may be about, surest first; [] when it says nothing known.

        ``chosen`` is the topic that the reporter chose, or a group: then it speaks for those topics
        of it of which the text says something.
        """
        tallies = self._about.tallies(reading)
        if chosen in self.rows:
            tallies.setdefault(chosen, Tally())
        for id, tally in tallies.items() if chosen else ():
            if chosen in (id, self.rows[id].group):
                tally.points += _CHOICE
        total = sum(_counted(tally.points) ** 2 for tally in tallies.values())
        best = sorted(tallies.items(), key=lambda item: (-item[1].points, item[0]))[:MOST]
        matches = (self._match(id, tally, total, reading) for id, tally in best)
        return [match for match in matches if match]

    def name_of(self, chosen: str) -> str:
        """Return the name of a topic or a group by its id; "" when there is none."""
        found = self.rows.get(chosen) or self.groups.get(chosen)
        return found.name if found else ""

    def scope(self, reading: Reading) -> ScopeRules | None:
        """Say why a text is no affair of any agency; None when it may be one."""
        return self.scopes.scope(reading)

    def urgency(self, reading: Reading) -> UrgencyRules | None:
        """Say why a text cannot wait; None when it can."""
        told = self._find_danger(reading)
        needed = -RULE if told else self.evidence.needed(reading.text)
        if self.evidence.score(reading.text) <= needed:
            return None
        if told:
            return told
        kind = self.evidence.kind(reading.text)
        words = tuple(self.evidence.words(reading.text))
        return UrgencyRules(kind, self.emergency.kinds[kind].name, words)

    def _find_danger(self, reading: Reading) -> UrgencyRules | None:
        """Return the danger that a rule or a phrase sees in a text."""
        if said := self.dangers.danger(reading.text):
            return UrgencyRules(said[0], self.emergency.kinds[said[0]].name, tuple(said[1].split()))
        found = self.urgencies.urgency(reading)
        return found if found and not self.dangers.is_past(reading.text) else None

    def competence(self, id: str, reading: Reading) -> tuple[Competence, str]:
        """Choose the row of a topic that a text falls under, and the words that chose it."""
        said = [
            (node.books[self._choices][id], at, end)
            for at, end, node in self._choices.hits(reading)
            if id in node.books[self._choices]
        ]
        if not said:
            return self._rules[id], ""
        rank, at, end = min(said)
        return self.rows[id].competence[int(rank)], reading.quote(at, end - 1)

    def _rule(self, id: str, row: TopicRow) -> Competence:
        """Note the phrases that choose a row: rows count in their order, phrases in theirs."""
        for number, competence in enumerate(row.competence):
            for place, written in enumerate(competence.when):
                self._choices.add(id, written, number + place / (len(competence.when)))
        return next((c for c in row.competence if c.is_rule), row.competence[0])

    def _match(self, id: str, tally: Tally, total: float, reading: Reading) -> Match | None:
        points = _counted(tally.points)
        confidence = _AT_MOST * (1 - math.exp(-points / _SCALE)) * points**2 / total
        if confidence < FAINT:
            return None
        return Match(id, confidence, self.rows[id], tally, reading)


def _counted(points: float) -> float:
    return points if points <= ENOUGH else ENOUGH + _REPEATED * (points - ENOUGH)


def _faults_of(
    topics: Topics, row: TopicRow, register: Register
) -> Iterator[tuple[tuple[str, ...], str]]:
    if row.group and row.group not in topics.groups:
        yield ("group",), f"no group {row.group}"
    for strength in WEIGHTS:
        for written in getattr(row.phrases, strength):
            if message := _wrong_with(written, topics.lexicon):
                yield ("phrases", strength), f"{written!r}: {message}"
    if sum(c.is_rule for c in row.competence) != 1:
        yield ("competence",), "exactly one row must do without `when` and `also`: it is the rule"
    for number, competence in enumerate(row.competence):
        if not register.has(competence.level, competence.agency):
            message = f"no agency {competence.agency} at level {competence.level}"
            yield ("competence", str(number), "agency"), message


def _faults_of_marks(topics: Topics, files: DataFiles) -> Iterator[DataFault]:
    tables: dict[str, Mapping[str, ScopeRow | UrgencyRow]] = {
        "scope": topics.scopes.rows,
        "urgency": topics.urgencies.rows,
    }
    for table, rows in tables.items():
        for id, row in rows.items():
            for key, written in row.each_phrase():
                if message := _wrong_with(written, topics.lexicon):
                    keys = (table, id, key)
                    yield DataFault(files.topics.path, keys, f"{written!r}: {message}")


def _wrong_with(text: str, lexicon: Lexicon) -> str:
    halves = [lexicon.words(half) for half in text.split(PAIR)]
    if not all(halves):
        return "no words in it"
    if len(halves) > 1:
        return "" if [len(h) for h in halves] == [1, 1] else "a pair is two single words"
    return "" if len(halves[0]) <= LONGEST else f"longer than {LONGEST} words"
