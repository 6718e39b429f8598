"""Texts about a delicate report say nothing to whoever else reads the phone."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import gateway
from config.emergency import emergency
from gateway.casework.agencies import Reply
from gateway.outbound.delicate import Delicate, graver, is_grave
from gateway.outbound.notifications import Notifier
from gateway.outbound.texts import ASKED_FOR, HARMLESS, KEYS, NEUTRAL, TO_POSTS
from normalizer.message import Urgency
from normalizer.report import Agency, Assignment, Outcome, Reason, Report, Status, Topic
from normalizer.tracking import format_number, mentions
from tests.gateway.making import LAMP, OTHER, ROAD, WHERE, WHO, House, made_parts, note
from tests.router.making import RECEIVED, report

FOLDER = Path(gateway.__file__).parent
SAFE = {"nomor", "lama", "telepon", "alamat"}
"""Fields that tell nobody what a report is about."""
VIOLENCE = "suami saya memukuli saya sekarang di rumah, Kecamatan Wonocolo, Kota Surabaya"
SCHOOL = "guru SD Negeri 7 Kota Bandung memukul anak saya kelas 3B"
HIDDEN = f"ANONIM {ROAD}"
CANARY = {
    "instansi": "Dinas Kanari",
    "status": "Kenari Diproses",
    "pilihan": "Kota Kanari",
    "alasan": "karena kanari",
    "teks": "kata kanari",
}
TELLING = (
    "kanari", "kenari", "dinas", "kementerian", "kepolisian", "polri", "satpol", "pemerintah kota",
    "kekerasan", "memukul", "suami", "guru", "sekolah", "anak", "jalan", "lampu", "wonocolo",
    "surabaya", "bandung", "diproses", "dijawab", "violence",
    "api", "fire", "inspektorat",
)  # fmt: skip
"""Words of topics, agencies, places and statuses."""


def delicate_report(language: str = "id", channel: str = "sms", **changes: Any) -> Report:
    made = Assignment(
        decision=Outcome.ASSIGN,
        agency=Agency(id="dinas-kanari", name="Dinas Kanari"),
        confidence=1.0,
        reasons=(Reason(rule="topic", text="x"),),
        at=RECEIVED,
    )
    base = report("apa saja", (), language=language, assignment=made, status=Status.FORWARDED)
    origin = base.origin.model_copy(update={"channel": channel})
    topic = Topic(id="perempuan-anak", name="Kekerasan", confidence=1.0)
    return base.model_copy(update={"origin": origin, "topic": topic} | changes)


def letters() -> Notifier:
    parts = made_parts()
    delicate = Delicate(parts.routing.topics.delicate, frozenset({"web"}))
    return Notifier(parts.texts, delicate)


def told_of(text: str) -> list[str]:
    return [word for word in TELLING if re.search(rf"\b{word}", text.casefold())]


# Every text there is.


def test_every_text_is_neutral_or_has_one_that_is() -> None:
    kept = HARMLESS | NEUTRAL.keys() | ASKED_FOR | TO_POSTS
    assert KEYS.keys() == kept, (
        "say in gateway/outbound/texts.py what a delicate report's phone is told"
    )
    assert not HARMLESS & NEUTRAL.keys()
    assert HARMLESS.issuperset(NEUTRAL.values())
    assert all(KEYS[key] <= SAFE for key in HARMLESS)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("key", sorted(KEYS.keys() - ASKED_FOR - TO_POSTS))
def test_no_text_about_a_delicate_report_tells_what_it_is_about(key: str, language: str) -> None:
    fields = CANARY | {"lama": "4821-0937-5514", "telepon": "112", "alamat": "https://x.example"}
    said = letters().text(key, delicate_report(language), to=None, **fields)
    assert told_of(said) == [], said


def test_pages_opened_with_number_and_code_tell_all() -> None:
    assert "Dinas Kanari" in letters().text(
        "answer", delicate_report(channel="web"), to=None, **CANARY
    )
    said = letters().text("status", delicate_report(channel="web"), to=delicate_report())
    assert told_of(said) == [], "who asks by text about a report of the web form is told no more"


def test_only_letters_fills_in_texts() -> None:
    """A text that another module fills in would not be weighed."""
    callers = set()
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "say" and "texts" in ast.dump(node):
                callers.add(str(path.relative_to(FOLDER)))
    assert callers == {
        "operations/explain.py", "outbound/notifications.py", "outbound/roster.py"
    }  # fmt: skip


# Which reports are delicate.


@pytest.mark.parametrize("kind", emergency().kinds)
def test_a_danger_is_delicate_as_the_table_says(kind: str) -> None:
    grave = kind in ("violence_home", "child", "suicide")
    assert is_grave(Urgency(id=kind, name="x")) is grave


def test_delicate_topics_exist_and_are_sensitive() -> None:
    topics = made_parts().routing.topics
    assert topics.delicate == {"perempuan-anak", "kekerasan-sekolah", "perlindungan-saksi"}
    assert topics.delicate <= topics.sensitive


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (None, None, None),
        (None, "fire", "fire"),
        ("fire", None, "fire"),
        ("fire", "crime", "crime"),
        ("fire", "child", "child"),
        ("child", "fire", "child"),
        ("child", "suicide", "suicide"),
    ],
)
def test_what_is_delicate_once_stays_so(old: str | None, new: str | None, kept: str | None) -> None:
    one, two, wanted = (Urgency(id=id, name="x") if id else None for id in (old, new, kept))
    assert graver(one, two) == wanted


# Through every door to a person.


def carried(house: House, who: str = WHO) -> list[str]:
    """Everything that came to a phone: words, subjects and buttons."""
    letters = [letter for to, letter in house.paper.carried if to == who]
    return [
        part for each in letters for part in (each.text, each.subject or "", *each.choices) if part
    ]


async def assigned(house: House, tracking: str) -> str:
    """Let a report be with an agency, whatever the router said; return the agency's id."""
    async with house.store.unit() as unit:
        stored = (await unit.reports.by_tracking([tracking]))[tracking]
        made = delicate_report().assignment
        moved = stored.report.model_copy(update={"assignment": made})
        unit.reports.change(
            stored, moved.with_status(Status.FORWARDED, at=house.clock(), by="x"), []
        )
    return "dinas-kanari"


