"""Delivery receipts in words: what a message centre writes of a text message that it carried.

SMPP 3.4, appendix B: ``id: sub: dlvrd: submit date: done date: stat: err: text:``. Every centre
writes them a little differently, in another order and with fields left out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["sent", "delivered", "failed"]
STATES: Mapping[str, State | None] = {
    "SCHEDUL": None,
    "SCHEDULED": None,
    "ENROUTE": "sent",
    "ACCEPTD": "sent",
    "ACCEPTED": "sent",
    "DELIVRD": "delivered",
    "DELIVERED": "delivered",
    "EXPIRED": "failed",
    "DELETED": "failed",
    "UNDELIV": "failed",
    "UNDELIVERABLE": "failed",
    "REJECTD": "failed",
    "REJECTED": "failed",
    "SKIPPED": "failed",
    "UNKNOWN": None,
}
"""What ``stat`` may say, by the standard and by those who write it out, and what it means to us."""
QUOTED = 20
"""Characters that a receipt quotes of the message it is about; some centres quote more."""
_LONGEST_QUOTE = 160
"""Characters of one text message: what is longer, a person has added something to."""
_HEAD = 1_000
"""Characters within which a receipt has all of its fields."""
_FIELD = re.compile(
    r"[\s,;|]{0,9}(?P<name>id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err)"
    r" ?[:=] ?(?!\w{1,6} ?[:=])(?P<value>[^\s,;|:]{0,65})(?:[ T:]?\d[\d:./-]{0,18}(?![^\s,;|]))?",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"[\s,;|]{0,9}(?!text)[a-z_]{2,20}[:=][a-z+.-]{0,9}\d[\w+.-]{0,30}", re.IGNORECASE
)
"""A field of a centre's own: a number, a code of a network, a price."""
_TEXT = re.compile(r"[\s,;|]{0,9}text ?[:=]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReceiptWords:
    """The fields of a receipt by their names, in small letters."""

    fields: Mapping[str, str]
    is_bare: bool
    """Nothing stands in it but what the standard lets it quote."""


def read_words(text: str) -> ReceiptWords | None:
    """Read a text that is a receipt as a whole; None for all others.

    A person who quotes one and adds words of their own wrote no receipt.
    """
    fields, end = dict[str, str](), 0
    while found := _FIELD.match(text, end, _HEAD) or _OTHER.match(text, end, _HEAD):
        end = found.end()
        if found.re is _FIELD:
            fields.setdefault(re.sub("[ _]", "", found["name"].lower()), found["value"])
    if not (fields.get("id") and fields.get("stat") and _is_technical(fields)):
        return None
    quote = _TEXT.match(text, end)
    rest = len(text[quote.end() if quote else end :].strip())
    if rest > (_LONGEST_QUOTE if quote else QUOTED):
        return None
    return ReceiptWords(fields, rest <= QUOTED)


def _is_technical(fields: Mapping[str, str]) -> bool:
    """Tell whether what stands there is a centre's: a state of its list, or a number beside it."""
    numbers = (value for name, value in fields.items() if name not in ("id", "stat"))
    return fields["stat"].upper() in STATES or any(value[:1].isdigit() for value in numbers)


__all__ = ["QUOTED", "STATES", "ReceiptWords", "State", "read_words"]
