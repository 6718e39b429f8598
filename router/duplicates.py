"""Is this the same report again? First version: the same person, the same words, the same day."""

import hashlib
import re
from datetime import timedelta

from normalizer.report import Report

WINDOW = timedelta(days=1)
_WORD = re.compile(r"\w+")
_REGENCY_CODE = 5


def fingerprint(report: Report) -> str:
    """Return a hash (64 hex digits) of what a report says, about what, and where.

    Case, spacing and punctuation make no difference; the best place counts down to its regency.
    """
    words = " ".join(_WORD.findall(report.text.casefold()))
    topic = report.topic.id if report.topic else ""
    region = report.places[0].code[:_REGENCY_CODE] if report.places else ""
    return hashlib.sha256("\n".join((topic, region, words)).encode("utf-8", "replace")).hexdigest()


def repeats(report: Report, earlier: Report) -> bool:
    """Tell whether ``report`` says again what the same reporter said within a day before."""
    return (
        report.id != earlier.id
        and report.reporter.ref == earlier.reporter.ref
        and timedelta(0) <= report.received_at - earlier.received_at <= WINDOW
        and fingerprint(report) == fingerprint(earlier)
    )
