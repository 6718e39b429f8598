"""A gateway under test with all its other ends, on one of several stacks."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from faults.checker import Before, Checker, Database
from faults.doubles import AgencySystem, BotServer, MailBox, SmsProvider
from faults.ground import Ground, build
from faults.senders import ACCOUNT, MATTERS, NUMBER, Doors, Senders
from faults.system import ROOT, WEBHOOK_SECRET, Process, command, together, write_settings
from tests.services import free_ports

SETTLE = 150.0
"""Seconds without any progress after which what is still to be done counts as lost."""
LOOK = 0.2
ROLES = {
    "web": "web",
    "mail": "mail",
    "poller": "poller",
    "worker-1": "worker",
    "worker-2": "worker",
}
"""The processes of a gateway that is apart, and the role of each."""
QUEUES = tuple(f"agency.{agency}" for _, agency in MATTERS)


@dataclass
class World:
    """What a row strikes at."""

    folder: Path
    code: Path
    stack: str
    processes: dict[str, Process]
    senders: Senders
    checker: Checker
    sms: SmsProvider
    bots: BotServer
    mails: MailBox
    agency: AgencySystem
    base: str
    mail_port: int
    ground: Ground
    notes: list[str] = field(default_factory=list)
    """What a row noticed by the way."""

    async def health(self, path: str = "/health") -> tuple[int, dict[str, Any]]:
        """Ask the gateway how it is; (0, {}) where it does not answer."""
        try:
            async with (
                ClientSession(timeout=ClientTimeout(20)) as http,
                http.get(f"{self.base}{path}") as answer,
            ):
                return answer.status, await answer.json()
        except (ClientError, OSError, ValueError):
            return 0, {}

    async def well(self, within: float = 120) -> None:
        """Return once the gateway says that it takes messages. Raises ``TimeoutError``.

        Its dead letters are no reason to wait: poison has its place there.
        """
        until = time.monotonic() + within
        while (said := await self.health("/health/ready"))[0] != 200:
            if time.monotonic() > until:
                raise TimeoutError(f"the gateway does not get well: {said}")
            await asyncio.sleep(LOOK)

    async def settled(self, before: Before, sent: Sequence[Any]) -> dict[str, int]:
        """Wait until nothing is left to do, or nothing moves any more; return what is left."""
        seen: dict[str, int] = {}
        moved = time.monotonic()
        while time.monotonic() - moved < SETTLE:
            accepted = sum(each.accepted for each in sent)
            try:
                left = await asyncio.to_thread(self.checker.open, before, accepted)
            except OSError:
                left = {"the database does not answer": 1}
            if not left:
                return {}
            if left != seen:
                seen, moved = left, time.monotonic()
            await asyncio.sleep(LOOK)
        return seen

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the gateway."""
        return await command(self.code, self.folder / "kanal.toml", *arguments)


def children(pid: int) -> list[int]:
    """Return a process and all that it started."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(stat[1]), []).append(int(name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """Let a process and all that it started stand still."""
    stopped = children(pid)
    try:
        for each in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)
        yield
    finally:
        for each in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


@asynccontextmanager
async def world(
    stack: str,
    *,
    seed: int,
    code: Path = ROOT,
    roles: Sequence[str] = tuple(ROLES),
    say: Callable[[str], None] = print,
) -> AsyncIterator[World]:
    """Build a world and start the gateway in it. Raises ``ServiceMissing``."""
    async with AsyncExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="kanal-faults-"))
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "data").mkdir(mode=0o700)
        web, mail = free_ports(2)
        sms = await ends.enter_async_context(SmsProvider(ACCOUNT, NUMBER))
        bots = await ends.enter_async_context(BotServer())
        mails = await ends.enter_async_context(MailBox())
        agency = await ends.enter_async_context(AgencySystem(WEBHOOK_SECRET))
        senders = await ends.enter_async_context(
            Senders(Doors(f"http://127.0.0.1:{web}", mail), bots, seed)
        )
        say(f"starting what a gateway stands on: {stack}")
        ground = await build(stack, folder / "data", ends)
        write_settings(
            folder / "kanal.toml",
            web=web,
            mail=mail,
            folder=folder,
            database=ground.database,
            broker=ground.broker,
            sms=sms.url,
            bots=bots.url,
            post=mails.port,
            agency=agency.url,
            agency_secret=b64encode(WEBHOOK_SECRET).decode(),
        )
        names = (
            {name: ("run", ROLES[name]) for name in roles}
            if ground.broker
            else {"gateway": ("up",)}
        )
        processes = {
            name: Process(arguments, folder / "kanal.toml", folder / f"{name}.log", code)
            for name, arguments in names.items()
        }
        built = World(
            folder=folder,
            code=code,
            stack=stack,
            processes=processes,
            senders=senders,
            checker=Checker(
                Database(ground.reading),
                answers=lambda: (*sms.texts, *bots.texts, *mails.texts),
                calls=lambda: tuple(agency.calls),
                queues=ground.amqp if ground.broker else None,
            ),
            sms=sms,
            bots=bots,
            mails=mails,
            agency=agency,
            base=f"http://127.0.0.1:{web}",
            mail_port=mail,
            ground=ground,
        )
        for process in processes.values():
            ends.push_async_callback(process.kill)
        say(f"starting {', '.join(processes)}")
        if ground.broker:
            status, said = await built.command("migrate")
            if status:
                raise RuntimeError(f"kanal migrate: {said}")
        await together(list(processes.values()))
        await built.well()
        yield built
