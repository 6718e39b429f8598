"""From topics and places to agencies: which bodies may have to act, and how likely each is.

What the phrases say for an agency is the sum, over the topics that lead to it, of topic x
competence rule. How often that is right was measured; times how sure the place is, that is the
agency's probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from normalizer.message import Place
from normalizer.report import Agency
from router.blend import LOCAL_OFFICE, Share
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


class Lead(NamedTuple):
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
    id = match.id
    row, words = topics.competence(id, reading)
    found = at[row.level]
    code = found[0].code if found else ""
    return Lead(match, row, words, found, register.find(row.level, row.agency, code, topic=id))


@dataclass(slots=True)
class Claim:
    """What the phrases say for one agency (0 to 1), and how sure its place is."""

    agency: Agency
    said: float
    there: float


def claims(leads: Sequence[Lead], at: Seats, register: Register) -> dict[str, Claim]:
    """Add up what the topics say for every agency they lead to, by its id."""
    found: dict[str, Claim] = {}
    for one in leads:
        match, rows = one.match, one.match.row.competence
        chosen, rest = _divided(one, len(rows))
        for row in rows:
            share = match.confidence * (chosen if row is one.row else rest)
            for agency, there in _behind(row, match.id, at, register):
                id = agency.id
                claim = found.get(id)
                if claim is None:
                    found[id] = Claim(agency, share, there)
                    continue
                claim.said += share
                if there > claim.there:
                    claim.there = there
    return found


def candidates(leads: Sequence[Lead], at: Seats, register: Register, curve: Curve) -> list[Share]:
    """Rank the agencies that the topics lead to, surest first."""
    found = claims(leads, at, register)
    sure = {id: curve(claim.said) * claim.there for id, claim in found.items()}
    most = max(1.0, sum(sure.values()))
    ordered = sorted([(-share, id) for id, share in sure.items() if share > _FAINT])
    return [Share(found[id].agency, -less / most) for less, id in ordered[: MOST + 1]]


def _divided(one: Lead, rows: int) -> tuple[float, float]:
    """Return the share of the row that holds, and of each other row of its topic."""
    if rows == 1:
        return _CHOSEN if one.chosen_by else _ONLY, 0.0
    sure = _CHOSEN if one.chosen_by else _RULE
    return sure, (1 - sure) / (rows - 1)


def _behind(
    row: Competence, topic: str, at: Seats, register: Register
) -> list[tuple[Agency, float]]:
    """List the agencies that a row leads to, and how sure their place is."""
    level = row.level
    if level == "national":
        body = register.find("national", row.agency)
        return [(body, 1.0)] if body else []
    seats = at[level]
    if not seats:
        return [(LOCAL_OFFICE, 1.0)] if level in LOCAL else []
    return [
        (agency, seat.confidence)
        for seat in seats
        if (agency := register.find(level, row.agency, seat.code, topic=topic))
    ]
