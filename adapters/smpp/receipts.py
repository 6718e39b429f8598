"""Delivery receipts: what a message centre says became of a message of ours.

As parameters (SMPP 3.4, 5.3.2.12 and .35), or in words (appendix B), which every centre writes a
little differently.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from normalizer.receipt import STATES, State, read_words

Ids = Literal["same", "decimal", "hex"]
"""How receipts write ids: as the answer to the message did; or it was hex and they are decimal; or
the other way round."""

MESSAGE_ID, MESSAGE_STATE = 0x001E, 0x0427
"""Tags of receipted_message_id and message_state."""
MESSAGE_TYPE = 0x3C
"""The bits of ``esm_class`` that say what a message is."""

NUMBERS: Mapping[int, str] = {
    0: "SCHEDULED",
    1: "ENROUTE",
    2: "DELIVERED",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIVERABLE",
    6: "ACCEPTED",
    7: "UNKNOWN",
    8: "REJECTED",
    9: "SKIPPED",
}
_FIELD = re.compile(r"\b(id|stat|err) ?: ?([^\s:,;|]{1,65})", re.IGNORECASE)
_WRITTEN: Mapping[Ids, tuple[int | None, int | None]] = {
    "same": (None, None),
    "decimal": (16, 10),
    "hex": (10, 16),
}
"""The bases of an id in the answer to a message, and in its receipt; None takes it as it is."""


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """What a receipt says."""

    id: str
    word: str
    error: str = ""

    @property
    def state(self) -> State | None:
        """What it means to us; None is not worth noting, and so is an unknown word."""
        return STATES.get(self.word.upper())


def read_receipt(text: str, tlvs: Mapping[int, bytes]) -> ReceiptText | None:
    """Read a receipt, its parameters before its words; None when it names no message or state."""
    words = {name.lower(): value for name, value in reversed(_FIELD.findall(text[:500]))}
    named = tlvs.get(MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1")
    state = tlvs.get(MESSAGE_STATE, b"")
    id = named or words.get("id", "")
    word = NUMBERS.get(state[0], "UNKNOWN") if len(state) == 1 else words.get("stat", "")
    return ReceiptText(id, word, words.get("err", "")) if id and word else None


def read_unmarked(text: str) -> ReceiptText | None:
    """Read a text that is a receipt as a whole, though its message does not say that it is one.

    Many centres leave ``esm_class`` 0. None also where its state is nothing to us.
    """
    found = read_words(text)
    if found is None:
        return None
    told = ReceiptText(found.fields["id"], found.fields["stat"], found.fields.get("err", ""))
    return told if told.state else None


def as_sent(id: str, ids: Ids) -> str:
    """Write the id in the answer to a message as we keep it."""
    return _rewritten(id, _WRITTEN[ids][0])


def as_receipted(id: str, ids: Ids) -> str:
    """Write the id in a receipt as we keep it: the same as that of its message."""
    return _rewritten(id, _WRITTEN[ids][1])


def _rewritten(id: str, base: int | None) -> str:
    """Write an id in one way: centres change case and leading zeros between answer and receipt."""
    plain = id.strip().lower()
    with suppress(ValueError):
        if base:
            return f"{int(plain, base):x}"
    return plain.lstrip("0") or plain[:1]
