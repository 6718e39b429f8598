"""Form bodies, as browsers send them: ``multipart/form-data`` (RFC 7578) or URL-encoded.

The size of the whole is capped where it is read from the wire; here the number of parts and the
size of each value are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

MOST_PARTS = 60
"""The form has about twenty fields and five files; more than this is an attack on the parser."""
MOST_VALUE = 100_000
"""Bytes of one field that is no file."""


class UnreadableForm(ValueError):
    """The body is no form, or a broken one."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form: its name and type are what the browser claims."""

    name: str
    media_type: str
    content: bytes


@dataclass(slots=True)
class WebForm:
    """What was filled in, in the order of the form."""

    values: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)

    @property
    def has_files(self) -> bool:
        """Tell whether files came along."""
        return bool(self.files)

    def first(self, name: str) -> str:
        """Return what was typed into a field, trimmed; "" when it is missing."""
        return self.values.get(name, [""])[0].replace("\r\n", "\n").strip()


def read(content_type: str, body: bytes) -> WebForm:
    """Read a form. Raises ``UnreadableForm``."""
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    if kind == b"multipart/form-data":
        return _multipart(options.get(b"boundary", b""), body)
    if kind == b"application/x-www-form-urlencoded":
        return _encoded(body)
    raise UnreadableForm("not a form")


def _encoded(body: bytes) -> WebForm:
    try:
        text = body.decode("utf-8", "replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARTS)
    except ValueError:
        raise UnreadableForm("too many fields") from None
    form = WebForm()
    for name, value in pairs:
        form.values.setdefault(name, []).append(value)
    return form


def _multipart(boundary: bytes, body: bytes) -> WebForm:
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError, AssertionError) as error:
        raise UnreadableForm("a broken form") from error
    if not parts.ended:
        raise UnreadableForm("the form was cut off")
    return parts.form


class _Parts:
    """Collects the parts of a multipart body as the parser finds them."""

    def __init__(self) -> None:
        self.form = WebForm()
        self.ended = False
        self._count = 0
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._data = bytearray()
        self._options: Mapping[bytes, bytes] = {}

    def callbacks(self) -> dict[str, object]:
        """Name what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._keep_header,
            "on_headers_finished": self._read_headers,
            "on_part_data": self._keep_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise UnreadableForm("too many fields")
        self._headers, self._data = {}, bytearray()

    def _keep_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _read_headers(self) -> None:
        kind, self._options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in self._options:
            raise UnreadableForm("a part without a name")

    def _keep_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]
        if b"filename" not in self._options and len(self._data) > MOST_VALUE:
            raise UnreadableForm("a field is too long")

    def _end_part(self) -> None:
        name = self._options[b"name"].decode("utf-8", "replace")
        if b"filename" not in self._options:
            value = self._data.decode("utf-8", "replace")
            self.form.values.setdefault(name, []).append(value)
        elif self._data:  # a file field that was left empty comes as a part without a byte
            called = self._options[b"filename"].decode("utf-8", "replace")
            claimed = self._headers.get(b"content-type", b"").decode("latin-1")
            upload = Upload(called, claimed, bytes(self._data))
            self.form.files.setdefault(name, []).append(upload)

    def _end(self) -> None:
        self.ended = True
