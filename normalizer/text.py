"""Text repair: what a channel's words need before anything reads them, and what makes a title."""

import re
from collections.abc import Iterable
from unicodedata import is_normalized, normalize

from ftfy import TextFixerConfig, fix_text
from ftfy.badness import is_bad

from normalizer.lookalikes import plain as plain_letters
from normalizer.message import MAX_TEXT
from normalizer.subject import without_prefixes

MAX_TITLE = 80
MAX_NAME = 120
NO_TEXT = "(tanpa teks)"

# HTML entities stay as typed: channels that speak HTML decode it themselves. Curly quotes stay.
_FIXES = TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False)
_SUSPECT = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\u02ff\u0370-\u04ff\u2010-\u203a\u20ac\u2122\ufb00-\ufb06\uff00-\uffef]"
)
"""What mojibake and control characters are made of; the repair is slow, emoji do not need it."""
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]|[\u200b\u2060\ufeff\u00ad]+")
_ODD_SPACE = re.compile(
    r"[\t\x0b-\r\x1c-\x1f\x85\xa0\u00ad\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]"
)
"""What ``_SPACES`` finds beside two plain spaces, as one set that is quick to look for."""
_BLANK = re.compile(r" *\n *")
_GAPS = re.compile(r"\n{3,}")
_BROKEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\u3000\ufb00-\ufb06\ufeff\uff00-\ufffc]"
)
"""What is repaired wherever it stands; the rest of ``_SUSPECT`` only among bad neighbours."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STOP = re.compile(r"[.!?…](?=\s)|\n+")
_OPENING = re.compile(
    r"(?:selamat|ass?alam\w*|halo|hai|yth|dear|kepada|dengan hormat|permisi|terima ?kasih"
    r"|mohon (?:maaf|i[zj]in))\b.{0,30}$",
    re.I,
)
"""A short first sentence that only opens the letter."""
_SHORT_WORD = re.compile(r"\b\w{1,3}$")
_MENTION = re.compile(r"@\w+")


SEEN = (
    r"[^\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]"
)
"""A pattern of one character that is seen: a text without any says nothing."""


def vocabulary(words: str) -> frozenset[str]:
    """Return the words of a table written as one string with spaces between them."""
    return frozenset(words.split())


def has_any(letters: Iterable[str], text: str) -> bool:
    """Tell whether one of several pieces is in ``text``: quick, before a pattern is tried."""
    for piece in letters:  # noqa: SIM110 - a generator takes three times as long
        if piece in text:
            return True
    return False


def has_words(text: str) -> bool:
    """Tell whether a text has a letter or a digit; whom it only mentions is no word of its own."""
    return any(map(str.isalnum, _MENTION.sub(" ", text)))


def storable(text: str, limit: int = MAX_TEXT) -> str:
    """Return at most ``limit`` characters of ``text`` that every store takes, otherwise as it was.

    PostgreSQL refuses NUL and no encoder takes half a surrogate pair: both become U+FFFD.
    """
    if text.isascii() and "\0" not in text:
        return text[:limit]
    paired = text[: limit * 2].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return paired.replace("\0", "\ufffd")[:limit]


def repair(text: str, limit: int = MAX_TEXT) -> str:
    """Undo mojibake, odd spaces, control characters and letters in disguise.

    Emoji, line breaks and wording stay.
    """
    kept = storable(text, limit)
    if "\r" in kept:
        kept = kept.replace("\r\n", "\n").replace("\r", "\n")
    plain = kept.isascii() and kept.replace("\n", "").isprintable()
    if not plain and _SUSPECT.search(kept) and _is_bad(kept):
        kept = fix_text(kept, _FIXES)
        kept = _CONTROL.sub("", kept)
    elif not kept.isascii():
        kept = normalize("NFC", kept)
    if not kept.isascii():
        kept = plain_letters(kept)
    if "  " in kept or (not plain and _ODD_SPACE.search(kept)):
        kept = _SPACES.sub(_space, kept)
    if "\n" in kept:
        kept = _GAPS.sub("\n\n", _BLANK.sub("\n", kept))
    return kept.strip()[:limit]


def _is_bad(text: str) -> bool:
    """Tell whether a suspect text needs more than composed letters, as curly quotes do not."""
    if _BROKEN.search(text) or not is_normalized("NFC", text):
        return True
    return any(map(is_bad, text.splitlines(keepends=True)))


def _space(match: re.Match[str]) -> str:
    return " " if match[0].isspace() else ""


def title_of(text: str, subject: str | None = None) -> str:
    """Return one line of at most ``MAX_TITLE`` characters: the subject, or the first sentence."""
    named = " ".join(without_prefixes(repair(subject, 1_000)).split()) if subject else ""
    line = named or first_sentence(text[:2_000])
    return shorten(line, MAX_TITLE) if any(map(str.isalnum, line)) else NO_TEXT


def first_sentence(text: str) -> str:
    """Return the first sentence that says more than a greeting, on one line."""
    begin = 0
    for stop in _STOP.finditer(text):
        line = " ".join(text[begin : stop.end()].split())
        if _abbreviated(text, stop):
            continue
        if len(line) > 7 and not _OPENING.match(line):
            return line
        begin = stop.end()
    rest = " ".join(text[begin:].split())
    return rest if len(rest) > 7 else " ".join(text.split())


def _abbreviated(text: str, stop: re.Match[str]) -> bool:
    """Tell whether a full stop ends an abbreviation, as in "kab. Tasik" or "jl. Pahlawan"."""
    before = text[max(0, stop.start() - 5) : stop.start()]
    return stop[0] == "." and _SHORT_WORD.search(before) is not None


def shorten(line: str, limit: int) -> str:
    """Cut at a word so that the line with its "…" has at most ``limit`` characters."""
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:-") + "…"


def file_name(name: str) -> str:
    """Return a name that is safe to show and to save under: no folders, no control characters."""
    last = re.split(r"[/\\]", repair(name, 1_000))[-1]
    clean = re.sub(r'[<>:"|?*\x00-\x1f]', "_", last.replace("\n", " ")).strip(" .")
    if len(clean) <= MAX_NAME:
        return clean or "lampiran"
    stem, dot, ending = clean.rpartition(".")
    tail = f".{ending}" if dot and len(ending) <= 10 else ""
    return (stem or clean)[: MAX_NAME - len(tail)] + tail
