"""One process of one contestant: ``python -m bench.serve kanal|obvious up|web|worker``.

Settings come from the environment, as everywhere. Prints the port of its door (0: it has none)
once it is ready, and runs until it is told to end.
"""

import asyncio
import signal
import sys
from dataclasses import replace

import uvloop

from bench.obvious import Obvious
from config.settings import load
from gateway.assembly import Services, assemble
from gateway.outbound.notify import NotifyWork
from gateway.platform import logs
from gateway.process import Kanal

ROLES = {"up": ("web", "worker"), "web": ("web",), "worker": ("worker",)}


def unanswering(services: Services) -> Services:
    """Leave the notifications to citizens in their lanes: no provider is measured here."""
    rest = tuple(lane for lane in services.lanes if lane.work.kind != NotifyWork.kind)
    return replace(services, lanes=rest)


async def kanal(role: str, told: asyncio.Event) -> None:
    """Run the gateway."""
    gateway = Kanal(unanswering(assemble(load())))
    ports = await gateway.start(ROLES[role])
    print(ports.web or 0, flush=True)
    await told.wait()
    await gateway.stop()


async def obvious(role: str, told: asyncio.Event) -> None:
    """Run the obvious implementation."""
    it = Obvious(load())
    await it.connect()
    tasks = [asyncio.create_task(it.work())] if "worker" in ROLES[role] else []
    port = 0
    if "web" in ROLES[role]:
        server = it.server()
        tasks.append(asyncio.create_task(server.serve()))
        while not server.started:  # noqa: ASYNC110 (uvicorn has nothing to wait on)
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
    print(port, flush=True)
    await asyncio.wait([asyncio.create_task(told.wait()), *tasks], return_when="FIRST_COMPLETED")
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    await it.close()
    if found := [end for end in ends if isinstance(end, Exception)]:
        raise found[0]


async def main() -> None:
    """Run the contestant that the command line names."""
    logs.set_up("WARNING", "console")
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    await {"kanal": kanal, "obvious": obvious}[sys.argv[1]](sys.argv[2], told)


if __name__ == "__main__":
    uvloop.run(main())
