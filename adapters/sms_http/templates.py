"""Filling in what is sent: ``{name}`` becomes a value, escaped for the place where it stands.

A value is never read again: braces in a citizen's words stay braces.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

Values = Mapping[str, str]
_PLACE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]{0,40})\}|[{}]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold (XML 1.0, 2.2)."""


def check(template: str) -> str:
    """Return a template that can be filled in. Raises ``ValueError``."""
    if any(found[0] in ("{", "}") for found in _PLACE.finditer(template)):
        raise ValueError(f"write {{name}} for a value and {{{{ for a brace: {template[:80]!r}")
    return template


def names(value: Any) -> Iterator[str]:
    """Yield the names that a template, or a table or list of them, fills in."""
    if isinstance(value, str):
        yield from (found[1] for found in _PLACE.finditer(value) if found[1])
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names(inner)


def fill(template: str, values: Values, escaped: Callable[[str], str] = str) -> str:
    """Fill in a template; each value is ``escaped``, the template itself is not."""

    def one(found: re.Match[str]) -> str:
        return escaped(values[found[1]]) if found[1] else found[0][0]

    return _PLACE.sub(one, template)


def pairs(table: Mapping[str, str], values: Values) -> list[tuple[str, str]]:
    """Fill in a query or a form; what comes out empty is left out. Encode it as a whole."""
    filled = ((name, fill(template, values)) for name, template in table.items())
    return [(name, value) for name, value in filled if value]


def query(template: str, values: Values) -> str:
    """Fill in the query of a URL: only the values are encoded."""
    return fill(template, values, lambda value: quote(value, safe=""))


def header(template: str, values: Values) -> str:
    """Fill in a header; no value ends it or begins another one."""
    return _CONTROLS.sub(" ", fill(template, values)).strip()


def document(value: Any, values: Values) -> bytes:
    """Fill in a JSON document; what comes out empty is left out."""
    return json.dumps(_filled(value, values)).encode()


def xml(template: str, values: Values) -> bytes:
    """Fill in an XML document."""

    def escaped(value: str) -> str:
        return escape(_NOT_XML.sub("", value), {'"': "&quot;", "'": "&apos;"})

    return fill(template, values, escaped).encode("utf-8", "replace")


def _filled(value: Any, values: Values) -> Any:
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, Mapping):
        inner = {name: _filled(each, values) for name, each in value.items()}
        return {name: each for name, each in inner.items() if each != ""}
    if isinstance(value, list | tuple):
        return [_filled(each, values) for each in value]
    return value
