"""Routing: what each message becomes, that doing it twice changes nothing, and the log after it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.access.roles import system
from gateway.broker.base import DELIVERIES, REPORTS, QueuedMessage, ReceivedMessage
from gateway.casework.route import UnknownMessage
from gateway.intake import sealing
from gateway.platform.numbers import new_tracking
from gateway.queues.consumer import may_succeed
from gateway.store.rows import AuditEvent
from gateway.store.views import ReportFile
from gateway.wire import events
from normalizer.report import Outcome, Report, Status
from normalizer.tracking import format_number, mentions
from router.kinds import Kinds
from tests.gateway import making
from tests.gateway.making import (
    LAMP,
    NOWHERE,
    OTHER,
    ROAD,
    UNCLEAR,
    WHERE,
    WHO,
    House,
    Paper,
    note,
)
from tests.router import test_kinds


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    """A house in which, whatever a test did, every report's log must hold at its end."""
    yield house
    assert (await house.store.events.audit())[1] == []


@pytest.fixture
async def lite(lite: House) -> AsyncIterator[House]:
    """The same on SQLite only."""
    yield lite
    assert (await lite.store.events.audit())[1] == []


def _agency(report: Report) -> str | None:
    given = report.assignment and report.assignment.agency
    return given.id if given else None


async def test_a_clear_report_is_assigned_delivered_and_confirmed(house: House) -> None:
    told = await house.say(ROAD)
    file = await house.newest()
    assert file.report.status is Status.FORWARDED
    assert _agency(file.report) == "3578-dinas-pu"
    assert [each.kind for each in file.events] == ["received", "forwarded"]
    assert len(file.deliveries) == 1
    assert next(mentions(told)) == file.report.tracking
    assert "ditujukan ke" in told.casefold()


async def test_an_unclear_report_goes_to_an_operator(house: House) -> None:
    told = await house.say(UNCLEAR)
    file = await house.newest()
    assert file.report.status is Status.TRIAGE
    assert file.deliveries == ()
    assert "Petugas" in told


async def test_a_missing_place_is_asked_for_and_the_answer_completes_it(house: House) -> None:
    question = await house.say(NOWHERE)
    asked = await house.newest()
    assert asked.report.status is Status.WAITING_FOR_REPORTER
    assert "kabupaten/kota" in question
    assert asked.deliveries == ()
    told = await house.say(WHERE)
    file = await house.file(asked.report.tracking)
    assert await house.counted("reports") == 1
    assert (file.report.status, _agency(file.report)) == (Status.FORWARDED, "6402-dinas-pu")
    assert WHERE in file.report.text
    assert len(file.deliveries) == 1
    assert next(mentions(told)) == asked.report.tracking


async def test_a_name_of_two_places_is_asked_about_and_a_digit_answers(lite: House) -> None:
    question = await lite.say("jalan berlubang parah di malang, tolong ditambal")
    asked = await lite.newest()
    assert asked.report.status is Status.WAITING_FOR_REPORTER
    names = asked.report.assignment.options if asked.report.assignment else ()
    assert set(names) == {"Kota Malang", "Kabupaten Malang"}
    assert f"(2) {names[1]}" in question
    await lite.say("2")
    file = await lite.file(asked.report.tracking)
    wanted = {"Kota Malang": "3573-dinas-pu", "Kabupaten Malang": "3507-dinas-pu"}[names[1]]
    assert (file.report.status, _agency(file.report)) == (Status.FORWARDED, wanted)


async def test_who_wrote_from_a_place_before_is_asked_whether_it_is_there_again(
    lite: House,
) -> None:
    await lite.say(LAMP)
    question = await lite.say(NOWHERE)
    assert "Kota Surabaya?" in question
    asked = await lite.newest()
    await lite.say("ya")
    file = await lite.file(asked.report.tracking)
    assert (file.report.status, _agency(file.report)) == (Status.FORWARDED, "3578-dinas-pu")


async def test_question_and_answer_may_come_in_one_batch(house: House) -> None:
    await house.take(note(NOWHERE))
    await house.take(note(WHERE))
    assert await house.work_all() == {}
    file = await house.newest()
    assert await house.counted("reports") == 1
    assert (file.report.status, _agency(file.report)) == (Status.FORWARDED, "6402-dinas-pu")


