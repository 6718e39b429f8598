"""Step 5, reply: the agency's words come back and are filed against the report.

An agency answers, says how far it is, or refuses (bukan wewenang); a refused report goes back to
the operators. The same Idempotency-Key changes nothing the second time.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from adapters.contract import ReportClosed, UnknownReport
from gateway.access.recusal import NotYours
from gateway.outbound.methods.base import Method
from gateway.outbound.notifications import Notifier
from gateway.store.engine import Unavailable
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.store.views import AgencyEvent
from normalizer.report import FINAL, Assignment, Outcome, Report, Status
from normalizer.text import SEEN, storable
from router import explain

MAX_REPLY = 10_000


def _storable(text: str) -> str:
    return storable(text, MAX_REPLY)


class Reply(BaseModel):
    """What an agency posts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["answer", "progress", "refuse"]
    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=MAX_REPLY, pattern=SEEN),
        AfterValidator(_storable),
    ]


class ClosedReport(Exception):
    """The report is closed; nothing can be added."""


@dataclass(frozen=True, slots=True)
class FiledReply:
    """How a reply was filed."""

    report: Report
    news: bool


class AgencyService:
    """What an agency can do. The settings of its method hold its token."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        methods: Mapping[str, Method],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._now = now
        tokens = ((agency, method.block.token) for agency, method in methods.items())
        self._tokens = {
            agency: hashlib.sha256(token.get_secret_value().encode()).digest()
            for agency, token in tokens
            if token and token.get_secret_value()
        }

    def agency_of(self, token: str) -> str | None:
        """Return whose token this is. Compares against every token, in constant time."""
        given = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        found = None
        for agency, known in self._tokens.items():
            if hmac.compare_digest(given, known):
                found = agency
        return found

    async def fetch(self, agency: str, *, after: str, most: int) -> list[AgencyEvent]:
        """List what came for an agency after an event, and note that it has it now.

        Raises ``Unavailable``.
        """
        found = await self._store.deliveries.for_agency(agency, after=after, most=most)
        if news := [each.id for each in found if not each.fetched]:
            # A database that cannot write must not keep an agency from what it can read.
            with contextlib.suppress(Unavailable):
                async with self._store.unit() as unit:
                    await unit.deliveries.fetch(news)
        return found

    async def reply(self, agency: str, tracking: str, reply: Reply, *, key: str) -> FiledReply:
        """File a reply. Raises ``NotYours``, ``ClosedReport``, ``Conflict``, ``Unavailable``."""
        async with self._store.unit() as unit:
            record = (await unit.reports.by_tracking([tracking])).get(tracking)
            if record is None or not await self._knows(unit, record, agency, key):
                raise NotYours
            if key and await unit.events.has(record.report.id, _event(reply), key):
                return FiledReply(record.report, news=False)
            if _agency(record.report) != agency:
                raise NotYours
            if record.report.status in FINAL:
                raise ClosedReport
            await unit.deliveries.read(record.report.id, agency)
            return FiledReply(self._file(unit, record, agency, reply, key), news=True)

    async def respond(self, agency: str, number: str, kind: str, text: str, *, key: str) -> Report:
        """File a reply that came by a channel. Raises ``UnknownReport``, ``ReportClosed``."""
        reply = Reply.model_validate({"kind": kind, "text": text[:MAX_REPLY]})
        try:
            return (await self.reply(agency, number, reply, key=key)).report
        except NotYours:
            raise UnknownReport from None
        except ClosedReport:
            raise ReportClosed from None

    async def _knows(self, unit: UnitOfWork, record: ReportRecord, agency: str, key: str) -> bool:
        """An agency that refused a report may still repeat that refusal."""
        if _agency(record.report) == agency:
            return True
        return bool(key) and await unit.events.has(record.report.id, "agency_refused", key)

    def _file(
        self, unit: UnitOfWork, record: ReportRecord, agency: str, reply: Reply, key: str
    ) -> Report:
        report, at = record.report, self._now()
        by = f"agency:{agency}"
        data: dict[str, object] = {"text": reply.text, "key": key, "kind": reply.kind}
        change = AuditEvent(_event(reply), by, data=data)
        if reply.kind == "refuse":
            refused = _refused(report, agency, reply.text, at)
            moved = refused.with_status(Status.TRIAGE, at=at, by=by, note=reply.text[:200])
            return unit.reports.change(record, moved, [change]).report
        status = Status.ANSWERED if reply.kind == "answer" else Status.IN_PROGRESS
        moved = report.with_status(status, at=at, by=by, note=reply.text[:200])
        changed = unit.reports.change(record, moved, [change])
        text = self._notifier.text(
            "answer" if reply.kind == "answer" else "progress", report, teks=reply.text
        )
        cause = f"reply {changed.version}"
        self._notifier.notify(unit, report, text, cause=cause)
        return moved


def _event(reply: Reply) -> str:
    return "agency_refused" if reply.kind == "refuse" else "agency_replied"


def _agency(report: Report) -> str | None:
    assigned = report.assignment
    given = assigned and assigned.decision is Outcome.ASSIGN
    found = assigned.agency.id if assigned and given and assigned.agency else None
    return None if found and report.recuses(found) else found


def _refused(report: Report, agency: str, why: str, at: datetime) -> Report:
    """Take the report from the agency; the others of the ranking are proposed to the operator."""
    old = report.assignment
    assert old is not None
    others = tuple(c for c in old.alternatives if c.agency.id != agency)
    assignment = Assignment(
        decision=Outcome.TRIAGE,
        confidence=0.0,
        alternatives=others,
        reasons=(explain.refusal(agency, why[:200]), *old.reasons),
        by=f"agency:{agency}",
        at=at,
    )
    return report.model_copy(update={"assignment": assignment})
