"""Starts a message centre made of the npm package ``smpp``, which nobody here wrote."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from tests.node import HOME, WHEEL, install

PASSWORD = "rahasia"
Event = dict[str, Any]


class NpmCenter:
    """A running centre. ``events`` is what it saw, oldest first."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = count(1)
        self._news = asyncio.Condition()
        self.port = 0
        self.events: list[Event] = []

    async def read(self) -> None:
        """Read events until the centre ends."""
        assert self._process.stdout
        async for line in self._process.stdout:
            async with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()

    async def until(self, fits: Callable[[Event], bool], within: float = 30.0) -> Event:
        """Return the newest event that fits, as soon as there is one. Raises ``TimeoutError``."""

        def found() -> Event | None:
            return next((event for event in reversed(self.events) if fits(event)), None)

        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: found() is not None)
        event = found()
        assert event is not None
        return event

    async def saw(self, name: str, times: int = 1) -> Event:
        """Return the newest event of a name as soon as there were so many."""
        return await self.until(lambda event: event["event"] == name and self.seen(name) >= times)

    def seen(self, name: str) -> int:
        """Count the events of a name."""
        return sum(event["event"] == name for event in self.events)

    def do(self, what: str, **command: Any) -> int:
        """Give a command; returns its number."""
        number = next(self._numbers)
        assert self._process.stdin
        line = json.dumps({"do": what, "number": number} | command)
        self._process.stdin.write(line.encode() + b"\n")
        return number

    async def deliver(self, who: str, text: str, *, udh: str = "", **fields: Any) -> int:
        """Bring one message and return the status it was answered with."""
        values = {"source_addr": who, "source_addr_ton": 1, "destination_addr": "1708"} | fields
        return await self.answered(self.do("deliver", fields=values, text=text, udh=udh))

    async def answered(self, number: int) -> int:
        """Return the status of the answer to a command."""
        event = await self.until(lambda event: event.get("number") == number)
        return int(event["status"])


@asynccontextmanager
async def npm_center() -> AsyncIterator[NpmCenter]:
    """Run a centre; ended by its pid."""
    install()
    process = await asyncio.create_subprocess_exec(
        *(WHEEL / "bin/node", HOME / "center.js", PASSWORD), stdin=PIPE, stdout=PIPE
    )
    center = NpmCenter(process)
    reading = asyncio.create_task(center.read())
    try:
        center.port = (await center.saw("listening"))["port"]
        yield center
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading
