"""Conversation: hiding a report after it was sent, and joining one to an earlier one."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.casework.additions import JOIN, NEW
from gateway.store.views import ReportFile
from gateway.wire import events
from normalizer.report import Report, Status
from normalizer.tracking import format_number, mentions, without
from tests.gateway.making import LAMP, NOWHERE, OTHER, ROAD, UNCLEAR, WHERE, WHO, House, note

MORE = "sudah parah sekali pak, mohon segera"
"""Says nothing of its own: what it belongs to is the question."""
STILL = "lampu jalan masih mati juga sampai sekarang"
TOO = f"{LAMP}, di dekat masjid juga"
ENGLISH = "The street light in Wonocolo Surabaya is broken and it has been dark for a week"


@pytest.fixture
async def lite(lite: House) -> AsyncIterator[House]:
    """A house in which, whatever a test did, every report's log must hold at its end."""
    yield lite
    assert (await lite.store.events.audit())[1] == []


def choices(house: House, who: str = WHO) -> Sequence[str]:
    """Return what the citizen's newest letter offers."""
    return [letter.choices for to, letter in house.paper.carried if to == who][-1]


def letter(house: House) -> str:
    """Return the name by which a button of the newest letter calls it."""
    return f"paper-{house.paper.carried[-1][1].id}"


async def news(house: House, file: ReportFile) -> list[dict[str, Any]]:
    """Return what the agency was told, oldest first."""
    return await house.handed_over(file)


async def numbered(house: House, file: ReportFile) -> Report:
    return (await house.file(file.report.tracking)).report


# Hiding.


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (ROAD, ("Anonim", "Rahasia")),
        (UNCLEAR, ("Anonim", "Rahasia")),
        (f"ANONIM {ROAD}", ("Rahasia",)),
        (f"ANONIM RAHASIA {ROAD}", ()),
        (ENGLISH, ("Anonymous", "Confidential")),
        (NOWHERE, ()),
        ("jalan berlubang parah di malang, tolong ditambal", ("Kabupaten Malang", "Kota Malang")),
        ("pinjaman online cepat cair tanpa jaminan bunga ringan WA 08123456789", ()),
    ],
)
async def test_a_receipt_offers_what_is_not_hidden_yet_and_a_question_its_answers(
    lite: House, text: str, offered: Sequence[str]
) -> None:
    await lite.take({"id": "1", "from": WHO, "text": text})
    assert await lite.work_all() == {}
    told = [each.choices for _, each in lite.paper.carried]
    assert told in ([tuple(offered)], [tuple(reversed(offered))]) or (not offered and not told)


@pytest.mark.parametrize(
    ("how", "mark"),
    [
        ("button", "Anonim"),
        ("button", "Rahasia"),
        ("words", "RAHASIA"),
        ("words", "anonymous"),
        ("number", "ANONIM"),
        ("reply after a week", "anonim"),
    ],
)
async def test_a_mark_alone_hides_the_report_that_was_sent(
    lite: House, how: str, mark: str
) -> None:
    first = await lite.report()
    if how == "reply after a week":
        lite.clock.pass_(days=7)
    thread = [letter(lite)] if how in ("button", "reply after a week") else []
    number = f" {format_number(first.report.tracking)}" if how == "number" else ""
    told = await lite.say(mark + number, thread=thread)
    file = await lite.file(first.report.tracking)
    secret = mark.lower() == "rahasia"
    assert (file.report.anonymous, file.report.confidential) == (not secret, secret)
    assert format_number(first.report.tracking) in told
    assert ("RAHASIA" if secret else "ANONIM") in told
    assert await lite.counted("reports") == 1
    assert file.report.text == first.report.text
    assert (file.events[-1].kind, file.events[-1].by) == ("hidden", "reporter")


