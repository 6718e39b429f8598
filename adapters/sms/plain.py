"""Text for networks that carry nothing but plain GSM 7-bit: no curly quotes, no emoji, no accents.

The extension table ("€", "[", "~") is left out too: each of its characters costs two, and some
networks lose them.
"""

import re
import unicodedata
from collections.abc import Mapping

from normalizer import gsm

_BASIC = frozenset(gsm.BASIC) - {chr(gsm.ESCAPE)}
_INSTEAD: Mapping[str, str] = {
    "€": "EUR", "[": "(", "]": ")", "{": "(", "}": ")", "\\": "/", "|": "/", "~": "-", "^": "",
    "\f": "\n", "`": "'", "´": "'", "′": "'", "″": '"', "«": '"', "»": '"', "„": '"', "‚": "'",
    "‹": "'", "›": "'", "‑": "-", "‒": "-", "―": "-", "−": "-", "×": "x", "·": ".", "⁄": "/",
    "°": " derajat ", "™": "(TM)", "©": "(C)", "®": "(R)", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", 
    "œ": "oe", "Œ": "OE", "þ": "th", "ð": "d", "ı": "i", "→": "->", "←": "<-", "✓": "v", "✔": "v",
}  # fmt: skip
"""What cannot be taken apart by Unicode, and what is said instead."""
_GAPS = re.compile(r"  +")
_EDGES = re.compile(r" *\n *")


def plain(text: str) -> str:
    """Write a text in the basic GSM alphabet alone.

    Signs without a counterpart (emoji) are left out; a letter of another script becomes "?".
    """
    written = "".join(map(_plain, unicodedata.normalize("NFC", text).translate(gsm.PLAIN)))
    return _EDGES.sub("\n", _GAPS.sub(" ", written)).strip()


def _plain(letter: str) -> str:
    if letter in _BASIC:
        return letter
    if letter in _INSTEAD:
        return _INSTEAD[letter]
    if unicodedata.category(letter)[0] == "Z":
        return " "
    apart = unicodedata.normalize("NFKD", letter).translate(gsm.PLAIN)
    kept = "".join(_INSTEAD.get(part, part) for part in apart if part in _BASIC or part in _INSTEAD)
    return kept or ("?" if unicodedata.category(letter)[0] in "LN" else "")
