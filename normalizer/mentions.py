"""Names of provinces, regencies and cities in a text, and how sure each is that it is meant.

The words around a name decide: "kota" or "kab." choose between two regions of one name, "jl." or
"nasi" before it mean something else, and a name that is an everyday word needs a cue.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from normalizer.cues import BEFORE, CUES, DISH, HOUSING, IN, LOCATED, ORIGIN, STREET, TITLES
from normalizer.gazetteer import PREFIX, Entry, Gazetteer, Region
from normalizer.message import Level
from normalizer.words import NAME, SLIP, Tokens

LONGEST = 6
"""Words a name may have with its title ("Kota Administrasi Jakarta Selatan")."""
_JOINED = {1: 4}
"""Letters a name written as two words needs, by the letters of the first; six for the others."""
LIKELY = 0.5
"""Mentions less sure than this neither decide about others nor displace the context."""

MOST = 32
"""Names of one text that are weighed against each other; more of them are a list. Of
16,800 real and made-up messages the longest list had 17."""

_SURE = {"typed": 0.95, "name": 0.9, "alias": 0.88}
SHARED = {Level.CITY: 0.55, Level.PROVINCE: 0.5, Level.REGENCY: 0.4}
"""How sure each meaning of a shared name is, when nothing decides."""
TOLD = 0.85
"""How sure the meaning is that the rest of the text or the context leaves."""

_TOWARDS = frozenset(("ke", "menuju"))
_PLACED = frozenset(CUES) | {"di"}
"""Words before a district or a village whatever it is called ("di Bawang Batang")."""
ELSEWHERE = 0.45
"""How sure a place is that somebody comes from, beside one that is named for itself."""


class Mention(NamedTuple):
    """Words of the text and the regions they may mean, each with how sure that is."""

    first: int
    last: int
    words: str
    key: str
    meanings: tuple[tuple[Entry, float], ...]
    origin: bool = False
    """The words before it say that somebody comes from there."""
    located: bool = False
    """The words before it, or in it, say that something is there."""

    @property
    def surest(self) -> float:
        """How sure its surest meaning is."""
        return max([sure for _, sure in self.meanings], default=0.0)


def mentions(words: Tokens, gazetteer: Gazetteer, home: Region | None) -> list[Mention]:
    """Return the provinces, regencies and cities that the words name, in their order."""
    found: list[Mention] = []
    beyond = 0
    for at in words.marked(NAME):
        if len(found) == MOST:
            break
        if at < beyond or not _may_begin(at, words.keys, gazetteer):
            continue
        if mention := _mention_at(at, words, gazetteer):
            beyond = mention.last + 1
            if _meant(mention, words, gazetteer, home):
                found.append(_weighed(mention, words, gazetteer))
            elif told := _told_beside(mention, words, gazetteer):
                found.append(told)
    found += islice(_misspelt(words, gazetteer), MOST - len(found))
    if len(found) < 2:
        return found
    return _unrouted([_confirm_by_neighbour(m, words, gazetteer) for m in found], words)


def _may_begin(at: int, keys: Sequence[str], gazetteer: Gazetteer) -> bool:
    """Tell whether a word is a name, or goes on with the next one as a name does."""
    if keys[at] in gazetteer.names:
        return True
    return at + 1 < len(keys) and (keys[at] + keys[at + 1])[:PREFIX] in gazetteer.starts


def _unrouted(mentions: list[Mention], words: Tokens) -> list[Mention]:
    """Lower the ends of a road or a line ("tol Surabaya-Gresik"): the report is between them."""
    ends = {
        n
        for n, (one, other) in enumerate(pairwise(mentions))
        if one.last + 1 == other.first
        and words.quote(one.first, other.last).count("-")
        and apart(one, other)
    }
    return [
        at_most(mention, ELSEWHERE) if n in ends or n - 1 in ends else mention
        for n, mention in enumerate(mentions)
    ]


def at_most(mention: Mention, most: float) -> Mention:
    """Return a mention with no meaning surer than ``most``."""
    if most >= mention.surest:
        return mention
    return mention._replace(meanings=tuple((e, min(sure, most)) for e, sure in mention.meanings))


def _confirm_by_neighbour(mention: Mention, words: Tokens, gazetteer: Gazetteer) -> Mention:
    """Note where a district or village beside a bare name says that it is meant."""
    if mention.located or mention.origin:
        return mention
    told = _told_beside(mention, words, gazetteer) is not None
    return mention._replace(located=True) if told else mention


def _mention_at(at: int, words: Tokens, gazetteer: Gazetteer) -> Mention | None:
    """Return the longest name that begins at word ``at``; titles go to the name behind them."""
    last, key = _longest(at, words, gazetteer)
    if last > at and words.keys[last] in TITLES and _named_at(last + 1, words, gazetteer):
        last, key = _longest(at, words, gazetteer, last)
    if last < 0 or (words.keys[at] in TITLES and _longest(at + 1, words, gazetteer)[0] > last):
        return None
    entries = gazetteer.names[key]
    shares = tuple([(entry, _base(entry, entries)) for entry in entries])
    located = at == 0 or words.before(at) in LOCATED or entries[0].kind == "typed"
    return Mention(at, last, words.quote(at, last), key, shares, _is_origin(at, words), located)


def _is_origin(at: int, words: Tokens) -> bool:
    before = words.before(at)
    within = before in IN or before == "ke"
    return before in ORIGIN or (within and words.before(at - 1) in ORIGIN)


def _longest(
    at: int, words: Tokens, gazetteer: Gazetteer, stop: int | None = None
) -> tuple[int, str]:
    found, key = (-1, ""), ""
    joined = _JOINED.get(len(words.keys[at]), 6) if at < len(words.keys) else 0
    for last in range(at, min(at + LONGEST, len(words.keys) if stop is None else stop)):
        key += words.keys[last]
        if key[:PREFIX] not in gazetteer.starts:
            break
        # Two short words that happen to make a name ("pa ti") are not that name; "p. bun" is.
        if key in gazetteer.names and (last == at or len(key) >= joined):
            found = last, key
    return found


def _named_at(at: int, words: Tokens, gazetteer: Gazetteer) -> bool:
    return _longest(at, words, gazetteer)[0] >= at


def _told_beside(mention: Mention, words: Tokens, gazetteer: Gazetteer) -> Mention | None:
    """Return what a doubtful name means when a district or village of it stands beside it."""
    told = tuple(
        (entry, TOLD)
        for entry, _ in mention.meanings
        if len(entry.region.code) == 5 and _local_beside(mention, words, entry.region, gazetteer)
    )
    return mention._replace(meanings=told, located=True) if told else None


def _local_beside(mention: Mention, words: Tokens, region: Region, gazetteer: Gazetteer) -> bool:
    names = gazetteer.inside(region.code).names
    keys, first, last = words.keys, mention.first, mention.last
    if first > 1 and keys[first - 2] in _PLACED and keys[first - 1] in names:
        return True
    if any(regency == region.code and keys[at] != keys[first] for at, regency in words.districts):
        return True
    before = [keys[max(0, first - n) : first] for n in (1, 2, 3)]
    if any((key := "".join(part)) in names and key in gazetteer.names for part in before[:2]):
        return True
    beside = before + [keys[last + 1 : last + 1 + n] for n in (1, 2, 3)]
    beside += [keys[last + 2 : last + 2 + n] for n in (1, 2, 3)]
    return any(
        (key := "".join(part)) in names
        and len(key) > 3
        and key != mention.key
        and key not in gazetteer.names
        and not gazetteer.everyday.issuperset(part)
        for part in beside
        if part
    )


def _misspelt(words: Tokens, gazetteer: Gazetteer) -> Iterator[Mention]:
    """Yield names with one wrong letter that a place beside them or a word before them confirms."""
    for at in words.marked(SLIP):
        key = gazetteer.slip(words.keys[at])
        if key is None:
            continue
        shares = tuple((entry, 0.8) for entry in gazetteer.names[key])
        mention = Mention(at, at, words.quote(at, at), key, shares)
        if words.before(at) in TITLES:
            yield _weighed(mention, words, gazetteer)
        elif at == 0 and len(shares) == 1:
            yield mention._replace(meanings=((shares[0][0], 0.6),))
        elif told := _told_beside(mention, words, gazetteer):
            yield told


def _base(entry: Entry, entries: tuple[Entry, ...]) -> float:
    return _SURE[entry.kind] if len(entries) == 1 else SHARED[entry.region.level]


def _meant(mention: Mention, words: Tokens, gazetteer: Gazetteer, home: Region | None) -> bool:
    """Tell whether an everyday word is meant as the region's name."""
    if mention.key not in gazetteer.ordinary:
        return True
    longer = (words.key(mention.first, mention.last + n) for n in (1, 2))
    if any(key != mention.key and key in gazetteer.districts for key in longer):
        return False
    neighbours = gazetteer.ordinary[mention.key]
    before = words.before(mention.first)
    if neighbours is not None:
        return neighbours.isdisjoint((before, words.after(mention.last)))
    regions = [entry.region for entry, _ in mention.meanings]
    if home and any(kin(region.code, home.code) for region in regions):
        return before in IN or capital(mention.words, words.text)
    if _province_near(regions, mention, words, gazetteer):
        return True
    return before in TITLES or (before in IN and capital(mention.words, words.text))


