"""Ports behind which there is nothing, for channels with routes of their own."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from adapters.contract import (
    MountPorts,
    Own,
    ReportFilter,
    ReportUpdate,
    Service,
    UnknownReport,
    VisibleReport,
    WebhookRequest,
    WebhookResponse,
)
from normalizer.gazetteer import Region
from normalizer.report import Agency, Report


class NoReports:
    """Holds no report."""

    async def by_number(self, numbers: Iterable[str], own: Own = None) -> list[VisibleReport]:
        return []

    async def newest(self, wanted: ReportFilter, own: Own = None) -> list[VisibleReport]:
        return []

    async def sent_by(
        self, own: tuple[str, str], *, before: str = "", most: int = 50
    ) -> list[tuple[str, VisibleReport]]:
        return []

    async def updates(
        self, since: datetime, until: datetime, own: Own = None, *, most: int = 1000
    ) -> list[ReportUpdate]:
        return []

    async def notifications(self, report: Report) -> Sequence[tuple[datetime, str]]:
        return []


class NothingKnown:
    """Knows no topic, no agency and no region."""

    window = NoReports()
    services: Mapping[str, Service] = {}

    def agencies(self, query: str, limit: int) -> list[Agency]:
        return []

    def regions(self, query: str, limit: int) -> list[Region]:
        return []

    async def counts(self) -> list[tuple[Region, int]]:
        return []

    def opens(self, number: str, secret: str) -> bool:
        return False

    def visible(self, found: Sequence[VisibleReport]) -> list[VisibleReport]:
        return list(found)

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def reasons(self, report: Report) -> str:
        return ""

    def contact(self, shown: VisibleReport, partner: str) -> str:
        return ""

    async def respond(self, agency: str, number: str, kind: str, text: str, *, key: str) -> Report:
        raise UnknownReport


async def _submit(request: WebhookRequest, sender: str) -> WebhookResponse:
    return WebhookResponse(201, "application/json", b"{}")


def ports() -> MountPorts:
    nothing = NothingKnown()
    return MountPorts(nothing, nothing, _submit, lambda: datetime.now(UTC))
