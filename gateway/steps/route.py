"""Step 3, route: is a message a command, a follow-up, a repeat or a new report? Then decide.

A batch of messages shares one unit of work. Doing it twice changes nothing: a message is claimed
in the same transaction in which everything that follows from it is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway import event, metrics
from gateway.broker.base import Delivery
from gateway.steps.letters import Letters
from gateway.steps.receive import new_tracking
from gateway.store.rows import Change, Stored
from gateway.store.store import Store
from gateway.store.unit import Unit
from gateway.texts import KEYS, choices, chosen
from normalizer.gazetteer import Gazetteer
from normalizer.places import find
from normalizer.report import (
    FINAL,
    MAX_TEXT,
    Assignment,
    Intent,
    Link,
    Origin,
    Outcome,
    Report,
    Status,
)
from router.assign import Decision, Router
from router.duplicates import fingerprint, repeats

SILENT = frozenset({"prank", "spam"})
"""What is archived without a word: an answer would only tell the sender that somebody reads."""
STATUS_OF = {
    Outcome.ASSIGN: Status.FORWARDED,
    Outcome.ASK: Status.WAITING_FOR_REPORTER,
    Outcome.TRIAGE: Status.TRIAGE,
}
MOST_NAMES = 100
"""Names of messages by which a report is known."""
TOGETHER = timedelta(minutes=1)
"""Files without words that follow a report so soon, and name it, need no answer of their own."""
ANOTHER_MATTER = 6
"""Words from which an answer that routes by itself is taken for a new report."""


class UnknownMessage(Exception):
    """The queue brought a message whose envelope is not in the database (yet)."""


@dataclass(slots=True)
class Known:
    """What the store knows that bears on a batch, kept up while the batch is worked through."""

    by_tracking: dict[str, Stored]
    by_reporter: dict[str, list[Stored]]
    by_thread: dict[str, Stored] = field(default_factory=dict)
    letters: frozenset[str] = frozenset()
    """Which names of threads are letters of ours, whatever they were about."""

    def remember(self, stored: Stored) -> None:
        """Let later messages of the same batch see a report as it is now."""
        self.by_tracking[stored.report.tracking] = stored
        mine = self.by_reporter.setdefault(stored.report.reporter.ref, [])
        mine[:] = [stored, *(s for s in mine if s.report.id != stored.report.id)]

    def mine(self, report: Report) -> list[Stored]:
        """What the same reporter sent, newest first."""
        return self.by_reporter.get(report.reporter.ref, [])

    def meant_by(self, report: Report) -> Stored | None:
        """Find the report a message says it is about, whoever sent it."""
        for number in report.refers_to:
            if found := self.by_tracking.get(number):
                return found
        for name in reversed(report.origin.thread):
            if found := self.by_thread.get(name):
                return found
        names = set(report.origin.thread) - self.letters
        return next((s for s in self.mine(report) if names & _names(s.report)), None)


class Route:
    """The step. ``waiting`` is how long a question of ours stays open for an answer."""

    def __init__(
        self,
        store: Store,
        router: Router,
        gazetteer: Gazetteer,
        letters: Letters,
        now: Callable[[], datetime],
        *,
        waiting: timedelta,
    ) -> None:
        self._store = store
        self._router = router
        self._gazetteer = gazetteer
        self._letters = letters
        self._now = now
        self._waiting = waiting

    async def __call__(self, batch: Sequence[Delivery]) -> Mapping[str, Exception]:
        """Route a batch. Raises ``BadEvent``, ``UnknownMessage``, ``Unavailable``, ``Conflict``."""
        reports = {}
        for delivery in batch:
            report = event.report_in(event.read(delivery.message.body))
            reports[report.id] = report
        outcomes: list[tuple[Report, str]] = []
        async with self._store.unit() as unit:
            news, missing = await unit.claim(list(reports))
            if missing:
                raise UnknownMessage(f"{len(missing)} of {len(reports)} messages are not stored")
            fresh = [report for report in reports.values() if report.id in news]
            known = await self._known(unit, fresh)
            decisions = self._decided(fresh)
            for report in fresh:
                decision = decisions.get(report.id)
                outcomes.append((report, await self._route(unit, known, report, decision)))
        for report, outcome in outcomes:
            self._count(report, outcome)
        return {}

    def _count(self, report: Report, outcome: str) -> None:
        channel = report.origin.channel
        metrics.ROUTED.labels(channel, outcome).inc()
        passed = (self._now() - report.received_at).total_seconds()
        metrics.ROUTE_DELAY.labels(channel).observe(passed)

    def _decided(self, reports: Sequence[Report]) -> dict[str, Decision]:
        """Decide about a batch at once, by report; a message that only asks needs no decision."""
        asked = [report for report in reports if report.intent is Intent.REPORT]
        made = self._router.decide_many(asked, at=self._now())
        return {report.id: decision for report, decision in zip(asked, made, strict=True)}

    async def _known(self, unit: Unit, reports: Sequence[Report]) -> Known:
        numbers = {number for report in reports for number in (*report.refers_to, report.tracking)}
        threads = {name for report in reports for name in report.origin.thread}
        refs = {report.reporter.ref for report in reports}
        known = Known(
            await unit.by_tracking(numbers),
            await unit.by_reporter(refs, since=self._now() - self._waiting),
        )
        letters = await unit.by_letter(threads)
        known.letters = frozenset(letters)
        stored = await unit.by_ids(letters.values())
        known.by_thread = {name: stored[id] for name, id in letters.items() if id in stored}
        return known

    async def _route(
        self, unit: Unit, known: Known, report: Report, decision: Decision | None
    ) -> str:
        if report.tracking in known.by_tracking:
            report = report.model_copy(update={"tracking": new_tracking()})
        if report.intent is Intent.STATUS:
            return await self._tell_status(unit, known, report)
        if decision is None:
            text = self._letters.text("help", report)
            self._letters.answer(unit, report, text, cause="help")
            return "help"
        return self._file(unit, known, report, decision)

    def _file(self, unit: Unit, known: Known, report: Report, decision: Decision) -> str:
        meant = known.meant_by(report)
        if meant and not _takes_more(meant.report, report):
            report, meant = _linked(report, meant.report), None
        if decision.assignment.question == "place" and (earlier := _earlier_place(known, report)):
            report = _remembered(report, earlier, self._gazetteer)
            decision = self._router.decide(report, at=self._now())
        if meant and _is_part(report, meant.report):
            return self._follow_up(unit, known, meant, report)
        question = meant or _open_question(known.mine(report))
        if question and question.report.status is Status.WAITING_FOR_REPORTER:
            if meant or not _stands_alone(report, decision):
                return self._complete(unit, known, question, report)
        elif meant:
            return self._follow_up(unit, known, meant, report)
        return self._new(unit, known, report, decision)

    def _new(self, unit: Unit, known: Known, report: Report, decision: Decision) -> str:
        decided = apply(report, decision, at=self._now())
        for earlier in known.mine(report):
            if earlier.report.status not in FINAL and repeats(decided, earlier.report):
                return self._repeat(unit, known, earlier, report)
        stored = unit.add(
            decided, fingerprint(decided), [_received(report), decision_change(decision)]
        )
        unit.belongs(report.id, report.id)
        known.remember(stored)
        self._act(unit, decided, first="received")
        return decision.assignment.decision.value

    def _repeat(self, unit: Unit, known: Known, earlier: Stored, report: Report) -> str:
        change = Change("repeated", "gateway", data={"message": report.id})
        known.remember(unit.change(earlier, earlier.report, [change]))
        unit.belongs(report.id, earlier.report.id)
        text = self._letters.text("duplicate", earlier.report)
        cause = f"duplicate {report.id}"
        self._letters.answer(unit, earlier.report, text, cause=cause, asked_by=report)
        return "repeat"

    def _complete(self, unit: Unit, known: Known, asked: Stored, answer: Report) -> str:
        """Put the reporter's answer to our question into the report, and decide again."""
        whole = merged(asked.report, answer, self._gazetteer)
        decision = self._router.decide(whole, at=self._now(), may_ask=False)
        decided = apply(whole, decision, at=self._now())
        changes = [_followed_up(answer), decision_change(decision)]
        known.remember(unit.change(asked, decided, changes))
        unit.belongs(answer.id, decided.id)
        self._act(unit, decided, first="completed")
        return "completed"

    def _follow_up(self, unit: Unit, known: Known, meant: Stored, message: Report) -> str:
        report = meant.report.model_copy(
            update={
                "attachments": (*meant.report.attachments, *message.attachments),
                "text": f"{meant.report.text}\n\n{message.text}".strip()[:MAX_TEXT],
                "origin": _joined(meant.report, message),
                "anonymous": meant.report.anonymous or message.anonymous,
                "confidential": meant.report.confidential or message.confidential,
            }
        )
        known.remember(unit.change(meant, report, [_followed_up(message)]))
        unit.belongs(message.id, report.id)
        if report.assignment and report.assignment.agency:
            cause = f"follow-up {message.id}"
            self._letters.delivery(unit, report, kind=event.FOLLOWED_UP, cause=cause)
        if _is_part(message, meant.report):
            return "part"
        text = self._letters.text("follow_up", report)
        cause = f"follow-up {message.id}"
        self._letters.answer(unit, report, text, cause=cause, asked_by=message)
        return "follow_up"

    def _act(self, unit: Unit, report: Report, *, first: str) -> None:
        """Do what a decision asks for: deliver, and tell the citizen."""
        assert report.assignment is not None
        made = report.assignment
        if made.decision is Outcome.ASSIGN:
            self._letters.deliveries(unit, report, cause="assigned 1")
        if made.scope and made.scope.id in SILENT:
            return
        key = _reply(made, first)
        text = self._letters.text(key, report, pilihan=choices(made.options))
        if report.urgency:
            text = f"{text} {self._letters.text('urgent', report)}"
        self._letters.answer(unit, report, text, cause=key)

    async def _tell_status(self, unit: Unit, known: Known, asked: Report) -> str:
        found = known.meant_by(asked)
        if found and found.report.confidential and not _same(found.report, asked):
            found = None
        if not found and not asked.refers_to:
            found = next(iter(known.mine(asked)), None)
        cause = f"status {asked.id}"
        if not found:
            key = "not_found" if asked.refers_to else "none_yet"
            self._letters.answer(unit, asked, self._letters.text(key, asked), cause=cause)
            return "status_unknown"
        unit.belongs(asked.id, found.report.id)
        text = self._letters.text("status", found.report)
        if _same(found.report, asked) and (said := await unit.answered_with(found.report.id)):
            text = self._letters.text("status_answered", found.report, teks=said)
        self._letters.answer(unit, found.report, text, cause=cause, asked_by=asked)
        return "status"


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
        }
    )
    agency = decision.assignment.agency
    note = agency.name if agency and decision.assignment.decision is Outcome.ASSIGN else ""
    if scope := decision.assignment.scope:
        note = scope.name
    status = status_of(decision.assignment)
    return decided.moved(status, at=at, by=decision.assignment.by, note=note)


