"""Which official regions a text speaks of, how each was found and how sure that is.

Provinces, regencies and cities are found by name anywhere; districts only where their regency is
in the text too (or is the context), or behind "kec.". A name that is both a city and a regency
gives both, each less sure, unless something beside it decides.
"""

from typing import Literal

from normalizer.gazetteer import PREFIX, Entry, Gazetteer, Region
from normalizer.mentions import BEFORE, LIKELY, Word, kin, mentions, settled, words_of
from normalizer.report import Place
from normalizer.text import vocabulary

READ = 8_000
"""Characters of a text that are searched; the place of a report is not further down."""
CONTEXT = 0.6
"""How sure the door's own region is when the text names none."""
CONTEXT_BESIDE = 0.35
"""How sure it is when the text names another: "warga Sidoarjo" may write about Surabaya."""
_CLEAR, _FAINT = 0.8, 0.3
_DISTRICT_CUE = vocabulary("kec kecamatan kcmtn distrik camat kapanewon kemantren")
_DISTRICT_NOT = BEFORE.keys() - _DISTRICT_CUE


def find(text: str, gazetteer: Gazetteer, *, context: str | None) -> tuple[Place, ...]:
    """Return the regions ``text`` speaks of, surest first, each once.

    ``context`` is the code of the region the door or the sender belongs to.
    """
    words = words_of(text[:READ])
    home = gazetteer.region(context) if context else None
    named = settled(mentions(text, words, gazetteer, home), home)
    found = [_place(e, sure, m.words) for m in named for e, sure in m.meanings if sure > 0]
    taken = {n for m in named if m.surest > _FAINT for n in range(m.first, m.last + 1)}
    found += _districts(words, gazetteer, found, home, taken)
    if home:
        displaced = any(_displaces(place, home) for place in found)
        sure = CONTEXT_BESIDE if displaced else CONTEXT
        found.append(_place_of(home, "context", "", sure))
    return _ranked(_confirmed(found))


def _districts(
    words: list[Word],
    gazetteer: Gazetteer,
    found: list[Place],
    home: Region | None,
    taken: set[int],
) -> list[Place]:
    """Find districts; "Natal" inside "Mandailing Natal" (words ``taken``) is none."""
    sure = {p.code: p.confidence for p in found if len(p.code) == 5 and p.confidence > _FAINT}
    if home and len(home.code) >= 5 and not any(s > LIKELY for s in sure.values()):
        sure.setdefault(home.code[:5], CONTEXT)
    if not sure and _DISTRICT_CUE.isdisjoint(word.key for word in words):
        return []
    places, at = [], 0
    while at < len(words):
        hit = _district_at(at, words, gazetteer, sure)
        if hit and not taken.issuperset(range(at, hit[1] + 1)):
            places.append(hit[0])
        at = hit[1] + 1 if hit else at + 1
    return places


def _district_at(
    at: int, words: list[Word], gazetteer: Gazetteer, sure: dict[str, float]
) -> tuple[Place, int] | None:
    before = words[at - 1].key if at else ""
    cued = before in _DISTRICT_CUE
    if before in _DISTRICT_NOT or words[at].key[:PREFIX] not in gazetteer.district_starts:
        return None
    best, key = None, ""
    for last in range(at, min(at + 4, len(words))):
        key += words[last].key
        if key[:PREFIX] not in gazetteer.district_starts:
            break
        if place := _district(key, words[at : last + 1], gazetteer, sure, cued):
            best = place, last
    return best


def _district(
    key: str, said: list[Word], gazetteer: Gazetteer, sure: dict[str, float], cued: bool
) -> Place | None:
    named = gazetteer.districts.get(key, ())
    inside = [region for region in named if region.code[:5] in sure]
    words = " ".join(word.text for word in said)
    plain = key in gazetteer.names or len(key) < 5  # "Kota", "Baru", or another region's name
    if len(inside) == 1 and (cued or not plain):
        around = sure[inside[0].code[:5]]
        confidence = max(0.95 if cued else 0.85, around) if around > CONTEXT else 0.7 + 0.1 * cued
        return _place_of(inside[0], "name", words, confidence)
    if cued and len(named) == 1 and not sure:
        return _place_of(named[0], "name", words, 0.75)
    return None


def _displaces(place: Place, home: Region) -> bool:
    """Tell whether a place found in the text speaks against the context."""
    return place.confidence >= LIKELY and not kin(place.code, home.code)


def _confirmed(found: list[Place]) -> list[Place]:
    """Raise what another place confirms: a district its regency, a province its regency."""
    return [place.model_copy(update={"confidence": _raised(place, found)}) for place in found]


def _raised(place: Place, found: list[Place]) -> float:
    below = [p for p in found if p.code.startswith(place.code + ".") and p.confidence >= 0.7]
    above = [p for p in found if place.code.startswith(p.code + ".") and p.confidence >= 0.85]
    if place.confidence < _FAINT:
        return place.confidence
    raised = max([place.confidence, *(p.confidence for p in below)])
    told = above and place.confidence >= 0.7 and place.found_by != "context"
    return max(raised, 0.95) if told else raised


def _ranked(found: list[Place]) -> tuple[Place, ...]:
    best: dict[str, Place] = {}
    for place in sorted(found, key=lambda p: -p.confidence):
        best.setdefault(place.code, place)
    if any(place.confidence >= _CLEAR for place in best.values()):
        best = {code: place for code, place in best.items() if place.confidence >= _FAINT}
    return tuple(sorted(best.values(), key=lambda p: (-p.confidence, -len(p.code))))


def _place(entry: Entry, sure: float, words: str) -> Place:
    return _place_of(entry.region, "alias" if entry.kind == "alias" else "name", words, sure)


def _place_of(
    region: Region,
    found_by: Literal["name", "alias", "context", "keyword"],
    words: str,
    confidence: float,
) -> Place:
    return Place(
        code=region.code, name=region.name, level=region.level,
        found_by=found_by, words=words, confidence=round(confidence, 3),
    )  # fmt: skip


def by_keyword(region: Region, words: str, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Put the region of a 1708 keyword at the head of ``places``; it decides over the context."""
    kept = [p for p in places if p.code != region.code and p.found_by != "context"]
    return (_place_of(region, "keyword", words, 0.97), *kept)
