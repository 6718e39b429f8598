"""Matters: a message becomes a report, or completes one; what was decided is done and receipted."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime, timedelta
from functools import partial

from config.states import ActorKind
from gateway.access.recusal import merge_recusals
from gateway.access.states import move
from gateway.casework.additions import (
    addition_event,
    earlier_matter,
    join_choices,
    without_offer,
)
from gateway.casework.context import add_link, agency_asks, origin_with
from gateway.casework.hiding import SOON, Hiding
from gateway.casework.repeats import Novelty, asks_place, is_wordless, report_again
from gateway.casework.turn import Turn
from gateway.media.store_files import enqueue_files
from gateway.outbound.delicate import graver, is_grave
from gateway.outbound.deliveries import deliver_assigned
from gateway.outbound.notifications import Notifier
from gateway.outbound.texts import KEYS, choices, match_option
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.unit import UnitOfWork
from normalizer.gazetteer import Gazetteer
from normalizer.message import Message, NoAnswerReason
from normalizer.places import find
from normalizer.report import Assignment, Outcome, Report, Status
from normalizer.text import has_words
from normalizer.tracking import format_number
from router.assign import Decision, Router
from router.duplicates import fingerprint
from router.precedence import Signal, acting

SILENT = frozenset({"prank"})
"""What is archived without a word: an answer would only tell the sender that somebody reads."""
STATUS_OF = {
    Outcome.ASSIGN: Status.FORWARDED,
    Outcome.ASK: Status.WAITING_FOR_REPORTER,
    Outcome.TRIAGE: Status.TRIAGE,
}
IN_PIECES = timedelta(minutes=30)
"""How long what is said after a call for help, and is no matter of its own, belongs to it."""
ANOTHER_MATTER = 6
"""Words from which an answer that routes by itself is taken for a new report."""


class Matters:
    """Files reports and carries out what was decided about them.

    ``overheard`` are the channels on which people also talk to each other, ``mute`` those on which
    no question would be answered.
    """

    def __init__(
        self,
        router: Router,
        gazetteer: Gazetteer,
        notifier: Notifier,
        hiding: Hiding,
        now: Callable[[], datetime],
        overheard: Set[str],
        novelty: Novelty,
        mute: Set[str],
    ) -> None:
        self._router = router
        self._gazetteer = gazetteer
        self._notifier = notifier
        self._hiding = hiding
        self._now = now
        self._overheard = overheard
        self._novelty = novelty
        self._mute = mute

    async def open_unwritten(self, turn: Turn, _: object) -> str:
        """File a text that is no report; its writer is not written to."""
        why = turn.message.unanswered or NoAnswerReason.FOREIGN_TEXT
        turn.message = message = turn.message.model_copy(update={"unanswered": why})
        turn.report = turn.new_report.model_copy(update={"messages": (message,)})
        again = report_again(turn)
        if again and not await self._novelty.brings(turn, again.report):
            return await self._repeat(turn, again)
        return await self.open(turn, _)

    async def place_from_earlier(self, turn: Turn, code: str) -> None:
        """Look for the places again, knowing where the reporter's earlier report was."""
        report = turn.new_report
        context = next((p.code for p in report.places if p.found_by == "context"), None)
        point = report.coordinates
        places = find(
            report.text, self._gazetteer, context=context, coordinates=point, earlier=code
        )
        turn.report = report.model_copy(update={"places": places})
        overheard = turn.message.origin.channel in self._overheard
        turn.decision = self._router.decide(turn.report, at=self._now(), overheard=overheard)

    async def open(self, turn: Turn, _: object) -> str:
        """File a new report."""
        unit, decision = turn.unit, turn.decided
        report = apply(turn.new_report, decision, at=self._now())
        if like := earlier_matter(turn.from_same_reporter, report):
            report = add_link(report, like, "possible")
        message = report.first
        log = [*received_events(message), decision_event(decision)]
        log += [] if like else self._hiding.consent_events(report)
        record = unit.reports.add(report, fingerprint(report), log)
        unit.messages.file(message, report)
        enqueue_files(unit, report, message, at=self._now())
        turn.context.remember(record)
        if not decision.is_talk or report.urgency:
            await self._carry_out(unit, report, first="received", like=like)
        return decision.assignment.decision.value

    async def belong(self, turn: Turn, record: ReportRecord) -> None:
        """Let a file or a point without words belong to a report; it answers no question."""
        turn.meant, turn.has_news = record, False

    async def repeat(self, turn: Turn, earlier: ReportRecord) -> str | None:
        """Note what says again what a report says; what else it brings is added to the report."""
        if await self._novelty.brings(turn, earlier.report):
            if earlier.report.takes(turn.message):
                await self.belong(turn, earlier)
            return None
        return await self._repeat(turn, earlier)

    async def _repeat(self, turn: Turn, earlier: ReportRecord) -> str:
        message, unit = turn.message, turn.unit
        event = AuditEvent("repeated", "gateway", data={"message": message.id})
        urgency = graver(earlier.report.urgency, message.urgency)
        report = earlier.report.model_copy(update={"urgency": urgency})
        turn.context.remember(unit.reports.change(earlier, report, [event]))
        unit.messages.file(message, report)
        if await self._notifier.warn(unit, report, message.urgency, asked_by=message):
            return "repeat"
        text, cause = self._notifier.text("duplicate", report), f"duplicate {message.id}"
        self._notifier.notify(unit, report, text, cause=cause, asked_by=message, automatic=True)
        return "repeat"

    async def complete_unworded(self, turn: Turn, record: ReportRecord) -> str:
        """Decide again about a report whose reporter pressed a button: that adds no words."""
        turn.message = turn.message.model_copy(update={"text": "", "original": ""})
        return await self.complete(turn, record)

    async def complete(self, turn: Turn, record: ReportRecord) -> str:
        """Put the reporter's answer to our question into the report, and decide again."""
        unit, answer = turn.unit, turn.message
        whole = complete_report(record.report, answer, self._gazetteer)
        decision = self._decide_completed(record.report, whole)
        report = apply(whole, decision, at=self._now())
        if is_grave(record.report.urgency):
            kept = graver(record.report.urgency, report.urgency)
            report = report.model_copy(update={"urgency": kept})
        log = [addition_event(answer), decision_event(decision)]
        log += self._hiding.consent_events(report)
        turn.context.remember(unit.reports.change(record, report, log))
        unit.messages.file(answer, report)
        enqueue_files(unit, report, answer, at=self._now())
        await self._carry_out(unit, report, first="completed")
        return "completed"

    def _decide_completed(self, before: Report, now: Report) -> Decision:
        """Decide about a report whose question was answered; no answer ends it.

        Who sent a photo alone, and was asked what it is, may still be asked where.
        """
        decide = partial(self._router.decide, now, at=self._now(), may_end=False)
        asked = before.assignment.question if before.assignment else None
        if before.unanswered is None and not has_words(before.text):
            decision = decide(may_ask=True)
            if decision.assignment.question != asked:
                return decision
        return decide(may_ask=False)

    async def reopen(self, unit: UnitOfWork, record: ReportRecord, *, by: str) -> Report:
        """Decide about what the machine set aside, now that an operator calls it a report."""
        first, *more = record.report.messages
        if first.unanswered is NoAnswerReason.FOREIGN_TEXT:
            first = first.model_copy(update={"unanswered": None})
        report = record.report.model_copy(update={"messages": (first, *more)})
        may_ask = report.unanswered is None and report.origin.channel not in self._mute
        decision = self._router.decide(report, at=self._now(), may_ask=may_ask, may_end=False)
        report = apply(report, decision, at=self._now(), actor_kind=ActorKind.OPERATOR)
        log = [AuditEvent("reopened", by), decision_event(decision)]
        log += self._hiding.consent_events(report)
        unit.reports.change(record, report, log)
        await self._carry_out(unit, report, first="received")
        return report

    async def _carry_out(
        self, unit: UnitOfWork, report: Report, *, first: str, like: Report | None = None
    ) -> None:
        """Do what a decision asks for: deliver, and tell the citizen.

        ``like`` is the earlier report that this one may belong to.
        """
        assert report.assignment is not None
        made = report.assignment
        if made.decision is Outcome.ASSIGN:
            deliver_assigned(unit, report, cause="assigned 1")
        offered = self._offered(report, like)
        asks = report.status is Status.WAITING_FOR_REPORTER and not report.places
        where = self._notifier.text("danger_where", report) if asks else ""
        hidden = "" if is_grave(report.urgency) else self._hiding.words(report)
        more = f"{where} {hidden}".strip()
        if await self._notifier.warn(unit, report, report.urgency, more=more, choices=offered):
            return
        if is_ended(report) and made.scope and made.scope.id in SILENT:
            return
        self._receipt(unit, report, made, first, like, hidden, offered)

    def _receipt(
        self,
        unit: UnitOfWork,
        report: Report,
        assignment: Assignment,
        first: str,
        like: Report | None,
        hidden: str,
        offered: Sequence[str],
    ) -> None:
        """Tell the citizen what was decided, and what is hidden."""
        key = _reply(report, first, like)
        earlier = format_number(like.tracking) if like else ""
        text = self._notifier.text(key, report, pilihan=choices(assignment.options), lama=earlier)
        brief = self._notifier.text("received_brief", report) if key == "received" else ""
        if like and assignment.decision is not Outcome.ASK:
            brief = ""
            text = f"{text}\n{self._notifier.text('join', report, lama=earlier)}"
        if not like and self._hiding.needs_consent(report):
            hidden = f"{hidden} {self._notifier.text('needs_identity', report)}".strip()
        text, brief = f"{text} {hidden}".rstrip(), brief and f"{brief} {hidden}".rstrip()
        self._notifier.notify(
            unit,
            report,
            text,
            cause=_cause(report, first),
            choices=offered,
            automatic=True,
            receipt=True,
            brief=brief,
        )

    def _offered(self, report: Report, like: Report | None) -> Sequence[str]:
        """Return the likely answers to a receipt; there is never more than one question in it."""
        assert report.assignment is not None
        if like:
            return join_choices(self._notifier, report, like)
        if self._hiding.needs_consent(report):
            return self._hiding.choices(report)
        if report.assignment.decision is Outcome.ASK or report.assignment.scope:
            return () if self._notifier.is_neutral(report, report) else report.assignment.options
        return self._hiding.marks_to_offer(report)


