"""The gateway under test: its settings, and its processes as an operator starts them."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults import senders

ROOT = Path(__file__).parents[1]
START = 180.0
"""Seconds within which a process is ready on a machine that has other things to do."""
STOP = 60.0
WEBHOOK_SECRET = b"faults-of-an-agency-00001"

SETTINGS = """\
[server]
public_url = "http://127.0.0.1:{web}"
port = {web}
data_dir = "{folder}/data"
max_connections = 2000
max_connections_per_peer = 2000
[database]
url = "{database}"
timeout = {timeout}
[broker]
url = "{broker}"
timeout = 3.0
[work]
batch = 20
retry_after = [0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 5.0, 10.0, 10.0, 10.0, 10.0]
lease = 30.0
[reconcile]
every_minutes = 0
[mail_server]
port = {mail}
max_connections = 400
max_connections_per_peer = 400
[log]
format = "json"
[channels.sms]
type = "twilio"
account_sid = "{account}"
auth_tokens = ["{auth_token}"]
number = "{number}"
api_base = "{sms}"
sends_per_second = 200
timeout = {provider_timeout}
[channels.email]
type = "mail"
address = "{address}"
smtp_port = {post}
smtp_tls = "none"
sends_per_second = 200
[channels.telegram]
type = "telegram"
token = "{bot}"
secret_token = "{bot_secret}"
api_base = "{bots}"
sends_per_second = 200
[channels.polled]
type = "telegram"
token = "{polled}"
mode = "polling"
api_base = "{bots}"
poll_timeout = 1
sends_per_second = 200
[channels.rest]
type = "rest"
[channels.rest.keys.mitra]
key_sha256 = "{key_digest}"
scopes = ["report", "read"]
per_minute = 100000
[delivery.6472-dinas-pu]
method = "queue"
[delivery.pln]
method = "queue"
[delivery.3273-dinas-lingkungan-hidup]
method = "inbox"
[delivery.3578-dinas-perhubungan]
method = "webhook"
url = "{agency}/hook"
secret = "whsec_{agency_secret}"
"""


@dataclass
class Process:
    """One process of the gateway; what it says is kept in ``log``."""

    arguments: tuple[str, ...]
    file: Path
    log: Path
    code: Path = ROOT
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None
    _reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Return the id of the running process."""
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, and return once it says that it is ready. Raises ``RuntimeError``."""
        ready = asyncio.Event()
        with self.log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", *self.arguments),
                cwd=self.file.parent,
                env=environment(self.code, self.file, self.settings),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=errors,
            )
        self._reading = asyncio.create_task(self._read(self._process, ready))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START):
                await ready.wait()
        if not ready.is_set() or self._process.returncode is not None:
            raise RuntimeError(f"{self.arguments} did not start:\n{self.said()}")

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to end, as a deployment does; return its exit status."""
        return await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it stand still."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def said(self) -> str:
        """Return the last of what it said."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def memory(self) -> float:
        """Return its resident memory in megabytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(how)
        try:
            async with asyncio.timeout(STOP):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading:
            await self._reading
        return self._process.returncode or 0

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        assert process.stdout
        with self.log.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                log.flush()
                if line.startswith(b"ready"):
                    ready.set()
        ready.set()  # it ended


def environment(code: Path, file: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process: nothing of the gateway's but what is given here."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("KANAL_")}
    return {
        **mine,
        "PYTHONPATH": str(code),
        "PYTHONUNBUFFERED": "1",
        "KANAL_CONFIG": str(file),
        **settings,
    }


async def command(code: Path, file: Path, *arguments: str, within: float = 300) -> tuple[int, str]:
    """Run a command of the gateway to its end; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        cwd=file.parent,
        env=environment(code, file, {}),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode(errors="replace")


def write_settings(file: Path, more: str = "", **values: object) -> None:
    """Write the settings of a gateway under test; ``more`` is appended."""
    known = {
        "account": senders.ACCOUNT,
        "auth_token": senders.AUTH_TOKEN,
        "number": senders.NUMBER,
        "address": senders.ADDRESS,
        "bot": senders.BOT_TOKEN,
        "bot_secret": senders.BOT_SECRET,
        "polled": senders.POLLED_TOKEN,
        "key_digest": senders.key_digest(),
        "timeout": 4.0,
        "provider_timeout": 8.0,
    }
    file.write_text(SETTINGS.format(**(known | values)) + more)


async def together(processes: Sequence[Process]) -> None:
    """Start processes at once, as a machine that boots would. Raises ``RuntimeError``."""
    results = await asyncio.gather(*(each.start() for each in processes), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
