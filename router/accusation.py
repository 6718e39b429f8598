"""Who a report accuses of misconduct, so that it is never handed to them.

An accusation is an office, or a person in one, and a deed, in any order and at any distance within
a sentence: whoever does an active deed stands before it, whoever does a passive one after it or at
the place where it happens. A deed that is denied, one that somebody else does (a parking attendant,
a gang, the reporter), and an office that is asked for help, that investigates, that is only a
landmark or that is itself the victim, is no accusation. The words are in
``config/accusations.toml``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from router.data import Row, Table

__all__ = ["UNKNOWN", "Accused", "Detector", "OfficeRow"]

UNKNOWN = "unknown"
"""The office of somebody in one of whom no more is said: "petugasnya minta uang"."""
_REMEMBERED = 10_000
"""Words whose bare form is remembered; the everyday ones are soon all there."""
MOST_DEEDS, MOST_MENTIONS, MOST_WORDS = 4, 10, 60
"""Deeds and mentions of a sentence that are set against each other, and its words: whoever writes
longer sentences is read in pieces."""
MOST_CHARACTERS = 6_000
_TOKENS = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*|[.!?;\n]+|[,:]")
_STOPS = frozenset(".!?;\n")
_AMOUNT = re.compile(r"(?:rp)?\d{4,}|\d+(?:rb|ribu|jt|juta|k|an)|rp\d*")
_ENDINGS = ("nya", "lah", "kah", "pun", "ku", "mu", "an", "i")
_HEAD = 4
"""Letters by which a deed is looked for before anything else is done."""
_THEY = frozenset({"warga", "rakyat", "keluarga", "anak", "ibu"})
_DOERS = frozenset({"oleh", "dening", "by", "pelakunya"})
_NEAR = 2
"""Words between somebody and what is said of them where nothing else may stand between."""
_BEFORE = 3
"""Words before a deed in which it may be denied."""

Voice = Literal["active", "passive", "deed"]


class DeedRow(Row):
    """``[deeds.ID]``: what is misconduct. A word with a star stands for all that begin so."""

    name: str
    active: tuple[str, ...] = ()
    """What somebody does who stands before it."""
    passive: tuple[str, ...] = ()
    """What is done to somebody, by whom stands after it."""
    deed: tuple[str, ...] = ()
    """The deed itself, by whom stands near it."""
    objects: tuple[str, ...] = ()
    """What must be near a verb for it to be misconduct; () for nothing."""
    received: bool = False
    """Whoever is given something ("ke petugas") is accused, too."""


class OfficeRow(Row):
    """``[offices.ID]``: an office that may be accused, and who oversees it."""

    name: str
    persons: tuple[str, ...] = ()
    """What people in the office are called."""
    units: tuple[str, ...] = ()
    """What the office itself is called."""
    is_place: bool = False
    """The office's name is also that of a place: it is only meant where a service is spoken of."""
    agencies: tuple[str, ...] = ()
    """Who gets nothing: ``tier/kind`` of the register."""
    supervisors: tuple[str, ...] = ()
    """Who gets the report: the first of ``tier/kind`` that there is at the place."""
    source: str = ""


class Roles(Row):
    """``[roles]``: words by which it is told who does what."""

    staff: tuple[str, ...] = ()
    officials: tuple[str, ...] = ()
    """Those of the staff who are in some office even where none is named."""
    others: tuple[str, ...] = ()
    reporter: tuple[str, ...] = ()
    landmarks: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()


class Rules(Row):
    """accusations.toml."""

    deeds: dict[str, DeedRow] = {}
    offices: dict[str, OfficeRow] = {}
    roles: Roles = Roles()


class Accused(NamedTuple):
    """An office that a report accuses, of what, and the words that say so."""

    office: str
    deed: str
    words: tuple[str, ...]


class _Label(NamedTuple):
    sort: Literal["deed", "office", "person", "staff", "other", "reporter"]
    id: str
    voice: Voice = "deed"


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int
    end: int
    label: _Label


