"""Privacy marks: *anonim* hides who wrote, *rahasia* hides the report from the public."""

import re
from dataclasses import dataclass

from normalizer import wishes
from normalizer.text import has_any

_MARK = r"(?:anonim|anonymous|rahasia|confidential)"
_AND = r"[\s,;:+/&.\-]{0,5}(?:dan\b|and\b)?[\s,;:+/&.\-]{0,5}"

# Command-like marks: taken out of the text, since they are said to the gateway.
_TAIL = 200
"""Characters at the end of a text in which a last mark is looked for."""
_TAGS = re.compile(rf"#{_MARK}\b|[\[(]\s*{_MARK}(?:{_AND}{_MARK})?\s*[\])]", re.I)
_LAST = re.compile(rf"(?:^|[\n.!?;,])\s*({_MARK}(?:{_AND}{_MARK})?)[\s.!]*$", re.I)
_LAST_IN_CAPITALS = re.compile(r"\s((?:ANONIM|RAHASIA)(?:[\s,+&/]+(?:ANONIM|RAHASIA))?)[\s.!]*$")
"""Our own help text says to add ANONIM or RAHASIA: as last word in capitals it needs no comma."""
_FIRST = re.compile(rf"^\W*({_MARK}(?:{_AND}{_MARK})?)\b{_AND}", re.I)
_AFTER_KEYWORD = re.compile(
    r"^(\W*[A-Z0-9]{3,20}\s+)((?:ANONIM|RAHASIA)(?:\s+(?:ANONIM|RAHASIA))?)\b"
)
_PROSE = re.compile(
    r"(?:umum|dagang|negara|bank|perusahaan|dapur|bahwa|ini|itu|yang|yg|jabatan|medis|keluarga"
    r"|pribadi|adalah|telah|sudah|sering|tersebut|men\w+|mem\w+|ber\w+)\b",
    re.I,
)
"""Next words that make a leading "rahasia" or "anonim" the subject of a sentence."""


@dataclass(frozen=True, slots=True)
class PrivacyMarks:
    """What the reporter asked to be hidden, and the text without the marks."""

    anonymous: bool
    confidential: bool
    text: str
    unhide: bool = False
    """Whether the reporter says that they may be known again."""


def read(text: str) -> PrivacyMarks:
    """Find privacy marks in ``text`` (repaired, without a leading LAPOR)."""
    marks: list[str] = []
    rest = text
    if has_any(_MARKS, text.lower()):
        if wishes.by_rules(text).unhide:
            return PrivacyMarks(anonymous=False, confidential=False, text=text, unhide=True)
        marks, rest = _take_marks(text)
    said = " ".join(marks).lower()
    wish = wishes.read(rest)
    return PrivacyMarks(
        "anon" in said or wish.anonymous,
        "rahasia" in said or "confid" in said or wish.confidential,
        rest,
        unhide=wish.unhide and not marks,
    )


_MARKS = ("anonim", "anonym", "rahasia", "confid")
"""Without one of these nothing is said to the gateway; the rest is said to officers."""


def _take_marks(text: str) -> tuple[list[str], str]:
    marks = _TAGS.findall(text)
    rest = _TAGS.sub(" ", text).strip() if marks else text
    if keyword := _AFTER_KEYWORD.match(rest):
        marks.append(keyword[2])
        rest = keyword[1] + rest[keyword.end() :].lstrip(" ,.:;-")
    if (first := _FIRST.match(rest)) and not _PROSE.match(rest[first.end() :]):
        marks.append(first[1])
        rest = rest[first.end() :]
    begin = max(0, len(rest) - _TAIL)
    if last := _LAST.search(rest, begin) or _LAST_IN_CAPITALS.search(rest, begin):
        marks.append(last[1])
        rest = rest[: last.start(1)].rstrip(" \n,;")
    return marks, " ".join(rest.split("  ")).strip() if marks else rest
