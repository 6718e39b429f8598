"""A block of mail headers, also a damaged one: one bad line must not decide about all the others.

A line that is no header is left out when headers follow it, and ends the block when they do not:
then the blank line is missing and it is text already. What follows counts as a header by its name:
"Lokasi: ..." in a text looks like one too.
"""

import re
from collections.abc import Sequence

from adapters.mail import charset, notes
from adapters.mail.budget import ReadingBudget

MAX_BLOCK = 65_536
MAX_PART_BLOCK = 16_384
MAX_FIELD = 8_192
_AHEAD = 12
"""Lines after a bad one in which a header must come."""
_AGAIN = 3
"""Blocks that may follow each other."""

Fields = tuple[tuple[str, str], ...]

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_MBOX = (b"From ", b">From ")
_NAMES = (
    rb"x-[\w-]+|(?:content|list|resent|arc|thread|original|auto|return|delivery|disposition)-[\w-]+"
    rb"|received(?:-spf)?|authentication-results|(?:dkim|domainkey)-signature|mime-version"
    rb"|message-id|in-reply-to|references|reply-to|delivered-to|envelope-to|errors-to|feedback-id"
    rb"|apparently-to|user-agent|importance|priority|precedence|sensitivity|organi[sz]ation"
    rb"|accept-language|mailing-list|newsgroups|deferred-delivery|require-recipient-valid-since"
)
_COMMON = rb"from|sender|to|b?cc|subject|date|comments|keywords|status|lines"
"""Names of headers that also stand above letters which people quote."""
_KNOWN = re.compile(rb"(%b|%b)[ \t]*:" % (_NAMES, _COMMON), re.IGNORECASE)
_SURE = re.compile(rb"(%b)[ \t]*:" % _NAMES, re.IGNORECASE)
_OF_PARTS = re.compile(rb"(content-[\w-]+)[ \t]*:", re.IGNORECASE)
_NAME_ALONE = re.compile(rb"(%b|%b)[ \t]*\r*\n[ \t]+:" % (_NAMES, _COMMON), re.IGNORECASE)
_PARAMETER = re.compile(
    rb"(boundary|charset|name|filename|format|delsp|type|protocol|micalg|smime-type|method)"
    rb"[*0-9]*[ \t]*=",
    re.IGNORECASE,
)
_MARKS = {"content-type", "content-transfer-encoding", "mime-version", "message-id", "received"}
"""Headers of which one must stand in a second block: people do not write them into a text."""
_SAME = ("from", "message-id", "subject")


def read(
    raw: bytes, start: int, end: int, budget: ReadingBudget, *, whole_mail: bool
) -> tuple[Fields, int]:
    """Read the headers of a mail, or of a part of one, and where the body begins."""
    block = _Block(raw, end, budget, whole_mail)
    at = block.read(start)
    fields = block.fields()
    for _ in range(_AGAIN if whole_mail else 0):
        further, after = _further(raw, at, end, fields)
        if not further:
            break
        budget.note(notes.HEADER_SPLIT)
        described = any(name.startswith("content-") for name, _ in further)
        kept = (f for f in fields if not (described and f[0].startswith("content-")))
        fields, at = (*kept, *further), after
    return fields, at


def _further(raw: bytes, at: int, end: int, fields: Fields) -> tuple[Fields, int]:
    """Read headers that go on after a blank line; a mail pasted into the text is no such thing."""
    if not _KNOWN.match(raw, at, end):
        return (), at
    stated = "".join(value for name, value in fields if name == "content-type")
    if stated.lower().startswith("multipart/"):
        return (), at
    block = _Block(raw, end, ReadingBudget(), True)
    after = block.read(at)
    found, before = dict(block.fields()), dict(fields)
    marked = bool(_MARKS & found.keys()) and len(found) > 1 and block.closed
    same = all(found.get(n, before.get(n)) == before.get(n, found.get(n)) for n in _SAME)
    return (block.fields(), after) if marked and same else ((), at)


