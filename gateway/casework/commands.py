"""Commands: what a message asks of the gateway, not of an agency."""

from collections.abc import Callable, Set
from datetime import datetime

from gateway.access.ownership import RENEWED
from gateway.casework.turn import Turn
from gateway.outbound.at_agency import status_label
from gateway.outbound.notifications import Notifier
from gateway.store.public import is_sensitive
from gateway.store.rows import AuditEvent, OptOut, ReportRecord
from normalizer.message import Intent, Message
from normalizer.report import Report
from normalizer.tracking import is_mistyped

STOPPED = "the citizen said STOP, and hears nothing until START"


class Commands:
    """Answers commands. ``sensitive`` are ids of topics that no stranger is told of."""

    def __init__(
        self, notifier: Notifier, now: Callable[[], datetime], sensitive: Set[str]
    ) -> None:
        self._notifier = notifier
        self._now = now
        self._sensitive = sensitive

    async def stop(self, turn: Turn, _: object) -> str:
        """Write nothing more after STOP, not even an answer to it, until START."""
        who, channel = turn.message.reporter.ref, turn.message.origin.channel
        silence = OptOut(who, channel, STOPPED, "starts", self._now())
        await turn.unit.opt_outs.begin(silence)
        turn.context.silent[who] = silence
        return "stop"

    def ends_silence(self, turn: Turn) -> OptOut | None:
        """Return the silence that a message ends."""
        silence = turn.context.silent.get(turn.message.reporter.ref)
        if silence and silence.until == "starts" and turn.message.intent is not Intent.START:
            return None
        return silence

    async def resume(self, turn: Turn, silence: OptOut) -> str | None:
        """Write again, and send the notifications that were held."""
        del turn.context.silent[silence.reader]
        await turn.unit.opt_outs.end(silence.reader)
        await turn.unit.notifications.release(reader=silence.reader)
        return "start" if turn.message.intent is Intent.START else None

    async def status(self, turn: Turn, _: object) -> str:
        """Say how a report stands, to whom it may be told.

        Who names no report is told of the newest that is not delicate. A stranger is told by the
        number alone, and is tied to nothing by it; of a *rahasia* or sensitive report a stranger
        hears nothing, as on the pages for everybody.
        """
        asked, context = turn.message, turn.context
        record = context.find_referenced(asked)
        mine = record is not None and context.owns(asked, record.report)
        may_hear = mine or (
            record and self._is_told(record.report) and context.find_by_number(asked)
        )
        record = record if may_hear else None
        if _is_mistyped(asked):
            self._answer(turn, "mistyped", f"status {asked.id}")
            return "status_unknown"
        if not record and not asked.refers_to:
            record = self._newest(turn)
            mine = record is not None
        cause = f"status {asked.id}"
        if not record:
            self._answer(turn, "not_found" if asked.refers_to else "none_yet", cause)
            return "status_unknown"
        status = await self._standing(turn, record.report)
        text = self._notifier.text("status", record.report, to=asked, status=status)
        if not mine:
            self._notifier.notify(turn.unit, asked, text, cause=cause, automatic=True)
            return "status"
        await self._note_question(turn, record)
        if answer := await turn.unit.events.latest_answer(record.report.id):
            text = self._notifier.text("status_answered", record.report, teks=answer, status=status)
        self._notify_about(turn, record.report, text, cause)
        return "status"

    async def read(self, turn: Turn, _: object) -> str:
        """Tell a reporter all there is about a report that they name, however delicate it is."""
        record, cause = turn.context.find_referenced(turn.message), f"read {turn.message.id}"
        if record is None or not turn.context.owns(turn.message, record.report):
            wrong = _is_mistyped(turn.message)
            self._answer(turn, "mistyped" if wrong else "not_found", cause)
            return "status_unknown"
        await self._note_question(turn, record)
        words = await turn.unit.events.agency_words(record.report.id)
        status = await self._standing(turn, record.report)
        text = self._notifier.text(
            "read", record.report, teks="\n".join(words) or "-", status=status
        )
        self._notify_about(turn, record.report, text, cause)
        return "status"

    async def _standing(self, turn: Turn, report: Report) -> str:
        """Say where a report stands, and how far it came at its agency."""
        agency = report.assignment.agency if report.assignment else None
        read = turn.unit.deliveries.with_agency
        theirs = await read(report.id, agency.id) if agency else []
        return status_label(report, theirs, report.language)

    async def privacy(self, turn: Turn, _: object) -> str:
        """Say what becomes of people's data."""
        text = self._notifier.privacy(turn.message)
        self._notifier.notify(turn.unit, turn.message, text, cause="privacy", automatic=True)
        return "privacy"

    async def help(self, turn: Turn, _: object) -> str:
        """Say what can be written here."""
        self._answer(turn, "help", "help")
        return "help"

    def _answer(self, turn: Turn, key: str, cause: str) -> None:
        """Answer a message that is filed to no report."""
        text = self._notifier.text(key, turn.message)
        self._notifier.notify(turn.unit, turn.message, text, cause=cause, automatic=True)

    def _notify_about(self, turn: Turn, report: Report, text: str, cause: str) -> None:
        self._notifier.notify(
            turn.unit, report, text, cause=cause, asked_by=turn.message, automatic=True
        )

    async def _note_question(self, turn: Turn, record: ReportRecord) -> None:
        """File a reporter's question; now and then the log says that they still ask."""
        turn.unit.messages.file(turn.message, record.report)
        last = (await turn.unit.events.last_heard([record.report.id])).get(record.report.id)
        if last and self._now() - last > RENEWED:
            event = AuditEvent("asked", "reporter", data={"message": turn.message.id})
            turn.context.remember(turn.unit.reports.change(record, record.report, [event]))

    def _newest(self, turn: Turn) -> ReportRecord | None:
        mine = map(turn.context.whole, turn.from_same_reporter)
        return next(
            (s for s in mine if not self._notifier.is_neutral(s.report, turn.message)), None
        )

    def _is_told(self, report: Report) -> bool:
        """Tell whether a stranger who knows its number may hear how a report stands."""
        return not (report.confidential or is_sensitive(report, self._sensitive))


def _is_mistyped(message: Message) -> bool:
    """Tell whether a message names no report because a digit of its number is wrong."""
    return not message.refers_to and is_mistyped(message.text)