async def test_a_question_is_asked_only_once(lite: House) -> None:
    await lite.say(NOWHERE)
    told = await lite.say("tidak tahu")
    file = await lite.newest()
    assert file.report.status is Status.TRIAGE
    assert "Petugas" in told
    assert await lite.counted("reports") == 1


async def test_an_answer_is_known_beside_a_neighbour_who_writes_all_the_time(house: House) -> None:
    await house.say(NOWHERE)
    tracking = (await house.newest()).report.tracking
    await house.take(*(note(f"{LAMP} tiang {n}", OTHER) for n in range(45)))
    await house.work_all()
    await house.take(note(f"{LAMP} tiang terakhir", OTHER), note(WHERE))
    await house.work_all()
    assert (await house.file(tracking)).report.status is Status.FORWARDED


async def test_an_answer_that_comes_too_late_is_a_message_of_its_own(lite: House) -> None:
    await lite.say(NOWHERE)
    lite.clock.pass_(days=15)
    await lite.say(WHERE)
    assert await lite.counted("reports") == 2


async def test_somebody_elses_words_do_not_answer_my_question(lite: House) -> None:
    await lite.say(NOWHERE)
    await lite.say(WHERE, OTHER)
    waiting = await lite.store.reports.latest(10, status=Status.WAITING_FOR_REPORTER)
    assert NOWHERE in {report.text for report in waiting}
    assert await lite.counted("reports") == 2


async def test_an_unrelated_report_leaves_the_question_open(lite: House) -> None:
    await lite.say(NOWHERE)
    asked = await lite.newest()
    await lite.say(LAMP)
    assert await lite.counted("reports") == 2
    assert (await lite.file(asked.report.tracking)).report.status is Status.WAITING_FOR_REPORTER
    await lite.say(WHERE)
    assert (await lite.file(asked.report.tracking)).report.status is Status.FORWARDED
    assert await lite.counted("reports") == 2


async def _adds(house: House, file: ReportFile, how: str) -> str:
    number, more = file.report.tracking, "lubangnya sekarang makin dalam dan ada korban"
    if how == "number":
        return await house.say(f"{number} {more}")
    if how == "grouped number":
        return await house.say(f"Tambahan {format_number(number)}: {more}")
    ours = next(letter for letter in file.notifications)
    return await house.say(more, thread=["<older@x>", f"paper-{ours.id}"])


@pytest.mark.parametrize("how", ["number", "grouped number", "mail thread"])
async def test_a_follow_up_is_added_and_passed_on(house: House, how: str) -> None:
    first = await house.report()
    told = await _adds(house, first, how)
    file = await house.file(first.report.tracking)
    assert await house.counted("reports") == 1
    assert "makin dalam" in file.report.text
    assert file.report.status is Status.FORWARDED
    assert file.events[-1].kind == "followed_up"
    deliveries = await house.handed_over(file)
    assert [each["type"] for each in deliveries] == [events.ASSIGNED, events.FOLLOWED_UP]
    assert deliveries[0]["id"] != deliveries[1]["id"]
    assert "sudah kami catat" in told


async def test_somebody_elses_number_makes_a_linked_report_of_ones_own(lite: House) -> None:
    first = await lite.report()
    await lite.say(f"{LAMP}, sama seperti {first.report.tracking}", OTHER)
    assert await lite.file(first.report.tracking) == first
    second = await lite.newest()
    assert second.report.id != first.report.id
    ((link,),) = [second.report.links]
    assert (link.kind, link.tracking) == ("follow_up", first.report.tracking)


async def _close(house: House, file: ReportFile) -> None:
    async with house.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id)
        assert stored is not None
        at = house.clock()
        closed = stored.report.with_status(Status.CLOSED_BY_SYSTEM, at=at, by="gateway")
        unit.reports.change(stored, closed, [AuditEvent("closed_by_system", "gateway")])


