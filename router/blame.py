"""Who does what in a sentence: whom a deed is to be laid at, and whom not.

The doer of an active deed stands before it, that of a passive one after it or at the place
where it happens. A deed that is denied, one that somebody else does (a parking attendant, a gang,
the reporter), and an office that is asked for help, that investigates, that is only a landmark or
that is itself the victim, is no accusation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from router.data import DataRow
from router.mentions import Label, Sort, Spelling, Terms, WordMention, bare, forms

__all__ = ["UNKNOWN", "Blame", "DeedRow", "OfficeRow", "Roles", "Sentence", "distance"]

UNKNOWN = "unknown"
"""The office of somebody in one of whom no more is said: "petugasnya minta uang"."""
MOST_DEEDS, MOST_MENTIONS, MOST_PHRASES = 6, 10, 12
"""Deeds and mentions of a sentence that are set against each other, and what may be deeds."""
_AMOUNT = re.compile(r"(?:rp)?\d{4,}|\d+(?:rb|ribu|jt|juta|k|an)|rp\d*")
_THEY = frozenset({"warga", "rakyat", "keluarga", "anak", "ibu"})
_DOERS = frozenset({"oleh", "dening", "by", "pelakunya"})
_NEAR = 2
"""Words between somebody and what is said of them where nothing else may stand between."""
_BEFORE = 3
"""Words before a deed in which it may be denied."""


class DeedRow(DataRow):
    """``[deeds.ID]``: what is misconduct. A word with a star stands for all that begin so."""

    name: str
    roots: tuple[str, ...] = ()
    """Verbs, all of whose forms are meant, each with the one who stands where it says."""
    active: tuple[str, ...] = ()
    """What somebody does who stands before it."""
    passive: tuple[str, ...] = ()
    """What is done to somebody, by whom stands after it."""
    deed: tuple[str, ...] = ()
    """The deed itself, by whom stands near it."""
    objects: tuple[str, ...] = ()
    """What must be near a verb for it to be misconduct; () for nothing."""
    received: bool = False
    """The receiver of something ("ke petugas") is accused, too."""


class OfficeRow(DataRow):
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


class Roles(DataRow):
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
    no_office: tuple[str, ...] = ()
    """What an office is named in that is none of its people: "polisi tidur"."""


@dataclass(slots=True)
class Sentence:
    """The words of a sentence, where its commas are, and who and what is in it."""

    words: list[str]
    deeds: list[WordMention] = field(default_factory=list)
    who: list[WordMention] = field(default_factory=list)
    serves: bool = False


class Blame:
    """Reads sentences by a table of deeds, offices and roles."""

    def __init__(
        self,
        deeds: Mapping[str, DeedRow],
        offices: Mapping[str, OfficeRow],
        roles: Roles,
        spelling: Spelling,
    ) -> None:
        self._deed_rows, self._offices = deeds, offices
        self._deeds, self._who = Terms(spelling), Terms(spelling)
        for id, row in sorted(deeds.items(), key=lambda one: bool(one[1].objects)):
            for root in row.roots:
                for voice, ways in forms(root).items():
                    if voice != "deed" or not row.objects:  # "pemotongan" alone is of anything
                        self._deeds.add(ways, Label("deed", id, voice))
            self._deeds.add(row.active, Label("deed", id, "active"))
            self._deeds.add(row.passive, Label("deed", id, "passive"))
            self._deeds.add(row.deed, Label("deed", id, "deed"))
        for id, office in offices.items():
            self._who.add(office.persons, Label("person", id))
            self._who.add(office.units, Label("office", id))
        self._who.add(roles.staff, Label("staff", UNKNOWN))
        self._who.add(roles.others, Label("other", ""))
        self._who.add(roles.reporter, Label("reporter", ""))
        self._who.add(roles.no_office, Label("none", ""))
        self._harmless = Terms(spelling)
        self._harmless.add(roles.harmless, Label("none", ""))
        names = ("landmarks", "asked", "acts", "denied", "at", "by", "to", "officials", "services")
        self._role: Mapping[str, frozenset[str]] = {
            name: frozenset(part for word in getattr(roles, name) for part in spelling.phrase(word))
            for name in names
        }
        self._objects = {
            id: frozenset(part for word in row.objects for part in spelling.phrase(word))
            for id, row in deeds.items()
        }

    def may_blame(self, tokens: Sequence[str]) -> bool:
        """Tell whether there may be somebody or a deed: nothing more is looked at otherwise."""
        return any(self._deeds.begins(one) or self._who.begins(one) for one in tokens)

    def read(self, words: list[str]) -> Sentence:
        """Find who and what is in a sentence."""
        sentence = Sentence(words)
        services = self._role["services"]
        sentence.serves = any(w in services or bare(w) in services for w in words)
        deeds: list[WordMention] = []
        at = 0
        while at < len(words):
            deed, who = self._deeds.at(words, at), self._who.at(words, at)
            end = max(deed.end if deed else 0, who.end if who else 0)
            if deed and deed.end == end:
                deeds.append(deed)
            if who and who.end == end and who.label.sort != "none":
                sentence.who.append(who)
            at = end or at + 1
        misconduct = (deed for deed in deeds[:MOST_PHRASES] if self._is_misconduct(deed, words))
        sentence.deeds = [*islice(misconduct, MOST_DEEDS)]
        sentence.who = _joined(sentence.who[:MOST_MENTIONS], words, self._role["at"])
        return sentence

    def _is_misconduct(self, deed: WordMention, words: Sequence[str]) -> bool:
        """Tell whether it is about what it must be about, and is not denied."""
        before = words[max(0, deed.start - _BEFORE) : deed.start]
        if "," in before:
            before = before[len(before) - before[::-1].index(",") :]
        if self._role["denied"].intersection(before):
            return False
        first, last = max(0, deed.start - _BEFORE), min(len(words), deed.start + 2)
        if any(self._harmless.at(words, at) for at in range(first, last)):
            return False
        objects = self._objects[deed.label.id]
        if not objects or deed.label.voice == "deed":
            return True
        near = [*words[max(0, deed.start - 5) : deed.start], *words[deed.end : deed.end + 6]]
        return any(w in objects or bare(w) in objects or _AMOUNT.fullmatch(w) for w in near)

    def by_whom(
        self, deed: WordMention, sentence: Sentence, sentences: Sequence[Sentence], at: int
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
        elif who and self.is_official(who, sentence):
            yield UNKNOWN, (said,)

    def is_official(self, m: WordMention, sentence: Sentence) -> bool:
        """Tell whether somebody is in an office even where none is named."""
        word = sentence.words[m.start]
        return bool({word, bare(word)} & self._role["officials"])

    def _meant(
        self,
        deed: WordMention,
        sentence: Sentence,
        sentences: Sequence[Sentence],
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
                if m.label.sort in ("office", "person") and self.may_be_accused(m, one, deed):
                    is_place = self._offices[m.label.id].is_place and not one.serves
                    if staff or not is_place:
                        return m.label.id, " ".join(one.words[m.start : m.end])
            if any(m.label.sort == "other" for m in mentions):
                return None
        return None

    def _active(self, deed: WordMention, sentence: Sentence) -> WordMention | None:
        """The doer stands before it; where none does, after it."""
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
            if m.label.sort in ("other", "staff") or self.may_be_accused(m, sentence, deed):
                return m
        for m in sentence.who:
            if m.start < deed.end or m.label.sort == "reporter":
                continue
            given = self._given(m, sentence, self._role["to"] | self._role["at"])
            if given and not self._deed_rows[deed.label.id].received:
                continue
            if m.label.sort in ("other", "staff") or self.may_be_accused(m, sentence, deed):
                objectless = not self._objects[deed.label.id]
                near = m.start - deed.end <= _NEAR
                return None if objectless and near and not _is_by(m, sentence) else m
        return None

    def _passive(self, deed: WordMention, sentence: Sentence) -> WordMention | None:
        """Who does it stands after it, or it happens at theirs."""
        for m in sentence.who:
            if m.start < deed.end:
                continue
            if m.label.sort == "reporter":
                if m.start - deed.end < _NEAR and sentence.words[m.start] in _THEY:
                    return m
                continue
            if m.label.sort in ("other", "staff") or self.may_be_accused(m, sentence, deed):
                return m
        for m in reversed([m for m in sentence.who if m.end <= deed.start]):
            prepositions = self._role["at"] | self._role["by"] | self._role["to"]
            if not self._given(m, sentence, prepositions):
                continue
            if m.label.sort in ("other", "staff"):
                return m
            if m.label.sort != "reporter" and self.may_be_accused(m, sentence, deed):
                return m
        return None

    def _near(self, deed: WordMention, sentence: Sentence) -> WordMention | None:
        """Who is nearest to the deed; the one who is said to have done it goes first."""
        found = [
            m
            for m in sentence.who
            if m.label.sort in ("other", "staff")
            or (m.label.sort != "reporter" and self.may_be_accused(m, sentence, deed))
        ]
        by = [m for m in found if self._given(m, sentence, _DOERS)]
        ranked = sorted(by or found, key=lambda m: distance(m, deed))
        named = [m for m in ranked if m.label.sort != "staff"]
        return next(iter(named or ranked), None)

    def may_be_accused(self, m: WordMention, sentence: Sentence, deed: WordMention) -> bool:
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

    def not_free(self, m: WordMention, sentence: Sentence) -> Iterator[str]:
        """Say what an office is that is not likely accused."""
        before = sentence.words[max(0, m.start - 3) : m.start]
        if self._role["landmarks"].intersection(before):
            yield "landmark"
        if self._role["asked"].intersection(before[-2:]):
            yield "asked"
        if self._role["acts"].intersection(sentence.words[m.end : m.end + 5]):
            yield "acts"

    def _is_place(self, m: WordMention) -> bool:
        """Tell whether the name of an office may be only that of its place."""
        return m.label.sort == "office" and self._offices[m.label.id].is_place

    def _suffers(self, m: WordMention, sentence: Sentence, deed: WordMention) -> bool:
        """Tell whether somebody is who a passive deed is done to."""
        prepositions = self._role["at"] | self._role["by"] | self._role["to"]
        return (
            deed.label.voice == "passive"
            and m.end <= deed.start
            and not self._given(m, sentence, prepositions)
        )

    def _is_victim(self, m: WordMention, deed: WordMention, sentence: Sentence) -> bool:
        """Tell whether an active deed of somebody else is done to an office."""
        close = 0 <= m.start - deed.end < _NEAR and deed.label.voice == "active"
        return (
            close
            and not self._objects[deed.label.id]
            and any(o.end <= deed.start and o.label.sort != "reporter" for o in sentence.who)
        )

    def _given(self, m: WordMention, sentence: Sentence, prepositions: frozenset[str]) -> bool:
        return bool(prepositions.intersection(sentence.words[max(0, m.start - 2) : m.start]))


def _is_by(m: WordMention, sentence: Sentence) -> bool:
    return sentence.words[m.start - 1 : m.start] == ["oleh"]


def distance(m: WordMention, deed: WordMention) -> int:
    """Count the words between somebody and a deed."""
    return m.start - deed.end if m.start >= deed.end else deed.start - m.end


def _joined(
    mentions: Sequence[WordMention], words: Sequence[str], between: frozenset[str]
) -> list[WordMention]:
    """Join somebody and the office they are in: "petugas (di) kelurahan" is one."""
    joined: list[WordMention] = []
    for m in mentions:
        last = joined[-1] if joined else None
        if last and last.label.sort == "other" and m.label.sort == "office":
            gap = words[last.end : m.start]
            if 0 < len(gap) <= _NEAR and set(gap) <= between | {"kantor"}:
                joined[-1] = WordMention(last.start, m.end, last.label)
                continue
        if last and last.label.sort == "staff" and m.label.sort in ("office", "person", "other"):
            gap = words[last.end : m.start]
            near = len(gap) <= _NEAR
            if near and set(gap) <= between | {"kantor", "dari", "loket", "bagian"}:
                sort: Sort = "other" if m.label.sort == "other" else "person"
                joined[-1] = WordMention(last.start, m.end, Label(sort, m.label.id))
                continue
        if last and last.label.sort == "person" and m.label.sort == "office":
            gap = words[last.end : m.start]  # "hakim (di) PN": who they are, not where, is accused
            if len(gap) <= 1 and set(gap) <= between:
                joined[-1] = WordMention(last.start, m.end, last.label)
                continue
        joined.append(m)
    return joined