class _Terms:
    """Finds phrases in words; the longest that begins at a word wins."""

    def __init__(self) -> None:
        self._exact: dict[str, list[tuple[tuple[str, ...], _Label]]] = {}
        self._heads: dict[str, list[tuple[tuple[str, ...], _Label]]] = {}

    def add(self, phrases: Sequence[str], label: _Label) -> None:
        """Take phrases in; a star ends a word that may go on."""
        for phrase in phrases:
            parts = tuple(phrase.split())
            first = parts[0]
            starred = first.endswith("*")
            table, key = (self._heads, first[:_HEAD]) if starred else (self._exact, first)
            table.setdefault(key, []).append((parts, label))

    def begins(self, word: str) -> bool:
        """Tell whether a phrase may begin with a word."""
        return word in self._exact or word[:_HEAD] in self._heads or _bare(word) in self._exact

    def at(self, words: Sequence[str], start: int) -> _Mention | None:
        """Return the longest phrase that begins here."""
        word = words[start]
        known = chain(
            self._exact.get(word, ()),
            self._exact.get(_bare(word), ()),
            self._heads.get(word[:_HEAD], ()),
        )
        best: _Mention | None = None
        for parts, label in known:
            end = start + len(parts)
            if best and end <= best.end:
                continue
            if end <= len(words) and all(map(_fits, parts, words[start:end])):
                best = _Mention(start, end, label)
        return best


@lru_cache(_REMEMBERED)
def _bare(word: str) -> str:
    """Return a word without what is put behind it ("petugasnya")."""
    ending = next((e for e in ("nya", "ne", "na", "lah") if word.endswith(e)), "")
    return word.removesuffix(ending) if len(word) - len(ending) >= 2 else word


def _fits(part: str, word: str) -> bool:
    if part == "#":
        return word[0].isdigit()
    if part.endswith("*"):
        return word.startswith(part[:-1])
    return part in (word, _bare(word))


@dataclass(slots=True)
class _Sentence:
    """The words of a sentence, where its commas are, and who and what is in it."""

    words: list[str]
    deeds: list[_Mention] = field(default_factory=list)
    who: list[_Mention] = field(default_factory=list)
    serves: bool = False


