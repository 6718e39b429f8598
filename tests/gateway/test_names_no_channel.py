"""The shell names no channel: a new one is a file, its tests and a block of the settings.

Import rules (``pyproject.toml``) keep the shell from importing one; here it may not know one by its
name or by a setting that only one has either.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway
from adapters.contract import ChannelSettings
from adapters.load import kinds
from gateway.outbound.methods.base import MethodSettings

ROOT = Path(gateway.__file__).parent
KINDS = frozenset(kinds())
COMMON = ChannelSettings.model_fields.keys() | MethodSettings.model_fields.keys()
"""Settings of any channel, and of any way to an agency."""
ROLE = "a role of a process, not a channel"
LIBRARY = "a library whose own logging is kept quiet"
METHOD = "a method of [delivery] and the type of channel that it sends through"
ALLOWED = {
    ("commands/serving.py", "web"): ROLE,
    ("commands/serving.py", "mail"): ROLE,
    ("process.py", "web"): ROLE,
    ("process.py", "mail"): ROLE,
    ("portals/app.py", "web"): "the name of a task",
    ("commands/access.py", "rest"): "what operators mostly call the block a key is for: printed",
    ("platform/logs.py", "telegram"): LIBRARY,
    ("platform/logs.py", "twilio"): LIBRARY,
    ("learning/samples.py", "x"): "a letter that stands for a region without a code",
    ("outbound/methods/webhook.py", "webhook"): METHOD,
    ("store/migrations/versions/0014_deliveries.py", "webhook"): METHOD,
}
"""File and word, and why it is no channel that is named there."""


def named(source: str) -> Iterator[tuple[int, str]]:
    """Find the words of a module that are the name of a type of channel."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in KINDS:
            yield node.lineno, str(node.value)


def settings_of_one(source: str) -> Iterator[tuple[int, str]]:
    """Find the settings that are read of a channel and that not every channel has."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and _is_block(node.value):
            name = node.attr
        elif isinstance(node, ast.Call) and _is_look_up(node):
            name = str(ast.literal_eval(node.args[1]))
        else:
            continue
        if name not in COMMON:
            yield node.lineno, name


def _is_block(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "block"


def _is_look_up(node: ast.Call) -> bool:
    called = isinstance(node.func, ast.Name) and node.func.id == "getattr"
    return called and _is_block(node.args[0]) and isinstance(node.args[1], ast.Constant)


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def test_no_module_of_the_shell_names_a_channel() -> None:
    found = [
        f"gateway/{file}:{line}: {word!r}"
        for file, source in modules()
        for line, word in named(source)
        if (file, word) not in ALLOWED
    ]
    assert found == []
    used = {(file, word) for file, source in modules() for _, word in named(source)}
    assert ALLOWED.keys() - used == set(), "what is allowed and stands nowhere any more"


def test_no_module_of_the_shell_reads_a_setting_of_one_channel() -> None:
    found = [
        f"gateway/{file}:{line}: {name}"
        for file, source in modules()
        if not file.startswith("outbound/methods/")  # each has settings of its own
        for line, name in settings_of_one(source)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ['x = block["type"] == "telegram"', 'KINDS = ("open311", "other")', 'f(kind="smpp")'],
)
def test_a_name_is_found(line: str) -> None:
    assert list(named(line))


@pytest.mark.parametrize(
    "line", ["channel.block.authserv_id", 'getattr(sender.block, "smtp_tls", "")']
)
def test_a_setting_is_found(line: str) -> None:
    assert list(settings_of_one(line))
    assert not list(settings_of_one("channel.block.enabled"))
