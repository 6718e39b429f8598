"""What operators and agencies see of the store: plain values, made for reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gateway.store.queries import PageEnd
from gateway.store.rows import Delivery, NotificationState
from normalizer.report import Report


@dataclass(frozen=True, slots=True)
class QueueView:
    """One work queue, now."""

    name: str
    depth: int
    """Messages that wait or are being worked on."""
    per_minute: int
    """Messages finished in the last minute."""
    oldest: datetime | None
    """When the oldest unfinished one came in."""
    dead: int


@dataclass(frozen=True, slots=True)
class LaneView:
    """What leaves to one channel or agency, and does not as it should."""

    kind: str
    """What leaves: the table's name."""
    name: str
    failing: int
    """How many wait after a failure."""
    late: float
    """Seconds for which the oldest has been due."""


@dataclass(frozen=True, slots=True)
class DeadView:
    """One dead letter."""

    id: int
    queue: str
    message_id: str
    tracking: str | None
    attempts: int
    error: str
    at: datetime

    @property
    def place(self) -> str:
        """Where a page ends that it is the last of."""
        return str(PageEnd(self.at, str(self.id)))


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """Something a door took in but could not or would not make a report of."""

    id: str
    channel: str
    reason: str
    detail: str
    state: Literal["open", "noted", "released", "dismissed"]
    at: datetime
    size: int

    @property
    def place(self) -> str:
        """Where a page ends that it is the last of."""
        return str(PageEnd(self.at, self.id, int(self.state != "open")))


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of a report's append-only log."""

    seq: int
    at: datetime
    kind: str
    by: str
    note: str
    hash: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the kind of event has; an officer's account under ``officer``, for operators only."""


@dataclass(frozen=True, slots=True)
class NotificationView:
    """One text to the citizen, and what became of it; whom it is for stays sealed."""

    id: str
    channel: str
    text: str
    state: NotificationState
    detail: str
    created_at: datetime
    done_at: datetime | None
    reader: str = ""
    """The pseudonym of the citizen it was written to."""


@dataclass(frozen=True, slots=True)
class AgencyEvent:
    """What an agency is listed of one delivery."""

    id: str
    text: str
    """The CloudEvent, as JSON."""
    fetched: bool
    """The agency had it before."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report with its log, its deliveries and what its reporter was told, oldest first."""

    report: Report
    events: tuple[EventView, ...]
    deliveries: tuple[Delivery, ...] = ()
    notifications: tuple[NotificationView, ...] = ()

    @property
    def version(self) -> int:
        """Which state of the report this is; every decision about it names that."""
        return self.events[-1].seq if self.events else 0


@dataclass(frozen=True, slots=True)
class AlertView:
    """Danger to life that is not acknowledged yet."""

    id: str
    report: Report
    code: str
    opened_at: datetime
    told: tuple[str, ...]
    """The posts on duty that were told."""
    passed_by: bool
    """No person of the whole roster answered, or none could be told."""
    is_over: bool
    """No person will be told again."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The first screen of the console."""

    queues: tuple[QueueView, ...]
    reports_today: int
    triage: int
    dead: int
    quarantined: int
    channels: tuple["ChannelView", ...]
    alerts: tuple[AlertView, ...] = ()
    lanes: tuple[LaneView, ...] = ()
    """Those that are not well, the latest first."""
    not_kept: int = 0
    """Noise that the quarantine had no room for, yesterday and today."""


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One door: what came in by it and what could not go out."""

    name: str
    last_hour: int
    last_at: datetime | None
    waiting_out: int
    failed_out: int
    poll: "FetchStatus | None" = None
    """Of a channel that is polled or keeps a connection, or will."""
    reconcile: "FetchStatus | None" = None
    """Of a channel whose provider lists what it took in."""
    held_out: int = 0
    """Notifications that wait until their readers write again."""


@dataclass(frozen=True, slots=True)
class FetchStatus:
    """How the reading of one provider goes."""

    held: bool
    """A process of ours is at it."""
    ok_at: datetime | None
    failures: int
    """Looks that failed since the last one that succeeded."""
    error: str
    """What the last failure was, also when all is well since."""
    recovered: int
    """Messages that an outage had kept from us, in all."""


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A role that an account has in a scope; ``gateway.access.roles`` says what that means."""

    role: str
    scope: str
    identity: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in; ``disabled_at`` and ``removed_at`` since when they may not."""

    name: str
    full_name: str
    email: str
    language: str
    unit: str
    """The part of their agency, by the name that it uses itself."""
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    removed_at: datetime | None
    seen_at: datetime | None
    away_until: str | None
    """The day on which they are back."""
    cover: str | None
    """The account that stands in meanwhile."""
    grants: tuple[GrantRow, ...]
    sessions: int
    """How many of theirs are open."""
    has_totp: bool
    has_password: bool
    is_joined: bool
    """To a person at the log-in provider."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account begins with; no ``password`` of those who log in elsewhere."""

    name: str
    password: str | None
    grants: tuple[GrantRow, ...]
    created_by: str
    full_name: str = ""
    email: str = ""
    language: str = "id"
    subject: str | None = None
    """Issuer and subject of a log-in elsewhere."""


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """A link that lets somebody make an account, or choose a password, once."""

    token: str
    """Its hash, which opens nothing."""
    purpose: str
    account: str
    """Whose password; empty where an account is made."""
    email: str
    grants: tuple[GrantRow, ...]
    made_by: str
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One line of the log of people's acts and looks."""

    at: datetime
    account: str
    """Empty where it is not known, as of a log-in with a name that no account has."""
    act: str
    status: int
    """Of HTTP, as it was answered."""
    caller: str = ""
    """Network address."""
    report_id: str | None = None
    target: str = ""
    """Account, agency or file it was about."""
    reason: str = ""
    tracking: str | None = None
    """The number of the report, where there is one."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    account: Account
    token: str
    """Its hash, which opens nothing."""
    csrf: str
    stage: str
    """``open``, or ``code`` while a code is still asked for."""
    begun_at: datetime
    seen_at: datetime
    confirmed_at: datetime
    """When a password was last given."""
    expires_at: datetime
    device: str

    @property
    def name(self) -> str:
        """Who it is."""
        return self.account.name


@dataclass(frozen=True, slots=True)
class Identity:
    """Who reported, unsealed."""

    channel: str
    address: str
    name: str | None = None
    contact: str | None = None
    written_as: str | None = None
    """The address they wrote from, where answers go to another."""
