"""What a channel may be able to do: it lists its capabilities in its class line."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from adapters.contract.channel import Channel
from adapters.contract.errors import ChannelError
from adapters.contract.values import (
    AcceptedMessage,
    Outgoing,
    Page,
    Receipt,
    Source,
    UnreadableItem,
    WebhookRequest,
    WebhookResponse,
)
from config.words import Language
from normalizer.inbound import Inbound


class Receiver(Channel, ABC):
    """A channel whose provider calls us."""

    methods: frozenset[str] = frozenset({"POST"})
    """The HTTP methods by which messages come: some aggregators only know GET."""
    asks_caller: ClassVar[bool] = False
    """True where ``verify`` wants to know the network address of a call (header ``CALLER``)."""
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

    def stamp(self, hook: WebhookRequest) -> WebhookRequest:
        """Add to a verified hook, in the header ``STAMP``, what ``parse`` must know of its arrival.

        Called once for each call, never for one that is read again: the only place where a channel
        may look at the clock.
        """
        return hook

    @abstractmethod
    def parse(self, hook: WebhookRequest) -> Sequence[Inbound | Receipt | UnreadableItem]:
        """Read the messages of a verified hook; none in it gives []. Raises ``Malformed``.

        Of several in one hook, those that cannot be read are ``UnreadableItem``s beside the others,
        whose ``raw`` is a body that holds nothing but them.
        """

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
        an error would bring it again and again).
        """
        return None


class SmtpReceiver(Receiver, ABC):
    """A channel whose messages are mails, handed over by the shell's SMTP and LMTP server.

    A mail comes as a request with the URL ``smtp:``, the headers ``x-mail-from``, ``x-rcpt-to``
    (comma separated) and ``x-peer``, and the raw mail as its body.
    """

    @abstractmethod
    def accepts(self, recipient: str) -> bool:
        """Tell whether a recipient is ours."""


class FilledForm(Protocol):
    """What was typed into a form."""

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        """What was typed, by field."""

    @property
    def has_files(self) -> bool:
        """Tell whether files came along."""

    def first(self, name: str) -> str:
        """Return what was typed into a field, trimmed; "" when it is missing."""


class FormReceiver(Receiver, ABC):
    """A channel whose reports are typed into the citizens' pages, which the shell draws.

    ``reply`` and ``refusal`` answer in JSON: what was taken in, or ``title`` and ``faults`` by
    field.
    """

    @property
    @abstractmethod
    def max_bytes(self) -> int:
        """Bytes of a report with its files."""

    @abstractmethod
    def read_form(self, content_type: str, body: bytes) -> FilledForm:
        """Read what was typed into a form, as it was typed. Raises ``Malformed``."""

    @abstractmethod
    def field_rules(self, language: Language) -> Mapping[str, str]:
        """Return what is said of each field, for a page that checks before it sends."""

    @abstractmethod
    def addition(self, form: FilledForm, *, number: str, sender: str) -> tuple[str, bytes]:
        """Compose what ``sender`` adds to a report: media type and body for ``parse``."""


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

    @property
    def answer_to(self) -> str:
        """Return the number or link that texts name for answers; "" where their sender takes them.

        A registered name above a text message cannot be answered.
        """
        return ""

    def alert_fault(self, to: str) -> str:
        """Say why alerts to people on duty cannot go to ``to`` by this channel; "" when they can.

        An alert asks for an acknowledgement, which comes back on the same channel.
        """
        return ""

    @abstractmethod
    async def send(self, to: str, message: Outgoing) -> str:
        """Send and return the provider's own id. Raises ``ChannelError``."""


class SystemSender(Sender, ABC):
    """A sender whose other end is a program that shares a secret with us."""

    @abstractmethod
    async def ask(self, message: Outgoing, *, most: int) -> bytes:
        """Send and return the first ``most`` bytes of the answer. Raises ``ChannelError``."""

    @abstractmethod
    def verify_callback(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Check that a message to us is signed with the common secret. Raises ``Forged``."""
