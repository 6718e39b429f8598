"""Words no phrase knows, read as the known word they are a form of.

Citizens write "ngerusakin", "tasumbat", "limbahnyo", "prmohonan": affixes of every region, and
vowels left out. Listing them all is hopeless, but what they are made from is listed. A word is
only read as another one when no phrase knows it as it stands.
"""

from collections.abc import Callable, Collection, Iterator

SHORTEST = 4
"""Letters a known word needs to be found in another."""
_SURE = 5
"""The same where little was changed, so that chance words would be found: "pegang" is no "gang"."""
_LONGEST = 24
"""Letters of the longest word that is looked at."""
_VOWELS = frozenset("aeiou")

_BEGINNINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("di", ("",)), ("dipe", ("pe", "")), ("dika", ("ke", "")),
    ("me", ("",)), ("meng", ("", "k")), ("menge", ("",)), ("meny", ("s",)), ("men", ("", "t")),
    ("mem", ("", "p")),
    ("nge", ("", "meng")), ("ng", ("meng", "", "k")), ("ny", ("meny", "s", "c")),
    ("n", ("men", "t")), ("mo", ("memo", "po")), ("mu", ("memu", "pu")),
    ("ma", ("me", "", "mema", "pa")), ("mang", ("meng", "", "k")), ("many", ("meny", "s")),
    ("man", ("men", "t")), ("mam", ("mem", "p")),
    ("pe", ("",)), ("peng", ("", "k")), ("peny", ("s",)), ("pen", ("t",)), ("pem", ("", "p")),
    ("ter", ("",)), ("ber", ("",)), ("ke", ("ter", "")), ("ka", ("ter", "ke", "")),
    ("ta", ("ter", "")), ("ba", ("ber", "")), ("be", ("ber",)),
)  # fmt: skip
"""Prefixes, of Indonesian as it is spoken from Aceh to Papua → what may stand there instead."""
_PLAIN = frozenset(("di", "dipe", "dika", "meng", "menge", "meny", "men", "mem", "ter", "ber"))
"""Prefixes that few words begin with by chance."""
_ENDINGS = (
    "nya", "nyo", "nye", "kan", "ken", "keun", "ipun", "lah", "an", "in", "i", "ne", "na", "ku",
    "mu", "mi", "ki", "ji", "mo", "e",
)  # fmt: skip
"""Suffixes that leave a known word."""
_SHORT_ENDINGS = frozenset(("an", "in", "i", "na", "mi", "ki", "ji", "mo"))


class Forms:
    """Finds the known word that a word is a form of; ``alone`` are never taken for one."""

    def __init__(self, known: Collection[str], alone: Collection[str] = ()) -> None:
        self._known = frozenset(known)
        self._alone = frozenset(alone)
        self._bones: dict[str, list[str]] = {}
        for word in sorted(self._known):
            if len(word) > _SURE and word.isalpha():
                self._bones.setdefault(_bones(word), []).append(word)

    def find(self, word: str, stemmed: str, stem: Callable[[str], str]) -> str | None:
        """Return the known stem that ``word`` is a form of, None where there is no single one."""
        if not self._known or stemmed in self._known:
            return None
        if word in self._alone or not word.isalpha():
            return None
        if not SHORTEST <= len(word) <= _LONGEST:
            return None
        stems = (stem(form) for form in _forms(word))
        found = next((s for s in stems if s in self._known and len(s) >= SHORTEST), None)
        return found or self._spelled_out(stemmed)

    def _spelled_out(self, word: str) -> str | None:
        """Return the one known word that ``word`` is, with one or two vowels left out."""
        if len(word) < _SURE:
            return None
        near = self._bones.get(_bones(word), ())
        whole = [w for w in near if 0 < len(w) - len(word) <= 2 and _in(word, w)]
        return whole[0] if len(whole) == 1 else None


def _forms(word: str) -> Iterator[str]:
    """Yield what a word may be made from, the least changed first."""
    yield from (part for part in _without_endings(word) if part != word)
    for beginning, instead in _BEGINNINGS:
        if word.startswith(beginning):
            least = SHORTEST if beginning in _PLAIN else _SURE
            for part in _without_endings(word[len(beginning) :]):
                yield from (p for p in (i + part for i in instead) if len(p) >= least)


def _without_endings(word: str) -> Iterator[str]:
    yield word
    for ending in _ENDINGS:
        least = _SURE if ending in _SHORT_ENDINGS else SHORTEST
        if word.endswith(ending) and len(word) - len(ending) >= least:
            yield word[: -len(ending)]


def _bones(word: str) -> str:
    """Return the first letter and all consonants."""
    return word[0] + "".join(letter for letter in word[1:] if letter not in _VOWELS)


def _in(short: str, whole: str) -> bool:
    """Tell whether all letters of ``short`` occur in ``whole`` in their order."""
    letters = iter(whole)
    return all(letter in letters for letter in short)
