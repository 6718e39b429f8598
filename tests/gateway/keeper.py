"""A provider that keeps files: a web server on loopback, and names that resolve as a test likes."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Keeper:
    """What it keeps by path, and who asked for what with which headers."""

    url: str = ""
    port: int = 0
    kept: dict[str, bytes | web.Response | Handler] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        found = self.kept.get(request.path, web.Response(status=404))
        if isinstance(found, bytes):
            return web.Response(body=found)
        if isinstance(found, web.Response):
            return web.Response(status=found.status, headers=found.headers, body=found.body)
        return await found(request)


@contextlib.asynccontextmanager
async def keeping(host: str = "127.0.0.1") -> AsyncIterator[Keeper]:
    """Run a keeper; its ``url`` has the address it listens on."""
    keeper = Keeper()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keeper.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    keeper.port = runner.addresses[0][1]
    keeper.url = f"http://127.0.0.1:{keeper.port}"
    try:
        yield keeper
    finally:
        await runner.cleanup()


class Names(AbstractResolver):
    """Resolves every name to what is next in its list; the last goes on for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self) -> "Names":
        return self

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [_found(host, address, port) for address in addresses]

    async def close(self) -> None:
        return None


def _found(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
