"""Conversation: what a message says to what was said before, and what a receipt offers.

A receipt offers two things, by buttons where there are some and in words where there are none:
to hide the reporter or the report, and to join a report to an earlier one that it seems to belong
to. Nothing waits for an answer: the report was filed and forwarded before it was offered.
"""

import re
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import datetime, timedelta
from typing import Literal

from gateway.access.ownership import RENEWED
from gateway.access.recusal import Accusations, Overseers, held, recused
from gateway.casework.context import ConversationContext, is_part, linked, origin_with
from gateway.casework.hiding import SOON
from gateway.media.store_files import ask
from gateway.outbound.delicate import graver
from gateway.outbound.deliveries import deliver, deliver_changed
from gateway.outbound.notifications import Notifier
from gateway.store.public import is_sensitive
from gateway.store.rows import AuditEvent, OptOut, ReportRecord
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.message import Intent, Message
from normalizer.report import FINAL, Link, Report, Status
from normalizer.tracking import without, written

RECENT = timedelta(days=7)
"""How long ago an earlier report may have come that a new one is taken to belong to."""
SHORT = 12
"""Words up to which a message without a matter of its own may belong to an earlier report."""
_REGENCY = 5

STOPPED = "the citizen said STOP, and hears nothing until START"
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


class Conversation:
    """Carries out what a message says to what was said before."""

    def __init__(
        self,
        notifier: Notifier,
        now: Callable[[], datetime],
        accused: Accusations,
        overseer: Overseers,
        sensitive: Set[str],
    ) -> None:
        self._accused = accused
        self._overseer = overseer
        self._sensitive = sensitive
        self._notifier = notifier
        self._now = now

    async def stop(self, unit: UnitOfWork, known: ConversationContext, message: Message) -> str:
        """Write nothing more to who said STOP, until START; nobody is told, they asked for that."""
        who, channel = message.reporter.ref, message.origin.channel
        silence = OptOut(who, channel, STOPPED, "starts", self._now())
        await unit.opt_outs.begin(silence)
        known.silent[who] = silence
        return "stop"

    async def resumed(self, unit: UnitOfWork, known: ConversationContext, message: Message) -> bool:
        """Tell whether a message ends a silence; the answers that were held are sent then."""
        who = message.reporter.ref
        silence = known.silent.get(who)
        if silence is None or (silence.until == "starts" and message.intent is not Intent.START):
            return False
        del known.silent[who]
        await unit.opt_outs.end(who)
        unit.notifications.send(await unit.notifications.release(reader=who))
        return True

    def echoed(self, unit: UnitOfWork, known: ConversationContext, message: Message) -> str:
        """Keep a text of ours that came back, at the report it speaks of; it says nothing new."""
        found = known.meant_by(message)
        if found and known.owns(message, found.report):
            data: dict[str, object] = {"message": message.id}
            known.remember(
                unit.reports.change(
                    found, found.report, [AuditEvent("echoed", "gateway", data=data)]
                )
            )
            unit.messages.file(message, found.report)
        return "echo"

    def join(
        self, unit: UnitOfWork, known: ConversationContext, stored: ReportRecord, message: Message
    ) -> str:
        """Join a report to the earlier one it was offered to, and close it."""
        offered = offer_of(stored.report)
        found = next((s for s in known.mine(message) if offered and s.report.id == offered), None)
        earlier = known.whole(found) if found else None
        if earlier is None or not known.takes_more(earlier.report, message):
            return self.keep(unit, known, stored, message)
        at, note = self._now(), written(earlier.report.tracking)
        closed = linked(settled(stored.report), earlier.report, "joined")
        closed = closed.moved(Status.CLOSED_BY_REPORTER, at=at, by="reporter", note=note)
        data: dict[str, object] = {"message": message.id, "to": earlier.report.tracking}
        known.remember(
            unit.reports.change(stored, closed, [AuditEvent("joined", "reporter", data=data)])
        )
        deliver_changed(unit, closed, cause=f"joined {message.id}")
        unit.messages.file(message, earlier.report)
        both = earlier.report.with_report(stored.report)
        self._add(unit, known, earlier, both, stored.report.messages)
        text = self._notifier.text("joined", earlier.report, lama=written(stored.report.tracking))
        cause = f"joined {message.id}"
        self._notifier.notify(
            unit, earlier.report, text, cause=cause, asked_by=message, automatic=True
        )
        return "joined"

    def keep(
        self, unit: UnitOfWork, known: ConversationContext, stored: ReportRecord, message: Message
    ) -> str:
        """Leave a report a matter of its own."""
        report = settled(stored.report)
        data: dict[str, object] = {"message": message.id}
        known.remember(
            unit.reports.change(stored, report, [AuditEvent("kept_apart", "reporter", data=data)])
        )
        unit.messages.file(message, report)
        text = self._notifier.text("kept_apart", report)
        cause = f"kept {message.id}"
        self._notifier.notify(unit, report, text, cause=cause, asked_by=message, automatic=True)
        return "kept_apart"

    async def follow_up(
        self, unit: UnitOfWork, known: ConversationContext, meant: ReportRecord, message: Message
    ) -> str:
        """Add a message to a report and pass it on."""
        grown = meant.report.with_messages(message)
        report = self._add(unit, known, meant, grown, (message,))
        if is_part(message, meant.report):
            return "part"
        if await self._notifier.warn(unit, report, message):
            return "follow_up"
        text = self._notifier.text("follow_up", report)
        if message.anonymous and not meant.report.anonymous:
            text = f"{text} {self._notifier.text('hidden_anonymous', report)}"
        cause = f"follow-up {message.id}"
        self._notifier.notify(unit, report, text, cause=cause, asked_by=message, automatic=True)
        return "follow_up"

    async def tell_status(
        self, unit: UnitOfWork, known: ConversationContext, asked: Message
    ) -> str:
        """Say how a report stands, to whom it may be told.

        Who names no report is told of the newest that is not delicate.
        A stranger is told by the number alone, and is tied to nothing by it; of a *rahasia* or
        sensitive report a stranger hears nothing, as at the doors for everybody.
        """
        found = known.meant_by(asked)
        mine = found is not None and known.owns(asked, found.report)
        if found and not mine and not (self._is_told(found.report) and known.numbered_by(asked)):
            found = None
        if not found and not asked.refers_to:
            found = self._newest(known, asked)
            mine = found is not None
        cause = f"status {asked.id}"
        if not found:
            key = "not_found" if asked.refers_to else "none_yet"
            text = self._notifier.text(key, asked)
            self._notifier.notify(unit, asked, text, cause=cause, automatic=True)
            return "status_unknown"
        text = self._notifier.text("status", found.report, to=asked)
        if not mine:
            self._notifier.notify(unit, asked, text, cause=cause, automatic=True)
            return "status"
        await self._asked(unit, known, found, asked)
        if said := await unit.events.latest_answer(found.report.id):
            text = self._notifier.text("status_answered", found.report, teks=said)
        self._notifier.notify(unit, found.report, text, cause=cause, asked_by=asked, automatic=True)
        return "status"

    async def read(self, unit: UnitOfWork, known: ConversationContext, asked: Message) -> str:
        """Tell a reporter all there is about a report that they name, however delicate it is."""
        found, cause = known.meant_by(asked), f"read {asked.id}"
        if found is None or not known.owns(asked, found.report):
            text = self._notifier.text("not_found", asked)
            self._notifier.notify(unit, asked, text, cause=cause, automatic=True)
            return "status_unknown"
        await self._asked(unit, known, found, asked)
        said = await unit.events.agency_words(found.report.id)
        text = self._notifier.text("read", found.report, teks="\n".join(said) or "-")
        self._notifier.notify(unit, found.report, text, cause=cause, asked_by=asked, automatic=True)
        return "status"

    async def _asked(
        self, unit: UnitOfWork, known: ConversationContext, found: ReportRecord, asked: Message
    ) -> None:
        """File a reporter's question; now and then the log says that they still ask."""
        unit.messages.file(asked, found.report)
        heard = (await unit.events.last_heard([found.report.id])).get(found.report.id)
        if heard and unit.wall() - heard > RENEWED:
            change = AuditEvent("asked", "reporter", data={"message": asked.id})
            known.remember(unit.reports.change(found, found.report, [change]))

    def _newest(self, known: ConversationContext, asked: Message) -> ReportRecord | None:
        mine = map(known.whole, known.mine(asked))
        return next((s for s in mine if not self._notifier.hushed(s.report, asked)), None)

    def _is_told(self, report: Report) -> bool:
        """Tell whether a stranger who knows its number may hear how a report stands."""
        return not (report.confidential or is_sensitive(report, self._sensitive))

    def _add(
        self,
        unit: UnitOfWork,
        known: ConversationContext,
        meant: ReportRecord,
        grown: Report,
        messages: Sequence[Message],
    ) -> Report:
        """File what was added to a report, and pass it on; ``grown`` has it already."""
        report = grown
        for message in messages:
            danger = graver(report.urgency, message.urgency)
            changes = {"origin": origin_with(report, message), "urgency": danger}
            report = self._kept_from_the_accused(report.model_copy(update=changes), message)
        known.remember(unit.reports.change(meant, report, [*map(followed_up, messages)]))
        for message in messages:
            unit.messages.file(message, report)
            ask(unit, report, message, at=self._now())
        if report.assignment and report.assignment.agency:
            kind: events.Type = (
                events.FOLLOWED_UP if _has(meant.report, report) else events.ASSIGNED
            )
            deliver(unit, report, kind=kind, cause=f"follow-up {messages[0].id}")
        return report

    def _kept_from_the_accused(self, report: Report, message: Message) -> Report:
        """Take a report back from whom it now accuses, or whom this message may accuse."""
        accused, _ = self._accused(report)
        new = report.model_copy(update={"messages": (message,)})
        _, suspected = self._accused(new)
        report = recused(report, accused, at=self._now(), overseer=self._overseer)
        return held(report, suspected, at=self._now())


