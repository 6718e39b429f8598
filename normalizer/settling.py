"""Which meaning of a name the other names of the text, or the channel, leave."""

from collections.abc import Iterable

from normalizer.gazetteer import Region
from normalizer.mentions import ELSEWHERE, LIKELY, SHARED, TOLD, Mention, apart, at_most

_STREET = 0.25
"""A name no surer than this is a street's, and so are its other mentions in the text."""


def settle_meanings(mentions: list[Mention], home: Region | None) -> list[Mention]:
    """Drop the meanings of a shared name that other mentions or the context rule out."""
    if not mentions:
        return mentions
    certain = {
        e.region.code for m in mentions if len(m.meanings) == 1 for e, s in m.meanings if s > LIKELY
    }
    clear = [_settle(m, certain, home) if len(m.meanings) > 1 else m for m in mentions]
    return [_lowered(m, clear) for m in clear] if len(clear) > 1 else clear


def _lowered(mention: Mention, mentions: list[Mention]) -> Mention:
    """Lower where somebody comes from beside another place, and a name that is a street's here."""
    rivals = [m for m in mentions if _rivals(m, mention)]
    most = 1.0
    spoken_of = any(m.located and not m.origin for m in rivals)
    if (mention.origin and rivals) or (spoken_of and not mention.located):
        most = ELSEWHERE
    if any(m.key == mention.key and m.surest <= _STREET for m in mentions):
        most = min(most, ELSEWHERE)
    return at_most(mention, most)


def _rivals(one: Mention, other: Mention) -> bool:
    """Tell whether a name surely means other regencies than another."""
    return one is not other and one.surest >= ELSEWHERE and apart(one, other)


def _settle(mention: Mention, certain: set[str], home: Region | None) -> Mention:
    codes = [entry.region.code for entry, _ in mention.meanings]
    for told in (certain & set(codes), {c for c in codes if c[:2] in certain and len(c) > 2}):
        if told and len(told) < len(codes):
            return _only(mention, told)
    if home is None:
        return mention
    same = {c for c in codes if home.code.startswith(c) and len(c) > 2}
    near = same or {c for c in codes if c[:2] == home.code[:2]}
    return _only(mention, near) if near and len(near) < len(codes) else mention


def _only(mention: Mention, codes: Iterable[str]) -> Mention:
    kept = tuple((e, sure) for e, sure in mention.meanings if e.region.code in codes)
    if len(kept) == 1 and kept[0][1] in SHARED.values():
        kept = ((kept[0][0], TOLD),)
    return mention._replace(meanings=kept)
