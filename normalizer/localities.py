"""Districts and villages in a text, told apart by what else the text and the channel say.

A third of the village names are shared and many are everyday words, so a name alone proves
nothing. What counts is a cue ("kel.", "desa", "kec."), the regency or the district that the text
or the channel names too, and that only one place of the name fits them.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from normalizer.gazetteer import Gazetteer
from normalizer.hits import Around, Hit, How, Search
from normalizer.message import Level
from normalizer.words import Tokens

Source = Literal["pair", "text", "channel", "aside", "faint", "province", "alone"]
"""What speaks for a place: the village or district beside it, a regency the text names, the
channel's region, that region although the text names another, a regency named in passing, the
province."""

_SURE: dict[tuple[Source, How], float] = {
    ("pair", "cued"): 0.95, ("pair", "plain"): 0.85, ("pair", "misspelt"): 0.8,
    ("text", "cued"): 0.95, ("text", "plain"): 0.85, ("text", "misspelt"): 0.8,
    ("text", "landmark"): 0.65, ("text", "street"): 0.45,
    ("channel", "cued"): 0.86, ("channel", "plain"): 0.72, ("channel", "misspelt"): 0.65,
    ("channel", "landmark"): 0.65, ("channel", "street"): 0.5,
    ("aside", "cued"): 0.75, ("aside", "plain"): 0.45,
    ("faint", "cued"): 0.75, ("faint", "plain"): 0.45,
    ("province", "cued"): 0.8, ("province", "plain"): 0.6, ("province", "misspelt"): 0.6,
    ("alone", "cued"): 0.72, ("alone", "plain"): 0.6,
}  # fmt: skip
"""How sure a place is, by what confirms it and how it was written. Streets and schools are mostly
named after the village they stand in: measured in one city, one street in two and two landmarks
in three lie in the village whose name they carry."""


class LocalityMatch(NamedTuple):
    """A district or village that the text names, and how sure that is."""

    first: int
    last: int
    how: How
    code: str
    confidence: float


def localities(words: Tokens, gazetteer: Gazetteer, around: Around) -> list[LocalityMatch]:
    """Return the districts and villages the words name, each with how sure that is.

    Work grows with the hits plus the codes they may mean, never with pairs of them.
    """
    search = Search(words, gazetteer, around)
    hits = search.hits()
    return [*_resolved(hits, search)] if hits else []


def _resolved(hits: list[Hit], search: Search) -> Iterator[LocalityMatch]:
    """Choose for every hit the code that the rest speaks for; leave out what stays open."""
    weights = _weights(hits, search.around)
    chosen = [_chosen(hit, weights[hit.codes]) for hit in hits]
    pairs = _Pairs((code,) for code in chosen if code)
    for hit, code in zip(hits, chosen, strict=True):
        if code is None:
            continue
        told = set(weights[hit.codes][code])
        if "pair" in told and not pairs.has(code):
            told.remove("pair")
        usual = search.usual(hit.first, hit.last)
        if told == {"province"} and usual and hit.first == hit.last:
            continue
        if not told and not usual and len(hit.codes) == 1:
            told.add("alone")
        if sure := max((_SURE.get((source, hit.how), 0.0) for source in told), default=0.0):
            yield LocalityMatch(hit.first, hit.last, hit.how, code, sure)


def _weights(
    hits: list[Hit], around: Around
) -> dict[tuple[str, ...], dict[str, dict[Source, float]]]:
    """Return what speaks for each code, by the codes of a hit: the same words are weighed once."""
    pairs = _Pairs(hit.codes for hit in hits)
    weights: dict[tuple[str, ...], dict[str, dict[Source, float]]] = {}
    for codes in dict.fromkeys(hit.codes for hit in hits):
        own = {_key(code) for code in codes}
        weights[codes] = {code: _speaking(code, own, pairs, around) for code in codes}
    return weights


_Key = tuple[str, bool]
"""A district's code, and whether a village of it is meant."""


class _Pairs:
    """Which hits hold a district, and which a village of it, counted by the district's code."""

    def __init__(self, hits: Iterable[tuple[str, ...]]) -> None:
        told: Counter[_Key] = Counter()
        for codes, times in Counter(hits).items():
            for key in {_key(code) for code in codes}:
                told[key] += times
        self._told = told

    def has(self, code: str, own: Container[_Key] = ()) -> bool:
        """Tell whether a hit, other than the one that holds ``own``, makes a pair with a code."""
        district, is_village = _key(code)
        wanted = (district, not is_village)
        return self._told[wanted] > (wanted in own)


def _key(code: str) -> _Key:
    """Return the district a code belongs to, and whether the code is a village's."""
    return code[:8], len(code) > 8


def _chosen(hit: Hit, weights: Mapping[str, Mapping[Source, float]]) -> str | None:
    """Return the one code that most speaks for, None for several."""
    most = max(sum(said.values()) for said in weights.values())
    best = _fitting([c for c, said in weights.items() if sum(said.values()) == most], hit)
    return best[0] if len(best) == 1 else None


def _fitting(codes: list[str], hit: Hit) -> list[str]:
    """Of a district and its villages of one name the cue chooses; without a cue the district."""
    if len(codes) < 2:
        return codes
    villages = [code for code in codes if len(code) == 13]
    districts = [code for code in codes if len(code) == 8]
    return villages if hit.level is Level.VILLAGE and villages else districts or villages


def _speaking(
    code: str, own: Container[_Key], pairs: _Pairs, around: Around
) -> dict[Source, float]:
    """Return what speaks for a code of a hit, and how much."""
    said: dict[Source, float] = {
        "pair": 1.0 if pairs.has(code, own) else 0.0,
        "text": around.text.get(code[:5], 0.0),
        "faint": around.faint.get(code[:5], 0.0),
        "aside" if around.aside else "channel": (
            around.channel.get(code[:5], 0.0) + around.channel.get(code[:8], 0.0)
        ),
        "province": 0.4 * around.text.get(code[:2], 0.0) + 0.3 * around.channel.get(code[:2], 0.0),
    }
    return {source: weight for source, weight in said.items() if weight}
