"""A look that costs much: calls that come close together share one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Recent(Generic[Found]):
    """Looks at most once in so many seconds, after a look that failed at the next call."""

    def __init__(self, look: Callable[[], Awaitable[Found]], seconds: float) -> None:
        self.seconds = seconds
        self._look = look
        self._task: asyncio.Task[Found] | None = None
        self._at = 0.0

    async def get(self) -> Found:
        """Return what a look finds that is under way or fresh; else look.

        A caller that is cancelled cuts off no look. Raises what the look raises.
        """
        if self._task is None or (self._task.done() and not self._is_fresh(self._task)):
            self._task = asyncio.create_task(self._noted())
        return await asyncio.shield(self._task)

    async def _noted(self) -> Found:
        found = await self._look()
        self._at = time.monotonic()
        return found

    def _is_fresh(self, done: asyncio.Task[Found]) -> bool:
        failed = done.cancelled() or done.exception() is not None
        return not failed and time.monotonic() - self._at <= self.seconds
