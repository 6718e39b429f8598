"""What a reporter sees of a report, who has its tracking number and the secret that goes with it.

Never who wrote: of the sealed address only the key of a web form is read, which lets its sender
add to the report.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from gateway.media.access import AnswerPhoto, answer_photos
from gateway.outbound.at_agency import stage
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
class TrackedText:
    """A question or an answer that the reporter got."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class TrackedReport:
    """A report as its reporter sees it."""

    number: str
    report: Report | None = None
    """None while it is on its way into the database."""
    texts: tuple[TrackedText, ...] = ()
    """Questions and answers to the reporter, oldest first."""
    stage: str = ""
    """How far it is with its agency, as ``at_agency`` names it."""
    photos: tuple[AnswerPhoto, ...] = ()
    """Photos that an agency put to its answers, oldest first."""
    sender: str = ""
    """The address on its channel of the one who may add to it; "" when none may from here."""


class Tracking:
    """Looks reports up for their reporters."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    async def find(self, number: str, secret: str, *, channel: str) -> TrackedReport | None:
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
        return self._view(file, channel) if file else TrackedReport(number)

    def _view(self, file: ReportFile, channel: str) -> TrackedReport:
        report = file.report
        receipts = {notification_id(report, cause) for cause in RECEIPTS}
        told = tuple(
            TrackedText(each.created_at, each.text)
            for each in file.notifications
            if each.state != "withdrawn"
            and each.id not in receipts
            and each.reader in ("", report.reporter.ref)
        )
        at = stage(report, file.deliveries)
        photos = tuple(answer_photos(file.events))
        sender = self._sender(report, channel)
        return TrackedReport(report.tracking, report, told, at, photos, sender)

    def _sender(self, report: Report, channel: str) -> str:
        if report.origin.channel != channel or report.status in FINAL:
            return ""
        try:
            return str(opened_reporter(self._seal, report.id, report.reporter.sealed)["to"])
        except (BadSeal, ValueError, LookupError):
            return ""
