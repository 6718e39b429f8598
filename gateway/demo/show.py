"""``kanal demo``: the whole gateway, its real doors, and citizens who write to them.

Nothing in here is a short cut: texts come by signed webhook, mails by SMTP, answers go out through
the channels' own senders to a phone company and a post office on this machine.
"""

import asyncio
import re
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from config.settings import Settings, load
from gateway import build, logs
from gateway.app import Kanal
from gateway.demo import post
from gateway.demo.phone import PhoneCompany
from gateway.demo.post import PostOffice
from gateway.demo.samples import BAD, MAIL, SAMPLES, SMS, TELEGRAM, Sample
from gateway.demo.telegram_double import BotServer
from gateway.store.views import ReportFile
from normalizer.tracking import mentions, written

ACCOUNT = "AC" + "0" * 32
NUMBER = "1708"
ADDRESS = "lapor@lapor.localhost"
BOT = "170800"
ANSWER = "Terima kasih, regu kami turun ke lokasi besok pagi."
WIDTHS = (8, 16, 58, 10)
WITHIN = 30.0
"""Seconds a message may take from the door to the citizen's receipt."""


class Demo:
    """One running demonstration."""

    def __init__(
        self, kanal: Kanal, phone: PhoneCompany, mails: PostOffice, bot: BotServer
    ) -> None:
        self.kanal = kanal
        self.bot = bot
        self.phone = phone
        self.mails = mails
        self.astray: list[str] = []
        self.sent = 0
        self._hook = f"{str(kanal.settings.server.public_url).rstrip('/')}/in/{SMS}"
        self._mail_port = 0

    async def run(self, mail_port: int) -> None:
        """Send everything and print what became of it."""
        self._mail_port = mail_port
        line("channel", "tracking number", "agency", "confidence")
        line(*("-" * width for width in WIDTHS))
        for number, sample in enumerate(SAMPLES):
            await self._follow(f"{sample.text[:40]!r}", self._sample(number, sample))
        for number, sample in enumerate(SAMPLES):
            channel = sample.channel
            if number and SAMPLES[number - 1].channel == channel:
                continue
            await self._follow(f"conversation by {channel}", self._converse(number, channel))
        for channel, fault, code in BAD:
            await self._bad(channel, fault, code)

    async def _sample(self, number: int, sample: Sample) -> None:
        who = citizen(sample.channel, number)
        said = await self._say(sample.channel, who, sample.text, sample.subject)
        tracking = next(mentions(said), "")
        if sample.then:
            note(sample.channel, f'asks back: "{said}"')
            said = await self._say(sample.channel, who, sample.then, f"Re: {sample.subject}")
        file = await self.kanal.desk.find(tracking) if tracking else None
        agency = assigned_to(file) or "triage"
        told(sample.channel, tracking, file)
        self._expect(agency == sample.expect, f"{sample.text[:40]!r}: {agency}")

    async def _follow(self, what: str, way: Awaitable[None]) -> None:
        """Follow one message; one that does not come back in time has gone astray."""
        try:
            await way
        except TimeoutError:
            self._expect(False, f"{what}: nothing came back within {WITHIN:g} s")

    async def _converse(self, number: int, channel: str) -> None:
        """Let an agency answer, and the citizen ask for the status."""
        who = citizen(channel, number)
        tracking = next(mentions(" ".join(self._heard(channel, who))), "")
        agency = assigned_to(await self.kanal.desk.find(tracking)) or ""
        if agency not in self.kanal.settings.delivery:
            self._expect(False, f"conversation by {channel}: no agency that could answer has it")
            return
        status = await self._agency_answers(agency, tracking)
        await self._hears(channel, who, ANSWER)
        note(channel, f"{agency} answers by API ({status}); the citizen hears: {ANSWER!r}")
        said = await self._say(channel, who, f"STATUS {written(tracking)}", "STATUS")
        note(channel, f'asks for the status: "{said}"')
        self._expect(status == 201 and ANSWER in said, f"conversation by {channel}")

    async def _agency_answers(self, agency: str, tracking: str) -> int:
        token = self.kanal.settings.delivery[agency].token
        assert token is not None
        base = str(self.kanal.settings.server.public_url).rstrip("/")
        url = f"{base}/agency/v1/reports/{tracking}/replies"
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        body = {"kind": "answer", "text": ANSWER}
        async with (
            aiohttp.ClientSession() as client,
            client.post(url, json=body, headers=headers) as answer,
        ):
            return answer.status

    async def _bad(self, channel: str, fault: str, code: int) -> None:
        self.sent += 1
        big = "x" * (self.kanal.settings.server.max_hook_bytes + 1)
        if channel == TELEGRAM:
            self.bot.waiting.append({"update_id": 1, "message": self.bot.message(1, "jalan rusak")})
            got = await self.bot.deliver(forge=True)
            self.bot.waiting.clear()
        elif channel == SMS:
            body = big if fault == "oversized" else "jalan rusak di Kota Medan"
            got = await self.phone.text(self._hook, "+628119999999", body, forge=fault == "forged")
        else:
            to = "siapa@lapor.localhost" if fault == "unknown recipient" else ADDRESS
            most = self.kanal.settings.mail_server.max_bytes
            text = "x" * 70 + "\n"
            text = text * (most // 70) if fault == "oversized" else text
            mail = post.written("warga@contoh.localhost", to, "uji", text)
            got = await asyncio.to_thread(post.send, mail, self._mail_port, to=to)
        line(channel, "-", f"refused with {got}: {fault}", "-")
        self._expect(got == code, f"{fault} by {channel} got {got} instead of {code}")

    async def _say(self, channel: str, who: str, text: str, subject: str) -> str:
        """Let a citizen write, and return what comes back."""
        self.sent += 1
        before = len(self._heard(channel, who))
        if channel == SMS:
            status = await self.phone.text(self._hook, who, text)
            self._expect(status == 200, f"{text[:30]!r} got {status}")
            await self.phone.wait_for(lambda _: len(self._heard(SMS, who)) > before, WITHIN)
        elif channel == TELEGRAM:
            status = await self.bot.say(int(who), text)
            self._expect(status == 200, f"{text[:30]!r} got {status}")
            await self.bot.wait_for(lambda _: len(self._heard(TELEGRAM, who)) > before, WITHIN)
        else:
            mail = post.written(who, ADDRESS, subject, text)
            code = await asyncio.to_thread(post.send, mail, self._mail_port)
            self._expect(code == 250, f"{subject!r} got {code}")
            await self.mails.wait_for(lambda *_: len(self._heard(MAIL, who)) > before, WITHIN)
        return self._heard(channel, who)[-1]

    async def _hears(self, channel: str, who: str, what: str) -> None:
        if channel == SMS:
            await self.phone.wait_for(lambda t: t.to == who and what in t.body, WITHIN)
        elif channel == TELEGRAM:
            await self.bot.wait_for(lambda s: str(s.chat) == who and what in s.text, WITHIN)
        else:
            fits = lambda to, mail: to == who and what in _text(mail)  # noqa: E731
            await self.mails.wait_for(fits, WITHIN)

    def _heard(self, channel: str, who: str) -> list[str]:
        """Return what a citizen was told so far."""
        if channel == SMS:
            return [text.body for text in self.phone.carried if text.to == who]
        if channel == TELEGRAM:
            return [sent.text for sent in self.bot.sent if str(sent.chat) == who]
        return [_text(mail) for to, mail in self.mails.kept if to == who]

    def _expect(self, right: bool, what: str) -> None:
        if not right:
            self.astray.append(what)


async def show(*, once: bool) -> int:
    """Run the demonstration; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="kanal-demo-") as folder:
        async with AsyncExitStack() as stack:
            phone = await stack.enter_async_context(
                PhoneCompany(secrets.token_hex(16), ACCOUNT, NUMBER)
            )
            mails = await stack.enter_async_context(PostOffice(load().mail_server))
            token = f"{BOT}:{secrets.token_urlsafe(24)}"
            bot = await stack.enter_async_context(BotServer(token))
            settings = _settings(Path(folder), phone, mails, bot)
            logs.set_up("ERROR", settings.log.format)
            if faults := build.faults(settings, None):
                sys.stderr.write("\n".join(map(str, faults)) + "\n")
                return 1
            kanal = Kanal(settings)
            demo = Demo(kanal, phone, mails, bot)
            try:
                return await _play(kanal, demo, once=once)
            finally:
                await kanal.stop()


async def _play(kanal: Kanal, demo: Demo, *, once: bool) -> int:
    ports = await kanal.start()
    assert ports.mail is not None
    await demo.bot.called()
    where = "RabbitMQ" if kanal.settings.broker.url else "the embedded queue"
    base = "PostgreSQL" if kanal.settings.database.url.startswith("postgres") else "SQLite"
    out(f"Kanal is up on {base} and {where}; SMS and Telegram by webhook, mail by SMTP.\n")
    await demo.run(ports.mail)
    sent = demo.sent
    if demo.astray:
        out(f"\n{len(demo.astray)} of {sent} went astray:")
        for what in demo.astray:
            out(f"  {what}")
    else:
        out(f"\nAll {sent} messages arrived where they should.")
    if not once:
        await _stay(kanal)
    return 1 if demo.astray else 0


async def _stay(kanal: Kanal) -> None:
    """Keep running, so that the console can be looked at."""
    password = secrets.token_urlsafe(9)
    await kanal.desk.set_password("demo", password)
    out(f"\nConsole: {kanal.settings.server.public_url}console  (name demo, password {password})")
    out("Stop with Ctrl-C.")
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    await told.wait()


def _settings(folder: Path, phone: PhoneCompany, mails: PostOffice, bot: BotServer) -> Settings:
    """Settings for this demonstration; what ``KANAL_`` variables say wins."""
    port = _free_port()
    agencies = {sample.expect for sample in SAMPLES} - {"triage"}
    channels: dict[str, dict[str, Any]] = {
        SMS: {
            "type": "twilio",
            "account_sid": ACCOUNT,
            "auth_tokens": [phone.auth_token],
            "number": NUMBER,
            "api_base": phone.url,
            "sends_per_second": 100,
        },
        TELEGRAM: {
            "type": "telegram",
            "token": bot.token,
            "secret_token": secrets.token_hex(16),
            "username": bot.username,
            "api_base": bot.url,
        },
        MAIL: {
            "type": "mail",
            "address": ADDRESS,
            "smtp_port": mails.port,
            "smtp_tls": "none",
            "sends_per_second": 100,
        },
    }
    return load(
        server={"data_dir": folder, "port": port, "public_url": f"http://127.0.0.1:{port}"},
        mail_server={"port": 0},
        channels=channels,
        delivery={agency: {"token": secrets.token_urlsafe(24)} for agency in agencies},
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def citizen(channel: str, number: int) -> str:
    """Return the address of the citizen who sends a sample."""
    if channel == TELEGRAM:
        return str(620_000 + number)
    return f"+62811{number:07d}" if channel == SMS else f"warga{number}@contoh.localhost"


def assigned_to(file: ReportFile | None) -> str | None:
    """Return the id of the agency a report is with."""
    assignment = file.report.assignment if file else None
    return assignment.agency.id if assignment and assignment.agency else None


def told(channel: str, tracking: str, file: ReportFile | None) -> None:
    """Print one message's line."""
    assignment = file.report.assignment if file else None
    agency = assignment.agency.name if assignment and assignment.agency else "(an operator decides)"
    sure = f"{assignment.confidence:.0%}" if assignment else "-"
    line(channel, written(tracking) if tracking else "-", agency, sure)


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


def _text(mail: Any) -> str:
    """Return what a mail says, on one line, without the marker above quoted text."""
    body = mail.get_body(("plain",)).get_content()
    return re.sub(r"\s+", " ", re.sub(r"^---.*?---\s*", "", body)).strip()
