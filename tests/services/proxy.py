"""A TCP proxy on the loopback that misbehaves on command: slow, cut, refused, held, half-open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

CHUNK = 65_536
AHEAD = 64
"""Chunks under way on a slow link before its sender has to wait."""
UnderWay = asyncio.Queue[tuple[float, bytes]]
"""Chunks, each with the moment it is due; an empty one is the end."""


class ChaosProxy:
    """Forwards connections to a port of the loopback until told otherwise.

    Of several ``targets`` a new connection goes to the first that takes it, as with a balancer in
    front of a cluster. Give others to ``point`` and the address has moved.
    """

    def __init__(self, *targets: int) -> None:
        self._targets = targets
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._torn: set[asyncio.Task[None]] = set()
        """Links that lost bytes: they cannot go on."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._dropping = False
        self._latency = 0.0
        self._bandwidth: float | None = None
        self.port = 0

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def point(self, *targets: int) -> None:
        """Send new connections to other ports; those that are open stay."""
        self._targets = targets

    async def refuse(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def swallow(self) -> None:
        """Keep every connection open and forward nothing: a black hole."""
        self._flowing.clear()

    def drop(self) -> None:
        """Take every byte and throw it away: both ends believe that the connection is fine."""
        self._dropping = True

    def slow(self, *, latency: float = 0.0, bandwidth: float | None = None) -> None:
        """Delay each byte by ``latency`` seconds one way, and pass ``bandwidth`` bytes a second
        on each connection in each direction; without arguments the link is fast again.
        """
        self._latency, self._bandwidth = latency, bandwidth

    def heal(self) -> None:
        """Forward again, including what was held back; a connection that lost bytes is reset."""
        self._dropping = False
        for link in self._torn:
            link.cancel()
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.ensure_future(self._join(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        link.add_done_callback(self._torn.discard)
        await asyncio.gather(link, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer, link))
                group.create_task(self._pump(far_reader, writer, link))
        finally:
            far_writer.transport.abort()
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        *others, last = self._targets
        for target in others:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", target)
        return await asyncio.open_connection("127.0.0.1", last)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        link: asyncio.Task[None],
    ) -> None:
        under_way: UnderWay = asyncio.Queue(AHEAD)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(reader, under_way, link))
            await self._arrive(under_way, writer)
            reading.cancel()
        writer.close()

    async def _read(
        self, reader: asyncio.StreamReader, under_way: UnderWay, link: asyncio.Task[None]
    ) -> None:
        clock, data = asyncio.get_running_loop().time, b"-"
        while data:
            data = b""
            with contextlib.suppress(OSError):
                data = await reader.read(CHUNK)
            if data and self._dropping:
                self._torn.add(link)
            else:
                await under_way.put((clock() + self._latency, data))

    async def _arrive(self, under_way: UnderWay, writer: asyncio.StreamWriter) -> None:
        """Write what is due until the end, an empty chunk, or until the other end is gone."""
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(OSError):
            while (chunk := await under_way.get())[1]:
                due, data = chunk
                await asyncio.sleep(max(0.0, due - clock()))
                await self._flowing.wait()
                for piece in self._pieces(data):
                    writer.write(piece)
                    await writer.drain()
                    if self._bandwidth:
                        await asyncio.sleep(len(piece) / self._bandwidth)

    def _pieces(self, data: bytes) -> list[bytes]:
        """Cut what a narrow link passes bit by bit: a twentieth of a second at a time."""
        size = max(1, int(self._bandwidth / 20)) if self._bandwidth else len(data)
        return [data[at : at + size] for at in range(0, len(data), size)]


@contextlib.asynccontextmanager
async def chaos(*targets: int) -> AsyncIterator[ChaosProxy]:
    """Open a proxy in front of ports of the loopback."""
    proxy = ChaosProxy(*targets)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.heal()
        await proxy.refuse()
