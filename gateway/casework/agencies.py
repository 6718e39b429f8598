"""Step 5, reply: the agency's words come back and are filed against the report.

An agency answers, says how far it is, or refuses (bukan wewenang). The same
Idempotency-Key changes nothing the second time.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from adapters.contract import ReportClosed, UnknownReport
from gateway.access.recusal import NotYours
from gateway.casework.replies import EVENTS, AgencyReplies, AgencyWords, acting_agency
from gateway.outbound.methods.base import Method
from gateway.store.engine import Unavailable
from gateway.store.rows import ReportRecord
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.store.views import AgencyEvent
from normalizer.report import FINAL, Agency, Report
from normalizer.text import SEEN, storable
from router.register import Register

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
    suggestion: Annotated[str, Field(max_length=80)] = ""
    """With a refusal: the id of the agency whose affair it is instead."""


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
        replies: AgencyReplies,
        methods: Mapping[str, Method],
        register: Register,
    ) -> None:
        self._store = store
        self._replies = replies
        self._register = register
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
            acting = acting_agency(record.report)
            if acting is None or acting.id != agency:
                raise NotYours
            if record.report.status in FINAL:
                raise ClosedReport
            await unit.deliveries.read(record.report.id, agency)
            words = AgencyWords(
                acting,
                reply.kind,
                reply.text,
                key=key,
                suggested=self._suggested(record.report, reply.suggestion),
            )
            return FiledReply((await self._replies.file(unit, record, words)).report, news=True)

    def _suggested(self, report: Report, id: str) -> Agency | None:
        """Return the body that a refusal names, unless there is none, or it is the accused one."""
        return None if not id or report.recuses(id) else self._register.agency(id)

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
        acting = acting_agency(record.report)
        if acting and acting.id == agency:
            return True
        return bool(key) and await unit.events.has(record.report.id, "agency_refused", key)


def _event(reply: Reply) -> str:
    return EVENTS[reply.kind]
