"""The one report schema: what every channel says is turned into, and what every queue carries.

A ``Report`` is a frozen, strict, versioned value. Its JSON Schema is generated into
``docs/schema/report.json`` and checked for drift. The four kinds, the two privacy flags and the
final statuses are those of SP4N-LAPOR! (PermenPANRB 62/2018 and its successor 5/2025).
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

VERSION: Literal[1] = 1
MAX_TEXT = 20_000
"""Characters of text one report may carry; longer mails keep the rest in the raw message."""


class Value(BaseModel):
    """A frozen, strict value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Kind(StrEnum):
    """The four kinds of report of LAPOR!."""

    SUPERVISED_COMPLAINT = "supervised_complaint"
    COMPLAINT = "complaint"
    ASPIRATION = "aspiration"
    INFORMATION_REQUEST = "information_request"


class Intent(StrEnum):
    """What a message wants from the gateway."""

    REPORT = "report"
    STATUS = "status"
    READ = "read"
    """To be told what there is about a report, whatever its texts keep back."""
    HELP = "help"
    GREETING = "greeting"
    STOP = "stop"
    """To be told nothing more, until START."""
    START = "start"
    PRIVACY = "privacy"
    """To be told what becomes of their data."""


class Level(StrEnum):
    """The level of an official region."""

    PROVINCE = "province"
    REGENCY = "regency"
    CITY = "city"
    DISTRICT = "district"
    VILLAGE = "village"


class Status(StrEnum):
    """Where a report stands. ``FINAL`` names those that end it."""

    RECEIVED = "received"
    WAITING_FOR_REPORTER = "waiting_for_reporter"
    TRIAGE = "triage"
    FORWARDED = "forwarded"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    CLOSED_BY_SYSTEM = "closed_by_system"
    CLOSED_BY_REPORTER = "closed_by_reporter"
    CLOSED_BY_ADMIN = "closed_by_admin"
    ARCHIVED_BY_SYSTEM = "archived_by_system"
    ARCHIVED_BY_REPORTER = "archived_by_reporter"
    ARCHIVED_BY_ADMIN = "archived_by_admin"


class Unanswered(StrEnum):
    """Why the sender of a report that is filed and routed as any other is not written to.

    ``AUTOMATIC_WORDS``, ``ECHO`` and ``FOREIGN_TEXT`` hold back only what we would write by
    ourselves.
    """

    MACHINE = "machine"
    """A short code, a name of a sender, one of our own addresses."""
    PREMIUM_NUMBER = "premium_number"
    FOREIGN_NUMBER = "foreign_number"
    UNPROVEN_SENDER = "unproven_sender"
    AUTOMATIC_WORDS = "automatic_words"
    ECHO = "echo"
    FOREIGN_TEXT = "foreign_text"
    """A code, an advert, a notice that went astray: nobody's report."""

    @property
    def wholly(self) -> bool:
        """Tell whether an agency's answer is held back too."""
        return self not in (Unanswered.AUTOMATIC_WORDS, Unanswered.ECHO, Unanswered.FOREIGN_TEXT)


FINAL = frozenset(s for s in Status if s.startswith(("closed_", "archived_")))


class Outcome(StrEnum):
    """What the router decided: assign to an agency, ask the reporter, or hand to an operator."""

    ASSIGN = "assign"
    ASK = "ask"
    TRIAGE = "triage"


