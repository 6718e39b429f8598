"""A TCP proxy on the loopback that misbehaves on command: cut, refuse, swallow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

CHUNK = 65_536


class ChaosProxy:
    """Forwards connections to ``target`` (a port of the loopback) until told otherwise."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

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

    def heal(self) -> None:
        """Forward again, including what was held back."""
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.ensure_future(self._join(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        await asyncio.gather(link, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, far_writer))
                    group.create_task(self._pump(far_reader, writer))
            finally:
                far_writer.transport.abort()
                writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def chaos(target: int) -> AsyncIterator[ChaosProxy]:
    """Open a proxy in front of a port of the loopback."""
    proxy = ChaosProxy(target)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.heal()
        await proxy.refuse()
