"""Where a text may be about when it names no place for sure: worth asking about, never asserted.

A bare "Mojosari" is a district of one regency and a dozen villages of others. No report is sent
there unasked, but the question can offer it.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from normalizer.cues import BEFORE, CUES, IN, NEAR, OFFICE, STREET
from normalizer.gazetteer import Gazetteer
from normalizer.localities import LocalityMatch
from normalizer.mentions import capitals_tell
from normalizer.words import Tokens

_THERE = IN | OFFICE | NEAR | CUES.keys()
"""Words before a place that something is in."""
READ = 150
"""Words that are looked at."""
LONGEST = 3
"""Words of the longest name that is looked for."""
_SHORT = 4
"""Letters a name needs."""
_MOST = 2
"""Regencies a name may lie in."""
_DISTRICT, _VILLAGE, _ORDINARY = 0.42, 0.36, 0.32
"""How sure a guess is, by what the name is; shared by the regencies that have one of the name."""


class _Guess(NamedTuple):
    """A name, how good a guess it is, and the code in each regency it may lie in."""

    found: LocalityMatch
    rank: tuple[int, ...]


def guesses(words: Tokens, gazetteer: Gazetteer) -> list[LocalityMatch]:
    """Return what the best guess may mean; [] when nothing looks like a name."""
    found = [guess for at in _likely(words) for guess in _at(at, words, gazetteer)]
    if not found:
        return []
    best = max(guess.rank for guess in found)
    return [guess.found for guess in found if guess.rank == best]


def _likely(words: Tokens) -> list[int]:
    """Return the words that a place may begin with, by what stands before them or a capital."""
    told = capitals_tell(words.text)
    keys = words.keys[:READ]
    return [
        at
        for at, before in enumerate(("", *keys[:-1]) if keys else ())
        if (before in _THERE or before in STREET or (told and words.is_capital(at)))
        and (before == "pulau" or BEFORE.get(before) != 0.0)
    ]


def _at(at: int, words: Tokens, gazetteer: Gazetteer) -> Iterator[_Guess]:
    before = words.before(at)
    there, street = before in _THERE, before in STREET
    for last in range(min(at + LONGEST, len(words.keys)) - 1, at - 1, -1):
        key = words.key(at, last)
        if len(key) < _SHORT or gazetteer.everyday.issuperset(words.keys[at : last + 1]):
            continue
        codes, sure = _meant(key, gazetteer)
        if codes and (there or key not in gazetteer.ordinary):
            rank = (there, not street, sure > _VILLAGE, last - at, len(key), -at)
            for code in codes:
                how = LocalityMatch(at, last, "plain", code, round(sure / len(codes) ** 0.5, 2))
                yield _Guess(how, rank)
            return


def _meant(key: str, gazetteer: Gazetteer) -> tuple[list[str], float]:
    """Return a code for each regency that has something of this name, if they are few."""
    if key in gazetteer.ordinary:
        return [entry.region.code for entry in gazetteer.names[key]][:_MOST], _ORDINARY
    if key in gazetteer.names:
        return [], 0.0
    districts = _each([region.code for region in gazetteer.districts.get(key, ())])
    if districts:
        return (districts, _DISTRICT) if len(districts) <= _MOST else ([], 0.0)
    villages = _each(list(gazetteer.villages(key)))
    return (villages, _VILLAGE) if len(villages) <= _MOST else ([], 0.0)


def _each(codes: list[str]) -> list[str]:
    return [next(inside) for _, inside in groupby(sorted(codes), key=lambda code: code[:5])]
