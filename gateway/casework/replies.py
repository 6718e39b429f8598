"""What an agency says of a report: one way for its people and for its programs.

It answers, says how far it is, asks the reporter, or refuses (bukan wewenang). What is refused is
routed again, with the agency's words as evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from config.states import ActorKind
from gateway.access.states import move
from gateway.casework.matters import assignment_event
from gateway.outbound.deliveries import deliver_assigned, withdraw_lost
from gateway.outbound.notifications import Notifier
from gateway.platform import metrics
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.unit import UnitOfWork
from normalizer.report import Agency, AgencyRefusal, Outcome, Report, Status
from router.reroute import Decider, reroute

ReplyKind = Literal["answer", "progress", "ask", "refuse"]
STATUS_AFTER: Mapping[ReplyKind, Status] = {
    "answer": Status.ANSWERED,
    "progress": Status.IN_PROGRESS,
    "ask": Status.WAITING_FOR_REPORTER,
}
TEXTS: Mapping[ReplyKind, str] = {"answer": "answer", "progress": "progress", "ask": "asked"}
"""The text of ``config/replies`` in which the reporter reads it."""
EVENTS: Mapping[ReplyKind, str] = {
    "answer": "agency_replied",
    "progress": "agency_replied",
    "ask": "agency_asked",
    "refuse": "agency_refused",
}
_NOTE = 200


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """A photo of an officer's, made harmless and kept."""

    sha256: str
    mime: str
    size: int
    label: str = ""
    """"before" or "after" the work, or neither."""


@dataclass(frozen=True, slots=True)
class AgencyWords:
    """What an agency says. ``officer`` is the account, ``key`` the program's idempotency key."""

    agency: Agency
    kind: ReplyKind
    text: str
    officer: str = ""
    key: str | None = None
    files: Sequence[AnswerFile] = ()
    suggested: Agency | None = None
    """With a refusal: whose affair it is instead."""

    @property
    def by(self) -> str:
        """Who says it, as history and log name it: never a person."""
        return f"agency:{self.agency.id}"

    @property
    def actor_kind(self) -> ActorKind:
        """A person, or a program."""
        return ActorKind.OFFICER if self.officer else ActorKind.AGENCY

    @property
    def event(self) -> AuditEvent:
        """What stands in the log."""
        data: dict[str, object] = {"text": self.text, "kind": self.kind}
        if self.key is not None:
            data["key"] = self.key
        if self.officer:
            data["officer"] = self.officer
        if self.files:
            data["files"] = files_data(self.files)
        if self.suggested:
            data["suggested"] = self.suggested.id
        return AuditEvent(EVENTS[self.kind], self.by, data=data)


class AgencyReplies:
    """Files what agencies say. Raises ``WrongMove`` where the status does not allow it."""

    def __init__(self, notifier: Notifier, router: Decider, now: Callable[[], datetime]) -> None:
        self._notifier = notifier
        self._router = router
        self._now = now

    async def file(
        self, unit: UnitOfWork, record: ReportRecord, words: AgencyWords
    ) -> ReportRecord:
        """File what the agency of a report says, and tell the reporter."""
        if words.kind == "refuse":
            return await self._refuse(unit, record, words)
        report, note = record.report, words.text[:_NOTE]
        moved = move(
            report,
            STATUS_AFTER[words.kind],
            by=words.by,
            actor_kind=words.actor_kind,
            at=self._now(),
            note=note,
            act=words.kind,
        )
        changed = unit.reports.change(record, moved, [words.event])
        text = self.text(report, words.kind, words.text)
        self._notifier.notify(unit, report, text, cause=f"reply {changed.version}")
        return changed

    def text(self, report: Report, kind: ReplyKind, text: str) -> str:
        """Return what the reporter reads of an agency's words."""
        return self._notifier.text(TEXTS[kind], report, teks=text)

    async def _refuse(
        self, unit: UnitOfWork, record: ReportRecord, words: AgencyWords
    ) -> ReportRecord:
        """Route a report again that its agency refuses, and tell its reporter where it is."""
        before, at = record.report, self._now()
        had = await unit.deliveries.assigned_to(before.id) | {words.agency.id}
        refusal = AgencyRefusal(
            agency=words.agency, at=at, why=words.text, suggested=words.suggested
        )
        changes = {
            "refusals": (*before.refusals, refusal),
            "handler": None,
            "escalated_to": "",
        }
        refused = before.model_copy(update=changes)
        made = reroute(self._router, refused, had, at=at)
        to = made.agency if made.decision is Outcome.ASSIGN else None
        status = Status.FORWARDED if to else Status.TRIAGE
        moved = move(
            refused.model_copy(update={"assignment": made}),
            status,
            by=words.by,
            actor_kind=words.actor_kind,
            at=at,
            note=to.name if to else words.text[:_NOTE],
            act="refuse",
        )
        changed = unit.reports.change(record, moved, [words.event, assignment_event(moved)])
        cause = f"assigned {changed.version}"
        await withdraw_lost(unit, before, moved, cause, besides=words.agency.id)
        if to:
            deliver_assigned(unit, moved, cause=cause)
        key = "refused_forwarded" if to else "refused"
        text = self._notifier.text(key, moved, lama=words.agency.name)
        self._notifier.notify(unit, moved, text, cause=f"reply {changed.version}")
        metrics.REFUSED.labels("forwarded" if to else "triage").inc()
        return changed


def acting_agency(report: Report) -> Agency | None:
    """Return the agency that must answer a report; None where none may."""
    made = report.assignment
    agency = made.agency if made and made.decision is Outcome.ASSIGN else None
    return None if agency is None or report.recuses(agency.id) else agency


def files_data(files: Sequence[AnswerFile]) -> list[dict[str, object]]:
    """Return photos as they stand in the data of an event."""
    return [
        {"sha256": each.sha256, "mime": each.mime, "size": each.size, "label": each.label}
        for each in files
    ]
