"""Logs: what happened, never who it was or what they wrote."""

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.platform import logs
from gateway.portals.console.actions import ACTS
from gateway.portals.console.screens import SCREENS
from gateway.store.engine import Unavailable
from tests.gateway.making import NOWHERE, WHO, House, house, note

NAME = "Ibu Sulastri Wijayakusuma"
MAIL = "sulastri@contoh.localhost"
WORDS = "pungutan liar di loket nomor tujuh"


def _read(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


async def test_a_reports_whole_way_leaves_nothing_personal(
    logged: io.StringIO, sqlite_url: str, tmp_path: Path
) -> None:
    async with house(sqlite_url, tmp_path) as built:
        text = f"{WORDS} {NOWHERE}"
        await built.take(note(text, WHO, name=NAME, id="SM1"))
        await built.take(note(text, MAIL, name=NAME), proof="forged")
        await built.take(note("lain " + text, WHO, name=NAME, id="SM1"))
        built.paper.fails = [RuntimeError(f"{WHO} {text}")]
        await built.work_all()
        await _break(built, text)
    said = logged.getvalue()
    assert "could not be parsed" in said
    for secret in (WHO, WHO[3:], MAIL, NAME, "Sulastri", WORDS, "loket"):
        assert secret not in said, secret


async def _break(built: House, text: str) -> None:
    """Let the channel's reading fail over what the citizen wrote."""

    def parse(_: object) -> list[Any]:
        raise ValueError(f"cannot read {text} of {NAME} {WHO}")

    built.paper.parse = parse  # type: ignore[method-assign,assignment]
    await built.take(note(text, WHO, name=NAME))


@pytest.mark.parametrize(
    ("field", "value", "seen"),
    [
        ("channel", "sms", "sms"),
        ("count", 7, 7),
        ("phone", WHO, "[not logged]"),
        ("text", WORDS, "[not logged]"),
        ("reporter", {"name": NAME}, "[not logged]"),
    ],
)
@pytest.mark.parametrize("ours", [True, False])
def test_only_values_known_to_be_harmless_are_logged(
    logged: io.StringIO, ours: bool, field: str, value: object, seen: object
) -> None:
    if ours:
        structlog.get_logger("test").warning("something happened", **{field: value})
    else:
        logging.getLogger("library").warning("something happened", extra={field: value})
    (line,) = _read(logged)
    assert line[field] == seen
    assert (line["event"], line["level"]) == ("something happened", "warning")


def test_an_error_is_logged_with_its_place(logged: io.StringIO) -> None:
    try:
        raise Unavailable("no answer within 5 s")
    except Unavailable:
        structlog.get_logger("test").exception("a task died", task="relay")
    (line,) = _read(logged)
    assert line["task"] == "relay"
    assert "test_logs.py" in line["exception"]
    assert "Unavailable" in line["exception"]


@pytest.mark.parametrize("name", logs.QUIET)
def test_chatty_libraries_are_kept_quiet(name: str, logged: io.StringIO) -> None:
    logs.set_up("DEBUG", "json")
    logging.getLogger(name).warning("connection to %s", WHO)
    assert logged.getvalue() == ""


ROOMS = ("gateway", "adapters", "router", "normalizer", "config", "demo")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def _calls() -> Iterator[tuple[str, ast.Call, ast.Module]]:
    """Every call that writes a log line, where it stands, and the file around it."""
    root = Path(__file__).parents[2]
    for path in (path for room in ROOMS for path in (root / room).rglob("*.py")):
        file = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(file):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in LEVELS and ast.unparse(node.func.value) in ("log", "logger"):
                yield f"{path.relative_to(root)}:{node.lineno}", node, file


def _names(call: ast.Call, file: ast.Module) -> Iterator[str]:
    """The names of a line's values, also of those in a dictionary that is written near it."""
    for keyword in call.keywords:
        if keyword.arg not in (None, "extra"):
            yield str(keyword.arg)
            continue
        near = [keyword.value]
        for node in ast.walk(file):
            if isinstance(node, ast.Assign | ast.AugAssign):
                near += [node.value] if ast.unparse(keyword.value) in _targets(node) else []
        for each in (node for value in near for node in ast.walk(value)):
            if isinstance(each, ast.Dict):
                yield from (str(key.value) for key in each.keys if isinstance(key, ast.Constant))


def _targets(node: ast.Assign | ast.AugAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_every_value_of_every_log_line_can_be_read() -> None:
    """Swept: a name that the list of harmless ones lacks would be dropped without a word."""
    calls = list(_calls())
    assert len(calls) > 40
    named = {(at, name) for at, call, file in calls for name in _names(call, file)}
    assert {"attempts", "delay", "task", "id"} <= {name for _, name in named}
    assert {(at, name) for at, name in named if name not in logs.HARMLESS} == set()


def test_what_an_operator_did_is_logged_with_every_part_of_its_address() -> None:
    paths = (*SCREENS, *(act.path for act in ACTS))
    parts = set(re.findall(r"/{(\w+)", " ".join(paths)))
    assert parts
    assert parts <= logs.HARMLESS
