"""Forms as the clients of GeoReport send them: URL-encoded, multipart with files, or JSON.

Text is read in the charset that is named, else as UTF-8; bytes that are no such text are a fault,
never a letter less.
"""

import json
import re
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
from adapters.partner_api.encoding import UTF8, codec_of, decode, decode_json, not_text

MOST_FIELDS = 500
MOST_FILES = 20
URLENCODED, MULTIPART, JSON = (
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/json",
)
UNREADABLE = "the body cannot be read as the content type it names"
CHARSET_FIELD = "_charset_"
"""The part of a form that names the charset of its other parts (RFC 7578 4.6)."""
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


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
    return PartnerForm(_grouped(_pairs(urlsplit(url).query, UTF8)))


def read(hook: WebhookRequest) -> PartnerForm:
    """Read the body of a hook. Raises ``Invalid``."""
    kind, options = _content_type(hook.headers.get("content-type", ""))
    if kind == MULTIPART:
        return _multipart(options, hook.body)
    charset = options.get("charset", "")
    if kind == JSON:
        return PartnerForm(_grouped(_flat(_json(decode_json(hook.body, charset)))))
    if kind and kind != URLENCODED:
        raise Invalid([f"the body must be {URLENCODED}, {MULTIPART} or {JSON}"])
    return PartnerForm(_grouped(_encoded(hook.body, codec_of(charset))))


def charset_of(content_type: str) -> str:
    """Return the charset that a content type names; "" where it names none."""
    return _content_type(content_type)[1].get("charset", "")


def _content_type(header: str) -> tuple[str, dict[str, str]]:
    message = Message()
    message["content-type"] = "".join(c for c in header if c.isprintable() and c.isascii())
    if not header.strip():
        return "", {}
    params = message.get_params(failobj=[])
    options = {k.lower(): v for k, v in params[1:] if isinstance(v, str)}
    return params[0][0].lower().strip() if params else "", options


def _encoded(body: bytes, codec: str) -> list[tuple[str, str]]:
    if codec.startswith(("utf-16", "utf-32")):
        return _pairs(decode(body, codec), UTF8)
    # What should have been written as %XX and was not is read as if it had been.
    ascii_only = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], body)
    return _pairs(ascii_only.decode("ascii"), codec)


def _pairs(text: str, codec: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, max_num_fields=MOST_FIELDS, encoding=codec, errors="strict")
    except UnicodeError:
        raise Invalid([not_text(codec)]) from None
    except ValueError:
        raise Invalid([f"at most {MOST_FIELDS} fields"]) from None


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if value := value.strip():
            fields[name] = (*fields.get(name, ()), value)
    return fields


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
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
        self.raw: list[tuple[bytes, bytes, str | None]] = []
        """Name, value and content type of each field."""
        self.files: list[File] = []
        self.ended = False

    def field(self, field: FormField) -> None:
        if len(self.raw) >= MOST_FIELDS:
            raise Invalid([f"at most {MOST_FIELDS} fields"])
        self.raw.append((field.field_name or b"", field.value or b"", field.content_type))

    def pairs(self, charset: str) -> list[tuple[str, str]]:
        """Return the fields in the charset of each, of the form, or of the whole body."""
        named = (value for name, value, _ in self.raw if name == CHARSET_FIELD.encode())
        whole = codec_of(next(named, b"").decode("latin-1").strip() or charset)
        return [
            (decode(name, whole).strip(), decode(value, self._codec(kind) or whole).strip())
            for name, value, kind in self.raw
        ]

    @staticmethod
    def _codec(kind: str | None) -> str:
        own = charset_of(kind or "")
        return codec_of(own) if own else ""

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
    return PartnerForm(_grouped(parts.pairs(options.get("charset", ""))), tuple(parts.files))


def _text(value: bytes | None) -> str:
    """Read the name of a file, which is no word of anybody's: it may lose a letter."""
    return (value or b"").decode("utf-8", "replace").strip()