async def test_the_agency_that_has_it_sees_nobody_from_then_on(lite: House) -> None:
    first = await lite.report(thread=["m1"])
    await lite.say("Anonim", thread=[letter(lite)])
    before, after = await news(lite, await lite.file(first.report.tracking))
    assert (before["type"], after["type"]) == (events.ASSIGNED, events.FOLLOWED_UP)
    assert before["data"]["reporter"]["ref"]
    assert after["data"]["anonymous"] is True
    assert after["data"]["reporter"] == {"ref": "", "sealed": ""}
    assert (after["data"]["origin"]["external_id"], after["data"]["origin"]["thread"]) == ("", [])


async def test_who_is_hidden_already_is_told_so_and_nobody_else(lite: House) -> None:
    first = await lite.report(f"ANONIM {ROAD}")
    assert "ANONIM" in await lite.say("anonim")
    assert len(await news(lite, await lite.file(first.report.tracking))) == 1


async def test_a_mark_leaves_our_question_open(lite: House) -> None:
    asked = await lite.report(NOWHERE)
    await lite.say("ANONIM")
    report = await numbered(lite, asked)
    assert (report.status, report.anonymous) == (Status.WAITING_FOR_REPORTER, True)
    await lite.say(WHERE)
    report = await numbered(lite, asked)
    assert (report.status, report.anonymous) == (Status.FORWARDED, True)


@pytest.mark.parametrize("whose", ["another's number", "another's button", "none", "too old"])
async def test_a_mark_that_names_no_report_of_ones_own_hides_none(lite: House, whose: str) -> None:
    first = await lite.report()
    thread = [letter(lite)] if whose == "another's button" else []
    text = f"ANONIM {first.report.tracking}" if whose == "another's number" else "ANONIM"
    if whose == "too old":
        lite.clock.pass_(days=2)
    await lite.say(text, WHO if whose == "too old" else OTHER, thread=thread)
    assert not (await numbered(lite, first)).anonymous
    assert await lite.counted("reports") == 2, "the mark is kept for what is about to be told"


async def test_a_mark_with_words_is_a_report(lite: House) -> None:
    first = await lite.report()
    await lite.say(f"ANONIM {LAMP}")
    assert not (await numbered(lite, first)).anonymous
    assert (await lite.newest()).report.anonymous


# Reassembly.


async def joinable(house: House, text: str = STILL) -> tuple[ReportFile, ReportFile]:
    """Let a citizen report something and then what may belong to it."""
    first = await house.report(LAMP)
    second = await house.report(text)
    assert first.report.tracking != second.report.tracking
    return first, second


@pytest.mark.parametrize("text", [STILL, MORE, TOO], ids=["topic", "nothing", "all"])
async def test_what_may_belong_to_an_earlier_report_is_filed_and_then_asked_about(
    lite: House, text: str
) -> None:
    first, second = await joinable(lite, text)
    told = lite.paper.told()[-1]
    numbers = list(mentions(told))
    assert (numbers[0], numbers[-1]) == (second.report.tracking, first.report.tracking)
    assert choices(lite) == (
        f"Tambahan laporan {format_number(first.report.tracking)}",
        "Laporan baru",
    )
    assert second.report.assignment is not None
    forwarded = second.report.assignment.agency is not None
    assert second.report.status is (Status.FORWARDED if forwarded else Status.WAITING_FOR_REPORTER)
    assert len(await news(lite, second)) == forwarded, "nothing waits for the answer"
    assert await numbered(lite, first) == first.report


@pytest.mark.parametrize(
    ("text", "said"), [(STILL, "1"), (STILL, "button"), (TOO, "Ya pak"), (TOO, "button")]
)
async def test_the_two_become_one_when_the_citizen_says_so(
    lite: House, text: str, said: str
) -> None:
    first, second = await joinable(lite, text)
    button = said == "button"
    thread = [letter(lite)] if button else []
    told = await lite.say(choices(lite)[0] if button else said, thread=thread)
    assert set(mentions(told)) == {first.report.tracking, second.report.tracking}
    one, other = [await lite.file(each.report.tracking) for each in (first, second)]
    assert text in one.report.text
    assert one.report.status is Status.FORWARDED
    assert [each["type"] for each in (await news(lite, one))] == [
        events.ASSIGNED,
        events.FOLLOWED_UP,
    ]
    assert other.report.status is Status.CLOSED_BY_REPORTER
    assert [(link.kind, link.tracking) for link in other.report.links] == [
        ("joined", first.report.tracking)
    ]
    assert other.events[-1].kind == "joined"
    if second.report.status is Status.FORWARDED:
        assert (await news(lite, other))[-1]["data"]["status"] == "closed_by_reporter"


