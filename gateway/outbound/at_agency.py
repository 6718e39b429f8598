"""How far a report is with its agency, in words that say no more than what happened.

That it is addressed to an agency says nothing of whether anybody there has it: an inbox may have no
reader.
"""

from collections.abc import Iterable

from config.words import words
from gateway.store.rows import Delivery
from gateway.wire.events import ASSIGNED
from normalizer.report import Outcome, Report, Status

_ORDER = ("", "placed", "fetched", "read")


def status_label(report: Report, deliveries: Iterable[Delivery], language: str) -> str:
    """Say where a report stands; of one that an agency did nothing with yet, how far it came."""
    labels = words("labels")
    far = labels.table("at_agency", language).get(stage(report, deliveries))
    return far or labels.table("status", language)[report.status]


def stage(report: Report, deliveries: Iterable[Delivery]) -> str:
    """Return how far a report is that its agency only has: ``placed`` in a queue of the agency's,
    ``fetched``, ``read``; else "".
    """
    made = report.assignment
    if report.status is not Status.FORWARDED or not made or made.decision is not Outcome.ASSIGN:
        return ""
    agency = made.agency.id if made.agency else ""
    theirs = sorted(
        (each for each in deliveries if each.agency_id == agency),
        key=lambda each: each.created_at,
    )
    begun = [each.created_at for each in theirs if each.event == ASSIGNED and not each.repeats]
    since = [each for each in theirs if not begun or each.created_at >= begun[-1]]
    return max((_far(each) for each in since), key=_ORDER.index, default="")


def _far(delivery: Delivery) -> str:
    if delivery.state in ("fetched", "read"):
        return delivery.state
    return "placed" if delivery.state == "placed" and delivery.method == "queue" else ""
