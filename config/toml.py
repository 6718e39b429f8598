"""TOML files read so that whatever is wrong in them can be shown with its line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file of the configuration, or in the environment (line 0)."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class SettingsError(Exception):
    """The settings are wrong; ``faults`` says what, where."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def read_toml(path: Path) -> dict[str, Any]:
    """Read one TOML file. Raises ``SettingsError`` naming file and line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise SettingsError([Fault(str(path), 0, reason)]) from None
    try:
        return tomllib.loads(content.decode("utf-8-sig"))  # Windows editors write a mark first
    except RecursionError:
        raise SettingsError([Fault(str(path), 0, "nested too deeply")]) from None
    except ValueError as error:  # more than TOMLDecodeError: a number of 5,000 digits
        raise SettingsError([Fault(str(path), _line(error, content), str(error))]) from None


def _line(error: ValueError, content: bytes) -> int:
    if isinstance(error, UnicodeDecodeError):
        return error.object[: error.start].count(b"\n") + 1
    if at := re.search(r"at line (\d+)", str(error)):
        return int(at[1])
    return content.count(b"\n") + 1 if "end of document" in str(error) else 0


def merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lay ``new`` over ``into``, table by table."""
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


_KEY = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_KEYS})\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(rf"\s*({_KEYS})\s*=")
_LONG_STRING = re.compile(r"\"{3}|'{3}")


Lines = Mapping[tuple[str, ...], int]
"""The line of each table and setting of a file."""


def lines_of(path: Path) -> Lines:
    """Find the line of every table and setting of a TOML file.

    Reads tables, dotted and quoted keys; arrays of tables count under their name.
    """
    table: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], int] = {}
    for number, line in _lines_outside_strings(path.read_text("utf-8-sig", "replace")):
        if header := _HEADER.match(line):
            table = found = _split_key(header[1])
        elif assignment := _ASSIGNMENT.match(line):
            found = table + _split_key(assignment[1])
        else:
            continue
        lines.setdefault(found, number)
    return lines


def line_in(lines: Lines, keys: tuple[str, ...]) -> int:
    """Return the line that sets ``keys``, or its nearest table; 0 if neither is there."""
    around = (keys[:depth] for depth in range(len(keys), 0, -1))
    return next((lines[each] for each in around if each in lines), 0)


def line_of(path: Path, keys: tuple[str, ...]) -> int:
    """Find the line of a TOML file that sets ``keys``, or its nearest table; 0 if neither is there.

    Of many keys of one file, ask ``lines_of`` once.
    """
    return line_in(lines_of(path), keys)


def _lines_outside_strings(text: str) -> Iterator[tuple[int, str]]:
    """Number the lines that do not begin inside a string of several lines."""
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if not inside:
            yield number, line
        inside ^= len(_LONG_STRING.findall(line)) % 2 == 1


def _split_key(text: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, text))
