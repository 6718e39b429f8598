"""Raw mail to a tree of parts, within limits: the sender chooses the bytes, we choose the time.

The standard parser has no limit on nesting (RecursionError), on parts or on lines; this one looks
only for header blocks and boundaries, by ``bytes.find``, and stops at fixed counts. What it could
not read is said in ``notes`` (codes, for the officer), never raised: the raw mail is kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from adapters.mail import containers, header_block, kinds, notes, transfer
from adapters.mail.budget import MAX_CANDIDATES, MAX_DEPTH, MAX_MAILS, MAX_PARTS, ReadingBudget
from adapters.mail.part import MimePart as MimePart

_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r*\n)*")
_OWN_BOUNDARY = re.compile(
    rb"^--([^\s][^\r\n]{0,198}?)[ \t]*\r*\n(?=content-[\w-]{1,40}[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_SEARCHED = 65_536
"""Bytes of a body in which a boundary is looked for that the headers do not name."""
_LONE_CR = re.compile(rb"\r(?!\n)")
_HEADERS_BY_CR = re.compile(rb"\r[A-Za-z-]{2,40}[ \t]*:")
_PREAMBLE = re.compile(rb"\s*(?:This is a[^\n]{0,100}MIME[^\n]{0,100}\n\s*)?", re.IGNORECASE)
_NOT_BOUNDARY = re.compile(r"[\"']|\s+\(.*\)$")


@dataclass(frozen=True, slots=True)
class Tree:
    """A mail as parts, and what could not be read of it."""

    root: MimePart
    budget: ReadingBudget

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted in reading, each once."""
        return tuple(self.budget.noted)

    @property
    def whole(self) -> bool:
        """Tell whether all parts were read; if not, only the text can be relied on."""
        return not {notes.TOO_MANY_PARTS, notes.TOO_DEEP} & self.budget.noted.keys()


def read(raw: bytes, budget: ReadingBudget | None = None) -> Tree:
    """Take a mail apart. Never raises; time is linear in its size.

    ``budget`` is that of the mail around it.
    """
    budget = budget or ReadingBudget()
    leading = _LEADING.match(raw)
    mail = _by_lines(raw[leading.end() if leading else 0 :])
    reader = _Reader(budget)
    return Tree(reader.part(mail, 0, len(mail), 0, "text/plain"), budget)


def read_inner(part: MimePart, budget: ReadingBudget) -> MimePart | None:
    """Read the mail that is in a part; None when enough mails were read."""
    budget.mails += 1
    if budget.mails > MAX_MAILS:
        budget.note(notes.TOO_DEEP)
        return None
    return read(part.content(), budget).root


def _by_lines(mail: bytes) -> bytes:
    """Give a mail line ends that are LF or CR LF where its headers end in CR, or CR CR LF."""
    first = mail[: mail.find(b"\n") + 1 or header_block.MAX_BLOCK][-header_block.MAX_BLOCK :]
    if len(_HEADERS_BY_CR.findall(first)) > 1 or first.endswith(b"\r\r\n") or b"\n" not in first:
        return _LONE_CR.sub(b"\n", mail.replace(b"\r\r\n", b"\r\n"))
    return mail


def _own_boundary(part: MimePart, *, at_start: bool = False) -> str:
    """Find a line in a body that parts it, whatever the headers say; "" if there is none."""
    body = part.raw[max(part.start - 1, 0) : min(part.end, part.start + _SEARCHED)]
    match = _OWN_BOUNDARY.search(body)
    if match is None or (at_start and not _PREAMBLE.fullmatch(body[: match.start()])):
        return ""
    return match[1].decode("utf-8", "replace")


