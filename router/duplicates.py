"""Is this the same report again? First version: the same person, the same words, the same day.

That words are the same says nothing of what comes with them: ``adds`` tells what a report lacks.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta

from normalizer.message import Message
from normalizer.report import Report

WINDOW = timedelta(days=1)
ANOTHER_DAY = timedelta(days=1)
"""A day that is read out of the same words moves with the day on which they are said."""
_WORD = re.compile(r"\w+")
_REGENCY_CODE = 5


def fingerprint(report: Report) -> str:
    """Return a hash (64 hex digits) of what a report says, about what, and where.

    Case, spacing and punctuation make no difference; the best place counts down to its regency.
    """
    topic = report.topic.id if report.topic else ""
    parts = (topic, _region(report), _words(report.text))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def repeats(report: Report, earlier: Report) -> bool:
    """Tell whether ``report`` says again what the same reporter said within a day before.

    The same words about another matter or in another regency are a report of their own.
    """
    words = _words(report.text)
    if not words or report.id == earlier.id or report.reporter.ref != earlier.reporter.ref:
        return False
    about = report.topic and earlier.topic and report.topic.id != earlier.topic.id
    where = _region(report) and _region(earlier) and _region(report) != _region(earlier)
    return not (about or where) and any(
        timedelta(0) <= report.received_at - each.received_at <= WINDOW
        and _words(each.text) == words
        for each in earlier.messages
    )


def adds(message: Message, report: Report) -> bool:
    """Tell whether a message that repeats words brings what the report lacks, files left out.

    That is a point, a wish to be hidden, a day, an address, another heading or a guess.
    """
    said = report.messages
    day, known = message.occurred_on, report.occurred_on
    return (
        (message.anonymous and not report.anonymous)
        or (message.confidential and not report.confidential)
        or _is_new(message.coordinates, [each.coordinates for each in said])
        or _is_new(_words(message.address), [_words(each.address) for each in said])
        or _is_new(_words(message.title), [_words(each.title) for each in said])
        or _is_new(message.chosen_agency, [each.chosen_agency for each in said])
        or (day is not None and (known is None or abs(day - known) > ANOTHER_DAY))
    )


def _is_new(given: object, known: Sequence[object]) -> bool:
    return bool(given) and given not in known


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _region(report: Report) -> str:
    return report.places[0].code[:_REGENCY_CODE] if report.places else ""
