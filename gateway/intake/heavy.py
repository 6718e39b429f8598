"""Messages over the budget of a door: kept raw at once, then read in a process that can be killed.

A door reads what it takes in its event loop, so what it reads must be short. A longer message
waits as a part that is a whole message; ``gateway.intake.reassembly`` has it read here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import structlog

from config import files
from config.words import mark
from gateway.platform.sandbox import ReadingError, Sandbox
from normalizer.gazetteer import Gazetteer
from normalizer.inbound import Inbound, Segment
from normalizer.message import Message
from normalizer.normalize import Normalizer
from normalizer.text import storable

log = structlog.get_logger(__name__)

BUDGET = 5_000
"""Characters that a door reads itself. Short messages of every provider are shorter (Telegram and
WhatsApp: 4,096); within it no stage of the normalizer takes 50 ms."""
HEAD = 1_000
"""Characters that are read of a message whose reading had to be stopped."""
SECONDS = 5.0
"""Deadline of one reading, the start of the process included."""

Apart = Callable[[Inbound, Mapping[str, Any]], Awaitable[Message]]
"""Calls ``normalized`` in a process that can be killed. Raises ``Unread``."""


class Unread(Exception):
    """A message was not read in time, or its reading ended the process."""


def normalize_in(sandbox: Sandbox) -> Apart:
    """Return what reads a message in the sandbox."""

    async def apart(inbound: Inbound, about: Mapping[str, Any]) -> Message:
        try:
            return await sandbox.read(normalized, inbound, dict(about))
        except ReadingError as error:
            raise Unread(type(error).__name__) from None

    return apart


def is_heavy(inbound: Inbound) -> bool:
    """Tell whether a message is over the budget of a door."""
    return len(inbound.text) + len(inbound.subject or "") + len(inbound.address) > BUDGET


def as_segment(inbound: Inbound, name: str) -> Inbound:
    """Return a message as the only segment of itself."""
    return replace(inbound, part=Segment(reference=name, number=1, total=1))


class Normalizing:
    """Reads messages: short ones on the spot, longer ones ``apart`` where that is given."""

    def __init__(self, normalizer: Normalizer, apart: Apart | None = None) -> None:
        self.normalizer = normalizer
        self._apart = apart

    async def message(self, inbound: Inbound, about: Mapping[str, Any]) -> Message:
        """Return the reading of a message; ``about`` is what ``Normalizer.normalize`` wants too.

        Never raises for what is in a message: of one that cannot be read in time only the head is
        read, and the whole is kept as the original.
        """
        if self._apart is None or not is_heavy(inbound):
            return self.normalizer.normalize(inbound, **about)
        try:
            return await self._apart(inbound, about)
        except Unread as error:
            log.warning("only the head of a message was read", error=str(error))
        message = self.normalizer.normalize(_head(inbound), **about)
        return message.model_copy(update={"original": storable(inbound.text)})


def normalized(inbound: Inbound, about: Mapping[str, Any]) -> Message:
    """Read a message in a process of its own."""
    return _normalizer().normalize(inbound, **about)


@cache
def _normalizer() -> Normalizer:
    return Normalizer(Gazetteer.load(files.REGIONS))


def _head(inbound: Inbound) -> Inbound:
    return replace(
        inbound,
        text=f"{inbound.text[:HEAD]} {mark('unread')}",
        subject=None if inbound.subject is None else inbound.subject[:HEAD],
        address=inbound.address[:HEAD],
    )