def capital(said: str, text: str) -> bool:
    """Tell whether words carry a capital that means something: not where all is capitals."""
    return said[:1].isupper() and capitals_tell(text)


def capitals_tell(text: str) -> bool:
    """Tell whether a capital means something: some words have one and some have none."""
    return not text.islower() and not text[:200].isupper() and not text[:200].istitle()


def _province_near(
    regions: list[Region], mention: Mention, words: Tokens, gazetteer: Gazetteer
) -> bool:
    """Tell whether the next words name the province of one of ``regions`` ("Batu, Jatim")."""
    after = words.keys[mention.last + 1 : mention.last + 6]
    provinces = {region.code[:2] for region in regions}
    keys = {"".join(after[i:n]) for i in range(3) for n in range(i + 1, i + 4)}
    near = (e.region.code for key in keys for e in gazetteer.names.get(key, ()))
    return any(code in provinces for code in near)


def _weighed(mention: Mention, words: Tokens, gazetteer: Gazetteer) -> Mention:
    """Lower the mention for the word before it, and let a title choose the level."""
    before = words.before(mention.first)
    if mention.meanings[0][0].kind == "typed" or _ends_a_name(mention.first, words, gazetteer):
        return mention
    level = TITLES.get(before)
    fitting = [e for e, _ in mention.meanings if e.region.level is level]
    if fitting:
        sure = 0.93 if len(fitting) == 1 else 0.5
        return mention._replace(meanings=tuple((e, sure) for e in fitting))
    most = BEFORE.get(before, 1.0)
    if before in STREET and words.after(mention.last) in _TOWARDS:
        most = ELSEWHERE
    if before in DISH and BEFORE.get(words.before(mention.first - 1)) == 0.0:
        most = 0.0
    if words.after(mention.last) in HOUSING:
        most = min(most, ELSEWHERE)
    return mention._replace(meanings=tuple((e, min(sure, most)) for e, sure in mention.meanings))


def _ends_a_name(first: int, words: Tokens, gazetteer: Gazetteer) -> bool:
    """Tell whether the word before a name belongs to a district ("kec. Taman Sidoarjo")."""
    if first < 2:
        return False
    before, cue = words.keys[first - 1], words.keys[first - 2]
    return (cue in CUES and before in gazetteer.districts) or (
        cue + before in gazetteer.districts and before in ("raya", "taman", "gunung", "sungai")
    )


def kin(code: str, other: str) -> bool:
    """Tell whether one region lies in the other, or both are the same.

    Codes of a level are equally long, so that the beginning of one is no part of another's name.
    """
    return code.startswith(other) or other.startswith(code)


def apart(one: Mention, other: Mention) -> bool:
    """Tell whether no meaning of one name lies in a meaning of another."""
    codes = [entry.region.code for entry, _ in other.meanings]
    return not any(kin(entry.region.code, code) for entry, _ in one.meanings for code in codes)
