"""Word that something happened, for tasks of this process that wait for it by name."""

import asyncio
from collections.abc import Hashable, Iterable


class News:
    """One event for each name. Take it before you look, and wait for it when there was nothing."""

    def __init__(self) -> None:
        self._events: dict[Hashable, asyncio.Event] = {}

    def of(self, name: Hashable) -> asyncio.Event:
        """Return the event that the next news of a name sets."""
        return self._events.setdefault(name, asyncio.Event())

    def tell(self, names: Iterable[Hashable]) -> None:
        """Wake who waits for one of these."""
        for name in names:
            if event := self._events.pop(name, None):
                event.set()
