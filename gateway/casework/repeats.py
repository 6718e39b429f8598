"""Repeats: what is said again, what is said without words, and what such a message still brings.

A repeat makes no second report. What it brings beside the words (a file, a point, a wish to be
hidden, a name, a contact, a day) is added to the report that it repeats.
"""

from collections.abc import Iterator
from datetime import timedelta

from gateway.casework.turn import Turn
from gateway.platform.identity import opened_reporter
from gateway.platform.seal import BadSeal, Seal
from gateway.store.rows import ReportRecord
from normalizer.message import Attachment, Intent, Message, NoAnswerReason
from normalizer.report import Report, Status
from normalizer.text import NO_TEXT, has_words, title_of
from router.duplicates import adds, repeats

_SPOKEN = frozenset({Intent.REPORT, Intent.GREETING, Intent.HELP})
"""What a message without words may be taken for: a mention alone names the word for help."""
FRESH = timedelta(minutes=30)
"""How long after the last word of a report a photo or a point without words belongs to it."""


def is_wordless(message: Message) -> bool:
    """Tell whether a message has no letter and no digit, in its text or in a subject."""
    headed = message.title not in (NO_TEXT, title_of(message.text))
    return not has_words(message.text) and not (headed and has_words(message.title))


def says_nothing(turn: Turn) -> bool:
    """Tell whether a message has neither words nor anything else: a thumb, a dot, a sticker.

    Figures alone say nothing of a stranger; of a reporter they may be a house, or an answer.
    """
    message = turn.message
    figures = not (turn.open_reports or any(map(str.isalpha, message.title + message.text)))
    beside = (
        *(message.attachments, message.coordinates, message.address, message.occurred_on),
        *(message.chosen_topic, message.chosen_agency, message.anonymous, message.confidential),
    )
    wordless = is_wordless(message) or figures
    return message.intent in _SPOKEN and wordless and not any(beside)


def report_of_file(turn: Turn) -> ReportRecord | None:
    """Return the report that a photo or a point without words belongs to.

    A point answers a question about the place; nothing else without words answers a question.
    """
    message = turn.message
    if not is_wordless(message) or not (message.attachments or message.coordinates):
        return None
    if message.coordinates and any(asks_place(each.report) for each in turn.open_reports):
        return None
    return turn.meant or next((s for s in turn.open_reports if _takes(s.report, message)), None)


def report_again(turn: Turn) -> ReportRecord | None:
    """Return the open report of the same reporter in which the same was said before.

    Who names a report adds to it, whatever they say.
    """
    if turn.meant:
        return None if turn.has_news else turn.meant
    decided = turn.decided
    said = turn.new_report.model_copy(update={"topic": decided.topic, "places": decided.places})
    return next((record for record in turn.open_reports if repeats(said, record.report)), None)


def asks_place(report: Report) -> bool:
    """Tell whether a reporter was asked where it is, and has not said."""
    waits = report.status is Status.WAITING_FOR_REPORTER
    return waits and report.assignment is not None and report.assignment.question == "place"


def _takes(report: Report, message: Message) -> bool:
    is_fresh = abs(message.received_at - report.messages[-1].received_at) <= FRESH
    is_nobodys = report.unanswered is NoAnswerReason.FOREIGN_TEXT
    return is_fresh and not is_nobodys and report.takes(message)


class Novelty:
    """Tells whether a message brings what a report does not have."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    async def brings(self, turn: Turn, report: Report) -> bool:
        """Tell whether a repeat brings a file, a name or anything else that the report lacks."""
        message = turn.message
        if adds(message, report) or await self._has_new_file(turn, report):
            return True
        known = {said for each in report.messages for said in self._identity(each)}
        return not known.issuperset(self._identity(message))

    async def _has_new_file(self, turn: Turn, report: Report) -> bool:
        """Tell whether a file is none of the report's, which are kept in another form."""
        files = turn.message.attachments
        known = {key for each in report.attachments for key in _keys(each)}
        became = await turn.unit.files.became([f.sha256 for f in files if f.sha256])
        return any(
            known.isdisjoint((*_keys(file), *_keys(became.get(file.sha256 or ""))))
            for file in files
        )

    def _identity(self, message: Message) -> set[str]:
        """Return name and contact as the writer of a message gave them."""
        try:
            who = opened_reporter(self._seal, message.id, message.reporter.sealed)
        except BadSeal:
            return set()
        return {f"{field} {who[field]}" for field in ("name", "contact") if who.get(field)}


def _keys(file: Attachment | None) -> Iterator[str]:
    """Yield by what a file is known again."""
    if file is not None:
        yield from filter(None, (file.sha256, file.original, file.url))