def is_foreign(turn: Turn) -> bool:
    """Tell whether a message is a code, an advert or a notice that went astray."""
    message = turn.message
    wished = message.anonymous or message.confidential
    about = {Signal.PRIVACY: wished, Signal.OWN_REPORT: turn.meant is not None}
    carried = (signal for signal, is_there in about.items() if is_there)
    return Signal.FOREIGN_TEXT in acting(turn.decided.signals.union(carried))


def earlier_place(turn: Turn) -> str | None:
    """Return, for a message that lacks its place, where the same person's newest report was."""
    if turn.decided.assignment.question != "place":
        return None
    forwarded = (
        record.report
        for record in turn.from_same_reporter
        if record.report.assignment and record.report.assignment.agency
    )
    return next((each.places[0].code for each in forwarded if each.places), None)


def call_for_help(turn: Turn) -> ReportRecord | None:
    """Return the open report of danger that a message goes on with, which is nothing by itself.

    People in need write in pieces, and the place comes after the cry.
    """
    made = turn.decided.assignment
    is_matter = turn.decided.urgency or made.decision is Outcome.ASSIGN or made.scope is not None
    if turn.meant or is_matter:
        return None
    newest = next((s for s in turn.open_reports if s.report.urgency), None)
    if newest is None or not newest.report.takes(turn.message):
        return None
    return newest if turn.at - newest.report.received_at <= IN_PIECES else None


