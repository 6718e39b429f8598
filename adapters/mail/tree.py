"""Raw mail to a tree of parts, within limits: the sender chooses the bytes, we choose the time.

The standard parser has no limit on nesting (RecursionError), on parts or on lines; this one looks
only for header blocks and boundaries, by ``bytes.find``, and stops at fixed counts. What it could
not read is said in ``notes`` (codes, for the officer), never raised: the raw mail is kept.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.mail import charset
from adapters.mail.headers import base64_bytes, parameters

MAX_HEADER_BLOCK = 65_536
MAX_PART_HEADER_BLOCK = 16_384
MAX_HEADER = 8_192
MAX_FIELDS = 2_000
"""Headers of all parts together."""
MAX_PARTS = 100
MAX_DEPTH = 20
MAX_CANDIDATES = 2_000
"""Lines that begin like a boundary and may be none."""

LONG_HEADER = "mail_long_header"
TOO_MANY_PARTS = "mail_many_parts"
TOO_DEEP = "mail_deep"
NO_BOUNDARY = "mail_no_boundary"

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_MBOX = (b"From ", b">From ")


@dataclass(frozen=True, slots=True)
class MimePart:
    """One part of a mail: its headers (names in lower case), and where its body lies."""

    fields: tuple[tuple[str, str], ...]
    media_type: str
    parameters: Mapping[str, str]
    raw: bytes = field(repr=False)
    start: int
    end: int
    parts: tuple["MimePart", ...] = ()

    def get(self, name: str) -> str:
        """Return the first header of this name, unfolded and undecoded; "" if there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return every header of this name."""
        return [value for key, value in self.fields if key == name]

    def leaves(self) -> Iterator["MimePart"]:
        """Yield the parts that have no parts, in order."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def content(self) -> bytes:
        """Return the body with its transfer encoding undone; an unknown one is left as it is."""
        body = self.raw[self.start : self.end]
        encoding = self.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return base64_bytes(body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(body)
        return body


@dataclass(frozen=True, slots=True)
class Tree:
    """A mail as parts, and what could not be read of it."""

    root: MimePart
    notes: tuple[str, ...]
    whole: bool
    """False when parts were left unread, so that only the text can be relied on."""


def read(raw: bytes) -> Tree:
    """Take a mail apart. Never raises; time is linear in its size."""
    mail = raw.lstrip(b"\r\n")
    if b"\n" not in mail:
        mail = mail.replace(b"\r", b"\n")
    reader = _Reader(mail)
    root = reader.part(0, len(mail), 0, "text/plain")
    notes = tuple(dict.fromkeys(reader.notes))
    return Tree(root, notes, not {TOO_MANY_PARTS, TOO_DEEP} & set(notes))


class _Reader:
    """One reading of one mail, and its budgets."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.notes: list[str] = []
        self.count = 0
        self.fields = 0
        self.candidates = 0

    def part(self, start: int, end: int, depth: int, default: str) -> MimePart:
        self.count += 1
        fields, start = self.headers(
            start, end, MAX_PART_HEADER_BLOCK if depth else MAX_HEADER_BLOCK
        )
        stated = next((value for key, value in fields if key == "content-type"), "")
        kind, options = parameters(stated)
        kind = kind if re.fullmatch(r"[^\s/]+/[^\s/]+", kind) else default
        children = self.children(kind, options, start, end, depth)
        if kind.startswith("multipart/") and not children:
            kind = "text/plain"
        return MimePart(fields, kind, options, self.raw, start, end, children)

    def children(
        self, kind: str, options: Mapping[str, str], start: int, end: int, depth: int
    ) -> tuple[MimePart, ...]:
        if not kind.startswith("multipart/"):
            return ()
        if depth >= MAX_DEPTH:
            self.notes.append(TOO_DEEP)
            return ()
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        spans = self.spans(options.get("boundary", ""), start, end)
        found: list[MimePart] = []
        for first, last in spans:
            if self.count >= MAX_PARTS:
                self.notes.append(TOO_MANY_PARTS)
                break
            found.append(self.part(first, last, depth + 1, inner))
        if not found:
            self.notes.append(NO_BOUNDARY)
        return tuple(found)

    def spans(self, boundary: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where each part between the boundaries begins and ends."""
        opened: int | None = None
        for line, after, closing in self.delimiters(boundary, start, end):
            if opened is not None:
                yield opened, max(opened, line - (self.raw[line - 1 : line] == b"\r"))
            opened = None if closing else after
            if closing:
                return
        if opened is not None:
            yield opened, end

    def delimiters(self, boundary: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Yield (line break before, start of the line after, closing?) of each boundary line."""
        needle = b"\n--" + boundary.encode("utf-8", "replace")
        at = self.raw.find(needle, max(start - 1, 0), end) if boundary else -1
        while at >= 0:
            self.candidates += 1
            if self.candidates > MAX_CANDIDATES:
                self.notes.append(TOO_MANY_PARTS)
                return
            tail = at + len(needle)
            stop = self.raw.find(b"\n", tail, end)
            stop = end if stop < 0 else stop
            rest = self.raw[tail : min(stop, tail + 100)].strip()
            if rest in (b"", b"--"):
                yield at, min(stop + 1, end), rest == b"--"
            at = self.raw.find(needle, tail, end)

    def headers(self, start: int, end: int, limit: int) -> tuple[tuple[tuple[str, str], ...], int]:
        """Read a header block and return its fields and where the body begins."""
        found: list[tuple[str, bytearray]] = []
        at = start
        while at < end:
            if at - start > limit or self.fields > MAX_FIELDS:
                self.notes.append(LONG_HEADER)
                at = self.after_blank_line(at, end)
                break
            after = self.raw.find(b"\n", at, end) + 1 or end
            line = self.raw[at : min(after, at + MAX_HEADER + 200)]
            if not line.strip(b"\r\n"):
                at = after
                break
            if not self.header_line(line, found):
                break  # the blank line is missing: this is text already
            at = after
        return tuple((name, _text(value)) for name, value in found), at

    def header_line(self, line: bytes, found: list[tuple[str, bytearray]]) -> bool:
        """Add one line to the fields; tell whether it belongs to a header block at all."""
        if line[:1] in (b" ", b"\t") and found:
            self.add(found[-1][1], b" " + line.strip())
        elif match := _FIELD.match(line):
            self.fields += 1
            found.append((match[1].decode("ascii").lower(), bytearray()))
            self.add(found[-1][1], line[match.end() :].strip())
        else:
            return not found and line.startswith(_MBOX)
        return True

    def add(self, value: bytearray, piece: bytes) -> None:
        room = MAX_HEADER - len(value)
        if len(piece) > room:
            self.notes.append(LONG_HEADER)
        value += piece[: max(room, 0)]

    def after_blank_line(self, at: int, end: int) -> int:
        ends = (self.raw.find(b"\n\n", at - 1, end), self.raw.find(b"\n\r\n", at - 1, end))
        first, second = (e + skip if e >= 0 else end for e, skip in zip(ends, (2, 3), strict=True))
        return min(first, second)


def _text(value: bytes | bytearray) -> str:
    return charset.decode(bytes(value))[0].replace("\x00", "").strip()
