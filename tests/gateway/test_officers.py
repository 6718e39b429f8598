"""What people of an agency do with its reports, and what they and the citizen see of that."""

from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from gateway.access.roles import Actor, Grant, Role, system
from gateway.casework.conflicts import Conflict
from gateway.casework.officers import MOST_PHOTOS, PHOTO_BYTES, AnswerFile, Box
from gateway.media.access import NoFile
from gateway.store.rows import AuditEvent
from gateway.store.views import GrantRow, NewAccount, ReportFile
from gateway.wire import events
from normalizer.report import Recusal, Report, Status
from normalizer.tracking import format_number
from tests.gateway import making
from tests.gateway.making import NOWHERE, OTHER, ROAD, WHO, House

PU, TRAFFIC = "3578-dinas-pu", "3578-dinas-perhubungan"
RINI, BUDI = (Actor(name, (Grant(Role.OFFICER, PU),)) for name in ("rini", "budi"))
SARI = Actor("sari", (Grant(Role.OFFICER, TRAFFIC),))
KNOWN = (RINI, BUDI, SARI)


async def version(house: House, report: Report) -> int:
    return (await house.file(report.tracking)).version


async def hire(house: House, *actors: Actor) -> None:
    """Make the accounts of actors."""
    for actor in actors:
        given = tuple(GrantRow(each.role.value, each.scope) for each in actor.grants)
        assert await house.store.accounts.create(NewAccount(actor.name, None, given, "cli"))


async def told(house: House) -> str:
    await house.notify()
    return house.paper.told()[-1]


def photo(size: tuple[int, int] = (8, 8)) -> bytes:
    written = BytesIO()
    Image.new("RGB", size).save(written, "JPEG")
    return written.getvalue()


# Whose report it is.


@pytest.mark.parametrize("act", ["verify", "ask", "progress", "answer", "refuse", "note"])
async def test_no_act_on_a_report_of_another_agency_or_of_another_state(
    lite: House, act: str
) -> None:
    report = (await lite.report(ROAD)).report
    officers, before = lite.services.officers, await version(lite, report)
    words = {} if act == "verify" else {"text": "Regu turun besok."}
    call = getattr(officers, act)
    nobody = Actor("eka", (Grant(Role.COORDINATOR, "35.78"), Grant(Role.LEADER, PU)))
    for actor in (SARI, nobody):
        with pytest.raises(Conflict, match="no_report"):
            await call(report.id, actor=actor, version=before, **words)
    with pytest.raises(Conflict, match="no_report"):
        await call("none", actor=RINI, version=before, **words)
    with pytest.raises(Conflict, match="outdated"):
        await call(report.id, actor=RINI, version=before - 1, **words)
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        closed = stored.report.with_status(Status.CLOSED_BY_SYSTEM, at=lite.clock(), by="x")
        unit.reports.change(stored, closed, [AuditEvent("closed_by_system", "x")])
    with pytest.raises(Conflict, match="closed"):
        await call(report.id, actor=RINI, version=before + 1, **words)
    seen = await officers.open(report.id, actor=RINI)
    assert seen is not None
    assert (seen.may_act, seen.acts) == (False, frozenset())


