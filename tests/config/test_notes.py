"""What is noted in reading a message: every code has words, and nobody reads a code instead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.words import FOLDER, words
from gateway.portals.citizen.pages import describe_notes
from gateway.portals.console.labels import Labels

ROOT = FOLDER.parent
ROOMS = ("adapters", "normalizer", "gateway/access", "gateway/intake", "gateway/wire")
CODES = {"Sign": 2, "_Clue": 0, "SetAside": 1}
"""Calls one of whose arguments is a code, and which."""
_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def codes_in(trees: list[ast.Module]) -> set[str]:
    """Return the codes that pieces of Python put into notes, or give as reasons."""
    own = [dict(_constants(tree)) for tree in trees]
    every = {name: value for each in own for name, value in each.items()}
    said = {
        text
        for tree, mine in zip(trees, own, strict=True)
        for found in _noted(tree)
        for text in _texts(found, every | mine)
    }
    return {code for text in said if _CODE.fullmatch(code := text.partition(":")[0])}


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(node.value, ast.Constant | ast.JoinedStr):
                yield _name(target), node.value


def _noted(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is added to something called notes, and what such a function gives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("notes", "automatic", "set_aside"):
            yield node.value
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if "notes" in map(_name, targets) and node.value:
                yield node.value
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and _name(node.func.value) == "notes":
                yield from node.args
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "note":
                yield from node.args[:1]
            elif (at := CODES.get(_name(node.func))) is not None:
                yield node.args[at]
        elif isinstance(node, ast.FunctionDef) and node.name.strip("_") == "notes":
            yield from _given(node)


def _given(function: ast.FunctionDef) -> Iterator[ast.AST]:
    for node in ast.walk(function):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Return) and node.value:
            yield node.value
        elif isinstance(node, ast.Name) and node.id.isupper():
            yield node


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _texts(node: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    if isinstance(node, ast.Compare | ast.Subscript):
        return
    if isinstance(node, ast.JoinedStr):
        yield from _texts(node.values[0], constants)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif _name(node).isupper() and _name(node) in constants:
        yield from _texts(constants[_name(node)], constants)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child, constants)


def _sources() -> dict[Path, str]:
    return {path: path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")}


def test_every_code_that_a_reader_notes_has_its_words() -> None:
    found = codes_in([ast.parse(source) for source in _sources().values()])
    known = words("labels").table("note").keys()
    assert found - known == set(), "put their words into config/labels, in both languages"
    whole = "\n".join(_sources().values())
    assert {code for code in known - found if f'"{code}' not in whole} == set(), "unused words"
    channels = {"mail_cut", "edited", "files_not_named", "half_character", "file_not_shown"}
    assert found >= channels | {"mail_reply_to", "parts_missing", "text_cut", "list_mail"}


@pytest.mark.parametrize(
    "planted",
    [
        'notes.append("odd_one")',
        'self.notes.append("odd_one")',
        'ODD = "odd_one"\nbudget.note(f"{codes.ODD}: {what}")',
        'ODD = "odd_one"\nnotes += [note for note, given in ((ODD, odd),) if given]',
        'Inbound(notes=("odd_one: 3", *more))',
        'ODD = f"odd_one: {3}"\nnotes = (*before, files.ODD)',
        'def notes(self):\n    yield f"odd_one: {self.kind}"',
        'ODD = "odd_one"\ndef _notes(a):\n    told = ((ODD, a),)\n    return list(told)',
        'Sign("list-odd", ".*", "odd_one: List-Odd", "unanswered")',
    ],
)
def test_a_code_without_words_is_found(planted: str) -> None:
    assert codes_in([ast.parse(planted)]) == {"odd_one"}


def test_a_reporter_is_told_what_is_also_told_to_officers() -> None:
    assert words("pages").table("note").keys() <= words("labels").table("note").keys()


def test_a_reporter_reads_each_thing_once_and_no_code() -> None:
    said = describe_notes(
        ["mail_many_parts", "mail_deep", "mail_dmarc", "new_code: 3", "parts_missing: 1/2"], "en"
    )
    assert said == [
        "Some of your mail could not be read.",
        "Part of your message did not reach us.",
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("not_read: voice", "not read (voice)"),
        ("some_newer_code", "some newer code"),
        ("some_newer_code: 7", "some newer code (7)"),
        ("a note of an earlier version", "a note of an earlier version"),
        ("Words: with a colon", "Words: with a colon"),
    ],
)
def test_an_unknown_code_can_be_read_all_the_same(written: str, said: str) -> None:
    assert Labels("en").note(written) == said
