"""Kanal as an operator runs it: real processes, ended one by one by their own ids."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[2]
START = 120.0
"""Seconds within which a role is ready on a machine that has other things to do."""


def surroundings(file: Path | None, **settings: str) -> dict[str, str]:
    """Return the environment of a process: nothing of Kanal's but what is given here."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("KANAL_")}
    mine |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | settings
    return mine | ({"KANAL_CONFIG": str(file)} if file else {})


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command that came to its end said."""

    status: int
    out: str
    err: str


async def kanal(
    *arguments: str,
    file: Path | None = None,
    folder: Path,
    given: str = "",
    within: float = 200,
    settings: Mapping[str, str] | None = None,
) -> Ended:
    """Run one command of Kanal to its end, in ``folder``; ``given`` is its standard input."""
    with TemporaryFile() as out, TemporaryFile() as err:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *arguments),
            cwd=folder,
            env=surroundings(file, **(settings or {})),
            stdin=PIPE,
            stdout=out,
            stderr=err,
        )
        late = False
        try:
            async with asyncio.timeout(within):
                await process.communicate(given.encode())
        except TimeoutError:
            late = True
        finally:
            await _end(process)
        for said in (out, err):
            said.seek(0)
        ended = Ended(process.returncode or 0, out.read().decode(), err.read().decode())
    assert not late, f"{arguments} did not end within {within:g} s: {ended}"
    return ended


@dataclass
class Running:
    """One process of Kanal that stays; its words end up in ``log``."""

    arguments: tuple[str, ...]
    file: Path
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None
    _reading: asyncio.Task[None] | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Start it, and return once it says that it is ready."""
        self._ready = asyncio.Event()
        with self.log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", *self.arguments),
                cwd=self.file.parent,
                env=surroundings(self.file, **self.settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=errors,
            )
        self._reading = asyncio.create_task(self._read(self._process))
        try:
            async with asyncio.timeout(START):
                await self._ready.wait()
        except TimeoutError:
            raise AssertionError(f"{self.arguments} never got ready:\n{self.said()}") from None
        assert self._process.returncode is None, self.said()

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process
        assert self._process.returncode is None, f"{self.arguments} died alone:\n{self.said()}"
        self._process.kill()
        await self._gone()

    async def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        assert self._process
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(START):
                await self._process.wait()
        finally:
            await _end(self._process)
        await self._gone()
        return self._process.returncode or 0

    async def close(self) -> None:
        """End it however it is."""
        if self._process:
            await _end(self._process)
            await self._gone()

    def said(self) -> str:
        """Return the last of what it said, for the reader of a failed test."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    async def _gone(self) -> None:
        assert self._process
        await self._process.wait()
        if self._reading:
            await self._reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        with self.log.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                log.flush()
                if line.startswith(b"ready"):
                    self._ready.set()
        self._ready.set()  # it ended: whoever waits must look why


@asynccontextmanager
async def processes(file: Path, *roles: tuple[str, ...]) -> AsyncIterator[list[Running]]:
    """Start Kanal's commands at the same moment, as a machine that boots would."""
    started = [Running(role, file, file.parent / f"{'-'.join(role)}.log") for role in roles]
    try:
        await asyncio.gather(*(process.start() for process in started))
        yield started
    finally:
        for process in started:
            await process.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
