"""Channels with routes of their own, and what the shell lets them read and do.

A channel declares its routes as rows and answers plain requests. The shell serves them: it caps
and counts the calls, and hands in the ports through which the channel reads reports and submits
what came.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from adapters.contract.capabilities import Receiver
from adapters.contract.errors import ChannelError
from adapters.contract.values import WebhookRequest, WebhookResponse
from normalizer.gazetteer import Region
from normalizer.report import Agency, Report, Status

RECEIVED_ON = "x-kanal-received-on"
"""The day a call came (YYYY-MM-DD, UTC), written by the shell over whatever the caller sent.

Calls without an id are known by their content, which a citizen may honestly send again next year:
the day is part of it. A form that asks for the day of an event knows by it which are still to come.
"""
SENDER = "x-kanal-sender"
"""By what the reporter is known whose report a call adds to, written by the shell, which looked."""


class UnknownReport(ChannelError):
    """There is no such report, or the caller has no part in it."""


class ReportClosed(ChannelError):
    """The report is closed; nothing can be added."""


Own = tuple[str, str] | None
"""Channel and account of a partner, who sees whole what it sent itself; None is the public."""


@dataclass(frozen=True, slots=True)
class Service:
    """A topic as something that can be reported."""

    code: str
    name: str
    group: str
    """The id of its group."""
    group_name: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VisibleReport:
    """A report as it is asked for: by which number, and whether by the partner that sent it."""

    number: str
    report: Report
    updated_at: datetime
    own: bool = False
    text: str = ""
    """What its reader may read of what was written; "" until that is decided."""


@dataclass(frozen=True, slots=True)
class ReportUpdate:
    """One step in the life of a report."""

    number: str
    seq: int
    at: datetime
    kind: str
    report: Report
    reply: str
    """What kind of reply it is, where the agency replied: answer, progress or refuse."""
    text: str
    """What the agency said, "" where nothing was."""


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Which reports a list is to hold; None and () leave it open."""

    topics: Sequence[str] = ()
    statuses: Sequence[Status] = ()
    since: datetime | None = None
    until: datetime | None = None
    updated_since: datetime | None = None
    updated_until: datetime | None = None
    skip: int = 0
    most: int = 1000


class ReportReader(Protocol):
    """Reads reports. Each caller gets what it may see once ``visible`` has passed it."""

    async def by_number(self, numbers: Iterable[str], own: Own = None) -> list[VisibleReport]:
        """Find reports by the numbers their senders were told, those on their way included."""

    async def newest(self, wanted: ReportFilter, own: Own = None) -> list[VisibleReport]:
        """List reports that are open or the partner's own, newest first."""

    async def sent_by(
        self, own: tuple[str, str], *, before: str = "", most: int = 50
    ) -> list[tuple[str, VisibleReport]]:
        """List what a partner sent, newest first, as (cursor, report); ``before`` is a cursor."""

    async def updates(
        self, since: datetime, until: datetime, own: Own = None, *, most: int = 1000
    ) -> list[ReportUpdate]:
        """List what happened in [since, until): of a partner's own reports, else of open ones."""

    async def notifications(self, report: Report) -> Sequence[tuple[datetime, str]]:
        """List what the reporter was told, oldest first."""


class PartnerReader(Protocol):
    """Reads what partners and the public may know."""

    @property
    def window(self) -> ReportReader:
        """The reports."""

    @property
    def services(self) -> Mapping[str, Service]:
        """Everything that can be reported, by its code."""

    def agencies(self, query: str, limit: int) -> list[Agency]:
        """Search the register; takes long enough to be called beside the loop."""

    def regions(self, query: str, limit: int) -> list[Region]:
        """Search regions by the words of their names; to be called beside the loop."""

    async def counts(self) -> list[tuple[Region, int]]:
        """Count the reports of sensitive topics per regency, five and more."""

    def opens(self, number: str, secret: str) -> bool:
        """Tell whether a secret belongs to a tracking number."""

    def visible(self, reports: Sequence[VisibleReport]) -> list[VisibleReport]:
        """Return what anybody may see of several reports; the caller's own ones whole."""

    def wall(self) -> datetime:
        """Return the time that the log of a report is kept in."""

    def reasons(self, report: Report) -> str:
        """Say why a report went where it went, without quoting anybody."""

    def contact(self, report: VisibleReport, partner: str) -> str:
        """Return by what a partner's own reporter is known to it, for what is added."""


class AgencyResponder(Protocol):
    """Files what agencies say."""

    async def respond(self, agency: str, number: str, kind: str, text: str, *, key: str) -> Report:
        """File an ``answer``, ``progress`` or ``refuse`` of an agency; a ``key`` counts once.

        Raises ``UnknownReport``, ``ReportClosed``.
        """


@dataclass(frozen=True, slots=True)
class MountPorts:
    """What a channel with routes of its own may read and do."""

    reader: PartnerReader
    agencies: AgencyResponder
    submit: Callable[[WebhookRequest, str], Awaitable[WebhookResponse]]
    """Takes a request in as every webhook is; the second is whose report it adds to, or ""."""
    now: Callable[[], datetime]


Handler = Callable[[WebhookRequest, Mapping[str, str]], Awaitable[WebhookResponse]]
"""Answers a request; the second holds what stands in the path, by name."""


@dataclass(frozen=True, slots=True)
class MountedRoute:
    """One route: a method, a path below the channel's ``base`` with names in {}, who answers."""

    method: str
    path: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Quota:
    """How a call is counted."""

    per_minute: int
    partner: str = ""
    """Whose key came; calls without one are counted by network address."""
    wrong_key: bool = False
    """A key came that opens nothing."""


class Mounts(Receiver, ABC):
    """A channel with routes of its own, below one address; ``/in/NAME`` is closed for it."""

    base: ClassVar[str]
    """The path they stand below. One channel at a time has it."""
    key_in_body: ClassVar[bool] = False
    """True where the key may stand in the body, which is then read before a call is counted."""

    document_path: ClassVar[str] = "/openapi.json"
    """Where the OpenAPI document stands below ``base``, if there is one."""

    @property
    @abstractmethod
    def max_bytes(self) -> int:
        """Bytes of one call."""

    @abstractmethod
    def routes(self, ports: MountPorts) -> Sequence[MountedRoute]:
        """Return the routes. A GET also answers a HEAD."""

    @abstractmethod
    def quota(self, request: WebhookRequest) -> Quota:
        """Say how a call is counted; its body is empty unless ``key_in_body``."""

    @abstractmethod
    def failure(
        self, request: WebhookRequest, status: int, allow: Sequence[str] = ()
    ) -> WebhookResponse:
        """Compose the answer to a call that reaches no handler, or that it cannot answer.

        404, 405 (``allow`` are the methods there are), 413, 429 and 503.
        """

    def document(self) -> Mapping[str, Any] | None:
        """Return the OpenAPI document of the routes, which the shell draws as a page."""
        return None
