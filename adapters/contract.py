"""The contract of a channel: one file that verifies, parses and sends, and touches nothing else.

``verify`` and ``parse`` are synchronous and pure; adapters never write, publish, or decide what a
retry is. The errors a channel may raise:

    ChannelError            retryable says whether the same call may succeed later
    ├── Forged              the message does not carry a valid proof of its sender
    ├── Malformed           the message cannot be read
    │   └── Invalid         whoever sent it is told what to mend, and still holds it
    │       └── Contradicts an id that was used before, for something else
    ├── Refused             the provider will never take this message
    ├── Silenced            the citizen cannot be written to until they write again, or ask for it
    └── Unreachable         the provider did not answer
        └── Throttled       the provider asked us to slow down (retry_after seconds)
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field

from adapters.exchange import ExchangeLog
from config import links
from normalizer.inbound import Author, File, Inbound, Segment


class ChannelError(Exception):
    """The channel could not do what was asked."""

    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "").splitlines()[0]


class Forged(ChannelError):
    """The message does not carry a valid proof of its sender."""


class Malformed(ChannelError):
    """The message cannot be read."""


class Invalid(Malformed):
    """Whoever sent it is told what to mend, and still holds it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class DuplicateId(Invalid):
    """An id that was used before, for something else."""


class Refused(ChannelError):
    """The provider will never take this message."""


Until = Literal["writes", "starts"]
"""What a citizen must do before we may write again: write anything, or say START."""


class OptedOut(ChannelError):
    """The citizen cannot be written to until they write again, or ask for it."""

    def __init__(self, message: str = "", *, until: Until = "writes") -> None:
        super().__init__(message)
        self.until: Until = until


class Unreachable(ChannelError):
    """The provider did not answer."""

    retryable = True


class Throttled(Unreachable):
    """The provider asked us to slow down."""

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


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


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """One thing a page held that could not be read: it is quarantined, its neighbours go on."""

    raw: bytes
    """As the provider gave it."""
    reason: str
    """What is wrong with it, in words that quote nobody."""


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


def _private_or_encrypted(url: AnyHttpUrl) -> AnyHttpUrl:
    if not links.is_safe(str(url), "https"):
        raise ValueError("http is for this machine only; secrets and reports would be in the clear")
    return url


