"""Whom to call in danger: first of all, whatever else holds, and once per matter."""

import re

import pytest

from config.emergency import emergency
from normalizer.message import Level, NoAnswerReason, Urgency
from normalizer.report import Status
from normalizer.tracking import mentions
from tests.gateway.making import ROAD, WHERE, House, note
from tests.gateway.test_neutral import delicate_report, letters
from tests.gateway.test_texts import GSM
from tests.router.making import place, report, router

FIRE = "Tolong ada kebakaran besar rumah warga di Wonocolo Surabaya sekarang"
THIEF = "tolong ada maling bawa golok masuk rumah saya sekarang"
CALL = "telepon 112"
GSM_SEGMENT, UCS2_SEGMENT = 160, 70
TABLE = emergency()
LEVELS = (Level.PROVINCE, Level.REGENCY, Level.CITY)


# The first sentence.


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("hushed", [False, True])
@pytest.mark.parametrize("kind", TABLE.kinds)
def test_the_first_sentence_has_the_number_and_fits_the_first_segment(
    kind: str, hushed: bool, language: str
) -> None:
    """Every province and regency, and no place at all; 70 characters where a text is UCS-2."""
    regions = [region.code for region in router().gazetteer.regions(*LEVELS)]
    assert len(regions) > 500
    said = set()
    danger = Urgency(id=kind, name="x")
    for code in (None, *regions):
        places = (place(code, 0.9),) if code else ()
        of = delicate_report(language) if hushed else report("x", (), language=language)
        text = letters().danger(of.model_copy(update={"places": places, "urgency": danger}), danger)
        numbers, beside = TABLE.call(kind, [code] if code else [])
        said.add((text, tuple(numbers), beside))
    for text, told, beside in said:
        first = re.split(r"\.(?: |$)", text)[0]
        assert all(number in first for number in told), text
        assert ("112" in first) or not beside
        assert set(text) <= GSM
        assert len(text) <= GSM_SEGMENT, text
        assert len(first) <= UCS2_SEGMENT or all(n in first[:UCS2_SEGMENT] for n in told), text
    assert len(said) == (1 if TABLE.kinds[kind].served == TABLE.kinds[kind].elsewhere else 2)


# Whatever else holds.


async def test_who_said_stop_is_told_all_the_same(lite: House) -> None:
    await lite.take(note("STOP", wants="stop"))
    assert await lite.work_all() == {}
    assert CALL in await lite.say(FIRE)
    await lite.take(note("lampu jalan mati di Tenggarong"))
    assert await lite.work_all() == {}
    assert len(lite.paper.told()) == 1, "nothing else is sent"


async def test_the_budget_of_automatic_answers_does_not_count(lite: House) -> None:
    for n in range(12):
        await lite.take(note(f"{ROAD} nomor {'abcdefghijkl'[n]} sekali {n * 'x'}"))
    await lite.work_all()
    assert CALL in await lite.say(FIRE)


@pytest.mark.parametrize("why", [NoAnswerReason.FOREIGN_NUMBER, NoAnswerReason.AUTOMATIC_WORDS])
async def test_other_countries_and_automatic_words_do_not_count(
    lite: House, why: NoAnswerReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite.door.sealer.machines, "unanswered", lambda *_: why)
    assert CALL in await lite.say(FIRE)
    await lite.take(note("jalan berlubang di Tenggarong"))
    assert await lite.work_all() == {}
    assert len(lite.paper.told()) == 1, "nothing else is sent"


async def test_it_is_sent_at_any_hour(lite: House) -> None:
    for hour in range(0, 24, 6):
        lite.clock.pass_(hours=6)
        assert CALL in await lite.say(f"{FIRE} blok {hour}", f"+62812345678{hour:02}")


# Danger inside something else.


