"""The decision about a report: assign it, ask the reporter one thing, or let an operator decide.

Nothing here reads a clock, a file or a table: one report always gets the same decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from normalizer.report import (
    Assignment,
    Candidate,
    Deadline,
    Kind,
    Outcome,
    Place,
    Reason,
    Report,
    Topic,
)
from router import explain, rank
from router.data import DataError, Files, Regions
from router.deadlines import Calendar, Limits, deadlines
from router.rank import Lead
from router.register import Register
from router.topics import Topics
from router.words import Reading

CLEAR = 0.45
"""A text whose topics are at least this sure is clear enough to ask where, not what."""
SHORT, LONG = 12, 30
"""Words: an unclear text this short is asked about; with a known place, up to LONG."""

Question = Literal["place", "topic"] | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment sets: the threshold of an assignment and the legal limits."""

    assign_above: float
    limits: Limits


@dataclass(frozen=True, slots=True)
class Decision:
    """All that routing adds to a report."""

    kind: Kind
    topic: Topic | None
    places: tuple[Place, ...]
    assignment: Assignment
    deadlines: tuple[Deadline, ...]


class Router:
    """Decides about reports. Build with ``router.assign.build``."""

    def __init__(
        self,
        register: Register,
        topics: Topics,
        gazetteer: Regions,
        rules: Rules,
        calendar: Calendar,
    ) -> None:
        self.register = register
        self.topics = topics
        self.gazetteer = gazetteer
        self.rules = rules
        self.calendar = calendar

    def decide(self, report: Report, *, at: datetime, may_ask: bool = True) -> Decision:
        """Decide about a report whose places have been looked for.

        ``at`` is noted as the time of the decision; ``may_ask=False`` when the reporter has been
        asked before or cannot be answered. A place found by "operator" counts as certain.
        """
        reading = self.topics.lexicon.read(_told(report))
        seats = rank.seats(report.places, self.register)
        matches = self.topics.rank(reading)
        leads = [rank.lead(m, reading, seats, self.topics, self.register) for m in matches]
        agencies = rank.candidates(leads, seats, self.register)
        lead = _chief(leads, agencies)
        kind = _kind(report, lead)
        question = _question(lead, leads, reading, bool(report.places)) if may_ask else None
        return Decision(
            kind=kind,
            topic=lead.match.topic if lead else None,
            places=_best_first(report.places, lead),
            assignment=self._assignment(lead, agencies, question, at),
            deadlines=deadlines(kind, report.received_at, self.rules.limits, self.calendar),
        )

    def _assignment(
        self, lead: Lead | None, agencies: Sequence[Candidate], question: Question, at: datetime
    ) -> Assignment:
        confidence = agencies[0].confidence if agencies else 0.0
        sure = confidence >= self.rules.assign_above and not (lead and lead.lacks_place)
        given = agencies[0].agency if sure and agencies else None
        question = None if given else question
        outcome = Outcome.ASSIGN if given else Outcome.ASK if question else Outcome.TRIAGE
        threshold = explain.threshold(outcome, question, confidence, self.rules.assign_above)
        return Assignment(
            decision=outcome,
            agency=given,
            confidence=confidence,
            alternatives=tuple(agencies[1:] if given else agencies)[: rank.MOST],
            reasons=(*self._why(lead), threshold),
            question=question,
            at=at,
        )

    def _why(self, lead: Lead | None) -> list[Reason]:
        if lead is None:
            return [explain.NO_TOPIC]
        tier, lacking = lead.row.level, lead.lacks_place
        reasons = [explain.topic(lead.match)]
        if tier != "national":
            reasons.append(explain.place(lead.found, tier, lacking, self.gazetteer))
        reasons.append(explain.competence(lead.match, lead.row, lead.chosen_by, lead.agency))
        return reasons


def build(files: Files, gazetteer: Regions, rules: Rules, calendar: Calendar) -> Router:
    """Check all data files and build the router. Raises ``DataError`` with every fault."""
    register, faults = Register.check(files, gazetteer)
    topics, more = Topics.check(files, register)
    if faults or more:
        raise DataError(faults + more)
    return Router(register, topics, gazetteer, rules, calendar)


def _kind(report: Report, lead: Lead | None) -> Kind:
    """Keep the kind that the reporter's words or choice gave, unless the topic is supervised."""
    supervised = lead and lead.match.row.supervised and lead.match.topic.confidence >= CLEAR
    return (
        Kind.SUPERVISED_COMPLAINT if supervised and report.kind == Kind.COMPLAINT else report.kind
    )


def _told(report: Report) -> str:
    """Return title and text; a title made of the text's own beginning adds nothing."""
    repeated = report.text.startswith(report.title.rstrip(" .…"))
    return report.text if repeated else f"{report.title}\n{report.text}"


def _chief(leads: Sequence[Lead], agencies: Sequence[Candidate]) -> Lead | None:
    """Choose the surest topic, or, once the place is known, the one behind the best agency."""
    if not leads or not agencies or leads[0].lacks_place:
        return leads[0] if leads else None
    best = agencies[0].agency
    return next((lead for lead in leads if lead.agency == best), leads[0])


def _question(lead: Lead | None, leads: Sequence[Lead], reading: Reading, placed: bool) -> Question:
    """Choose the one thing whose answer would settle it; None if asking would not help.

    A text that speaks of two things is not unclear: an operator sees what the reporter means.
    """
    if lead and sum(each.match.topic.confidence for each in leads) >= CLEAR:
        return "place" if lead.doubts_place else None
    return "topic" if len(reading.words) <= (LONG if placed else SHORT) else None


def _best_first(places: tuple[Place, ...], lead: Lead | None) -> tuple[Place, ...]:
    if lead is None or not lead.found:
        return places
    best = lead.found[0].place
    return (best, *(place for place in places if place is not best))
