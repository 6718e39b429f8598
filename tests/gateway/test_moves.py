"""A report's status: moved in one place, by the table, and every row of it by an act there is."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

import gateway
from config.states import ActorKind, Move, TransitionRow, states
from gateway.access.roles import Actor, Grant, Role, system
from gateway.access.states import WrongMove, move
from gateway.casework.agencies import Reply
from gateway.casework.conflicts import Conflict
from gateway.store.rows import AuditEvent
from normalizer.message import NoAnswerReason
from normalizer.report import Assignment, Link, Outcome, Report, Status
from normalizer.tracking import format_number
from tests.gateway.making import NOWHERE, ROAD, UNCLEAR, WHERE, House

PU, COPIED = "3578-dinas-pu", "3578-dinas-perhubungan"
RINI = Actor("rini", (Grant(Role.OFFICER, PU),))
EKA = Actor("eka", (Grant(Role.COORDINATOR, "35.78"),))
PRANK = "wkwk prank bro kaget ya"
ACCUSES = "petugas dinas PU minta uang 500 ribu supaya diperbaiki"
MAY_ACCUSE = "kata tukangnya dinas PU minta potongan"


def test_the_shell_changes_a_status_in_one_place() -> None:
    root = Path(gateway.__file__).parent
    pattern = re.compile(r"\.with_status\(|StatusChange\(|[\"']status[\"']: Status\.")
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"access/states.py"}


async def _put(house: House, text: str, start: Status, who: str) -> Report:
    """File a report that stands in a status, with its agency where one has it then."""
    report = (await house.report(text, who)).report
    async with house.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        put = stored.report
        if put.status is not start:
            put = put.with_status(start, at=house.clock(), by="test")
        stored = unit.reports.change(stored, put, [AuditEvent("put", "test")])
    return stored.report


async def _version(house: House, report: Report) -> int:
    return (await house.file(report.tracking)).version


async def _say(house: House, report: Report, text: str, who: str) -> None:
    await house.say(f"{format_number(report.tracking)} {text}", who)


# Each act of the table: from a start to an end. Returns the number of the report.


async def _route(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    texts = {
        Status.FORWARDED: ROAD,
        Status.WAITING_FOR_REPORTER: NOWHERE,
        Status.TRIAGE: UNCLEAR,
        Status.ARCHIVED_BY_SYSTEM: PRANK,
    }
    await house.take({"id": uuid4().hex, "from": who, "text": texts[end]})
    assert await house.work_all() == {}
    return (await house.newest()).report.tracking


async def _complete(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    if end is Status.WAITING_FOR_REPORTER:
        report = (await house.report("", who, files=[("foto.jpg", "a photo")])).report
        await house.say(NOWHERE, who)
    else:
        report = (await house.report(NOWHERE, who)).report
        await house.say(WHERE if end is Status.FORWARDED else "tidak tahu", who)
    return report.tracking


async def _give_up(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = (await house.report(NOWHERE if end is Status.TRIAGE else ROAD, who)).report
    if end is Status.IN_PROGRESS:
        version = await _version(house, report)
        await house.services.officers.ask(report.id, "Di mana?", actor=RINI, version=version)
    house.clock.pass_(days=15)
    await house.services.questions.turn()
    return report.tracking


async def _reopen(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    texts = {
        Status.FORWARDED: ROAD,
        Status.WAITING_FOR_REPORTER: NOWHERE,
        Status.TRIAGE: UNCLEAR,
    }
    report = await _put(house, texts[end], start, who)
    if start is Status.TRIAGE:
        async with house.store.unit() as unit:
            stored = await unit.reports.by_id(report.id)
            assert stored is not None
            first = report.first.model_copy(update={"unanswered": NoAnswerReason.FOREIGN_TEXT})
            foreign = stored.report.model_copy(update={"messages": (first,)})
            unit.reports.change(stored, foreign, [AuditEvent("put", "test")])
    await house.change("DELETE FROM deliveries")  # as if no agency ever had it
    await house.change("DELETE FROM notifications")
    await house.services.operators.reopen(report.id, actor=system("sari"))
    return report.tracking


async def _assign(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = await _put(house, ROAD, start, who)
    await house.services.operators.assign(report.id, COPIED, actor=system("sari"))
    return report.tracking


async def _archive(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = (await house.report(UNCLEAR if start is Status.TRIAGE else NOWHERE, who)).report
    await house.services.operators.archive(report.id, actor=system("sari"), reason="bukan urusan")
    return report.tracking


async def _merge(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    earlier = await _put(house, ROAD, Status.FORWARDED, who)
    report = await _put(house, f"{UNCLEAR} {who}", start, who)
    await house.services.operators.corrections.merge(
        report.id, earlier.tracking, actor=system("sari")
    )
    return report.tracking


async def _to_triage(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = await _put(house, ROAD, start, who)
    corrections = house.services.operators.corrections
    await corrections.to_triage(report.id, reason="salah tujuan", actor=system("sari"))
    return report.tracking


async def _ask_from_triage(
    house: House, start: Status, end: Status, by: ActorKind, who: str
) -> str:
    report = await _put(house, UNCLEAR, start, who)
    corrections = house.services.operators.corrections
    await corrections.ask(report.id, about="place", text="Di mana?", actor=system("sari"))
    return report.tracking


async def _hand_over(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = await _put(house, ROAD, start, who)
    await house.services.coordinators.hand_over(
        report.id, actor=EKA, agency_id=COPIED, reason="urusan lalu lintas"
    )
    return report.tracking


async def _send_back(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = await _put(house, ROAD, start, who)
    await house.services.coordinators.send_back(report.id, actor=EKA, reason="urusan provinsi")
    return report.tracking


async def _recuse(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = await _put(house, ROAD, start, who)
    await _say(house, report, ACCUSES if end is Status.FORWARDED else MAY_ACCUSE, who)
    return report.tracking


async def _join(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    earlier = await _put(house, ROAD, Status.FORWARDED, who)
    report = await _put(house, f"{UNCLEAR} {who}", start, who)
    async with house.store.unit() as unit:
        stored = await unit.reports.by_id(report.id)
        assert stored is not None
        tie = Link(kind="possible", report_id=earlier.id, tracking=earlier.tracking)
        offered = stored.report.model_copy(update={"links": (tie,)})
        unit.reports.change(stored, offered, [AuditEvent("put", "test")])
    await house.say("tambahan laporan", who)
    return report.tracking


async def _reply(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = (await house.report(ROAD, who)).report
    version = await _version(house, report)
    await house.services.officers.ask(report.id, "Di mana?", actor=RINI, version=version)
    await house.notify()
    await _say(house, report, "di depan pasar sebelah kiri", who)
    return report.tracking


async def _words(
    kind: str, house: House, start: Status, end: Status, by: ActorKind, who: str
) -> str:
    report = await _put(house, ROAD, start, who)
    more = {"suggested_agency_id": COPIED} if end is Status.FORWARDED else {}
    house.agencies._replies._router = Sure()
    if by is ActorKind.AGENCY:
        words = {"kind": kind, "text": "Bukan kami", "suggestion": COPIED if more else ""}
        reply = Reply.model_validate(words)
        await house.agencies.reply(PU, report.tracking, reply, key="")
    else:
        act = getattr(house.services.officers, kind)
        version = await _version(house, report)
        await act(report.id, "Bukan kami", actor=RINI, version=version, **more)
    return report.tracking


class Sure:
    """A router that is sure of the body that the refusing agency names."""

    def assign_again(self, report: Report, *, at: datetime) -> Assignment:
        to = report.refusals[-1].suggested
        decision = Outcome.ASSIGN if to else Outcome.TRIAGE
        return Assignment(decision=decision, agency=to, confidence=0.9, reasons=(), at=at)


async def _verify(house: House, start: Status, end: Status, by: ActorKind, who: str) -> str:
    report = await _put(house, ROAD, start, who)
    version = await _version(house, report)
    await house.services.officers.verify(report.id, actor=RINI, version=version)
    return report.tracking


Drive = Callable[[House, Status, Status, ActorKind, str], Awaitable[str]]
DRIVES: dict[str, Drive] = {
    "route": _route,
    "complete": _complete,
    "give_up_question": _give_up,
    "reopen": _reopen,
    "assign": _assign,
    "archive": _archive,
    "merge": _merge,
    "to_triage": _to_triage,
    "ask_from_triage": _ask_from_triage,
    "hand_over": _hand_over,
    "send_back": _send_back,
    "recuse": _recuse,
    "join": _join,
    "reply": _reply,
    "verify": _verify,
    **{kind: partial(_words, kind) for kind in ("ask", "progress", "answer", "refuse")},
}


def test_every_act_of_the_table_is_driven() -> None:
    assert {row.act for row in states().transitions} == DRIVES.keys()


@pytest.mark.parametrize("row", states().transitions, ids=lambda row: row.act)
async def test_an_act_moves_a_report_as_the_table_says(lite: House, row: TransitionRow) -> None:
    senders = (f"+62812345{number:05}" for number in range(1000))
    for start in map(Status, row.starts):
        for end in map(Status, row.ends):
            for by in row.by:
                number = await DRIVES[row.act](lite, start, end, by, next(senders))
                report = (await lite.file(number)).report
                moved = [(a.status, b.status) for a, b in pairwise(report.history)]
                assert (start, end) == moved[-1], f"{row.act} by {by}: {moved}"
    assert (await lite.store.events.audit())[1] == []


@pytest.mark.parametrize("kind", ActorKind)
async def test_what_is_not_in_the_table_is_no_move(lite: House, kind: ActorKind) -> None:
    report = (await lite.report(ROAD)).report
    for start in Status:
        at_start = report.model_copy(update={"status": start})
        for end in Status:
            if Move(start.value, end.value, kind) in states().moves:
                move(at_start, end, by="x", actor_kind=kind, at=lite.clock())
            else:
                with pytest.raises(WrongMove):
                    move(at_start, end, by="x", actor_kind=kind, at=lite.clock())


async def test_a_person_is_told_what_is_no_move(lite: House) -> None:
    report = await _put(lite, ROAD, Status.IN_PROGRESS, "+6281234500001")
    version = await _version(lite, report)
    with pytest.raises(Conflict, match="not_now"):
        await lite.services.officers.verify(report.id, actor=RINI, version=version)
    assert await _version(lite, report) == version
