"""What a channel said, as a plain value: what adapters produce and ``normalize`` reads."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from normalizer.message import Kind, NoAnswerReason


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: an address on the channel, and the name given there if any."""

    address: str
    name: str | None = None
    contact: str | None = None
    """How else they can be reached, as they typed it: nothing proves that it is theirs."""
    answers_to: str | None = None
    """Where a proven sender wants answers sent, if not to ``address``."""
    unproven: bool = False
    """Somebody checked who this is, and it was not proven: no message makes two such one person
    with whom the address belongs to."""
    shared: bool = False
    """Many people write under the same From (a form): no two messages are one person's."""
    makes_ids: bool = False
    """The ids of messages are made by their senders, not by a provider: the same id of another
    sender is another message."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a message: its bytes, or where the provider keeps them."""

    name: str
    media_type: str
    content: bytes | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Which piece of a longer message this is (a text message in several parts)."""

    reference: str
    """The same for all parts of one message of one sender to one of our numbers."""
    number: int
    """1 for the first."""
    total: int
    octets: bytes = field(default=b"", compare=False, repr=False)
    """What its text is read from, where a character may lie across two pieces."""
    coding: int | str = field(default="", compare=False)
    """How the octets are read, in the channel's own terms."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a channel said. ``(channel, account, external_id)`` is the same for every repeat."""

    channel: str
    account: str
    external_id: str
    sender: Author
    text: str
    raw: bytes
    subject: str | None = None
    whole: str = ""
    """All that came, where ``text`` leaves out what a reply repeats: kept for people to read."""
    files: tuple[File, ...] = ()
    location: tuple[float, float] | None = None
    """Latitude and longitude, degrees, WGS 84."""
    sent_at: datetime | None = None
    thread: tuple[str, ...] = ()
    """Provider ids of earlier messages this one answers."""
    token: str | None = None
    """Tracking number carried by the address it was sent to (plus-addressing)."""
    automatic: str | None = None
    """Why this is surely no person's writing (a bounce, an automatic reply): it is not filed."""
    unanswered: NoAnswerReason | None = None
    """Why its sender must not be written to, though it may be a person."""
    notes: tuple[str, ...] = ()
    """What had to be cut or repaired in reading it, as "code" or "code: value"; the words of each
    code stand in ``config/labels``. They name no person: agencies read them."""
    address: str = ""
    """Where it happened, in words, where the channel asks for it in a field of its own."""
    kind: Kind | None = None
    """The kind of report that the sender chose from a list."""
    topic: str = ""
    """The id of the topic or group of topics that the sender chose from a list."""
    agency: str = ""
    """Which agency the sender thinks must act, in words: a guess, never an order."""
    occurred_on: date | None = None
    """The day it happened, where the channel asks for it in a field of its own."""
    anonymous: bool = False
    """The sender chose *anonim* by a box or a button, not in words."""
    confidential: bool = False
    """The sender chose *rahasia* by a box or a button."""
    public: bool = False
    """The sender chose that the words may be shown in public once they were looked at."""
    in_public: bool = False
    """Anybody can read it where it was written, and the answer too."""
    wants: Literal["", "stop", "start"] = ""
    """The sender wants no more answers, or answers again, and nothing else."""
    explicit: bool = False
    """Sent as a report where nothing else can be sent: its words are never read as a command."""
    part: Segment | None = None
    """Set when this is only one part of the message: the shell waits for the others."""