def question_answered(turn: Turn) -> ReportRecord | None:
    """Return the report whose open question of ours a message answers, unless it is a matter of
    its own."""
    asked = _asked(turn)
    return None if asked is None or agency_asks(asked.report) else asked


def agency_answered(turn: Turn) -> ReportRecord | None:
    """Return the report about which an agency asked, where a message answers that."""
    asked = _asked(turn)
    return (
        asked if asked and agency_asks(asked.report) and asked.report.takes(turn.message) else None
    )


def _asked(turn: Turn) -> ReportRecord | None:
    message = turn.message
    if turn.meant:
        waits = turn.meant.report.status is Status.WAITING_FOR_REPORTER
        says = turn.has_news or (message.coordinates and asks_place(turn.meant.report))
        return turn.meant if waits and says else None
    asked = [s for s in turn.from_same_reporter if s.report.status is Status.WAITING_FOR_REPORTER]
    if is_wordless(message):
        return next((s for s in asked if message.coordinates and asks_place(s.report)), None)
    if begun := next((s for s in asked if _lacks_words(s.report, message)), None):
        return begun
    if theirs := next((s for s in asked if _is_for_asking_agency(turn, s.report)), None):
        return theirs
    return None if _stands_alone(turn) else next(iter(asked), None)


def _is_for_asking_agency(turn: Turn, report: Report) -> bool:
    """Tell whether an agency asked about a report to which a message would go by itself, too."""
    made, to = report.assignment, turn.decided.assignment.agency
    return agency_asks(report) and made is not None and to is not None and made.agency == to


