"""Step 3, route: is a message a command, a follow-up, a repeat or a new report? Then decide.

A batch of messages shares one unit of work. Doing it twice changes nothing: a message is claimed
in the same transaction in which everything that follows from it is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import structlog

from gateway.access.ownership import Ownership, proven
from gateway.access.recusal import united
from gateway.broker.base import Delivery
from gateway.casework import conversation, hiding
from gateway.casework.alerts import DutyService
from gateway.casework.context import ConversationContext, is_part, joined, linked, origin_with
from gateway.casework.conversation import Conversation, followed_up, heard, open_question
from gateway.casework.hiding import Hiding
from gateway.media.store_files import ask
from gateway.outbound.delicate import graver, is_grave
from gateway.outbound.notifications import Letters
from gateway.outbound.texts import KEYS, choices, chosen
from gateway.platform import correlation, metrics
from gateway.platform.names import hidden
from gateway.platform.numbers import new_tracking
from gateway.platform.seal import Seal
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.gazetteer import Gazetteer
from normalizer.places import find
from normalizer.report import (
    FINAL,
    MAX_TEXT,
    Assignment,
    Intent,
    Outcome,
    Report,
    Status,
    Unanswered,
)
from normalizer.tracking import written
from router.assign import Decision, Router
from router.duplicates import fingerprint, repeats
from router.precedence import Signal, acting

log = structlog.get_logger(__name__)

SILENT = frozenset({"prank"})
"""What is archived without a word: an answer would only tell the sender that somebody reads."""
STATUS_OF = {
    Outcome.ASSIGN: Status.FORWARDED,
    Outcome.ASK: Status.WAITING_FOR_REPORTER,
    Outcome.TRIAGE: Status.TRIAGE,
}
_QUESTIONS = frozenset({Intent.STATUS, Intent.READ, Intent.HELP, Intent.PRIVACY})
IN_PIECES = timedelta(minutes=30)
"""How long what is said after a call for help, and is no matter of its own, belongs to it."""
ANOTHER_MATTER = 6
"""Words from which an answer that routes by itself is taken for a new report."""


class UnknownMessage(Exception):
    """The queue brought a message whose envelope is not in the database (yet)."""


class Route:
    """The step.

    ``waiting`` is how long a question of ours stays open for an answer; ``mute`` names the channels
    on which nobody would answer one, ``overheard`` those where people also talk to each other, and
    ``fetched`` those whose senders come and look for answers, which cannot be too many.
    ``ownership`` says how long a report is its telephone number's.
    ``duty`` hears what posts on duty reply, which is no report.
    """

    def __init__(
        self,
        store: Store,
        router: Router,
        gazetteer: Gazetteer,
        letters: Letters,
        seal: Seal,
        now: Callable[[], datetime],
        *,
        waiting: timedelta,
        ownership: Ownership,
        mute: frozenset[str] = frozenset(),
        overheard: frozenset[str] = frozenset(),
        fetched: frozenset[str] = frozenset(),
        duty: DutyService | None = None,
    ) -> None:
        self._store = store
        self._router = router
        self._gazetteer = gazetteer
        self._letters = letters
        self._seal = seal
        sensitive = router.topics.sensitive
        self._talk = Conversation(letters, now, router.accused, router.overseer, sensitive)
        self._hiding = Hiding(letters, now, router.topics.needs_identity, self._agency_name)
        self._now = now
        self._waiting = waiting
        self._ownership = ownership
        self._mute = mute
        self._overheard = overheard
        self._fetched = fetched
        self._duty = duty

    async def __call__(self, batch: Sequence[Delivery]) -> Mapping[str, Exception]:
        """Route a batch. Raises ``BadEvent``, ``UnknownMessage``, ``Unavailable``, ``Conflict``."""
        reports = {}
        for delivery in batch:
            report = events.report_in(events.read(delivery.message.body))
            report = hidden(self._seal, report)  # an event of the version before has clear names
            reports[report.id] = self._urgent(report)
        # Thinking comes first: a transaction holds up everybody else on SQLite.
        decisions = self._decided(reports.values())
        outcomes: list[tuple[Report, str]] = []
        async with self._store.unit() as unit:
            news, missing = await unit.claim(list(reports))
            if missing:
                raise UnknownMessage(f"{len(missing)} of {len(reports)} messages are not stored")
            fresh = [report for report in reports.values() if report.id in news]
            known = await self._known(unit, fresh)
            limited = (r.reporter.ref for r in fresh if r.origin.channel not in self._fetched)
            await unit.reactions.load(limited)
            for report in fresh:
                decision = decisions.get(report.id)
                with correlation.queued(report.id):
                    outcomes.append((report, await self._route(unit, known, report, decision)))
        for report, outcome in outcomes:
            self._count(report, outcome)
        return {}

    def _urgent(self, report: Report) -> Report:
        """Read a question that also names danger as a report: danger is answered first."""
        if report.intent not in _QUESTIONS or not self._router.names_danger(report.text):
            return report
        return report.model_copy(update={"intent": Intent.REPORT})

    def _count(self, report: Report, outcome: str) -> None:
        channel = report.origin.channel
        metrics.ROUTED.labels(channel, outcome).inc()
        id = correlation.of(report.id)
        log.debug("a message was routed", channel=channel, status=outcome, correlation=id)
        passed = (self._now() - report.received_at).total_seconds()
        metrics.ROUTE_DELAY.labels(channel).observe(passed)

    def _decided(self, reports: Iterable[Report]) -> dict[str, Decision]:
        """Decide about a batch by door, by report; a message that only asks needs no decision."""
        doors: dict[tuple[bool, bool], list[Report]] = {}
        for report in reports:
            if report.intent is Intent.REPORT:
                name = report.origin.channel
                door = name not in self._mute, name in self._overheard
                doors.setdefault(door, []).append(report)
        decisions: dict[str, Decision] = {}
        for (may_ask, overheard), some in doors.items():
            made = self._router.decide_many(
                some, at=self._now(), may_ask=may_ask, overheard=overheard
            )
            decisions |= {report.id: decision for report, decision in zip(some, made, strict=True)}
        return decisions

    async def _known(self, unit: UnitOfWork, reports: Sequence[Report]) -> ConversationContext:
        numbers = {number for report in reports for number in (*report.refers_to, report.tracking)}
        threads = {name for report in reports for name in report.origin.thread}
        refs = {report.reporter.ref for report in reports}
        known = ConversationContext(
            await unit.by_tracking(numbers),
            await unit.by_reporter(refs, since=self._now() - self._waiting),
        )
        letters = await unit.by_letter(threads)
        known.letters = frozenset(letters)
        stored = await unit.by_ids(letters.values())
        known.by_thread = {name: stored[id] for name, id in letters.items() if id in stored}
        mine = (each for reports in known.by_reporter.values() for each in reports)
        found = (*known.by_tracking.values(), *stored.values(), *mine)
        ties = (joined(each.report) for each in found)
        known.silent = await unit.silences.of(refs)
        known.joined_to = await unit.by_ids({tie.report_id for tie in ties if tie})
        every = {s.report.id: s for s in (*found, *known.joined_to.values())}
        lapsed = await self._ownership.lapsed(unit, every.values(), self._now())
        known.lapsed = frozenset(
            id for id in lapsed if not proven(self._seal, reports, every[id].report)
        )
        unit.lapsed(known.lapsed)
        return known

    async def _route(
        self,
        unit: UnitOfWork,
        known: ConversationContext,
        report: Report,
        decision: Decision | None,
    ) -> str:
        if report.tracking in known.by_tracking:
            report = report.model_copy(update={"tracking": new_tracking()})
        echo = heard(unit, report)
        if echo == "sure":
            return self._talk.echoed(unit, known, report)
        if self._duty and await self._duty.heard(unit, known, report):
            return "duty"
        if echo and report.unanswered is None:
            report = report.model_copy(update={"unanswered": Unanswered.ECHO})
        if report.intent is Intent.STOP:
            return await self._talk.stop(unit, known, report)
        if await self._talk.resumed(unit, known, report) and report.intent is Intent.START:
            return "start"
        if report.intent is Intent.STATUS:
            return await self._talk.tell_status(unit, known, report)
        if report.intent is Intent.READ:
            return await self._talk.read(unit, known, report)
        if report.intent is Intent.PRIVACY:
            text = self._letters.privacy(report)
            self._letters.answer(unit, report, text, cause="privacy", automatic=True)
            return "privacy"
        if decision is None:
            text = self._letters.text("help", report)
            self._letters.answer(unit, report, text, cause="help", automatic=True)
            return "help"
        if Signal.DANGER not in acting(decision.signals):
            if to_hide := hiding.to_hide(known, report, decision, at=self._now()):
                return await self._hiding.hide(unit, known, to_hide, report)
            if shown := await self._hiding.show(unit, known, report, decision):
                return shown
            if found := conversation.answered(known, report, at=self._now()):
                return await self._settle(unit, known, *found, report)
            if conversation.pressed_late(known, report):
                return await self._talk.tell_status(unit, known, report)
        return await self._file(unit, known, report, decision)

    def _agency_name(self, id: str) -> str:
        agency = self._router.register.agency(id)
        return agency.name if agency else id

    async def _settle(
        self,
        unit: UnitOfWork,
        known: ConversationContext,
        offered: ReportRecord,
        said: Literal["join", "new"],
        answer: Report,
    ) -> str:
        """Do what the reporter said to the offer to join a report to an earlier one."""
        if said == "join":
            return self._talk.join(unit, known, offered, answer)
        if offered.report.status is Status.WAITING_FOR_REPORTER:
            wordless = answer.model_copy(update={"text": "", "original": ""})
            return await self._complete(unit, known, offered, wordless)
        return self._talk.keep(unit, known, offered, answer)

    async def _file(
        self, unit: UnitOfWork, known: ConversationContext, report: Report, decision: Decision
    ) -> str:
        meant = known.meant_by(report)
        if meant and not known.takes_more(meant.report, report):
            report, meant = linked(report, meant.report), None
        report = report.model_copy(update={"urgency": decision.urgency})
        if Signal.FOREIGN_TEXT in acting(_signals(report, decision, meant)):
            unanswered = report.unanswered or Unanswered.FOREIGN_TEXT
            report = report.model_copy(update={"unanswered": unanswered})
            return await self._new(unit, known, report, decision)
        if decision.assignment.question == "place" and (earlier := _earlier_place(known, report)):
            report = _remembered(report, earlier, self._gazetteer)
            overheard = report.origin.channel in self._overheard
            decision = self._router.decide(report, at=self._now(), overheard=overheard)
        if meant and is_part(report, meant.report):
            return await self._talk.follow_up(unit, known, meant, report)
        if not meant and _is_no_matter(decision):
            meant = _call_for_help(known.mine(report), at=self._now())
        question = meant or open_question(known.mine(report))
        if question and question.report.status is Status.WAITING_FOR_REPORTER:
            if meant or not _stands_alone(report, decision):
                return await self._complete(unit, known, question, report)
        elif meant:
            return await self._talk.follow_up(unit, known, meant, report)
        return await self._new(unit, known, report, decision)

    async def _new(
        self, unit: UnitOfWork, known: ConversationContext, report: Report, decision: Decision
    ) -> str:
        decided = apply(report, decision, at=self._now())
        for earlier in known.mine(report):
            if earlier.report.status not in FINAL and repeats(decided, earlier.report):
                return await self._repeat(unit, known, earlier, report)
        if like := conversation.earlier_matter(known.mine(report), decided):
            decided = linked(decided, like, "possible")
        stored = unit.add(
            decided,
            fingerprint(decided),
            [
                _received(report),
                *unanswered(report),
                decision_change(decision),
                *([] if like else self._hiding.told(decided)),
            ],
        )
        unit.belongs(report, decided)
        ask(unit, decided, report, at=self._now())
        known.remember(stored)
        if not decision.is_talk or decided.urgency:
            await self._act(unit, decided, first="received", like=like)
        return decision.assignment.decision.value

    async def _repeat(
        self, unit: UnitOfWork, known: ConversationContext, earlier: ReportRecord, report: Report
    ) -> str:
        change = AuditEvent("repeated", "gateway", data={"message": report.id})
        urgency = graver(earlier.report.urgency, report.urgency)
        now = earlier.report.model_copy(update={"urgency": urgency})
        known.remember(unit.change(earlier, now, [change]))
        unit.belongs(report, now)
        if await self._letters.warn(unit, now, report):
            return "repeat"
        text, cause = self._letters.text("duplicate", now), f"duplicate {report.id}"
        self._letters.answer(unit, now, text, cause=cause, asked_by=report, automatic=True)
        return "repeat"

    async def _complete(
        self, unit: UnitOfWork, known: ConversationContext, asked: ReportRecord, answer: Report
    ) -> str:
        """Put the reporter's answer to our question into the report, and decide again."""
        whole = merged(asked.report, answer, self._gazetteer)
        decision = self._router.decide(whole, at=self._now(), may_ask=False)
        decided = apply(whole, decision, at=self._now())
        if is_grave(asked.report.urgency):
            kept = graver(asked.report.urgency, decided.urgency)
            decided = decided.model_copy(update={"urgency": kept})
        changes = [followed_up(answer), decision_change(decision), *self._hiding.told(decided)]
        known.remember(unit.change(asked, decided, changes))
        unit.belongs(answer, decided)
        ask(unit, decided, answer, at=self._now())
        await self._act(unit, decided, first="completed")
        return "completed"

    async def _act(
        self, unit: UnitOfWork, report: Report, *, first: str, like: Report | None = None
    ) -> None:
        """Do what a decision asks for: deliver, and tell the citizen.

        ``like`` is the earlier report that this one may belong to.
        """
        assert report.assignment is not None
        made = report.assignment
        if made.decision is Outcome.ASSIGN:
            self._letters.deliveries(unit, report, cause="assigned 1")
        offered = self._offered(report, like)
        asks = report.status is Status.WAITING_FOR_REPORTER and not report.places
        where = self._letters.text("danger_where", report) if asks else ""
        hidden = "" if is_grave(report.urgency) else self._hiding.words(report)
        more = f"{where} {hidden}".strip()
        if await self._letters.warn(unit, report, report, more=more, choices=offered):
            return
        if made.scope and made.scope.id in SILENT:
            return
        key = _reply(made, first, like)
        earlier = written(like.tracking) if like else ""
        text = self._letters.text(key, report, pilihan=choices(made.options), lama=earlier)
        brief = self._letters.text("received_brief", report) if key == "received" else ""
        if like and made.decision is not Outcome.ASK:
            brief = ""
            text = f"{text}\n{self._letters.text('join', report, lama=earlier)}"
        if not like and self._hiding.tells(report):
            hidden = f"{hidden} {self._letters.text('needs_identity', report)}".strip()
        text, brief = f"{text} {hidden}".rstrip(), brief and f"{brief} {hidden}".rstrip()
        self._letters.answer(
            unit,
            report,
            text,
            cause=_cause(made, first),
            choices=offered,
            automatic=True,
            receipt=True,
            brief=brief,
        )

    def _offered(self, report: Report, like: Report | None) -> Sequence[str]:
        """Return the likely answers to a receipt; there is never more than one question in it."""
        assert report.assignment is not None
        if like:
            return conversation.ways_on(self._letters, report, like)
        if self._hiding.tells(report):
            return self._hiding.choices(report)
        if report.assignment.decision is Outcome.ASK or report.assignment.scope:
            return () if self._letters.hushed(report, report) else report.assignment.options
        return conversation.ways_to_hide(self._letters, report)


