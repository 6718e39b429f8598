"""The one way in which a report's status changes: by the table in ``config/states.toml``."""

from datetime import datetime

from config.states import ActorKind, Move, states
from normalizer.report import Report, Status


class WrongMove(Exception):
    """The table has no such move."""


def move(
    report: Report, to: Status, *, by: str, actor_kind: ActorKind, at: datetime, note: str = ""
) -> Report:
    """Return a report in another status, with the change in its history. Raises ``WrongMove``."""
    if not may_move(report.status, to, actor_kind):
        raise WrongMove(f"{report.status} to {to} by {actor_kind}")
    return report.with_status(to, at=at, by=by, note=note)


def may_move(start: Status, to: Status, actor_kind: ActorKind) -> bool:
    """Tell whether a kind of actor may move a report from a status to another."""
    return Move(start.value, to.value, actor_kind) in states().moves