async def test_of_two_at_once_one_is_told(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    seen = await version(lite, report)
    await lite.services.officers.progress(report.id, "Kami cek.", actor=RINI, version=seen)
    with pytest.raises(Conflict, match="outdated"):
        await lite.services.officers.answer(report.id, "Selesai.", actor=BUDI, version=seen)


# What they say.


async def test_an_officers_answer_reaches_the_citizen_without_their_name(house: House) -> None:
    report = (await house.report(ROAD)).report
    officers, seen = house.services.officers, await version(house, report)
    kept = await officers.store_photo(photo())
    files = [AnswerFile(kept.sha256, kept.mime, kept.size, "after")]
    done = await officers.answer(report.id, " Sudah ditambal. ", files, actor=RINI, version=seen)
    assert done.status is Status.ANSWERED
    said = await told(house)
    assert said.startswith("Jawaban Dinas")
    assert said.endswith("Sudah ditambal.")
    file = await house.file(report.tracking)
    last = file.events[-1]
    assert (last.kind, last.by, last.data["officer"]) == ("agency_replied", f"agency:{PU}", "rini")
    assert "rini" not in file.report.model_dump_json()
    for shown in (
        await officers.show_file(report.id, kept.sha256, actor=BUDI),
        await house.files.for_operator(report.id, kept.sha256, actor=system("dewi")),
        await house.files.for_reporter(report.tracking, kept.sha256),
        await house.files.for_agency(PU, report.tracking, kept.sha256),
    ):
        assert (shown.media_type, shown.name, shown.inline) == ("image/jpeg", "after.jpg", True)
    with pytest.raises(NoFile):
        await officers.show_file(report.id, kept.sha256, actor=SARI)
    other = (await house.report(f"{ROAD} juga", OTHER)).report
    with pytest.raises(NoFile):
        await house.files.for_reporter(other.tracking, kept.sha256)


async def test_what_is_no_photo_or_too_much_is_refused(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    officers, seen = lite.services.officers, await version(lite, report)
    for data, why in (
        (b"not a photo", "no_photo"),
        (b"\xff\xd8\xff" + b"x" * 100, "no_photo"),
        (b"x" * (PHOTO_BYTES + 1), "photo_too_large"),
    ):
        with pytest.raises(Conflict, match=why):
            await officers.store_photo(data)
    kept = await officers.store_photo(photo())
    for files, why in (
        ([kept] * (MOST_PHOTOS + 1), "photos_too_many"),
        ([AnswerFile("0" * 64, "image/jpeg", 1)], "no_photo"),
        ([AnswerFile("../../x", "image/jpeg", 1)], "no_photo"),
        ([AnswerFile(kept.sha256, "text/html", 1)], "no_photo"),
        ([AnswerFile(kept.sha256, kept.mime, kept.size, "x/../y")], "no_photo"),
    ):
        with pytest.raises(Conflict, match=why):
            await officers.answer(report.id, "x", files, actor=RINI, version=seen)
    for text in ("", " \n"):
        with pytest.raises(Conflict, match="no_words"):
            await officers.answer(report.id, text, actor=RINI, version=seen)
    assert await version(lite, report) == seen


async def test_a_preview_is_what_the_citizen_reads(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    officers = lite.services.officers
    shown = await officers.preview(report.id, "answer", "Sudah ditambal.", actor=RINI)
    seen = await version(lite, report)
    await officers.answer(report.id, "Sudah ditambal.", actor=RINI, version=seen)
    assert shown.text == await told(lite)
    assert shown.segments >= 1
    assert not shown.replaced
    with pytest.raises(Conflict, match="no_report"):
        await officers.preview(report.id, "answer", "x", actor=SARI)


async def test_verification_is_noted_and_tells_nobody(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    before, seen = len(lite.paper.told()), await version(lite, report)
    done = await lite.services.officers.verify(report.id, actor=RINI, version=seen)
    assert done.status is Status.IN_PROGRESS
    assert done.history[-1].note == "Diverifikasi oleh instansi."
    await lite.notify()
    assert len(lite.paper.told()) == before


# Questions.


async def _ask(house: House, report: Report, text: str = "Di depan rumah nomor berapa?") -> None:
    officers, seen = house.services.officers, await version(house, report)
    done = await officers.ask(report.id, text, actor=RINI, version=seen)
    assert done.status is Status.WAITING_FOR_REPORTER
    assert text in await told(house)


@pytest.mark.parametrize(
    "answer",
    [
        "nomor 12 pak",
        "{number} di sebelah masjid",
        "jalan rusak di depan nomor 12 Wonocolo Surabaya",
    ],
)
async def test_the_answer_to_an_agencys_question_goes_to_that_agency(
    house: House, answer: str
) -> None:
    report = (await house.report(ROAD)).report
    await _ask(house, report)
    await house.say(answer.format(number=format_number(report.tracking)), WHO)
    after = await house.file(report.tracking)
    assert after.report.status is Status.IN_PROGRESS
    assert len(after.report.messages) == 2
    assert after.report.assignment == report.assignment
    last = after.deliveries[-1]
    assert (last.event, last.agency_id) == (events.FOLLOWED_UP, PU)


async def test_a_question_nobody_answers_goes_back_to_the_agency(house: House) -> None:
    report = (await house.report(ROAD)).report
    await _ask(house, report)
    house.clock.pass_(days=15)
    await house.services.questions.turn()
    after = (await house.file(report.tracking)).report
    assert after.status is Status.IN_PROGRESS
    assert after.assignment == report.assignment
    assert "tidak menjawab selama 14 hari" in after.history[-1].note
    assert await house.services.questions.turn() == 0


async def test_a_second_question_waits_as_long_as_the_first(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    await _ask(lite, report)
    lite.clock.pass_(days=10)
    await _ask(lite, report, "Sejak kapan?")
    lite.clock.pass_(days=10)
    await lite.services.questions.turn()
    assert (await lite.file(report.tracking)).report.status is Status.WAITING_FOR_REPORTER
    lite.clock.pass_(days=5)
    await lite.services.questions.turn()
    assert (await lite.file(report.tracking)).report.status is Status.IN_PROGRESS


async def test_our_own_question_is_answered_as_before(lite: House) -> None:
    asked = (await lite.report(NOWHERE)).report
    assert asked.status is Status.WAITING_FOR_REPORTER
    with pytest.raises(Conflict, match="no_report"):
        await lite.services.officers.ask(asked.id, "x", actor=RINI, version=1)
    await lite.say("di kecamatan Wonocolo Surabaya", WHO)
    after = (await lite.file(asked.tracking)).report
    assert after.status is Status.FORWARDED


# Bukan wewenang.


async def _refuse(
    house: House, report: Report, actor: Actor, suggested: str | None = None
) -> ReportFile:
    seen = await version(house, report)
    await house.services.officers.refuse(
        report.id, "Ini jalan provinsi.", suggested, actor=actor, version=seen
    )
    return await house.file(report.tracking)


async def test_a_refusal_with_a_body_nothing_speaks_for_goes_to_an_operator(house: House) -> None:
    report = (await house.report(ROAD)).report
    file = await _refuse(house, report, RINI, TRAFFIC)
    made = file.report.assignment
    assert made is not None
    assert (file.report.status, made.agency) == (Status.TRIAGE, None)
    assert made.alternatives[0].agency.id == TRAFFIC
    assert "Ini jalan provinsi." in made.reasons[0].text
    (refusal,) = file.report.refusals
    assert (refusal.agency.id, refusal.suggested and refusal.suggested.id) == (PU, TRAFFIC)
    assert "bukan wewenangnya" in await told(house)
    assert await house.rows("SELECT refusals FROM reports") == [(1,)]


async def test_a_suggestion_must_be_possible(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    seen = await version(lite, report)
    accused = report.model_copy(
        update={"recusals": (Recusal(office="x", name="x", agencies=(TRAFFIC,)),)}
    )
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        unit.reports.change(stored, accused, [AuditEvent("put", "x")])
    for id, why in (("none", "no_agency"), (TRAFFIC, "accused"), (PU, "at_this_agency")):
        with pytest.raises(Conflict, match=why):
            await lite.services.officers.refuse(report.id, "x", id, actor=RINI, version=seen + 1)
    assert TRAFFIC not in {
        id for id, _ in await lite.services.officers.suggestions(RINI, report.id, "perhubungan")
    }


async def test_two_agencies_that_send_it_to_each_other_end_with_an_operator(lite: House) -> None:
    """A names B, an operator believes it, B names A."""
    report = (await lite.report(ROAD)).report
    await _refuse(lite, report, RINI, TRAFFIC)
    await lite.services.operators.assign(report.id, TRAFFIC, actor=system("dewi"))
    file = await _refuse(lite, report, SARI, PU)
    assert file.report.status is Status.TRIAGE
    assert [each.agency.id for each in file.report.refusals] == [PU, TRAFFIC]
    made = file.report.assignment
    assert made is not None
    assert "sudah pernah memegang laporan ini" in made.reasons[1].text


# Inside the agency.


async def test_a_report_is_given_to_a_unit_and_to_a_colleague(lite: House) -> None:
    await hire(lite, *KNOWN)
    report = (await lite.report(ROAD)).report
    officers, seen = lite.services.officers, await version(lite, report)
    done = await officers.delegate(report.id, "Bidang Jalan", "segera", actor=RINI, version=seen)
    assert done.handler is not None
    assert (done.handler.unit, done.handler.officer) == ("Bidang Jalan", "")
    done = await officers.assign(report.id, "budi", actor=RINI, version=seen + 1)
    assert done.handler is not None
    assert (done.handler.unit, done.handler.officer) == ("Bidang Jalan", "budi")
    for name in ("sari", "none"):
        with pytest.raises(Conflict, match="no_colleague"):
            await officers.assign(report.id, name, actor=RINI, version=seen + 2)
    assert [each.name for each in await officers.colleagues(RINI)] == ["budi", "rini"]
    assert await officers.units(RINI) == ["Bidang Jalan"]
    assert (await officers.inbox(BUDI, Box.NEW, mine=True)).total == 1
    assert (await officers.inbox(RINI, Box.NEW, mine=True)).total == 0
    assert (await officers.inbox(RINI, Box.NEW, unit="Bidang Jalan")).total == 1
    assert (await officers.inbox(RINI, Box.NEW, unit="Bidang Air")).total == 0
    await officers.set_cover(BUDI, "rini", lite.clock().date() + timedelta(days=3))
    (row,) = (await officers.inbox(RINI, Box.NEW, mine=True)).rows
    assert (row.officer, row.unit) == ("budi", "Bidang Jalan")
    lite.clock.pass_(days=4)
    assert (await officers.inbox(RINI, Box.NEW, mine=True)).total == 0
    with pytest.raises(Conflict, match="no_colleague"):
        await officers.set_cover(BUDI, "sari", date(2026, 5, 1))
    await officers.set_cover(BUDI, "", None)


async def test_a_copy_is_only_read(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    officers, seen = lite.services.officers, await version(lite, report)
    assert await officers.open(report.id, actor=SARI) is None
    await officers.copy(report.id, TRAFFIC, "mohon rambu", actor=RINI, version=seen)
    assert await lite.work_all() == {}
    file = await lite.file(report.tracking)
    assert {(d.agency_id, d.event) for d in file.deliveries} == {
        (PU, events.ASSIGNED), (TRAFFIC, events.COPIED)
    }  # fmt: skip
    assert (await officers.inbox(SARI, Box.COPIES)).total == 1
    assert (await officers.boxes(SARI))[Box.NEW] == 0
    shown = await officers.open(report.id, actor=SARI)
    assert shown is not None
    assert (shown.may_act, shown.agency_id) == (False, TRAFFIC)
    with pytest.raises(Conflict, match="no_report"):
        await officers.progress(report.id, "x", actor=SARI, version=seen + 1)
    with pytest.raises(Conflict, match="no_copy"):
        await officers.copy(report.id, TRAFFIC, actor=RINI, version=seen + 1)
    with pytest.raises(Conflict, match="no_agency"):
        await officers.copy(report.id, "none", actor=RINI, version=seen + 1)
    await officers.note(report.id, "Hanya untuk kami.", actor=RINI, version=seen + 1)
    theirs, ours = [await officers.open(report.id, actor=each) for each in (SARI, RINI)]
    assert theirs is not None
    assert ours is not None
    assert "Hanya untuk kami." not in repr(theirs)
    assert "Hanya untuk kami." in repr(ours)
    assert report.reporter.sealed not in repr(ours)


async def test_no_accused_agency_gets_a_copy_and_of_an_accusation_no_other(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    accuses = Recusal(office="x", name="x", agencies=(TRAFFIC,))
    async with lite.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        accusing = stored.report.model_copy(update={"recusals": (accuses,)})
        stored = unit.reports.change(stored, accusing, [AuditEvent("put", "x")])
    for id, why in ((TRAFFIC, "accused"), ("3578-dinas-sosial", "not_for_others")):
        with pytest.raises(Conflict, match=why):
            await lite.services.officers.copy(report.id, id, actor=RINI, version=stored.version)


async def test_to_open_a_report_is_to_have_read_it(sqlite_url: str, tmp_path: Path) -> None:
    async with making.house(sqlite_url, tmp_path, queues=False) as lite:
        await _open(lite)


async def _open(lite: House) -> None:
    report = (await lite.report(ROAD)).report
    officers = lite.services.officers
    (row,) = (await officers.inbox(RINI, Box.NEW)).rows
    assert (row.unread, row.version) == (True, await version(lite, report))
    shown = await officers.open(report.id, actor=RINI)
    assert shown is not None
    assert shown.acts >= {"verify", "ask", "answer", "refuse", "delegate", "copy", "note"}
    (row,) = (await officers.inbox(RINI, Box.NEW)).rows
    assert not row.unread
    (delivery,) = (await lite.file(report.tracking)).deliveries
    assert (delivery.state, delivery.read_by) == ("read", "rini")


# The inbox.


async def test_reports_lie_in_the_boxes_that_say_what_is_to_be_done(house: House) -> None:
    officers = house.services.officers
    reports = [
        (await house.report(f"{ROAD} nomor {n}", f"+62812345678{n:02}")).report for n in range(6)
    ]
    acts = (("progress", 1), ("ask", 2), ("answer", 3), ("refuse", 4))
    for act, number in acts:
        report = reports[number]
        seen = await version(house, report)
        await getattr(officers, act)(report.id, "Baik.", actor=RINI, version=seen)
    counts = {"new": 2, "in_progress": 1, "waiting": 1, "overdue": 0, "done": 1, "copies": 0}
    assert await officers.boxes(RINI) == counts
    for box in Box:
        page = await officers.inbox(RINI, box)
        assert (page.total, len(page.rows), page.next) == (counts[box], counts[box], "")
    assert sum((await officers.boxes(SARI)).values()) == 0
    assert sum((await officers.boxes(Actor("eka"))).values()) == 0
    house.clock.pass_(days=60)
    assert (await officers.boxes(RINI))[Box.OVERDUE] == 3
    first = await officers.inbox(RINI, Box.OVERDUE, most=2)
    second = await officers.inbox(RINI, Box.OVERDUE, most=2, after=first.next)
    rows = [*first.rows, *second.rows]
    assert len({row.id for row in rows}) == 3
    assert second.next == ""
    assert [row.due_on for row in rows] == sorted(row.due_on for row in rows if row.due_on)
    assert {row.region for row in rows} == {"Kecamatan Wonocolo"}
    assert all(row.title.startswith("Jalan rusak") for row in rows)
    done = await officers.inbox(RINI, Box.DONE, after="no token")
    assert [row.status for row in done.rows] == [Status.ANSWERED]