def merged(report: Report, answer: Report, gazetteer: Gazetteer) -> Report:
    """Return a report with the reporter's answer added, its places looked for again."""
    options = report.assignment.options if report.assignment else ()
    said = chosen(options, answer.text) or answer.text
    text = f"{report.text}\n{said}"[:MAX_TEXT]
    context = next((p.code for p in report.places if p.found_by == "context"), None)
    point = answer.coordinates or report.coordinates
    return report.model_copy(
        update={
            "text": text,
            "origin": _joined(report, answer),
            "original": f"{report.original}\n{answer.original}"[:MAX_TEXT],
            "places": find(text, gazetteer, context=context, coordinates=point),
            "coordinates": point,
            "attachments": (*report.attachments, *answer.attachments),
            "anonymous": report.anonymous or answer.anonymous,
            "confidential": report.confidential or answer.confidential,
        }
    )


def decision_change(decision: Decision) -> Change:
    """Describe a decision for the log."""
    assignment = decision.assignment
    data: dict[str, object] = {
        "agency": assignment.agency.id if assignment.agency else None,
        "confidence": round(assignment.confidence, 4),
        "reasons": [reason.text for reason in assignment.reasons],
    }
    if assignment.copies:
        data["copies"] = [agency.id for agency in assignment.copies]
    return Change(status_of(assignment).value, assignment.by, data=data)


