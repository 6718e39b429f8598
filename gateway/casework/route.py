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
from gateway.broker.base import ReceivedMessage
from gateway.casework import conversation, hiding
from gateway.casework.alerts import DutyService
from gateway.casework.context import ConversationContext, is_part, joined, linked, origin_with
from gateway.casework.conversation import Conversation, followed_up, heard, open_question
from gateway.casework.hiding import Hiding
from gateway.media.store_files import ask
from gateway.outbound.delicate import graver, is_grave
from gateway.outbound.deliveries import deliver_assigned
from gateway.outbound.notifications import Notifier
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
from normalizer.message import Intent, Message, Unanswered
from normalizer.places import find
from normalizer.report import FINAL, Assignment, Outcome, Report, Status
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
        notifier: Notifier,
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
        self._notifier = notifier
        self._seal = seal
        sensitive = router.topics.sensitive
        self._talk = Conversation(notifier, now, router.accused, router.overseer, sensitive)
        self._hiding = Hiding(notifier, now, router.topics.needs_identity, self._agency_name)
        self._now = now
        self._waiting = waiting
        self._ownership = ownership
        self._mute = mute
        self._overheard = overheard
        self._fetched = fetched
        self._duty = duty

    async def __call__(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Route a batch. Raises ``BadEvent``, ``UnknownMessage``, ``Unavailable``, ``Conflict``."""
        messages = {}
        for delivery in batch:
            message = events.message_in(events.read(delivery.message.body))
            message = hidden(self._seal, message)  # an event of the version before has clear names
            messages[message.id] = self._urgent(message)
        # Thinking comes first: a transaction holds up everybody else on SQLite.
        decisions = self._decided(messages.values())
        outcomes: list[tuple[Message, str]] = []
        async with self._store.unit() as unit:
            news, missing = await unit.messages.claim(list(messages))
            if missing:
                raise UnknownMessage(f"{len(missing)} of {len(messages)} messages are not stored")
            fresh = [message for message in messages.values() if message.id in news]
            known = await self._known(unit, fresh)
            limited = (m.reporter.ref for m in fresh if m.origin.channel not in self._fetched)
            await unit.reactions.load(limited)
            for message in fresh:
                decision = decisions.get(message.id)
                with correlation.queued(message.id):
                    outcomes.append((message, await self._route(unit, known, message, decision)))
        for message, outcome in outcomes:
            self._count(message, outcome)
        return {}

    def _urgent(self, message: Message) -> Message:
        """Read a question that also names danger as a report: danger is answered first."""
        if message.intent not in _QUESTIONS or not self._router.names_danger(message.text):
            return message
        return message.model_copy(update={"intent": Intent.REPORT})

    def _count(self, message: Message, outcome: str) -> None:
        channel = message.origin.channel
        metrics.ROUTED.labels(channel, outcome).inc()
        id = correlation.of(message.id)
        log.debug("a message was routed", channel=channel, status=outcome, correlation=id)
        passed = (self._now() - message.received_at).total_seconds()
        metrics.ROUTE_DELAY.labels(channel).observe(passed)

    def _decided(self, messages: Iterable[Message]) -> dict[str, Decision]:
        """Decide about a batch by channel, by message; one that only asks needs no decision."""
        channels: dict[tuple[bool, bool], list[Report]] = {}
        for message in messages:
            if message.intent is Intent.REPORT:
                name = message.origin.channel
                channel = name not in self._mute, name in self._overheard
                channels.setdefault(channel, []).append(Report.opened(message))
        decisions: dict[str, Decision] = {}
        for (may_ask, overheard), some in channels.items():
            made = self._router.decide_many(
                some, at=self._now(), may_ask=may_ask, overheard=overheard
            )
            decisions |= {report.id: decision for report, decision in zip(some, made, strict=True)}
        return decisions

    async def _known(self, unit: UnitOfWork, messages: Sequence[Message]) -> ConversationContext:
        numbers = {number for each in messages for number in (*each.refers_to, each.tracking)}
        threads = {name for each in messages for name in each.origin.thread}
        refs = {each.reporter.ref for each in messages}
        known = ConversationContext(
            await unit.reports.by_tracking(numbers),
            await unit.reports.by_reporter(refs, since=self._now() - self._waiting),
        )
        ours = await unit.notifications.reports_of(threads)
        known.ours = frozenset(ours)
        stored = await unit.reports.by_ids(ours.values())
        known.by_thread = {name: stored[id] for name, id in ours.items() if id in stored}
        mine = (each for reports in known.by_reporter.values() for each in reports)
        found = (*known.by_tracking.values(), *stored.values(), *mine)
        ties = (joined(each.report) for each in found)
        known.silent = await unit.opt_outs.of(refs)
        known.joined_to = await unit.reports.by_ids({tie.report_id for tie in ties if tie})
        every = {s.report.id: s for s in (*found, *known.joined_to.values())}
        lapsed = await self._ownership.lapsed(unit, every.values(), unit.wall())
        known.lapsed = frozenset(
            id for id in lapsed if not proven(self._seal, messages, every[id].report)
        )
        unit.messages.disown(known.lapsed)
        return known

    async def _route(
        self,
        unit: UnitOfWork,
        known: ConversationContext,
        message: Message,
        decision: Decision | None,
    ) -> str:
        if message.tracking in known.by_tracking:
            message = message.model_copy(update={"tracking": new_tracking()})
        echo = heard(unit, message)
        if echo == "sure":
            return self._talk.echoed(unit, known, message)
        if self._duty and await self._duty.heard(unit, known, message):
            return "duty"
        if echo and message.unanswered is None:
            message = message.model_copy(update={"unanswered": Unanswered.ECHO})
        if message.intent is Intent.STOP:
            return await self._talk.stop(unit, known, message)
        if await self._talk.resumed(unit, known, message) and message.intent is Intent.START:
            return "start"
        if message.intent is Intent.STATUS:
            return await self._talk.tell_status(unit, known, message)
        if message.intent is Intent.READ:
            return await self._talk.read(unit, known, message)
        if message.intent is Intent.PRIVACY:
            text = self._notifier.privacy(message)
            self._notifier.notify(unit, message, text, cause="privacy", automatic=True)
            return "privacy"
        if decision is None:
            text = self._notifier.text("help", message)
            self._notifier.notify(unit, message, text, cause="help", automatic=True)
            return "help"
        if Signal.DANGER not in acting(decision.signals):
            if to_hide := hiding.to_hide(known, message, decision, at=self._now()):
                return await self._hiding.hide(unit, known, to_hide, message)
            if shown := await self._hiding.show(unit, known, message, decision):
                return shown
            if found := conversation.answered(known, message, at=self._now()):
                return await self._settle(unit, known, *found, message)
            if conversation.pressed_late(known, message):
                return await self._talk.tell_status(unit, known, message)
        return await self._file(unit, known, message, decision)

    def _agency_name(self, id: str) -> str:
        agency = self._router.register.agency(id)
        return agency.name if agency else id

    async def _settle(
        self,
        unit: UnitOfWork,
        known: ConversationContext,
        offered: ReportRecord,
        said: Literal["join", "new"],
        answer: Message,
    ) -> str:
        """Do what the reporter said to the offer to join a report to an earlier one."""
        if said == "join":
            return self._talk.join(unit, known, offered, answer)
        if offered.report.status is Status.WAITING_FOR_REPORTER:
            wordless = answer.model_copy(update={"text": "", "original": ""})
            return await self._complete(unit, known, offered, wordless)
        return self._talk.keep(unit, known, offered, answer)

    async def _file(
        self, unit: UnitOfWork, known: ConversationContext, message: Message, decision: Decision
    ) -> str:
        message = message.model_copy(update={"urgency": decision.urgency})
        report = Report.opened(message)
        meant = known.meant_by(message)
        if meant and not known.takes_more(meant.report, message):
            report, meant = linked(report, meant.report), None
        if Signal.FOREIGN_TEXT in acting(_signals(message, decision, meant)):
            return await self._new(unit, known, _unwritten(report, message), decision)
        if decision.assignment.question == "place" and (earlier := _earlier_place(known, message)):
            report = _remembered(report, earlier, self._gazetteer)
            overheard = message.origin.channel in self._overheard
            decision = self._router.decide(report, at=self._now(), overheard=overheard)
        if meant and is_part(message, meant.report):
            return await self._talk.follow_up(unit, known, meant, message)
        if not meant and _is_no_matter(decision):
            meant = _call_for_help(known.mine(message), at=self._now())
        question = meant or open_question(known.mine(message))
        if question and question.report.status is Status.WAITING_FOR_REPORTER:
            if meant or not _stands_alone(message, decision):
                return await self._complete(unit, known, question, message)
        elif meant:
            return await self._talk.follow_up(unit, known, meant, message)
        return await self._new(unit, known, report, decision)

    async def _new(
        self, unit: UnitOfWork, known: ConversationContext, report: Report, decision: Decision
    ) -> str:
        message = report.first
        decided = apply(report, decision, at=self._now())
        for earlier in known.mine(message):
            if earlier.report.status not in FINAL and repeats(decided, earlier.report):
                return await self._repeat(unit, known, earlier, message)
        if like := conversation.earlier_matter(known.mine(message), decided):
            decided = linked(decided, like, "possible")
        stored = unit.reports.add(
            decided,
            fingerprint(decided),
            [
                _received(message),
                *unanswered(message),
                decision_change(decision),
                *([] if like else self._hiding.told(decided)),
            ],
        )
        unit.messages.file(message, decided)
        ask(unit, decided, message, at=self._now())
        known.remember(stored)
        if not decision.is_talk or decided.urgency:
            await self._act(unit, decided, first="received", like=like)
        return decision.assignment.decision.value

    async def _repeat(
        self, unit: UnitOfWork, known: ConversationContext, earlier: ReportRecord, message: Message
    ) -> str:
        change = AuditEvent("repeated", "gateway", data={"message": message.id})
        urgency = graver(earlier.report.urgency, message.urgency)
        now = earlier.report.model_copy(update={"urgency": urgency})
        known.remember(unit.reports.change(earlier, now, [change]))
        unit.messages.file(message, now)
        if await self._notifier.warn(unit, now, message):
            return "repeat"
        text, cause = self._notifier.text("duplicate", now), f"duplicate {message.id}"
        self._notifier.notify(unit, now, text, cause=cause, asked_by=message, automatic=True)
        return "repeat"

    async def _complete(
        self, unit: UnitOfWork, known: ConversationContext, asked: ReportRecord, answer: Message
    ) -> str:
        """Put the reporter's answer to our question into the report, and decide again."""
        whole = merged(asked.report, answer, self._gazetteer)
        decision = self._router.decide(whole, at=self._now(), may_ask=False)
        decided = apply(whole, decision, at=self._now())
        if is_grave(asked.report.urgency):
            kept = graver(asked.report.urgency, decided.urgency)
            decided = decided.model_copy(update={"urgency": kept})
        changes = [followed_up(answer), decision_change(decision), *self._hiding.told(decided)]
        known.remember(unit.reports.change(asked, decided, changes))
        unit.messages.file(answer, decided)
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
            deliver_assigned(unit, report, cause="assigned 1")
        offered = self._offered(report, like)
        asks = report.status is Status.WAITING_FOR_REPORTER and not report.places
        where = self._notifier.text("danger_where", report) if asks else ""
        hidden = "" if is_grave(report.urgency) else self._hiding.words(report)
        more = f"{where} {hidden}".strip()
        if await self._notifier.warn(unit, report, report.first, more=more, choices=offered):
            return
        if made.scope and made.scope.id in SILENT:
            return
        key = _reply(made, first, like)
        earlier = written(like.tracking) if like else ""
        text = self._notifier.text(key, report, pilihan=choices(made.options), lama=earlier)
        brief = self._notifier.text("received_brief", report) if key == "received" else ""
        if like and made.decision is not Outcome.ASK:
            brief = ""
            text = f"{text}\n{self._notifier.text('join', report, lama=earlier)}"
        if not like and self._hiding.tells(report):
            hidden = f"{hidden} {self._notifier.text('needs_identity', report)}".strip()
        text, brief = f"{text} {hidden}".rstrip(), brief and f"{brief} {hidden}".rstrip()
        self._notifier.notify(
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
            return conversation.ways_on(self._notifier, report, like)
        if self._hiding.tells(report):
            return self._hiding.choices(report)
        if report.assignment.decision is Outcome.ASK or report.assignment.scope:
            return () if self._notifier.hushed(report, report) else report.assignment.options
        return conversation.ways_to_hide(self._notifier, report)


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


def merged(report: Report, answer: Message, gazetteer: Gazetteer) -> Report:
    """Return a report with the reporter's answer added, its places looked for again.

    A number that stands for one of the options offered is read as that option.
    """
    options = report.assignment.options if report.assignment else ()
    answer = answer.model_copy(update={"text": chosen(options, answer.text) or answer.text})
    whole = report.with_messages(answer)
    context = next((p.code for p in report.places if p.found_by == "context"), None)
    point = answer.coordinates or report.coordinates
    return whole.model_copy(
        update={
            "origin": origin_with(report, answer),
            "links": conversation.settled(report).links,
            "places": find(whole.text, gazetteer, context=context, coordinates=point),
            "coordinates": point,
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


def _signals(message: Message, decision: Decision, own: ReportRecord | None) -> frozenset[Signal]:
    """List what a message carries: in its text, and in what was said before."""
    wished = message.anonymous or message.confidential
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


def _received(message: Message) -> AuditEvent:
    return AuditEvent("received", "gateway", data={"channel": message.origin.channel})


def unanswered(message: Message) -> list[AuditEvent]:
    """Say in the log that nobody is written to because of a message, and why."""
    why = message.unanswered
    return [AuditEvent("not_answered", "gateway", note=why.value)] if why else []


def _unwritten(report: Report, message: Message) -> Report:
    """Return a report whose writer is not written to: the text is nobody's report."""
    why = message.unanswered or Unanswered.FOREIGN_TEXT
    said = message.model_copy(update={"unanswered": why})
    return report.model_copy(update={"messages": (said,)})


def _earlier_place(known: ConversationContext, message: Message) -> str | None:
    """Return where the same person's newest report that found its agency was."""
    forwarded = (
        stored.report
        for stored in known.mine(message)
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


def _stands_alone(message: Message, decision: Decision) -> bool:
    """Tell whether a message is clear enough to be a matter of its own, not an answer."""
    enough = len(message.text.split()) >= ANOTHER_MATTER
    return enough and decision.assignment.decision is Outcome.ASSIGN