@pytest.mark.parametrize("said", ["2", "bukan pak", "button"])
async def test_they_stay_two_when_the_citizen_says_so(lite: House, said: str) -> None:
    first, second = await joinable(lite, TOO)
    button = said == "button"
    told = await lite.say(choices(lite)[1] if button else said, thread=[letter(lite)] * button)
    assert format_number(second.report.tracking) in told
    report = await numbered(lite, second)
    assert (report.status, report.links) == (Status.FORWARDED, ())
    assert (await numbered(lite, first)).text == LAMP
    await lite.say("1")
    assert (await numbered(lite, second)).status is Status.FORWARDED, "the offer was answered"


async def test_a_report_of_its_own_that_lacks_something_goes_to_an_operator(lite: House) -> None:
    _, second = await joinable(lite, MORE)
    assert second.report.status is Status.WAITING_FOR_REPORTER
    await lite.say("laporan baru")
    report = await numbered(lite, second)
    assert (report.status, report.text, report.links) == (Status.TRIAGE, MORE, ())


async def test_what_was_missing_may_be_told_instead(lite: House) -> None:
    _, second = await joinable(lite, MORE)
    await lite.say("pohon tumbang di Tenggarong")
    report = await numbered(lite, second)
    assert report.links == ()
    assert report.status is not Status.WAITING_FOR_REPORTER
    assert "pohon tumbang" in report.text