async def test_adding_to_a_closed_report_makes_a_new_one_with_a_link(lite: House) -> None:
    first = await lite.report()
    await _close(lite, first)
    await lite.say(f"{first.report.tracking} {ROAD} lagi")
    second = await lite.newest()
    assert second.report.id != first.report.id
    assert [link.tracking for link in second.report.links] == [first.report.tracking]
    assert (await lite.file(first.report.tracking)).report.status is Status.CLOSED_BY_SYSTEM


AGAIN = [
    ("the same person, the same day", WHO, ROAD, {"hours": 2}, 1),
    ("in other letters", WHO, ROAD.upper() + "!!", {"hours": 2}, 1),
    ("two days later", WHO, ROAD, {"days": 2}, 2),
    ("another person", OTHER, ROAD, {"hours": 2}, 2),
    ("other words", WHO, LAMP, {"hours": 2}, 2),
]


@pytest.mark.parametrize(("who", "text", "later", "reports"), [a[1:] for a in AGAIN])
async def test_a_repeat_within_a_day_makes_no_second_report(
    lite: House, who: str, text: str, later: dict[str, float], reports: int
) -> None:
    first = await lite.report()
    lite.clock.pass_(**later)
    told = await lite.say(text, who)
    assert await lite.counted("reports") == reports
    assert ("sudah kami terima" in told) == (reports == 1)
    assert (next(mentions(told)) == first.report.tracking) == (reports == 1)
    assert await lite.counted("deliveries") == reports


async def test_the_same_words_after_it_was_closed_are_a_new_report(lite: House) -> None:
    await _close(lite, await lite.report())
    await lite.say(ROAD)
    assert await lite.counted("reports") == 2


STATUS = [
    # whose, extra words of the report, what is asked, who asks, what is in the answer
    ("own, by number", "", "STATUS {number}", WHO, ["{written}", "Dinas Sumber Daya Air"]),
    ("own, number alone", "", "{written}", WHO, ["{written}"]),
    ("own, newest", "", "status", WHO, ["{written}"]),
    ("foreign", "", "STATUS {number}", OTHER, ["{written}", "Dinas Sumber Daya Air"]),
    ("own confidential", "RAHASIA ", "STATUS {number}", WHO, ["{written}"]),
    ("foreign confidential", "RAHASIA ", "STATUS {number}", OTHER, ["tidak ditemukan"]),
    ("unknown", "", "STATUS 4821-0937-5514", WHO, ["tidak ditemukan"]),
    ("none", "", "STATUS", OTHER, ["STATUS dan nomornya"]),
    ("by another phone's dashes", "", "status no. {dashed}", OTHER, ["Laporan {written}", "Dinas"]),
    ("own, mistyped", "", "STATUS {mistyped}", WHO, ["salah ketik"]),
    ("mistyped, number alone", "", "{mistyped}", WHO, ["salah ketik"]),
    ("mistyped, no. before it", "", "cek no. {mistyped}", OTHER, ["salah ketik"]),
    ("all there is, mistyped", "", "BACA {mistyped}", WHO, ["salah ketik"]),
]


@pytest.mark.parametrize("case", STATUS, ids=[case[0] for case in STATUS])
async def test_a_status_is_told_to_whom_it_may_be_told(
    lite: House, case: tuple[str, str, str, str, list[str]]
) -> None:
    _, mark, asks, who, said = case
    report = (await lite.report(mark + ROAD)).report
    names = {"number": report.tracking, "written": format_number(report.tracking)}
    names["dashed"] = names["written"].replace("-", " – ")
    names["mistyped"] = names["dashed"][:-1] + str((int(report.tracking[-1]) + 1) % 10)
    told = await lite.say(asks.format(**names), who)
    for words in said:
        assert words.format(**names) in told
    assert await lite.counted("reports") == 1
    if "tidak ditemukan" in told or "salah ketik" in told:
        assert "Dinas" not in told


async def test_only_the_reporter_reads_what_the_agency_answered(lite: House) -> None:
    report = (await lite.report()).report
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        change = AuditEvent("agency_replied", "agency:x", data={"text": "Regu turun besok."})
        unit.reports.change(stored, stored.report, [change])
    asks = f"STATUS {report.tracking}"
    assert "Regu turun besok." in await lite.say(asks)
    assert "Regu turun besok." not in await lite.say(asks, OTHER)


