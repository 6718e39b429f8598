"""Words that may name a district or a village: behind a cue, inside a known regency, in pairs.

This finds what is worth weighing, with every code it may mean; ``localities`` decides.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import compress, count
from typing import Literal, NamedTuple

from normalizer.cues import BEFORE, CUES, HOUSING, IN, LANDMARK, LOCATED, NEAR, OFFICE, ROAD, STREET
from normalizer.gazetteer import NEARBY, Gazetteer
from normalizer.mentions import capital, kin
from normalizer.message import Level
from normalizer.spelling import alike, sound
from normalizer.words import CUE, DISTRICT, Tokens

LONGEST = 4
"""Words a name of a district or village may have; five of 91,000 have more."""
_SHORT = 5
"""Letters a name needs to be found without a cue."""
_CLOSE = 5
"""Words that may stand between a village and its district."""

MOST = 200
"""Names of districts and villages of one text that are weighed."""
MOST_REGENCIES = 8
"""Regencies whose names are looked for everywhere in a text; real lists name up to seven."""
MOST_SLIPS = 30
"""Cues of one text behind which a misspelt name is looked for: that compares with every name."""

How = Literal["cued", "plain", "landmark", "street", "misspelt"]
"""How a name is written: behind "kel." or the like, bare, as a landmark's or a street's name."""


class Hit(NamedTuple):
    """Words that name a district or a village, and the codes they may mean."""

    first: int
    last: int
    how: How
    codes: tuple[str, ...]
    level: Level | None = None
    """What the cue says the place is."""


class Around(NamedTuple):
    """What is known of the area: how sure each province, regency and city is, by code."""

    text: Mapping[str, float]
    channel: Mapping[str, float]
    faint: Mapping[str, float]
    """Places the text names without speaking of them ("the bus to Madiun")."""
    aside: bool = False
    """The text names a regency that is not the channel's."""
    beside: frozenset[int] = frozenset()
    """The words next to the name of a regency or city."""

    def regencies(self) -> list[str]:
        """Return the codes of the regencies and cities whose names are looked for everywhere."""
        named = [code for code in dict.fromkeys((*self.text, *self.faint)) if len(code) == 5]
        home = [code for code in self.channel if len(code) == 5]
        return [*dict.fromkeys((*named[:MOST_REGENCIES], *home))]


