"""Citizens and partners who write by every door, and try again as their providers do.

What a door answers with 2xx, 250 or, for a poll, by moving past it, is accepted: from then on it
is the gateway's to keep.
"""

import asyncio
import base64
import hmac
import json
import random
import smtplib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha1, sha256

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from faults.doubles import BotServer

DOORS = ("sms", "email", "telegram", "poll", "rest")
ACCOUNT = "AC" + "7" * 32
AUTH_TOKEN = "faults-of-a-provider-0001"
NUMBER = "1708"
BOT_TOKEN, POLLED_TOKEN = "700001:faults-hook", "700002:faults-poll"
BOT_SECRET = "faults-of-a-bot-0001"
PARTNER_KEY = "kanal_faults-of-a-partner"
ADDRESS = "lapor@lapor.localhost"
AGAIN = 0.5
"""Seconds after which what was not accepted is tried again."""
ANSWER_WITHIN = 15.0
"""Seconds that a provider waits for an answer, as Twilio does."""

MATTERS = (
    ("SAMARINDA jalan rusak parah depan pasar segiri, banyak lubang", "6472-dinas-pu"),
    ("Lampu jalan di kecamatan Wonocolo Surabaya mati sudah seminggu", "3578-dinas-perhubungan"),
    ("sampah di jalan gatot subroto kota bandung numpuk, bau", "3273-dinas-lingkungan-hidup"),
    ("listrik PLN padam terus tiap malam di Kab Kutai Kartanegara", "pln"),
)
"""What they write, and which agency must get it."""


@dataclass(slots=True)
class Sent:
    """One message of one citizen."""

    number: int
    door: str
    matter: int
    accepted: bool = False
    tries: int = 0
    seconds: float = 0.0
    """How long the answer took that accepted it."""

    @property
    def text(self) -> str:
        """What was written; the number finds it again wherever it is quoted."""
        return f"{MATTERS[self.matter][0]} (laporan {self.number})"

    @property
    def agency(self) -> str:
        """Who must get it."""
        return MATTERS[self.matter][1]

    @property
    def reader(self) -> tuple[str, str] | None:
        """Return channel and address of who must be answered; a partner comes and looks."""
        match self.door:
            case "sms":
                return "sms", f"+62812{self.number:08}"
            case "email":
                return "email", f"warga{self.number}@contoh.localhost"
            case "telegram" | "poll":
                return "telegram", str(500_000_000 + self.number)
        return None


@dataclass(frozen=True, slots=True)
class Doors:
    """Where they write to."""

    base: str
    mail_port: int


