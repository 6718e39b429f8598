"""How an answer is cut to what X takes: https://docs.x.com/fundamentals/counting-characters."""

import re
from unicodedata import normalize

LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that weigh one, all others weigh two.
An emoji of many parts weighs less than here; an answer is cut early rather than refused."""
LINK = 23
"""What a link weighs, whatever its length."""

_LINK = re.compile(r"https?://\S*[^\s.,;:!?)\]]")
_DOMAIN = re.compile(r"\w\.[A-Za-z]{2}")
_WORD = re.compile(r"\S+\s*|\s+")


def weight(text: str) -> int:
    """Count a text as X does: most letters one, emoji and far scripts two, a link 23."""
    return sum(map(_weight, _WORD.findall(normalize("NFC", text))))


def fit_text(text: str, most: int) -> str:
    """Cut a text at a word so that it weighs at most ``most``."""
    text = normalize("NFC", text)
    if weight(text) <= most:
        return text
    room, head = most - 2, ""  # the dots weigh two
    words = _WORD.findall(text)
    for part in words if _weight(words[0]) <= room else text:
        room -= _weight(part)
        if room < 0:
            break
        head += part
    return head.rstrip() + "…"


def _weight(word: str) -> int:
    if found := _LINK.search(word):
        return _letters(word[: found.start()]) + LINK + _letters(word[found.end() :])
    return max(LINK, _letters(word)) if _DOMAIN.search(word) else _letters(word)


def _letters(word: str) -> int:
    return sum(2 - any(first <= ord(each) <= last for first, last in LIGHT) for each in word)
