"""One thing that somebody sent us, normalised: what channels make, and what the queue carries.

A ``Message`` is a frozen, strict, versioned value. Its JSON Schema is generated into
``docs/schema/message.json`` and checked for drift. The four kinds and the two privacy flags are
those of SP4N-LAPOR! (PermenPANRB 62/2018 and its successor 5/2025).
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

VERSION: Literal[1] = 1


MAX_TEXT = 20_000
"""Characters of text one report may carry; longer mails keep the rest in the raw message."""


class Value(BaseModel):
    """A frozen, strict value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed. Raises ``AttributeError`` for any other name."""
        if update and not update.keys() <= type(self).model_fields.keys():
            raise AttributeError(f"{type(self).__name__} has no {sorted(update)}")
        return super().model_copy(update=update, deep=deep)


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


class NoAnswerReason(StrEnum):
    """Why the sender of a report that is filed and routed as any other is not written to.

    ``AUTOMATIC_WORDS``, ``AUTOMATIC_HEADERS``, ``ECHO`` and ``FOREIGN_TEXT`` hold back only what we
    would write by ourselves.
    """

    MACHINE = "machine"
    """A short code, a name of a sender, one of our own addresses."""
    PREMIUM_NUMBER = "premium_number"
    FOREIGN_NUMBER = "foreign_number"
    UNPROVEN_SENDER = "unproven_sender"
    AUTOMATIC_WORDS = "automatic_words"
    AUTOMATIC_HEADERS = "automatic_headers"
    """A list, a form, a rule that forwards: a person may be behind it, and a machine may answer."""
    ECHO = "echo"
    FOREIGN_TEXT = "foreign_text"
    """A code, an advert, a notice that went astray: no report."""

    @property
    def wholly(self) -> bool:
        """Tell whether an agency's answer is held back too."""
        return self not in (
            NoAnswerReason.AUTOMATIC_WORDS,
            NoAnswerReason.AUTOMATIC_HEADERS,
            NoAnswerReason.ECHO,
            NoAnswerReason.FOREIGN_TEXT,
        )


Confidence = Annotated[float, Field(ge=0, le=1)]


RegionCode = Annotated[str, Field(pattern=r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$")]


TrackingNumber = Annotated[str, Field(pattern=r"^[1-9]\d{11}$")]


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Origin(Value):
    """Where a message came in: the channel, our account on it, and the provider's own id.

    The ids are keyed hashes from intake on: they name people, as addresses do.
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
    """Kept as it came and handed to operators only: it could not be made harmless."""
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
    is handed on: an image drawn again, without what its camera noted in it.
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


class Urgency(Value):
    """Danger that does not wait for working days, from ``config/topics.toml``."""

    id: str
    name: str


class Message(Value):
    """What one person sent in one go, as Kanal reads it. It never changes once it is stored."""

    version: Literal[1] = VERSION
    id: Id
    tracking: TrackingNumber
    """The number its sender was told; a report that it opens keeps it."""
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
    whole: str = ""
    """All that came, where ``text`` leaves out what a reply repeats (a quoted mail, a signature):
    shown folded, for people; decided by as far as it may accuse somebody."""
    language: Literal["id", "en", "und"] = "und"
    attachments: tuple[Attachment, ...] = ()
    places: tuple[Place, ...] = ()
    coordinates: Coordinates | None = None
    address: str = ""
    """Where it happened, in the sender's words, from a field of its own."""
    occurred_on: date | None = None
    sent_at: AwareDatetime | None = None
    received_at: AwareDatetime
    chosen_topic: str = ""
    """The topic or group that the sender chose from a list: evidence, not a decision."""
    chosen_agency: str = ""
    """The agency the sender guessed, in words."""
    urgency: Urgency | None = None
    """The danger that was read in it."""
    anonymous: bool = False
    """Anonim: the sender wishes that the identity is hidden from the agency and the public."""
    confidential: bool = False
    """Rahasia: the sender wishes that the report is hidden from the public."""
    unhide: bool = False
    """The sender may be known again."""
    public: bool = False
    """The sender chose that the words may be shown in public once an operator released them."""
    unanswered: NoAnswerReason | None = None
    """Why the sender of this message is not written to; None when they are."""
    notes: tuple[str, ...] = ()
    """What had to be cut or repaired in reading the message, for operators."""

    @property
    def awaits_files(self) -> bool:
        """Tell whether a file of it is still to be fetched."""
        return any(file.state is FileState.PENDING for file in self.attachments)
