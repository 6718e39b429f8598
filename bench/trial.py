"""One run of one contestant: start it, load it, wait until all has arrived, and read the meters."""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.stacks import Ground, Stack
from bench.usage import cpu_seconds, peak_rss

ROOT = Path(__file__).parent.parent
LOOK = 0.1
"""Seconds between two looks at what has arrived."""
WARM = 100
"""Messages sent before anything is measured: imports, connections, prepared statements."""
START = 60.0
"""Seconds a contestant may take to open its door, and to end."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is. ``seconds`` bounds the load, and again the wait for what is under way."""

    messages: int
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run of one contestant came to. CPU is in microseconds per arrived report."""

    contestant: str
    accepted: int
    refused: int
    arrived: int
    reports_per_second: float
    """From the first byte sent until the last report was seen in an agency's queue."""
    acks_per_second: float
    ack_p50_ms: float
    ack_p99_ms: float
    cpu_us: dict[str, float]
    peak_rss_mb: dict[str, float]


class Failed(Exception):
    """A contestant did not start, or nothing of what was sent arrived."""


async def trial(stack: Stack, contestant: str, size: Size) -> Trial:
    """Run one contestant once. Raises ``Failed``."""
    async with stack.ground() as ground, AsyncExitStack() as running:
        processes = {
            role: await running.enter_async_context(
                _process("bench.serve", contestant, role, **ground.environment)
            )
            for role in stack.roles
        }
        pids = {role: process.pid for role, process in processes.items()}
        port = sum([await _port(process) for process in processes.values()])
        await _loaded(ground, port, 0, replace(size, messages=WARM))
        meters = {**pids, **stack.services}
        before = {name: cpu_seconds(pid) for name, pid in meters.items()}
        load, arrived, at = await _loaded(ground, port, WARM, size)
        spent = {name: cpu_seconds(pid) - before[name] for name, pid in meters.items()}
        rss = {name: peak_rss(pid) for name, pid in pids.items()}
    if not arrived:
        raise Failed(f"{contestant}: nothing arrived; statuses {load['statuses']}")
    return _result(contestant, load, arrived, at, spent, rss)


async def _loaded(
    ground: Ground, port: int, first: int, size: Size
) -> tuple[dict[str, Any], int, float]:
    """Run the load; return what it saw, how much arrived, and when the last of it did."""
    command = ("bench.load", port, first, size.messages, size.connections, size.seconds)
    load: dict[str, Any] = {}
    arrived, at, until = 0, 0.0, float("inf")
    async with _process(*map(str, command)) as process:
        assert process.stdout is not None
        reading = asyncio.create_task(process.stdout.read())
        while time.monotonic() < until and not (load and arrived >= _accepted(load)):
            await asyncio.sleep(LOOK)
            if (found := await ground.arrived() - first) > arrived:
                arrived, at = found, time.monotonic()
            if reading.done() and not load:
                load = json.loads(reading.result() or b"{}")
                until = time.monotonic() + size.seconds
                if not load:
                    raise Failed("the load died")
    return load, arrived, at


def _accepted(load: Mapping[str, Any]) -> int:
    return int(load["statuses"].get("200", 0))


def _result(
    contestant: str,
    load: Mapping[str, Any],
    arrived: int,
    at: float,
    spent: Mapping[str, float],
    rss: dict[str, float],
) -> Trial:
    waits = [1000 * wait for wait in load["waits"]]
    accepted = _accepted(load)
    return Trial(
        contestant=contestant,
        accepted=accepted,
        refused=len(waits) - accepted,
        arrived=arrived,
        reports_per_second=arrived / (at - load["began"]),
        acks_per_second=accepted / (load["ended"] - load["began"]),
        ack_p50_ms=median(waits),
        ack_p99_ms=quantiles(waits, n=100, method="inclusive")[-1],
        cpu_us={name: 1e6 * seconds / arrived for name, seconds in spent.items()},
        peak_rss_mb=rss,
    )


@asynccontextmanager
async def _process(module: str, *arguments: str, **environment: str) -> AsyncIterator[Process]:
    """Run a module of ours; it is ended at the end. What it said to stderr is shown if it died."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KANAL_")}
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments,
            cwd=ROOT, env={**clean, **environment}, stdout=PIPE, stderr=said,
        )  # fmt: skip
        try:
            yield process
        finally:
            died = process.returncode
            await _end(process)
            said.seek(0)
            if died or process.returncode:
                sys.stderr.write(said.read()[-4000:].decode(errors="replace"))


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(START):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _port(process: Process) -> int:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START):
            return int(await process.stdout.readline())
    except (TimeoutError, ValueError):
        raise Failed("a contestant did not open its door") from None
