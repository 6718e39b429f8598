"""Delivery receipts: what a message centre says became of a message of ours.

As parameters (SMPP 3.4, 5.3.2.12 and .35), or in words (appendix B), which every centre writes a
little differently.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["sent", "delivered", "failed"]
Ids = Literal["same", "decimal", "hex"]
"""How receipts write ids: as the answer to the message did; or it was hex and they are decimal; or
the other way round."""

MESSAGE_ID, MESSAGE_STATE = 0x001E, 0x0427
"""Tags of receipted_message_id and message_state."""
MESSAGE_TYPE = 0x3C
"""The bits of ``esm_class`` that say what a message is."""

WORDS: Mapping[str, State | None] = {
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
STATES: Mapping[int, str] = {
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
_FIELD = re.compile(r"\b(id|stat|err) ?: ?([^\s:]{1,65})", re.IGNORECASE)
_WRITTEN: Mapping[Ids, tuple[int, int]] = {"decimal": (16, 10), "hex": (10, 16)}
"""The bases of an id in the answer to a message, and in its receipt."""


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """What a receipt says."""

    id: str
    word: str
    error: str = ""

    @property
    def state(self) -> State | None:
        """What it means to us; None is not worth noting, and so is an unknown word."""
        return WORDS.get(self.word.upper())


def read_receipt(text: str, tlvs: Mapping[int, bytes]) -> ReceiptText | None:
    """Read a receipt, its parameters before its words; None when it names no message or state."""
    words = {name.lower(): value for name, value in reversed(_FIELD.findall(text[:500]))}
    named = tlvs.get(MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1")
    state = tlvs.get(MESSAGE_STATE, b"")
    id = named or words.get("id", "")
    word = STATES.get(state[0], "UNKNOWN") if len(state) == 1 else words.get("stat", "")
    return ReceiptText(id, word, words.get("err", "")) if id and word else None


def as_sent(id: str, ids: Ids) -> str:
    """Write the id in the answer to a message as we keep it."""
    return _rewritten(id, _WRITTEN[ids][0]) if ids != "same" else id


def as_receipted(id: str, ids: Ids) -> str:
    """Write the id in a receipt as we keep it: the same as that of its message."""
    return _rewritten(id, _WRITTEN[ids][1]) if ids != "same" else id


def _rewritten(id: str, base: int) -> str:
    try:
        return f"{int(id, base):x}"
    except ValueError:
        return id
