"""Wishes not to be known, in people's own words: slang, English and regional languages.

A wish is about who wrote: "dana rahasia", "surat anonim" and "nama saya tidak ada di DTKS" are
matters, not wishes. A rule names kinds of words (``normalizer.wish_words``) in their order, with
the number of other words that may stand between. Each word is looked at a bounded number of times.
What no rule knows is found by the weight of all that hints at it (``normalizer.wish_evidence``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from normalizer.wish_evidence import Likelihood, likelihood, may_wish, speaks
from normalizer.wish_rules import ANONYMOUS, BOTH, CONFIDENTIAL, FAR, OPENED, Rule
from normalizer.wish_tokens import BREAK, tokens

LONGEST = 4_000
"""Characters of a text that are looked through."""
_LONG_RULE = 13
"""Words over which a rule may stretch."""
_ASIDE = 6
"""Words beside a withdrawal; with more of them the text is about something else."""

_LIKELY, _ADDED, _OPENED, _AGAINST = 0.35, 0.7, 0.5, 0.8
"""How likely a text must ask to hide, one thing beside another, to be known again, and to hide
after all where a rule reads the opposite."""
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
        self.tokens = tokens(text[:LONGEST])
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

    def stated(self) -> Wish:
        """Mark and tell what the rules find."""
        anonymous = self.take(ANONYMOUS)
        confidential = self.take(CONFIDENTIAL)
        both = self.take(BOTH)
        opened = self.take(OPENED)
        if (anonymous or confidential or both) and not (opened and self.has("PAST")):
            return Wish(anonymous or both, confidential or both)
        return Wish(unhide=opened and self.beside() <= _ASIDE)

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
        follows = self.tokens[end].kinds if end < len(self.tokens) else BREAK
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
        """Tell whether the one a clause is about is its writer: "saya ...", or no person named."""
        for place in range(at - 1, max(-1, at - 1 - FAR), -1):
            here = self.tokens[place].kinds
            if "BREAK" in here:
                return True
            if "ME" in here:
                before = self.tokens[place - 1].kinds if place else BREAK
                return not before & {"KIN", "THIRD"}
            if not here & _COURTEOUS:
                return False
        return at <= FAR or self.tokens[at - 1 - FAR].kinds >= BREAK

    def has(self, kind: str) -> bool:
        """Tell whether a kind of word is in the text."""
        return any(kind in token.kinds for token in self.tokens)

    def beside(self, *, weighed: bool = False) -> int:
        """Count the words that belong neither to a wish nor to courtesy.

        Where no rule says which words those are (``weighed``), they are what speaks for a wish.
        """
        left = (t for t, used in zip(self.tokens, self.used, strict=True) if not used)
        matter = (t for t in left if not t.kinds & _BESIDE)
        return sum(t.size for t in matter if not (weighed and speaks(t.word)))


def read(text: str) -> Wish:
    """Tell what a text asks for: to hide who wrote, to hide the report, or neither any longer."""
    text = text[:LONGEST]
    if not may_wish(text):
        return Wish()
    clauses = _Clauses(text)
    return _weighed(clauses.stated(), likelihood(clauses.tokens))


def by_rules(text: str) -> Wish:
    """Tell what a text asks for in the words of a rule alone."""
    return _Clauses(text).stated()


def _weighed(sure: Wish, likely: Likelihood) -> Wish:
    """Add what is likely to what a rule is sure of; in doubt a text asks to hide."""
    hiding = max(likely.anonymous, likely.confidential)
    if sure.anonymous or sure.confidential:
        return Wish(
            sure.anonymous or likely.anonymous >= _ADDED,
            sure.confidential or likely.confidential >= _ADDED,
        )
    if sure.unhide and hiding < _AGAINST:
        return sure
    if hiding >= _LIKELY and hiding >= likely.unhide:
        least = min(hiding, _ADDED)
        return Wish(likely.anonymous >= least, likely.confidential >= least)
    return Wish(unhide=likely.unhide >= _OPENED)


def words_beside(text: str) -> int:
    """Count the words of a text that belong neither to a wish nor to courtesy."""
    clauses = _Clauses(text)
    weighed = clauses.stated() == Wish() and read(text) != Wish()
    return clauses.beside(weighed=weighed)
