"""What a channel said, as a plain value: what adapters produce and ``normalize`` reads."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote: an address on the channel, and the name given there if any."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a message: its bytes, or where the provider keeps them."""

    name: str
    media_type: str
    content: bytes | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a channel said. ``(channel, account, external_id)`` is the same for every repeat."""

    channel: str
    account: str
    external_id: str
    sender: Sender
    text: str
    raw: bytes
    subject: str | None = None
    files: tuple[File, ...] = ()
    location: tuple[float, float] | None = None
    """Latitude and longitude, degrees, WGS 84."""
    sent_at: datetime | None = None
    thread: tuple[str, ...] = ()
    """Provider ids of earlier messages this one answers."""
    token: str | None = None
    """Tracking number carried by the address it was sent to (plus-addressing)."""
    automatic: str | None = None
    """Why this is no citizen's writing (auto-reply, list mail); such mail is never answered."""
    notes: tuple[str, ...] = ()
    """What had to be cut or repaired in reading it."""