def status_of(assignment: Assignment) -> Status:
    """Return the status that follows from a decision."""
    return Status.ARCHIVED_BY_SYSTEM if assignment.scope else STATUS_OF[assignment.decision]


def _reply(made: Assignment, first: str) -> str:
    """Choose the text that tells the citizen what was decided."""
    if made.scope:
        key = f"scope_{made.scope.id}"
        return key if key in KEYS else "scope"
    if made.decision is Outcome.ASK:
        return f"ask_{made.question}{'_which' if made.options else ''}"
    return first if made.decision is Outcome.ASSIGN else "triage"


def _received(report: Report) -> Change:
    return Change("received", "gateway", data={"channel": report.origin.channel})


def _followed_up(message: Report) -> Change:
    return Change("followed_up", "reporter", data={"message": message.id, "text": message.text})


def _open_question(mine: Iterable[Stored]) -> Stored | None:
    """Return the newest report of a reporter that waits for an answer."""
    return next((s for s in mine if s.report.status is Status.WAITING_FOR_REPORTER), None)


def _earlier_place(known: Known, report: Report) -> str | None:
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


def _stands_alone(report: Report, decision: Decision) -> bool:
    """Tell whether a message is clear enough to be a matter of its own, not an answer."""
    enough = len(report.text.split()) >= ANOTHER_MATTER
    return enough and decision.assignment.decision is Outcome.ASSIGN


def _names(report: Report) -> set[str]:
    """Return what later messages may call a report by: the names of all that was said in it."""
    return {report.origin.external_id, *report.origin.thread}


def _joined(report: Report, message: Report) -> Origin:
    """Let a report be known by the names of a message that was added to it."""
    added = (*message.origin.thread, message.origin.external_id)
    thread = tuple(dict.fromkeys((*report.origin.thread, *added)))
    return report.origin.model_copy(update={"thread": thread[-MOST_NAMES:]})


def _is_part(message: Report, report: Report) -> bool:
    """Tell whether a file without a word came with a report: photos of one album come singly."""
    wordless = not any(map(str.isalnum, message.text)) and bool(message.attachments)
    return wordless and abs(message.received_at - report.received_at) <= TOGETHER


def _takes_more(report: Report, message: Report) -> bool:
    """Only its own reporter can add to a report, and only while it is open."""
    return _same(report, message) and report.status not in FINAL


def _linked(report: Report, earlier: Report) -> Report:
    link = Link(kind="follow_up", report_id=earlier.id, tracking=earlier.tracking)
    return report.model_copy(update={"links": (*report.links, link)})


def _same(one: Report, other: Report) -> bool:
    return one.reporter.ref == other.reporter.ref
