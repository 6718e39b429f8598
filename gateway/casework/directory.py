"""Find agencies by name: every one of the register, for the operator's search box.

A typed word finds what is called so, what begins so, and else what differs from it by a letter.
Places are known by every name that people use for them.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from itertools import islice

from gateway.store.search import plain_words
from normalizer.gazetteer import Gazetteer, Region
from normalizer.message import Level
from normalizer.report import Agency
from normalizer.spelling import alike, deletions
from router.naming import PLACE_WORDS
from router.offices import VILLAGE_OFFICE, id_of
from router.register import Register, Tier

_TIERS: dict[Level, Tier] = {
    Level.PROVINCE: "province",
    Level.REGENCY: "regency",
    Level.CITY: "regency",
}
_MOST_WORDS = 8
"""Typed words that count."""
_MOST_BEGINNINGS = 400
"""Words that a typed beginning stands for at most."""
_BEGINS = 2
"""Letters a typed word needs to stand for words that begin so."""
_FORGIVING = 6
"""Letters a typed word needs before one of them may be wrong."""


class Directory:
    """All agencies, listed at the first search. ``abbreviations``: typed words, written out."""

    def __init__(
        self,
        register: Register,
        gazetteer: Gazetteer,
        abbreviations: Mapping[str, str] | None = None,
    ) -> None:
        self._register = register
        self._gazetteer = gazetteer
        self._written_out = abbreviations or {}

    def search(self, query: str, region: str | None = None, limit: int = 12) -> list[Agency]:
        """Return agencies that ``query`` may mean, those of ``region`` first."""
        typed = list(dict.fromkeys(plain_words(query)))[:_MOST_WORDS]
        exact = self._register.agency(query.strip())
        if not typed:
            return []
        near = (region or "").replace(".", "")[:4]
        scores = self._index.find([(word, self._meanings(word)) for word in typed])
        if not scores:
            scores = self._index.find_national(
                [(word, self._meanings(word)) for word in typed if word not in self._places]
            )
        ranked = {self._index.ids[at]: score for at, score in scores.items()}
        ranked |= dict.fromkeys(self._villages(typed), 0)
        if exact:
            ranked[exact.id] = -1
        order = sorted(ranked, key=lambda id: (ranked[id], _distance(id, near), id))
        found = (self._register.agency(id) for id in order)
        return list(islice(filter(None, found), limit))

    def _meanings(self, word: str) -> tuple[str, ...]:
        return tuple(self._written_out.get(word, "").split())

    def _villages(self, typed: Sequence[str]) -> Iterator[str]:
        """Yield the offices of villages, where a word says that one is meant.

        There are too many to be listed with the others.
        """
        for at, word in enumerate(typed):
            if PLACE_WORDS.get(self._written_out.get(word, word)) is Level.VILLAGE:
                rest = typed[at + 1 :]
                break
        else:
            return
        for size in range(len(rest), 0, -1):
            codes = self._gazetteer.villages("".join(rest[:size]))
            around = [self._codes(part) for part in rest[size:]]
            fitting = [code for code in codes if all(_is_in(code, within) for within in around)]
            if fitting:
                yield from (id_of(code, VILLAGE_OFFICE) for code in fitting)
                return

    def _codes(self, word: str) -> set[str]:
        """Return the codes of the regions above villages that a word names."""
        named = {region.code for region in self._gazetteer.named(word)}
        return named | {region.code for region in self._gazetteer.districts.get(word, ())}

    @cached_property
    def _places(self) -> Set[str]:
        """Every word that provinces, regencies and cities are called by."""
        return frozenset(word for words in self._names.values() for word in words)

    @cached_property
    def _names(self) -> Mapping[str, tuple[str, ...]]:
        """The words and the short names of provinces, regencies and cities, by code."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for key, entries in self._gazetteer.names.items():
            if len(entries) <= 2:
                for entry in entries:
                    found[entry.region.code][key] = None
        for region in self._gazetteer.regions(*_TIERS):
            found[region.code] |= dict.fromkeys(plain_words(region.name))
        return {code: tuple(words) for code, words in found.items()}

    @cached_property
    def _index(self) -> "_Index":
        index, register = _Index(), self._register
        for id, row in register.national.items():
            former = (part for each in row.former for part in (each.name, each.short))
            index.add(id, (id, row.name, row.short, *row.aliases, *former), is_national=True)
        called: dict[str, tuple[str, ...]] = {}
        for region in self._gazetteer.regions(*_TIERS):
            names: dict[str, dict[str, None]] = {}
            for name, kind in register.office_names(region.code):
                names.setdefault(kind, {})[name.replace("{government}", "")] = None
            around = called[region.code] = self._around(region)
            above = self._names.get(region.code[:2], ()) if len(region.code) > 2 else ()
            own = region.code.replace(".", "")
            for kind in register.kinds(region.code):
                index.add(f"{own}-{kind}", (kind, own, *names.get(kind, ())), around, above)
        words = tuple(word for word, level in PLACE_WORDS.items() if level is Level.DISTRICT)
        for region in self._gazetteer.regions(Level.DISTRICT):
            own = region.code.replace(".", "")
            above = (*called.get(region.code[:5], ()), *self._names.get(region.code[:2], ()))
            index.add(f"{own}-kecamatan", (own, region.name, *words), (), above)
        return index

    def _around(self, region: Region) -> tuple[str, ...]:
        """Return what a government is called."""
        level = "provinsi" if region.level is Level.PROVINCE else "kabupaten"
        title = "kota" if region.level is Level.CITY else level
        return (title, *self._names.get(region.code, ()))


