"""What words and files may be packed in, opened: S/MIME, winmail.dat, files inside plain text.

An opened container is a list of entities: bytes with headers, read like every part. What cannot be
opened stays a file, with a note.
"""

from dataclasses import dataclass, field
from urllib.parse import quote

from adapters.mail import cms, notes, packed, tnef
from adapters.mail.budget import ReadingBudget
from adapters.mail.files import is_text
from adapters.mail.part import MimePart

OPENED = "multipart/x-opened"
"""The type of a container that holds what its writer wrote."""
OPENED_COPY = "multipart/x-opened-copy"
"""The type of a container that repeats what stands beside it, and says it where nothing does."""

_UNTYPED = {"application/octet-stream", "application/binary", "application/x-unknown"}
_CMS = {"application/pkcs7-mime", "application/x-pkcs7-mime", "application/cms"}
_CMS_NAMES = (".p7m", ".p7z")
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef", "application/x-ms-tnef"}
_TNEF_NAMES = ("winmail.dat", "win.dat", ".tnef")
_TNEF_BEGINS = (tnef.SIGNATURE, b"eJ8+I")
_IN_TEXT = (b"begin ", b"=ybegin ")


@dataclass(frozen=True, slots=True)
class OpenedContainer:
    """What was in a container."""

    media_type: str
    entities: tuple[bytes, ...] = field(repr=False)


def open_part(part: MimePart, budget: ReadingBudget) -> OpenedContainer | None:
    """Open a part; None for what is no container, or cannot be opened. Never raises."""
    if part.media_type == "text/plain":
        return _files_in_text(part, budget) if _may_hold_files(part) else None
    if _is(part, _CMS, _CMS_NAMES):
        return _signed(part, budget)
    begin = part.raw[part.start : min(part.end, part.start + 80)].lstrip()
    packed_so = part.media_type in _UNTYPED and begin.startswith(_TNEF_BEGINS)
    if packed_so or _is(part, _TNEF, _TNEF_NAMES):
        return _tnef(part, budget)
    return None


def _is(part: MimePart, types: set[str], names: tuple[str, ...]) -> bool:
    return part.media_type in types or (
        part.media_type in _UNTYPED and part.name.strip().lower().endswith(names)
    )


def _spend(budget: ReadingBudget, size: int, what: str) -> bool:
    """Count what came out of a container; False when it is too much."""
    budget.opened += size
    if budget.room:
        budget.note_opened(what)
        return True
    budget.note_damaged(what)
    return False


def _signed(part: MimePart, budget: ReadingBudget) -> OpenedContainer | None:
    found = cms.read(part.content(), budget.room)
    if found is None:
        budget.note_damaged("smime")
        return None
    if found.kind == "encrypted":
        budget.note(notes.ENCRYPTED)
        return None
    if not _spend(budget, len(found.content), "smime"):
        return None
    if found.kind == "signed":
        budget.note(notes.UNVERIFIED)
    return OpenedContainer(OPENED, (found.content,))


def _tnef(part: MimePart, budget: ReadingBudget) -> OpenedContainer | None:
    found = tnef.read(part.content())
    if found is None:
        budget.note_damaged("tnef")
        return None
    size = sum(len(file.content) for file in found.files)
    if not _spend(budget, size + len(found.text) + len(found.page), "tnef"):
        return None
    entities = [_file(file.name, file.content) for file in found.files]
    if found.text.strip():
        entities.append(_text("text/plain; charset=utf-8", found.text.encode("utf-8", "replace")))
    elif found.page:
        entities.append(_text("text/html", found.page))
    if not found.whole:
        budget.note_damaged("tnef")
        entities.append(_file(part.name or "winmail.dat", part.content(), "x-kanal/damaged"))
    return OpenedContainer(OPENED_COPY, tuple(entities))


def _may_hold_files(part: MimePart) -> bool:
    return any(part.raw.find(sign, part.start, part.end) >= 0 for sign in _IN_TEXT)


def _files_in_text(part: MimePart, budget: ReadingBudget) -> OpenedContainer | None:
    rest, found = packed.unpack(part.text()[0])
    if not found or not all(_spend(budget, len(file.content), file.form) for file in found):
        return None
    text = _text(part.get("content-type") or "text/plain", rest)
    return OpenedContainer(OPENED, (text, *map(_packed_file, found)))


def _packed_file(file: packed.PackedFile) -> bytes:
    kind = "text/plain" if is_text(file.content) else "application/octet-stream"
    return _file(file.name, file.content, kind)


def _text(media_type: str, body: bytes) -> bytes:
    return f"Content-Type: {media_type}\r\n\r\n".encode("utf-8", "replace") + body


def _file(name: str, content: bytes, media_type: str = "application/octet-stream") -> bytes:
    head = f"Content-Type: {media_type}\r\nContent-Disposition: attachment"
    named = f"; filename*=utf-8''{quote(name, safe='')}" if name else ""
    return f"{head}{named}\r\n\r\n".encode() + content