@pytest.mark.parametrize(
    "said",
    [
        "STATUS {number} tolong kebakaran",
        "STATUS {number} kebakaran sekarang",
        "{number} kebakaran!!",
        "BACA {number} tolong kebakaran",
        "bantuan kebakaran tolong",
        "ANONIM tolong kebakaran",
        "1 tolong kebakaran",
        "halo pak selamat pagi tolong kebakaran",
    ],
)
@pytest.mark.parametrize("whose", ["own", "a stranger's"])
async def test_danger_in_a_command_is_danger(lite: House, said: str, whose: str) -> None:
    number = (await lite.report(ROAD)).report.tracking
    who = "+628111111111" if whose == "a stranger's" else "+6281234567890"
    told = await lite.say(said.format(number=number), who)
    assert told.startswith("Segera telepon"), told


# Once per matter.


async def test_the_same_text_again_does_not_say_it_again(lite: House) -> None:
    assert CALL in await lite.say(FIRE)
    assert CALL not in await lite.say(FIRE)


async def test_nor_does_what_is_added(lite: House) -> None:
    number = next(mentions(await lite.say(FIRE)))
    assert CALL not in await lite.say(f"{number} apinya makin besar tolong, kebakaran")


async def test_nor_does_the_answer_to_where_it_is(lite: House) -> None:
    first = await lite.say("kebakaran tolong")
    assert first.startswith("Segera telepon")
    assert "Di mana? Balas nama kecamatan dan kota." in first
    lite.clock.pass_(minutes=1)
    assert "Segera telepon" not in await lite.say(WHERE)


async def test_danger_that_comes_to_an_old_report_is_told_and_each_kind_once(lite: House) -> None:
    number = (await lite.report(ROAD)).report.tracking
    for said in (f"{number} tolong kebakaran sekarang", f"{number} {THIEF}"):
        lite.clock.pass_(hours=1)
        assert CALL in await lite.say(said)
    for said in (f"{number} kebakaran lagi tolong", f"{number} maling lagi di dalam, tolong"):
        lite.clock.pass_(hours=1)
        assert CALL not in await lite.say(said)
    assert (await lite.file(number)).report.urgency is not None


async def test_two_messages_of_one_batch_are_told_once(lite: House) -> None:
    number = (await lite.report(ROAD)).report.tracking
    await lite.take(*(note(f"{number} tolong kebakaran {word}") for word in ("cepat", "pak")))
    assert await lite.work_all() == {}
    assert sum(CALL in told for told in lite.paper.told()) == 1


async def test_another_matter_is_told_again(lite: House) -> None:
    assert CALL in await lite.say(FIRE)
    lite.clock.pass_(days=3)
    assert CALL in await lite.say("kebakaran lagi di pasar Tenggarong Kutai Kartanegara, tolong")


async def test_a_closed_report_does_not_swallow_danger(lite: House) -> None:
    first = (await lite.report(FIRE)).report
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(first.id)
        assert stored
        closed = stored.report.with_status(Status.CLOSED_BY_SYSTEM, at=lite.clock(), by="x")
        unit.reports.change(stored, closed, [])
    lite.clock.pass_(days=9)
    assert CALL in await lite.say(f"{first.tracking} {FIRE}")


@pytest.mark.parametrize(
    ("minutes", "words", "reports"),
    [
        (2, "di depan masjid islamic center samarinda", 1),
        (2, "cepat pak", 1),
        (45, "di depan masjid islamic center samarinda", 2),
        (2, f"lain lagi, {ROAD}, sudah sebulan tidak ada yang menambal lubangnya", 2),
        (2, "lampu jalan mati Wonocolo Surabaya", 2),
    ],
)
async def test_what_follows_a_cry_for_help_belongs_to_it(
    lite: House, minutes: int, words: str, reports: int
) -> None:
    await lite.say("anak hanyut di sungai mahakam tolong")
    lite.clock.pass_(minutes=minutes)
    await lite.say(words)
    assert await lite.counted("reports") == reports
