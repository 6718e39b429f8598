"""A private Kannel in a folder of its own: bearerbox, smsbox, and a fake message centre.

The centre is Kannel's own ``fakesmsc``: phones write and read there.
"""

import asyncio
import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote_plus, unquote_to_bytes

from aiohttp import ClientSession

from tests.services.programs import end, free_ports, program

BEARERBOX = ("/usr/sbin/bearerbox",)
FAKESMSC = ("/usr/lib/kannel/test/fakesmsc",)
USER, PASSWORD = "kanal", "kata-sandi-kannel"
SETTINGS = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-file = {folder}/bearerbox.log
log-level = 1
sms-combine-concatenated-mo = {combines}

group = smsc
smsc = fake
smsc-id = fake
port = {centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log
log-level = 1
http-request-retry = 1000
http-queue-delay = 1

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "{get_url}"

group = sendsms-user
username = {user}
password = {password}
max-messages = 10
concatenation = true
"""
QUERY = "id=%I&from=%p&to=%P&text=%b&charset=%C&time=%T&udh=%u"
"""The query of ``get-url``, as docs/channels/sms.md has it."""
_BEGINNING = re.compile(r"\S+ \+?\d+ (?:udh|text|data|ucs-2) ")
_MESSAGE = re.compile(r"Got message \d+: <(?P<words>.*)>")


class Kannel:
    """One Kannel; ``start`` raises ``ServiceMissing``. ``hook`` is where it brings messages."""

    def __init__(self) -> None:
        self.admin, self.boxes, self.centre, self.sendsms = free_ports(4)
        self.folder = Path(tempfile.mkdtemp(prefix="kanal-kannel-"))
        self.received: list[tuple[str, str]] = []
        """What phones showed, oldest first: the number, and the text when all its parts came."""
        self._parts: dict[tuple[str, int], dict[int, str]] = {}
        self._written = self._sent = 0
        """Messages of phones: handed to the centre, and passed on by it."""
        self._running: list[subprocess.Popen[bytes]] = []
        self._phones: asyncio.subprocess.Process | None = None
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        atexit.register(self._end_all)

    @property
    def url(self) -> str:
        """Return where messages are sent to."""
        return f"http://127.0.0.1:{self.sendsms}/cgi-bin/sendsms"

    async def start(self, hook: str, *, combines: bool) -> None:
        """Start it; ``hook`` is our address with its token, ``combines`` joins parts in Kannel."""
        bearerbox = await asyncio.to_thread(program, BEARERBOX, "kannel")
        fakesmsc = await asyncio.to_thread(program, FAKESMSC, "kannel-extras")
        file = self.folder / "kannel.conf"
        file.write_text(
            SETTINGS.format(
                admin=self.admin,
                boxes=self.boxes,
                centre=self.centre,
                sendsms=self.sendsms,
                folder=self.folder,
                get_url=f"{hook}&{QUERY}",
                combines="true" if combines else "false",
                user=USER,
                password=PASSWORD,
            )
        )
        await asyncio.to_thread(self._run, bearerbox, file, self.boxes)
        smsbox = str(Path(bearerbox).with_name("smsbox"))
        await asyncio.to_thread(self._run, smsbox, file, self.sendsms)
        self._phones = await asyncio.create_subprocess_exec(
            fakesmsc, "-i", "0.01", "-r", str(self.centre),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read_phones(), name="read phones")
        await self._until_connected()

    async def write(self, who: str, to: str, kind: str, *words: bytes) -> None:
        """Let a phone write: ``text``, ``ucs2`` (octets), ``udh-text`` (a header, then words)."""
        assert self._phones is not None
        assert self._phones.stdin is not None
        *encoded, last = words
        literal = last.decode() if kind.endswith("text") else quote_plus(last)
        said = [*map(quote_plus, encoded), literal]
        self._phones.stdin.write(" ".join([who, to, kind, *said]).encode() + b"\n")
        await self._phones.stdin.drain()
        # The centre reads a second line only when a third comes: one at a time.
        self._written += 1
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self._sent >= self._written)

    async def until(self, count: int, within: float = 30) -> Sequence[tuple[str, str]]:
        """Wait until phones showed so many messages. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def close(self) -> None:
        """End it and remove its folder."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._phones and self._phones.returncode is None:
            self._phones.kill()
            await self._phones.wait()
        await asyncio.to_thread(self._end_all)

    async def _until_connected(self) -> None:
        """Wait until smsbox and centre are bearerbox's: what comes before that may wait long."""
        url = f"http://127.0.0.1:{self.admin}/status.txt?password={PASSWORD}"
        async with asyncio.timeout(20), ClientSession() as client:
            while True:
                async with client.get(url) as answer:
                    said = await answer.text()
                if re.search(r"smsbox.*on-line", said) and re.search(r"fake.*online", said):
                    return
                await asyncio.sleep(0.02)

    def _run(self, box: str, file: Path, port: int) -> None:
        with (self.folder / "out").open("ab") as out:
            started = subprocess.Popen(
                [box, str(file)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        self._running.append(started)
        deadline = time.monotonic() + 20
        while not _listens(port):
            if started.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "out").read_text(errors="replace")
                raise RuntimeError(f"{box} did not start: {said[-2000:]}")
            time.sleep(0.02)

    async def _read_phones(self) -> None:
        assert self._phones is not None
        assert self._phones.stderr is not None
        async for line in self._phones.stderr:
            said = line.decode("latin-1")
            async with self._news:
                if found := _MESSAGE.search(said):
                    self._take(found["words"])
                self._sent += "fakesmsc: sent message" in said
                self._news.notify_all()

    def _take(self, words: str) -> None:
        if _BEGINNING.match(words):
            self._show(*_message(words.split(" ")))
        else:  # a line break in a text ends a message of the centre's own protocol
            to, text = self.received[-1]
            self.received[-1] = to, f"{text}\n{words}"

    def _show(self, to: str, header: bytes, text: str) -> None:
        mark, total, number = header[3:6] if header else (0, 1, 1)
        parts = self._parts.setdefault((to, mark), {})
        parts[number] = text
        if len(parts) == total:
            self.received.append((to, "".join(parts[n] for n in sorted(parts))))
            del self._parts[to, mark]

    def _end_all(self) -> None:
        for box in reversed(self._running):
            end(box.pid, signal.SIGKILL)  # a bearerbox waits for its phones when it is asked
            box.wait()
        self._running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self._end_all)


def _message(words: list[str]) -> tuple[str, bytes, str]:
    """Read "sender receiver [udh HEADER] kind WORDS" as fakesmsc tells it."""
    _, receiver, *rest = words
    header = b""
    if rest[0] == "udh":
        header, rest = _octets(rest[1]), rest[2:]
    codec = "utf-16-be" if rest[0] == "ucs-2" else "utf-8"
    return receiver, header, _octets(" ".join(rest[1:])).decode(codec, "surrogatepass")


def _octets(written: str) -> bytes:
    return unquote_to_bytes(written.replace("+", " "))


def _listens(port: int) -> bool:
    """Tell whether somebody listens; asked of the kernel, for a box counts who connects."""
    wanted = f"{port:04X}"
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{os.getpid()}/net/tcp").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A" and local.rpartition(":")[2] == wanted:
                return True
    return False
