"""Names of regions in a text, and how sure each is that its region is meant.

The words around a name decide: "kota" or "kab." choose between two regions of one name, "jl." or
"nasi" before it mean something else, and a name that is an everyday word needs a cue.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from normalizer.gazetteer import PREFIX, Entry, Gazetteer, Region, squash
from normalizer.report import Level
from normalizer.text import vocabulary

LONGEST = 6
"""Words a name may have with its title ("Kota Administrasi Jakarta Selatan")."""
LIKELY = 0.5
"""Mentions less sure than this neither decide about others nor displace the context."""

_SURE = {"typed": 0.95, "name": 0.9, "alias": 0.88}
_SHARED = {Level.CITY: 0.55, Level.PROVINCE: 0.5, Level.REGENCY: 0.4}
"""How sure each meaning of a shared name is, when nothing decides."""
_TOLD = 0.85
"""How sure the meaning is that the rest of the text or the context leaves."""

BEFORE: dict[str, float] = {
    word: most
    for most, words in (
        # a dish, a club, or a piece of nature that only shares the name
        (0.0,
         "nasi sate soto bakso mie mi pecel tahu batik pempek salak rawon rendang gudeg kerupuk "
         "martabak rm restoran warung cafe kafe persis persib arema "
         "pulau selat danau gunung sungai laut teluk pohon"),
        # a street or a village named after it
        (0.25, "jl jln jalan jend raya terusan gang gg simp simpang perempatan pertigaan taman "
               "kel kelurahan desa ds dusun dukuh kampung kp lingkungan"),
        (0.3, "kec kecamatan distrik"),
        (0.35, "pasar hotel bank toko ruko perumahan perum komplek apartemen"),
        (0.45, "arah jurusan menuju tujuan ke asal bus pesawat kereta plat ktp kk lahir"),
        (0.6, "orang"),
    )
    for word in vocabulary(words)
}  # fmt: skip
"""Words just before a name → how sure the place can be at most."""
_IN = vocabulary("di d daerah wilayah kab kabupaten kota area sekitar seputar")
_TITLE_LEVEL = {
    "kota": Level.CITY, "pemkot": Level.CITY, "walikota": Level.CITY, "kodya": Level.CITY,
    "kab": Level.REGENCY, "kabupaten": Level.REGENCY, "pemkab": Level.REGENCY,
    "bupati": Level.REGENCY, "prov": Level.PROVINCE, "provinsi": Level.PROVINCE,
    "pemprov": Level.PROVINCE, "gubernur": Level.PROVINCE,
}  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*")


class Word(NamedTuple):
    """A word of a text, its look-up key, and where it stands."""

    text: str
    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of the text and the regions they may mean, each with how sure that is."""

    first: int
    last: int
    words: str
    key: str
    meanings: tuple[tuple[Entry, float], ...]

    @property
    def surest(self) -> float:
        """How sure its surest meaning is."""
        return max((sure for _, sure in self.meanings), default=0.0)


def words_of(text: str) -> list[Word]:
    """Split a text into words; punctuation goes."""
    return [Word(m[0], squash(m[0]), m.start(), m.end()) for m in _WORD.finditer(text)]


def mentions(
    text: str, words: list[Word], gazetteer: Gazetteer, home: Region | None
) -> list[Mention]:
    found, at = [], 0
    while at < len(words):
        mention = _mention_at(at, text, words, gazetteer)
        if mention and _meant(mention, text, words, gazetteer, home):
            found.append(_weighed(mention, words))
        at = mention.last + 1 if mention else at + 1
    return found


def _mention_at(at: int, text: str, words: list[Word], gazetteer: Gazetteer) -> Mention | None:
    """Return the longest name that begins at word ``at``."""
    found, key = None, ""
    for last in range(at, min(at + LONGEST, len(words))):
        key += words[last].key
        if key[:PREFIX] not in gazetteer.starts:
            break
        entries = gazetteer.names.get(key)
        # Two short words that happen to make a name ("pa ti") are not that name.
        if entries and (last == at or len(key) >= 6):
            said = text[words[at].start : words[last].end]
            shares = tuple((e, _base(e, entries)) for e in entries)
            found = Mention(at, last, said, key, shares)
    return found


