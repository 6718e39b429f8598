"""What is known when a message comes: the reports it may belong to, and who may add to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.access.ownership import Ownership, proven
from gateway.platform.seal import Seal
from gateway.store.rows import OptOut, ReportRecord
from gateway.store.unit import UnitOfWork
from normalizer.message import Message, Origin
from normalizer.report import FINAL, Link, Outcome, Report, Status
from normalizer.text import has_words

MOST_NAMES = 100
"""Names of messages by which a report is known."""
TOGETHER = timedelta(minutes=1)
"""Files without words that follow a word of a report so soon need no answer of their own."""


@dataclass(slots=True)
class ConversationContext:
    """What the store knows that bears on a batch, kept up while the batch is worked through."""

    by_tracking: dict[str, ReportRecord]
    by_reporter: dict[str, list[ReportRecord]]
    by_thread: dict[str, ReportRecord] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    """Which names of threads are notifications of ours, whatever they were about."""
    joined_to: dict[str, ReportRecord] = field(default_factory=dict)
    """Reports that others were joined to, by id."""
    silent: dict[str, OptOut] = field(default_factory=dict)
    """Who cannot be written to, by pseudonym."""
    lapsed: frozenset[str] = frozenset()
    """Ids of reports without an owner by now: their telephone number may be another person's."""

    def remember(self, record: ReportRecord) -> None:
        """Let later messages of the same batch see a report as it is now."""
        self.by_tracking[record.report.tracking] = record
        self.joined_to[record.report.id] = record
        mine = self.by_reporter.setdefault(record.report.reporter.ref, [])
        mine[:] = [record, *(s for s in mine if s.report.id != record.report.id)]

    def from_same_reporter(self, message: Message) -> list[ReportRecord]:
        """What the same reporter sent, newest first."""
        found = self.by_reporter.get(message.reporter.ref, [])
        return [stored for stored in found if stored.report.id not in self.lapsed]

    def owns(self, message: Message, report: Report) -> bool:
        """Tell whether a message is of the very reporter of a report, as far as can be known."""
        return same_person(report, message) and report.id not in self.lapsed

    def takes_more(self, report: Report, message: Message) -> bool:
        """Only its own reporter can add to a report, while it is open and has room."""
        open_ = report.status not in FINAL
        return self.owns(message, report) and open_ and report.takes(message)

    def find_referenced(self, message: Message) -> ReportRecord | None:
        """Find the report that a message says it is about, its sender's or not."""
        found = self.find_named(message)
        return self.whole(found) if found else None

    def find_named(self, message: Message) -> ReportRecord | None:
        """Find the report a message names, even if that was joined to another since."""
        return self.find_by_number(message) or self.find_by_thread(message)

    def find_by_number(self, message: Message) -> ReportRecord | None:
        """Find the report whose tracking number a message says."""
        found = (self.by_tracking.get(number) for number in message.refers_to)
        return next(filter(None, found), None)

    def find_by_thread(self, message: Message) -> ReportRecord | None:
        """Find the report a message belongs to by its thread: a reply, an edit, a button."""
        for name in reversed(message.origin.thread):
            if found := self.by_thread.get(name):
                return found
        names = set(message.origin.thread) - self.ours
        return next(
            (s for s in self.from_same_reporter(message) if names & names_of(s.report)), None
        )

    def whole(self, record: ReportRecord) -> ReportRecord:
        """Return the report that this one was joined to, or itself."""
        found = find_join(record.report)
        return self.joined_to.get(found.report_id, record) if found else record


@dataclass(frozen=True, slots=True)
class ContextLoader:
    """Reads what bears on a batch. ``waiting`` is how long a reporter's report is looked back for;
    ``ownership`` says how long it is its telephone number's.
    """

    now: Callable[[], datetime]
    waiting: timedelta
    ownership: Ownership
    seal: Seal

    async def load(self, unit: UnitOfWork, messages: Sequence[Message]) -> ConversationContext:
        """Return what the store knows that bears on these messages. Raises ``Unavailable``."""
        numbers = {number for each in messages for number in (*each.refers_to, each.tracking)}
        threads = {name for each in messages for name in each.origin.thread}
        refs = {each.reporter.ref for each in messages}
        context = ConversationContext(
            await unit.reports.by_tracking(numbers),
            await unit.reports.by_reporter(refs, since=self.now() - self.waiting),
        )
        ours = await unit.notifications.reports_of(threads)
        context.ours = frozenset(ours)
        records = await unit.reports.by_ids(ours.values())
        context.by_thread = {name: records[id] for name, id in ours.items() if id in records}
        mine = (each for reports in context.by_reporter.values() for each in reports)
        found = (*context.by_tracking.values(), *records.values(), *mine)
        ties = (find_join(each.report) for each in found)
        context.silent = await unit.opt_outs.of(refs)
        context.joined_to = await unit.reports.by_ids({tie.report_id for tie in ties if tie})
        every = {s.report.id: s for s in (*found, *context.joined_to.values())}
        lapsed = await self.ownership.lapsed_ids(unit, every.values(), unit.wall())
        context.lapsed = frozenset(
            id for id in lapsed if not proven(self.seal, messages, every[id].report)
        )
        unit.messages.disown(context.lapsed)
        return context


def find_join(report: Report) -> Link | None:
    """Return the tie to the report that this one was joined to."""
    return next((link for link in report.links if link.kind == "joined"), None)


def names_of(report: Report) -> set[str]:
    """Return what later messages may call a report by: the names of all that was said in it."""
    return {report.origin.external_id, *report.origin.thread}


def origin_with(report: Report, message: Message) -> Origin:
    """Let a report be known by the names of a message that was added to it."""
    added = (*message.origin.thread, message.origin.external_id)
    thread = tuple(dict.fromkeys((*report.origin.thread, *added)))[-MOST_NAMES:]
    kept = {*thread, report.origin.external_id}
    sealed = {**report.origin.sealed, **message.origin.sealed}
    sealed = {name: each for name, each in sealed.items() if name in kept}
    return report.origin.model_copy(update={"thread": thread, "sealed": sealed})


def is_part(message: Message, report: Report) -> bool:
    """Tell whether a file without a word came with a report: photos of one album come singly."""
    wordless = not has_words(message.text) and bool(message.attachments)
    return wordless and any(
        abs(message.received_at - each.received_at) <= TOGETHER for each in report.messages
    )


def new_place(report: Report, message: Message) -> dict[str, object]:
    """Return where a report is once a message was added that may say so by a point."""
    if message.coordinates is None:
        return {}
    is_named = any(place.found_by != "context" for place in report.places)
    places = report.places if is_named else message.places or report.places
    return {"coordinates": message.coordinates, "places": places}


def agency_asks(report: Report) -> bool:
    """Tell whether a report waits for its reporter because its agency asked something."""
    made = report.assignment
    waits = report.status is Status.WAITING_FOR_REPORTER
    return waits and made is not None and made.decision is Outcome.ASSIGN


def add_link(report: Report, earlier: Report, kind: str = "follow_up") -> Report:
    """Tie a report to an earlier one."""
    tie = {"kind": kind, "report_id": earlier.id, "tracking": earlier.tracking}
    return report.model_copy(update={"links": (*report.links, Link.model_validate(tie))})


def same_person(report: Report, message: Message) -> bool:
    """Tell whether a report and a message are of the same reporter, on the same channel."""
    return report.reporter.ref == message.reporter.ref
