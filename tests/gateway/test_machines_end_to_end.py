"""Dumb partners at the whole running gateway: by every door, and doubles of its providers."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from config.settings import load
from demo.door import Door
from demo.doors import ACCOUNT, MailDoor, TelegramDoor, WhatsAppDoor, XDoor
from demo.sms_center import SmppDoor
from demo.sms_gateway import SmsDoor
from gateway.assembly import assemble
from gateway.process import Kanal
from gateway.store.tables import messages
from gateway.wire.queues import WORK
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
        heard = {(p.door.name, p.name): len(p.told) - 1 for p in partners}
        assert all(heard.values()), heard  # the first message of each is answered
        assert max(heard.values()) <= MOST, heard