async def test_a_stranger_who_asks_is_not_told_the_reports_title(lite: House) -> None:
    report = (await lite.report()).report
    await lite.say(f"STATUS {report.tracking}", OTHER)
    ((_, letter),) = [sent for sent in lite.paper.carried if sent[0] == OTHER]
    assert letter.subject is not None
    assert "rusak" not in letter.subject.casefold()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bantuan", "apa yang terjadi dan di mana"),
        ("halo", "apa yang terjadi dan di mana"),
        ("Assalamualaikum", "apa yang terjadi dan di mana"),
        ("selamat pagi min", "apa yang terjadi dan di mana"),
        ("HELP", "what happened and where"),
    ],
)
async def test_who_asks_for_help_is_told_how(lite: House, text: str, said: str) -> None:
    assert said in await lite.say(text)
    assert await lite.counted("reports") == 0


async def _batch(house: House, *notes: dict[str, Any]) -> list[ReceivedMessage]:
    await house.take(*notes)
    return await house.leased(REPORTS)


CONVERSATION = [ROAD, NOWHERE, f"STATUS {4821_0937_5514}", "HELP", UNCLEAR]


async def test_a_redelivered_message_changes_nothing(house: House) -> None:
    notes = [note(text, f"+6281100{n:05}") for n, text in enumerate(CONVERSATION)]
    batch = await _batch(house, *notes)
    assert await house.route(batch) == {}
    tables = ("messages", "reports", "events", "deliveries", "notifications", "queue")
    before = [await house.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables]
    assert await house.route(batch) == {}
    for delivery in batch:
        assert await house.route([delivery, delivery]) == {}
    assert [await house.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables] == before


async def test_two_workers_with_the_same_messages_file_each_once(house: House) -> None:
    batch = await _batch(house, *(note(f"{ROAD} {n}", f"+6281100{n:05}") for n in range(12)))
    done = await asyncio.gather(*(house.route(batch) for _ in range(4)), return_exceptions=True)
    assert done == [{}] * 4
    assert await house.counted("reports") == 12
    assert await house.counted("deliveries") == 12
    assert (await house.store.queue.depths())[DELIVERIES] == 12


async def test_two_workers_with_two_additions_to_one_report_lose_neither(house: House) -> None:
    first = await house.report()
    texts = [f"{first.report.tracking} tambahan pertama", f"{first.report.tracking} yang kedua"]
    await house.take(*map(note, texts))
    (one, two) = await house.leased(REPORTS)
    done = await asyncio.gather(house.route([one]), house.route([two]), return_exceptions=True)
    for delivery, result in zip((one, two), done, strict=True):
        if isinstance(result, Exception):  # the loser comes again
            assert may_succeed(result)
            assert await house.route([delivery]) == {}
    text = (await house.file(first.report.tracking)).report.text
    assert "tambahan pertama" in text
    assert "yang kedua" in text


async def test_a_tracking_number_drawn_twice_is_drawn_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = new_tracking()
    monkeypatch.setattr(sealing, "tracking_of", lambda seal, inbound: drawn)
    await house.say(ROAD)
    await house.take(note(LAMP), note(f"{LAMP} di tiang lain"))
    assert await house.work_all() == {}
    numbers = {report.tracking for report in await house.store.reports.latest(10)}
    assert len(numbers) == 3
    assert drawn in numbers
    told = {number for text in house.paper.told() for number in mentions(text)}
    assert told == numbers


async def test_a_message_the_database_does_not_know_is_tried_again(house: House) -> None:
    (known,) = await _batch(house, note(ROAD))
    data = events.read(known.message.body).data | {"id": str(uuid4())}
    body = events.compose(events.RECEIVED, data["id"], json.dumps(data), at=house.clock())
    unknown = ReceivedMessage(QueuedMessage(REPORTS, data["id"], body), 0, None)
    with pytest.raises(UnknownMessage) as caught:
        await house.route([known, unknown])
    assert may_succeed(caught.value)
    assert await house.counted("reports") == 0
    assert await house.route([known]) == {}
    assert await house.counted("reports") == 1