class Detector:
    """Finds who a text accuses. Pure; a text without a deed costs a look at each word."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._deeds, self._who = _Terms(), _Terms()
        for id, row in rules.deeds.items():
            self._deeds.add(row.active, _Label("deed", id, "active"))
            self._deeds.add(row.passive, _Label("deed", id, "passive"))
            self._deeds.add(row.deed, _Label("deed", id, "deed"))
        for id, office in rules.offices.items():
            self._who.add(office.persons, _Label("person", id))
            self._who.add(office.units, _Label("office", id))
        roles = rules.roles
        self._who.add(roles.staff, _Label("staff", UNKNOWN))
        self._who.add(roles.others, _Label("other", ""))
        self._who.add(roles.reporter, _Label("reporter", ""))
        self._harmless = [tuple(phrase.split()) for phrase in roles.harmless]
        self._role: Mapping[str, frozenset[str]] = {
            "landmarks": frozenset(roles.landmarks),
            "asked": frozenset(roles.asked),
            "acts": frozenset(roles.acts),
            "denied": frozenset(roles.denied),
            "at": frozenset(roles.at),
            "by": frozenset(roles.by),
            "to": frozenset(roles.to),
            "officials": frozenset(roles.officials),
            "services": frozenset(roles.services),
        }
        self._objects = {id: frozenset(row.objects) for id, row in rules.deeds.items()}

    @classmethod
    def build(cls, table: Table) -> "Detector":
        """Read the table. Raises ``ValueError`` where it is wrong."""
        return cls(Rules.model_validate(dict(table.values)))

    def accused(self, text: str) -> tuple[Accused, ...]:
        """List the offices that a text accuses, each once."""
        tokens = _TOKENS.findall(text[:MOST_CHARACTERS].lower())
        if not any(map(self._deeds.begins, tokens)):
            return ()
        sentences = [self._sentence(words) for words in _sentences(tokens)]
        found: dict[str, Accused] = {}
        for at, sentence in enumerate(sentences):
            for deed in sentence.deeds:
                for office, words in self._by_whom(deed, sentence, sentences, at):
                    found.setdefault(office, Accused(office, deed.label.id, words))
        if len(found) > 1:
            found.pop(UNKNOWN, None)
        return tuple(found.values())

    def _sentence(self, words: list[str]) -> _Sentence:
        sentence = _Sentence(words)
        services = self._role["services"]
        sentence.serves = any(w in services or _bare(w) in services for w in words)
        at = 0
        while at < len(words):
            deed, who = self._deeds.at(words, at), self._who.at(words, at)
            if deed and (who is None or deed.end >= who.end):
                if len(sentence.deeds) < MOST_DEEDS and self._is_misconduct(deed, words):
                    sentence.deeds.append(deed)
                at = deed.end
            elif who:
                if len(sentence.who) < MOST_MENTIONS:
                    sentence.who.append(who)
                at = who.end
            else:
                at += 1
        sentence.who = _joined(sentence.who, words, self._role["at"])
        return sentence

    def _is_misconduct(self, deed: _Mention, words: Sequence[str]) -> bool:
        """Tell whether it is about what it must be about, and is not denied."""
        before = words[max(0, deed.start - _BEFORE) : deed.start]
        if "," in before:
            before = before[len(before) - before[::-1].index(",") :]
        if self._role["denied"].intersection(before):
            return False
        if any(_contains(words, deed.start, phrase) for phrase in self._harmless):
            return False
        objects = self._objects[deed.label.id]
        if not objects or deed.label.voice == "deed":
            return True
        near = [*words[max(0, deed.start - 5) : deed.start], *words[deed.end : deed.end + 6]]
        return any(w in objects or _bare(w) in objects or _AMOUNT.fullmatch(w) for w in near)

    def _by_whom(
        self, deed: _Mention, sentence: _Sentence, sentences: Sequence[_Sentence], at: int
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        finder = {"active": self._active, "passive": self._passive, "deed": self._near}
        who = finder[deed.label.voice](deed, sentence)
        if who is not None and who.label.sort in ("other", "reporter"):
            return
        said = " ".join(sentence.words[deed.start : deed.end])
        if who is not None and who.label.id != UNKNOWN:
            named = " ".join(sentence.words[who.start : who.end])
            yield who.label.id, (named, said)
            return
        staff = who is not None
        if not staff and any(m.label.sort == "other" for m in sentence.who):
            return
        if not staff and deed.label.voice == "active":
            return
        if meant := self._meant(deed, sentence, sentences, at, staff=staff):
            yield meant[0], (meant[1], said)
        elif who and self._is_official(who, sentence):
            yield UNKNOWN, (said,)

    def _is_official(self, m: _Mention, sentence: _Sentence) -> bool:
        word = sentence.words[m.start]
        return bool({word, _bare(word)} & self._role["officials"])

    def _meant(
        self,
        deed: _Mention,
        sentence: _Sentence,
        sentences: Sequence[_Sentence],
        at: int,
        *,
        staff: bool,
    ) -> tuple[str, str] | None:
        """Find the office whose staff is spoken of without its name, nearest first."""
        here = sorted(sentence.who, key=lambda m: abs(m.start - deed.start))
        others = [sentences[i] for i in (at - 1, at + 1) if 0 <= i < len(sentences)]
        for one, mentions in ((sentence, here), *((s, s.who[::-1]) for s in others)):
            for m in mentions:
                if one is sentence and m.label.sort == "person" and self._suffers(m, one, deed):
                    continue
                if m.label.sort in ("office", "person") and self._may_be_accused(m, one, deed):
                    is_place = self.rules.offices[m.label.id].is_place and not one.serves
                    if staff or not is_place:
                        return m.label.id, " ".join(one.words[m.start : m.end])
            if any(m.label.sort == "other" for m in mentions):
                return None
        return None

    def _active(self, deed: _Mention, sentence: _Sentence) -> _Mention | None:
        """Who does it stands before it; where nobody does, after it."""
        before = [m for m in sentence.who if m.end <= deed.start]
        if any(m.label.sort == "person" for m in before):
            before = [m for m in before if not self._is_place(m)]
        ends = {m.end for m in sentence.who}
        for m in reversed(before):
            if m.label.sort == "reporter":
                gap = sentence.words[m.end : deed.start]
                if len(gap) <= _NEAR and "," not in gap and m.start not in ends:
                    return m
                continue
            if m.label.sort in ("other", "staff") or self._may_be_accused(m, sentence, deed):
                return m
        for m in sentence.who:
            if m.start < deed.end or m.label.sort == "reporter":
                continue
            given = self._given(m, sentence, self._role["to"] | self._role["at"])
            if given and not self.rules.deeds[deed.label.id].received:
                continue
            if m.label.sort in ("other", "staff") or self._may_be_accused(m, sentence, deed):
                objectless = not self._objects[deed.label.id]
                near = m.start - deed.end <= _NEAR
                return None if objectless and near and not _is_by(m, sentence) else m
        return None

    def _passive(self, deed: _Mention, sentence: _Sentence) -> _Mention | None:
        """Who does it stands after it, or it happens at theirs."""
        for m in sentence.who:
            if m.start < deed.end:
                continue
            if m.label.sort == "reporter":
                if m.start - deed.end < _NEAR and sentence.words[m.start] in _THEY:
                    return m
                continue
            if m.label.sort in ("other", "staff") or self._may_be_accused(m, sentence, deed):
                return m
        for m in reversed([m for m in sentence.who if m.end <= deed.start]):
            prepositions = self._role["at"] | self._role["by"] | self._role["to"]
            if not self._given(m, sentence, prepositions):
                continue
            if m.label.sort in ("other", "staff"):
                return m
            if m.label.sort != "reporter" and self._may_be_accused(m, sentence, deed):
                return m
        return None

    def _near(self, deed: _Mention, sentence: _Sentence) -> _Mention | None:
        """Who is nearest to the deed; whoever is said to have done it goes first."""
        found = [
            m
            for m in sentence.who
            if m.label.sort in ("other", "staff")
            or (m.label.sort != "reporter" and self._may_be_accused(m, sentence, deed))
        ]
        by = [m for m in found if self._given(m, sentence, _DOERS)]
        ranked = sorted(by or found, key=lambda m: _distance(m, deed))
        named = [m for m in ranked if m.label.sort != "staff"]
        return next(iter(named or ranked), None)

    def _may_be_accused(self, m: _Mention, sentence: _Sentence, deed: _Mention) -> bool:
        """Tell whether an office is not merely a landmark, asked for help or acting on it."""
        if m.label.sort in ("other", "reporter", "staff"):
            return m.label.sort == "staff"
        words = sentence.words
        before = words[max(0, m.start - 3) : m.start]
        if self._role["landmarks"].intersection(before):
            return False
        if self._role["asked"].intersection(before[-2:]):
            return False
        done_to = deed.label.voice == "passive" and m.start >= deed.end
        if not done_to and self._role["acts"].intersection(words[m.end : m.end + 5]):
            return False
        if any(self._is_victim(m, each, sentence) for each in sentence.deeds):
            return False
        return sentence.serves or not self._is_place(m)

    def _is_place(self, m: _Mention) -> bool:
        """Tell whether the name of an office may be only that of its place."""
        return m.label.sort == "office" and self.rules.offices[m.label.id].is_place

    def _suffers(self, m: _Mention, sentence: _Sentence, deed: _Mention) -> bool:
        """Tell whether somebody is who a passive deed is done to."""
        prepositions = self._role["at"] | self._role["by"] | self._role["to"]
        return (
            deed.label.voice == "passive"
            and m.end <= deed.start
            and not self._given(m, sentence, prepositions)
        )

    def _is_victim(self, m: _Mention, deed: _Mention, sentence: _Sentence) -> bool:
        """Tell whether an active deed of somebody else is done to an office."""
        close = 0 <= m.start - deed.end < _NEAR and deed.label.voice == "active"
        return (
            close
            and not self._objects[deed.label.id]
            and any(o.end <= deed.start and o.label.sort != "reporter" for o in sentence.who)
        )

    def _given(self, m: _Mention, sentence: _Sentence, prepositions: frozenset[str]) -> bool:
        return bool(prepositions.intersection(sentence.words[max(0, m.start - 2) : m.start]))


def _is_by(m: _Mention, sentence: _Sentence) -> bool:
    return sentence.words[m.start - 1 : m.start] == ["oleh"]


def _distance(m: _Mention, deed: _Mention) -> int:
    return m.start - deed.end if m.start >= deed.end else deed.start - m.end


def _joined(
    found: Sequence[_Mention], words: Sequence[str], between: frozenset[str]
) -> list[_Mention]:
    """Join somebody and the office they are in: "petugas (di) kelurahan" is one."""
    joined: list[_Mention] = []
    for m in found:
        last = joined[-1] if joined else None
        if last and last.label.sort == "other" and m.label.sort == "office":
            gap = words[last.end : m.start]
            if 0 < len(gap) <= _NEAR and set(gap) <= between | {"kantor"}:
                joined[-1] = _Mention(last.start, m.end, last.label)
                continue
        if last and last.label.sort == "staff" and m.label.sort in ("office", "person", "other"):
            gap = words[last.end : m.start]
            near = len(gap) <= _NEAR
            if near and set(gap) <= between | {"kantor", "dari", "loket", "bagian"}:
                sort: Literal["other", "person"] = "other" if m.label.sort == "other" else "person"
                joined[-1] = _Mention(last.start, m.end, _Label(sort, m.label.id))
                continue
        joined.append(m)
    return joined


def _contains(words: Sequence[str], start: int, phrase: tuple[str, ...]) -> bool:
    """Tell whether a phrase stands where a deed begins, or up to three words before it."""
    for first in range(max(0, start - 3), start + 2):
        if len(words) >= first + len(phrase) and all(
            map(_fits, phrase, words[first : first + len(phrase)])
        ):
            return True
    return False


def _sentences(tokens: Sequence[str]) -> Iterator[list[str]]:
    words: list[str] = []
    for token in tokens:
        stop = token[0] in _STOPS
        if words and (stop or len(words) == MOST_WORDS):
            yield words
            words = []
        if not stop:
            words.append(token)
    if words:
        yield words
