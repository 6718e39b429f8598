"""Danger to life now: which kind, and which words say so.

A rule is a threat with a cue (now, help). What is past, feared or only talked about is no danger,
unless the same sentence says that it happens now. The words stand in ``config/emergency.toml``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from config.emergency import EmergencyWords, Threat

MOST_CHARACTERS = 6_000
"""Characters that are looked at."""
_SENTENCE = re.compile(r"[.!?;\n]+")
_CLAUSE = re.compile(r"[.!?;\n,:()]+")
_NOT_WORD = re.compile(r"[\W_]+")
_STRETCHED = re.compile(r"([a-z])\1\1+")
MOST_CUED_WORDS = 30
"""Words up to which a cue makes a threat of a weak word: a letter has a cue in it anyhow."""
RULE = 1.0
"""Log-odds that a rule adds to the evidence (``router.evidence``), which decides."""
_GAP = r"(?: \w+){0,5}"


class Dangers:
    """Recognises danger by the tables of ``config/emergency.toml``, in their order."""

    def __init__(self, threats: Sequence[tuple[str, Threat]], words: EmergencyWords) -> None:
        self._always = [(kind, any_of(row.always)) for kind, row in threats if row.always]
        self._cued = [(kind, any_of(row.cued)) for kind, row in threats if row.cued]
        self._cues = any_of((*words.now, *words.help))
        self._now = any_of(words.now)
        self._over = any_of(words.over)
        self._feared = any_of(words.feared)
        self._afraid = any_of(words.afraid)
        self._talk = any_of(words.talk)
        self._sayings = any_of(words.sayings)

    def danger(self, text: str) -> tuple[str, str] | None:
        """Return the kind of danger a text tells of and the words that say so, if any."""
        clipped = text[:MOST_CHARACTERS].casefold()
        is_cued = "!!" in clipped or self._cues.search(self._read(clipped)) is not None
        is_short = len(clipped.split()) <= MOST_CUED_WORDS
        rules = [*self._always, *self._cued] if is_cued and is_short else self._always
        live = list(self._live(clipped))
        for kind, rule in rules:
            for sentence in live:
                if said := rule.search(sentence):
                    return kind, said.group().strip()
        return None

    def is_past(self, text: str) -> bool:
        """Tell whether all that a text says is over, feared or only talked about."""
        return next(self._live(text[:MOST_CHARACTERS].casefold()), None) is None

    def _live(self, text: str) -> Iterator[str]:
        """Yield what a text says of now: a sentence, or what it fears nothing in."""
        for said in _SENTENCE.split(text):
            sentence = self._read(said)
            if not sentence.strip() or not self._is_live(sentence):
                continue
            if not self._afraid.search(sentence) or self._now.search(sentence):
                yield sentence
                continue
            clauses = map(self._read, _CLAUSE.split(said))
            yield from (c for c in clauses if c.strip() and not self._afraid.search(c))

    def _read(self, sentence: str) -> str:
        words = _STRETCHED.sub(r"\1", _NOT_WORD.sub(" ", sentence)).strip()
        return self._sayings.sub(" ", f" {words} ")

    def _is_live(self, sentence: str) -> bool:
        if self._talk.search(sentence):
            return False
        if self._now.search(sentence):
            return True
        return not (self._over.search(sentence) or self._feared.search(sentence))


def any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """Match a phrase of the tables among words with a space before and behind each."""
    return re.compile(f" (?:{'|'.join(map(_pattern, phrases)) or '(?!)'})(?= )")


def _pattern(phrase: str) -> str:
    """Write a phrase of the tables as a pattern over words with single spaces."""
    grouped = phrase.replace("(", "(?:").replace("*", r"\w*")
    return grouped.replace(" .. ", f"{_GAP} ")
