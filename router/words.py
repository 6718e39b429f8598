"""How the router reads a text: words with their slang spelled out and common endings taken off.

Phrases of the topics and texts of citizens go through the same reading, so a stem need not be a
real word; it only has to be the same on both sides.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from normalizer.lookalikes import spell_out
from router.forms import Forms

MOST_CHARACTERS = 6_000
"""Characters that are read: what a report is about is said early, and time must stay bounded."""
STAR = "*"
_MOST_REMEMBERED = 50_000
_WORD = re.compile(r"[A-Za-z0-9]+")
_STRETCHED = re.compile(r"([a-z])\1\1+")
_PARTICLES = ("nya", "lah", "kah", "pun")


class Reading:
    """A text as words."""

    __slots__ = ("_end", "_own", "_spans", "_written", "found", "text", "words")

    def __init__(
        self,
        text: str,
        written: Sequence[str],
        stems: Sequence[Sequence[str]],
        own: str | None = None,
    ) -> None:
        """Take the words as they are ``written`` in a text, and what each was read as.

        ``own`` is the writer's own text where it differs; it is as long as ``text``.
        """
        self.text = text
        self._own = text if own is None else own
        self.words = [*chain.from_iterable(stems)]
        self.found: object = None
        """What an index of phrases found in it, kept for the next search."""
        self._written = iter(zip(written, stems, strict=True))
        self._spans: list[tuple[int, int]] = []
        self._end = 0

    def quote(self, first: int, last: int) -> str:
        """Return the writer's own characters from word ``first`` to word ``last``."""
        if last >= len(self._spans):
            self._locate(last)
        return self._own[self._spans[first][0] : self._spans[last][1]]

    def _locate(self, last: int) -> None:
        """Note where the words stand, up to one; what one was read as shares its place."""
        spans, index, end = self._spans, self.text.index, self._end
        for word, stems in self._written:  # only what is no word stands between two of them
            start = index(word, end)
            end = start + len(word)
            spans += ((start, end),) * len(stems)
            if len(spans) > last:
                break
        self._end = end


class Lexicon:
    """Reads texts, with a table of slang ("jln" → "jalan"; the right side may be two words).

    A word with a star stands for all that begin so: "pdam*" reads "@pdamtirtawening" as "pdam".
    """

    def __init__(self, slang: Mapping[str, str]) -> None:
        table = {k.lower(): v.lower().split() for k, v in slang.items()}
        self._slang = {k: v for k, v in table.items() if not k.endswith(STAR)}
        self._heads = {k.removesuffix(STAR): v for k, v in table.items() if k.endswith(STAR)}
        self._remembered: dict[str, tuple[str, ...]] = {}
        self._said: set[str] = set()
        self._forms = Forms(())

    def learn(self, names: Collection[str]) -> None:
        """Read texts by the phrases read so far: a word none of them has may be a form of theirs.

        ``names``, in small letters, are never forms of another word.
        """
        self._forms = Forms(self._said, names)
        self._remembered.clear()

    def read(self, text: str) -> Reading:
        """Split a text into stems; only its first ``MOST_CHARACTERS`` are looked at."""
        own, text = text, spell_out(text, self._is_word)
        written = _WORD.findall(text, 0, MOST_CHARACTERS)
        lowered = " ".join(written).lower().split()
        known = self._remembered
        try:
            stems = [known[word] for word in lowered]
        except KeyError:
            stems = [self._stems(word) for word in lowered]
        return Reading(text, written, stems, own)

    def _is_word(self, word: str) -> bool:
        """Tell whether a phrase has a word, or slang stands for one."""
        return word in self._slang or any(each in self._said for each in self._stems(word))

    def words(self, text: str) -> list[str]:
        """Return the stems of a phrase."""
        found = [stem for word in _WORD.findall(text) for stem in self._stems(word.lower())]
        self._said.update(found)
        return found

    def phrase(self, text: str) -> str:
        """Return a phrase as its stems with spaces between them."""
        return " ".join(self.words(text))

    def _stems(self, word: str) -> tuple[str, ...]:
        stems = self._remembered.get(word)
        if stems is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            stems = tuple(self._form(part) for part in self._spelled_out(word))
            self._remembered[word] = stems
        return stems

    def _form(self, word: str) -> str:
        stemmed = stem(word)
        return self._forms.find(word, stemmed, stem) or stemmed

    def _spelled_out(self, word: str) -> list[str]:
        short = _STRETCHED.sub(r"\1", word)
        for form in (word, short, short.removesuffix("nya")):
            if form in self._slang:
                return self._slang[form]
        head = next((head for head in self._heads if short.startswith(head)), None)
        return self._heads[head] if head else [short]


def stem(word: str) -> str:
    """Take off doubling ("jalan2"), particles (-nya, -lah), -kan and the passive di-.

    Sundanese -keun is -kan.
    """
    if len(word) > 4 and word[-1] == "2" and word[:-1].isalpha():
        word = word[:-1]
    for ending in _PARTICLES:
        if word.endswith(ending) and len(word) >= len(ending) + 4:
            word = word[: -len(ending)]
            break
    if word.endswith("keun") and len(word) >= 8:
        word = word[:-4]
    elif word.endswith("kan") and len(word) >= 7:
        word = word[:-3]
    return word[2:] if word.startswith("di") and len(word) >= 7 else word
