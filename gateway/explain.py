"""``kanal explain``: what normalizer and router make of a text, without storing anything."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.build import Parts
from gateway.texts import choices
from normalizer.inbound import Inbound, Sender
from normalizer.report import Intent, Outcome, Report, Reporter

_ID = "00000000-0000-4000-8000-000000000000"
_TRACKING = "123456789018"


class Line(BaseModel):
    """One line of input."""

    model_config = ConfigDict(extra="ignore", strict=True)

    text: str
    region: str | None = None
    channel: str | None = None


class Explainer:
    """Explains texts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def explain_line(self, line: bytes, *, region: str | None) -> dict[str, Any]:
        """Explain one NDJSON line; what cannot be read gives {"error": ...}."""
        try:
            asked = Line.model_validate_json(line)
        except ValidationError as error:
            return {"error": error.errors()[0]["msg"]}
        if asked.region and not self._parts.gazetteer.region(asked.region):
            return {"error": f"there is no region {asked.region!r}"}
        return self.explain(
            asked.text, region=asked.region or region, channel=asked.channel or "explain"
        )

    def explain(
        self, text: str, *, region: str | None = None, channel: str = "explain"
    ) -> dict[str, Any]:
        """Explain one text sent to a door of ``region``."""
        now = datetime.now(UTC)
        inbound = Inbound(channel, "", "1", Sender("explain"), text, b"")
        report = self._parts.normalizer.normalize(
            inbound,
            id=_ID,
            tracking=_TRACKING,
            received_at=now,
            reporter=Reporter(ref="", sealed=""),
            context=region,
        )
        if report.intent is not Intent.REPORT:
            return _command(report)
        decision = self._parts.routing.decide(report, at=now)
        assignment = decision.assignment
        given = assignment.agency if assignment.decision is Outcome.ASSIGN else None
        found: dict[str, Any] = {
            "intent": report.intent.value,
            "kind": decision.kind.value,
            "topic": decision.topic.id if decision.topic else None,
            "places": [
                {"code": p.code, "name": p.name, "level": p.level.value} for p in decision.places
            ],
            "decision": assignment.decision.value,
            "agency": {"id": given.id, "name": given.name} if given else None,
            "confidence": round(assignment.confidence, 4),
            "alternatives": [
                {"id": c.agency.id, "name": c.agency.name, "confidence": round(c.confidence, 4)}
                for c in assignment.alternatives
            ],
            "why": [reason.text for reason in assignment.reasons],
        }
        if assignment.question:
            key = f"ask_{assignment.question}{'_which' if assignment.options else ''}"
            options = choices(assignment.options)
            texts, language = self._parts.texts, report.language
            found["question"] = texts.say(key, language, nomor="…", pilihan=options)
        if assignment.options:
            found["options"] = list(assignment.options)
        if assignment.copies:
            found["copies"] = [{"id": a.id, "name": a.name} for a in assignment.copies]
        if assignment.scope:
            found["scope"] = assignment.scope.id
        if decision.urgency:
            found["urgency"] = decision.urgency.id
        return found


def told(found: dict[str, Any]) -> str:
    """Write an explanation for people."""
    if found["decision"] is None:
        return f"intent      {found['intent']}"
    agency = found["agency"]["name"] if found["agency"] else "-"
    places = ", ".join(f"{p['name']} ({p['code']})" for p in found["places"]) or "-"
    lines = [
        f"decision    {found['decision']} ({found['confidence']:.0%})",
        f"agency      {agency}",
        f"topic       {found['topic'] or '-'}",
        *(f"{name:<11} {found[name]}" for name in ("urgency", "scope") if name in found),
        *(f"copy        {a['name']}" for a in found.get("copies", ())),
        f"places      {places}",
        *(f"why         {reason}" for reason in found["why"]),
        *(f"or          {a['name']} ({a['confidence']:.0%})" for a in found["alternatives"]),
    ]
    if "question" in found:
        lines.append(f"ask         {found['question']}")
    return "\n".join(lines)


def _command(report: Report) -> dict[str, Any]:
    """Explain a message that is no report."""
    return {
        "intent": report.intent.value,
        "kind": None,
        "topic": None,
        "places": [],
        "decision": None,
        "agency": None,
        "confidence": 0.0,
        "alternatives": [],
        "why": [f"Pesan ini perintah ({report.intent.value}), bukan laporan."],
        "refers_to": list(report.refers_to),
    }