async def test_an_event_that_is_none_can_never_succeed(lite: House) -> None:
    with pytest.raises(events.BadEvent) as caught:
        await lite.route([ReceivedMessage(QueuedMessage(REPORTS, "x", b"not ours"), 0, None)])
    assert not may_succeed(caught.value)


async def test_every_decision_carries_its_reasons(lite: House) -> None:
    for text in (ROAD, NOWHERE, UNCLEAR):
        assignment = (await lite.report(text, f"+6281000{len(text):05}")).report.assignment
        assert assignment is not None
        assert assignment.reasons
        assert (assignment.agency is not None) == (assignment.decision is Outcome.ASSIGN)


@pytest.mark.parametrize("first", [ROAD, NOWHERE, ""], ids=["clear", "asked about", "no words"])
async def test_the_photos_of_an_album_are_one_report_and_one_answer(
    house: House, first: str
) -> None:
    parts = [
        note(first if n == 0 else "", thread=["album", f"m{n}"], files=[(f"{n}.jpg", str(n))])
        for n in range(4)
    ]
    for part in parts:
        await house.take(part)
        assert await house.work_all() == {}
    assert await house.counted("reports") == 1
    report = (await house.newest()).report
    assert len(report.attachments) == 4
    assert report.status is (Status.FORWARDED if first == ROAD else Status.WAITING_FOR_REPORTER)
    assert len(house.paper.told()) == 1


@pytest.mark.parametrize("what", ["the report", "what was added", "the answer to our question"])
async def test_an_edit_joins_what_it_corrects(house: House, what: str) -> None:
    names = {"the report": "m1", "what was added": "m2", "the answer to our question": "m2"}
    asked = what == "the answer to our question"
    await house.say(NOWHERE if asked else ROAD, thread=["m1"])
    await house.say(WHERE if asked else "sudah parah sekali", thread=["m1", "m2"])
    await house.say("Ralat: sangat parah", thread=[names[what]])
    assert await house.counted("reports") == 1
    assert "Ralat: sangat parah" in (await house.newest()).report.text


async def test_two_replies_to_one_letter_that_was_about_nothing_stay_apart(house: House) -> None:
    await house.say("bantuan")
    (_, helped), *_ = house.paper.carried
    for text, name in ((ROAD, "m1"), (LAMP, "m2")):
        await house.say(text, thread=[f"paper-{helped.id}", name])
    assert await house.counted("reports") == 2


async def test_a_strangers_reply_to_a_citizens_message_adds_nothing_to_the_report(
    house: House,
) -> None:
    await house.say(ROAD, thread=["m1"])
    await house.say(LAMP, OTHER, thread=["m1", "m2"])
    assert await house.counted("reports") == 2


# --- talk that was overheard ----------------------------------------------------------------------


class Plaza(Paper):
    """A channel on which people also talk to each other."""

    overhears = True


async def test_talk_waits_for_an_operator_and_only_who_reports_is_answered(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plaza = Plaza("plaza")
    async with making.house(sqlite_url, tmp_path, more=[plaza]) as house:
        monkeypatch.setattr(
            making.made_parts().routing, "kinds", Kinds(test_kinds.weights(), {"keluhan"})
        )
        answer = await house.door.receive_webhook(
            plaza, making.hook(note(f"wkwk {ROAD}"), note(ROAD, OTHER))
        )
        assert answer.status == 200
        assert await house.work_all() == {}
        (waiting,) = await house.store.reports.latest(5, status=Status.TRIAGE)
        talk = await house.store.reports.file(id=waiting.id)
        assert talk
        assert talk.report.text.startswith("wkwk")
        assert len(await house.for_agency("3578-dinas-pu")) == 1
        assert [to for to, _ in plaza.carried] == [OTHER]
        await house.services.operators.archive(
            waiting.id, actor=system("sari"), reason="Bukan laporan."
        )
        assert await house.work_all() == {}
        assert [to for to, _ in plaza.carried] == [OTHER], "who was never answered hears nothing"
