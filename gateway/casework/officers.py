"""What people of an agency see and do: their inbox, and the acts on a report that is with them.

Every act names the version of the report on which it was decided; in the log stands the agency,
with the account beside it, so that no citizen reads an officer's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from gateway.access.roles import Actor, Right
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.outbound.notifications import Notifier
from gateway.store.store import Store
from gateway.store.views import Account, ReportFile
from normalizer.report import Report, Status
from router.register import Register

MOST_PHOTOS = 5
PHOTO_BYTES = 8_000_000
"""Photos that go with one answer, and bytes of one."""
LABELS = ("before", "after", "")
"""What a photo shows: the place before or after the work, or neither."""
PAGE = 50


class Box(StrEnum):
    """A part of an agency's inbox; ``gateway.store.inbox`` says what is in it."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    OVERDUE = "overdue"
    DONE = "done"
    COPIES = "copies"
    """What another agency answers: only to be read."""


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """A photo of an officer's, made harmless and kept."""

    sha256: str
    mime: str
    size: int
    label: str = ""
    """One of ``LABELS``."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One report in the inbox."""

    id: str
    tracking: str
    title: str
    """Its title, or its first words."""
    received_at: datetime
    due_on: date | None
    """The day until which the next step is in time."""
    status: Status
    urgent: bool
    anonymous: bool
    region: str
    """The name of the place; "" while it is open."""
    unit: str
    officer: str
    unread: bool
    version: int


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of a box. ``next`` is what comes as ``after`` for the next one; "" after the last."""

    rows: Sequence[InboxRow] = ()
    total: int = 0
    next: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as its reporter will read it."""

    text: str
    segments: int
    """How many SMS it takes."""
    by_sms: bool
    """It goes to a phone: ``segments`` count."""
    replaced: bool
    """The report is delicate: a neutral text goes out, and the reporter asks for the words."""


@dataclass(frozen=True, slots=True)
class OfficerReport:
    """A report as somebody of an agency sees it."""

    file: ReportFile
    version: int
    agency_id: str
    """For which agency they see it."""
    may_act: bool
    """It is theirs to answer, and not closed; what is here as a copy is only read."""
    acts: frozenset[str] = field(default_factory=frozenset)
    """The acts that are possible now, by the names of the methods."""


class OfficerService:
    """The inbox and the acts. Each act raises ``Conflict``."""

    def __init__(self, store: Store, notifier: Notifier, register: Register) -> None:
        self._store = store
        self._notifier = notifier
        self._register = register

    # what they see

    async def boxes(self, actor: Actor) -> dict[Box, int]:
        """Count what is in each box of the inbox."""
        return dict.fromkeys(Box, 0)

    async def inbox(
        self,
        actor: Actor,
        box: Box,
        *,
        after: str = "",
        most: int = PAGE,
        mine: bool = False,
        unit: str = "",
    ) -> InboxPage:
        """Return a page of a box, what is due first before the rest.

        ``mine``: only what is assigned to the actor, or to somebody for whom they stand in.
        """
        return InboxPage()

    async def units(self, actor: Actor) -> list[str]:
        """List the units of the actor's agencies that have reports, or people."""
        return []

    async def open(self, report_id: str, *, actor: Actor) -> OfficerReport | None:
        """Return a report, noting that its agency has read it; None outside the actor's scope."""
        found = await self._store.reports.file(id=report_id)
        if found is None or not actor.scope(Right.ANSWER).covers(found.report):
            return None
        made = found.report.assignment
        agency = made.agency.id if made and made.agency else ""
        return OfficerReport(found, len(found.events), agency, may_act=True)

    async def colleagues(self, actor: Actor) -> list[Account]:
        """List the officers of the actor's agencies, who may be given a report."""
        return []

    async def suggestions(self, actor: Actor, report_id: str, query: str) -> list[tuple[str, str]]:
        """Find agencies by name, as id and name, to which a report may belong instead."""
        return []

    async def preview(self, report_id: str, act: str, text: str, *, actor: Actor) -> Preview:
        """Show what the reporter would read of a text; ``act`` is ask, progress or answer."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def store_photo(self, data: bytes) -> AnswerFile:
        """Make a photo harmless and keep it; no report has it yet. Raises ``Conflict``."""
        raise Conflict(ConflictCode.NO_REPORT)

    # what they do

    async def verify(self, report_id: str, *, actor: Actor, version: int) -> Report:
        """Say that the report is understood, and is the agency's own affair."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def ask(self, report_id: str, text: str, *, actor: Actor, version: int) -> Report:
        """Ask the reporter something."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def progress(
        self,
        report_id: str,
        text: str,
        files: Sequence[AnswerFile] = (),
        *,
        actor: Actor,
        version: int,
    ) -> Report:
        """Tell the reporter how far it is."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def answer(
        self,
        report_id: str,
        text: str,
        files: Sequence[AnswerFile] = (),
        *,
        actor: Actor,
        version: int,
    ) -> Report:
        """Answer the reporter."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def refuse(
        self,
        report_id: str,
        text: str,
        suggested_agency_id: str | None = None,
        *,
        actor: Actor,
        version: int,
    ) -> Report:
        """Say that it is not the agency's affair, why, and whose it is."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def delegate(
        self, report_id: str, unit: str, note: str = "", *, actor: Actor, version: int
    ) -> Report:
        """Give the report to a part of the agency, by the name that it uses itself."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def assign(self, report_id: str, officer: str, *, actor: Actor, version: int) -> Report:
        """Give the report to a colleague, by the name of the account; "" takes it from whoever
        has it."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def copy(
        self, report_id: str, agency_id: str, note: str = "", *, actor: Actor, version: int
    ) -> Report:
        """Give another agency the report to read."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def note(self, report_id: str, text: str, *, actor: Actor, version: int) -> Report:
        """Write something down for colleagues and operators; no reporter reads it."""
        raise Conflict(ConflictCode.NO_REPORT)

    async def set_cover(self, actor: Actor, cover: str, until: date | None) -> None:
        """Say who stands in for the actor until they are back; no day ends that."""


def files_data(files: Sequence[AnswerFile]) -> list[dict[str, Any]]:
    """Return photos as they stand in the data of an event."""
    return [
        {"sha256": each.sha256, "mime": each.mime, "size": each.size, "label": each.label}
        for each in files
    ]
