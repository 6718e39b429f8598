"""What every channel has: its name, its settings, and what the shell may ask of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field

from adapters.exchange import ExchangeLog
from config import links
from normalizer.inbound import Inbound


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
    """Code of the region this channel belongs to (a city's own number); context for places."""
    part_timeout: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """Seconds that the other parts of a message are waited for, where it comes in several."""
    answer_countries: tuple[Country, ...] = ("ID",)
    """Countries (ISO 3166) whose phone numbers are written to; others are filed and shown."""


class Channel:
    """What every channel has: its name in the settings and its checked block."""

    settings: ClassVar[type[ChannelSettings]] = ChannelSettings
    can_ask: ClassVar[bool] = True
    """False where a question would stay unanswered: an operator decides instead."""
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

    @property
    def agencies(self) -> Mapping[tuple[str, ...], str]:
        """Return the ids of agencies that the settings name, by the path of the setting."""
        return {}

    def warnings(self) -> Sequence[str]:
        """List what works with these settings and is unsafe all the same, and what to do."""
        return ()

    def join_texts(self, parts: Sequence[Inbound]) -> str:
        """Return the text of consecutive parts of one message; pure."""
        return "".join(part.text for part in parts)

    async def close(self) -> None:
        """Let go of connections; called once, in the loop that used the channel."""
        return None
