"""``kanal demo``: the whole gateway, its real doors, and citizens who write to them.

Nothing in here is a short cut: messages come in by the doors that providers use, and answers go out
through the channels' own senders, to companies on this machine (``demo.doors``).
"""

import asyncio
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from config.settings import Settings, load
from demo.cast import DOORS
from demo.door import WITHIN, Door, Fault
from demo.doors import ways_in
from demo.month import GOVERNMENT, Month
from demo.samples import SAMPLES, Sample
from gateway import checks
from gateway.access.accounts import FROM_COMMAND_LINE
from gateway.access.passwords import HASHER
from gateway.access.roles import Role, system
from gateway.assembly import assemble
from gateway.platform import logs
from gateway.platform.clock import CaseClock
from gateway.process import Kanal
from gateway.store.scope import NATIONAL
from gateway.store.views import GrantRow, NewAccount, ReportFile
from normalizer.tracking import format_number, mentions

ANSWER = "Terima kasih, regu kami turun ke lokasi besok pagi."
WIDTHS = (8, 16, 58, 10)
ACCOUNTS = {
    "admin": [GrantRow(Role.ADMINISTRATOR, NATIONAL)],
    "operator": [GrantRow(Role.OPERATOR, NATIONAL, identity=True)],
    "koordinator": [GrantRow(Role.COORDINATOR, GOVERNMENT)],
    "petugas": [
        GrantRow(Role.OFFICER, f"{GOVERNMENT.replace('.', '')}-{kind}")
        for kind in ("dinas-pu", "dinas-perhubungan")
    ],
    "pimpinan": [GrantRow(Role.LEADER, GOVERNMENT)],
}
"""Who may log in to look at the demonstration: one of each role."""


class Demo:
    """One running demonstration."""

    def __init__(self, kanal: Kanal, doors: Sequence[Door]) -> None:
        self.kanal = kanal
        self.doors = {door.channel: door for door in doors}
        self.astray: list[str] = []
        self.sent = 0

    async def run(self) -> None:
        """Send everything and print what became of it."""
        line("channel", "tracking number", "agency", "confidence")
        line(*("-" * width for width in WIDTHS))
        for number, sample in enumerate(SAMPLES):
            await self._follow(f"{sample.text[:40]!r}", self._sample(number, sample))
        for channel, door in self.doors.items():
            first = next(n for n, sample in enumerate(SAMPLES) if sample.channel == channel)
            talk = self._converse(door, door.citizen(first))
            await self._follow(f"conversation by {channel}", talk)
        for door in self.doors.values():
            for fault, code in door.refused.items():
                await self._misuse(door, fault, code)

    async def _follow(self, what: str, way: Awaitable[None]) -> None:
        """Follow one message; one that does not come back in time has gone astray."""
        try:
            await way
        except TimeoutError:
            self._expect(False, f"{what}: nothing came back within {WITHIN:g} s")

    async def _sample(self, number: int, sample: Sample) -> None:
        door = self.doors[sample.channel]
        who = door.citizen(number)
        said = await self._say(door, who, sample.text, sample.subject)
        tracking = next(mentions(said), "")
        if sample.then:
            note(sample.channel, f'asks back: "{said}"')
            said = await self._say(door, who, sample.then, f"Re: {sample.subject}")
        file = (
            await self.kanal.services.operators.find(tracking, actor=system("demo"))
            if tracking
            else None
        )
        agency = assigned_to(file) or "triage"
        told(sample.channel, tracking, file)
        self._expect(agency == sample.expect, f"{sample.text[:40]!r}: {agency}")

    async def _converse(self, door: Door, who: str) -> None:
        """Let an agency answer, and the citizen ask for the status."""
        channel = door.channel
        tracking = next(mentions(" ".join(door.heard(who))), "")
        file = await self.kanal.services.operators.find(tracking, actor=system("demo"))
        agency = assigned_to(file) or ""
        if agency not in self.kanal.services.settings.delivery.agencies:
            self._expect(False, f"conversation by {channel}: no agency that could answer has it")
            return
        status = await self._agency_answers(agency, tracking)
        await door.until(lambda: any(ANSWER in said for said in door.heard(who)))
        note(channel, f"{agency} answers by API ({status}); the citizen hears: {ANSWER!r}")
        said = await self._say(door, who, f"STATUS {format_number(tracking)}", "STATUS")
        note(channel, f'asks for the status: "{said}"')
        self._expect(status == 201 and ANSWER in said, f"conversation by {channel}")

    async def _agency_answers(self, agency: str, tracking: str) -> int:
        token = self.kanal.services.methods[agency].block.token
        assert token is not None
        base = str(self.kanal.services.settings.server.public_url).rstrip("/")
        url = f"{base}/agency/v1/reports/{tracking}/replies"
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        body = {"kind": "answer", "text": ANSWER}
        async with (
            aiohttp.ClientSession() as client,
            client.post(url, json=body, headers=headers) as answer,
        ):
            return answer.status

    async def _misuse(self, door: Door, fault: Fault, code: int) -> None:
        self.sent += 1
        got = await door.misuse(fault)
        line(door.channel, "-", f"refused with {got}: {fault}", "-")
        self._expect(got == code, f"{fault} by {door.channel} got {got} instead of {code}")

    async def _say(self, door: Door, who: str, text: str, subject: str) -> str:
        """Let a citizen write, and return what comes back."""
        self.sent += 1
        before = len(door.heard(who))
        code = await door.say(who, text, subject)
        self._expect(code == door.ok, f"{text[:30]!r} got {code}")
        await door.until(lambda: len(door.heard(who)) > before)
        return door.heard(who)[-1]

    def _expect(self, right: bool, what: str) -> None:
        if not right:
            self.astray.append(what)


