"""The words of a text in which a wish may be, each with its kinds (``normalizer.wish_words``)."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from unicodedata import combining, normalize

from normalizer.wish_words import join_words, kinds

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*['’]?|[.,;:!?()\n\"“”/]")
_WORD = re.compile(r"[^\W_]")
_DRAWN = re.compile(r"(.)\1{2,}")
BREAK = frozenset({"BREAK"})


class Token(NamedTuple):
    """One word, or what ends a clause."""

    word: str
    kinds: frozenset[str]
    size: int = 1
    """Words of the text that it stands for."""


def tokens(text: str) -> list[Token]:
    """Read a text."""
    return _merged(_tokens(text))


def _tokens(text: str) -> list[Token]:
    found = [_token(word) for word in words(text)]
    made: list[Token] = []
    for token in found:
        pair = join_words(made[-1].word, token.word) if made else None
        if made and made[-1].word == "di" and (passive := kinds(f"di{token.word}")) & _DONE:
            pair = passive
        if pair:
            made[-1] = Token(f"{made[-1].word} {token.word}", pair, made[-1].size + 1)
        else:
            made.append(token)
    return made


@lru_cache(maxsize=8_192)
def _token(text: str) -> Token:
    if not _WORD.match(text):
        return Token(text, BREAK, 0)
    word = plain(text)
    found = kinds(word) or kinds(word.replace("'", "").replace("-", ""))
    return Token(word, found)


def words(text: str) -> list[str]:
    """List the words of a text as they are written, and what ends its clauses."""
    return _TOKEN.findall(text.lower())


def plain(text: str) -> str:
    """Return a word without drawn letters, accents and doubling: "jangaaan", "orang2"."""
    word = _DRAWN.sub(r"\1", text.replace("’", "'"))
    if not word.isascii():
        word = "".join(c for c in normalize("NFKD", word) if not combining(c))
    first, dash, second = word.partition("-")
    if dash and (first.endswith(second) or second.startswith(first) or second in ("nya", "nyo")):
        return first
    return word[:-1] if word[-1:] == "2" and word[:-1].isalpha() else word


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
