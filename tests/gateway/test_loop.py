"""Tests run on the loop the program runs on, and nobody asks a loop's objects for their class."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.commands import serving
from gateway.platform import loop

ROOT = Path(__file__).parents[2]
OURS = ("gateway", "adapters", "router", "normalizer", "config", "bench")
CLASSES = ("Transport", "Protocol", "Loop", "Server", "StreamReader", "StreamWriter", "Handle")
"""How the names of classes end that another loop has under another roof."""


async def _kind() -> type:
    return type(asyncio.get_running_loop())


async def test_this_test_runs_on_the_loop_of_the_program() -> None:
    assert await asyncio.to_thread(loop.run, _kind()) is await _kind()


def test_the_program_runs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[type] = []

    async def until_told(_: object) -> None:
        found.append(await _kind())

    monkeypatch.setattr(serving, "_until_told", until_told)
    serving.serve(("web",))
    made = loop.new()
    made.close()
    assert found == [type(made)]


def _checks(source: str) -> Iterator[str]:
    """Yield what asks an object whether it is of a class that depends on the loop."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("isinstance", "issubclass") and len(node.args) == 2:
                yield from _named(node.args[1])
        elif isinstance(node, ast.MatchClass):
            yield from _named(node.cls)
        elif isinstance(node, ast.Compare) and ast.unparse(node.left).startswith("type("):
            for other in node.comparators:
                yield from _named(other)


def _named(asked: ast.expr) -> Iterator[str]:
    for node in ast.walk(asked):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name.endswith(CLASSES):
            yield ast.unparse(asked)


LOOP_BOUND = [
    "isinstance(self.transport, asyncio.WriteTransport)",
    "isinstance(t, (asyncio.Transport, int))",
    "isinstance(t, transports.WriteTransport | None)",
    "issubclass(c, Protocol)",
    "isinstance(loop, asyncio.SelectorEventLoop)",
    "type(loop) is asyncio.SelectorEventLoop",
    "match x:\n    case asyncio.Server(): pass",
]


@pytest.mark.parametrize("source", LOOP_BOUND)
def test_the_sweep_finds(source: str) -> None:
    assert list(_checks(source))


def test_nobody_asks_for_the_class_of_what_a_loop_made() -> None:
    files = [path for room in OURS for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): list(_checks(path.read_text())) for path in files}
    assert {path: checks for path, checks in found.items() if checks} == {}
