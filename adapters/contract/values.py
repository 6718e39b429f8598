"""What passes between a channel and the shell: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from adapters.contract.errors import Until
from normalizer.inbound import Inbound

CALLER = "x-kanal-caller"
"""The header in which the shell says from which network address a call came.

Only where a channel asks for it (``Receiver.asks_caller``), and only where it is known.
"""
STAMP = "x-kanal-stamp"
"""The header for what a channel notes of a call's arrival (``Receiver.stamp``)."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as a plain value.

    ``url`` is built from the configured public URL, never from Host or X-Forwarded headers;
    ``headers`` has lower-case names; ``body`` is the raw bytes, already capped in size.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What the caller of a hook is told: an HTTP status, and a body in its own format."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message of a hook that is durable now, for channels that tell the sender at once."""

    inbound: Inbound
    tracking: str
    """Its tracking number: the same for every repeat of the message."""
    secret: str
    """What opens its tracking page, together with the number."""
    danger: str = ""
    """Whom to call in the danger that it tells of: shown before anything else."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message we sent: the provider's own id of it and its state."""

    channel: str
    provider_id: str
    state: Literal["sent", "delivered", "failed"]
    detail: str = ""
    until: Until | None = None
    """Set when it failed because the citizen cannot be written to now: it waits until then."""
    otherwise: Inbound | None = None
    """What it is where it is about no message of ours: the provider did not say that it is one."""


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """One thing a page or a call held that could not be read: it is quarantined by itself."""

    raw: bytes
    """As the provider gave it."""
    reason: str
    """What is wrong with it, in words that quote no person."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one look at a provider found. An empty page is an ordinary answer."""

    items: tuple[Inbound | Receipt | UnreadableItem, ...] = ()
    """Oldest first. What was in an earlier page may come again: its ids make it a repeat."""
    cursor: str = ""
    """Where the next look begins, in the channel's own words; "" leaves it where it was.

    Printable, at most 2,000 characters.
    """
    more: bool = False
    """The provider holds more already: look again at once."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to a citizen or an agency."""

    id: str
    """Ours, the same at every attempt: the idempotency key where a provider takes one."""
    text: str
    subject: str | None = None
    thread: tuple[str, ...] = ()
    """Message-IDs this one answers, oldest first."""
    tracking: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    """Likely answers, for channels with buttons; where they answer a question, ``text`` says so."""
    silenced: bool = False
    """The citizen has not written lately: only what the provider allows then can be sent."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file that a message only named is fetched from, by the shell's guarded client."""

    url: str = field(repr=False)
    """May hold a secret: logs and errors name ``host`` only."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent to the first host only: credentials never follow a redirect."""
    trusted: bool = False
    """The host is from the operator's settings, not from a message: it may be a private one."""

    @property
    def host(self) -> str:
        """Name where it is without what a URL may give away."""
        return urlsplit(self.url).hostname or ""
