"""A question that its reporter does not answer, once it is due: an operator decides instead.

What an agency asked goes on with that agency.
"""

from datetime import datetime, timedelta

from config.states import ActorKind
from gateway.access.states import move
from gateway.casework.context import agency_asks
from gateway.queues.due import DueHandler
from gateway.store.due import QUESTION, DueRow
from gateway.store.rows import AuditEvent
from gateway.store.store import Store
from normalizer.report import Outcome, Reason, Report, Status
from router.explain import say

UNANSWERED = "question_unanswered"
"""The event in the log of the report."""


class UnansweredQuestions(DueHandler):
    """Hands reports to operators whose reporter was asked and said nothing for ``waiting``."""

    kind = QUESTION

    def __init__(self, store: Store, waiting: timedelta) -> None:
        self._store = store
        self._waiting = waiting

    async def one(self, row: DueRow) -> int:
        """Move one report to triage, if its question is still open and was for long enough."""
        async with self._store.unit() as unit:
            stored = await unit.reports.by_id(row.key, lock=True)
            waits = stored is not None and stored.report.status is Status.WAITING_FOR_REPORTER
            if stored is None or not waits:
                await unit.due.settle(row)
                return 0
            until = _asked_at(stored.report) + self._waiting
            if until > self._store.now():  # the window is longer than when it was asked
                await unit.due.settle(row, until)
                return 0
            if not await unit.due.settle(row):
                return 0
            data: dict[str, object] = {"days": self._waiting.days}
            report = self._without_answer(stored.report)
            unit.reports.change(stored, report, [AuditEvent(UNANSWERED, "gateway", data=data)])
        return 1

    def _without_answer(self, report: Report) -> Report:
        """Give a report back to the one that asked: to its agency, else to an operator."""
        if not agency_asks(report):
            return self._triaged(report)
        made = report.assignment
        agency = made.agency.name if made and made.agency else ""
        said = say("unanswered_agency", agency=agency, days=self._waiting.days)
        return self._moved(report, Status.IN_PROGRESS, said)

    def _triaged(self, report: Report) -> Report:
        said = say("unanswered", days=self._waiting.days)
        if (made := report.assignment) is not None:
            reasons = (Reason(rule="history", text=said), *made.reasons)
            changed = {"decision": Outcome.TRIAGE, "question": None, "reasons": reasons}
            report = report.model_copy(update={"assignment": made.model_copy(update=changed)})
        return self._moved(report, Status.TRIAGE, said)

    def _moved(self, report: Report, to: Status, note: str) -> Report:
        at, kind = self._store.now(), ActorKind.GATEWAY
        return move(report, to, by="gateway", actor_kind=kind, at=at, note=note)


def _asked_at(report: Report) -> datetime:
    """Return when the question that is open was asked."""
    asked = (c.at for c in reversed(report.history) if c.status is Status.WAITING_FOR_REPORTER)
    return next(asked, report.received_at)
