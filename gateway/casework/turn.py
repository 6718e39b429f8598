"""One turn of a conversation: a message, what is known when it comes, and what may be done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.casework.context import ConversationContext
from gateway.store.rows import ReportRecord
from gateway.store.unit import UnitOfWork
from normalizer.message import Message
from normalizer.report import FINAL, Report
from router.assign import Decision
from router.precedence import Signal, acting


@dataclass(slots=True)
class Turn:
    """A message and the transaction in which it is answered; rules may change how it is read."""

    unit: UnitOfWork
    context: ConversationContext
    message: Message
    decision: Decision | None
    """What the router makes of it as a report of its own; None for a command."""
    echo: str
    """How surely it is an echo of our own words: "", "perhaps" or "sure"."""
    at: datetime
    meant: ReportRecord | None = None
    """The open report of the same reporter that it belongs to."""
    has_news: bool = True
    """It has words that were not said before."""
    report: Report | None = None
    """What it is as a report of its own, tied to a closed one that it names."""

    @property
    def decided(self) -> Decision:
        """The decision about a message that is no command."""
        assert self.decision is not None
        return self.decision

    @property
    def new_report(self) -> Report:
        """The message as a report of its own."""
        assert self.report is not None
        return self.report

    @property
    def is_calm(self) -> bool:
        """Tell whether the message names no danger: where it does, nothing comes before that."""
        return Signal.DANGER not in acting(self.decided.signals)

    @property
    def from_same_reporter(self) -> list[ReportRecord]:
        """What the same reporter sent, newest first."""
        return self.context.from_same_reporter(self.message)

    @property
    def open_reports(self) -> list[ReportRecord]:
        """Those of them that are open."""
        return [stored for stored in self.from_same_reporter if stored.report.status not in FINAL]


@dataclass(frozen=True, slots=True)
class TurnRule:
    """A row of the conversation: whether it applies to a turn, and what it does.

    ``applies`` returns what it found, which ``act`` gets; anything false means that the next row is
    asked. ``act`` returns the outcome, or None where it only changed how the turn is read.
    """

    name: str
    applies: Callable[[Turn], Any]
    act: Callable[[Turn, Any], Awaitable[str | None]]
