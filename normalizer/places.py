"""Which official regions a text speaks of, how each was found and how sure that is.

Provinces, regencies and cities are found by name anywhere (``mentions``), districts and villages
where something confirms them (``localities``). A name that is both a city and a regency gives
both, each less sure, unless something beside it decides.
"""

from functools import lru_cache
from typing import Literal

from normalizer.gazetteer import Entry, Gazetteer, Region
from normalizer.guesses import guesses
from normalizer.hits import Around
from normalizer.localities import LocalityMatch, localities
from normalizer.mentions import ELSEWHERE, LIKELY, Mention, kin, mentions
from normalizer.message import Coordinates, Place
from normalizer.settling import settle_meanings
from normalizer.words import Tokens

READ = 8_000
"""Characters of a text that are searched; the place of a report is not further down."""
CONTEXT = 0.6
"""How sure the channel's own region is when the text names none."""
UNSAID = frozenset({"context", "earlier"})
"""How a place is found that the text itself does not name."""
CONTEXT_BESIDE = 0.35
"""How sure it is when the text names another: "warga Sidoarjo" may write about Surabaya."""
EARLIER = 0.4
"""How sure the place of the sender's earlier report is."""
_REMEMBERED = 4_096
"""Places that are remembered as they were found: channels and names come again and again."""
_CLEAR, _FAINT = 0.8, 0.3
_SEAT = 5
"""Letters of the code of a regency or city."""
_TELLS = 0.7
"""How sure a district must be to decide between two regencies of one name."""


def find(
    text: str,
    gazetteer: Gazetteer,
    *,
    context: str | None,
    coordinates: Coordinates | None = None,
    earlier: str | None = None,
) -> tuple[Place, ...]:
    """Return the regions ``text`` speaks of, surest first, each once.

    ``context`` is the code of the region the channel belongs to, ``coordinates`` where the sender
    says it is, ``earlier`` the code of the place of the sender's earlier report.
    """
    words = Tokens(text[:READ], gazetteer)
    stands = _stands(gazetteer, context, coordinates, earlier)
    home = gazetteer.region(stands[0].code) if stands else None
    named = settle_meanings(mentions(words, gazetteer, home), home)
    local = localities(words, gazetteer, _around(named, stands))
    named, local = _apart(named, local)
    named = [_decided(mention, local) for mention in named] if local else named
    found = [_place(e, sure, m.words) for m in named for e, sure in m.meanings if sure > 0]
    if not found and not stands:
        local = local or guesses(words, gazetteer)
    found += [_locality(f, words, gazetteer) for f in local]
    found = _alone(found)
    found += [_beside(place, found) for place in stands]
    return _ranked(_confirmed(found))


def _stands(
    gazetteer: Gazetteer, context: str | None, coordinates: Coordinates | None, earlier: str | None
) -> list[Place]:
    """Return the places known without reading the text, the one that says most first."""
    near = (
        gazetteer.points.nearest(coordinates.latitude, coordinates.longitude)
        if coordinates
        else None
    )
    told: tuple[tuple[str | None, Literal["coordinates", "context", "earlier"], float], ...] = (
        (near.code if near else None, "coordinates", near.confidence if near else 0.0),
        (context, "context", CONTEXT),
        (earlier, "earlier", EARLIER),
    )
    known = ((gazetteer.region(code), by, sure) for code, by, sure in told if code)
    return [_place_of(region, by, "", sure) for region, by, sure in known if region]


def _around(named: list[Mention], stands: list[Place]) -> Around:
    text: dict[str, float] = {}
    faint: dict[str, float] = {}
    for mention in named:
        known = text if mention.surest >= LIKELY else faint
        for entry, sure in mention.meanings:
            if sure > _FAINT:
                known[entry.region.code] = max(sure, known.get(entry.region.code, 0.0))
    channel: dict[str, float] = {}
    for place in stands:
        for length in (2, 5, 8):
            if len(place.code) >= length:
                channel.setdefault(place.code[:length], place.confidence)
    spoken = {code[:5] for code, weight in text.items() if len(code) >= 5 and weight > LIKELY}
    aside = bool(spoken) and bool(stands) and not any(kin(c, stands[0].code) for c in spoken)
    beside = frozenset(n for m in named for n in (m.first - 1, m.last + 1))
    return Around(text, channel, faint, aside, beside)


def _decided(mention: Mention, local: list[LocalityMatch]) -> Mention:
    """Choose between a city and the regency around it by a district that the text names too."""
    told = {f.code[:5] for f in local if f.confidence >= _TELLS}
    meant = [e for e, _ in mention.meanings if e.region.code in told]
    if not meant or len(mention.meanings) < 2:
        return mention
    meanings = (
        (e, sure if any(kin(e.region.code, m.region.code) for m in meant) else min(sure, _FAINT))
        for e, sure in mention.meanings
    )
    return mention._replace(meanings=tuple(meanings))


def _apart(
    named: list[Mention], local: list[LocalityMatch]
) -> tuple[list[Mention], list[LocalityMatch]]:
    """Let the longer name have the words that two names share; a cue beats a bare name."""
    if not named or not local:
        return named, local
    kept = [m for m in named if not any(_covers(f, m) for f in local)]
    return kept, [f for f in local if not any(_inside(f, m) for m in kept)]


