"""A text as the words that look-ups need: keys, what each may begin, and where it stands."""

import re

from normalizer.cues import CUES
from normalizer.gazetteer import HEAD, LONG, PREFIX, Gazetteer, squash
from normalizer.lookalikes import spell_out
from normalizer.text import has_any

NAME, SLIP, DISTRICT, CUE, GLUED = 1, 2, 4, 8, 16
"""What a word may be, as bits: the beginning of a region's name, a long name
with a letter wrong, the beginning of a district's, a cue, a cue glued to a name."""
_KNOWN = 30_000
"""Words whose bits are remembered; the everyday ones are soon all there."""
_LONGEST, _LEAST = 3, 5
"""Words and letters of a district's name that tells regencies apart."""
_SHORT = frozenset({"di", "p", "oi"})
"""The words of one or two letters that names of regions begin with ("DI Yogyakarta")."""
_WORD = re.compile(r"\w+(?:['’`]\w+)*")
_PLAIN = re.compile(r"\w+")
"""The same for a text without these signs."""
_UNGLUED = re.compile(
    r"(?:di)?(?:kelurahan|kecamatan|kampung)(?=[^\W\d]{5})"
    r"|(?:di)?desa(?=[^\W\d]{6})"
    rf"|{_WORD.pattern}"
)
"""A word, or the cue that is glued to the name behind it ("dikelurahanploso")."""
_GLUE = tuple(f"{di}{cue}" for di in ("", "di") for cue in ("kelurahan", "kecamatan", "desa"))
_GLUE += ("kampung",)


class Tokens:
    """The words of a text by their look-up keys; punctuation goes."""

    __slots__ = (
        "_districts", "_found", "_gazetteer", "_lowered", "_marks", "_pattern", "_spans", "keys",
        "text",
    )  # fmt: skip

    def __init__(self, text: str, gazetteer: Gazetteer) -> None:
        self.text = text.replace("_", " ")
        self._gazetteer = gazetteer
        self._districts: list[tuple[int, str]] | None = None
        lowered = spell_out(self.text.lower(), self._is_name)
        # A few capitals become two letters: then positions would not fit any more.
        self._lowered = lowered if len(lowered) == len(self.text) else self.text
        self._read(_WORD if has_any("'’`", self.text) else _PLAIN)
        if self.marked(GLUED):
            self._read(_UNGLUED)

    def _is_name(self, word: str) -> bool:
        return _marks(word, self._gazetteer) & (NAME | DISTRICT | CUE) != 0 and len(word) > 3

    def _read(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._spans: list[tuple[int, int]] = []
        self._found: list[str] = pattern.findall(self._lowered)
        self.keys = self._found
        if not "".join(self.keys).isalnum() or self._lowered is self.text:
            self.keys = [squash(key) for key in self.keys]
        known = self._gazetteer.marks
        try:
            marks = [known[key] for key in self.keys]
        except KeyError:
            marks = [_marks(key, self._gazetteer) for key in self.keys]
        self._marks = [(n, mark) for n, mark in enumerate(marks) if mark]

    def marked(self, bit: int) -> list[int]:
        """Return the numbers of the words that have a bit."""
        return [n for n, mark in self._marks if mark & bit]

    @property
    def districts(self) -> list[tuple[int, str]]:
        """The words where the distinctive name of a district begins, and its regency's code."""
        if self._districts is None:
            begin = ((at, self._district(at)) for at in self.marked(DISTRICT))
            self._districts = [(at, regency) for at, regency in begin if regency]
        return self._districts

    def _district(self, at: int) -> str | None:
        known = self._gazetteer
        for last in range(at, min(at + _LONGEST, len(self.keys))):
            key = self.key(at, last)
            named = known.districts.get(key)
            if named and len(key) >= _LEAST and known.is_distinctive(key):
                regencies = {district.code[:5] for district in named}
                return regencies.pop() if len(regencies) == 1 else None
        return None

    def before(self, at: int) -> str:
        """Return the key of the word before word ``at``, "" at the beginning."""
        return self.keys[at - 1] if at > 0 else ""

    def after(self, at: int) -> str:
        """Return the key of the word after word ``at``, "" at the end."""
        return self.keys[at + 1] if at + 1 < len(self.keys) else ""

    def key(self, first: int, last: int) -> str:
        """Return the words ``first`` to ``last`` as one key."""
        return self.keys[first] if first == last else "".join(self.keys[first : last + 1])

    def follows(self, at: int) -> str:
        """Return what stands between word ``at`` and the one before it, without spaces."""
        if not 0 < at < len(self.keys):
            return ""
        return self.text[self._span(at - 1)[1] : self._span(at)[0]].strip()

    def is_capital(self, at: int) -> bool:
        """Tell whether word ``at`` begins with a capital."""
        return self.text[self._located()[at][0]].isupper()

    def quote(self, first: int, last: int) -> str:
        """Return the words ``first`` to ``last`` as they stand in the text."""
        return self.text[self._span(first)[0] : self._span(last)[1]]

    def _span(self, at: int) -> tuple[int, int]:
        """Return where a word stands; only where its letters stand twice are words counted."""
        word = self._found[at]
        start = self._lowered.index(word)
        if self._lowered.find(word, start + 1) < 0:
            return start, start + len(word)
        return self._located()[at]

    def _located(self) -> list[tuple[int, int]]:
        if not self._spans:
            self._spans = [match.span() for match in self._pattern.finditer(self._lowered)]
        return self._spans


def _marks(key: str, gazetteer: Gazetteer) -> int:
    known = gazetteer.marks.get(key)
    if known is None:
        known = sum(bit for bit, true in _read(key, gazetteer) if true)
        if len(gazetteer.marks) < _KNOWN:
            gazetteer.marks[key] = known
    return known


def _read(key: str, gazetteer: Gazetteer) -> tuple[tuple[int, bool], ...]:
    foreign = key not in gazetteer.names and key not in gazetteer.everyday
    slip = foreign and len(key) >= LONG and key[:HEAD] in gazetteer.slip_heads
    return (
        (NAME, key[:PREFIX] in gazetteer.starts and (len(key) > 2 or key in _SHORT)),
        (SLIP, slip and gazetteer.slip(key) is not None),
        (DISTRICT, key in gazetteer.district_heads and len(key) > 2),
        (CUE, key in CUES),
        (GLUED, len(key) > 8 and key.startswith(_GLUE)),
    )
