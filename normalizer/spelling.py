"""How alike two names are when one is misspelt: by ear first, then by one slip of the finger."""

import re

_OLD = (
    ("oe", "u"), ("dj", "j"), ("tj", "c"), ("kh", "k"), ("sy", "s"), ("dh", "d"), ("th", "t"),
    ("bh", "b"), ("q", "k"), ("v", "p"), ("f", "p"), ("z", "s"), ("y", "i"), ("ie", "i"),
)  # fmt: skip
"""Spellings that sound alike: the old orthography (Soekarno), and letters that people mix up."""
_TWICE = re.compile(r"(.)\1+")
_FORGIVING = 6
"""Letters a name needs before one of them may be wrong."""


def sound(key: str) -> str:
    """Fold a squashed name to how it sounds: "soekolilo" and "sukolilo" become one."""
    for written, heard in _OLD:
        if written in key:
            key = key.replace(written, heard)
    return _TWICE.sub(r"\1", key).rstrip("h") or key


def alike(one: str, other: str) -> bool:
    """Tell whether two words differ by one letter at most: wrong, missing, extra or swapped."""
    if one == other:
        return True
    if min(len(one), len(other)) < _FORGIVING or abs(len(one) - len(other)) > 1:
        return False
    head = _same(one, other)
    one, other = one[head:], other[head:]
    tail = _same(one[::-1], other[::-1])
    left, right = one[: len(one) - tail], other[: len(other) - tail]
    return max(len(left), len(right)) <= 1 or (len(left) == 2 and left == right[::-1])


def deletions(word: str) -> list[str]:
    """Return what is left of a word without one of its letters after the first two."""
    return [word[:n] + word[n + 1 :] for n in range(2, len(word))]


def _same(one: str, other: str) -> int:
    """Count the letters both begin with."""
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))
