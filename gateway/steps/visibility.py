"""What the public sees of a report: one table, field by field. What is not in it stays blank.

No text of a report is public: not its words, its title, its address, its files. A sensitive report
(violence, children, health, corruption, land, school, or nobody knows yet what) has no row at all.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Any

from gateway.store.shown import Shown, is_open, is_sensitive
from normalizer.gazetteer import Gazetteer
from normalizer.report import Assignment, Origin, Place, Reason, Report, Reporter

_DISTRICT = 8
"""Characters of the code of the smallest region that is public."""
_SAID = frozenset({"topic", "competence"})
"""Rules whose reasons quote nobody and name no place: the public may read them."""

Field = Callable[[Report], Any]

PUBLIC: Mapping[str, Field] = {
    "tracking": lambda report: report.tracking,
    "kind": lambda report: report.kind,
    "topic": lambda report: report.topic,
    "places": lambda report: report.places,
    "assignment": lambda report: _decision(report.assignment, reasons=True),
    "status": lambda report: report.status,
    "deadlines": lambda report: report.deadlines,
    "received_at": lambda report: report.received_at,
}
"""What everybody sees of a report that is open, by field."""
BY_NUMBER: Mapping[str, Field] = {
    "tracking": lambda report: report.tracking,
    "kind": lambda report: report.kind,
    "assignment": lambda report: _decision(report.assignment, reasons=False),
    "status": lambda report: report.status,
    "deadlines": lambda report: report.deadlines,
    "received_at": lambda report: report.received_at,
}
"""What whoever knows its number sees of a report that is in no list (yet)."""
_BLANK: Mapping[str, Any] = {
    "origin": Origin(channel="", account="", external_id=""),
    "reporter": Reporter(ref="", sealed=""),
    "title": "",
    "text": "",
    "original": "",
}
"""Fields that have no default of their own."""


class Public:
    """The public's eyes. ``sensitive`` are the ids of topics whose reports have no public row."""

    def __init__(self, sensitive: Set[str], gazetteer: Gazetteer) -> None:
        self.sensitive = frozenset(sensitive)
        self._gazetteer = gazetteer

    def seen(self, shown: Shown) -> Shown | None:
        """Return what anybody may see of a report; None when it may not be seen at all.

        Who sent a report sees it whole.
        """
        report = shown.report
        if shown.own:
            return shown
        if report.confidential or is_sensitive(report, self.sensitive):
            return None
        if not is_open(report, self.sensitive):
            return replace(shown, report=_only(report, BY_NUMBER))
        coarse = report.model_copy(update={"places": self._coarse(report.places)})
        return replace(shown, report=_only(coarse, PUBLIC))

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
    return Report.model_construct(**{"id": report.id, **_BLANK, **seen})


def _decision(made: Assignment | None, *, reasons: bool) -> Assignment | None:
    """Return a decision without candidates, copies and quotations."""
    if made is None:
        return None
    told = tuple(
        Reason(rule=reason.rule, text=reason.text)
        for reason in made.reasons
        if reasons and reason.rule in _SAID
    )
    return Assignment(
        decision=made.decision,
        agency=made.agency,
        confidence=made.confidence,
        reasons=told,
        at=made.at,
    )
