"""What a message is taken for when it carries more than one signal: the order, in one table.

The row above wins: it decides what is answered first and where the message goes. What stands below
acts beside it all the same (an anonymous call for help stays anonymous), but for what the row
overrules.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Signal(StrEnum):
    """What a message may carry, each whatever else is in it."""

    DANGER = "danger"
    """Somebody is in danger now: whom to call is answered first."""
    PRIVACY = "privacy"
    """A wish not to be known, or not to be shown."""
    RECUSAL = "recusal"
    """It accuses an office: that gets nothing of it, who oversees it does."""
    OWN_REPORT = "own report"
    """It is about an open report of the same person."""
    FOREIGN_TEXT = "foreign text"
    """A code, an advert, a notice that went astray: filed, never forwarded, not answered."""
    TOPIC = "topic"
    """A matter that some agency is there for."""


class PrecedenceRow(NamedTuple):
    """One line of the table."""

    signal: Signal
    overrules: frozenset[Signal] = frozenset()
    """What of the rows below does not act beside it."""


TABLE = (
    PrecedenceRow(Signal.DANGER, frozenset({Signal.FOREIGN_TEXT})),
    PrecedenceRow(Signal.PRIVACY),
    PrecedenceRow(Signal.RECUSAL, frozenset({Signal.FOREIGN_TEXT, Signal.TOPIC})),
    PrecedenceRow(Signal.OWN_REPORT, frozenset({Signal.FOREIGN_TEXT, Signal.TOPIC})),
    PrecedenceRow(Signal.FOREIGN_TEXT, frozenset({Signal.TOPIC})),
    PrecedenceRow(Signal.TOPIC),
)


def acting(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """Return which of the signals in a message act, the one that wins first."""
    left, found = set(signals), list[Signal]()
    for signal, overrules in TABLE:
        if signal in left:
            found.append(signal)
            left -= overrules
    return tuple(found)
