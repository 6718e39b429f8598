"""Citizens who write by text, through a provider that tries again as providers do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from smtplib import SMTPException
from typing import Any, TypeVar

from aiohttp import ClientError

from config.settings import load
from demo.phone import PhoneCompany
from demo.post import PostOffice
from gateway.assembly import assemble
from gateway.process import Kanal, Ports
from tests.services import free_ports

T = TypeVar("T")
ACCOUNT = "AC" + "5" * 32
ADDRESS = "lapor@lapor.localhost"
MATTERS = (
    ("SAMARINDA jalan rusak parah depan pasar segiri, banyak lubang", "6472-dinas-pu"),
    ("Lampu jalan di kecamatan Wonocolo Surabaya mati sudah seminggu", "3578-dinas-perhubungan"),
    ("sampah di jalan gatot subroto kota bandung numpuk, bau", "3273-dinas-lingkungan-hidup"),
    ("listrik PLN padam terus tiap malam di Kab Kutai Kartanegara", "pln"),
)
"""What they write, and who must get it."""
AGAIN = 0.5
"""Seconds after which the provider tries again what was not acknowledged."""

SETTINGS = """\
[server]
public_url = "http://127.0.0.1:{web}"
port = {web}
data_dir = "{folder}/data"
[database]
url = "{database}"
timeout = 8.0
[broker]
url = "{broker}"
timeout = 3.0
[work]
batch = 10
retry_after = [0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
lease = 4.0
[mail_server]
port = {mail}
max_connections_per_peer = 100
[log]
format = "json"
[channels.sms]
type = "twilio"
account_sid = "{account}"
auth_tokens = ["{token}"]
number = "1708"
api_base = "{api}"
sends_per_second = 400
[channels.email]
type = "mail"
address = "{address}"
smtp_port = {post}
smtp_tls = "none"
sends_per_second = 400
[delivery."6472-dinas-pu"]
method = "queue"
[delivery."3578-dinas-perhubungan"]
method = "queue"
[delivery."3273-dinas-lingkungan-hidup"]
method = "queue"
[delivery."pln"]
method = "queue"
"""


@dataclass
class Citizens:
    """They write; what was acknowledged, refused and tried again is noted here."""

    phone: PhoneCompany
    mails: PostOffice
    file: Path
    web: int
    mail: int
    acknowledged: set[str] = field(default_factory=set)
    """The provider's ids of what got 200 or 250."""
    refusals: list[str] = field(default_factory=list)
    """What came back instead, each time."""
    _count: int = 0

    @property
    def base(self) -> str:
        """Where the web role is."""
        return f"http://127.0.0.1:{self.web}"

    async def text(self, most_tries: int = 100) -> None:
        """Let one more citizen send one text, tried again by the provider until it is taken."""
        number, text = self._next()
        sid = f"SM{token_hex(16)}"

        async def call() -> bool:
            got = await self.phone.text(f"{self.base}/in/sms", f"+62812{number:08}", text, sid=sid)
            return self._took(sid, got, 200)

        await self._until_taken(call, most_tries)

    async def texts(self, count: int, at_once: int = 16) -> None:
        """Let many citizens send a text each, some at the same time."""
        turn = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with turn:
                await self.text()

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())

    def heard(self) -> list[str]:
        """Return who was answered, once for each answer that came through."""
        return [t.to for t in self.phone.carried] + [to for to, _ in self.mails.kept]

    def _next(self) -> tuple[int, str]:
        self._count += 1
        return self._count, f"{MATTERS[self._count % len(MATTERS)][0]} (laporan {self._count})"

    def _took(self, id: str, got: int, wanted: int) -> bool:
        if got == wanted:
            self.acknowledged.add(id)
        else:
            self.refusals.append(str(got))
        return got == wanted

    async def _until_taken(self, call: Callable[[], Awaitable[bool]], tries: int) -> None:
        for _ in range(tries):
            try:
                if await call():
                    return
            except (ClientError, SMTPException, OSError) as error:  # a time-out is an OSError
                self.refusals.append(type(error).__name__)
            await asyncio.sleep(AGAIN)
        raise AssertionError(f"never taken; lately: {self.refusals[-5:]}")


@asynccontextmanager
async def citizens(
    folder: Path, *, database: str = "", broker: str = ""
) -> AsyncIterator[Citizens]:
    """Open a phone company and a post office, and write the settings of a Kanal that uses them."""
    web, mail = free_ports(2)
    async with (
        PhoneCompany(token_hex(16), ACCOUNT, "1708") as phone,
        PostOffice(load().mail_server) as mails,
    ):
        written = SETTINGS.format(
            web=web,
            mail=mail,
            folder=folder,
            database=database,
            broker=broker,
            account=ACCOUNT,
            token=phone.auth_token,
            api=phone.url,
            address=ADDRESS,
            post=mails.port,
        )
        (folder / "kanal.toml").write_text(written)
        yield Citizens(phone, mails, folder / "kanal.toml", web, mail)


@asynccontextmanager
async def walking(file: Path, **overrides: Any) -> AsyncIterator[tuple[Kanal, Ports]]:
    """Run the whole gateway in this process, as ``kanal up`` would with these settings."""
    kanal = Kanal(assemble(load(file, **overrides), file))
    try:
        yield kanal, await kanal.start()
    finally:
        await kanal.stop()


async def found(look: Callable[[], Awaitable[T | None]], within: float = 40) -> T:
    """Return what ``look`` finds, as soon as it finds anything. Raises ``TimeoutError``."""
    async with asyncio.timeout(within):
        while True:
            if (what := await look()) is not None:
                return what
            await asyncio.sleep(0.02)