def _has(before: Report, now: Report) -> bool:
    """Tell whether the agency of a report had it before."""
    old, new = before.assignment, now.assignment
    return bool(old and new and old.agency and new.agency and old.agency.id == new.agency.id)


def heard(unit: UnitOfWork, message: Message) -> str:
    """Note what was said, for what may be answered; tell whether it is an echo of our own words."""
    return unit.reactions.heard(
        message.reporter.ref,
        message.original,
        has_files=bool(message.attachments),
        quiet=message.unanswered is not None,
    )


def answered(
    known: ConversationContext, message: Message, *, at: datetime
) -> tuple[ReportRecord, Literal["join", "new"]] | None:
    """Return the report whose offer to be joined a message answers, and what it says."""
    words = set(re.findall(r"\w+", without(message.text).casefold()))
    said: Literal["join", "new"] = "join" if words & JOIN else "new"
    if message.attachments or not words & (JOIN | NEW) or (words & JOIN and words & NEW):
        return None
    if not words <= JOIN | NEW | _BESIDE:
        return None
    asked = known.replied_to(message) or _last_asked(known, message, at)
    offered = offer_of(asked.report) if asked else None
    if asked is None or offered is None or not known.takes_more(asked.report, message):
        return None
    numbers = {link.tracking for link in asked.report.links if link.report_id == offered}
    return (asked, said) if numbers.issuperset(message.refers_to) else None


