"""``config/states.toml``: where a report can stand, and who may move it from there to where.

``python -m config.states docs/states.md`` writes the page with the picture of it.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.toml import Fault, SettingsError, read_toml

PATH = Path(__file__).parent / "states.toml"
START = "received"


class ActorKind(StrEnum):
    """Who moves a report."""

    REPORTER = "reporter"
    GATEWAY = "gateway"
    ROUTER = "router"
    OPERATOR = "operator"
    OFFICER = "officer"
    COORDINATOR = "coordinator"
    AGENCY = "agency"
    """A program of an agency's own."""


class StateRow(BaseModel):
    """One state of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    managers: str = Field(min_length=1)
    """What SP4N-LAPOR! calls it in its statistics."""
    citizens: str = Field(min_length=1)
    """What SP4N-LAPOR! tells the reporter."""
    deadline: str = ""
    """The legal limit that runs in it; "" for none."""
    final: bool = False
    unused: bool = False
    """LAPOR! knows it, but nothing here moves a report there yet."""


class TransitionRow(BaseModel):
    """One act: it moves a report from any of some states to one of others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    act: str = Field(min_length=1)
    starts: tuple[str, ...] = Field(alias="from", min_length=1)
    ends: tuple[str, ...] = Field(alias="to", min_length=1)
    by: tuple[ActorKind, ...] = Field(min_length=1)


class Move(NamedTuple):
    """One step from a state to another, or to the same again."""

    start: str
    end: str
    by: ActorKind


class States(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    states: Mapping[str, StateRow]
    transitions: tuple[TransitionRow, ...]

    @cached_property
    def moves(self) -> Mapping[Move, tuple[str, ...]]:
        """The steps that are allowed, with the acts that make them."""
        acts: dict[Move, tuple[str, ...]] = {}
        for row in self.transitions:
            for step in _steps(row):
                acts[step] = (*acts.get(step, ()), row.act)
        return acts

    def faults(self) -> Iterator[str]:
        """Say what does not fit together."""
        named = {name for row in self.transitions for name in (*row.starts, *row.ends)}
        yield from (f"no state {name}" for name in sorted(named - self.states.keys()))
        entered = {START, *(step.end for step in self.moves)}
        left = {step.start for step in self.moves}
        for name, row in self.states.items():
            if (name in entered) == row.unused:
                yield f"{name} is {'entered' if row.unused else 'never entered'}"
            if not row.final and name not in left:
                yield f"{name} is never left"


def _steps(row: TransitionRow) -> Iterator[Move]:
    for start in row.starts:
        for end in row.ends:
            yield from (Move(start, end, by) for by in row.by)


@cache
def states(path: Path = PATH) -> States:
    """Read the file. Raises ``SettingsError``."""
    try:
        table = States.model_validate(read_toml(path))
    except ValidationError as error:
        raise SettingsError([Fault(str(path), 0, str(error))]) from None
    if wrong := [Fault(str(path), 0, message) for message in table.faults()]:
        raise SettingsError(wrong)
    return table


def page(table: States) -> str:
    """Return the documentation's page about the states."""
    rows = (
        f"| `{name}` | {row.managers} | {row.citizens} | {row.deadline or '–'} |"
        f" {'yes' if row.final else 'no'} |"
        for name, row in table.states.items()
    )
    acts = (
        f"| {row.act.replace('_', ' ')} | {_names(row.starts)} | {_names(row.ends)} |"
        f" {', '.join(row.by)} |"
        for row in table.transitions
    )
    return "\n".join(
        (
            "# The states of a report",
            "",
            "Written from `config/states.toml` by `.venv/bin/python -m config.states"
            " docs/states.md`; a test says when it is not current.",
            "",
            "```mermaid",
            *_picture(table),
            "```",
            "",
            "LAPOR! has two names for a state: one in its statistics, one for citizens. The limit"
            " is the legal deadline that runs while a report is in it.",
            "",
            "| state | LAPOR!, for managers | LAPOR!, for citizens | limit | final |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "A move that is not in this table is refused. `agency` is a program of the agency's"
            " own, by the API or a channel; its people are officers.",
            "",
            "| act | from | to | by |",
            "| --- | --- | --- | --- |",
            *acts,
            "",
        )
    )


def _names(states: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in states)


def _picture(table: States) -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {START}"
    arrows: dict[tuple[str, str], dict[str, None]] = {}
    for (start, end, _), acts in table.moves.items():
        if start != end:
            arrows.setdefault((start, end), {}).update(dict.fromkeys(acts))
    for (start, end), names in arrows.items():
        yield f"    {start} --> {end}: {', '.join(act.replace('_', ' ') for act in names)}"
    ends = (name for name, row in table.states.items() if row.final and not row.unused)
    yield from (f"    {name} --> [*]" for name in ends)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(states()), "utf-8")