def apply(report: Report, decision: Decision, *, at: datetime) -> Report:
    """Return the report with a decision in it, in the status that follows from it."""
    decided = report.model_copy(
        update={
            "kind": decision.kind,
            "topic": decision.topic,
            "urgency": decision.urgency,
            "places": decision.places,
            "assignment": decision.assignment,
            "deadlines": decision.deadlines,
            "recusals": united(report.recusals, decision.recusals),
        }
    )
    agency = decision.assignment.agency
    note = agency.name if agency and decision.assignment.decision is Outcome.ASSIGN else ""
    if scope := decision.assignment.scope:
        note = scope.name
    status = status_of(decision)
    return decided.moved(status, at=at, by=decision.assignment.by, note=note)


def merged(report: Report, answer: Report, gazetteer: Gazetteer) -> Report:
    """Return a report with the reporter's answer added, its places looked for again."""
    options = report.assignment.options if report.assignment else ()
    said = chosen(options, answer.text) or answer.text
    text = f"{report.text}\n{said}".strip()[:MAX_TEXT]
    context = next((p.code for p in report.places if p.found_by == "context"), None)
    point = answer.coordinates or report.coordinates
    return report.model_copy(
        update={
            "text": text,
            "origin": origin_with(report, answer),
            "links": conversation.settled(report).links,
            "original": f"{report.original}\n{answer.original}".strip()[:MAX_TEXT],
            "places": find(text, gazetteer, context=context, coordinates=point),
            "coordinates": point,
            "attachments": (*report.attachments, *answer.attachments),
            "anonymous": report.anonymous or answer.anonymous,
            "confidential": report.confidential or answer.confidential,
        }
    )


