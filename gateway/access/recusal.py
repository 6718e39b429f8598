"""An accusation never goes to whom it accuses: the one guard of everything handed to an agency.

``Report.recuses`` says who that is. A report that accuses the agency it is already with is taken
back from there at once and goes to its overseer; where that is not plain an operator decides.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from config.states import ActorKind
from gateway.access.states import move
from normalizer.report import Assignment, Outcome, Reason, Recusal, Report, Status
from router import explain
from router.blend import Share

Accusations = Callable[[Report], tuple[tuple[Recusal, ...], Recusal | None]]
"""Tells whom a report accuses, and whom it may accuse, as ``router.assign.Router.accused`` does."""
Overseers = Callable[[Report], Share | None]
"""Tells who oversees whom a report accuses, as ``router.assign.Router.overseer`` does."""
BY = "router"


class NotYours(Exception):
    """No report of this number is with this agency."""


def merge_recusals(one: Sequence[Recusal], other: Sequence[Recusal]) -> tuple[Recusal, ...]:
    """Return all of both, each office once: an accusation is never forgotten."""
    found = {(each.office, each.agencies): each for each in (*other, *one)}
    return tuple(found.values())


def nobody(_: Report) -> None:
    """Know of no overseer: an operator decides."""


def recuse(
    report: Report, accused: Sequence[Recusal], *, at: datetime, overseer: Overseers = nobody
) -> Report:
    """Note whom a report accuses, and take it back from them, for ``overseer`` to have."""
    report = report.model_copy(update={"recusals": merge_recusals(report.recusals, accused)})
    made = report.assignment
    if made is None or not report.recusals:
        return report
    kept = made.model_copy(
        update={
            "alternatives": tuple(
                each for each in made.alternatives if not report.recuses(each.agency.id)
            ),
            "copies": tuple(each for each in made.copies if not report.recuses(each.id)),
        }
    )
    if made.agency is None or not report.recuses(made.agency.id):
        return report.model_copy(update={"assignment": kept})
    kept_back = report.model_copy(update={"assignment": kept})
    found = overseer(report)
    return _taken(
        kept_back,
        explain.withdrawal(report.recusals, found.agency if found else None),
        found,
        at=at,
    )


def hold_for_operator(report: Report, suspected: Recusal | None, *, at: datetime) -> Report:
    """Take a report back from whom its newest words may accuse: an operator reads them first.

    Nothing is barred: the operator may hand it back.
    """
    made = report.assignment
    if suspected is None or made is None or made.agency is None:
        return report
    if not suspected.covers(made.agency.id):
        return report
    return _taken(report, explain.suspicion(suspected), None, at=at)


def _taken(report: Report, why: Reason, share: Share | None, *, at: datetime) -> Report:
    """Give a report to the overseer that was found, else to an operator."""
    made, to = report.assignment, share.agency if share else None
    taken = Assignment(
        decision=Outcome.ASSIGN if to else Outcome.TRIAGE,
        agency=to,
        confidence=share.confidence if share else 0.0,
        alternatives=made.alternatives if made else (),
        reasons=(why, *(made.reasons if made else ())),
        by=BY,
        at=at,
    )
    report = report.model_copy(update={"assignment": taken})
    status, note = (Status.FORWARDED, to.name) if to else (Status.TRIAGE, "")
    return move(report, status, by=BY, actor_kind=ActorKind.ROUTER, at=at, note=note)
