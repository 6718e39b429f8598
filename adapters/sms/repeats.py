"""Telling a message that is brought again from an equal one that was written later.

SMPP gives a message no id (docs/decisions/0017). What is known: a centre brings a message again
when it did not get our answer. So an equal message is the same one until the centre is known to
have read our answer to it, or until it is too old to be brought again.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

MOST = 20_000
"""Messages that are remembered; the oldest are forgotten first."""


def fingerprint(pdu: bytes) -> str:
    """Return the same for every copy of a message: its header, which counts copies, is left out."""
    return sha256(pdu[16:]).hexdigest()[:40]


@dataclass(slots=True)
class _Seen:
    first: float
    count: int = 0
    answered: bool = False


class Repeats:
    """Gives messages a stamp: equal messages with the same stamp are one. ``window`` in seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def stamp(self, print_: str, now: float) -> str:
        """Return the stamp of a message that has just come.

        Without memory (after a restart) it still is that of the window, so that a message brought
        again by then is known in most cases.
        """
        seen = self._seen.get(print_)
        if seen is None or not 0 <= now - seen.first < self._window:
            seen = self._seen[print_] = _Seen(now)
        elif seen.answered:
            seen.count, seen.answered = seen.count + 1, False
        self._seen.move_to_end(print_)
        while len(self._seen) > MOST:
            self._seen.popitem(last=False)
        return f"{int(seen.first // self._window)}.{seen.count}"

    def note_answer(self, print_: str) -> None:
        """Note that the centre has read our answer: an equal message is another one from now on."""
        if seen := self._seen.get(print_):
            seen.answered = True
