"""What must be seen at once: fire, flood, danger to life, a live wire, a collapse, violence now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router.data import DataRow
from router.phrases import Book, PhraseIndex
from router.words import Reading


class UrgencyRow(DataRow):
    """``[urgency.ID]`` of topics.toml."""

    name: str
    phrases: tuple[str, ...]
    unless: tuple[str, ...] = ()
    """Phrases that say it is over, feared, or only talked about."""

    def each_phrase(self) -> Iterator[tuple[str, str]]:
        """List the phrases with the key they stand under."""
        yield from (("phrases", phrase) for phrase in self.phrases)
        yield from (("unless", phrase) for phrase in self.unless)


@dataclass(frozen=True, slots=True)
class UrgencyRules:
    """Why a report cannot wait, and the writer's words that say so."""

    id: str
    name: str
    words: tuple[str, ...]


class Urgencies:
    """Recognises what cannot wait."""

    def __init__(self, rows: Mapping[str, UrgencyRow], index: PhraseIndex) -> None:
        self.rows = rows
        self._for = Book(index)
        self._against = Book(index)
        for id, row in rows.items():
            for phrase in row.phrases:
                self._for.add(id, phrase, 1.0)
            for phrase in row.unless:
                self._against.add(id, phrase, 1.0)

    def urgency(self, reading: Reading) -> UrgencyRules | None:
        """Say why a text cannot wait; None when it can."""
        tallies = self._for.tallies(reading)
        if not tallies:
            return None
        against = self._against.tallies(reading)
        left = {id: tally for id, tally in tallies.items() if id not in against}
        id = max(left, key=lambda id: left[id].points, default="")
        return UrgencyRules(id, self.rows[id].name, left[id].words(5, reading)) if id else None