SafeUrl = Annotated[AnyHttpUrl, AfterValidator(_private_or_encrypted)]
"""Where a provider or an agency is: https, or http on this machine."""


Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class ChannelSettings(BaseModel):
    """The ``[channels.NAME]`` block of the settings; every channel extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    enabled: bool = True
    observe_only: bool = False
    """Accept what fails verification and only note it (to try out a signature before enforcing)."""
    sends_per_second: float = 1.0
    max_reply_characters: int | None = None
    region: str | None = None
    """Code of the region this door belongs to (a city's own number); context for places."""
    part_timeout: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """Seconds that the other parts of a message are waited for, where it comes in several."""
    answer_countries: tuple[Country, ...] = ("ID",)
    """Countries (ISO 3166) whose phone numbers are written to; others are filed and shown."""


class Channel:
    """What every channel has: its name in the settings and its checked block."""

    settings: ClassVar[type[ChannelSettings]] = ChannelSettings
    can_ask: ClassVar[bool] = True
    """False where nobody would answer our question: an operator decides instead."""
    fetched: ClassVar[bool] = False
    """True where answers stay with us until their readers come and look."""
    by_phone: ClassVar[bool] = False
    """True where senders are phone numbers: short codes and names of senders are machines there."""
    overhears: ClassVar[bool] = False
    """True where people also talk to each other: a trained model tells reports from such talk."""

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        self.name = name
        self.block = block
        self.hook_url = f"{public_url.rstrip('/')}/in/{name}"
        self.exchanges = ExchangeLog()

    @property
    def own(self) -> frozenset[str]:
        """Return our addresses on this channel, as a sender or a recipient would be written.

        Nothing is ever sent to them, on any channel, and what comes from them is no citizen's.
        """
        return frozenset()

    async def close(self) -> None:
        """Let go of connections; called once, in the loop that used the channel."""
        return None


class Receiver(Channel, ABC):
    """A channel whose provider calls us."""

    methods: ClassVar[frozenset[str]] = frozenset({"POST"})
    """The HTTP methods by which messages come: some aggregators only know GET."""
    parse_may_hang: ClassVar[bool] = False
    """True when hostile input may take long to read: the shell then parses in a worker process."""
    strict_ids: ClassVar[bool] = False
    """True when a caller is told that its id was used for something else (``DuplicateId``); a
    provider could not mend that and hears nothing. The second message is quarantined either way."""
    keeps_forged: ClassVar[bool] = True
    """False where anybody may call and nothing forged is worth an operator's look."""

    @property
    def max_bytes(self) -> int | None:
        """Bytes a hook may have; None leaves it to the settings of the server."""
        return None

    @property
    def posts_per_hour(self) -> int | None:
        """Hooks taken from one network address; None does not count (providers have few)."""
        return None

    def challenge(self, hook: WebhookRequest) -> WebhookResponse | None:
        """Answer a GET by which a provider asks whether we are who we say; pure.

        None says that it was no such question. Raises ``Forged`` when its secret is not ours. A
        HEAD is answered by the shell.
        """
        return None

    @abstractmethod
    def verify(self, hook: WebhookRequest) -> None:
        """Check the proof of the sender. Raises ``Forged``."""

    @abstractmethod
    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read the messages of a verified hook; none in it gives []. Raises ``Malformed``."""

    def reply_body(self) -> tuple[str, bytes]:
        """Return media type and body of the 2xx answer the provider expects."""
        return "application/json", b"{}"

    def reply(self, hook: WebhookRequest, filed: Sequence[AcceptedMessage]) -> WebhookResponse:
        """Compose the answer once everything in a hook is durable.

        A provider hears the same whatever was in it; a channel whose caller is the sender names
        the tracking number.
        """
        return WebhookResponse(200, *self.reply_body())

    def refusal(self, hook: WebhookRequest, error: ChannelError) -> WebhookResponse | None:
        """Compose the answer to a hook that was refused, in the channel's own words.

        None leaves it to the shell: 403 to what is forged, 400 to what is ``Invalid``, and an
        ordinary 200 to what is otherwise ``Malformed`` (it is quarantined, and a provider that got
        an error would bring it for ever).
        """
        return None


class Fetcher(Channel, ABC):
    """What channels have in common that look for messages themselves."""

    @abstractmethod
    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read again one item of a page from its ``raw``, with the same result; pure.

        Operators release quarantined items by it. Raises ``Malformed``.
        """


class Poller(Fetcher, ABC):
    """A channel that is asked again and again.

    One process at a time polls it. The cursor is saved in the transaction of its page's messages,
    and only then handed to the next ``poll``, which may tell the provider that they are safe.
    """

    @property
    def every(self) -> float:
        """Seconds between two looks; 0 when ``poll`` itself waits for news (long polling)."""
        return 1.0

    @property
    def polling(self) -> bool:
        """Tell whether this block wants polling (a channel may offer a webhook instead)."""
        return True

    @abstractmethod
    async def poll(self, cursor: str) -> Page:
        """Fetch what came after ``cursor``; "" is the beginning. Raises ``ChannelError``.

        Must return within a minute. An item that cannot be read is an ``UnreadableItem`` of the
        page, not an error: an error leaves the cursor where it is, and the page is fetched again.
        """


class Reconciler(Fetcher, ABC):
    """A channel whose provider can list what it called us for, or tried to."""

    @abstractmethod
    def since(self, moment: datetime) -> AsyncGenerator[Page, None]:
        """Yield pages of what the provider took in since ``moment`` (aware).

        Each message carries the very same identity as by webhook; each page is filed before the
        next is fetched; cursors are not used. Write it as an asynchronous generator. Raises
        ``ChannelError``.
        """


Take = Callable[[WebhookRequest], Awaitable[None]]
"""Makes one message durable; raises ``Unreachable`` when that is not possible now."""


class ConnectionChannel(Channel, ABC):
    """A channel that keeps a connection of its own, over which its messages come.

    One process at a time keeps it (like polling, under a lease).
    """

    @property
    @abstractmethod
    def standing(self) -> bool:
        """Tell whether the connection stands now, so that messages can come."""

    @abstractmethod
    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read one message as it came over the connection; pure. Raises ``Malformed``."""

    @abstractmethod
    async def hold(self, take: Take) -> None:
        """Connect and hand every message to ``take``, acknowledging it only when that returned.

        Returns never while the connection stands; raises ``ChannelError`` when it ends, and is then
        called again after a growing pause. Cancelled, it ends the connection politely.
        """


class MediaSource(Channel, ABC):
    """A channel whose provider keeps the files that its messages only name."""

    @abstractmethod
    async def source(self, url: str) -> Source:
        """Say where the file that a message named ``url`` is fetched from.

        Raises ``Refused`` when it is gone for good, and other ``ChannelError``.
        """


class Sender(Channel, ABC):
    """A channel that carries messages out."""

    @property
    def opens(self) -> bool:
        """Tell whether a citizen who has not written lately can be written to all the same."""
        return False

    @abstractmethod
    async def send(self, to: str, message: Outgoing) -> str:
        """Send and return the provider's own id. Raises ``ChannelError``."""


__all__ = [
    "AcceptedMessage",
    "Author",
    "Channel",
    "ChannelError",
    "ChannelSettings",
    "ConnectionChannel",
    "DuplicateId",
    "Fetcher",
    "File",
    "Forged",
    "Inbound",
    "Invalid",
    "Malformed",
    "MediaSource",
    "OptedOut",
    "Outgoing",
    "Page",
    "Poller",
    "Receipt",
    "Receiver",
    "Reconciler",
    "Refused",
    "SafeUrl",
    "Segment",
    "Sender",
    "Source",
    "Take",
    "Throttled",
    "Unreachable",
    "UnreadableItem",
    "Until",
    "WebhookRequest",
    "WebhookResponse",
]
