"""Forms with files (``multipart/form-data``, RFC 7578), bounded before anything of them is kept.

The bytes stay in memory: what somebody photographed does not lie about in a temporary folder.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.casework.officers import MOST_PHOTOS, PHOTO_BYTES
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.sessions import MAX_FORM, Form, without_nul

MOST_FILES, MAX_FILE = MOST_PHOTOS, PHOTO_BYTES
MAX_UPLOAD = MOST_FILES * MAX_FILE + 2 * MAX_FORM
_MOST_FIELDS = 60
_INPUTS = 2
"""Inputs for files in one form: one that is left empty comes as a file without a byte."""


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form. ``name`` is what the browser says, ``field`` the input it was chosen in."""

    field: str
    name: str
    content: bytes


class _InMemory(MultiPartParser):
    spool_max_size = MAX_UPLOAD


def is_multipart(request: Request) -> bool:
    """Tell whether a form comes in parts, as those with files do."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    return kind == "multipart/form-data"


async def read_form_with_files(request: Request) -> tuple[Form, list[FormFile]]:
    """Read a form with files. Raises ``ConsoleError`` 413 or 415."""
    parser = _InMemory(
        request.headers,
        _bounded(request),
        max_files=MOST_FILES + _INPUTS,
        max_fields=_MOST_FIELDS,
        max_part_size=MAX_FORM,
    )
    try:
        data = await parser.parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise ConsoleError(413, ConsoleErrorCode.MANY_FILES, most=MOST_FILES) from None
        raise ConsoleError(415, ConsoleErrorCode.STRANGE_FORM) from None
    try:
        return await _sorted(data.multi_items())
    finally:
        await data.close()


async def _sorted(items: list[tuple[str, UploadFile | str]]) -> tuple[Form, list[FormFile]]:
    fields: dict[str, list[str]] = {}
    files: list[FormFile] = []
    for name, value in items:
        if isinstance(value, str):
            fields.setdefault(name, []).append(without_nul(value))
        elif content := await value.read():
            files.append(FormFile(name, value.filename or "", content))
    if len(files) > MOST_FILES:
        raise ConsoleError(413, ConsoleErrorCode.MANY_FILES, most=MOST_FILES)
    if any(len(each.content) > MAX_FILE for each in files):
        raise ConsoleError(413, ConsoleErrorCode.LARGE_FILE, most=MAX_FILE // 1_000_000)
    return fields, files


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_UPLOAD:
            raise ConsoleError(413, ConsoleErrorCode.LARGE_FILE, most=MAX_FILE // 1_000_000)
        yield chunk
