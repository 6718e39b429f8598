"""What the public sees of a report: one table, field by field. What is not in it stays blank.

No title, address or file of a report is public, and of its words only those that its reporter
agreed to and an operator released, as they were released. A sensitive report (violence, children,
health, corruption, land, school, or not known yet) has no row at all.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Any

from adapters.contract import VisibleReport
from gateway.store.public import is_open, is_sensitive
from normalizer import masking
from normalizer.gazetteer import Gazetteer
from normalizer.message import Origin, Place, Reporter
from normalizer.report import Assignment, Reason, Report

_DISTRICT = 8
"""Characters of the code of the smallest region that is public."""
_SAID = frozenset({"topic", "competence"})
"""Rules whose reasons quote no person and name no place: the public may read them."""

Field = Callable[[Report], Any]

READERS = ("public", "number", "partner", "agency", "agency of anonim", "operator")
"""The columns of ``TABLE``: everybody, for a report that is open; who knows the number of one that
is not; the partner that sent it; the agency that has it, or an anonymous one; operators.

Of a *rahasia* or sensitive report the first two see nothing at all, the others what stands here.
"""
TABLE: Mapping[str, str] = {
    "version": "wwwwww",
    "id": "wwwwww",
    "tracking": "wwwwww",
    "origin": "--pppw",
    "reporter": "--ppp-",
    "messages": "p-pppp",
    "received_at": "wwwwww",
    "kind": "wwwwww",
    "places": "p-wwww",
    "coordinates": "--wwww",
    "topic": "w-wwww",
    "urgency": "--wwww",
    "assignment": "ppwwww",
    "anonymous": "--wwww",
    "confidential": "--wwww",
    "public": "--wwww",
    "release": "--w--w",
    "status": "wwwwww",
    "history": "--wwww",
    "deadlines": "wwwwww",
    "links": "--ww-w",
    "recusals": "--wppw",
    "refusals": "---www",
    "handler": "---www",
    "escalated_to": "---www",
}
"""What each reader sees of each field: w(hole), p(art) or nothing. A field that has no row here is
seen by operators and agencies only, and fails a test. Of the messages the public reads only
the words that were released (``VisibleReport.text``)."""
MESSAGES: Mapping[str, str] = {
    "version": "--wwww",
    "id": "--wwww",
    "tracking": "--wwww",
    "intent": "--wwww",
    "refers_to": "--wwww",
    "kind": "--wwww",
    "origin": "--pppw",
    "reporter": "--ppp-",
    "title": "--wwpw",
    "text": "--wwpw",
    "original": "--wwpw",
    "whole": "--wp-w",
    "language": "--wwww",
    "attachments": "--wppw",
    "places": "--wwww",
    "coordinates": "--wwww",
    "address": "--wwpw",
    "occurred_on": "--wwww",
    "sent_at": "--wwww",
    "received_at": "--wwww",
    "chosen_topic": "--wwww",
    "chosen_agency": "--wwpw",
    "urgency": "--wwww",
    "anonymous": "--wwww",
    "confidential": "--wwww",
    "unhide": "--wwww",
    "public": "--wwww",
    "unanswered": "--w--w",
    "notes": "--wwpw",
}
"""The same of each field of a message."""
_PARTS: Mapping[str, Field] = {
    "messages": lambda report: (),
    "assignment": lambda report: _decision(report.assignment),
    "places": lambda report: tuple(
        place.model_copy(update={"words": ""}) for place in report.places
    ),
}
"""What the public sees of a field that it sees in part; places are made coarse before."""


def _fields(reader: str) -> dict[str, Field]:
    column = READERS.index(reader)
    seen = (name for name, row in TABLE.items() if row[column] != "-")
    return {name: _PARTS.get(name, _whole(name)) for name in seen}


def _whole(name: str) -> Field:
    return lambda report: getattr(report, name)


PUBLIC: Mapping[str, Field] = _fields("public")
"""What everybody sees of a report that is open, by field."""
BY_NUMBER: Mapping[str, Field] = _fields("number")
"""What a person who knows its number sees of a report that is in no list (yet)."""
_BLANK: Mapping[str, Any] = {
    "origin": Origin(channel="", account="", external_id=""),
    "reporter": Reporter(ref="", sealed=""),
    "messages": (),
}
"""Fields that have no default of their own."""


class Public:
    """The public's eyes. ``sensitive`` are the ids of topics whose reports have no public row."""

    def __init__(self, sensitive: Set[str], gazetteer: Gazetteer) -> None:
        self.sensitive = frozenset(sensitive)
        self._gazetteer = gazetteer

    def public_view(self, shown: VisibleReport) -> VisibleReport | None:
        """Return what anybody may see of a report; None when it may not be seen at all.

        Who sent a report sees it whole.
        """
        report = shown.report
        if shown.own:
            return replace(shown, text=report.text)
        if report.confidential or is_sensitive(report, self.sensitive):
            return None
        if not is_open(report, self.sensitive):
            bare = _only(report, BY_NUMBER)
            made = bare.assignment and bare.assignment.model_copy(update={"reasons": ()})
            return replace(shown, report=bare.model_copy(update={"assignment": made}))
        coarse = report.model_copy(update={"places": self._coarse(report.places)})
        return replace(shown, report=_only(coarse, PUBLIC), text=_released(report))

    def _coarse(self, places: tuple[Place, ...]) -> tuple[Place, ...]:
        """Return places without the writer's words, the villages as their districts."""
        return tuple(found for found in map(self._district, places[:1]) if found)

    def _district(self, place: Place) -> Place | None:
        region = self._gazetteer.region(place.code[:_DISTRICT])
        if region is None:
            return None
        named = {"code": region.code, "name": region.name, "level": region.level, "words": ""}
        return place.model_copy(update=named)


def reasons(report: Report) -> str:
    """Say why a report went where it went, without quoting anybody."""
    made = report.assignment.reasons if report.assignment else ()
    return " ".join(reason.text for reason in made if reason.rule in _SAID)


def _only(report: Report, fields: Mapping[str, Field]) -> Report:
    seen = {name: field(report) for name, field in fields.items()}
    return Report.model_construct(**{**_BLANK, **seen})


def _released(report: Report) -> str:
    """Return the words that an operator released, while the reporter still agrees to be read.

    While masking is not trusted there are none.
    """
    readable = report.public and not report.anonymous and not masking.UNTRUSTED
    shown = report.release if readable else None
    return shown.text if shown and shown.shown else ""


def _decision(assignment: Assignment | None) -> Assignment | None:
    """Return a decision without candidates, copies and quotations."""
    if assignment is None:
        return None
    told = tuple(
        Reason(rule=reason.rule, text=reason.text)
        for reason in assignment.reasons
        if reason.rule in _SAID
    )
    return Assignment(
        decision=assignment.decision,
        agency=assignment.agency,
        confidence=assignment.confidence,
        reasons=told,
        at=assignment.at,
    )
