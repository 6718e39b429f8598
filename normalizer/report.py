"""The case that agencies work on: made of messages, decided by the router, answered by an agency.

A ``Report`` is a frozen, strict, versioned value. Its JSON Schema is generated into
``docs/schema/report.json`` and checked for drift. The final statuses are those of SP4N-LAPOR!
(PermenPANRB 62/2018 and its successor 5/2025).
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field

from normalizer.message import (
    MAX_TEXT,
    VERSION,
    Attachment,
    Confidence,
    Coordinates,
    Id,
    Kind,
    Message,
    NoAnswerReason,
    Origin,
    Place,
    Reporter,
    TrackingNumber,
    Urgency,
    Value,
)

_BETWEEN = "\n\n"
MOST_MESSAGES = 100
MOST_TEXT = 200_000
"""Messages, and characters of text, that one report takes; what is said then opens another."""


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


FINAL = frozenset(s for s in Status if s.startswith(("closed_", "archived_")))


class Outcome(StrEnum):
    """What the router decided: assign to an agency, ask the reporter, or hand to an operator."""

    ASSIGN = "assign"
    ASK = "ask"
    TRIAGE = "triage"


AgencyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]


class Topic(Value):
    """What a report is about, from ``config/topics.toml``."""

    id: str
    name: str
    confidence: Confidence


class Agency(Value):
    """A responsible body, by its id in the register."""

    id: AgencyId
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


class AgencyRefusal(Value):
    """An agency said that a report is not its affair (bukan wewenang)."""

    agency: Agency
    at: AwareDatetime
    why: str
    suggested: Agency | None = None
    """Whose affair it is, as the agency thinks."""


class Handler(Value):
    """Who at the agency works on a report."""

    unit: str = ""
    """A part of the agency, by the name that it uses itself."""
    officer: str = ""
    """The name of an account."""


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

    kind: Literal["follow_up", "duplicate", "joined", "possible", "split"]
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
    """A case, from the message that opened it to the answer.

    What was said stands in ``messages`` alone, each with its time; the case has what was decided
    about them. Properties read them together, for those who decide. Only what the public sees of a
    report has no messages.
    """

    version: Literal[1] = VERSION
    id: Id
    """The id of the message that opened it."""
    tracking: TrackingNumber
    origin: Origin
    """Where it lives: the first message's channel and account, and the names of all messages of its
    conversation, those that are only commands included."""
    reporter: Reporter
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    """What its reporter said, in the order in which it came; others' words are never in it."""
    received_at: AwareDatetime
    """When the first of them came."""
    kind: Kind = Kind.COMPLAINT
    places: tuple[Place, ...] = ()
    coordinates: Coordinates | None = None
    topic: Topic | None = None
    urgency: Urgency | None = None
    assignment: Assignment | None = None
    anonymous: bool = False
    """Anonim: the identity is hidden from the agency and the public."""
    confidential: bool = False
    """Rahasia: the report is hidden from the public."""
    public: bool = False
    """The reporter chose that the words may be shown in public once an operator released them."""
    release: Release | None = None
    """What an operator decided about that; None until then."""
    status: Status = Status.RECEIVED
    history: tuple[StatusChange, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    links: tuple[Link, ...] = ()
    recusals: tuple[Recusal, ...] = ()
    """Whom it accuses; an entry is never taken away."""
    refusals: tuple[AgencyRefusal, ...] = ()
    """Which agencies said that it is not theirs, in their order."""
    handler: Handler | None = None
    """Who at its agency works on it; None while that is open."""
    escalated_to: str = ""
    """Whose coordinator it came to because its agency does not fetch it: the code of a government's
    region, ``ID`` for the whole country, or "" for none."""

    @classmethod
    def open(cls, message: Message) -> Self:
        """Return the report that a message opens, in status RECEIVED."""
        at = message.received_at
        return cls(
            id=message.id,
            tracking=message.tracking,
            origin=message.origin,
            reporter=message.reporter,
            messages=(message,),
            received_at=at,
            kind=message.kind,
            places=message.places,
            coordinates=message.coordinates,
            urgency=message.urgency,
            anonymous=message.anonymous,
            confidential=message.confidential,
            public=message.public,
            history=(StatusChange(status=Status.RECEIVED, at=at, by="gateway"),),
        )

    @property
    def first(self) -> Message:
        """The message that opened it."""
        return self.messages[0]

    @property
    def title(self) -> str:
        """What the first message is headed."""
        return self.first.title if self.messages else ""

    @property
    def text(self) -> str:
        """All that was said, for what reads words: at most ``MAX_TEXT`` characters.

        Of more the newest words are whole and the oldest are cut: those were read when they came.
        """
        if len(self.messages) == 1:
            return self.first.text
        kept: list[str] = []
        left = MAX_TEXT
        for words in (each.text for each in reversed(self.messages) if each.text):
            kept.append(words[:left])
            left -= len(words) + len(_BETWEEN)
            if left <= 0:
                break
        return _BETWEEN.join(reversed(kept))

    @property
    def language(self) -> Literal["id", "en", "und"]:
        """The language of the first message."""
        return self.first.language if self.messages else "und"

    @property
    def unanswered(self) -> NoAnswerReason | None:
        """Why the sender of the first message is not written to."""
        return self.first.unanswered if self.messages else None

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Every file that came with it, in the order in which they came."""
        if len(self.messages) == 1:
            return self.first.attachments
        return tuple(file for each in self.messages for file in each.attachments)

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be cut or repaired in reading its messages, for operators."""
        return tuple(note for each in self.messages for note in each.notes)

    @property
    def address(self) -> str:
        """Where it happened, in the reporter's words: the first that a message gives."""
        return next((each.address for each in self.messages if each.address), "")

    @property
    def occurred_on(self) -> date | None:
        """When it happened: the first day that a message gives."""
        return next((each.occurred_on for each in self.messages if each.occurred_on), None)

    @property
    def chosen_topic(self) -> str:
        """The topic or group that the reporter chose from a list."""
        return self.first.chosen_topic if self.messages else ""

    @property
    def chosen_agency(self) -> str:
        """The agency the reporter guessed, in words."""
        return self.first.chosen_agency if self.messages else ""

    def takes(self, *messages: Message) -> bool:
        """Tell whether there is room for further messages."""
        together = (*self.messages, *messages)
        size = sum(len(each.text) for each in together)
        return len(together) <= MOST_MESSAGES and size <= MOST_TEXT

    def with_messages(self, *messages: Message) -> Self:
        """Return the report with messages added; a wish to be hidden in one of them counts."""
        return self.model_copy(
            update={
                "messages": (*self.messages, *messages),
                "anonymous": self.anonymous or any(each.anonymous for each in messages),
                "confidential": self.confidential or any(each.confidential for each in messages),
            }
        )

    def with_report(self, other: "Report") -> Self:
        """Return the report with all that was said in another, which was joined to it.

        What hides that one hides this one too, and whom it accuses gets nothing of either.
        """
        accused = (each for each in other.recusals if each not in self.recusals)
        return self.with_messages(*other.messages).model_copy(
            update={
                "anonymous": self.anonymous or other.anonymous,
                "confidential": self.confidential or other.confidential,
                "recusals": (*self.recusals, *accused),
            }
        )

    def recuses(self, agency: str) -> bool:
        """Tell whether an agency is accused by this report, and must get nothing of it."""
        return any(each.covers(agency) for each in self.recusals)

    def with_status(self, status: Status, *, at: datetime, by: str, note: str = "") -> Self:
        """Return the report in a new status, with the change added to its history.

        Somebody acted: no coordinator is waited for any more.
        """
        change = StatusChange(status=status, at=at, by=by, note=note)
        history = (*self.history, change)
        return self.model_copy(update={"status": status, "history": history, "escalated_to": ""})
