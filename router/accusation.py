"""Who a report accuses of misconduct, so that it is never handed to them.

Accusations come in more words than any list has: no pattern decides, but the weight of all that
is said. Signs are deeds, offices and their people, who does what (``router.blame``), and cues such
as a missing receipt or a question (``config/accusations.toml``); a sign and a word each weigh what
``python -m bench.accusations`` learned from the lines of ``tests/router``
(``config/accusation_weights.toml``). Surely accused is who nearly always was so in those lines;
what lies between is suspected, and an operator reads it.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from router.blame import UNKNOWN, Blame, DeedRow, OfficeRow, Roles, Sentence, distance
from router.data import DataRow, DataTable
from router.mentions import Label, Spelling, Terms, WordMention, bare, sentences

__all__ = ["UNKNOWN", "AccusedOffice", "Detector", "OfficeRow"]

MOST_CHARACTERS, _LAST = 6_000, 1_500
"""Characters that are read of a text, and how many of them are its last: what was added later."""
_ENDS = re.compile(r"(?<=[.!?])\s+|\n")
MOST_SENTENCES = 40
"""Sentences that are judged alone where the whole accuses no office: another matter beside an
accusation must not drown it. Alone, only what is sure counts."""
_FAR = 30
"""Words between somebody and a deed that are as good as another sentence."""
_CLOSE = 5
_NO_DEED = WordMention(0, 0, Label("deed", "", "active"))
_RANKS = {"person": 0.0, "staff": 6.0, "office": 6.0}
"""How much less likely an office is meant than a person in it, in words of distance."""


class SignRow(DataRow):
    """``[signs.ID]``: words that speak for or against an accusation, wherever they stand."""

    name: str
    words: tuple[str, ...]
    grave: bool = False
    """It hints at misconduct: how near it stands to an office counts, and how many there are."""


class Certainty(DataRow):
    """``[certainty]``: from which probability on somebody is accused, or suspected of being so."""

    accused: float = 0.7
    suspected: float = 0.5


class AccusationWeights(DataRow):
    """accusation_weights.toml: what speaks for an accusation, as logits."""

    bias: float = 0.0
    signs: dict[str, float] = {}
    words: dict[str, float] = {}


class AccusationRules(DataRow):
    """accusations.toml, and the weights beside it."""

    spelling: dict[str, tuple[str, ...]] = {}
    deeds: dict[str, DeedRow] = {}
    offices: dict[str, OfficeRow] = {}
    roles: Roles = Roles()
    signs: dict[str, SignRow] = {}
    certainty: Certainty = Certainty()
    weights: AccusationWeights = AccusationWeights()


class AccusedOffice(NamedTuple):
    """An office that a report accuses, of what, and the words that say so."""

    office: str
    deed: str
    words: tuple[str, ...]
    is_sure: bool = True
    """Otherwise it may be no accusation, and an operator must read it."""


class AccusationEvidence(NamedTuple):
    """All that a text says about doers and deeds."""

    signs: frozenset[str]
    words: frozenset[str]
    accused: tuple[AccusedOffice, ...]
    """Whom it is about, if it is an accusation."""


class _Candidate(NamedTuple):
    cost: float
    """How unlikely it is that this office is meant."""
    deed: int
    """Words to the next deed."""
    sign: int
    """Words to the next grave sign."""
    is_free: bool
    """It is neither a landmark nor asked for help, nor a victim."""
    mention: WordMention
    sentence: Sentence


class Detector:
    """Finds who a text accuses. Pure."""

    def __init__(self, rules: AccusationRules) -> None:
        self.rules = rules
        spelling = self._spelling = Spelling(rules.spelling)
        self._blame = Blame(rules.deeds, rules.offices, rules.roles, spelling)
        self._signs = Terms(spelling)
        for id, sign in rules.signs.items():
            self._signs.add(sign.words, Label("sign", id))
        self._grave = frozenset(id for id, sign in rules.signs.items() if sign.grave)

    @classmethod
    def build(cls, table: DataTable) -> "Detector":
        """Read the table. Raises ``ValueError`` where it is wrong."""
        return cls(AccusationRules.model_validate(dict(table.values)))

    def accused(self, text: str) -> tuple[AccusedOffice, ...]:
        """List the offices that a text accuses or may accuse, each once."""
        found: dict[str, AccusedOffice] = {}
        last = text[-_LAST:].rpartition("\n\n")[2]
        whole = text[:MOST_CHARACTERS]
        for piece in dict.fromkeys((whole, last)):
            self._note(found, self._accused_by(piece))
        if not found:
            alone = [part for part in _ENDS.split(whole) if part.count(" ") >= 2]
            for part in alone[:MOST_SENTENCES] if len(alone) > 1 else ():
                self._note(found, (each for each in self._accused_by(part) if each.is_sure))
        if len(found) > 1:
            found.pop(UNKNOWN, None)
        return tuple(found.values())

    @staticmethod
    def _note(offices: dict[str, AccusedOffice], read: Iterable[AccusedOffice]) -> None:
        for each in read:
            if each.is_sure or each.office not in offices:
                offices[each.office] = each

    def _accused_by(self, text: str) -> tuple[AccusedOffice, ...]:
        """Judge a text, or the end of it: a later message is a paragraph of its own."""
        evidence = self.evidence(text)
        if evidence is None:
            return ()
        sure, certainty = self.probability(evidence), self.rules.certainty
        if sure < certainty.suspected:
            return ()
        is_sure = sure >= certainty.accused
        return tuple(each._replace(is_sure=is_sure) for each in evidence.accused)

    def probability(self, evidence: AccusationEvidence) -> float:
        """Tell how likely it is that a text accuses somebody."""
        weights = self.rules.weights
        logit = weights.bias
        logit += sum(weights.signs.get(sign, 0.0) for sign in evidence.signs)
        logit += sum(weights.words.get(word, 0.0) for word in evidence.words)
        return 1 / (1 + math.exp(-logit))

    def evidence(self, text: str) -> AccusationEvidence | None:
        """Read a text; None where nothing hints at misconduct."""
        tokens = self._spelling.tokens(text)
        if not self._blame.may_blame(tokens):
            return None
        read = [self._blame.read(words) for words in sentences(tokens)]
        cues = [[*self._cues(sentence.words)] for sentence in read]
        blamed = self._blamed(read)
        candidates = [*self._candidates(read, cues)]
        best = min(candidates, default=None, key=lambda one: one.cost)
        signs = {
            *(f"sign {m.label.id}" for found in cues for m in found),
            *self._said_of(read, cues),
            *(
                ("blamed",)
                if blamed and UNKNOWN not in blamed
                else ("staff blamed",) * bool(blamed)
            ),
            *(self._said_of_best(best, candidates) if best else ("nobody",)),
        }
        words = frozenset(bare(word) for word in tokens)
        return AccusationEvidence(frozenset(signs), words, self._about(blamed, best, read))

    def _cues(self, words: Sequence[str]) -> Iterator[WordMention]:
        for start in range(len(words)):
            if found := self._signs.at(words, start):
                yield found

    def _blamed(self, read: Sequence[Sentence]) -> dict[str, AccusedOffice]:
        """List whom the sentences themselves blame."""
        found: dict[str, AccusedOffice] = {}
        for at, sentence in enumerate(read):
            for deed in sentence.deeds:
                for office, words in self._blame.by_whom(deed, sentence, read, at):
                    found.setdefault(office, AccusedOffice(office, deed.label.id, words))
        if len(found) > 1:
            found.pop(UNKNOWN, None)
        return found

    def _candidates(
        self, read: Sequence[Sentence], cues: Sequence[Sequence[WordMention]]
    ) -> Iterator[_Candidate]:
        for sentence, found in zip(read, cues, strict=True):
            grave = [m.start for m in found if m.label.id in self._grave]
            said = sentence.deeds[0] if sentence.deeds else _NO_DEED
            for m in sentence.who:
                sort = m.label.sort
                if sort not in _RANKS or (
                    sort == "staff" and not self._blame.is_official(m, sentence)
                ):
                    continue
                is_free = sort == "staff" or self._blame.may_be_accused(m, sentence, said)
                deed = min((distance(m, d) for d in sentence.deeds), default=_FAR)
                sign = min((abs(start - m.start) for start in grave), default=_FAR)
                cost = _RANKS[sort] + 0.7 * deed + 0.5 * sign + (0 if is_free else 8)
                yield _Candidate(cost, deed, sign, is_free, m, sentence)

    def _said_of(
        self, read: Sequence[Sentence], cues: Sequence[Sequence[WordMention]]
    ) -> Iterator[str]:
        """What is said of the text as a whole."""
        deeds = {deed.label.id for sentence in read for deed in sentence.deeds}
        yield from (f"deed {id}" for id in deeds)
        yield from (f"who {m.label.sort}" for sentence in read for m in sentence.who)
        grave = {m.label.id for found in cues for m in found} & self._grave
        yield from _steps("deeds", len(deeds), (2, 3))
        yield from _steps("grave", len(grave) + bool(deeds), (2, 4, 6))
        nearest = [*_nearest(read)]
        if "other" in nearest:
            yield "someone else nearest"
            if set(nearest) == {"other"}:
                yield "only someone else nearest"

    def _said_of_best(self, best: _Candidate, among: Iterable[_Candidate]) -> Iterator[str]:
        """What is said of the office that is most likely meant."""
        yield f"best {best.mention.label.sort}"
        if any(one.is_free and one.mention.label.sort == "person" for one in among):
            yield "person free"
        yield from _near("deed", best.deed)
        yield from _near("sign", best.sign)
        if not best.is_free:
            yield from (f"best {why}" for why in self._blame.not_free(best.mention, best.sentence))

    def _about(
        self, blamed: dict[str, AccusedOffice], best: _Candidate | None, read: Sequence[Sentence]
    ) -> tuple[AccusedOffice, ...]:
        if blamed and (UNKNOWN not in blamed or best is None):
            return tuple(blamed.values())
        deed = next((deed.label.id for sentence in read for deed in sentence.deeds), "")
        if best is None:
            return (AccusedOffice(UNKNOWN, deed, ()),)
        m = best.mention
        said = " ".join(best.sentence.words[m.start : m.end])
        return (AccusedOffice(m.label.id, deed, (said,)),)


def _steps(name: str, count: int, steps: Sequence[int]) -> Iterator[str]:
    yield from (f"{name} {step}" for step in steps if count >= step)


def _near(name: str, words: int) -> Iterator[str]:
    if words <= _CLOSE:
        yield f"{name} near"
    elif words < _FAR:
        yield f"{name} in sentence"


def _nearest(read: Sequence[Sentence]) -> Iterator[str]:
    """Yield what sort of person or office stands nearest to each deed."""
    for sentence in read:
        who = [m for m in sentence.who if m.label.sort != "reporter"]
        for deed in sentence.deeds if who else ():
            yield min(who, key=lambda m, deed=deed: distance(m, deed)).label.sort  # type: ignore[misc]
