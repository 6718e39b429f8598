"""Which government a report falls to: its places, read at the tier whose affair the topic is."""

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from normalizer.message import Place
from router.register import Register, Tier

SIMILAR = 0.42
"""A second government at least this fraction as sure as the first makes the place ambiguous."""
DOUBTFUL = 0.6
"""A government less sure than this is worth asking about."""
HOME = 0.95
"""How sure the channel's own region is when the text names no other: most who write to a city's own
number write about that city."""
_AT_MOST = 0.98


class Jurisdiction(NamedTuple):
    """A government a report may fall to, the place that says so, and how sure that is."""

    code: str
    place: Place
    confidence: float


def governments(places: Sequence[Place], tier: Tier, register: Register) -> list[Jurisdiction]:
    """List the governments of a tier that the places lie under, surest first.

    Places under one government support each other; governments are rivals. A place that an
    operator confirmed is certain and leaves no rival. Places that do not reach down to the tier
    (only a province is known) name no government; [] says that a place must be asked for.
    """
    under: dict[str, list[Place]] = {}
    for place in places:
        code = register.government(tier, place.code)
        if place.found_by == "operator":
            return [Jurisdiction(code, place, 1.0)] if code else []
        if code:
            under.setdefault(code, []).append(place)
    if len(under) == 1:
        ((code, group),) = under.items()
        only_home = all(place.found_by == "context" for place in places)
        alone = max(_together(group), HOME if only_home else 0.0)
        return [Jurisdiction(code, _best(group), alone)]
    sure = {code: _together(group) for code, group in under.items()}
    total = sum([c**2 for c in sure.values()]) or 1.0
    found = [Jurisdiction(code, _best(under[code]), c**3 / total) for code, c in sure.items()]
    return sorted(found, key=lambda j: -j.confidence)


def is_ambiguous(jurisdictions: Sequence[Jurisdiction]) -> bool:
    """Tell whether a second government is about as likely as the first."""
    return (
        len(jurisdictions) > 1
        and jurisdictions[1].confidence >= SIMILAR * jurisdictions[0].confidence
    )


def _together(places: Sequence[Place]) -> float:
    """How sure it is that at least one of these places is meant."""
    if len(places) == 1:
        return min(_AT_MOST, places[0].confidence)
    return min(_AT_MOST, 1 - math.prod([1 - place.confidence for place in places]))


def _best(places: Sequence[Place]) -> Place:
    return max(places, key=_confidence) if len(places) > 1 else places[0]


_confidence = attrgetter("confidence")
