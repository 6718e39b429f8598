"""Wishes not to be known, in people's own words: slang, English and regional languages.

A wish is about who wrote: "dana rahasia", "surat anonim" and "nama saya tidak ada di DTKS" are
matters, not wishes. A rule names kinds of words (``normalizer.wish_words``) in their order, with
the number of other words that may stand between. Each word is looked at a bounded number of times.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import combining, normalize

from normalizer.wish_rules import ANONYMOUS, BOTH, CONFIDENTIAL, FAR, OPENED, Rule
from normalizer.wish_words import joined, kinds

LONGEST = 4_000
"""Characters of a text that are looked through."""
_LONG_RULE = 13
"""Words over which a rule may stretch."""
_ASIDE = 6
"""Words beside a withdrawal; with more of them the text is about something else."""

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*['’]?|[.,;:!?()\n\"“”/]")
_WORD = re.compile(r"[^\W_]")
_DRAWN = re.compile(r"(.)\1{2,}")
_BREAK = frozenset({"BREAK"})
_COURTEOUS = frozenset({"SOFT", "ASK", "PLEAD", "LINK"})
_BESIDE = _COURTEOUS | {
    "ME",
    "THISONE",
    "ANON",
    "SECRET",
    "MAY",
    "WANT",
    "BREAK",
    "NEG",
    "REPORTS",
    "PAST",
}
"""Kinds of words that are no matter of their own."""


class Token(NamedTuple):
    """One word, or what ends a clause."""

    word: str
    kinds: frozenset[str]
    size: int = 1
    """Words of the text that it stands for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a text says about its writer being known."""

    anonymous: bool = False
    confidential: bool = False
    unhide: bool = False
    """The writer may be known again, or the report be seen, and nothing else is said."""


class _Clauses:
    """The tokens of a text, and where only courtesy is left in a clause."""

    def __init__(self, text: str) -> None:
        self.tokens = _merged(_tokens(text[:LONGEST]))
        self.kinds = frozenset[str]().union(*(token.kinds for token in self.tokens))
        self.ends = self._courteous(range(len(self.tokens) - 1, -1, -1))
        self.used = [False] * len(self.tokens)

    def _courteous(self, order: Iterable[int]) -> list[bool]:
        """Tell of each place whether only courtesy stands from there to the end of the clause."""
        left = [True] * (len(self.tokens) + 1)
        for at in order:
            here = self.tokens[at].kinds
            left[at] = "BREAK" in here or ("SOFT" in here and left[at + 1])
        return left

    def take(self, rules: Sequence[Rule]) -> bool:
        """Find and mark all that the rules say; tell whether there was any."""
        found = False
        able = [rule for rule in rules if all(step & self.kinds for *_, step in rule.steps)]
        if not able:
            return False
        for at in range(len(self.tokens)):
            for rule in self._likely(able, at):
                end = self._match(rule, at)
                if end is not None:
                    self.used[at:end] = [True] * (end - at)
                    found = True
        return found

    def _likely(self, rules: Sequence[Rule], at: int) -> Iterator[Rule]:
        """Yield the rules whose kinds all stand from a place on; most end here."""
        here = self.tokens[at].kinds
        starting = [rule for rule in rules if not here.isdisjoint(rule.steps[0][2])]
        if starting:
            near = frozenset[str]().union(*(t.kinds for t in self.tokens[at + 1 : at + _LONG_RULE]))
            for rule in starting:
                if all(not near.isdisjoint(step) for *_, step in rule.steps[1:]):
                    yield rule

    def _match(self, rule: Rule, at: int) -> int | None:
        if self.used[at] or not self._begins(rule, at):
            return None
        for end in self._ways(rule, 1, at + 1):
            if self._holds(rule, at, end):
                return end
        return None

    def _ways(self, rule: Rule, step: int, at: int) -> Iterator[int]:
        """Yield where the rest of a rule may end, from each place where its next kind stands."""
        if step == len(rule.steps):
            yield at
            return
        gap, courteous, wanted = rule.steps[step]
        for place in range(at, min(at + gap + 1, len(self.tokens))):
            here = self.tokens[place].kinds
            if "BREAK" in here or self.used[place]:
                return
            if here & wanted:
                yield from self._ways(rule, step + 1, place + 1)
            if here & rule.not_within or (courteous and not here & _COURTEOUS):
                return

    def _begins(self, rule: Rule, at: int) -> bool:
        if any(self._said(at, kind, far) for kind, far in rule.not_before):
            return False
        if rule.starts and not self._is_start(at):
            return False
        return not rule.mine or self._is_writer(at)

    def _holds(self, rule: Rule, at: int, end: int) -> bool:
        if rule.ends and not self.ends[end]:
            return False
        follows = self.tokens[end].kinds if end < len(self.tokens) else _BREAK
        if follows & rule.not_after:
            return False
        return not rule.asks or any("PLEAD" in t.kinds for t in self.tokens[max(0, at - 3) : end])

    def _said(self, at: int, kind: str, far: int) -> bool:
        """Tell whether a kind stands just before a place; a quotation may stand before a break."""
        for token in reversed(self.tokens[max(0, at - far) : at]):
            if "BREAK" in token.kinds and kind != "QUOTE":
                return False
            if kind in token.kinds:
                return True
            if kind == "QUOTE" and "ME" in token.kinds:
                return False
        return False

    def _is_start(self, at: int) -> bool:
        for token in reversed(self.tokens[max(0, at - 6) : at]):
            if "BREAK" in token.kinds:
                return True
            if not token.kinds & _COURTEOUS:
                return False
        return at <= 6

    def _is_writer(self, at: int) -> bool:
        """Tell whether the one a clause is about is its writer: "saya ...", or nobody named."""
        for place in range(at - 1, max(-1, at - 1 - FAR), -1):
            here = self.tokens[place].kinds
            if "BREAK" in here:
                return True
            if "ME" in here:
                before = self.tokens[place - 1].kinds if place else _BREAK
                return not before & {"KIN", "THIRD"}
            if not here & _COURTEOUS:
                return False
        return at <= FAR or self.tokens[at - 1 - FAR].kinds >= _BREAK

    def has(self, kind: str) -> bool:
        """Tell whether a kind of word is in the text."""
        return any(kind in token.kinds for token in self.tokens)

    def beside(self) -> int:
        """Count the words that belong neither to a wish nor to courtesy."""
        pairs = zip(self.tokens, self.used, strict=True)
        return sum(t.size for t, used in pairs if not used and not t.kinds & _BESIDE)


def _tokens(text: str) -> list[Token]:
    found = [_token(match[0]) for match in _TOKEN.finditer(text.lower())]
    made: list[Token] = []
    for token in found:
        pair = joined(made[-1].word, token.word) if made else None
        if made and made[-1].word == "di" and (passive := kinds(f"di{token.word}")) & _DONE:
            pair = passive
        if pair:
            made[-1] = Token(f"{made[-1].word} {token.word}", pair, made[-1].size + 1)
        else:
            made.append(token)
    return made


def _token(written: str) -> Token:
    if not _WORD.match(written):
        return Token(written, _BREAK, 0)
    word = _DRAWN.sub(r"\1", written.replace("’", "'"))
    if not word.isascii():
        word = "".join(c for c in normalize("NFKD", word) if not combining(c))
    first, dash, second = word.partition("-")
    if dash and (first.endswith(second) or second.startswith(first) or second in ("nya", "nyo")):
        word = first
    elif word[-1] == "2" and word[:-1].isalpha():
        word = word[:-1]
    found = kinds(word) or kinds(word.replace("'", "").replace("-", ""))
    return Token(word, found)


def _merged(tokens: Sequence[Token]) -> list[Token]:
    """Make one token of "nama lengkap saya", of "my real name", and of "tidak usah"."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        length, kind = _merge(tokens, at)
        if kind:
            words = tokens[at : at + length]
            made.append(Token(" ".join(t.word for t in words), kind, sum(t.size for t in words)))
        else:
            made.append(tokens[at])
        at += length
    return made