def pressed_late(known: ConversationContext, message: Message) -> bool:
    """Tell whether a message is a button below a notification of ours whose question is settled."""
    words = set(re.findall(r"\w+", without(message.text).casefold()))
    asked = known.replied_to(message)
    return words in _BUTTONS and asked is not None and known.owns(message, asked.report)


def earlier_matter(mine: Iterable[ReportRecord], report: Report) -> Report | None:
    """Return the open report of the same person that a new one seems to belong to.

    It has little to say of its own, or the same to say of the same place.
    """
    if report.assignment is None or report.assignment.scope:
        return None
    for stored in mine:
        earlier = stored.report
        if earlier.status in FINAL or earlier.status is Status.WAITING_FOR_REPORTER:
            continue
        if earlier.assignment and earlier.assignment.scope:
            continue  # nobody's report is nothing to add to
        if report.received_at - earlier.received_at <= RECENT and _alike(report, earlier):
            return earlier
    return None


def offer_of(report: Report) -> str | None:
    """Return the id of the report that a report was offered to be joined to."""
    return next((link.report_id for link in report.links if link.kind == "possible"), None)


def settled(report: Report) -> Report:
    """Return a report without the open offer to join it to another."""
    links: tuple[Link, ...] = tuple(link for link in report.links if link.kind != "possible")
    return report.model_copy(update={"links": links})


def followed_up(message: Message) -> AuditEvent:
    """Describe an addition for the log."""
    data: dict[str, object] = {"message": message.id, "text": message.text}
    if message.unanswered:
        data["not_answered"] = message.unanswered.value
    return AuditEvent("followed_up", "reporter", data=data)


def open_question(mine: Iterable[ReportRecord]) -> ReportRecord | None:
    """Return the newest report of a reporter that waits for an answer."""
    return next((s for s in mine if s.report.status is Status.WAITING_FOR_REPORTER), None)


def ways_to_hide(notifier: Notifier, report: Report) -> Sequence[str]:
    """Name the marks that a receipt offers: those the report does not have yet."""
    marks = {"choice_anonymous": report.anonymous, "choice_confidential": report.confidential}
    return [notifier.text(key, report) for key, has in marks.items() if not has]


def ways_on(notifier: Notifier, report: Report, earlier: Report) -> Sequence[str]:
    """Name the two answers to the offer to join a report to an earlier one."""
    join = notifier.text("choice_join", report, lama=written(earlier.tracking))
    return [join, notifier.text("choice_new", report)]


def _last_asked(known: ConversationContext, message: Message, at: datetime) -> ReportRecord | None:
    """Return the report with the newest question: an offer older than that is not meant."""
    open_ = (
        s
        for s in known.mine(message)
        if s.report.status is Status.WAITING_FOR_REPORTER or offer_of(s.report)
    )
    newest = max(open_, key=lambda s: s.report.received_at, default=None)
    return newest if newest and at - newest.report.received_at <= SOON else None


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
