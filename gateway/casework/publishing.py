"""Which words of reports the public may read: an operator's decision, where the reporter agreed.

What is released is the masked text as the operator saw it, and it is stored. What the reporter adds
later is not in it until it is released again. While masking is not trusted for every kind of secret
(``normalizer.masking.UNTRUSTED``) nothing is released, and what was is not shown.
"""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

from gateway.access.roles import Actor, Right
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.store.public import PublicQueries, may_be_read
from gateway.store.reports import StaleWrite as Raced
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.scope import AccessScope
from gateway.store.store import Store
from normalizer import masking
from normalizer.report import Release, Report


@dataclass(frozen=True, slots=True)
class Proposal:
    """A report whose reporter agreed, and its words as the public would read them."""

    report: Report
    text: str

    @property
    def name(self) -> str:
        """Name the words: an operator releases what the page showed, or nothing."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def is_shown(self) -> bool:
        """Tell whether some words are public now."""
        return self.report.release is not None and self.report.release.shown

    @property
    def is_new(self) -> bool:
        """Tell whether there is anything to release."""
        return not (self.report.release and self.is_shown and self.report.release.text == self.text)


class Publishing:
    """Releases words and takes them back. ``sensitive`` are topics of which nothing is public."""

    def __init__(self, store: Store, sensitive: Set[str]) -> None:
        self._store = store
        self._sensitive = sensitive
        self._window = PublicQueries(store, sensitive)

    async def proposals(self, most: int, scope: AccessScope) -> list[Proposal]:
        """List what reporters agreed to have read, undecided first. Raises ``Unavailable``."""
        return [propose_text(report) for report in await self._window.agreed(most, scope)]

    async def publish(self, report_id: str, *, actor: Actor, name: str) -> Report:
        """Release the words of this name. Raises ``Conflict``, ``Unavailable``."""
        try:
            async with self._store.unit() as unit:
                stored = _require(await unit.reports.by_id(report_id, lock=True), actor)
                proposal = propose_text(stored.report)
                if masking.UNTRUSTED:
                    raise Conflict(ConflictCode.MASKING)
                if not may_be_read(stored.report, self._sensitive):
                    raise Conflict(ConflictCode.NOT_PUBLIC)
                if proposal.name != name:
                    raise Conflict(ConflictCode.TEXT_CHANGED)
                release = self._release(actor.name, proposal.text)
                report = stored.report.model_copy(update={"release": release})
                data: dict[str, object] = {"sha256": proposal.name}
                unit.reports.change(stored, report, [AuditEvent("released", actor.name, data=data)])
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return report

    async def keep_private(self, report_id: str, *, actor: Actor) -> Report:
        """Show no words, or no longer. Raises ``Conflict``, ``Unavailable``."""
        try:
            async with self._store.unit() as unit:
                stored = _require(await unit.reports.by_id(report_id, lock=True), actor)
                kind = "taken_back" if propose_text(stored.report).is_shown else "kept_private"
                report = stored.report.model_copy(update={"release": self._release(actor.name)})
                unit.reports.change(stored, report, [AuditEvent(kind, actor.name)])
        except Raced:
            raise Conflict(ConflictCode.CHANGED) from None
        return report

    def _release(self, by: str, text: str = "") -> Release:
        at: datetime = self._store.now()
        return Release(shown=bool(text), text=text, by=f"operator:{by}", at=at)


def propose_text(report: Report) -> Proposal:
    """Return a report's words as the public would read them."""
    return Proposal(report, masking.masked_all(report.text))


def _require(record: ReportRecord | None, actor: Actor) -> ReportRecord:
    if record is None or not actor.scope(Right.DECIDE).covers(record.report):
        raise Conflict(ConflictCode.NO_REPORT)
    return record