class Senders:
    """All who write; what they sent is in ``sent``. Use as ``async with``."""

    def __init__(self, doors: Doors, bots: BotServer, seed: int) -> None:
        self._doors, self._bots = doors, bots
        self.random = random.Random(seed)
        self.sent: list[Sent] = []
        self.refused: dict[str, int] = {}
        """How often each answer came that did not accept."""
        self._held: dict[int, int] = {}
        """Of what waits to be polled, its number with the bot server."""
        self._news = asyncio.Event()
        self._ways: dict[str, Callable[[Sent], Awaitable[str]]] = {
            "sms": self._sms,
            "email": self._email,
            "telegram": self._telegram,
            "poll": self._poll,
            "rest": self._rest,
        }

    async def __aenter__(self) -> "Senders":
        connector = TCPConnector(limit=0, force_close=True)
        self._http = ClientSession(connector=connector, timeout=ClientTimeout(ANSWER_WITHIN))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    def make(self, doors: Sequence[str]) -> Sent:
        """Let one more citizen think of something to write."""
        one = Sent(
            len(self.sent) + 1, self.random.choice(doors), self.random.randrange(len(MATTERS))
        )
        self.sent.append(one)
        return one

    async def many(self, count: int, doors: Sequence[str], *, at_once: int = 12) -> list[Sent]:
        """Let many write, each until it is accepted. Raises ``TimeoutError`` where one is not."""
        turn = asyncio.Semaphore(at_once)
        made = [self.make(doors) for _ in range(count)]

        async def one(sent: Sent) -> None:
            async with turn:
                await self.until_accepted(sent)

        async with asyncio.TaskGroup() as group:
            for sent in made:
                group.create_task(one(sent))
        return made

    async def until_accepted(self, sent: Sent, within: float = 240) -> None:
        """Try until it is accepted. Raises ``TimeoutError``."""
        until = time.monotonic() + within
        while not await self.try_once(sent):
            if time.monotonic() > until:
                raise TimeoutError(f"{sent.door} never took a message; {self.refused}")
            await asyncio.sleep(AGAIN)

    async def try_once(self, sent: Sent) -> bool:
        """Try to bring it; tell whether it was accepted."""
        begun = time.monotonic()
        sent.tries += 1
        try:
            said = await self._ways[sent.door](sent)
        except (ClientError, OSError, smtplib.SMTPException, TimeoutError) as error:
            said = type(error).__name__
        if said:
            self.refused[said] = self.refused.get(said, 0) + 1
        else:
            sent.accepted, sent.seconds = True, time.monotonic() - begun
            self._news.set()
        return not said

    async def accepted(self, count: int) -> None:
        """Return as soon as so many are accepted in all."""
        while sum(each.accepted for each in self.sent) < count:
            self._news.clear()
            await self._news.wait()

    async def sms(self, url: str, fields: dict[str, str]) -> int:
        """Call a webhook as Twilio does; return the status of the answer."""
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.digest(AUTH_TOKEN.encode(), signed.encode(), sha1)
        headers = {"X-Twilio-Signature": base64.b64encode(digest).decode()}
        async with self._http.post(url, data=fields, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def _sms(self, sent: Sent) -> str:
        fields = {
            "MessageSid": f"SM{sent.number:032x}",
            "AccountSid": ACCOUNT,
            "From": f"+62812{sent.number:08}",
            "To": NUMBER,
            "Body": sent.text,
            "NumMedia": "0",
            "ApiVersion": "2010-04-01",
        }
        status = await self.sms(f"{self._doors.base}/in/sms", fields)
        return "" if status == 200 else str(status)

    async def _email(self, sent: Sent) -> str:
        return await asyncio.to_thread(self._mail, sent)

    def _mail(self, sent: Sent) -> str:
        mail = EmailMessage()
        mail["From"], mail["To"] = f"warga{sent.number}@contoh.localhost", ADDRESS
        mail["Subject"], mail["Message-ID"] = "Laporan", f"<faults-{sent.number}@contoh.localhost>"
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail.set_content(sent.text)
        with smtplib.SMTP("127.0.0.1", self._doors.mail_port, timeout=ANSWER_WITHIN) as smtp:
            smtp.send_message(mail)
        return ""

    def update(self, sent: Sent) -> dict[str, object]:
        """Return a message as an update of the Bot API."""
        chat = 500_000_000 + sent.number
        who = {"id": chat, "is_bot": False, "first_name": "Warga"}
        return {
            "update_id": 1_000_000 + sent.number,
            "message": {
                "message_id": sent.number,
                "date": int(time.time()),
                "chat": {"id": chat, "type": "private", "first_name": "Warga"},
                "from": who,
                "text": sent.text,
            },
        }

    async def _telegram(self, sent: Sent) -> str:
        headers = {"X-Telegram-Bot-Api-Secret-Token": BOT_SECRET}
        url = f"{self._doors.base}/in/telegram"
        async with self._http.post(url, json=self.update(sent), headers=headers) as answer:
            await answer.read()
            return "" if answer.status == 200 else str(answer.status)

    async def _poll(self, sent: Sent) -> str:
        if sent.number not in self._held:
            self._held[sent.number] = await self._bots.hold(POLLED_TOKEN, self.update(sent))
        async with asyncio.timeout(60):
            await self._bots.fetched(POLLED_TOKEN, self._held[sent.number])
        return ""

    async def _rest(self, sent: Sent) -> str:
        headers = {
            "Authorization": f"Bearer {PARTNER_KEY}",
            "Idempotency-Key": f"faults-{sent.number}",
            "Content-Type": "application/json",
        }
        body = {"text": sent.text, "sender": {"id": f"warga-{sent.number}"}}
        url = f"{self._doors.base}/api/v1/reports"
        async with self._http.post(url, data=json.dumps(body), headers=headers) as answer:
            await answer.read()
            return "" if answer.status in (200, 201) else str(answer.status)


def key_digest() -> str:
    """Return what the settings hold of the partner's key."""
    return sha256(PARTNER_KEY.encode()).hexdigest()
