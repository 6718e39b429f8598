"""The load: signed webhooks over keep-alive connections, each sending again once it is answered.

Run as a process of its own: ``python -m bench.load PORT FIRST COUNT CONNECTIONS SECONDS`` prints
one JSON object. It ends after ``COUNT`` requests or ``SECONDS``, whichever comes first; ``FIRST``
numbers the citizens, so that a second load is not taken for repeats of the first.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import uvloop

from bench.traffic import requests


@dataclass(slots=True)
class Load:
    """What the load saw. Times are seconds of the machine's monotonic clock."""

    began: float = 0.0
    ended: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    """Seconds from the first byte sent to the last byte of the answer."""


async def send(port: int, waiting: Iterator[bytes], until: float, load: Load) -> None:
    """Send over one connection while there is something to send and time to send it in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (now := time.monotonic()) < until and (request := next(waiting, None)):
        writer.write(request)
        status = await answered(reader)
        load.statuses[status] = load.statuses.get(status, 0) + 1
        load.waits.append(time.monotonic() - now)
    writer.close()


async def answered(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length or 0))
    return int(head.split(b" ", 2)[1])


async def run(port: int, first: int, count: int, connections: int, seconds: float) -> Load:
    """Run the load to its end."""
    waiting, load = iter(requests(first, count)), Load()
    load.began = time.monotonic()
    until = load.began + seconds
    await asyncio.gather(*(send(port, waiting, until, load) for _ in range(connections)))
    load.ended = time.monotonic()
    return load


def main() -> None:
    """Run the load that the command line names."""
    *sizes, seconds = sys.argv[1:]
    port, first, count, connections = map(int, sizes)
    load = uvloop.run(run(port, first, count, connections, float(seconds)))
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