def _base(entry: Entry, entries: tuple[Entry, ...]) -> float:
    return _SURE[entry.kind] if len(entries) == 1 else _SHARED[entry.region.level]


def _meant(
    mention: Mention, text: str, words: list[Word], gazetteer: Gazetteer, home: Region | None
) -> bool:
    """Tell whether an everyday word is meant as the region's name."""
    if mention.key not in gazetteer.ordinary:
        return True
    neighbours = gazetteer.ordinary[mention.key]
    beside = {w.key for w in _beside(mention, words)}
    if neighbours is not None:
        return not beside & neighbours
    regions = [entry.region for entry, _ in mention.meanings]
    if home and any(kin(region.code, home.code) for region in regions):
        return _before(mention, words) in _IN or _capital(mention, text)
    if _province_near(regions, mention, words, gazetteer):
        return True
    cued = _before(mention, words) in _IN
    return _before(mention, words) in _TITLE_LEVEL or (cued and _capital(mention, text))


def _beside(mention: Mention, words: list[Word]) -> Iterator[Word]:
    if mention.first:
        yield words[mention.first - 1]
    if mention.last + 1 < len(words):
        yield words[mention.last + 1]


def _before(mention: Mention, words: list[Word]) -> str:
    return words[mention.first - 1].key if mention.first else ""


def _capital(mention: Mention, text: str) -> bool:
    """Tell whether the words carry a capital that means something: not where all is capitals."""
    return mention.words[:1].isupper() and not text[:200].isupper() and not text[:200].istitle()


def _province_near(
    regions: list[Region], mention: Mention, words: list[Word], gazetteer: Gazetteer
) -> bool:
    """Tell whether the next words name the province of one of ``regions`` ("Batu, Jatim")."""
    after = words[mention.last + 1 : mention.last + 6]
    provinces = {region.code[:2] for region in regions}
    keys = {"".join(w.key for w in after[i:n]) for i in range(3) for n in range(i + 1, i + 4)}
    near = (e.region.code for key in keys for e in gazetteer.names.get(key, ()))
    return any(code in provinces for code in near)


def _weighed(mention: Mention, words: list[Word]) -> Mention:
    """Lower the mention for the word before it, and let a title choose the level."""
    before = _before(mention, words)
    level = _TITLE_LEVEL.get(before)
    fitting = [e for e, _ in mention.meanings if e.region.level is level]
    if fitting:
        sure = 0.93 if len(fitting) == 1 else 0.5
        return replace(mention, meanings=tuple((e, sure) for e in fitting))
    most = BEFORE.get(before, 1.0)
    return replace(mention, meanings=tuple((e, min(sure, most)) for e, sure in mention.meanings))


def settled(mentions: list[Mention], home: Region | None) -> list[Mention]:
    """Drop the meanings of a shared name that other mentions or the context rule out."""
    certain = {
        e.region.code for m in mentions if len(m.meanings) == 1 for e, s in m.meanings if s > LIKELY
    }
    return [_settle(m, certain, home) if len(m.meanings) > 1 else m for m in mentions]


def _settle(mention: Mention, certain: set[str], home: Region | None) -> Mention:
    codes = [entry.region.code for entry, _ in mention.meanings]
    for told in (certain & set(codes), {c for c in codes if c[:2] in certain and len(c) > 2}):
        if told and len(told) < len(codes):
            return _only(mention, told)
    if home is None:
        return mention
    same = {c for c in codes if home.code.startswith(c) and len(c) > 2}
    near = same or {c for c in codes if c[:2] == home.code[:2]}
    return _only(mention, near) if near and len(near) < len(codes) else mention


def _only(mention: Mention, codes: Iterable[str]) -> Mention:
    kept = tuple((e, sure) for e, sure in mention.meanings if e.region.code in codes)
    if len(kept) == 1 and kept[0][1] in _SHARED.values():
        kept = ((kept[0][0], _TOLD),)
    return replace(mention, meanings=kept)


def kin(code: str, other: str) -> bool:
    """Tell whether one region lies in the other, or both are the same."""
    return f"{code}.".startswith(f"{other}.") or f"{other}.".startswith(f"{code}.")
