"""Forms as the clients of GeoReport send them: URL-encoded, multipart with files, or JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field as FormField
from python_multipart.multipart import File as FormFile
from python_multipart.multipart import FormParser

from adapters.contract import File, Invalid, WebhookRequest

MOST_FIELDS = 500
MOST_FILES = 20
URLENCODED, MULTIPART, JSON = (
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/json",
)
UNREADABLE = "the body cannot be read as the content type it names"


@dataclass(frozen=True, slots=True)
class PartnerForm:
    """Fields by name, each with its values in order, and files. An empty value is as none."""

    fields: Mapping[str, tuple[str, ...]]
    files: tuple[File, ...] = ()

    def first(self, name: str) -> str:
        """Return the first value of a field, trimmed; "" where there is none."""
        return next(iter(self.fields.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, also where it is written with [] at its end."""
        return self.fields.get(name, ()) + self.fields.get(f"{name}[]", ())


def query(url: str) -> PartnerForm:
    """Read the query of a URL. Raises ``Invalid``."""
    return PartnerForm(_grouped(_pairs(urlsplit(url).query)))


def read(hook: WebhookRequest) -> PartnerForm:
    """Read the body of a hook. Raises ``Invalid``."""
    kind, options = _content_type(hook.headers.get("content-type", ""))
    if kind == MULTIPART:
        return _multipart(options, hook.body)
    if kind == JSON:
        return PartnerForm(_grouped(_flat(_json(hook.body))))
    if kind and kind != URLENCODED:
        raise Invalid([f"the body must be {URLENCODED}, {MULTIPART} or {JSON}"])
    return PartnerForm(_grouped(_pairs(hook.body.decode("utf-8", "replace"))))


def _content_type(header: str) -> tuple[str, dict[str, str]]:
    message = Message()
    message["content-type"] = "".join(c for c in header if c.isprintable() and c.isascii())
    if not header.strip():
        return "", {}
    params = message.get_params(failobj=[])
    return params[0][0].lower().strip() if params else "", {k.lower(): v for k, v in params[1:]}


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        raise Invalid([f"at most {MOST_FIELDS} fields"]) from None


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if value := value.strip():
            fields[name] = (*fields.get(name, ()), value)
    return fields


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid([UNREADABLE]) from None
    if not isinstance(found, dict):
        raise Invalid(["a JSON object is needed"])
    return found


def _flat(values: Mapping[str, Any], inside: str = "") -> list[tuple[str, str]]:
    """Write a JSON object as the fields of a form: ``attribute[code]``, lists as repeats."""
    pairs = [pair for name, value in values.items() for pair in _field(name, value, inside)]
    if len(pairs) > MOST_FIELDS:
        raise Invalid([f"at most {MOST_FIELDS} fields"])
    return pairs


def _field(name: str, value: Any, inside: str) -> Iterator[tuple[str, str]]:
    full = f"{inside}[{name}]" if inside else name
    if isinstance(value, dict) and not inside:
        yield from _flat(value, name)
        return
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, bool):
            yield full, str(one).lower()
        elif isinstance(one, str | int | float):
            yield full, str(one)
        elif one is not None:
            raise Invalid([f"{name[:80]}: a text, a number or a list of them is needed"])


class _Parts:
    """Collects what a multipart body holds."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.files: list[File] = []
        self.ended = False

    def field(self, field: FormField) -> None:
        if len(self.pairs) >= MOST_FIELDS:
            raise Invalid([f"at most {MOST_FIELDS} fields"])
        self.pairs.append((_text(field.field_name), _text(field.value)))

    def file(self, file: FormFile) -> None:
        if len(self.files) >= MOST_FILES:
            raise Invalid([f"at most {MOST_FILES} files"])
        file.file_object.seek(0)
        content = file.file_object.read()
        file.close()
        if content:
            self.files.append(_file(file, content))

    def end(self) -> None:
        self.ended = True


def _file(file: FormFile, content: bytes) -> File:
    kind = (file.content_type or "").partition(";")[0].strip().lower()
    name = _text(file.file_name) or _text(file.field_name)
    return File(name, kind or "application/octet-stream", content)


def _multipart(options: Mapping[str, str], body: bytes) -> PartnerForm:
    parts = _Parts()
    make = partial(FormParser, MULTIPART, parts.field, parts.file, parts.end)
    try:
        # Kept in memory whatever their size: the shell has capped the body already.
        parser = make(options.get("boundary", ""), config={"MAX_MEMORY_FILE_SIZE": len(body) + 1})
        parser.write(body)
        parser.finalize()
        parser.close()
    except Invalid:
        raise
    except (FormParserError, ValueError, AssertionError, LookupError):
        raise Invalid([UNREADABLE]) from None
    if not parts.ended:
        raise Invalid([UNREADABLE])
    return PartnerForm(_grouped(parts.pairs), tuple(parts.files))


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").strip()
