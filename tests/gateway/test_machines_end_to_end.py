"""Dumb partners, and people who send again, at the whole running gateway: by every door, and
doubles of its providers."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from sqlalchemy import func, select

from config.settings import load
from demo import post
from demo.door import Door
from demo.doors import ACCOUNT, ADDRESS, MailDoor, TelegramDoor, WhatsAppDoor, XDoor
from demo.sms_center import SmppDoor
from demo.sms_gateway import SmsDoor
from gateway.assembly import assemble
from gateway.process import Kanal
from gateway.store.tables import messages
from gateway.wire.events import FOLLOWED_UP
from gateway.wire.queues import WORK
from normalizer.report import Report
from normalizer.tracking import mentions
from tests.gateway.making import ROAD, SOON
from tests.services import free_ports

ROUNDS, MOST = 25, 3
DOORS: tuple[type[Door], ...] = (SmsDoor, WhatsAppDoor, MailDoor, SmppDoor, TelegramDoor, XDoor)
PARTNERS: dict[str, Callable[[int, str], str]] = {
    "a fixed reply": lambda n, told: f"Salam, toko kami buka tiap hari. Antrean {n}",
    "an echoing gateway": lambda n, told: told,
    "somebody in a meeting": lambda n, told: "Maaf sedang rapat",
    "a responder without headers": lambda n, told: (
        f"Terima kasih, pesan Anda kami terima.\n\n> {told}"
    ),
}


@dataclass
class Partner:
    """One machine behind one door, which answers whatever it hears."""

    door: Door
    name: str
    who: str
    told: list[str] = field(default_factory=lambda: [""])
    rounds: int = 0

    async def say(self) -> None:
        begins = f"@{ACCOUNT} {ROAD}" if isinstance(self.door, XDoor) else ROAD
        text = PARTNERS[self.name](self.rounds, self.told[-1]) if self.rounds else begins
        self.rounds += 1
        assert await self.door.say(self.who, text, "Laporan") == self.door.ok

    def hears(self) -> bool:
        """Tell whether it was told anything since it spoke."""
        before, self.told = len(self.told) - 1, ["", *self.door.heard(self.who)]
        return len(self.told) - 1 > before


async def _settled(kanal: Kanal, count: int) -> None:
    """Wait until so many messages came and all that follows from them is done."""
    async with asyncio.timeout(3 * SOON):
        while True:
            async with kanal.services.store.database.read() as connection:
                came = (
                    await connection.execute(select(func.count()).select_from(messages))
                ).scalar()
            depths = await kanal.services.store.queue.depths()
            if came == count and not any(depths.get(queue) for queue in WORK):
                return
            await asyncio.sleep(0.02)


async def _photo(door: WhatsAppDoor, who: str, text: str, **extra: str) -> int:
    """Send a photo by WhatsApp, or a point where ``extra`` has one."""
    media = [] if extra else [door.company.picture(text.encode() + token_bytes(8))]
    return await door.company.text(door._hook, who, text, media=media, extra=extra)


async def _mail_with_file(door: MailDoor, who: str) -> int:
    mail = post.written(who, ADDRESS, "Laporan", ROAD)
    mail.add_attachment(b"foto", "image", "jpeg", filename="foto.jpg")
    assert door.ports.mail is not None
    return await asyncio.to_thread(post.send, mail, door.ports.mail, to=ADDRESS)


async def _resend(kanal: Kanal, doors: list[Door], said: int) -> int:
    """Send everything twice, the second time with more, and a thumb; nothing of it is lost.

    Returns how many messages that were.
    """
    by_name = {type(door): door for door in doors}
    chat, mail, sms = by_name[WhatsAppDoor], by_name[MailDoor], by_name[SmsDoor]
    telegram = by_name[TelegramDoor]
    assert isinstance(chat, WhatsAppDoor)
    assert isinstance(mail, MailDoor)
    assert isinstance(telegram, TelegramDoor)
    photo = [{"file_id": "f1", "file_unique_id": "u1", "width": 9, "height": 9, "file_size": 9}]
    point = {"Latitude": "-7.31", "Longitude": "112.73"}
    who = [
        door.citizen(900 + n) for n, door in enumerate([chat, mail, telegram, chat, sms, sms, sms])
    ]
    shows: list[Callable[[Report], object]] = [
        *[lambda report: len(report.attachments) == 1] * 3,
        lambda report: report.coordinates,
        lambda report: report.anonymous,
        lambda report: report.confidential,
        lambda report: report.anonymous,
    ]
    begun = [chat, mail, telegram, chat, sms, sms, sms]
    for door, each in zip(begun, who, strict=True):
        assert await door.say(each, ROAD, "Laporan") == door.ok
    await _settled(kanal, said + len(who))
    await _photo(chat, who[0], ROAD)
    await _mail_with_file(mail, who[1])
    await telegram.company.say(int(who[2]), caption=ROAD, photo=photo)
    await _photo(chat, who[3], ROAD, **point)
    for text, each in zip(
        (f"ANONIM {ROAD}", f"RAHASIA {ROAD}", f"{ROAD}. ANONIM"), who[4:], strict=True
    ):
        await sms.say(each, text, "")
    await _settled(kanal, said + 2 * len(who))
    for door, each, shown in zip(begun, who, shows, strict=True):
        number = next(mentions(door.heard(each)[0]))
        file = await kanal.services.store.reports.file(tracking=number)
        assert file is not None
        assert shown(file.report), (door.name, each)
        assert [delivery.event for delivery in file.deliveries].count(FOLLOWED_UP) == 1
        assert next(mentions(door.heard(each)[-1])) == number
    photographer = chat.citizen(990)
    for _ in range(4):
        await _photo(chat, photographer, "")
        said += 1
        await _settled(kanal, said + 2 * len(who))
    (told,) = chat.heard(photographer)
    file = await kanal.services.store.reports.file(tracking=next(mentions(told)))
    assert file is not None
    assert len(file.report.attachments) == 4
    before = {door.name: len(door.heard(door.citizen(995))) for door in doors}
    for door in doors:
        text = f"@{ACCOUNT}" if isinstance(door, XDoor) else "👍"
        await door.say(door.citizen(995), text, "")
    await _settled(kanal, said + 2 * len(who) + len(doors))
    assert {door.name: len(door.heard(door.citizen(995))) for door in doors} == before
    return 4 + 2 * len(who) + len(doors)


async def test_every_partner_stops_at_every_door(tmp_path: Path) -> None:
    web, mail = free_ports(2)
    async with AsyncExitStack() as stack:
        doors = [made() for made in DOORS]
        for door in doors:
            await stack.enter_async_context(door.company)
        settings = load(
            None,
            server={"public_url": f"http://127.0.0.1:{web}", "port": web, "data_dir": tmp_path},
            mail_server={"port": mail, "channel": MailDoor.channel},
            channels={door.channel: door.block() for door in doors},
        )
        kanal = Kanal(assemble(settings))
        ports = await kanal.start()
        stack.push_async_callback(kanal.stop)
        for door in doors:
            await door.opened(settings, ports)
        partners = [
            Partner(door, name, door.citizen(10 * place + number))
            for place, door in enumerate(doors)
            for number, name in enumerate(PARTNERS)
        ]
        talking, said = list(partners), 0
        for _ in range(ROUNDS):
            said += len(talking)
            for partner in talking:
                await partner.say()
            await _settled(kanal, said)
            talking = [partner for partner in talking if partner.hears()]
        assert talking == []
        said += await _resend(kanal, doors, said)
        heard = {(p.door.name, p.name): len(p.told) - 1 for p in partners}
        assert all(heard.values()), heard  # the first message of each is answered
        assert max(heard.values()) <= MOST, heard
