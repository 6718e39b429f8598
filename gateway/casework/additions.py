"""Additions: what a reporter says to a report of theirs, and reports that are joined to another.

A receipt may offer to join a report to an earlier one that it seems to belong to. Nothing waits for
an answer to that: the report was filed and forwarded before it was offered.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from config.states import ActorKind
from gateway.access.recusal import Accusations, Overseers, hold_for_operator, recuse
from gateway.access.states import move
from gateway.casework.candidates import Candidates
from gateway.casework.context import add_link, agency_asks, is_part, new_place, origin_with
from gateway.casework.hiding import SOON, Hiding, is_hidden_now
from gateway.casework.turn import Turn
from gateway.media.store_files import enqueue_files
from gateway.outbound.delicate import graver
from gateway.outbound.deliveries import deliver, deliver_changed, withdraw_lost
from gateway.outbound.notifications import Notifier
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.wire import events
from normalizer.message import Message
from normalizer.report import FINAL, Link, Report, Status
from normalizer.tracking import format_number, without

RECENT = timedelta(days=7)
"""How long ago an earlier report may have come that a new one is taken to belong to."""
SHORT = 12
"""Words up to which a message without a matter of its own may belong to an earlier report."""
_REGENCY = 5

JOIN = frozenset({"1", "ya", "iya", "y", "betul", "benar", "yes", "tambahan", "tambah", "add"})
NEW = frozenset({"2", "tidak", "tdk", "bukan", "baru", "no", "new"})
_BESIDE = frozenset({"laporan", "lapor", "nomor", "pak", "bu", "itu", "ini", "to", "report"})
"""Words that change nothing in an answer; any other makes it a message of its own."""

_BUTTONS = (
    {"tambahan", "laporan"},
    {"laporan", "baru"},
    {"add", "to", "report"},
    {"new", "report"},
)

Choice = Literal["join", "new"]


class Additions:
    """Adds messages to reports, and joins reports."""

    def __init__(
        self,
        notifier: Notifier,
        now: Callable[[], datetime],
        accused: Accusations,
        overseer: Overseers,
        hiding: Hiding,
        candidates: Candidates,
    ) -> None:
        self._notifier = notifier
        self._now = now
        self._accused = accused
        self._overseer = overseer
        self._hiding = hiding
        self._candidates = candidates

    async def keep_echo(self, turn: Turn, _: object) -> str:
        """Keep a text of ours that came back, at the report it speaks of; it says nothing new."""
        record = turn.context.find_referenced(turn.message)
        if record and turn.context.owns(turn.message, record.report):
            self._note(turn, record, record.report, "echoed", by="gateway")
        return "echo"

    async def acknowledge(self, turn: Turn, _: object) -> str:
        """Note a thumb or a word of thanks at the report it follows, without an answer."""
        named = turn.context.find_referenced(turn.message)
        mine = named if named and turn.context.owns(turn.message, named.report) else None
        if record := mine or next(iter(turn.from_same_reporter), None):
            self._note(turn, record, record.report, "acknowledged", by="reporter")
        return "acknowledged"

    async def add(self, turn: Turn, meant: ReportRecord) -> str:
        """Add a message to a report and pass it on."""
        message = turn.message
        grown = meant.report.with_messages(message)
        report = await self._grow(turn, meant, grown, (message,))
        hidden = self._hiding.words_of_news(meant.report, report)
        if is_part(message, meant.report) and not hidden:
            return "part"
        if await self._notifier.warn(
            turn.unit, report, message.urgency, asked_by=message, more=hidden
        ):
            return "follow_up"
        text = f"{self._notifier.text('follow_up', report)} {hidden}".rstrip()
        asks = self._hiding.must_ask(meant.report, report)
        self._notify(
            turn,
            report,
            text,
            f"follow-up {message.id}",
            self._hiding.choices(report) if asks else (),
        )
        return "follow_up"

    async def join(self, turn: Turn, record: ReportRecord) -> str:
        """Join a report to the earlier one it was offered to, and close it."""
        message, context = turn.message, turn.context
        offered = offer_of(record.report)
        found = next(
            (s for s in turn.from_same_reporter if offered and s.report.id == offered), None
        )
        earlier = context.whole(found) if found else None
        may = earlier is not None and context.takes_more(earlier.report, message)
        if earlier is None or not (may and earlier.report.takes(*record.report.messages)):
            return await self.keep_apart(turn, record)
        at, note = self._now(), format_number(earlier.report.tracking)
        closed = add_link(without_offer(record.report), earlier.report, "joined")
        ended = Status.CLOSED_BY_REPORTER
        closed = move(closed, ended, by="reporter", actor_kind=ActorKind.REPORTER, at=at, note=note)
        data: dict[str, object] = {"message": message.id, "to": earlier.report.tracking}
        context.remember(
            turn.unit.reports.change(record, closed, [AuditEvent("joined", "reporter", data=data)])
        )
        cause = f"joined {message.id}"
        deliver_changed(turn.unit, closed, cause=cause)
        turn.unit.messages.file(message, earlier.report)
        both = earlier.report.with_report(record.report)
        await self._grow(turn, earlier, both, record.report.messages)
        text = self._notifier.text(
            "joined", earlier.report, lama=format_number(record.report.tracking)
        )
        self._notify(turn, earlier.report, text, cause)
        return "joined"

    async def keep_apart(self, turn: Turn, record: ReportRecord) -> str:
        """Leave a report a matter of its own."""
        report = without_offer(record.report)
        self._note(turn, record, report, "kept_apart", by="reporter")
        text = self._notifier.text("kept_apart", report)
        self._notify(turn, report, text, f"kept {turn.message.id}")
        return "kept_apart"

    def _note(
        self, turn: Turn, record: ReportRecord, report: Report, kind: str, *, by: str
    ) -> None:
        data: dict[str, object] = {"message": turn.message.id}
        event = AuditEvent(kind, by, data=data)
        turn.context.remember(turn.unit.reports.change(record, report, [event]))
        turn.unit.messages.file(turn.message, report)

    def _notify(
        self, turn: Turn, report: Report, text: str, cause: str, choices: Sequence[str] = ()
    ) -> None:
        self._notifier.notify(
            turn.unit, report, text, cause=cause, asked_by=turn.message, choices=choices,
            automatic=True,
        )  # fmt: skip

    async def _grow(
        self, turn: Turn, record: ReportRecord, grown: Report, messages: Sequence[Message]
    ) -> Report:
        """File what was added to a report, and pass it on; ``grown`` has it already."""
        report, unit = grown, turn.unit
        for message in messages:
            danger = graver(report.urgency, message.urgency)
            changes = {"origin": origin_with(report, message), "urgency": danger}
            report = report.model_copy(update=changes | new_place(report, message))
            report = self._kept_from_the_accused(report, message)
        report = self._answering(report)
        report = self._candidates.refresh(report, at=self._now())
        log = [*map(addition_event, messages)]
        log += self._hiding.events_of_news(record.report, report, messages[-1])
        turn.context.remember(unit.reports.change(record, report, log))
        for message in messages:
            unit.messages.file(message, report)
            enqueue_files(unit, report, message, at=self._now())
        cause = f"follow-up {messages[0].id}"
        await withdraw_lost(unit, record.report, report, cause)
        if report.assignment and report.assignment.agency:
            has = _has(record.report, report)
            if has and is_hidden_now(record.report, report):
                deliver_changed(unit, report, cause=cause)
            else:
                kind: events.Type = events.FOLLOWED_UP if has else events.ASSIGNED
                deliver(unit, report, kind=kind, cause=cause)
        return report

    def _answering(self, report: Report) -> Report:
        """Go on with a report about which an agency had asked: its reporter has written."""
        if not agency_asks(report):
            return report
        to, kind = Status.IN_PROGRESS, ActorKind.REPORTER
        return move(report, to, by="reporter", actor_kind=kind, at=self._now())

    def _kept_from_the_accused(self, report: Report, message: Message) -> Report:
        """Take a report back from whom it now accuses, or whom this message may accuse."""
        accused, _ = self._accused(report)
        new = report.model_copy(update={"messages": (message,)})
        _, suspected = self._accused(new)
        report = recuse(report, accused, at=self._now(), overseer=self._overseer)
        return hold_for_operator(report, suspected, at=self._now())


def _has(before: Report, now: Report) -> bool:
    """Tell whether the agency of a report had it before."""
    old, new = before.assignment, now.assignment
    return bool(old and new and old.agency and new.agency and old.agency.id == new.agency.id)


def answer_to_offer(turn: Turn, choice: Choice) -> ReportRecord | None:
    """Return the report whose offer to be joined a message answers with this choice."""
    message, context = turn.message, turn.context
    words = set(re.findall(r"\w+", without(message.text).casefold()))
    says: Choice = "join" if words & JOIN else "new"
    if says != choice or message.attachments:
        return None
    both, either = words & JOIN and words & NEW, words & (JOIN | NEW)
    if not either or both or not words <= JOIN | NEW | _BESIDE:
        return None
    asked = context.find_by_thread(message) or _last_asked(turn)
    offered = offer_of(asked.report) if asked else None
    if asked is None or offered is None or not context.takes_more(asked.report, message):
        return None
    numbers = {link.tracking for link in asked.report.links if link.report_id == offered}
    return asked if numbers.issuperset(message.refers_to) else None


def late_button(turn: Turn) -> bool:
    """Tell whether a message is a button below a notification whose question is settled."""
    words = set(re.findall(r"\w+", without(turn.message.text).casefold()))
    asked = turn.context.find_by_thread(turn.message)
    return words in _BUTTONS and asked is not None and turn.context.owns(turn.message, asked.report)


def earlier_matter(records: Iterable[ReportRecord], report: Report) -> Report | None:
    """Return the open report of the same person that a new one seems to belong to.

    It has little to say of its own, or the same to say of the same place.
    """
    if report.assignment is None or report.assignment.scope:
        return None
    for record in records:
        earlier = record.report
        if earlier.status in FINAL or earlier.status is Status.WAITING_FOR_REPORTER:
            continue
        if earlier.assignment and earlier.assignment.scope:
            continue  # nobody's report is nothing to add to
        is_recent = report.received_at - earlier.received_at <= RECENT
        if is_recent and _alike(report, earlier) and earlier.takes(*report.messages):
            return earlier
    return None


def offer_of(report: Report) -> str | None:
    """Return the id of the report that a report was offered to be joined to."""
    return next((link.report_id for link in report.links if link.kind == "possible"), None)


def without_offer(report: Report) -> Report:
    """Return a report without the open offer to join it to another."""
    links: tuple[Link, ...] = tuple(link for link in report.links if link.kind != "possible")
    return report.model_copy(update={"links": links})


def addition_event(message: Message) -> AuditEvent:
    """Describe an addition for the log."""
    data: dict[str, object] = {"message": message.id, "text": message.text}
    if message.unanswered:
        data["not_answered"] = message.unanswered.value
    return AuditEvent("followed_up", "reporter", data=data)


def join_choices(notifier: Notifier, report: Report, earlier: Report) -> Sequence[str]:
    """Name the two answers to the offer to join a report to an earlier one."""
    join = notifier.text("choice_join", report, lama=format_number(earlier.tracking))
    return [join, notifier.text("choice_new", report)]


def _last_asked(turn: Turn) -> ReportRecord | None:
    """Return the report with the newest question: an offer older than that is not meant."""
    asking = (
        s
        for s in turn.from_same_reporter
        if s.report.status is Status.WAITING_FOR_REPORTER or offer_of(s.report)
    )
    newest = max(asking, key=lambda s: s.report.received_at, default=None)
    return newest if newest and turn.at - newest.report.received_at <= SOON else None


def _alike(report: Report, earlier: Report) -> bool:
    made = report.assignment
    if report.topic is None or (made and made.question == "topic"):
        return len(report.text.split()) <= SHORT and not report.places
    same = earlier.topic is not None and report.topic.id == earlier.topic.id
    return same and _meet(report, earlier)


def _meet(report: Report, earlier: Report) -> bool:
    """Tell whether one of two places lies in the other; a place that is not told may be any."""
    if not report.places or not earlier.places:
        return True
    one, other = sorted((report.places[0].code, earlier.places[0].code), key=len)
    return len(one) >= _REGENCY and f"{other}.".startswith(f"{one}.")