class _Reader:
    """One reading of one mail."""

    def __init__(self, budget: ReadingBudget) -> None:
        self._budget = budget

    def part(self, raw: bytes, start: int, end: int, depth: int, default: str) -> MimePart:
        """Read one part and what is in it."""
        self._budget.parts += 1
        fields, start = header_block.read(raw, start, end, self._budget, whole_mail=not depth)
        stated = next((value for name, value in fields if name == "content-type"), "")
        kind, options, clean = kinds.read(stated)
        if kind and not clean:
            self._budget.note(notes.TYPE)
        if kind == "multipart/encrypted":
            self._budget.note(notes.ENCRYPTED)
        part = MimePart(fields, kind or default, options, raw, start, end)
        if depth >= MAX_DEPTH:
            return self.too_deep(part)
        if part.media_type.startswith("multipart/"):
            return self.several(part, depth)
        if not kind and not depth and (boundary := _own_boundary(part, at_start=True)):
            self._budget.note(notes.BOUNDARY)
            found = self.children(part, boundary, depth)
            return replace(part, media_type="multipart/mixed", parts=found)
        return self.open_container(part, depth)

    def too_deep(self, part: MimePart) -> MimePart:
        """Leave a part unopened; the text of a multipart is read as it stands."""
        if not part.media_type.startswith("multipart/"):
            return part
        self._budget.note(notes.TOO_DEEP)
        return replace(part, media_type="text/plain")

    def open_container(self, part: MimePart, depth: int) -> MimePart:
        """Return a part with what is packed in it, if it is a container."""
        inside = containers.open_part(part, self._budget)
        if inside is None:
            return part
        found = tuple(
            self.part(entity, 0, len(entity), depth + 1, "text/plain")
            for entity in inside.entities
            if self.may_read_more()
        )
        return replace(part, media_type=inside.media_type, parts=found)

    def may_read_more(self) -> bool:
        """Tell whether one more part is read."""
        if self._budget.parts >= MAX_PARTS:
            self._budget.note(notes.TOO_MANY_PARTS)
        return self._budget.parts < MAX_PARTS

    def several(self, part: MimePart, depth: int) -> MimePart:
        """Read the parts of a multipart, also of one that is encoded as a whole."""
        boundary = part.parameters.get("boundary", "")
        if found := self.children(part, boundary, depth):
            return replace(part, parts=found)
        encoding = transfer.name_of(part.get("content-transfer-encoding"))
        if encoding not in ("", transfer.UNKNOWN):
            body = b"\n" + transfer.decode(part.raw[part.start : part.end], encoding)
            fields = tuple(f for f in part.fields if f[0] != "content-transfer-encoding")
            part = MimePart(fields, part.media_type, part.parameters, body, 1, len(body))
            self._budget.note_opened(encoding)
            found = self.children(part, boundary, depth)
        for guess in (_NOT_BOUNDARY.sub("", boundary), _own_boundary(part)):
            if not found and guess not in ("", boundary):
                found = self.children(part, guess, depth)
                if found:
                    self._budget.note(notes.BOUNDARY)
        if found:
            return replace(part, parts=found)
        self._budget.note(notes.NO_BOUNDARY)
        return replace(part, media_type="text/plain")

    def children(self, part: MimePart, boundary: str, depth: int) -> tuple[MimePart, ...]:
        """Read what stands between the lines of one boundary."""
        inner = "message/rfc822" if part.media_type == "multipart/digest" else "text/plain"
        found: list[MimePart] = []
        for first, last in self.spans(part, boundary):
            if not self.may_read_more():
                break
            found.append(self.part(part.raw, first, last, depth + 1, inner))
        return tuple(found)

    def spans(self, part: MimePart, boundary: str) -> Iterator[tuple[int, int]]:
        """Yield where each part between the boundaries begins and ends."""
        raw, opened = part.raw, None
        for line, after, closing in self.delimiters(part, boundary):
            if opened is not None:
                yield opened, max(opened, line - (raw[line - 1 : line] == b"\r"))
            opened = None if closing else after
            if closing:
                return
        if opened is not None:
            self._budget.note(notes.UNCLOSED)
            yield opened, part.end

    def delimiters(self, part: MimePart, boundary: str) -> Iterator[tuple[int, int, bool]]:
        """Yield (line break before, start of the line after, closing?) of each boundary line."""
        raw, start, end = part.raw, part.start, part.end
        needle = b"\n--" + boundary.encode("utf-8", "replace")
        at = raw.find(needle, max(start - 1, 0), end) if boundary else -1
        while at >= 0:
            self._budget.candidates += 1
            if self._budget.candidates > MAX_CANDIDATES:
                self._budget.note(notes.TOO_MANY_PARTS)
                return
            tail = at + len(needle)
            stop = raw.find(b"\n", tail, end)
            stop = end if stop < 0 else stop
            rest = raw[tail : min(stop, tail + 100)].strip()
            if rest in (b"", b"--"):
                yield at, min(stop + 1, end), rest == b"--"
            at = raw.find(needle, tail, end)
