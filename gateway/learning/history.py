"""A deployment's own history as rows to learn from: reports whose agency a person stood by."""

from collections.abc import Iterable

from gateway.learning.rows import Rows, TrainingRow
from normalizer.report import Report, Status

ACTED = frozenset(
    (Status.IN_PROGRESS, Status.ANSWERED, Status.CLOSED_BY_SYSTEM, Status.CLOSED_BY_REPORTER)
)
"""An agency that got this far with a report took it as its own."""
_OPERATOR = "operator:"
_REGENCY = 5
"""Characters of the code of a regency or city."""


def learnable(reports: Iterable[Report]) -> Rows:
    """Return rows of the reports that an operator assigned or an agency acted on, oldest first.

    What only the router decided is left out: it would learn its own mistakes.
    """
    kept = sorted(filter(_stood_by, reports), key=lambda report: report.received_at)
    return Rows("agency", tuple(map(_row, kept)))


def _stood_by(report: Report) -> bool:
    made = report.assignment
    if made is None or made.agency is None:
        return False
    return made.by.startswith(_OPERATOR) or report.status in ACTED


def _row(report: Report) -> TrainingRow:
    made = report.assignment
    places = sorted(report.places, key=lambda place: -place.confidence)
    return TrainingRow(
        text=report.text,
        label=made.agency.id if made and made.agency else "",
        region=places[0].code[:_REGENCY] if places else "",
    )
