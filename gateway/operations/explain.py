"""``kanal explain``: what normalizer and router make of a text, without storing anything."""

import codecs
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.components import Components
from gateway.outbound.texts import choices
from gateway.platform.clock import wall
from normalizer.inbound import Author, Inbound
from normalizer.message import Intent, Message, Reporter
from normalizer.report import Outcome, Report
from router.assign import Decision
from router.explain import say

_ID = "00000000-0000-4000-8000-000000000000"
_TRACKING = "123456789018"
_BATCH = 64
"""Lines that are explained at once."""
_CHUNK = 2**16
"""Bytes that are read at once."""


class Line(BaseModel):
    """What is to be explained: one line of input."""

    model_config = ConfigDict(extra="ignore", strict=True)

    text: str
    region: str | None = None
    channel: str | None = None


class Explainer:
    """Explains texts."""

    def __init__(self, parts: Components) -> None:
        self._parts = parts

    def explain_lines(self, lines: Sequence[bytes], *, region: str | None) -> list[dict[str, Any]]:
        """Explain NDJSON lines, all at once; what cannot be read gives {"error": ...}."""
        asked = [self._read(line, region) for line in lines]
        answers = iter(self.explain([line for line in asked if isinstance(line, Line)]))
        return [next(answers) if isinstance(line, Line) else {"error": line} for line in asked]

    def explain(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        """Explain texts, each sent to a channel of its region."""
        now = wall()
        messages = [self._message(line, now) for line in lines]
        wanted = [Report.open(each) for each in messages if each.intent is Intent.REPORT]
        decisions = iter(self._parts.routing.decide_many(wanted, at=now))
        return [
            self._as_fields(each, next(decisions))
            if each.intent is Intent.REPORT
            else _command(each)
            for each in messages
        ]

    def _read(self, line: bytes, region: str | None) -> Line | str:
        """Read a line; return what is wrong with one that cannot be read."""
        try:
            asked = Line.model_validate_json(line)
        except ValidationError as error:
            return error.errors()[0]["msg"]
        if asked.region and not self._parts.gazetteer.region(asked.region):
            return f"there is no region {asked.region!r}"
        return asked if asked.region else asked.model_copy(update={"region": region})

    def _message(self, line: Line, now: datetime) -> Message:
        inbound = Inbound(line.channel or "explain", "", "1", Author("explain"), line.text, b"")
        return self._parts.normalizer.normalize(
            inbound,
            id=_ID,
            tracking=_TRACKING,
            received_at=now,
            reporter=Reporter(ref="", sealed=""),
            context=line.region,
        )

    def _as_fields(self, message: Message, decision: Decision) -> dict[str, Any]:
        assignment = decision.assignment
        given = assignment.agency if assignment.decision is Outcome.ASSIGN else None
        found: dict[str, Any] = {
            "intent": message.intent.value,
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
            texts, language = self._parts.texts, message.language
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


def stream(explainer: Explainer, source: BinaryIO, sink: TextIO, *, region: str | None) -> bool:
    """Answer NDJSON with NDJSON; tell whether every line could be read.

    Lines that have come already are explained together. A caller that sends one and waits gets its
    answer before the next is read.
    """
    read, number = True, 0
    for lines in _batches(source):
        said = [(at, line) for at, line in enumerate(lines, number + 1) if line.strip()]
        answers = explainer.explain_lines([line for _, line in said], region=region)
        for (at, _), answer in zip(said, answers, strict=True):
            if "error" in answer:
                read, answer["line"] = False, at
            sink.write(json.dumps(answer, ensure_ascii=False) + "\n")
        sink.flush()
        number += len(lines)
    return read


def _batches(source: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of a stream as they come, at most ``_BATCH`` at once."""
    begun = b""
    for chunk in _utf8(source):
        *lines, begun = (begun + chunk).split(b"\n")
        for at in range(0, len(lines), _BATCH):
            yield lines[at : at + _BATCH]
    if begun:
        yield [begun]


def _utf8(source: BinaryIO) -> Iterator[bytes]:
    """Yield what comes as UTF-8 without the byte order mark that editors and shells put first."""
    head = b""
    while len(head) < len(codecs.BOM_UTF8) and (more := _more(source)):
        head += more
    chunks = chain([head.removeprefix(codecs.BOM_UTF8)], iter(partial(_more, source), b""))
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from chunks
        return
    read = codecs.getincrementaldecoder("utf-16")("replace")
    for chunk in chunks:
        yield read.decode(chunk).encode("utf-8", "replace")


def _more(source: BinaryIO) -> bytes:
    """Return what has come already, "" at the end."""
    found: bytes = source.read1(_CHUNK)  # type: ignore[attr-defined]
    return found


def write_for_people(found: dict[str, Any]) -> str:
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


def _command(message: Message) -> dict[str, Any]:
    """Explain a message that is no report."""
    return {
        "intent": message.intent.value,
        "kind": None,
        "topic": None,
        "places": [],
        "decision": None,
        "agency": None,
        "confidence": 0.0,
        "alternatives": [],
        "why": [say("command", intent=message.intent.value)],
        "refers_to": list(message.refers_to),
    }
