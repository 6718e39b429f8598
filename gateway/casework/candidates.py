"""Candidates: whom an operator is offered for a report that waits, once its reporter said more."""

from datetime import datetime

from normalizer.gazetteer import Gazetteer
from normalizer.places import find
from normalizer.report import Assignment, Candidate, Outcome, Report, Status
from router.assign import Router

_KEPT = frozenset({"scope", "recusal", "operator"})
"""Rules of reasons for which a report waits, whatever its words are now."""


class Candidates:
    """Ranks again which agencies may be in charge; the decision stays the operator's."""

    def __init__(self, router: Router, gazetteer: Gazetteer) -> None:
        self._router = router
        self._gazetteer = gazetteer

    def refresh(self, report: Report, *, at: datetime) -> Report:
        """Return a report in triage with the candidates that fit all its words; others as is."""
        old = report.assignment
        if report.status is not Status.TRIAGE or old is None:
            return report
        placed = report.model_copy(update={"places": self._places(report)})
        decision = self._router.decide(placed, at=at, may_ask=False, may_end=False)
        refused = {each.agency.id for each in report.refusals}
        offered = [
            each
            for each in _candidates(decision.assignment)
            if not report.recuses(each.agency.id) and each.agency.id not in refused
        ]
        is_sure = decision.assignment.decision is Outcome.ASSIGN
        new = [r for r in decision.assignment.reasons if not (is_sure and r.rule == "threshold")]
        kept = [r for r in old.reasons if r.rule in _KEPT and r not in new]
        made = old.model_copy(
            update={
                "confidence": decision.assignment.confidence,
                "alternatives": tuple(offered),
                "reasons": (*kept, *new),
                "at": at,
            }
        )
        changes = {"topic": decision.topic, "places": decision.places, "assignment": made}
        return placed.model_copy(update=changes)

    def _places(self, report: Report) -> object:
        if any(place.found_by == "operator" for place in report.places):
            return report.places
        context = next((p.code for p in report.places if p.found_by == "context"), None)
        point = report.coordinates
        return find(report.text, self._gazetteer, context=context, coordinates=point)


def _candidates(made: Assignment) -> tuple[Candidate, ...]:
    if made.agency is None:
        return made.alternatives
    return (Candidate(agency=made.agency, confidence=made.confidence), *made.alternatives)