@pytest.mark.parametrize("first", [VIOLENCE, SCHOOL, HIDDEN, "ANONIM lampu jalan mati"])
async def test_a_whole_conversation_tells_nothing(lite: House, first: str) -> None:
    number = (await lite.report(first)).report.tracking
    lite.clock.pass_(hours=1)
    for said in (
        f"STATUS {number}",
        f"{number} {WHERE}",
        f"{number} masih terus",
        first,
        "RAHASIA",
    ):
        await lite.take(note(said))
        assert await lite.work_all() == {}
        lite.clock.pass_(minutes=11)
    agency = await assigned(lite, number)
    for key, kind in (("1", "progress"), ("2", "answer"), ("3", "refuse")):
        reply = Reply(kind=kind, text="Petugas Dinas Kanari menunggu di Surabaya")
        await lite.agencies.reply(agency, number, reply, key=key)
    await lite.take(note(f"STATUS {number}", OTHER))
    assert await lite.work_all() == {}
    everything = carried(lite)
    assert len(everything) > 8
    assert [(part, told_of(part)) for part in everything if told_of(part)] == []
    assert all(told_of(part) == [] for part in carried(lite, OTHER))


async def test_the_agencys_words_come_to_who_asks_for_them_by_number(lite: House) -> None:
    number = (await lite.report(SCHOOL)).report.tracking
    agency = await assigned(lite, number)
    for key, words in (("1", "Kami datang besok"), ("2", "Sudah kami tangani")):
        await lite.agencies.reply(agency, number, Reply(kind="answer", text=words), key=key)
    assert await lite.work_all() == {}
    assert f"BACA {format_number(number)}" in lite.paper.told()[-1]
    assert "datang besok" not in " ".join(lite.paper.told())
    said = await lite.say(f"baca {format_number(number)}")
    assert said.index("Sudah kami tangani") < said.index("Kami datang besok")
    assert "tidak ditemukan" in await lite.say(f"BACA {number}", OTHER)
    assert "tidak ditemukan" in await lite.say("BACA", WHO), "without its number nothing is read"


async def test_a_bare_status_does_not_show_a_delicate_report(lite: House) -> None:
    lamp = (await lite.report(LAMP)).report.tracking
    lite.clock.pass_(hours=1)
    hidden = (await lite.report(SCHOOL)).report.tracking
    assert next(mentions(await lite.say("STATUS"))) == lamp
    assert next(mentions(await lite.say(f"STATUS {hidden}"))) == hidden
    only = (await lite.report(SCHOOL, OTHER)).report.tracking
    assert only not in list(mentions(await lite.say("STATUS", OTHER)))
