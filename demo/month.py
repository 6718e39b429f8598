"""A month of reports, made up but believable, so that the demonstration opens on work to be done.

What citizens write is put together from sentences and true places, by a seed. It comes in by the
real doors while the case clock goes through the month; agencies' officers do what officers do: some
answer soon, some late, one refuses, some read nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo.door import Door
from demo.samples import MAIL, SMS, TELEGRAM, WHATSAPP
from gateway.access.roles import Actor, Grant, Role
from gateway.casework.conflicts import Conflict
from gateway.process import Kanal
from gateway.wire.queues import DELIVERIES, REPORTS
from normalizer.gazetteer import Gazetteer
from normalizer.message import Level
from normalizer.report import Agency, Outcome

GOVERNMENT = "62.01"
"""Whose month it is: Kotawaringin Barat. A fifth of the reports comes from elsewhere."""
ELSEWHERE = ("64.72", "35.78", "32.73", "73.71", "62.71")
DAYS = 30
CHANNELS = (SMS, SMS, SMS, WHATSAPP, WHATSAPP, TELEGRAM, MAIL)
MATTERS: Sequence[Sequence[str]] = (
    (
        "jalan di {place} berlubang besar, semalam ada motor jatuh",
        "aspal jalan {place} terkelupas sejak musim hujan, truk susah lewat",
        "jembatan kayu di {place} papannya lapuk, anak sekolah takut menyeberang",
    ),
    (
        "lampu jalan di {place} mati sudah {days} hari, gelap sekali kalau malam",
        "lampu PJU depan pasar {place} berkedip terus lalu padam",
    ),
    (
        "sampah di {place} tidak diangkut {days} hari, baunya sampai ke rumah",
        "ada yang membuang sampah ke sungai di {place}, airnya jadi hitam",
    ),
    (
        "air PDAM di {place} tidak mengalir {days} hari, kami beli air galon terus",
        "air ledeng di {place} keruh dan bau, tidak bisa dipakai memasak",
    ),
    (
        "listrik PLN di {place} padam tiap malam, alat elektronik warga rusak",
        "kabel listrik PLN di {place} menjuntai rendah dekat rumah warga",
    ),
    (
        "puskesmas di {place} tutup padahal masih jam kerja",
        "antrean di puskesmas {place} dari pagi sampai siang belum dilayani",
    ),
    (
        "KTP elektronik saya di {place} sudah {days} hari belum jadi, kapan bisa diambil",
        "mengurus akta kelahiran di {place} disuruh bolak-balik terus",
    ),
    (
        "atap SD negeri di {place} bocor, anak-anak belajar sambil kehujanan",
        "guru SMP di {place} sering tidak masuk, murid pulang lebih cepat",
    ),
    (
        "parit di {place} mampet, setiap hujan air masuk ke rumah warga",
        "banjir di {place} sudah {days} hari belum surut karena gorong-gorong tersumbat",
    ),
    (
        "truk sawit melebihi muatan lewat {place} tiap hari, jalan desa hancur",
        "rambu lalu lintas di simpang {place} hilang, sering hampir tabrakan",
    ),
    (
        "bantuan PKH di {place} belum cair {days} hari, tetangga lain sudah",
        "pupuk subsidi di {place} kosong, petani bingung mau tanam",
    ),
)
"""What is wrong, one row a topic."""
OPENINGS = (
    "",
    "",
    "",
    "Pak, ",
    "Assalamualaikum, ",
    "Mohon izin lapor, ",
    "min, ",
    "Selamat pagi, ",
)
ENDINGS = (
    ". Mohon ditindaklanjuti",
    ", tolong diperbaiki ya",
    ". Terima kasih",
    ", sudah lapor RT belum ada hasil",
    "",
)
SHORT = (("tidak", "gak"), ("sudah", "udh"), ("dan", "dn"), ("yang", "yg"), ("terus", "trs"))
"""As people write on a phone."""


FIRST = 5_000
"""The number of the first citizen of the month; those before it send the samples."""
SETTLED = (REPORTS, DELIVERIES)
PLANS: Sequence[tuple[int, Sequence[tuple[str, bool]]]] = (
    (30, (("answer", True),)),
    (20, (("verify", True), ("answer", False))),
    (14, (("progress", True), ("answer", False))),
    (8, (("progress", True),)),
    (4, (("ask", True),)),
    (4, (("refuse", True),)),
    (20, ()),
)
"""What agencies do with a report: how often of a hundred, which acts, and whether soon or late."""
WORDS: Mapping[str, Sequence[str]] = {
    "answer": (
        "Petugas kami sudah ke lokasi dan pekerjaannya selesai. Terima kasih atas laporannya.",
        "Laporan sudah ditangani hari ini. Silakan kabari kami bila masih ada kendala.",
        "Sudah kami periksa dan perbaiki. Mohon maaf atas ketidaknyamanannya.",
    ),
    "progress": (
        "Laporan sudah kami terima. Petugas turun ke lokasi pekan ini.",
        "Sedang kami kerjakan; bahan sudah dipesan.",
    ),
    "ask": (
        "Boleh disebutkan patokan terdekat dari lokasinya?",
        "Sejak tanggal berapa hal ini terjadi?",
    ),
    "refuse": ("Ini bukan kewenangan kami, mohon diteruskan ke instansi yang berwenang.",),
}


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """An act of an agency, and the day on which it does it."""

    day: int
    act: str


@dataclass(frozen=True, slots=True)
class MonthMessage:
    """One message of the month: on which of its days it comes, by which channel."""

    day: int
    channel: str
    text: str
    subject: str


def messages(gazetteer: Gazetteer, per_day: int, seed: int) -> Iterator[MonthMessage]:
    """Yield the messages of a month in their order; some hide their writer's name."""
    draw = Random(seed)
    near, far = _places(gazetteer, (GOVERNMENT,)), _places(gazetteer, ELSEWHERE)
    for day in range(DAYS):
        for _ in range(max(1, round(draw.gauss(per_day, per_day / 4)))):
            place = draw.choice(near if draw.random() < 0.8 else far)
            yield _message(draw, day, place)


