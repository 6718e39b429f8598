"""What a door of the demo is: a channel, how citizens write to it, and what they hear."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Protocol

from config.settings import Settings
from gateway.process import Ports

NOBODY = "+628119999999"
PLAIN = "jalan rusak di Kota Medan"
"""What is written where something else about the message is wrong."""
Fault = Literal["forged", "oversized", "unknown recipient"]
WITHIN = 30.0
"""Seconds a message may take from the door to the citizen's receipt."""


class Company(Protocol):
    """Who carries a channel's messages: a double on this machine; use as ``async with``."""

    async def __aenter__(self) -> object: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def wait_for(self, fits: Callable[..., bool], within: float) -> object: ...


class Door(ABC):
    """One channel: how citizens write to it, and what they hear."""

    channel: ClassVar[str]
    name: ClassVar[str]
    by: ClassVar[str]
    """The way in."""
    ok: ClassVar[int] = 200
    """The code for a message that was taken."""
    refused: ClassVar[Mapping[Fault, int]] = {}
    """What can be done wrong at this door, and the code it must get."""
    company: Company

    @abstractmethod
    def block(self) -> dict[str, Any]:
        """Return the channel's settings, once the company is there."""

    async def opened(self, settings: Settings, ports: Ports) -> None:
        """Get to know the running gateway; returns when citizens can write."""
        self.settings, self.ports = settings, ports

    @abstractmethod
    def citizen(self, number: int) -> str:
        """Return the address of the citizen who sends a sample."""

    @abstractmethod
    async def say(self, who: str, text: str, subject: str) -> int:
        """Let a citizen write; returns the code it got, ``ok`` where nothing answers."""

    @abstractmethod
    def heard(self, who: str) -> list[str]:
        """Return what a citizen was told so far, oldest first."""

    async def misuse(self, fault: Fault) -> int:
        """Do something that must be ``refused``; returns the code it got."""
        raise NotImplementedError(f"nobody can send what is {fault} by {self.name}")

    async def until(self, fits: Callable[[], bool]) -> None:
        """Wait until what was heard fits. Raises ``TimeoutError``."""
        await self.company.wait_for(lambda *_: fits(), WITHIN)
