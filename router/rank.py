"""From topics and places to agencies: which bodies may have to act, and how likely each is.

What the phrases say for an agency is the sum, over the topics that lead to it, of topic x
competence rule. How often that is right was measured; times how sure the place is, that is the
agency's probability.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from normalizer.report import Agency, Candidate, Place
from router.blend import LOCAL_OFFICE
from router.calibration import Curve
from router.jurisdiction import DOUBTFUL, Jurisdiction, governments, is_ambiguous
from router.register import Register, Tier
from router.topics import Competence, Match, Topics
from router.words import Reading

MOST = 3
"""Governments of one tier that are considered, and alternatives that are shown."""
_CHOSEN, _ONLY, _RULE = 0.98, 0.97, 0.90
"""How sure a competence row is: chosen by its words; the only one; the rule with exceptions."""
_FAINT = 0.01

LOCAL = ("district", "village")
"""Tiers whose offices are many and alike: which one it is, only the place says."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A topic, the competence row it falls under, and the governments it may fall to."""

    match: Match
    row: Competence
    chosen_by: str
    found: Sequence[Jurisdiction]
    agency: Agency | None

    @property
    def lacks_place(self) -> bool:
        """Tell whether the place that decides is missing or ambiguous."""
        return self.row.level != "national" and (not self.found or is_ambiguous(self.found))

    @property
    def doubts_place(self) -> bool:
        """Tell whether asking for the place would make the decision surer."""
        return self.lacks_place or (bool(self.found) and self.found[0].confidence < DOUBTFUL)


class Seats(dict[Tier, Sequence[Jurisdiction]]):
    """The governments that some places lie under, surest first; each tier's when first asked."""

    def __init__(self, places: Sequence[Place], register: Register) -> None:
        super().__init__({"national": ()})
        self._places = places
        self._register = register

    def __missing__(self, tier: Tier) -> Sequence[Jurisdiction]:
        found = self[tier] = governments(self._places, tier, self._register)[:MOST]
        return found


def lead(match: Match, reading: Reading, at: Seats, topics: Topics, register: Register) -> Lead:
    """Follow a topic to its competence row and to the agency that answers for it."""
    id = match.topic.id
    row, words = topics.competence(id, reading)
    found = at[row.level]
    code = found[0].code if found else ""
    return Lead(match, row, words, found, register.find(row.level, row.agency, code, topic=id))


@dataclass(slots=True)
class Claim:
    """What the phrases say for one agency (0 to 1), and how sure its place is."""

    agency: Agency
    said: float = 0.0
    there: float = 0.0


def claims(leads: Sequence[Lead], at: Seats, register: Register) -> dict[str, Claim]:
    """Add up what the topics say for every agency they lead to, by its id."""
    found: dict[str, Claim] = {}
    for one in leads:
        for agency, share, seat in _shares(one, at, register):
            claim = found.get(agency.id)
            if claim is None:
                claim = found[agency.id] = Claim(agency)
            claim.said += one.match.topic.confidence * share
            claim.there = max(claim.there, seat)
    return found


def candidates(
    leads: Sequence[Lead], at: Seats, register: Register, curve: Curve
) -> list[Candidate]:
    """Rank the agencies that the topics lead to, surest first."""
    found = claims(leads, at, register)
    sure = {id: curve(claim.said) * claim.there for id, claim in found.items()}
    most = max(1.0, sum(sure.values()))
    ordered = sorted(sure.items(), key=lambda pair: (-pair[1], pair[0]))[: MOST + 1]
    return [
        Candidate(agency=found[id].agency, confidence=confidence / most)
        for id, confidence in ordered
        if confidence > _FAINT
    ]


def _shares(one: Lead, at: Seats, register: Register) -> Iterator[tuple[Agency, float, float]]:
    """List the agencies behind a topic, the share of its rule, and how sure their place is."""
    rows = one.match.row.competence
    sure = _CHOSEN if one.chosen_by else _RULE if len(rows) > 1 else _ONLY
    rest = (1 - sure) / max(1, len(rows) - 1)
    for row in rows:
        share = sure if row is one.row else rest
        if row.level == "national":
            if agency := register.find("national", row.agency):
                yield agency, share, 1.0
            continue
        if row.level in LOCAL and not at[row.level]:
            yield LOCAL_OFFICE, share, 1.0
        for seat in at[row.level]:
            if agency := register.find(row.level, row.agency, seat.code, topic=one.match.topic.id):
                yield agency, share, seat.confidence