async def test_no_answer_leaves_two_reports(lite: House) -> None:
    first, second = await joinable(lite, TOO)
    lite.clock.pass_(days=2)
    await lite.say("1")
    assert (await numbered(lite, second)).status is Status.FORWARDED
    assert (await numbered(lite, first)).text == LAMP


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a report have room for two messages."""
    monkeypatch.setattr("normalizer.report.MOST_MESSAGES", 2)


@pytest.mark.usefixtures("two")
async def test_a_full_report_is_offered_to_nobody(lite: House) -> None:
    first = await lite.report(LAMP)
    await lite.say(f"{first.report.tracking} masih gelap")
    second = await lite.report(STILL)
    assert second.report.tracking != first.report.tracking
    assert second.report.links == ()
    assert format_number(first.report.tracking) not in lite.paper.told()[-1]


async def test_two_reports_that_do_not_fit_into_one_stay_two(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("normalizer.report.MOST_MESSAGES", 3)
    first, second = await joinable(lite, TOO)
    offer = letter(lite)
    for report in (first, second):
        await lite.say(f"{report.report.tracking} masih gelap")
    await lite.say("1", thread=[offer])
    assert len((await numbered(lite, first)).messages) == 2
    assert (await numbered(lite, second)).status is not Status.CLOSED_BY_REPORTER


@pytest.mark.usefixtures("two")
async def test_a_call_for_help_takes_no_more_than_any_report(lite: House) -> None:
    first = await lite.report(f"tolong kebakaran besar {WHERE}")
    assert first.report.urgency
    for text in ("tolong pak cepat", "ya ampun pak"):
        await lite.take(note(text))
        assert await lite.work_all() == {}
    assert len((await numbered(lite, first)).messages) == 2


async def test_who_writes_to_a_joined_report_writes_to_the_one_it_was_joined_to(
    lite: House,
) -> None:
    first, second = await joinable(lite)
    receipt = letter(lite)
    await lite.say("1")
    await lite.say(f"{second.report.tracking} sekarang juga berbahaya")
    await lite.say("dan licin", thread=[receipt])
    text = (await numbered(lite, first)).text
    assert "sekarang juga berbahaya" in text
    assert "dan licin" in text
    lite.clock.pass_(minutes=11)
    assert format_number(first.report.tracking) in await lite.say(
        f"STATUS {second.report.tracking}"
    )
    assert format_number(first.report.tracking) in await lite.say("STATUS")


async def test_what_one_of_the_two_hides_is_hidden_in_both(lite: House) -> None:
    first, _ = await joinable(lite, f"ANONIM {STILL}")
    await lite.say("1")
    assert (await numbered(lite, first)).anonymous


async def test_a_report_that_ended_in_between_takes_no_more(lite: House) -> None:
    first, second = await joinable(lite, TOO)
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(first.report.id)
        assert stored is not None
        closed = stored.report.with_status(Status.CLOSED_BY_SYSTEM, at=lite.clock(), by="gateway")
        unit.reports.change(stored, closed, [])
    told = await lite.say("1")
    assert "tetap laporan tersendiri" in told
    assert (await numbered(lite, second)).status is Status.FORWARDED


async def test_a_button_pressed_late_changes_nothing_and_says_how_it_stands(lite: House) -> None:
    first, _ = await joinable(lite)
    receipt, (join, new) = letter(lite), choices(lite)
    await lite.say(join, thread=[receipt])
    text = (await numbered(lite, first)).text
    for button in (new, join):
        assert format_number(first.report.tracking) in await lite.say(button, thread=[receipt])
    assert (await numbered(lite, first)).text == text
    assert await lite.counted("reports") == 2


async def test_nobody_else_can_press_my_button(lite: House) -> None:
    first, second = await joinable(lite)
    await lite.say("ya", OTHER, thread=[letter(lite)])
    assert await numbered(lite, first) == first.report
    assert (await numbered(lite, second)).status is second.report.status


@pytest.mark.parametrize(
    ("text", "later", "who"),
    [
        (ROAD, {}, WHO),
        (NOWHERE, {}, WHO),
        (UNCLEAR, {}, WHO),
        ("lampu jalan di Kota Samarinda mati total", {}, WHO),
        (STILL, {"days": 8}, WHO),
        (STILL, {}, OTHER),
    ],
    ids=["topic", "place", "long", "elsewhere", "late", "somebody else"],
)
async def test_what_is_another_matter_is_not_asked_about(
    lite: House, text: str, later: dict[str, float], who: str
) -> None:
    first = await lite.report(LAMP)
    lite.clock.pass_(**later)
    await lite.say(text, who)
    assert first.report.tracking not in list(mentions(lite.paper.told(who)[-1]))
    assert not any(choice.startswith("Tambahan") for choice in choices(lite, who))


async def test_an_answer_twice_changes_nothing(lite: House) -> None:
    await joinable(lite)
    await lite.take({"id": "press", "from": WHO, "text": "1"})
    batch = await lite.leased("reports")
    await lite.route(batch)
    tables = ("reports", "events", "deliveries", "notifications", "queue")
    before = [await lite.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables]
    await lite.route(batch)
    assert [await lite.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables] == before


@given(st.text(), st.sampled_from(sorted(JOIN | NEW)))
def test_without_its_numbers_a_text_has_none(text: str, word: str) -> None:
    said = without(f"{word} 4821-0937-5514 {text}")
    assert "4821-0937-5514" not in said
    assert word in said
    assert without(said) == said or list(mentions(without(said))) == []


async def test_a_stranger_hears_nothing_of_a_sensitive_report(house: House) -> None:
    file = await house.report("guru SD Negeri 7 Kota Bandung memukul anak saya kelas 3B")
    number = file.report.tracking
    assert (await house.say(f"STATUS {number}", OTHER)).startswith("Nomor laporan tidak ditemukan")
    assert (await house.say(f"STATUS {number}")).startswith("Pesan ")
