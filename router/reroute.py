"""What follows from a refusal (bukan wewenang): who still comes into question, and how surely.

An agency that refused a report is out of its ranking. A body that the refusing agency names rises
in it: alone that is not enough to be assigned, beside our own reading it is.
"""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Protocol

from normalizer.report import AgencyRefusal, Assignment, Outcome, Report
from router import explain
from router.blend import Share

SUGGESTION = 0.55
"""How much of the doubt about an agency goes when the agency that refuses names it."""


class Decider(Protocol):
    """Decides about a report, as ``router.assign.Router`` does."""

    def assign_again(self, report: Report, *, at: datetime) -> Assignment:
        """Return the decision about a report, knowing which agencies refused it."""


def without_refused(
    agencies: Sequence[Share], refusals: Sequence[AgencyRefusal]
) -> Sequence[Share]:
    """Return a ranking without those that refused, in which a body that was named rises."""
    if not refusals:
        return agencies
    out = {each.agency.id for each in refusals}
    left = {share.agency.id: share for share in agencies if share.agency.id not in out}
    named = refusals[-1].suggested
    if named and named.id not in out:
        sure = left[named.id].confidence if named.id in left else 0.0
        left[named.id] = Share(named, sure + (1 - sure) * SUGGESTION)
    return sorted(left.values(), key=lambda share: (-share.confidence, share.agency.id))


def reroute(router: Decider, report: Report, had: Set[str], *, at: datetime) -> Assignment:
    """Decide again about a report whose agency has just refused it.

    ``had``: the agencies it was with. It never goes back to one of them by itself, and what names
    one ends with an operator: two agencies that send it to each other are not to be trusted.
    """
    refusal = report.refusals[-1]
    made = router.assign_again(report, at=at)
    why = [explain.refusal(refusal)]
    is_back = refusal.suggested is not None and refusal.suggested.id in had
    if is_back or (made.agency and made.agency.id in had):
        made = _left_to_operator(made)
        why.append(explain.loop(refusal))
    return made.model_copy(update={"reasons": (*why, *made.reasons)})


def _left_to_operator(made: Assignment) -> Assignment:
    bare = {"decision": Outcome.TRIAGE, "agency": None, "copies": ()}
    return made.model_copy(update=bare)
