"""Machines are never answered for long: short codes, repliers, echoes, our own addresses."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import smpp34

from adapters.contract import (
    Channel,
    ConnectionChannel,
    Fetcher,
    Inbound,
    Outgoing,
    Page,
    Receiver,
    Sender,
    WebhookRequest,
)
from adapters.load import channel_class, kinds
from adapters.smpp.channel import Smpp
from config.settings import load
from config.words import words
from gateway.access.machines import Machines
from gateway.access.roles import system
from gateway.broker.base import REPORTS
from gateway.casework.agencies import Reply
from gateway.platform.seal import REPORTER
from gateway.store.reports import StaleWrite
from gateway.store.rows import Notification
from normalizer import automatic, numbers
from normalizer.message import NoAnswerReason
from normalizer.report import Report
from tests.adapters.examples import NUMBER, SOMEBODY, build
from tests.adapters.genuine import GENUINE
from tests.gateway.making import LAMP, ROAD, WHO, House, house, note

ROUNDS, MOST = 25, 3
TALKING = sorted(k for k in GENUINE if issubclass(channel_class(k), Sender) and k != "web")
PHONES = [kind for kind in TALKING if channel_class(kind).by_phone]

Partner = Callable[[int, str], str]
PARTNERS: dict[str, Partner] = {
    "a fixed reply": lambda n, told: "Terima kasih, pesan Anda sudah kami terima.",
    "a fixed text nobody knows": lambda n, told: "Salam sejahtera dari warung Sinar Abadi",
    "a text with a counter": lambda n, told: f"Salam dari Sinar Abadi, antrean {n} jam 10.{n:02}",
    "an echo": lambda n, told: told,
    "an echo with a prefix": lambda n, told: f"Fwd: {told}",
    "an echo with a name": lambda n, told: f"[gerbang dua] {told}",
    "a quoted echo": lambda n, told: "> " + told.replace("\n", "\n> "),
    "an echo that is cut": lambda n, told: told[: 3 * len(told) // 4],
    "somebody away": lambda n, told: "Maaf sedang rapat",
    "somebody away until some time": lambda n, told: f"Maaf, saya sedang rapat sampai 1{n % 9}.00",
    "an English one": lambda n, told: "Thank you for your message. We will get back to you.",
    "a hospital": lambda n, told: "Keadaan darurat? Telepon 119. Pesan Anda kami terima.",
    "an alarm": lambda n, told: f"Kebakaran besar di Wonocolo Surabaya, tolong, pukul 10.{n:02}",
    "a number only": lambda n, told: "1",
    "a thumb": lambda n, told: "👍",
}


class Wire:
    """A house with one real channel, whose letters are caught where they would leave it."""

    def __init__(self, kind: str, built: House, channel: Channel, sent: list[tuple[str, str]]):
        self.kind, self.house, self.channel, self.sent = kind, built, channel, sent
        self._id = 7000

    async def bring(self, text: str) -> list[str]:
        """Let the provider bring a text; return what is sent because of it."""
        self._id += 1
        hook = GENUINE[self.kind](self.channel, text, str(self._id))
        before = len(self.sent)
        if isinstance(self.channel, Receiver):
            await self.house.door.receive_webhook(self.channel, hook)
        elif isinstance(self.channel, ConnectionChannel):
            await self.house.door.receive_message(self.channel, hook)
        elif isinstance(self.channel, Fetcher):
            page = Page(tuple(self.channel.reread(hook.body)))
            await self.house.services.pages.file(self.channel, page)
        assert await self.house.work_all() == {}
        self.house.clock.pass_(seconds=20)
        return [text for _, text in self.sent[before:]]


@pytest.fixture
async def wire(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wire]:
    kind: str = request.param
    if kind == "whatsapp":
        monkeypatch.setitem(SOMEBODY, "twilio", "whatsapp:+6281234567890")
        kind = "twilio"
    sent: list[tuple[str, str]] = []
    channel = build(kind, sends_per_second=10_000)

    async def send(to: str, message: Outgoing) -> str:
        sent.append((to, message.text))
        return f"{kind}-{message.id}"

    monkeypatch.setattr(channel, "send", send)
    async with house(
        f"sqlite+aiosqlite:///{tmp_path}/kanal.sqlite3", tmp_path, more=[channel]
    ) as h:
        yield Wire(kind, h, channel, sent)


@pytest.mark.parametrize("partner", PARTNERS.values(), ids=PARTNERS.keys())
@pytest.mark.parametrize("wire", [*TALKING, "whatsapp"], indirect=True)
async def test_two_machines_do_not_answer_each_other(wire: Wire, partner: Partner) -> None:
    told = await wire.bring(ROAD)
    rounds = 0
    while told and rounds < ROUNDS:
        rounds += 1
        told = await wire.bring(partner(rounds, told[-1]))
    assert rounds <= MOST
    assert len(wire.sent) <= MOST


@pytest.mark.parametrize("wire", TALKING, indirect=True)
async def test_a_partner_that_never_waits_is_filed_and_not_answered(wire: Wire) -> None:
    for number in range(ROUNDS):
        await wire.bring(f"Salam dari warung, pesan nomor {number}")
    assert len(wire.sent) <= MOST
    assert await wire.house.counted("messages") == ROUNDS
    assert await wire.house.counted("messages", "routed_at IS NULL") == 0


def senders(channel: Channel) -> dict[str, str]:
    """Generate those who must never be answered on a channel, by who they are."""
    found = {f"ourselves {own}": own for own in channel.own}
    if not channel.by_phone:
        return found
    shorts = {f"short code {code}": code for code in ("123", "1708", "9999", "14045", "500046")}
    names = {f"name {name}": name for name in ("GRAB", "TELKOMSEL", "BANK-X", "Tri 3", "1708ID")}
    paid = {
        f"premium {number}": number
        for number in (
            *("+6280912345678", "+62809123456", "08091234567", "+882161234567", "+883510012345"),
            *("+8811234567", "+87077123456", "+97912345678", "+19005551234", "+1900555123"),
            *("+449011234567", "+6214045", "+621500888", "+628001234567", "+62804123456"),
        )
    }
    ours = {"our other number": NUMBER, "our other number, written otherwise": "081100001708"}
    return found | shorts | names | paid | ours


@pytest.mark.parametrize("wire", TALKING, indirect=True)
async def test_no_machine_is_answered_on_any_channel(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.house.door.sealer.machines = Machines({**wire.house.channels, "sms": build("twilio")})
    for who, sender in senders(wire.channel).items():
        if wire.kind in ("telegram", "x") and sender.startswith("@"):
            continue  # these name their people by numbers
        with monkeypatch.context() as patched:
            patched.setitem(SOMEBODY, wire.kind, sender)
            assert await wire.bring(ROAD) == [], who
    assert wire.sent == []


@pytest.mark.parametrize("kind", kinds())
def test_a_channel_knows_its_own_addresses(kind: str) -> None:
    channel = build(kind)
    speaks = isinstance(channel, Sender) and isinstance(
        channel, Receiver | Fetcher | ConnectionChannel
    )
    assert bool(channel.own) == (speaks and not channel.fetched)


TOLD = "id:0098 sub:001 dlvrd:001 submit date:2603021000 done date:2603021001 stat:UNKNOWN"
PROMO = "Promo! Paket data 10 GB cuma 25 ribu di *123#, hanya di Kota Surabaya. Kode OTP 1234"
MACHINES: dict[str, tuple[str, str, tuple[str, str]]] = {
    "an operator's advert": ("TSELPROMO", PROMO, ("machine", "open")),
    "a code": ("GRAB", "Kode OTP Anda 1234", ("machine", "open")),
    "a long advert": ("TSELPROMO", f"{PROMO} " * 12, ("machine", "open")),
    "a complaint by a web page": ("ONLINESMS", ROAD, ("machine", "open")),
    "a short code": ("3355", PROMO, ("machine", "open")),
    "a short code with the country": ("+6235355", PROMO, ("machine", "open")),
    "a receipt": ("+6281234567890", f"{TOLD} err:000 text:Laporan", ("receipt", "noted")),
    "a receipt of a short code": ("9911", f"{TOLD} err:000 text:", ("receipt", "noted")),
    "a receipt that quotes much": (
        "9911",
        f"{TOLD} text:Laporan Anda kami terima, nomor 1234 dan lain",
        ("machine", "open"),
    ),
}
"""Who writes what on a channel of text messages, and what the quarantine then has."""


@pytest.mark.parametrize("wire", PHONES, indirect=True)
async def test_what_a_machine_sends_is_seen_by_operators_and_reaches_nobody(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what, (sender, text, expected) in MACHINES.items():
        monkeypatch.setitem(SOMEBODY, wire.kind, sender)
        assert await wire.bring(text) == [], what
        (kept,) = await wire.house.rows(
            "SELECT reason, state FROM quarantine ORDER BY at DESC LIMIT 1"
        )
        assert tuple(kept) == expected, what
    assert await wire.house.counted("quarantine") == len(MACHINES)
    assert await wire.house.counted("messages") == 0
    assert await wire.house.counted("deliveries") == 0
    health = await wire.house.services.health.look()
    assert health.checks["quarantine"] == "ok", "adverts come every day"


@pytest.mark.parametrize("wire", PHONES, indirect=True)
async def test_a_citizen_who_quotes_a_receipt_is_filed_and_answered(wire: Wire) -> None:
    quoted = f"Saya terus menerima SMS ini: {TOLD} err:000 text:Laporan. {ROAD}"
    assert await wire.bring(quoted) != []
    assert await wire.house.counted("reports") == 1


async def test_a_machines_long_message_is_one_item_and_can_be_released(lite: House) -> None:
    channel = build("smpp")
    assert isinstance(channel, Smpp)
    lite.door.channels = {**lite.door.channels, "smpp": channel}
    halves = (
        b"\x05\x00\x03\x07\x02\x01Jalan rusak parah di depan pasar \x1b",
        b"\x05\x00\x03\x07\x02\x02e, Kecamatan Wonocolo Surabaya",
    )
    for half in halves:
        pdu = smpp34.DeliverSm("ONLINESMS", "1708", half, source_addr_ton=5, esm_class=0x40)
        hook = WebhookRequest("smpp:", {"stamp": "1.0"}, pdu.encode())
        await lite.door.receive_message(channel, hook)
    assert await lite.join() == 0
    (item,) = await lite.rows("SELECT id, reason, state FROM quarantine")
    assert item[1:] == ("machine", "open")
    await lite.services.operators.release(item[0], actor=system("ani"))
    await lite.work_all()
    report = (await lite.newest()).report
    assert report.unanswered is NoAnswerReason.MACHINE
    assert "pasar €, Kecamatan" in report.text
    assert lite.paper.told() == []


@pytest.mark.parametrize("wire", PHONES, indirect=True)
async def test_a_foreign_number_is_filed_shown_and_not_answered(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOMEBODY, wire.kind, "+6591234567")
    assert await wire.bring(ROAD) == []
    file = await wire.house.newest()
    assert file.report.unanswered is NoAnswerReason.FOREIGN_NUMBER
    assert ("not_answered", "foreign_number") in [(e.kind, e.note) for e in file.events]
    (letter,) = list(file.notifications)
    assert (letter.state, letter.detail) == ("withdrawn", "foreign_number")
    assert await wire.house.counted("deliveries") == 1  # its agency has it


def test_what_another_bot_wrote_is_seen_by_operators() -> None:
    channel = build("telegram")
    machines, said = Machines({"telegram": channel}), heard("telegram", "620011")
    assert machines.set_aside(channel, said) is None
    found = machines.set_aside(channel, replace(said, automatic="other_bot"))
    assert found is not None
    assert (found.reason, found.detail, found.state) == ("machine", "other_bot", "open")


@pytest.mark.parametrize("kind", PHONES)
def test_other_countries_are_answered_where_the_settings_say_so(kind: str) -> None:
    channel = build(kind, answer_countries=["ID", "SG"])
    machines, said = Machines({kind: channel}), heard(kind, "+6591234567")
    assert machines.unanswered(channel, said) is None
    assert machines.unanswered(build(kind), said) is NoAnswerReason.FOREIGN_NUMBER


def heard(kind: str, sender: str, text: str = ROAD) -> Inbound:
    """Read a text from somebody."""
    channel = build(kind)
    hook = GENUINE[kind](channel, text, "1")
    assert isinstance(channel, Receiver | ConnectionChannel)
    (found,) = channel.parse(hook)
    assert isinstance(found, Inbound)
    return replace(found, sender=replace(found.sender, address=sender))


@pytest.mark.parametrize("why", NoAnswerReason)
def test_every_reason_has_its_words(why: NoAnswerReason) -> None:
    assert why.value in words("console").table("unanswered")


# the budget


async def _flood(built: House, count: int, who: str = WHO) -> list[str]:
    """Let one person write many different things, one after the other."""
    for number in range(count):
        await built.take(note(f"{ROAD} {_word(number)}", who))
        assert await built.work_all() == {}
    return built.paper.told(who)


def _word(number: int) -> str:
    """Return a word for a number, so that no two texts are the same without their numbers."""
    letters = "bcdfghjklm"
    return " ".join(
        "".join(f"{letters[int(d)]}a" for d in str(number + n)) for n in (101, 333, 777)
    )


async def test_a_person_gets_so_many_receipts_and_then_one_word_that_they_pause(
    house: House,
) -> None:
    limits = load().answers
    told = await _flood(house, 12)
    assert len(told) == limits.receipts_per_10_minutes + 1
    assert "dijeda" in told[-1]
    assert await house.counted("reports") == 12
    house.clock.pass_(minutes=11)
    assert len(await _flood(house, 1)) == len(told) + 1


async def test_a_day_has_a_budget_too(lite: House) -> None:
    for number in range(40):
        lite.clock.pass_(minutes=11)
        await lite.take(note(f"{ROAD} {_word(number)}"))
        await lite.work_all()
    limits = load().answers
    assert len(lite.paper.told()) == limits.receipts_per_day + 1


async def test_another_person_is_not_touched_by_it(lite: House) -> None:
    await _flood(lite, 12)
    assert len(await _flood(lite, 1, "+6281399887766")) == 1


async def test_agencies_answers_are_never_held_back(lite: House) -> None:
    await _flood(lite, 12)
    file = await lite.newest()
    assigned = file.report.assignment
    assert assigned is not None
    assert assigned.agency is not None
    before = len(lite.paper.told())
    for number in range(8):
        reply = Reply(kind="progress", text=f"Kabar ke {number}")
        await lite.agencies.reply(assigned.agency.id, file.report.tracking, reply, key=str(number))
    await lite.work_all()
    assert len(lite.paper.told()) == before + 8


async def test_a_word_about_danger_is_never_held_back(lite: House) -> None:
    await _flood(lite, 12)
    before = len(lite.paper.told())
    await lite.take(note("Tolong ada kebakaran besar rumah warga di Wonocolo Surabaya sekarang"))
    await lite.work_all()
    assert (await lite.newest()).report.urgency is not None
    assert len(lite.paper.told()) == before + 1


async def test_the_budget_holds_over_workers_restarts_and_redelivery(
    house: House, database_url: str, tmp_path: Path
) -> None:
    limits = load().answers
    await house.take(*(note(f"{ROAD} {_word(n)}", id=f"n{n}") for n in range(12)))
    batch = await house.leased(REPORTS)

    async def route(each: Any) -> None:
        for _ in range(50):
            try:
                await house.route([each])
                return
            except StaleWrite:
                continue

    await asyncio.gather(*(route(each) for each in batch for _ in range(2)))
    going = "state <> 'withdrawn'"
    assert await house.counted("notifications", going) == limits.receipts_per_10_minutes + 1
    assert await house.counted("notifications") == 12
    before = await house.rows("SELECT state FROM reactions")
    assert await house.route(batch) == {}
    assert await house.rows("SELECT state FROM reactions") == before
    again = House(database_url, tmp_path / "again")
    again.clock.at = house.clock.at
    await again.open()
    try:
        await again.work_all()
        waited = len(again.paper.told())
        assert len(await _flood(again, 1)) == waited == limits.receipts_per_10_minutes + 1
    finally:
        await again.close()


async def test_numbers_alone_do_not_make_a_report_a_repetition(lite: House) -> None:
    for number in range(4):
        await lite.take(note(f"{LAMP} tiang nomor {number}"))
        await lite.work_all()
    assert len(lite.paper.told()) == 4


async def test_who_asks_again_the_next_day_is_answered(lite: House) -> None:
    report = (await lite.report()).report
    for day in range(5):
        lite.clock.pass_(days=1)
        assert report.tracking in re.sub(r"\D", "", await lite.say(f"STATUS {report.tracking}")), (
            day
        )


async def test_what_we_remember_holds_no_word_and_is_forgotten(lite: House) -> None:
    await lite.report()
    ((state,),) = await lite.rows("SELECT state FROM reactions")
    assert not {"jalan", "rusak", "laporan"} & set(re.findall(r"[a-z]{3,}", state.casefold()))
    json.loads(state)
    lite.clock.pass_(days=31)
    await lite.store.migrate()
    assert await lite.counted("reactions") == 0


async def test_an_echo_is_noted_where_it_belongs_and_reaches_no_agency(lite: House) -> None:
    told = await lite.say(ROAD)
    before = await lite.counted("notifications")
    await lite.take(note(told))
    await lite.work_all()
    assert await lite.counted("notifications") == before
    assert "echoed" in [event.kind for event in (await lite.newest()).events]


async def test_an_agencys_answer_that_comes_back_is_known_again(lite: House) -> None:
    report = (await lite.report()).report
    assert report.assignment is not None
    assert report.assignment.agency is not None
    text = "Regu kami sudah menambal lubang di depan pasar kemarin sore, terima kasih."
    await lite.agencies.reply(
        report.assignment.agency.id, report.tracking, Reply(kind="answer", text=text), key="1"
    )
    await lite.work_all()
    before = await lite.counted("notifications")
    await lite.take(note(lite.paper.told()[-1]))
    await lite.work_all()
    assert await lite.counted("notifications") == before


async def test_an_answer_that_quotes_our_question_is_an_answer(lite: House) -> None:
    asked = await lite.say("jalan berlubang dan sangat berbahaya, tolong diperbaiki")
    await lite.take(note(f"> {asked}\nDi kecamatan Tenggarong kabupaten Kutai Kartanegara ya pak"))
    await lite.work_all()
    assert (await lite.newest()).report.status.value != "waiting_for_reporter"


# what goes out


async def test_nothing_is_sent_to_our_own_addresses_on_any_channel(lite: House) -> None:
    others = {kind: build(kind) for kind in TALKING}
    lite.channels.update(others)
    lite.services.notify._machines = Machines(lite.channels)
    report = (await lite.report()).report
    sent = len(lite.paper.carried)
    own = [a for c in others.values() if not isinstance(c, Smpp) for a in c.own if a[0] in "+l"]
    assert len(own) >= 2
    for number, to in enumerate([*own, "lapor+482109375514@lapor.localhost"]):
        await _post(lite, report, f"00000000-0000-4000-8000-{number:012}", to)
    await lite.work_all()
    assert len(lite.paper.carried) == sent
    assert await lite.counted("notifications", "state = 'failed'") == len(own) + 1


async def _post(lite: House, report: Report, id: str, to: str) -> None:
    sealed = lite.seal.close_text(json.dumps({"to": to}), REPORTER)
    written = Notification(id, report.id, "paper", "Halo", sealed)
    async with lite.store.unit() as unit:
        unit.notifications.add(written)


@pytest.mark.parametrize("channel", [build(kind) for kind in PHONES], ids=PHONES)
@pytest.mark.parametrize("to", ["GRAB", "1708", "+62809123456", "+882161234567"])
def test_the_pump_refuses_what_costs_or_cannot_be_written_to(channel: Channel, to: str) -> None:
    machines = Machines({"c": channel})
    assert machines.unwritable(channel, to)
    assert machines.unwritable(channel, "+6281234567890") is None


# words and numbers

AUTOMATIC = """\
Terima kasih telah menghubungi kami. Pesan Anda akan segera kami balas.
Terima kasih, pesan Anda telah kami terima
Halo! Terima kasih sudah menghubungi Toko Berkah, ada yang bisa kami bantu?
Pesan anda sudah masuk, mohon tunggu
Maaf saya sedang menyetir
maaf, lagi rapat
Mohon maaf, kami sedang libur sampai tanggal 5
Maaf pak saya masih di luar kota
Sedang rapat, nanti saya telepon
Saya sedang cuti
Admin akan segera membalas chat kakak
Kami akan segera menghubungi Anda
Ini balasan otomatis
Pesan ini dikirim secara otomatis
Jangan balas pesan ini
Nomor ini tidak menerima SMS balasan
Jam kerja kami Senin-Jumat 08.00-16.00
I'm driving right now
I am currently out of the office
Your message has been received
We have received your request and will respond soon
Automatic reply: away
"""
PEOPLE = """\
Maaf pak, jalan di depan rumah saya rusak parah
Maaf mengganggu, mau lapor sampah menumpuk di pasar
Terima kasih, jalannya sudah diperbaiki
Terima kasih pak
Petugas kelurahan sedang rapat terus, KTP saya tidak jadi-jadi
Guru sedang cuti tidak ada pengganti di SDN 3
Saya sudah dua kali hubungi call center, katanya pesan anda sudah kami terima, tidak ada tindakan
Kantor camat jam kerja tutup terus
Lampu jalan mati, mohon segera dibalas
Puskesmas sedang libur padahal hari kerja
Saya sedang sakit dan butuh ambulans di Kecamatan Ilir Timur
Mohon maaf lahir batin
Maaf sedang hujan deras, jalan banjir di Wonocolo
Kami warga RT 5 minta lampu jalan
Bus berhenti di luar halte
"""


@pytest.mark.parametrize("said", AUTOMATIC.splitlines())
def test_an_automatic_reply_is_heard(said: str) -> None:
    assert automatic.sounds_automatic(said)


@pytest.mark.parametrize("said", [*PEOPLE.splitlines(), ROAD, LAMP])
def test_people_do_not_sound_automatic(said: str) -> None:
    assert not automatic.sounds_automatic(said)


async def test_who_only_sounds_automatic_is_filed_and_routed(lite: House) -> None:
    await lite.take(note(f"Maaf saya sedang menyetir, {LAMP}"))
    await lite.work_all()
    report = (await lite.newest()).report
    assert report.unanswered is NoAnswerReason.AUTOMATIC_WORDS
    assert report.assignment is not None
    assert report.assignment.agency is not None
    assert lite.paper.told() == []


@pytest.mark.parametrize(
    ("number", "party"),
    [
        *((f"+628{head}12345678"[:14], "person") for head in (11, 12, 21, 52, 55, 57, 59, 78, 95)),
        ("081234567890", "person"),
        ("6281234567890", "person"),
        ("whatsapp:+6281234567890", "person"),
        ("+62215551234", "person"),
        ("00628091234567", "premium"),
        ("62 809-123-4567", "premium"),
        ("+1708", "service"),
        ("+6299999", "service"),
        ("+60123456789", "foreign"),
        ("+6591234567", "foreign"),
    ],
)
def test_numbers_by_who_is_behind_them(number: str, party: str) -> None:
    assert numbers.party(number, ("ID",)) == party


@pytest.mark.parametrize("start", numbers.PREFIXES)
def test_no_number_of_a_listed_range_is_a_person(start: str) -> None:
    for more in ("12", "123456", "1234567", "12345678"):
        assert numbers.party(f"+{start}{more}", ("ID", "US", "GB", "MY", "AU", "SG")) != "person"


@pytest.mark.parametrize(
    "written",
    ["+6281100001708", "081100001708", "6281100001708", "+62 811-0000-1708", "tel:+6281100001708"],
)
def test_one_number_written_in_many_ways_is_one(written: str) -> None:
    assert numbers.bare(written) == "+6281100001708"


def test_people_of_one_channel_are_not_ours_on_another() -> None:
    channels = {kind: build(kind) for kind in ("telegram", "smpp", "x")}
    machines = Machines(channels)
    (own, *_) = [each for each in channels["x"].own if each.isdigit()]
    assert machines.is_own(channels["x"], own)
    assert not machines.is_own(channels["telegram"], own)
    assert machines.is_own(channels["telegram"], f"{own}@170800")
