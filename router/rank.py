"""From topics and places to agencies: which bodies may have to act, and how likely each is.

An agency's confidence is the sum, over the topics that lead to it, of
topic x place x competence rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from normalizer.report import Agency, Candidate, Place
from router.jurisdiction import DOUBTFUL, Jurisdiction, governments, is_ambiguous
from router.register import Register, Tier
from router.topics import Competence, Match, Topics
from router.words import Reading

MOST = 3
"""Governments of one tier that are considered, and alternatives that are shown."""
_CHOSEN, _ONLY, _RULE = 0.98, 0.97, 0.90
"""How sure a competence row is: chosen by its words; the only one; the rule with exceptions."""
_FAINT = 0.01

Seats = Mapping[Tier, Sequence[Jurisdiction]]


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


def seats(places: Sequence[Place], register: Register) -> Seats:
    """List, by tier, the governments that the places lie under."""
    return {
        "national": (),
        "province": governments(places, "province", register)[:MOST],
        "regency": governments(places, "regency", register)[:MOST],
    }


def lead(match: Match, reading: Reading, at: Seats, topics: Topics, register: Register) -> Lead:
    """Follow a topic to its competence row and to the agency that answers for it."""
    id = match.topic.id
    row, words = topics.competence(id, reading)
    found = at[row.level]
    code = found[0].code if found else ""
    return Lead(match, row, words, found, register.find(row.level, row.agency, code, topic=id))


def candidates(leads: Sequence[Lead], at: Seats, register: Register) -> list[Candidate]:
    """Rank the agencies that the topics lead to, surest first."""
    sums: dict[str, float] = {}
    agencies: dict[str, Agency] = {}
    for one in leads:
        for agency, confidence in _shares(one, at, register):
            agencies[agency.id] = agency
            sums[agency.id] = sums.get(agency.id, 0.0) + one.match.topic.confidence * confidence
    ordered = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[: MOST + 1]
    return [
        Candidate(agency=agencies[id], confidence=min(1.0, c)) for id, c in ordered if c > _FAINT
    ]


def _shares(one: Lead, at: Seats, register: Register) -> Iterator[tuple[Agency, float]]:
    rows = one.match.row.competence
    sure = _CHOSEN if one.chosen_by else _RULE if len(rows) > 1 else _ONLY
    rest = (1 - sure) / max(1, len(rows) - 1)
    for row in rows:
        share = sure if row is one.row else rest
        if row.level == "national":
            if agency := register.find("national", row.agency):
                yield agency, share
            continue
        for seat in at[row.level]:
            if agency := register.find(row.level, row.agency, seat.code, topic=one.match.topic.id):
                yield agency, share * seat.confidence
