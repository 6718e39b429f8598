"""A provider that is asked: a long list of what citizens wrote, and a channel that reads it.

Run as a program, ``python -m tests.gateway.streams URL COUNT``, it reads the name of a folder from
each line and lives there, as a process of its own that says its id, and each time it asks, and
polls until it is killed.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.contract import (
    Author,
    ChannelSettings,
    Inbound,
    Malformed,
    Page,
    Poller,
    Receipt,
    UnreadableItem,
)
from gateway.intake.pages import PageIntake
from gateway.intake.polling import POLL, Polling
from gateway.platform import logs
from tests.gateway import making
from tests.gateway.making import ROAD, WHO, House

Item = Inbound | Receipt | UnreadableItem


class Stream(Poller):
    """Reads ``said``, ``size`` at a time; a cursor is the number of items that were read."""

    every = 5.0

    def __init__(self, name: str = "stream", *, size: int = 3) -> None:
        super().__init__(name, ChannelSettings(type="stream"), public_url="http://kanal.localhost")
        self.size = size
        self.said: list[Item] = []
        self.asked: list[str] = []
        """The cursors it was asked with."""
        self.fails: list[Exception] = []
        """Raised by the next looks, in order."""

    def say(self, *texts: str, **more: Any) -> None:
        """Let citizens write."""
        for text in texts:
            self.said.append(self.item(len(self.said), text, **more))

    def item(self, number: int, text: str, **more: Any) -> Inbound:
        written = {"id": f"item-{number}", "from": WHO, "text": text} | more
        return self._read(json.dumps(written).encode())

    async def poll(self, cursor: str) -> Page:
        self.asked.append(cursor)
        if self.fails:
            raise self.fails.pop(0)
        begin = int(cursor or 0)
        items = tuple(self.said[begin : begin + self.size])
        end = begin + len(items)
        return Page(items, str(end), more=end < len(self.said))

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        try:
            return [self._read(raw)]
        except ValueError:
            raise Malformed("no item") from None

    def _read(self, raw: bytes) -> Inbound:
        item = json.loads(raw)
        return Inbound(
            channel=self.name,
            account=item.get("account", "@lapor"),
            external_id=item["id"],
            sender=Author(item["from"]),
            text=item["text"],
            automatic=item.get("automatic"),
            raw=raw,
        )


class Told(Stream):
    """Says so each time it is asked."""

    async def poll(self, cursor: str) -> Page:
        _tell("asked")
        return await super().poll(cursor)


def polling(house: House, channel: Poller, holder: str = "one") -> Polling:
    """Make what polls a channel in a house, as the process ``holder``."""
    house.door.channels = {**house.door.channels, channel.name: channel}
    mark = house.store.cursors.of(channel.name, POLL, holder=holder)
    return Polling(channel, mark, pages(house), house.store)


def pages(house: House) -> PageIntake:
    """Make what files pages in a house."""
    return house.services.pages


async def _poll_until_killed(url: str, folder: Path, count: int) -> None:
    async with making.house(url, folder) as house:
        house.clock.at = datetime.now(UTC)  # another process reads the same clock
        channel = Told()
        channel.say(*(f"{ROAD} {number}" for number in range(count)))
        mine = polling(house, channel, holder=folder.name)
        _tell(f"ready {os.getpid()}")
        while True:
            await mine.turn()
            if channel.asked and int(channel.asked[-1] or 0) + channel.size >= count:
                _tell("done")
                await asyncio.Event().wait()


def _tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def _live_again_and_again(url: str, count: int) -> None:
    """Start a life for each line; all of them share what is slow to build."""
    logs.set_up("WARNING", "console")  # standard output is what is told to the parent
    making.made_parts()
    while folder := sys.stdin.readline().strip():
        if child := os.fork():
            os.waitpid(child, 0)
        else:
            asyncio.run(_poll_until_killed(url, Path(folder), count))


if __name__ == "__main__":
    _live_again_and_again(sys.argv[1], int(sys.argv[2]))
