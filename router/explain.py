"""The reasons of a decision, in the officer's language, with the reporter's words as evidence.

The sentences stand in ``config/reasons``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

from config.words import words as words_of
from normalizer.report import (
    Agency,
    AgencyRefusal,
    Assignment,
    Candidate,
    Outcome,
    Reason,
    Recusal,
    Scope,
)
from router import scope
from router.blend import Share
from router.data import Regions
from router.jurisdiction import Jurisdiction
from router.register import Tier
from router.topics import Competence, Match
from router.urgency import UrgencyRules

_RULES: dict[str, Literal["keyword", "operator", "context"]] = {
    "keyword": "keyword",
    "operator": "operator",
    "context": "context",
}
"""Rules that are no mere finding of a place."""
_QUOTED = 200
"""Characters of an agency's words that a reason quotes."""
_REMEMBERED = 4_096
"""Reasons that are remembered: one channel's reports share most of them."""


def say(key: str, **values: object) -> str:
    """Fill in one sentence of ``config/reasons`` for officers."""
    return words_of("reasons").say(key, **values)


def percent(confidence: float) -> str:
    """Write a probability for people: "92 %"."""
    return f"{round(confidence * 100)} %"


@lru_cache(1)
def no_topic() -> Reason:
    """Say that nothing tells what the report is about."""
    return Reason(rule="topic", text=say("no_topic"))


def topic(match: Match) -> Reason:
    """Say what the report is about and which of its words say so."""
    text = say("topic", topic=match.row.name, sure=percent(match.confidence))
    return Reason(rule="topic", text=text, words=match.words)


def choice(name: str) -> Reason:
    """Say which topic or group the reporter chose."""
    return Reason(rule="topic", text=say("chosen", topic=name))


def place(
    jurisdictions: Sequence[Jurisdiction], tier: Tier, lacking: bool, regions: Regions
) -> Reason:
    """Say where it is and how that was found, or what is missing."""
    if not jurisdictions:
        return Reason(rule="place", text=say("place_unclear", tier=say(f"tier.{tier}")))
    words = tuple(dict.fromkeys(j.place.words for j in jurisdictions[:2] if j.place.words))
    if lacking:
        names = say("either").join(dict.fromkeys(j.place.name for j in jurisdictions[:3]))
        return Reason(rule="place", text=say("place_either", places=names), words=words)
    best, seat = jurisdictions[0].place, regions.region(jurisdictions[0].code)
    inside = seat.name if seat and len(best.code) > len(seat.code) else ""
    return _place(best.name, inside, best.found_by, percent(best.confidence), words[:1])


@lru_cache(_REMEMBERED)
def _place(name: str, inside: str, found_by: str, sure: str, words: tuple[str, ...]) -> Reason:
    where = f"{name}, {inside}" if inside else name
    text = say("place", place=where, source=say(f"source.{found_by}"), sure=sure)
    return Reason(rule=_RULES.get(found_by, "place"), text=text, words=words)


def competence(row: Competence, words: str, agency: Agency | None) -> Reason:
    """Say whose affair it is, by which law, and who answers for it there."""
    return _competence(row.level, row.basis, words, agency.name if agency else "")


@lru_cache(_REMEMBERED)
def _competence(tier: Tier, basis: str, words: str, agency: str) -> Reason:
    key = f"competence{'_law' if basis else ''}{'_agency' if agency else ''}"
    text = say(key, tier=say(f"tier.{tier}"), law=basis, agency=agency)
    return Reason(rule="competence", text=text, words=(words,) if words else ())


def copy(agency: Agency) -> Reason:
    """Say who else is told, because the report speaks of two matters."""
    return Reason(rule="copy", text=say("copy", agency=agency.name))


def recusal(accused: Recusal) -> Reason:
    """Say whom the report accuses, and that they get nothing of it."""
    return Reason(rule="recusal", text=say("recusal", name=accused.name), words=accused.words)


def suspicion(suspected: Recusal) -> Reason:
    """Say whom the report may accuse, so that an operator reads it before anybody gets it."""
    text = say("recusal_suspected", name=suspected.name)
    return Reason(rule="recusal", text=text, words=suspected.words)


def withdrawal(recusals: Iterable[Recusal], to: Agency | None) -> Reason:
    """Say from whom a report was taken back, and which body that oversees them has it now."""
    accused = tuple(recusals)
    names = ", ".join(dict.fromkeys(each.name for each in accused))
    words = tuple(word for each in accused for word in each.words)
    key, agency = ("recusal_moved", to.name) if to else ("recusal_withdrawn", "")
    return Reason(rule="recusal", text=say(key, name=names, agency=agency), words=words)


def history(best: Share) -> Reason:
    """Say that this deployment's own earlier decisions speak for an agency."""
    return _history(best.agency.name, percent(best.confidence))


@lru_cache(_REMEMBERED)
def _history(agency: str, sure: str) -> Reason:
    return Reason(rule="history", text=say("history", agency=agency, sure=sure))


def overheard(meant: float) -> Reason:
    """Say how likely a message is a report, where people also talk to each other."""
    return Reason(rule="history", text=say("overheard", sure=percent(meant)))


def urgency(danger: UrgencyRules) -> Reason:
    """Say that it cannot wait, and which words say so."""
    return Reason(rule="urgency", text=say("urgency", danger=danger.name), words=danger.words)


def operator(name: str, note: str) -> Reason:
    """Say which operator decided, and what they noted."""
    key = "operator_note" if note else "operator"
    return Reason(rule="operator", text=say(key, operator=name, note=note))


def refusal(of: AgencyRefusal) -> Reason:
    """Say which agency sent the report back, in what words, and whom it names instead."""
    named = of.suggested.name if of.suggested else ""
    key = "refused_suggested" if named else "refused"
    text = say(key, agency=of.agency.name, why=of.why[:_QUOTED], suggested=named)
    return Reason(rule="operator", text=text)


def loop(of: AgencyRefusal) -> Reason:
    """Say that a report would go back to an agency that had it: an operator decides."""
    key = "returned_suggested" if of.suggested else "returned"
    named = of.suggested.name if of.suggested else ""
    return Reason(rule="threshold", text=say(key, suggested=named))


def out_of_scope(
    outside: scope.ScopeRules,
    otherwise: tuple[Candidate, ...],
    at: datetime,
    *,
    doubted: bool = False,
) -> Assignment:
    """Return the decision that no agency is bothered with this; ``otherwise`` who it would be.

    It is ``doubted`` where something in the report speaks against that: an operator decides.
    """
    key = "scope_doubt" if doubted else "scope"
    text = say(key, scope=outside.name, sure=percent(outside.confidence))
    return Assignment(
        decision=Outcome.TRIAGE,
        confidence=outside.confidence,
        alternatives=otherwise,
        reasons=(Reason(rule="scope", text=text, words=outside.words),),
        scope=Scope(id=outside.id, name=outside.name),
        at=at,
    )


def threshold(
    outcome: Outcome, question: Literal["place", "topic"] | None, confidence: float, least: float
) -> Reason:
    """Say why the machine assigned, asked, or stood back."""
    return _threshold(outcome, question, percent(confidence), percent(least))


@lru_cache(_REMEMBERED)
def _threshold(
    outcome: Outcome, question: Literal["place", "topic"] | None, sure: str, limit: str
) -> Reason:
    asked = f"ask_{question}" if question else "triage"
    key = "assign" if outcome == Outcome.ASSIGN else asked
    return Reason(rule="threshold", text=say(key, sure=sure, limit=limit))
