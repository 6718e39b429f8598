"""The demo's doors: for each channel a company that carries it, its settings, and its citizens."""

import asyncio
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from email.message import EmailMessage
from io import BytesIO
from itertools import groupby
from typing import Any

from PIL import Image

from config.settings import Settings, load
from demo import post
from demo.door import NOBODY, PLAIN, WITHIN, Door, Fault
from demo.phone import PhoneCompany
from demo.post import PostOffice
from demo.samples import MAIL, MMS, TELEGRAM, WHATSAPP, X
from demo.telegram_double import BotServer
from demo.x_double import Keys, Posted, XServer
from gateway.process import Ports

ADDRESS = "lapor@lapor.localhost"
ACCOUNT = "lapor_contoh"


class WhatsAppDoor(Door):
    """A phone company that calls a signed webhook."""

    channel, name, by = WHATSAPP, "WhatsApp", "webhook"
    refused = {"forged": 403, "oversized": 413}

    def __init__(self) -> None:
        account = "AC" + secrets.token_hex(16)
        self.company: PhoneCompany = PhoneCompany(
            secrets.token_hex(16), account, "whatsapp:+6281100001708"
        )

    def block(self) -> dict[str, Any]:
        return {
            "type": "twilio",
            "account_sid": self.company.account_sid,
            "auth_tokens": [self.company.auth_token],
            "number": self.company.number,
            "api_base": self.company.url,
            "sends_per_second": 100,
        }

    def citizen(self, number: int) -> str:
        return f"whatsapp:+62812{number:07d}"

    async def say(self, who: str, text: str, subject: str) -> int:
        profile = {"ProfileName": "Warga", "WaId": who.removeprefix("whatsapp:+")}
        return await self.company.text(self._hook, who, text, extra=profile)

    def heard(self, who: str) -> list[str]:
        return [text.body for text in self.company.carried if text.to == who]

    async def misuse(self, fault: Fault) -> int:
        size = self.settings.server.max_hook_bytes + 1 if fault == "oversized" else 0
        forge = fault == "forged"
        return await self.company.text(self._hook, NOBODY, PLAIN.ljust(size, "x"), forge=forge)

    @property
    def _hook(self) -> str:
        return f"{str(self.settings.server.public_url).rstrip('/')}/in/{self.channel}"


class MmsDoor(WhatsAppDoor):
    """The same company, another number, and a photo that it keeps behind a password."""

    channel, name = MMS, "MMS"
    refused = {"forged": 403}

    def __init__(self) -> None:
        account = "AC" + secrets.token_hex(16)
        self.company = PhoneCompany(secrets.token_hex(16), account, "+6281100001709")

    def citizen(self, number: int) -> str:
        return f"+62813{number:07d}"

    async def say(self, who: str, text: str, subject: str) -> int:
        photo = self.company.picture(_photo())
        return await self.company.text(self._hook, who, text, media=[photo])


class TelegramDoor(Door):
    """A Telegram that calls the webhook which the bot asked for."""

    channel, name, by = TELEGRAM, "Telegram", "webhook"
    refused = {"forged": 403}

    def __init__(self) -> None:
        self.company: BotServer = BotServer(f"170800:{secrets.token_urlsafe(24)}")

    def block(self) -> dict[str, Any]:
        return {
            "type": "telegram",
            "token": self.company.token,
            "secret_token": secrets.token_hex(16),
            "username": self.company.username,
            "api_base": self.company.url,
        }

    async def opened(self, settings: Settings, ports: Ports) -> None:
        await super().opened(settings, ports)
        await self.company.called(WITHIN)

    def citizen(self, number: int) -> str:
        return str(620_000 + number)

    async def say(self, who: str, text: str, subject: str) -> int:
        return await self.company.say(int(who), text)

    def heard(self, who: str) -> list[str]:
        return [sent.text for sent in self.company.sent if str(sent.chat) == who]

    async def misuse(self, fault: Fault) -> int:
        said = self.company.message(1, PLAIN)
        self.company.waiting.append({"update_id": 1, "message": said})
        code = await self.company.deliver(forge=fault == "forged")
        self.company.waiting.clear()
        return code


class XDoor(Door):
    """An X that is asked for new posts; a citizen goes on below our newest reply."""

    channel, name, by = X, "X", "polling"

    def __init__(self) -> None:
        bearer, key, secret, token, token_secret = (secrets.token_hex(16) for _ in range(5))
        keys = Keys(bearer, key, secret, f"1708001708-{token}", token_secret)
        self.company: XServer = XServer(keys, ACCOUNT)

    def block(self) -> dict[str, Any]:
        return {
            "type": "x",
            "username": ACCOUNT,
            **asdict(self.company.keys),
            "api_base": self.company.url,
            "every_seconds": 0.5,
            "sends_per_second": 100,
        }

    def citizen(self, number: int) -> str:
        return str(620_000 + number)

    async def say(self, who: str, text: str, subject: str) -> int:
        if replies := self._replies(who):
            self.company.post(who, f"@{ACCOUNT} {text}", reply_to=replies[-1].id)
        else:
            self.company.post(who, text)
        return self.ok

    def heard(self, who: str) -> list[str]:
        return [sent.text for sent in self._replies(who)]

    def _replies(self, who: str) -> list[Posted]:
        theirs = {post["id"] for post in self.company.posts.values() if post["author_id"] == who}
        return [sent for sent in self.company.sent if sent.reply_to in theirs]


class MailDoor(Door):
    """A post office that sends and takes mail by SMTP."""

    channel, name, by, ok = MAIL, "mail", "SMTP", 250
    refused = {"unknown recipient": 550, "oversized": 552}

    def __init__(self) -> None:
        self.company: PostOffice = PostOffice(load().mail_server)

    def block(self) -> dict[str, Any]:
        return {
            "type": "mail",
            "address": ADDRESS,
            "smtp_port": self.company.port,
            "smtp_tls": "none",
            "sends_per_second": 100,
        }

    def citizen(self, number: int) -> str:
        return f"warga{number}@contoh.localhost"

    async def say(self, who: str, text: str, subject: str) -> int:
        return await self._send(who, ADDRESS, subject, text)

    def heard(self, who: str) -> list[str]:
        return [_words(mail) for to, mail in self.company.kept if to == who]

    async def misuse(self, fault: Fault) -> int:
        to = "siapa@lapor.localhost" if fault == "unknown recipient" else ADDRESS
        most = self.settings.mail_server.max_bytes if fault == "oversized" else 0
        line = "x" * 70 + "\n"
        return await self._send(self.citizen(0), to, "uji", PLAIN + line * (most // 70))

    async def _send(self, who: str, to: str, subject: str, text: str) -> int:
        mail = post.written(who, to, subject, text)
        assert self.ports.mail is not None
        return await asyncio.to_thread(post.send, mail, self.ports.mail, to=to)


def ways_in(doors: Iterable[type[Door]]) -> str:
    """Name the channels by the way they come in: "SMS and MMS by webhook, X by polling"."""
    by_way = groupby(doors, lambda door: door.by)
    return ", ".join(f"{_listed([door.name for door in each])} by {way}" for way, each in by_way)


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _photo() -> bytes:
    """Take a picture: a grey road, in the format phones send."""
    written = BytesIO()
    Image.new("RGB", (640, 480), (96, 96, 96)).save(written, "JPEG")
    return written.getvalue()


def _words(mail: EmailMessage) -> str:
    """Return what a mail says, on one line, without the marker above quoted text."""
    body = mail.get_body(("plain",))
    assert body is not None
    return re.sub(r"\s+", " ", re.sub(r"^---.*?---\s*", "", body.get_content())).strip()