class Search:
    """One search of a text for the names of districts and villages."""

    def __init__(self, words: Tokens, gazetteer: Gazetteer, around: Around) -> None:
        self.words, self.gazetteer, self.around = words, gazetteer, around
        self.regencies = around.regencies()
        self._slips = 0
        self._within: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    def hits(self) -> list[Hit]:
        """Return what the words may name, each span once."""
        heads = [key[:NEARBY] for key in self.words.keys] if self.regencies else []
        found = [hit for regency in self.regencies for hit in self._inside(regency, heads)]
        found += self._cued({hit.first for hit in found})
        found += self._paired({n for hit in found for n in range(hit.first, hit.last + 1)})
        if not found and not self.regencies:
            found += self._lone()
        return _merged(found)[:MOST]

    def usual(self, first: int, last: int) -> bool:
        """Tell whether a name is made of everyday words alone."""
        return self.gazetteer.everyday.issuperset(self.words.keys[first : last + 1])

    def _inside(self, regency: str, heads: Sequence[str]) -> Iterator[Hit]:
        """Yield the names of districts and villages of a known regency; ``heads`` of all words."""
        inside, beyond = self.gazetteer.inside(regency), 0
        for at in compress(count(), map(inside.starts.__contains__, heads)):
            last = self._longest(at, inside.names) if at >= beyond else -1
            if last < 0:
                continue
            key = self.words.key(at, last)
            how = self._how(at, last, key, regency)
            codes = inside.names[key]
            if how == "landmark" and key in self.gazetteer.names:
                codes = tuple(code for code in codes if len(code) == 8)
            if how and codes:
                beyond = last + 1
                yield Hit(at, last, how, codes, CUES.get(self.words.before(at)))

    def _how(self, at: int, last: int, key: str, regency: str) -> How | None:
        """Tell how a name is written, None for one that is more likely to be something else."""
        before = self.words.before(at)
        if before in CUES:
            return "cued"
        if BEFORE.get(before) == 0.0:
            return None
        road = before in ROAD and self.words.before(at - 1) in STREET
        street = road or before in BEFORE or before in LANDMARK
        if key in self.gazetteer.names:
            return self._shared(at, last, key, regency) if not street else None
        if last > at and len(key) > _SHORT:
            torn = before not in NEAR and self._torn(at, last, key, regency)
            return None if torn else "landmark" if street else "plain"
        if len(key) < _SHORT or key in self.gazetteer.everyday:
            return "plain" if self._placed(at, last, key) else None
        return "plain" if not street else "landmark" if before in LANDMARK else "street"

    def _torn(self, at: int, last: int, key: str, regency: str) -> bool:
        """Tell whether everyday words only happen to make a name written as one word."""
        words, beside = self.words, not self.around.beside.isdisjoint((at, last))
        if beside or not self.usual(at, last) or capital(words.quote(at, last), words.text):
            return False
        named = (self.gazetteer.region(c) for c in self.gazetteer.inside(regency).names[key])
        return not any(region and " " in region.bare for region in named)

    def _shared(self, at: int, last: int, key: str, regency: str) -> How | None:
        """Tell what a name is that a regency has too: its seat, or a street called after it."""
        own = [e for e in self.gazetteer.names[key] if kin(e.region.code, regency)]
        if own:
            return "landmark" if own[0].kind == "alias" else None
        if not self.around.beside.isdisjoint((at, last)):
            return "plain"
        return "street" if len(key) >= _SHORT else None

    def _placed(self, at: int, last: int, key: str) -> bool:
        """Tell whether a short name or an everyday word stands where only a place stands."""
        words, before = self.words, self.words.before(at)
        if before in NEAR or (before.isdigit() and words.before(at - 1) in NEAR):
            return capital(words.quote(at, last), words.text)
        if self.around.beside.isdisjoint((at, last)):
            return False
        if key in self.gazetteer.everyday:
            return words.follows(at) == words.follows(last + 1) == ","
        return len(key) > 2

    def _longest(self, at: int, names: Container[str]) -> int:
        """Return the last word of the longest name that begins at a word, -1 for none."""
        found, key = -1, ""
        for last, word in enumerate(self.words.keys[at : at + LONGEST], at):
            key += word
            if key in names:
                found = last
        return found

    def _cued(self, known: set[int]) -> Iterator[Hit]:
        """Yield what stands behind a cue, anywhere in the country.

        What is known already is looked up again where a village and a district may make a pair.
        """
        keys = self.words.keys
        cues = [(n + 1, CUES[keys[n]]) for n in self.words.marked(CUE) if n + 1 < len(keys)]
        both = len({level for _, level in cues}) > 1
        for at, level in cues:
            if keys[at] in CUES or len(keys[at]) < 3 or (at in known and not both):
                continue
            hit = self._anywhere(at, level)
            if hit or at not in known:
                yield from [hit] if hit else self._misspelt(at, level)

    def _anywhere(self, at: int, level: Level) -> Hit | None:
        found = None
        for last in range(at, min(at + LONGEST, len(self.words.keys))):
            if codes := self._named(self.words.key(at, last), level):
                found = Hit(at, last, "cued", codes, level)
        return found

    def _named(self, key: str, level: Level) -> tuple[str, ...]:
        if level is Level.VILLAGE:
            return self.gazetteer.villages(key)
        return tuple(region.code for region in self.gazetteer.districts.get(key, ()))

    def _misspelt(self, at: int, level: Level) -> Iterator[Hit]:
        """Yield the names of the known regencies that the words behind a cue are meant to be."""
        if self.words.keys[at] in self.gazetteer.everyday or self._slips == MOST_SLIPS:
            return
        self._slips += 1
        for last in range(min(at + 3, len(self.words.keys)) - 1, at - 1, -1):
            key = self.words.key(at, last)
            inside = [self.gazetteer.inside(regency) for regency in self.regencies]
            codes = [c for i in inside for name in _similar(key, i.sounds) for c in i.names[name]]
            if codes:
                yield Hit(at, last, "misspelt", tuple(codes), level)
                return

    def _paired(self, taken: set[int]) -> Iterator[Hit]:
        """Yield districts named without a cue, with the villages of theirs beside them."""
        districts = self.gazetteer.districts
        for at in self.words.marked(DISTRICT):
            last = self._longest(at, districts) if at not in taken else -1
            if last < 0:
                continue
            key = self.words.key(at, last)
            if not self._distinctive(at, last, key):
                continue
            hit = Hit(at, last, "plain", tuple(region.code for region in districts[key]))
            beside = [*self._beside(hit, key, taken)]
            if beside or (not self.usual(at, last) and self._stands_alone(hit, key)):
                yield hit
            yield from beside

    def _distinctive(self, at: int, last: int, key: str) -> bool:
        """Tell whether a bare name is more than an everyday word or another thing's name."""
        before = self.words.before(at)
        return (
            len(key) >= _SHORT
            and before not in BEFORE
            and (before not in LANDMARK or before in OFFICE)
            and self.words.after(last) not in HOUSING
            and key not in self.gazetteer.names
            and key not in self.gazetteer.everyday
        )

    def _stands_alone(self, hit: Hit, key: str) -> bool:
        """Tell whether a bare name can only be this district: no other place is called so.

        The text or the channel names its province, or nothing at all and the text says "in".
        """
        around, named = self.around, self.gazetteer.villages(key)
        near = [c for c in hit.codes if c[:2] in around.text or [*around.channel] == [c[:2]]]
        if not around.text and not around.channel and len(key) > _SHORT and len(hit.codes) == 1:
            near = [c for c in hit.codes if self._located(hit)]
        return any(all(village.startswith(code) for village in named) for code in near)

    def _lone(self) -> Iterator[Hit]:
        """Yield villages that the text says it is in, where no other place is called so.

        Names of one word are left out: hamlets, streets and estates elsewhere are called so too.
        """
        provinces = {*self.around.text, *self.around.faint, *self.around.channel}
        for at in (n for n, _ in enumerate(self.words.keys) if self.words.before(n) in IN):
            for last in range(at + 1, min(at + LONGEST, len(self.words.keys))):
                key = self.words.key(at, last)
                codes = self.gazetteer.villages(key)
                near = tuple(code for code in codes if not provinces or code[:2] in provinces)
                if len(near) == 1 and not self.usual(at, last) and self._distinctive(at, last, key):
                    yield Hit(at, last, "plain", near)

    def _located(self, hit: Hit) -> bool:
        """Tell whether a name is more than a chance word: where something is, or of two words."""
        before = self.words.before(hit.first)
        return hit.last > hit.first or before in LOCATED or before in OFFICE

    def _beside(self, district: Hit, name: str, taken: set[int]) -> Iterator[Hit]:
        """Yield the villages named without a cue a few words from a district they lie in."""
        low = max(0, district.first - _CLOSE)
        high = min(len(self.words.keys), district.last + 1 + _CLOSE)
        for at in range(low, high):
            if at in taken or district.first <= at <= district.last:
                continue
            end = high if at > district.last else district.first
            for last in range(at, min(at + LONGEST, end)):
                key = self.words.key(at, last)
                codes = self._villages(key, district.codes)
                if not codes or key == name or self.usual(at, last):
                    continue
                if self._distinctive(at, last, key):
                    yield Hit(at, last, "plain", codes)

    def _villages(self, key: str, districts: tuple[str, ...]) -> tuple[str, ...]:
        """Return the villages of a name in some districts; a name that comes again is read once."""
        codes = self._within.get((key, districts))
        if codes is None:
            codes = tuple(c for c in self.gazetteer.villages(key) if c[:8] in districts)
            self._within[key, districts] = codes
        return codes


def _similar(key: str, sounds: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names that sound like a key, or the only one that is a letter off."""
    heard = sound(key)
    if heard in sounds:
        return sounds[heard]
    first, length = heard[:1], len(heard)
    near = [
        names
        for other, names in sounds.items()
        if other[0] == first and abs(len(other) - length) <= 1 and alike(heard, other)
    ]
    return near[0] if len(near) == 1 else ()


def _merged(hits: list[Hit]) -> list[Hit]:
    """Make one hit of those for the same words."""
    merged: dict[tuple[int, int], Hit] = {}
    for hit in hits:
        span = hit.first, hit.last
        known = merged.get(span)
        codes = hit.codes if known is None else tuple(dict.fromkeys((*known.codes, *hit.codes)))
        first = known or hit
        merged[span] = Hit(hit.first, hit.last, first.how, codes, first.level)
    return [*merged.values()]
