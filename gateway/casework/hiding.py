"""Hiding who wrote and what, also afterwards, and showing it again: only the owner's own words do.

Nothing of an anonymous report is opened without the owner's consent. Where an agency usually needs
to know who asks (``needs_identity`` in ``config/topics.toml``), the report goes out masked, its
reporter is told what that may cost, and may agree. What was sent cannot be called back, so consent
is asked for with that said, and given in words of its own.
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.casework.context import ConversationContext, origin_with
from gateway.casework.turn import Turn
from gateway.outbound.deliveries import deliver_changed
from gateway.outbound.notifications import Notifier
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.unit import UnitOfWork
from normalizer import wishes
from normalizer.message import Message
from normalizer.report import Outcome, Report
from normalizer.tracking import without
from router.assign import Decision

SOON = timedelta(days=1)
"""How long words that name no report ("ANONIM", "1") are taken to be about the last one."""
MOST_BESIDE = 1
"""Words beside a wish to be hidden that do not make it a matter of its own."""

Mark = Literal["anonymous", "confidential"]
_COMMANDS: dict[tuple[str, ...], Mark] = {
    ("buka", "nama"): "anonymous",
    ("show", "name"): "anonymous",
    ("buka", "laporan"): "confidential",
    ("show", "report"): "confidential",
}
"""The words of consent that our question names."""
_YES = frozenset(
    {"ya", "iya", "y", "yes", "boleh", "setuju", "silakan", "betul", "benar", "pak", "bu"}
)
_OF_REPORT = frozenset(
    {"rahasia", "dirahasiakan", "confidential", "rahasianya", "laporan", "report"}
)
ASKED, TOLD = "unhide_asked", "identity_asked"
_FAMILY = (ASKED, TOLD, "hidden", "unhidden")


@dataclass(frozen=True, slots=True)
class Hiding:
    """Carries out wishes about being known. ``needs_identity`` are ids of topics."""

    notifier: Notifier
    now: Callable[[], datetime]
    needs_identity: Set[str]
    agency_name: Callable[[str], str]

    def words(self, report: Report) -> str:
        """Say in a receipt what is hidden of a report, and what is not; nothing if nothing is."""
        marks: Sequence[Mark] = ("anonymous", "confidential")
        said = [self.notifier.text(f"hidden_{m}", report) for m in marks if getattr(report, m)]
        if said and report.origin.in_public:
            said.append(self.notifier.text("hidden_in_public", report))
        return " ".join(said)

    def needs_consent(self, report: Report) -> bool:
        """Tell whether the reporter must hear that the agency may need to know who asks."""
        made = report.assignment
        decided = made is not None and made.decision is not Outcome.ASK and made.scope is None
        known = report.topic is not None and report.topic.id in self.needs_identity
        return report.anonymous and known and decided and not report.urgency

    def consent_events(self, report: Report) -> list[AuditEvent]:
        """Note for the log that the reporter hears so; only then BUKA NAMA is consent."""
        event = AuditEvent(TOLD, "gateway", data={"mark": "anonymous"})
        return [event] if self.needs_consent(report) else []

    def must_ask(self, before: Report, now: Report) -> bool:
        """Tell whether its reporter must hear now that the agency may need to know who asks."""
        return now.anonymous and not before.anonymous and self.needs_consent(now)

    def words_of_news(self, before: Report, now: Report) -> str:
        """Say what is hidden of a report since a message was added to it; nothing if nothing is."""
        marks: Sequence[Mark] = ("anonymous", "confidential")
        news = [mark for mark in marks if getattr(now, mark) and not getattr(before, mark)]
        said = [self.notifier.text(f"hidden_{mark}", now) for mark in news]
        if self.must_ask(before, now):
            said.append(self.notifier.text("needs_identity", now))
        if news and now.origin.in_public:
            said.append(self.notifier.text("hidden_in_public", now))
        return " ".join(said)

    def events_of_news(self, before: Report, now: Report, message: Message) -> list[AuditEvent]:
        """Describe that for the log."""
        if not is_hidden_now(before, now):
            return []
        data: dict[str, object] = {
            "message": message.id,
            "anonymous": now.anonymous,
            "confidential": now.confidential,
        }
        asked = self.consent_events(now) if self.must_ask(before, now) else []
        return [AuditEvent("hidden", "reporter", data=data), *asked]

    def choices(self, report: Report) -> Sequence[str]:
        """Name the two answers to that."""
        return [self.notifier.text(key, report) for key in ("choice_unhide", "choice_stay")]

    def marks_to_offer(self, report: Report) -> Sequence[str]:
        """Name the marks that a receipt offers: those the report does not have yet."""
        has = {"choice_anonymous": report.anonymous, "choice_confidential": report.confidential}
        return [self.notifier.text(key, report) for key, is_set in has.items() if not is_set]

    async def hide(self, turn: Turn, record: ReportRecord) -> str:
        """Hide the reporter or the report, as a message asked; those who have it are told."""
        old, message, unit = record.report, turn.message, turn.unit
        report = old.model_copy(
            update={
                "anonymous": old.anonymous or message.anonymous,
                "confidential": old.confidential or message.confidential,
                "origin": origin_with(old, message),
            }
        )
        asked = {"anonymous": message.anonymous, "confidential": message.confidential}
        data: dict[str, object] = {"message": message.id, **asked}
        changes = [AuditEvent("hidden", "reporter", data=data)]
        asks = self.must_ask(old, report)
        changes += self.consent_events(report) if asks else []
        turn.context.remember(unit.reports.change(record, report, changes))
        unit.messages.file(message, report)
        cause = f"hidden {message.id}"
        if is_hidden_now(old, report):
            deliver_changed(unit, report, cause=cause)
        said = await self._say_hidden(unit, old, report, message)
        if asks:
            said.append(self.notifier.text("needs_identity", report))
        elif message.anonymous and self.needs_consent(report):
            said.append(self.notifier.text("without_identity", report))
        if message.origin.in_public or old.origin.in_public:
            said.append(self.notifier.text("hidden_in_public", report))
        self.notifier.notify(
            unit, report, " ".join(said), cause=cause, asked_by=message,
            choices=self.choices(report) if asks else (), automatic=True,
        )  # fmt: skip
        return "hidden"

    async def _say_hidden(
        self, unit: UnitOfWork, old: Report, now: Report, message: Message
    ) -> list[str]:
        """Say what is hidden from now on, and who has the report as it was."""
        said = []
        if message.anonymous and old.anonymous:
            said.append(self.notifier.text("still_anonymous", now))
        elif message.anonymous:
            had = [
                self.agency_name(each) for each in await unit.deliveries.agencies_reached(old.id)
            ]
            key = "anonymous" if had else "anonymous_unsent"
            said.append(self.notifier.text(key, now, instansi=", ".join(had)))
        if message.confidential:
            said.append(self.notifier.text("confidential", now))
        return said

    async def show(self, turn: Turn, record: ReportRecord) -> str | None:
        """Ask for consent to show what is hidden, or take it; None when nothing is said of that."""
        message = turn.message
        command = _COMMANDS.get(_words(message))
        asked = await turn.unit.events.latest(record.report.id, _FAMILY)
        mark = _meant(record.report, message, command)
        kind, said, at = asked or ("", {}, self.now())
        if mark and command and kind in (ASKED, TOLD) and said.get("mark") == mark:
            return self._open(turn, record, mark)
        if not message.unhide:
            agrees = kind == ASKED and self.now() - _asked_at(said, at) <= SOON
            agreed: Mark = "confidential" if said.get("mark") == "confidential" else "anonymous"
            return self._open(turn, record, agreed) if agrees else None
        return self._ask(turn, record, mark)

    def _ask(self, turn: Turn, record: ReportRecord, mark: Mark | None) -> str:
        """Say what showing means, and ask for the words of consent."""
        unit, message = turn.unit, turn.message
        report, key = record.report, f"unhide_{mark}" if mark else "not_hidden"
        choices: Sequence[str] = ()
        if mark:
            data: dict[str, object] = {"message": message.id, "mark": mark}
            data["at"] = self.now().isoformat()
            event = AuditEvent(ASKED, "gateway", data=data)
            turn.context.remember(unit.reports.change(record, report, [event]))
            choice = "choice_unhide" if mark == "anonymous" else "choice_unhide_report"
            choices = (self.notifier.text(choice, report),)
        unit.messages.file(message, report)
        self.notifier.notify(
            unit, report, self.notifier.text(key, report), cause=f"unhide {message.id}",
            asked_by=message, choices=choices, automatic=True,
        )  # fmt: skip
        return "unhide_asked" if mark else "not_hidden"

    def _open(self, turn: Turn, record: ReportRecord, mark: Mark) -> str:
        """Show what the owner agreed to; an older consent to public words ends with it."""
        unit, message = turn.unit, turn.message
        changes = {mark: False, "public": False, "origin": origin_with(record.report, message)}
        report = record.report.model_copy(update=changes)
        data: dict[str, object] = {"message": message.id, "mark": mark}
        event = AuditEvent("unhidden", "reporter", data=data)
        turn.context.remember(unit.reports.change(record, report, [event]))
        unit.messages.file(message, report)
        cause = f"unhidden {message.id}"
        deliver_changed(unit, report, cause=cause)
        text = self.notifier.text(f"unhidden_{mark}", report)
        self.notifier.notify(unit, report, text, cause=cause, asked_by=message, automatic=True)
        return "unhidden"


def is_hidden_now(before: Report, now: Report) -> bool:
    """Tell whether a report is hidden in a way in which it was not."""
    anonymous = now.anonymous and not before.anonymous
    return anonymous or (now.confidential and not before.confidential)


def may_show(turn: Turn) -> ReportRecord | None:
    """Return the report whose reporter may say that it, or they, need not be hidden any more."""
    message = turn.message
    if not (message.unhide or _says_yes(message)) or message.attachments:
        return None
    command = _COMMANDS.get(_words(message))
    if command is None and message.unhide and _is_matter(message, turn.decided):
        return None
    return _of_whom(turn.context, message)


def report_to_hide(turn: Turn) -> ReportRecord | None:
    """Return the report that a message asks to hide, where it has no matter of its own."""
    message, context = turn.message, turn.context
    if not (message.anonymous or message.confidential) or message.attachments:
        return None
    if message.coordinates or message.address or (message.occurred_on and not message.text):
        return None
    if _has_words(message) and _is_matter(message, turn.decided):
        return None
    named = context.find_referenced(message)
    if named:
        return named if context.owns(message, named.report) else None
    open_ = turn.open_reports
    prose = wishes.read(message.text)
    if prose.anonymous or prose.confidential:  # "nama saya", "laporan saya": said of what is told
        return next(iter(open_ or turn.from_same_reporter), None)
    return next((s for s in open_ if turn.at - s.report.received_at <= SOON), None)


def _asked_at(said: Mapping[str, object], logged: datetime) -> datetime:
    """Return when consent was asked for, by the case clock; before that was noted, by the log."""
    at = said.get("at")
    return datetime.fromisoformat(at) if isinstance(at, str) else logged


def _has_words(message: Message) -> bool:
    """Tell whether a message says more than a wish: a place, or words of its own."""
    said = any(place.found_by != "context" for place in message.places)
    return wishes.words_beside(without(message.text)) > (0 if said else MOST_BESIDE)


def _is_matter(message: Message, decision: Decision) -> bool:
    """Tell whether a message is a report of its own: it has a topic, a place, or is long."""
    said = any(place.found_by != "context" for place in message.places)
    if not said and _EARLIER.search(message.text):
        return False
    return said or decision.topic is not None or wishes.words_beside(message.text) > _MUCH


_EARLIER = re.compile(
    r"\b(?:laporan|aduan|pengaduan)(?:ku)?\s(?:(?:saya|sy|aku|kami|yang|yg)\s){0,2}"
    r"(?:tadi|kemarin|kmrn|sebelumnya|barusan|itu|di\s?atas|pertama|terakhir)\b"
    r"|\bmy\s(?:last|earlier|previous|first)\sreport\b",
    re.IGNORECASE,
)
"""Words that say that an earlier report is meant."""
_MUCH = 12
"""Words beside a wish that are a matter whatever they say."""


def _words(message: Message) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", without(message.text).casefold()))


def _says_yes(message: Message) -> bool:
    said = _words(message)
    return 0 < len(said) <= len(_COMMANDS) and _YES.issuperset(said)


def _of_whom(context: ConversationContext, message: Message) -> ReportRecord | None:
    """Return the owner's report that is meant: the one named, else the newest that is hidden."""
    if named := context.find_referenced(message):
        return named if context.owns(message, named.report) else None
    mine = context.from_same_reporter(message)
    hidden = [s for s in mine if s.report.anonymous or s.report.confidential]
    return next(iter(hidden or (mine if message.unhide else [])), None)


def _meant(report: Report, message: Message, command: Mark | None) -> Mark | None:
    """Return which of its marks a report loses."""
    marks: Sequence[Mark] = ("anonymous", "confidential")
    has = [mark for mark in marks if getattr(report, mark)]
    if command:
        return command if command in has else None
    of_report = "confidential" in has and not _OF_REPORT.isdisjoint(_words(message))
    return "confidential" if of_report else next(iter(has), None)
