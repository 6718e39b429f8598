"""Notifications: what is written to citizens, with ids that are the same however often."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from config.emergency import emergency
from config.words import words
from gateway.outbound.delicate import Delicate
from gateway.outbound.notice import Notice
from gateway.outbound.texts import NEUTRAL, Texts
from gateway.platform.names import sealed_thread
from gateway.store.rows import Notification
from gateway.store.unit import UnitOfWork
from normalizer.gsm import segments
from normalizer.message import Message, NoAnswerReason, Urgency
from normalizer.report import Report
from normalizer.tracking import format_number

_NAMES = uuid.UUID("6b616e61-6c00-5000-8000-6c6574746572")


class Notifier:
    """Writes notifications into a unit of work."""

    def __init__(
        self,
        texts: Texts,
        delicate: Delicate,
        notice: Notice | None = None,
        answer_to: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the words; ``answer_to`` says by channel where answers go that no phone sends."""
        self._texts = texts
        self.delicate = delicate
        self._notice = notice or Notice()
        self._answer_to = answer_to or {}

    def text(
        self,
        key: str,
        about: Report | Message,
        *,
        to: Report | Message | None = None,
        **fields: str,
    ) -> str:
        """Fill in one text about a report, or about a message that is filed to none.

        It is in its writer's language; ``to`` is who asked. Of a delicate report the neutral text
        is filled in, on channels whose words lie on a phone.
        """
        report = about if isinstance(about, Report) else Report.open(about)
        if self.is_neutral(report, to or report):
            key = NEUTRAL.get(key, key)
        assignment = report.assignment
        agency = assignment.agency.name if assignment and assignment.agency else None
        language = report.language
        common = {
            "nomor": format_number(report.tracking),
            "instansi": agency or self._texts.say("no_agency", language),
            "status": words("labels").table("status", language)[report.status],
        }
        return self._texts.say(key, language, **(common | fields))

    def notify(
        self,
        unit: UnitOfWork,
        about: Report | Message,
        text: str,
        *,
        cause: str,
        asked_by: Message | None = None,
        choices: Sequence[str] = (),
        automatic: bool = False,
        urgent: bool = False,
        receipt: bool = False,
        brief: str = "",
    ) -> None:
        """Write to the citizen. ``cause`` names why; the same cause writes only one notification.

        ``asked_by`` is the message that is answered, when it is not the report itself;
        ``choices`` are likely answers to a question in the text; ``automatic`` says that no person
        wrote the text: it counts against what one reader gets. An ``urgent`` one says whom to call,
        and neither that nor anything else holds it back. The first ``receipt`` of a person
        says where the privacy notice is read, in the words of ``brief`` if that saves an SMS. Who
        must not be written to gets nothing, and the notification is filed with the reason.
        """
        report = about if isinstance(about, Report) else Report.open(about)
        to = asked_by or report.first
        id = notification_id(report, cause)
        held_back = _held_back(report, to, automatic=automatic and not urgent)
        end = self._end(to.origin.channel, report.language)
        if urgent and segments(text + end) > segments(text):
            end = ""  # below whom to call in danger nothing may cost a further SMS
        notification = Notification(
            id=id,
            report_id=report.id,
            channel=to.origin.channel,
            text=text + end,
            sealed_to=to.reporter.sealed,
            message_id=to.id,
            tracking=report.tracking,
            subject=self.text("subject", report, to=to),
            thread=sealed_thread(asked_by.origin if asked_by else report.origin),
            choices=tuple(choices),
            reader=to.reporter.ref,
            automatic=automatic,
            urgent=urgent,
            found_agency=cause == "received",
            paused=self.text("paused", report) if automatic else "",
            first=self.first(text, report.language, urgent=urgent, brief=brief, end=end)
            if receipt
            else "",
            state="withdrawn" if held_back else "waiting",
            detail=held_back.value if held_back else "",
        )
        unit.notifications.add(notification)

    def whole(self, text: str, report: Report) -> str:
        """Return a text with the line below it by which it leaves."""
        return text + self._end(report.first.origin.channel, report.language)

    def is_neutral(self, report: Report, to: Report | Message) -> bool:
        """Tell whether what ``to`` is told about a report must be neutral."""
        return self.delicate.is_neutral(report, channel=to.origin.channel)

    async def warn(
        self,
        unit: UnitOfWork,
        report: Report,
        danger: Urgency | None,
        *,
        asked_by: Message | None = None,
        more: str = "",
        choices: Sequence[str] = (),
    ) -> bool:
        """Say whom to call in a danger, once per report and kind of danger.

        ``more`` is said after it. Returns False where there is nothing to say, or it was said.
        """
        if danger is None:
            return False
        cause = f"danger {emergency().kind(danger.id)}"
        if await unit.notifications.exists(notification_id(report, cause)):
            return False
        self.notify(
            unit,
            report,
            f"{self.danger(report, danger)} {more}".strip(),
            cause=cause,
            asked_by=asked_by,
            choices=choices,
            automatic=True,
            urgent=True,
            receipt=asked_by is None,
        )
        return True

    def privacy(self, message: Message) -> str:
        """Return the privacy notice in one SMS, with where to read on if there is room for it."""
        text = self._texts.say("privacy", message.language)
        end = self._end(message.origin.channel, message.language)
        longer = (f"{text} {way}" for way in self._notice.ways_on)
        free = (each for each in longer if segments(each + end) == segments(text + end))
        return next(free, text)

    def first(
        self, text: str, language: str, *, urgent: bool = False, brief: str = "", end: str = ""
    ) -> str:
        """Return a receipt with the line below that says where the privacy notice is read.

        The page's address where that costs no further SMS, else the word that asks for it; if need
        be below the ``brief`` form of the text. Below whom to call in danger nothing may cost one:
        there ("") the line waits for the next receipt. ``end`` is the last line of all.
        """
        page, word = self._notice.page, self._texts.say("privacy_word", language)
        lines = [self._texts.say("privacy_page", language, alamat=page)] if page else []
        whole = [
            f"{said}\n{line}" for said in filter(None, (text, brief)) for line in (*lines, word)
        ]
        free = (each + end for each in whole if segments(each + end) <= segments(text + end))
        return next(free, "" if urgent else f"{text}\n{word}{end}")

    def _end(self, channel: str, language: str) -> str:
        """Return the line that says where to answer, where the sender of our texts takes none."""
        to = self._answer_to.get(channel)
        return "\n" + self._texts.say("answer_to", language, alamat=to) if to else ""

    def danger(self, report: Report | Message, danger: Urgency) -> str:
        """Return whom to call in a danger: the first words of an answer."""
        table, language = emergency(), report.language
        kind = table.kind(danger.id)
        numbers, beside = table.call(kind, [place.code for place in report.places[:1]])
        call = " / ".join(numbers)
        if beside:
            call = self._texts.say("danger_beside", language, telepon=call)
        return self.text(f"danger_{kind}", report, telepon=call)

    def kept_back(self, notification: Notification, report: Report) -> Notification:
        """Return what goes to a telephone that may be another's by now, without what it says."""
        end = self._end(notification.channel, report.language)
        return replace(notification, text=self.text("lapsed", report) + end, choices=())


def _held_back(report: Report, to: Message, *, automatic: bool) -> NoAnswerReason | None:
    """Say why a writer gets no notification; a word about danger goes to any country."""
    why = to.unanswered
    if why is None or automatic:
        return why
    danger = report.urgency is not None and why is NoAnswerReason.FOREIGN_NUMBER
    return why if why.wholly and not danger else None


def notification_id(report: Report, cause: str) -> str:
    """Return the id of the notification that was written to a citizen because of ``cause``."""
    return str(uuid.uuid5(_NAMES, f"{report.id} answer {cause}"))
