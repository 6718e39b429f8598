"""A question that its reporter does not answer: an operator decides instead, once it is due."""

from datetime import datetime, timedelta

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
            report = self._triaged(stored.report)
            unit.reports.change(stored, report, [AuditEvent(UNANSWERED, "gateway", data=data)])
        return 1

    def _triaged(self, report: Report) -> Report:
        said = say("unanswered", days=self._waiting.days)
        if (made := report.assignment) is not None:
            reasons = (Reason(rule="history", text=said), *made.reasons)
            changed = {"decision": Outcome.TRIAGE, "question": None, "reasons": reasons}
            report = report.model_copy(update={"assignment": made.model_copy(update=changed)})
        return report.with_status(Status.TRIAGE, at=self._store.now(), by="gateway", note=said)


def _asked_at(report: Report) -> datetime:
    """Return when the question that is open was asked."""
    asked = (c.at for c in reversed(report.history) if c.status is Status.WAITING_FOR_REPORTER)
    return next(asked, report.received_at)