def decision_change(decision: Decision) -> AuditEvent:
    """Describe a decision for the log."""
    assignment = decision.assignment
    data: dict[str, object] = {
        "agency": assignment.agency.id if assignment.agency else None,
        "confidence": round(assignment.confidence, 4),
        "reasons": [reason.text for reason in assignment.reasons],
    }
    if assignment.copies:
        data["copies"] = [agency.id for agency in assignment.copies]
    return AuditEvent(status_of(decision).value, assignment.by, data=data)


def status_of(decision: Decision) -> Status:
    """Return the status that follows from a decision; what may be nobody's report, people see."""
    made = decision.assignment
    if made.scope and Signal.FOREIGN_TEXT not in acting(decision.signals):
        return Status.ARCHIVED_BY_SYSTEM
    return STATUS_OF[made.decision]


def _signals(report: Report, decision: Decision, own: ReportRecord | None) -> frozenset[Signal]:
    """List what a message carries: in its text, and in what was said before."""
    wished = report.anonymous or report.confidential
    about = {Signal.PRIVACY: wished, Signal.OWN_REPORT: own is not None}
    return decision.signals.union(signal for signal, carried in about.items() if carried)


def _reply(made: Assignment, first: str, like: Report | None) -> str:
    """Choose the text that tells the citizen what was decided."""
    if made.decision is Outcome.ASK and like:
        return "ask_earlier"
    return _cause(made, first)