def _message(draw: Random, day: int, place: str) -> MonthMessage:
    channel = draw.choice(CHANNELS)
    matter = draw.choice(draw.choice(MATTERS)).format(place=place, days=draw.randint(2, 20))
    text = draw.choice(OPENINGS) + matter + draw.choice(ENDINGS)
    if channel == SMS:
        for word, written in SHORT:
            text = text.replace(f" {word} ", f" {written} ")
    if draw.random() < 0.08:
        text = f"ANONIM {text}"
    if channel == TELEGRAM:
        text = f"/lapor {text}"
    subject = matter.partition(",")[0][:60].capitalize() if channel == MAIL else ""
    return MonthMessage(day, channel, text, subject)


def _places(gazetteer: Gazetteer, codes: Sequence[str]) -> list[str]:
    """Name villages as people do: with their district, and what lies above."""
    found = []
    for village in gazetteer.regions(Level.VILLAGE):
        if village.code[:5] in codes:
            district, above = gazetteer.parents(village.code)[:2]
            found.append(f"{village.name}, {district.name}, {above.name}")
    return found


class Month:
    """Plays a month on a running gateway, whose case clock the file ``offset`` moves."""

    def __init__(
        self, kanal: Kanal, doors: Mapping[str, Door], offset: Path, *, per_day: int, seed: int
    ) -> None:
        self._kanal = kanal
        self._doors = doors
        self._offset = offset
        self._messages = list(messages(kanal.services.parts.gazetteer, per_day, seed))
        self._draw = Random(seed)
        self._plans: dict[str, list[PlannedAct]] = {}
        """What the agency of each report will do, by the report's id."""

    def begin(self) -> None:
        """Set the clock to the first day, before anything has come in."""
        self._turn_to(0)

    async def play(self, told: Callable[[str], None]) -> int:
        """Go through the month day by day; return how many messages came in."""
        for day in range(DAYS):
            self._turn_to(day)
            for number, each in enumerate(self._messages):
                if each.day == day:
                    door = self._doors[each.channel]
                    await door.say(door.citizen(FIRST + number), each.text, each.subject)
            await self._settled()
            await self._agencies_work(day)
            if day % 5 == 4:
                told(f"day {day + 1} of {DAYS}")
        self._offset.write_text("0")
        return len(self._messages)

    def _turn_to(self, day: int) -> None:
        self._offset.write_text(str((day - DAYS) * 86_400))

    async def _settled(self) -> None:
        """Wait until everything that came in is with its agency."""
        async with asyncio.timeout(120):
            while await self._waiting():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _waiting(self) -> bool:
        services = self._kanal.services
        for depths in (await services.store.queue.depths(), await services.broker.depths()):
            if any(depths.get(name, 0) for name in SETTLED):
                return True
        return False

    async def _agencies_work(self, day: int) -> None:
        """Let officers do what their plans say for a day, and plan for what is new."""
        for report in await self._kanal.services.store.reports.latest(10_000):
            made = report.assignment
            if made is None or made.agency is None or made.decision is not Outcome.ASSIGN:
                continue
            plan = self._plans.setdefault(report.id, self._plan(day))
            while plan and plan[0].day <= day:
                await self._do(plan.pop(0), report.id, made.agency)

    def _plan(self, day: int) -> list[PlannedAct]:
        """Choose what an agency will do with a report that it has since a day."""
        soon, late = day + self._draw.randint(0, 4), day + self._draw.randint(5, 18)
        chosen = self._draw.choices(PLANS, [weight for weight, _ in PLANS])[0][1]
        return [PlannedAct(soon if first else late, act) for act, first in chosen]

    async def _do(self, planned: PlannedAct, report_id: str, agency: Agency) -> None:
        officers = self._kanal.services.officers
        actor = Actor("petugas", (Grant(Role.OFFICER, agency.id),))
        opened = await officers.open(report_id, actor=actor)
        if opened is None or not opened.may_act:
            return
        acts: dict[str, Callable[..., Awaitable[object]]] = {
            "answer": officers.answer,
            "progress": officers.progress,
            "ask": officers.ask,
            "refuse": officers.refuse,
        }
        with contextlib.suppress(Conflict):  # its reporter was faster, or it is closed
            if planned.act == "verify":
                await officers.verify(report_id, actor=actor, version=opened.version)
                return
            words = self._draw.choice(WORDS[planned.act])
            await acts[planned.act](report_id, words, actor=actor, version=opened.version)
