"""The table of states: all of LAPOR!'s states, each entered and left, and its page current."""

from pathlib import Path
from typing import get_args

import pytest

from config.states import ActorKind, States, page, states
from normalizer.report import FINAL, Deadline, Status

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_every_status_has_its_names_and_its_limit() -> None:
    table = states().states
    assert set(table) == {status.value for status in Status}
    assert {name for name, row in table.items() if row.final} == {each.value for each in FINAL}
    limits = {row.deadline for row in table.values()} - {""}
    assert limits <= set(get_args(Deadline.model_fields["name"].annotation))


def test_every_kind_of_actor_moves_something() -> None:
    assert {step.by for step in states().moves} == set(ActorKind)


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(states()), (
        "run .venv/bin/python -m config.states docs/states.md"
    )


ROW = {"managers": "x", "citizens": "x"}


@pytest.mark.parametrize(
    ("rows", "to", "fault"),
    [
        ({"received": ROW, "closed": ROW | {"final": True}}, "gone", "no state gone"),
        ({"received": ROW, "closed": ROW}, "closed", "closed is never left"),
        ({"received": ROW, "a": ROW | {"final": True}}, "received", "a is never entered"),
        (
            {"received": ROW, "a": ROW | {"final": True, "unused": True}},
            "a",
            "a is entered",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(
    rows: dict[str, dict[str, object]], to: str, fault: str
) -> None:
    step = {"act": "route", "from": ["received"], "to": [to], "by": ["router"]}
    table = States.model_validate({"states": rows, "transitions": [step]})
    assert fault in list(table.faults())
