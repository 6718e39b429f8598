"""What goes into the store, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from normalizer.nameless import nameless
from normalizer.report import Report
from normalizer.text import storable


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An attachment; ``content`` is sealed."""

    sha256: str
    size: int
    content: bytes


@dataclass(frozen=True, slots=True)
class KeptFile:
    """An attachment in the database: its sealed content, or what became of it since."""

    content: bytes
    became: str | None


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """A message a door took: the raw envelope (sealed), the reading of it, and its event."""

    id: str
    channel: str
    account: str
    external_id: str
    received_at: datetime
    digest: str
    raw: bytes
    body: str
    event: bytes
    files: tuple[StoredFile, ...] = ()
    tracking: str | None = None
    reporter_ref: str = ""
    """The pseudonym of its sender."""


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """Something for the quarantine; ``envelope`` is sealed. The same id is kept once."""

    id: str
    channel: str
    reason: str
    detail: str
    envelope: bytes
    size: int
    state: Literal["open", "noted"]
    at: datetime
    again_at: datetime | None = None
    """When the message is looked for that a receipt in it is about."""


NotificationState = Literal[
    "waiting", "sending", "held", "sent", "delivered", "failed", "withdrawn"
]
"""One that is being sent is in one process's hands, and may have left; a held one waits until its
reader writes again."""
DeliveryState = Literal["pending", "placed", "fetched", "read", "failed", "withdrawn"]
"""How far a delivery is: decided; where the agency can get it; in the agency's hands; the agency
acted on it. Or given up until an operator replays it; or taken back before it was placed."""
Reached = Literal["placed", "fetched"]
"""What a method knows of a delivery once it has placed it."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """Why and since when a citizen is not written to, and what ends it.

    ``until`` "starts": they said STOP. "writes": they cannot be reached, or their window is closed.
    """

    reader: str
    channel: str
    reason: str
    until: Literal["writes", "starts"]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SegmentItem:
    """One segment of a longer message; ``envelope`` is sealed, ``sender`` a keyed hash."""

    id: str
    channel: str
    account: str
    sender: str
    reference: str
    total: int
    number: int
    external_id: str
    digest: str
    envelope: bytes
    received_at: datetime
    due_at: datetime | None = None
    """When its message is waited for no longer; None, from the version before, is at once."""


IntakeItem = AcceptedItem | QuarantineItem | SegmentItem


def weight(item: IntakeItem) -> int:
    """Return about how many bytes an item takes in the database: of what may be large in it."""
    if not isinstance(item, AcceptedItem):
        return len(item.envelope)
    files = sum(len(file.content) for file in item.files)
    return len(item.raw) + len(item.body) + len(item.event) + files


def redact(said: str, most: int) -> str:
    """Cut what somebody else said of a fault, without the names in it."""
    return nameless(tidy(said, most))[:most]


def tidy(said: str, most: int) -> str:
    """Cut what somebody else said (an error, a provider's id) to what every database takes."""
    return storable(said, most)


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A report as the store has it, with what a change of it must name."""

    report: Report
    version: int
    head: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What an event says happened to a report."""

    kind: str
    by: str
    note: str = ""
    data: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A report on its way to an agency."""

    id: str
    report_id: str
    agency_id: str
    event: str
    """The type of the CloudEvent it goes as."""
    created_at: datetime
    method: str = ""
    """How it is placed; "" until then where its agency has one method alone."""
    state: DeliveryState = "pending"
    detail: str = ""
    """Why it failed or was withdrawn."""
    placed_at: datetime | None = None
    fetched_at: datetime | None = None
    read_at: datetime | None = None
    ended_at: datetime | None = None
    """When it failed or was withdrawn."""
    repeats: str | None = None
    """Of a further method of its agency: the id of the same by the first one."""
    fetched_by: str = ""
    """The account that listed it; "" for a machine."""
    read_by: str = ""
    """The account that opened it; "" for a machine, or an answer."""

    @property
    def unplaced(self) -> bool:
        """Tell whether it is still to be placed; a failed one is, once it is replayed."""
        return self.placed_at is None and self.state != "withdrawn"


@dataclass(frozen=True, slots=True)
class Notification:
    """A text to a citizen, before it is sent."""

    id: str
    report_id: str
    channel: str
    text: str
    sealed_to: str = ""
    message_id: str = ""
    """The message whose writer it goes to: ``sealed_to`` opens for it alone."""
    tracking: str | None = None
    subject: str | None = None
    thread: tuple[str, ...] = ()
    """Names of the messages it answers, each sealed."""
    choices: tuple[str, ...] = ()
    """Likely answers to the question in it, for channels with buttons."""
    reader: str = ""
    """The pseudonym of the citizen it is for."""
    automatic: bool = False
    """An automatic text: a receipt, a status, help. Only while it is written; it is not stored."""
    found_agency: bool = False
    """The receipt of a report that found its agency: of two such reports of one person it may be
    the number of a house or a lamp post that differs."""
    paused: str = ""
    """What is said instead, once, where its reader has had enough automatic notifications."""
    first: str = ""
    """What is said instead to a reader who does not know yet where the privacy notice is; "" for
    the same. Only while it is written."""
    detail: str = ""
    """Why it is not sent, or not as it was written."""
    urgent: bool = False
    """It tells whom to call in danger: no silence, budget or quiet hour holds it back; but who says
    the same again and again was told already."""
    state: NotificationState = "waiting"
    created_at: datetime | None = None
    """When it was written; known once it is stored."""


@dataclass(frozen=True, slots=True)
class LaneClaim:
    """By what somebody holds a row that is to leave, and what was tried before.

    ``doubts``: how often it may have left without our knowing.
    """

    id: str
    lease: str
    attempts: int
    doubts: int
    correlation: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Why a row that was claimed waits again, for ``delay`` seconds."""

    delay: float
    error: str
    counted: bool = True
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a notification."""

    id: str
    state: NotificationState
    provider_id: str | None = None
    """A keyed hash of it."""
    detail: str = ""