Confidence = Annotated[float, Field(ge=0, le=1)]
RegionCode = Annotated[str, Field(pattern=r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$")]
AgencyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
TrackingNumber = Annotated[str, Field(pattern=r"^[1-9]\d{11}$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Origin(Value):
    """Where a message came in: the channel, our account on it, and the provider's own id.

    The ids are keyed hashes from the door on: they name people, as addresses do.
    """

    channel: str
    account: str
    external_id: str
    thread: tuple[str, ...] = ()
    """Ids of earlier messages this one says it answers (Message-IDs, provider ids)."""
    in_public: bool = False
    """It was written where anybody reads along: a public post, a group."""
    sealed: dict[str, str] = {}
    """The ids themselves by their hashes, encrypted, for an answer that must name them."""


class Reporter(Value):
    """Who wrote, sealed: neither field says anything without the deployment's key."""

    ref: str
    """Keyed hash of the address: the same person on the same channel has the same ref."""
    sealed: str
    """The address and name, encrypted; only the answer step opens it."""


class FileState(StrEnum):
    """What became of a file that came with a report."""

    PENDING = "pending"
    STORED = "stored"
    QUARANTINED = "quarantined"
    """Kept as it came and handed to operators only: nobody could make it harmless."""
    REFUSED = "refused"
    GONE = "gone"
    """It could not be had; where ``url`` is still set, another try may get it."""


class FileNote(StrEnum):
    """Why a file is not simply stored."""

    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    NOT_PUBLIC = "not_public"
    UNKNOWN_KIND = "unknown_kind"
    BROKEN = "broken"
    MISSING = "missing"
    UNREACHABLE = "unreachable"


class Attachment(Value):
    """A file that came with a report. Once it is stored, size and hash are those of the copy that
    is handed on: an image drawn anew, without what its camera noted in it.
    """

    name: str
    media_type: str
    """What the bytes are, sniffed; not what the sender claimed."""
    size: int | None = None
    sha256: str | None = None
    url: str | None = None
    """Where the provider keeps it, when it has not been fetched."""
    state: FileState = FileState.PENDING
    note: FileNote | None = None
    original: str | None = None
    """SHA-256 of the file as it came, where ``[media] keep_original`` keeps it for operators."""


class Place(Value):
    """An official region a text speaks of: how it was found and how sure that is."""

    code: RegionCode
    name: str
    level: Level
    found_by: Literal["keyword", "name", "alias", "context", "earlier", "coordinates", "operator"]
    words: str = ""
    confidence: Confidence


class Coordinates(Value):
    """A point on earth, WGS 84, degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Topic(Value):
    """What a report is about, from ``config/topics.toml``."""

    id: str
    name: str
    confidence: Confidence


class Agency(Value):
    """A responsible body, by its id in the register."""

    id: AgencyId
    name: str


class Urgency(Value):
    """Danger that does not wait for working days, from ``config/topics.toml``."""

    id: str
    name: str


class Scope(Value):
    """Why a message is no matter for any agency: an advert, a prank, a case in court ..."""

    id: str
    name: str


class Candidate(Value):
    """One agency of the ranking behind an assignment."""

    agency: Agency
    confidence: Confidence


class Reason(Value):
    """One step of the explanation of a decision, in the officer's language."""

    rule: Literal[
        "keyword", "topic", "place", "competence", "context", "threshold", "operator",
        "history", "scope", "urgency", "copy", "recusal",
    ]  # fmt: skip
    text: str
    words: tuple[str, ...] = ()
    """The words of the report that are the evidence."""


class Assignment(Value):
    """Which agency must act, how sure that is (with the copies, where there are any), and why."""

    decision: Outcome
    agency: Agency | None = None
    confidence: Confidence
    alternatives: tuple[Candidate, ...] = ()
    reasons: tuple[Reason, ...]
    copies: tuple[Agency, ...] = ()
    """Who else gets it, for the second matter it speaks of; ``agency`` answers the reporter."""
    question: Literal["place", "topic"] | None = None
    """The one thing to ask the reporter; set exactly when ``decision`` is ``ask``."""
    options: tuple[str, ...] = ()
    """The likely answers to the question, in words, where there are a few."""
    scope: Scope | None = None
    """Set when the message is no matter for any agency; then ``decision`` is ``triage``."""
    by: str = "router"
    at: AwareDatetime


class Recusal(Value):
    """Whom a report accuses: the office it must never be handed to, whatever else is decided."""

    office: str
    """Its row in ``config/accusations.toml``."""
    name: str
    agencies: tuple[str, ...] = ()
    """Who gets nothing: ids of the register, or ``tier/kind`` for every office of a kind."""
    persons: tuple[str, ...] = ()
    """Ids of persons who get nothing."""
    words: tuple[str, ...] = ()
    """The words of the report that are the evidence."""

    def covers(self, agency: str) -> bool:
        """Tell whether an agency is, or may be, the accused one."""
        digits, _, kind = agency.partition("-")
        tier = _TIERS.get(len(digits)) if digits.isdigit() else None
        wanted = f"{tier}/{kind}" if tier else f"national/{agency}"
        return agency in self.agencies or wanted in self.agencies


_TIERS = {2: "province", 4: "regency", 6: "district", 10: "village"}
"""Digits before a regional agency's kind → its tier."""


class StatusChange(Value):
    """One entry of a report's history."""

    status: Status
    at: AwareDatetime
    by: str
    note: str = ""


class Deadline(Value):
    """A legal limit: the last working day on which ``name`` is still in time."""

    name: Literal["forward", "first_response", "resolution", "close"]
    due: date


class Link(Value):
    """A tie to another report."""

    kind: Literal["follow_up", "duplicate", "joined", "possible"]
    """``joined`` when it was closed because all of it was added to the other; ``possible`` while
    its reporter is asked whether it belongs to the other."""
    report_id: Id
    tracking: TrackingNumber


class Release(Value):
    """What an operator decided about showing the words of a report in public."""

    shown: bool
    text: str = ""
    """The masked words exactly as they are shown; what is added later is not in them."""
    by: str
    at: AwareDatetime


class Report(Value):
    """A message of a citizen as Kanal knows it, from the door to the answer."""

    version: Literal[1] = VERSION
    id: Id
    tracking: TrackingNumber
    intent: Intent = Intent.REPORT
    refers_to: tuple[TrackingNumber, ...] = ()
    """Tracking numbers the message mentions."""
    kind: Kind = Kind.COMPLAINT
    origin: Origin
    reporter: Reporter
    title: str
    text: str
    original: str
    """The text as the channel said it, before repair. The raw envelope is in the store."""
    language: Literal["id", "en", "und"] = "und"
    attachments: tuple[Attachment, ...] = ()
    places: tuple[Place, ...] = ()
    coordinates: Coordinates | None = None
    address: str = ""
    """Where it happened, in the reporter's words, from a field of its own."""
    occurred_on: date | None = None
    sent_at: AwareDatetime | None = None
    received_at: AwareDatetime
    chosen_topic: str = ""
    """The topic or group that the reporter chose from a list: evidence, not a decision."""
    chosen_agency: str = ""
    """The agency the reporter guessed, in words."""
    topic: Topic | None = None
    urgency: Urgency | None = None
    assignment: Assignment | None = None
    anonymous: bool = False
    """Anonim: the identity is hidden from the agency and the public."""
    confidential: bool = False
    """Rahasia: the report is hidden from the public."""
    unhide: bool = False
    """A message says that its sender may be known again; never a property of a filed report."""
    public: bool = False
    """The reporter chose that the words may be shown in public once an operator released them."""
    release: Release | None = None
    """What an operator decided about that; None while nobody has."""
    unanswered: Unanswered | None = None
    """Set when nobody is written to because of this message, and why."""
    notes: tuple[str, ...] = ()
    """What had to be cut or repaired in reading the message, for operators."""
    status: Status = Status.RECEIVED
    history: tuple[StatusChange, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    links: tuple[Link, ...] = ()
    recusals: tuple[Recusal, ...] = ()
    """Whom it accuses; an entry is never taken away."""

    def recuses(self, agency: str) -> bool:
        """Tell whether an agency is accused by this report, and must get nothing of it."""
        return any(each.covers(agency) for each in self.recusals)

    def moved(self, status: Status, *, at: datetime, by: str, note: str = "") -> Self:
        """Return the report in a new status, with the change added to its history."""
        change = StatusChange(status=status, at=at, by=by, note=note)
        return self.model_copy(update={"status": status, "history": (*self.history, change)})