async def show(*, once: bool) -> int:
    """Run the demonstration; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="kanal-demo-") as folder:
        async with AsyncExitStack() as stack:
            doors = [door() for door in DOORS]
            for door in doors:
                await stack.enter_async_context(door.company)
            settings = _settings(Path(folder), doors)
            logs.set_up("ERROR", settings.log.format)
            parts, faults = checks.examine(settings, None)
            if faults:
                sys.stderr.write("\n".join(map(str, faults)) + "\n")
                return 1
            offset = Path(folder) / "clock"
            offset.write_text("0")
            clock = None if once else CaseClock(offset)
            kanal = Kanal(assemble(settings, parts=parts, now=clock))
            demo = Demo(kanal, doors)
            month = None if once else Month(kanal, demo.doors, offset, per_day=8, seed=1708)
            if month:
                month.begin()
            try:
                return await _play(kanal, demo, month)
            finally:
                await kanal.stop()


async def _play(kanal: Kanal, demo: Demo, month: Month | None) -> int:
    ports = await kanal.start()
    for door in demo.doors.values():
        await door.opened(kanal.services.settings, ports)
    where = "RabbitMQ" if kanal.services.settings.broker.url else "the embedded queue"
    base = "PostgreSQL" if kanal.services.settings.database.url.startswith("postgres") else "SQLite"
    out(f"Kanal is up on {base} and {where}; {ways_in(DOORS)}.\n")
    if month:
        out("A month of reports comes first, made up; it takes about a minute.")
        count = await month.play(out)
        out(f"{count} messages came in, and agencies worked on them.\n")
    await demo.run()
    if demo.astray:
        out(f"\n{len(demo.astray)} of {demo.sent} went astray:")
        for what in demo.astray:
            out(f"  {what}")
    else:
        out(f"\nAll {demo.sent} messages arrived where they should.")
    if month:
        await _stay(kanal)
    return 1 if demo.astray else 0


async def _stay(kanal: Kanal) -> None:
    """Keep running, so that the console can be looked at."""
    password = secrets.token_urlsafe(12)
    hashed = await asyncio.to_thread(HASHER.hash, password)
    for name, grants in ACCOUNTS.items():
        made = NewAccount(name, hashed, tuple(grants), FROM_COMMAND_LINE)
        await kanal.services.store.accounts.create(made)
    url = kanal.services.settings.server.public_url
    out(f"\nThe citizens' form: {url}")
    out(f"Console: {url}console  (password of all: {password})")
    for name, grants in ACCOUNTS.items():
        out(f"  {name:<14}{', '.join(f'{each.role} {each.scope}' for each in grants)}")
    out("Stop with Ctrl-C.")
    told = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    await told.wait()


def _settings(folder: Path, doors: Sequence[Door]) -> Settings:
    """Settings for this demonstration; what ``KANAL_`` variables say wins."""
    port = _free_port()
    agencies = {sample.expect for sample in SAMPLES} - {"triage"}
    return load(
        server={"data_dir": folder, "port": port, "public_url": f"http://127.0.0.1:{port}"},
        mail_server={"port": 0},
        channels={door.channel: door.block() for door in doors},
        delivery={agency: {"token": secrets.token_urlsafe(24)} for agency in agencies},
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assigned_to(file: ReportFile | None) -> str | None:
    """Return the id of the agency a report is with."""
    assignment = file.report.assignment if file else None
    return assignment.agency.id if assignment and assignment.agency else None


def told(channel: str, tracking: str, file: ReportFile | None) -> None:
    """Print one message's line."""
    assignment = file.report.assignment if file else None
    agency = assignment.agency.name if assignment and assignment.agency else "(an operator decides)"
    sure = f"{assignment.confidence:.0%}" if assignment else "-"
    line(channel, format_number(tracking) if tracking else "-", agency, sure)


def note(channel: str, text: str) -> None:
    """Print what happened beside."""
    out(f"{channel:<{WIDTHS[0]}}  · {text}")


def line(*cells: str) -> None:
    """Print one row."""
    out("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip())


def out(text: str) -> None:
    """Print."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
