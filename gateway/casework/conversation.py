"""The conversation: what a message means for which report, as one table in order.

The first row that applies and says how it ended is the last one that is asked. Rows above others
come first for a reason: an echo and a post on duty are no reporters, STOP holds whatever else is
said, danger passes by all that could hold it up (``Turn.is_calm``), and only what belongs to no
report of its reporter's opens a new one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.casework.additions import Additions, Choice, answer_to_offer, late_button
from gateway.casework.alerts import DutyService
from gateway.casework.commands import Commands
from gateway.casework.context import add_link, agency_asks
from gateway.casework.hiding import Hiding, may_show, report_to_hide
from gateway.casework.matters import (
    Matters,
    agency_answered,
    call_for_help,
    earlier_place,
    is_foreign,
    question_answered,
)
from gateway.casework.repeats import report_again, report_of_file, says_nothing
from gateway.casework.turn import Turn, TurnRule
from gateway.store.rows import ReportRecord
from normalizer.command import is_thanks
from normalizer.message import Intent, NoAnswerReason
from normalizer.report import Report, Status


@dataclass(frozen=True, slots=True)
class Conversation:
    """Takes turns by the table."""

    rules: tuple[TurnRule, ...]

    async def take(self, turn: Turn) -> str:
        """Do what a message means; returns the name of the outcome."""
        for rule in self.rules:
            found = rule.applies(turn)
            if found and (outcome := await rule.act(turn, found)):
                return outcome
        raise AssertionError("the last row applies to every message")


def conversation(
    commands: Commands,
    additions: Additions,
    hiding: Hiding,
    matters: Matters,
    duty: DutyService,
) -> Conversation:
    """Lay out the table. Every row: its name, whether it applies, what it does."""
    return Conversation(
        (
            TurnRule("an echo of ours", lambda turn: turn.echo == "sure", additions.keep_echo),
            TurnRule("a post on duty", duty.post_of, duty.reply),
            TurnRule("perhaps an echo", lambda turn: turn.echo, _mark_echo),
            TurnRule("stop", _asks(Intent.STOP), commands.stop),
            TurnRule("the end of a silence", commands.ends_silence, commands.resume),
            TurnRule("no words", says_nothing, additions.acknowledge),
            TurnRule("thanks", _thanks, additions.acknowledge),
            TurnRule("status", _asks(Intent.STATUS), commands.status),
            TurnRule("read", _asks(Intent.READ), commands.read),
            TurnRule("privacy", _asks(Intent.PRIVACY), commands.privacy),
            TurnRule("help", lambda turn: turn.decision is None, commands.help),
            TurnRule("hide", _calm(report_to_hide), hiding.hide),
            TurnRule("show again", _calm(may_show), hiding.show),
            TurnRule("join: yes", _calm(_chooses("join")), additions.join),
            TurnRule(
                "join: no, but a question is open", _calm(_goes_on), matters.complete_unworded
            ),
            TurnRule("join: no", _calm(_chooses("new")), additions.keep_apart),
            TurnRule("a button pressed late", _calm(late_button), commands.status),
            TurnRule("which report it is about", _any, _find_report),
            TurnRule("a photo or a place without words", report_of_file, matters.belong),
            TurnRule("nobody's report", is_foreign, matters.open_unwritten),
            TurnRule("the place of before", earlier_place, matters.place_from_earlier),
            TurnRule("the same again", report_again, matters.repeat),
            TurnRule("more of a call for help", call_for_help, _belong),
            TurnRule("the answer to an agency", agency_answered, additions.add),
            TurnRule("the answer to a question", question_answered, matters.complete),
            TurnRule("an addition", lambda turn: turn.meant, additions.add),
            TurnRule("a new report", _any, matters.open),
        )
    )


def _any(_: Turn) -> bool:
    return True


def _asks(intent: Intent) -> Callable[[Turn], bool]:
    return lambda turn: turn.message.intent is intent


def _calm(applies: Callable[[Turn], object]) -> Callable[[Turn], object]:
    """Pass by what names danger."""
    return lambda turn: turn.is_calm and applies(turn)


def _chooses(choice: Choice) -> Callable[[Turn], ReportRecord | None]:
    return lambda turn: answer_to_offer(turn, choice)


def _goes_on(turn: Turn) -> ReportRecord | None:
    """Return the report that is kept apart from the earlier one, and still lacks an answer."""
    asked = answer_to_offer(turn, "new")
    waits = asked is not None and asked.report.status is Status.WAITING_FOR_REPORTER
    return asked if asked and waits and not agency_asks(asked.report) else None


def _thanks(turn: Turn) -> bool:
    """Tell whether the reporter of a report only thanks for it, or says that it is well."""
    message = turn.message
    asks = message.intent is Intent.GREETING and is_thanks(message.text)
    return asks and bool(turn.from_same_reporter)


async def _mark_echo(turn: Turn, _: object) -> None:
    """Answer nothing by ourselves to what may be our own words."""
    if turn.message.unanswered is None:
        turn.message = turn.message.model_copy(update={"unanswered": NoAnswerReason.ECHO})


async def _find_report(turn: Turn, _: object) -> None:
    """Say which open report a message belongs to, and what it would be by itself."""
    turn.report, meant = Report.open(turn.message), turn.context.find_referenced(turn.message)
    if meant and turn.context.takes_more(meant.report, turn.message):
        turn.meant = meant
    elif meant:
        turn.report = add_link(turn.report, meant.report)


async def _belong(turn: Turn, record: ReportRecord) -> None:
    turn.meant = record
