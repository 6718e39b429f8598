"""Texts that are no report: codes, adverts, carriers' notices and false prizes gone astray.

A real report must never be taken for one of these, so a word in which somebody speaks for
themselves outweighs everything else. The words stand in ``config/foreign.toml``.
"""

import re
from collections.abc import Iterator, Mapping

from router.danger import any_of
from router.data import DataFault, DataRow, DataTable
from router.scope import ScopeRules

MOST_CHARACTERS = 1_000
"""A longer text has something to say."""
SURE = 0.97
CALLS = "contact"
"""The group of words with which an advert calls its reader to do something."""
_NOT_WORD = re.compile(r"[\W_]+")
_PLAIN = re.compile(r"[^\W\d_]\w*")
_DIGITS = r"\d{4,8}"


class KindRow(DataRow):
    """``[kinds.ID]``."""

    name: str
    rules: tuple[tuple[str, ...], ...]
    """Groups of which a text must have a word each; one rule is enough."""
    unless: tuple[str, ...] | None = None
    """Words that make it a report; those of ``[speaks]`` where nothing else is said."""
    also_unless: tuple[str, ...] = ()


class ForeignTable(DataRow):
    """The file."""

    groups: Mapping[str, tuple[str, ...]]
    speaks: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, KindRow]


class _Kind:
    def __init__(self, id: str, row: KindRow, table: ForeignTable) -> None:
        spoken = tuple(word for words in table.speaks.values() for word in words)
        self.id, self.name = id, row.name
        self.unless = any_of((*(spoken if row.unless is None else row.unless), *row.also_unless))
        self.rules = [[any_of(_numbered(table.groups[g])) for g in rule] for rule in row.rules]


class Foreign:
    """Recognises texts that are no report."""

    def __init__(self, table: ForeignTable) -> None:
        self._kinds = [_Kind(id, row, table) for id, row in table.kinds.items()]
        first = (rule[0] for row in table.kinds.values() for rule in row.rules)
        self._speaks = any_of(word for words in table.speaks.values() for word in words)
        self._calls = any_of(table.groups.get(CALLS, ()))
        self._heads = frozenset(
            phrase.split()[0] for group in first for phrase in table.groups[group]
        )

    @classmethod
    def check(cls, table: DataTable) -> tuple["Foreign | None", list[DataFault]]:
        """Build it, or list everything that is wrong with its file."""
        try:
            read = ForeignTable.model_validate(table.values)
        except ValueError as error:
            return None, [DataFault(table.path, (), str(error).splitlines()[0])]
        faults = [DataFault(table.path, keys, said) for keys, said in _faults(read)]
        return (None if faults else cls(read)), faults

    def find(self, text: str) -> ScopeRules | None:
        """Say which kind of foreign text this is; None for all that somebody may mean."""
        if len(text) > MOST_CHARACTERS:
            return None
        padded = _padded(text)
        if self._heads.isdisjoint(padded.split()):
            return None
        for kind in self._kinds:
            for rule in kind.rules:
                if (evidence := _evidence(rule, padded)) and not kind.unless.search(padded):
                    return ScopeRules(kind.id, kind.name, SURE, evidence)
        return None

    def speaks(self, text: str) -> bool:
        """Tell whether somebody speaks for themselves, complains, or names an office."""
        return self._speaks.search(_padded(text[:MOST_CHARACTERS])) is not None

    def calls(self, text: str) -> bool:
        """Tell whether a text calls its reader to do something, as an advert does."""
        return self._calls.search(_padded(text[:MOST_CHARACTERS])) is not None


def _padded(text: str) -> str:
    """Return the words of a text with a space before and behind each."""
    return f" {_NOT_WORD.sub(' ', text.casefold()).strip()} "


def _evidence(rule: list[re.Pattern[str]], padded: str) -> tuple[str, ...]:
    """Return a word of every group of a rule, all different; () where there are none."""
    said: list[str] = []
    for group in rule:
        found = (match.group().strip() for match in group.finditer(padded))
        word = next((each for each in found if each not in said), None)
        if word is None:
            return ()
        said.append(word)
    return tuple(said)


def _numbered(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(phrase.replace("#", _DIGITS) for phrase in phrases)


def _faults(table: ForeignTable) -> Iterator[tuple[tuple[str, ...], str]]:
    for id, row in table.kinds.items():
        for rule in row.rules:
            for group in rule:
                if group not in table.groups:
                    yield ("kinds", id, "rules"), f"there is no group {group!r}"
            for phrase in table.groups.get(rule[0], ()):
                if not _PLAIN.fullmatch(phrase.split()[0]):
                    yield ("groups", rule[0]), f"{phrase!r} does not begin with a plain word"
