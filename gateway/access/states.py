"""The one way in which a report's status changes: by the table in ``config/states.toml``."""

from datetime import datetime

from config.states import ActorKind, Move, states
from normalizer.report import Report, Status


class WrongMove(Exception):
    """The table has no such move."""


def move(
    report: Report,
    to: Status,
    *,
    by: str,
    actor_kind: ActorKind,
    at: datetime,
    note: str = "",
    act: str = "",
) -> Report:
    """Return a report in another status, with the change in its history. Raises ``WrongMove``.

    ``act`` is which act of the table it is, where several make the same move.
    """
    if not may_move(report.status, to, actor_kind, act):
        raise WrongMove(f"{report.status} to {to} by {actor_kind}")
    return report.with_status(to, at=at, by=by, note=note)


def may_move(start: Status, to: Status, actor_kind: ActorKind, act: str = "") -> bool:
    """Tell whether a kind of actor may move a report so, by any act or by one."""
    acts = states().moves.get(Move(start.value, to.value, actor_kind), ())
    return act in acts if act else bool(acts)