class _Block:
    """One block as it is read."""

    def __init__(self, raw: bytes, end: int, budget: ReadingBudget, whole_mail: bool) -> None:
        self._raw, self._end, self._budget = raw, end, budget
        self._limit = MAX_BLOCK if whole_mail else MAX_PART_BLOCK
        self._after_bad = _KNOWN if whole_mail else _OF_PARTS
        self._found: list[tuple[str, bytearray]] = []
        self._sure = (0, 0)
        """How many fields there are up to the last whose name is known, and where it ends."""
        self.closed = False

    def fields(self) -> Fields:
        """Return the headers: names in lower case, values unfolded."""
        return tuple((name, _text(value)) for name, value in self._found)

    def read(self, start: int) -> int:
        """Read from ``start`` on and return where the body begins."""
        at = start
        self._sure = (0, start)
        while at < self._end:
            if at - start > self._limit or self._budget.fields_spent:
                self._budget.note(notes.LONG_HEADER)
                return _after_blank_line(self._raw, at, self._end)
            line, after = self._line(at)
            if not line.strip() and self._ends(line, after):
                self.closed = True
                return after
            if not self._take(line, at, after):
                return self._give_back()
            at = after
        return at

    def _line(self, at: int) -> tuple[bytes, int]:
        after = self._raw.find(b"\n", at, self._end) + 1 or self._end
        return self._raw[at : min(after, at + MAX_FIELD + 200)], after

    def _ends(self, line: bytes, after: int) -> bool:
        """Tell whether a blank line ends the headers; one of spaces may stand between them."""
        if not line.strip(b"\r\n"):
            return True
        following = self._raw[after : after + 1]
        folded = bool(self._found) and following in (b" ", b"\t") and self._line(after)[0].strip()
        return not folded and not self._after_bad.match(self._raw, after, self._end)

    def _take(self, line: bytes, at: int, after: int) -> bool:
        """Take one line into the fields; False when it is text already."""
        if line[:1] in (b" ", b"\t") and self._found:
            self._continue(line, after)
        elif match := _FIELD.match(line):
            self._budget.fields += 1
            name = match[1].decode("ascii").lower()
            self._found.append((name, bytearray()))
            self._add(line[match.end() :].strip())
            if "-" in name or _KNOWN.match(line):
                self._sure = (len(self._found), after)
        elif not self._found and line.startswith(_MBOX):
            pass
        elif match := _NAME_ALONE.match(self._raw, at, min(self._end, at + 300)):
            self._budget.note(notes.HEADER_LINE)
            self._found.append((match[1].decode("ascii").lower(), bytearray()))
        elif self._is_unfolded(line) or self._headers_follow(after):
            self._leave_out(line, after)
        else:
            return False
        return True

    def _continue(self, line: bytes, after: int) -> None:
        piece, (_, value) = line.strip(), self._found[-1]
        self._add(b" " + (piece if value else piece.removeprefix(b":").lstrip()))
        if self._sure[0] == len(self._found):
            self._sure = (self._sure[0], after)

    def _is_unfolded(self, line: bytes) -> bool:
        """Tell whether a line goes on with the header above, without the space before it."""
        name = self._found[-1][0] if self._found else ""
        return name.startswith("content-") and bool(_PARAMETER.match(line))

    def _headers_follow(self, at: int) -> bool:
        names = {name.encode() for name, _ in self._found}
        for _ in range(_AHEAD):
            if match := self._after_bad.match(self._raw, at, self._end):
                return match[1].lower() not in names or bool(_SURE.match(self._raw, at, self._end))
            line, at = self._line(at)
            if not line.strip():
                return False
        return False

    def _leave_out(self, line: bytes, after: int) -> None:
        """Leave a bad line out, but not the rest of a subject in two lines."""
        self._budget.note(notes.HEADER_LINE)
        if self._found and (self._found[-1][0] == "subject" or self._is_unfolded(line)):
            self._continue(line, after)

    def _give_back(self) -> int:
        """Return where the text begins when the blank line is missing.

        The last lines that only look like headers ("Lokasi: ...") belong to the text.
        """
        count, at = self._sure
        if count:
            self._budget.note(notes.NO_BLANK_LINE)
        del self._found[count:]
        return at

    def _add(self, piece: bytes) -> None:
        value = self._found[-1][1]
        room = MAX_FIELD - len(value)
        if len(piece) > room:
            self._budget.note(notes.LONG_HEADER)
        value += piece[: max(room, 0)]


def _after_blank_line(raw: bytes, at: int, end: int) -> int:
    ends = (raw.find(b"\n\n", at - 1, end), raw.find(b"\n\r\n", at - 1, end))
    skips: Sequence[int] = (2, 3)
    first, second = (e + skip if e >= 0 else end for e, skip in zip(ends, skips, strict=True))
    return min(first, second)


def _text(value: bytes | bytearray) -> str:
    return charset.decode(bytes(value))[0].replace("\x00", "").strip()
