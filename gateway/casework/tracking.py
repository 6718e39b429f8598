"""What a reporter sees of a report, who has its tracking number and the secret that goes with it.

Never who wrote: of the sealed address only the key of a web form is read, which lets its sender
add to the report.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from gateway.outbound.notifications import notification_id
from gateway.platform.identity import opened_reporter
from gateway.platform.numbers import page_secret
from gateway.platform.seal import BadSeal, Seal
from gateway.store.store import Store
from gateway.store.views import ReportFile
from normalizer.report import FINAL, Report
from normalizer.tracking import is_valid

RECEIPTS = ("received", "triage", "completed")
"""Notifications that only say what the page shows anyway."""


@dataclass(frozen=True, slots=True)
class TrackedReport:
    """One thing the reporter was told."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """A report as its reporter sees it."""

    number: str
    report: Report | None = None
    """None while it is on its way into the database."""
    told: tuple[TrackedReport, ...] = ()
    """Questions and answers to the reporter, oldest first."""
    sender: str = ""
    """The address on its channel of whoever may add to it; "" when nobody can from here."""


class Tracking:
    """Looks reports up for their reporters."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    async def find(self, number: str, secret: str, *, channel: str) -> Tracked | None:
        """Return the report behind a number; None when number and secret do not fit.

        ``channel`` is where additions can come from. Raises ``Unavailable``.
        """
        right = page_secret(self._seal, number)
        given = secret.strip().lower()
        if not hmac.compare_digest(right.encode(), given.encode("utf-8", "replace")):
            return None
        if not is_valid(number):
            return None
        file = await self._store.reports.file(tracking=number)
        return self._seen(file, channel) if file else Tracked(number)

    def _seen(self, file: ReportFile, channel: str) -> Tracked:
        report = file.report
        receipts = {notification_id(report, cause) for cause in RECEIPTS}
        told = tuple(
            TrackedReport(each.created_at, each.text)
            for each in file.notifications
            if each.state != "withdrawn"
            and each.id not in receipts
            and each.reader in ("", report.reporter.ref)
        )
        return Tracked(report.tracking, report, told, self._sender(report, channel))

    def _sender(self, report: Report, channel: str) -> str:
        if report.origin.channel != channel or report.status in FINAL:
            return ""
        try:
            return str(opened_reporter(self._seal, report.id, report.reporter.sealed)["to"])
        except (BadSeal, ValueError, LookupError):
            return ""
