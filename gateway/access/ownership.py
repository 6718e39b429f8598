"""How long a report is its telephone number's: SIM cards are given to others when they lie idle.

Where a sender is known by a number only, a report loses its owner when its reporter writes nothing
about it for so many days. Then the holder of the number is a stranger to it, and gets no answer of
an agency, until the code of its page is said beside its number.
"""

import hmac
import re
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.platform.numbers import page_secret
from gateway.platform.seal import Seal
from gateway.store.rows import Notification, ReportRecord
from gateway.store.unit import UnitOfWork
from normalizer.message import Message
from normalizer.report import Report

_WORD = re.compile(r"[a-z2-7]{8}")
RENEWED = timedelta(days=7)
"""A question about a report is noted as a word of its reporter's when the last one is so old."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Tells which reports lost their owner. ``phones`` are the channels; 0 ``days``: none."""

    phones: Set[str]
    days: int

    async def lapsed_ids(
        self, unit: UnitOfWork, records: Collection[ReportRecord], at: datetime
    ) -> frozenset[str]:
        """Return the ids of those reports that have no owner any more."""
        old = (s.report for s in records if s.report.origin.channel in self.phones)
        return await self._silent(unit, {r.id for r in old if self._over(r.received_at, at)}, at)

    async def withheld(
        self, unit: UnitOfWork, notifications: Collection[Notification], at: datetime
    ) -> dict[str, Report]:
        """Return the reports of notifications that must not go out as they are, by their ids."""
        mine = [each for each in notifications if each.channel in self.phones and not each.urgent]
        lapsed = await self._silent(unit, {each.report_id for each in mine}, at)
        reports = await unit.reports.by_ids(lapsed)
        return {
            each.id: reports[each.report_id].report
            for each in mine
            if each.report_id in reports
            and each.reader in ("", reports[each.report_id].report.reporter.ref)
        }

    async def _silent(self, unit: UnitOfWork, ids: Set[str], at: datetime) -> frozenset[str]:
        if not (self.days and ids):
            return frozenset()
        heard = await unit.events.last_heard(ids)
        return frozenset(id for id, last in heard.items() if self._over(last, at))

    def _over(self, last: datetime, at: datetime) -> bool:
        return bool(self.days) and at - last > timedelta(days=self.days)


def proven(seal: Seal, messages: Iterable[Message], report: Report) -> bool:
    """Tell whether one of the reporter's messages says the code of a report."""
    code = page_secret(seal, report.tracking)
    return any(
        hmac.compare_digest(word, code)
        for message in messages
        if message.reporter.ref == report.reporter.ref
        for word in _WORD.findall(message.text.lower())
    )