def _cause(made: Assignment, first: str) -> str:
    if made.scope:
        key = f"scope_{made.scope.id}"
        return key if key in KEYS else "scope"
    if made.decision is Outcome.ASK:
        return f"ask_{made.question}{'_which' if made.options else ''}"
    return first if made.decision is Outcome.ASSIGN else "triage"


def _received(report: Report) -> AuditEvent:
    return AuditEvent("received", "gateway", data={"channel": report.origin.channel})


def unanswered(report: Report) -> list[AuditEvent]:
    """Say in the log that nobody is written to because of a message, and why."""
    why = report.unanswered
    return [AuditEvent("not_answered", "gateway", note=why.value)] if why else []


def _earlier_place(known: ConversationContext, report: Report) -> str | None:
    """Return where the same person's newest report that found its agency was."""
    forwarded = (
        stored.report
        for stored in known.mine(report)
        if stored.report.assignment and stored.report.assignment.agency
    )
    return next((each.places[0].code for each in forwarded if each.places), None)


def _remembered(report: Report, earlier: str, gazetteer: Gazetteer) -> Report:
    """Look for the places again, knowing where the reporter's earlier report was."""
    context = next((p.code for p in report.places if p.found_by == "context"), None)
    places = find(
        report.text, gazetteer, context=context, coordinates=report.coordinates, earlier=earlier
    )
    return report.model_copy(update={"places": places})


def _call_for_help(mine: Sequence[ReportRecord], *, at: datetime) -> ReportRecord | None:
    """Return the open report of danger that its reporter may be going on with: people in need
    write in pieces, and the place comes after the cry."""
    going_on = (s for s in mine if s.report.urgency and s.report.status not in FINAL)
    newest = next(going_on, None)
    return newest if newest and at - newest.report.received_at <= IN_PIECES else None


def _is_no_matter(decision: Decision) -> bool:
    """Tell whether a message is nothing by itself: no danger, no agency's affair, no greeting."""
    made = decision.assignment
    return not decision.urgency and made.decision is not Outcome.ASSIGN and made.scope is None


def _stands_alone(report: Report, decision: Decision) -> bool:
    """Tell whether a message is clear enough to be a matter of its own, not an answer."""
    enough = len(report.text.split()) >= ANOTHER_MATTER
    return enough and decision.assignment.decision is Outcome.ASSIGN