def _merge(tokens: Sequence[Token], at: int) -> tuple[int, frozenset[str] | None]:
    """Return how many words from here on are one, and of what kind."""
    here = tokens[at].kinds
    if "MINE" in here:
        return 1, _OWN
    if "DONT_SAY" in here and at + 1 < len(tokens) and tokens[at + 1].kinds & _SAYING:
        return 1, _DONT
    if "NO" in here and at + 1 < len(tokens) and "WILL" in tokens[at + 1].kinds:
        return 2, _WONT
    if "NAME" in here and (end := _after(tokens, at + 1, "ME")):
        return end - at, _OWN
    if "MY" in here and (end := _after(tokens, at + 1, "NAME")):
        return end - at, _OWN
    owner = "ME" in here and at + 2 < len(tokens) and "P" in tokens[at + 1].kinds
    if owner and "NAME" in tokens[at + 2].kinds:
        return 3, _OWN
    return 1, None


_OWN, _WONT, _DONT = frozenset({"OWN"}), frozenset({"WONT", "NEG"}), frozenset({"DONT"})
_DONE = frozenset({"HIDE", "HIDING", "SAY", "COVER"})
"""Kinds of what is done: "di rahasiakan" is one word that people write as two."""
_SAYING = frozenset({"SAY", "TELL"})


def _after(tokens: Sequence[Token], at: int, kind: str) -> int | None:
    """Return the place after a kind, with at most three parts of a name before it."""
    for place in range(at, min(at + 4, len(tokens))):
        if kind in tokens[place].kinds:
            return place + 1
        if "PART" not in tokens[place].kinds:
            return None
    return None


def read(text: str) -> Wish:
    """Tell what a text asks for: to hide who wrote, to hide the report, or neither any longer."""
    clauses = _Clauses(text)
    anonymous = clauses.take(ANONYMOUS)
    confidential = clauses.take(CONFIDENTIAL)
    both = clauses.take(BOTH)
    opened = clauses.take(OPENED)
    if (anonymous or confidential or both) and not (opened and clauses.has("PAST")):
        return Wish(anonymous or both, confidential or both)
    return Wish(unhide=opened and clauses.beside() <= _ASIDE)


def words_beside(text: str) -> int:
    """Count the words of a text that belong neither to a wish nor to courtesy."""
    clauses = _Clauses(text)
    for rules in (ANONYMOUS, CONFIDENTIAL, BOTH, OPENED):
        clauses.take(rules)
    return clauses.beside()