def _inside(match: LocalityMatch, mention: Mention) -> bool:
    """Tell whether a locality is but a part of another region's name ("Mandailing Natal")."""
    within = mention.first <= match.first and match.last <= mention.last
    own = any(kin(entry.region.code, match.code) for entry, _ in mention.meanings)
    whole = (match.first, match.last) == (mention.first, mention.last)
    return within and mention.surest > _FAINT and not (own and whole)


def _covers(match: LocalityMatch, mention: Mention) -> bool:
    if any(kin(entry.region.code, match.code) for entry, _ in mention.meanings):
        return False
    if match.first > mention.first or match.last < mention.last:
        return False
    longer = match.last - match.first > mention.last - mention.first
    return longer or match.how in ("cued", "plain", "street")


def _locality(match: LocalityMatch, words: Tokens, gazetteer: Gazetteer) -> Place:
    region = gazetteer.region(match.code)
    assert region is not None
    return _place_of(region, "name", words.quote(match.first, match.last), match.confidence)


def _alone(places: list[Place]) -> list[Place]:
    """Let one government of several stay likely: a report has one place.

    What speaks for one: how sure its name is, a district or village of it, how often it is named,
    and that it is named first.
    """
    likely = [place for place in places if place.confidence >= LIKELY]
    if len(likely) < 2:
        return places
    seats = [seat for seat in dict.fromkeys(_seat(p, likely) for p in likely) if seat]
    if len(seats) < 2:
        return places
    said = {seat: [p for p in likely if _seat(p, likely) == seat] for seat in seats}
    best = max(seats, key=lambda seat: _weight(said[seat]))
    return [
        place if _seat(place, likely) in (best, None) else _sure_as(place, _faint(place))
        for place in places
    ]


def _seat(place: Place, likely: list[Place]) -> str | None:
    """Return the government a place counts for; None for a province of another one's."""
    if len(place.code) >= _SEAT:
        return place.code[:_SEAT]
    inside = any(p.code.startswith(f"{place.code}.") for p in likely)
    return None if inside else place.code


def _weight(places: list[Place]) -> float:
    local = any(len(place.code) > _SEAT and place.confidence >= _TELLS for place in places)
    return max(p.confidence for p in places) + 0.3 * local + 0.1 * min(len(places), 3)


def _faint(place: Place) -> float:
    return min(place.confidence, ELSEWHERE)


def _beside(place: Place, places: list[Place]) -> Place:
    """Make a place that is not in the text less sure when the text names another."""
    displaced = place.found_by in UNSAID and any(_displaces(other, place) for other in places)
    return _sure_as(place, min(place.confidence, CONTEXT_BESIDE)) if displaced else place


def _displaces(place: Place, home: Place) -> bool:
    """Tell whether a place found in the text speaks against the context."""
    return place.confidence >= LIKELY and not kin(place.code, home.code)


def _confirmed(places: list[Place]) -> list[Place]:
    """Raise what another place confirms: a district its regency, a province its regency."""
    if len(places) < 2:
        return places
    return [_sure_as(place, _raised(place, places)) for place in places]


def _sure_as(place: Place, confidence: float) -> Place:
    if confidence == place.confidence:
        return place
    return place.model_copy(update={"confidence": confidence})


def _raised(place: Place, places: list[Place]) -> float:
    code, raised = place.code, place.confidence
    if raised < _FAINT:
        return raised
    may_be_told = raised >= 0.7 and place.found_by not in UNSAID
    for other in places:
        if len(other.code) == len(code) or not kin(other.code, code):
            continue
        if len(other.code) > len(code):
            raised = max(raised, other.confidence if other.confidence >= 0.7 else 0.0)
        elif may_be_told and other.confidence >= 0.85:
            raised = max(raised, 0.95)
    return raised


def _ranked(places: list[Place]) -> tuple[Place, ...]:
    if len(places) < 2:
        return tuple(places)
    ordered = sorted(places, key=lambda p: (-p.confidence, -len(p.code)))
    best: dict[str, Place] = {}
    for place in ordered:
        best.setdefault(place.code, place)
    least = _FAINT if ordered[0].confidence >= _CLEAR else 0.0
    return tuple([place for place in best.values() if place.confidence >= least])


def _place(entry: Entry, sure: float, words: str) -> Place:
    return _place_of(entry.region, "alias" if entry.kind == "alias" else "name", words, sure)


@lru_cache(_REMEMBERED)
def _place_of(
    region: Region,
    found_by: Literal["name", "alias", "context", "earlier", "keyword", "coordinates"],
    words: str,
    confidence: float,
) -> Place:
    return Place(
        code=region.code, name=region.name, level=region.level,
        found_by=found_by, words=words, confidence=round(confidence, 3),
    )  # fmt: skip


def by_keyword(region: Region, words: str, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Put the region of a 1708 keyword at the head of ``places``; it decides over the context."""
    kept = [p for p in places if p.code != region.code and p.found_by not in UNSAID]
    return (_place_of(region, "keyword", words, 0.97), *kept)
