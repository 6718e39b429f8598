"""The reasons of a decision, in the officer's language, with the reporter's words as evidence."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

from normalizer.report import Agency, Assignment, Candidate, Outcome, Reason, Recusal, Scope
from router import scope
from router.blend import Share
from router.data import Regions
from router.jurisdiction import Jurisdiction
from router.register import Tier
from router.topics import Competence, Match
from router.urgency import UrgencyRules

TIERS: dict[Tier, str] = {
    "national": "pemerintah pusat",
    "province": "provinsi",
    "regency": "kabupaten/kota",
    "district": "kecamatan",
    "village": "desa/kelurahan",
}
_FOUND_BY = {
    "keyword": "kata kunci di awal pesan",
    "name": "nama wilayah dalam laporan",
    "alias": "sebutan wilayah dalam laporan",
    "context": "wilayah saluran",
    "earlier": "laporan pelapor sebelumnya",
    "coordinates": "titik koordinat",
    "operator": "keterangan petugas",
}
_RULES: dict[str, Literal["keyword", "operator", "context"]] = {
    "keyword": "keyword",
    "operator": "operator",
    "context": "context",
}
"""Rules that are no mere finding of a place."""
_QUESTIONS = {
    "place": "Lokasi ditanyakan kepada pelapor.",
    "topic": "Pelapor diminta menjelaskan masalahnya.",
}
_REMEMBERED = 4_096
"""Reasons that are remembered: one door's reports share most of them."""
NO_TOPIC = Reason(rule="topic", text="Tidak ada kata yang menunjukkan topik laporan.")


def percent(confidence: float) -> str:
    """Write a probability for people: "92 %"."""
    return f"{round(confidence * 100)} %"


def topic(match: Match) -> Reason:
    """Say what the report is about and which of its words say so."""
    text = f"Topik: {match.row.name} ({percent(match.confidence)})."
    return Reason(rule="topic", text=text, words=match.words)


def choice(name: str) -> Reason:
    """Say which topic or group the reporter chose."""
    return Reason(rule="topic", text=f"Pelapor memilih {name}.")


def place(found: Sequence[Jurisdiction], tier: Tier, lacking: bool, regions: Regions) -> Reason:
    """Say where it is and how that was found, or what is missing."""
    if not found:
        return Reason(rule="place", text=f"Belum jelas di {TIERS[tier]} mana.")
    words = tuple(dict.fromkeys(j.place.words for j in found[:2] if j.place.words))
    if lacking:
        names = " atau ".join(dict.fromkeys(j.place.name for j in found[:3]))
        return Reason(rule="place", text=f"Lokasi bisa berarti {names}.", words=words)
    best, seat = found[0].place, regions.region(found[0].code)
    inside = seat.name if seat and len(best.code) > len(seat.code) else ""
    return _place(best.name, inside, best.found_by, percent(best.confidence), words[:1])


@lru_cache(_REMEMBERED)
def _place(name: str, inside: str, found_by: str, sure: str, words: tuple[str, ...]) -> Reason:
    where = f"{name}, {inside}" if inside else name
    text = f"Lokasi: {where}, dari {_FOUND_BY[found_by]} ({sure})."
    return Reason(rule=_RULES.get(found_by, "place"), text=text, words=words)


def competence(row: Competence, words: str, agency: Agency | None) -> Reason:
    """Say whose affair it is, by which law, and who answers for it there."""
    return _competence(row.level, row.basis, words, agency.name if agency else "")


@lru_cache(_REMEMBERED)
def _competence(tier: Tier, basis: str, words: str, agency: str) -> Reason:
    law = f" ({basis})" if basis else ""
    who = f": {agency}" if agency else ""
    text = f"Urusan {TIERS[tier]}{law}{who}."
    return Reason(rule="competence", text=text, words=(words,) if words else ())


def copy(agency: Agency) -> Reason:
    """Say who else is told, because the report speaks of two matters."""
    return Reason(rule="copy", text=f"Menyangkut dua urusan: tembusan kepada {agency.name}.")


def recusal(accused: Recusal) -> Reason:
    """Say whom the report accuses, and that they get nothing of it."""
    text = f"Terlapor: {accused.name}; laporan tidak diteruskan kepada terlapor."
    return Reason(rule="recusal", text=text, words=accused.words)


def suspicion(suspected: Recusal) -> Reason:
    """Say whom the report may accuse, so that an operator reads it before anybody gets it."""
    text = f"Mungkin terlapor: {suspected.name}; dibaca operator sebelum diteruskan."
    return Reason(rule="recusal", text=text, words=suspected.words)


def history(best: Share) -> Reason:
    """Say that this deployment's own earlier decisions speak for an agency."""
    return _history(best.agency.name, percent(best.confidence))


@lru_cache(_REMEMBERED)
def _history(agency: str, sure: str) -> Reason:
    text = f"Laporan serupa sebelumnya ditangani {agency} ({sure})."
    return Reason(rule="history", text=text)


def overheard(meant: float) -> Reason:
    """Say how likely a message is a report, where people also talk to each other."""
    text = f"Kemungkinan ini laporan, bukan percakapan: {percent(meant)}."
    return Reason(rule="history", text=text)


def urgency(danger: UrgencyRules) -> Reason:
    """Say that it cannot wait, and which words say so."""
    return Reason(rule="urgency", text=f"Mendesak: {danger.name}.", words=danger.words)


def out_of_scope(
    outside: scope.ScopeRules, otherwise: tuple[Candidate, ...], at: datetime
) -> Assignment:
    """Return the decision that no agency is bothered with this; ``otherwise`` who it would be."""
    sure = percent(outside.confidence)
    text = f"Di luar lingkup: {outside.name} ({sure}); tidak diteruskan."
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
    if outcome == Outcome.ASSIGN:
        text = f"Keyakinan {sure} mencapai ambang {limit}: diteruskan."
    elif question:
        text = f"Keyakinan {sure}. {_QUESTIONS[question]}"
    else:
        text = f"Keyakinan {sure}, ambang {limit}: petugas yang memutuskan."
    return Reason(rule="threshold", text=text)