def _lacks_words(report: Report, message: Message) -> bool:
    """Tell whether a report was begun by a photo, a point or a wish alone, and waits for words."""
    is_soon = message.received_at - report.received_at <= SOON
    return is_soon and not has_words(report.text)


def _stands_alone(turn: Turn) -> bool:
    """Tell whether a message is clear enough to be a matter of its own, not an answer."""
    enough = len(turn.message.text.split()) >= ANOTHER_MATTER
    return enough and turn.decided.assignment.decision is Outcome.ASSIGN


def apply(
    report: Report,
    decision: Decision,
    *,
    at: datetime,
    actor_kind: ActorKind = ActorKind.ROUTER,
) -> Report:
    """Return the report with a decision in it, in the status that follows from it.

    ``actor_kind`` is an operator where one had it decided again.
    """
    changed = report.model_copy(
        update={
            "kind": decision.kind,
            "topic": decision.topic,
            "urgency": decision.urgency,
            "places": decision.places,
            "assignment": decision.assignment,
            "deadlines": decision.deadlines,
            "recusals": merge_recusals(report.recusals, decision.recusals),
        }
    )
    agency = decision.assignment.agency
    note = agency.name if agency and decision.assignment.decision is Outcome.ASSIGN else ""
    if scope := decision.assignment.scope:
        note = scope.name
    status = status_of(decision)
    by = decision.assignment.by
    return move(changed, status, by=by, actor_kind=actor_kind, at=at, note=note)


def complete_report(report: Report, answer: Message, gazetteer: Gazetteer) -> Report:
    """Return a report with the reporter's answer added, its places looked for again.

    A number that stands for one of the options offered is read as that option.
    """
    options = report.assignment.options if report.assignment else ()
    answer = answer.model_copy(update={"text": match_option(options, answer.text) or answer.text})
    whole = report.with_messages(answer)
    context = next((p.code for p in report.places if p.found_by == "context"), None)
    point = answer.coordinates or report.coordinates
    return whole.model_copy(
        update={
            "origin": origin_with(report, answer),
            "links": without_offer(report).links,
            "places": find(whole.text, gazetteer, context=context, coordinates=point),
            "coordinates": point,
        }
    )


def decision_event(decision: Decision) -> AuditEvent:
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


def assignment_event(report: Report) -> AuditEvent:
    """Describe for the log with whom a report is, and why, once all is decided about it."""
    made = report.assignment
    assert made is not None
    data: dict[str, object] = {
        "agency": made.agency.id if made.agency else None,
        "confidence": round(made.confidence, 4),
        "reasons": [reason.text for reason in made.reasons],
    }
    return AuditEvent(report.status.value, made.by, data=data)


def received_events(message: Message) -> list[AuditEvent]:
    """Describe for the log how a report came, and why its sender is not written to."""
    came = AuditEvent("received", "gateway", data={"channel": message.origin.channel})
    why = message.unanswered
    return [came, *([AuditEvent("not_answered", "gateway", note=why.value)] if why else [])]


def status_of(decision: Decision) -> Status:
    """Return the status that follows from a decision; people look at what may be no report."""
    return Status.ARCHIVED_BY_SYSTEM if decision.ends else STATUS_OF[decision.assignment.decision]


def is_ended(report: Report) -> bool:
    """Tell whether the machine alone ended a report."""
    return report.status is Status.ARCHIVED_BY_SYSTEM


def is_set_aside(report: Report) -> bool:
    """Tell whether the machine ended a report or left its writer without a word, and no operator
    has decided since."""
    is_nobodys = report.unanswered is NoAnswerReason.FOREIGN_TEXT
    return is_ended(report) or (is_nobodys and report.status is Status.TRIAGE)


def _reply(report: Report, first: str, like: Report | None) -> str:
    """Choose the text that tells the citizen what was decided."""
    if like and report.assignment and report.assignment.decision is Outcome.ASK:
        return "ask_earlier"
    return _cause(report, first)


def _cause(report: Report, first: str) -> str:
    assignment = report.assignment
    assert assignment is not None
    if assignment.scope and is_set_aside(report):
        key = f"scope_{assignment.scope.id}"
        return key if key in KEYS else "scope"
    if assignment.decision is Outcome.ASK:
        return f"ask_{assignment.question}{'_which' if assignment.options else ''}"
    return first if assignment.decision is Outcome.ASSIGN else "triage"