class _Index:
    """Agencies by the words of their names."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._postings: dict[str, array[int]] = {}
        self._above: dict[str, array[int]] = {}
        self._national: set[int] = set()

    def add(
        self,
        id: str,
        names: Iterable[str],
        more: Iterable[str] = (),
        above: Iterable[str] = (),
        *,
        is_national: bool = False,
    ) -> None:
        """Let an agency be found by every word of its names, and by more words.

        What has a word only by what is ``above`` it comes after what has it by itself.
        """
        at = len(self.ids)
        self.ids.append(id)
        if is_national:
            self._national.add(at)
        words = {word for name in names for word in _split(name)}
        for word in words.union(more):
            if (known := self._postings.get(word)) is None:
                known = self._postings[word] = array("I")
            known.append(at)
        for word in above:
            self._above.setdefault(word, array("I")).append(at)

    def find(self, typed: Sequence[tuple[str, Sequence[str]]]) -> dict[int, int]:
        """Return the agencies that have every word, or what it stands for; the best score is 0."""
        scores: dict[int, int] | None = None
        for word, meanings in typed:
            fitting = self._fitting(word)
            if meanings:
                both = [self._fitting(each) for each in meanings]
                shared = set(both[0]).intersection(*both[1:])
                fitting |= {at: min(1, fitting.get(at, 1)) for at in shared}
            if scores is None:
                scores = fitting
            else:
                small, large = sorted((scores, fitting), key=len)
                scores = {at: small[at] + large[at] for at in small if at in large}
            if not scores:
                return {}
        return scores or {}

    def find_national(self, typed: Sequence[tuple[str, Sequence[str]]]) -> dict[int, int]:
        """Return the bodies of the whole country that have every word."""
        found = self.find(typed) if typed else {}
        return {at: score for at, score in found.items() if at in self._national}

    def _fitting(self, word: str) -> dict[int, int]:
        """Return what has a word: 0 where exactly, 1 where a word begins so, else 2."""
        found: dict[int, int] = {}
        for each in self._beginning(word):
            for at in self._postings[each]:
                found.setdefault(at, 1)
        found |= dict.fromkeys(self._above.get(word, ()), 1)
        found |= dict.fromkeys(self._postings.get(word, ()), 0)
        if not found and len(word) >= _FORGIVING:
            for each in self._nearly(word):
                found |= dict.fromkeys(self._postings[each], 2)
        return found

    def _beginning(self, word: str) -> Sequence[str]:
        if len(word) < _BEGINS:
            return ()
        first = bisect_left(self._words, word)
        last = bisect_left(self._words, word + "\uffff")
        return self._words[first : min(last, first + _MOST_BEGINNINGS)]

    def _nearly(self, word: str) -> list[str]:
        parts = (word, *deletions(word))
        near = {name for part in parts for name in self._slips.get(part, ())}
        return [name for name in near if alike(word, name)]

    @cached_property
    def _words(self) -> list[str]:
        return sorted(self._postings)

    @cached_property
    def _slips(self) -> Mapping[str, Sequence[str]]:
        """Long words, and what is left of them without one letter → the words."""
        found: dict[str, list[str]] = defaultdict(list)
        for word in self._words:
            if len(word) >= _FORGIVING:
                for part in (word, *deletions(word)):
                    found[part].append(word)
        return found


@lru_cache(4_096)
def _split(name: str) -> tuple[str, ...]:
    """Split a name, which many agencies share, into words."""
    return tuple(plain_words(name))


def _distance(id: str, near: str) -> int:
    """Tell how far an agency is from a region: in it, of its province, of all, or elsewhere."""
    if near and id.startswith(near):
        return 0
    if near and id.startswith(f"{near[:2]}-"):
        return 1
    return 2 if not id[:1].isdigit() else 3


def _is_in(code: str, within: Iterable[str]) -> bool:
    return any(code.startswith(f"{each}.") for each in within)
