"""From the parts of a mail to what the writer wrote and the files that came along."""

import html as entities
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.contract import File
from adapters.mail import charset, containers, files, html, kinds, notes, packed, quotes, rich, rtf
from adapters.mail.budget import ReadingBudget
from adapters.mail.headers import parameters
from adapters.mail.part import MimePart
from adapters.mail.tree import Tree, read_inner

MAX_TEXT_BYTES = 262_144
"""Bytes of text that are read; the report keeps 20,000 characters, the raw mail keeps all."""
ALL_QUOTED = "mail_all_quoted"

MAX_ENCODED = 4 * MAX_TEXT_BYTES
"""Bytes of a text in its transfer encoding that are looked at."""
_MAILS = {"message/rfc822", "message/global"}
_LAST_RESORT = {"text/plain": 0, "text/html": 0, "text/calendar": 2, "text/x-amp-html": 3}
"""Parts whose text is read where the mail has no other, and in which order."""
_FORWARD_MARKS = ("forwarded message", "pesan terusan", "pesan yang diteruskan")
_LOOKS_LIKE_PAGE = ("<!doctype html", "<html", "<body")
_ANY_TAG = re.compile(r"<[a-zA-Z!/][^<>]*>")
_STYLE = re.compile(r"<(style|script)\b[^<>]*>\s*(?:<!--)?[^<]*</\1", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\[(?:image|cid|gambar|foto|inline)[^\]\n]{0,200}\]|https?://\S+", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_COMPARED = 8_192
"""Characters of a plain text that are compared with the page beside it."""


@dataclass(frozen=True, slots=True)
class BodyReading:
    """What a mail says."""

    text: str
    whole: str
    """All of it, where ``text`` leaves out what a reply repeats; else ""."""
    files: tuple[File, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Parts:
    """The parts of a mail by what they are to the reader."""

    bodies: list[MimePart] = field(default_factory=list)
    attached: list[MimePart] = field(default_factory=list)
    spare: list[MimePart] = field(default_factory=list)
    """Texts that are read where there is no other."""

    def add(self, other: "_Parts") -> None:
        self.bodies += other.bodies
        self.attached += other.attached
        self.spare += other.spare

    def mails(self) -> list[MimePart]:
        return [part for part in self.attached if part.media_type in _MAILS]


def read(tree: Tree, *, is_reply: Callable[[str], bool], forwarded: bool = False) -> BodyReading:
    """Read text and files of a mail. Never raises.

    ``is_reply`` tells by the whole text whether it answers us: only then something is left out.
    ``forwarded`` says that the subject calls it a forward: attached mails are what it is about.
    """
    reader = _Reader(tree.budget)
    parts = reader.sort(tree.root)
    text, whole = reader.joined(parts.bodies, quotes_too=True), ""
    if not says_something(text):
        text = reader.of_spare(parts) or text
    elif is_reply(text):
        written = quotes.strip_quotes(reader.joined(parts.bodies, quotes_too=False))
        if not written:
            tree.budget.note(ALL_QUOTED)
        elif written.split() != text.split():
            text, whole = written, text
    if tree.root.media_type != "multipart/report" and (forwarded or not says_something(text)):
        text = reader.with_mails(text, parts)
    attached = parts.attached if tree.whole else []
    if len(attached) > files.MAX_FILES:
        tree.budget.note(files.TOO_MANY_FILES)
    found = [files.file(part, n) for n, part in enumerate(attached[: files.MAX_FILES], 1)]
    return BodyReading(text, whole, tuple(found), tree.notes)


def says_something(text: str) -> bool:
    """Tell whether there is a letter or a figure in a text; invisible signs say nothing."""
    return any(sign.isalnum() for sign in _PLACEHOLDER.sub("", text))


class _Reader:
    """One reading of one mail: how much text there is still room for, and what was noted."""

    def __init__(self, budget: ReadingBudget) -> None:
        self._budget = budget
        self._texts: dict[tuple[int, int], str] = {}
        """Decoded text by where its part is: alternatives may be nested around one of 10 MB."""

    def sort(self, part: MimePart) -> _Parts:
        """Sort the parts into the writer's text, files, and texts of last resort."""
        if not part.parts:
            return self._leaf(part)
        found = _Parts()
        for child in part.parts:
            found.add(self.sort(child))
        if part.media_type == "multipart/alternative":
            found.spare += [p for p in found.attached if p.media_type in _LAST_RESORT]
            found.attached = [p for p in found.attached if not _is_rendering(p)]
            found.bodies = self._best(found.bodies)
        if part.media_type == containers.OPENED_COPY:
            found.bodies, found.spare = [], [*found.bodies, *found.spare]
        return found

    def _leaf(self, part: MimePart) -> _Parts:
        if _is_written(part):
            return _Parts(bodies=[part])
        last = part.media_type in _LAST_RESORT or kinds.is_words(part.media_type)
        spare = [part] if last or self._is_unnamed_text(part) else []
        return _Parts(attached=[part] if part.end > part.start else [], spare=spare)

    def _is_unnamed_text(self, part: MimePart) -> bool:
        """Tell whether a part of an unknown type is text all the same."""
        if part.name or not part.media_type.startswith("application/"):
            return False
        return files.is_text(part.content())

    def _best(self, bodies: list[MimePart]) -> list[MimePart]:
        """Of the same words in several forms take the plain ones, unless they say nothing."""
        plain = [p for p in bodies if p.media_type == "text/plain"]
        pages = [p for p in bodies if p.media_type in kinds.HTML]
        rest = [p for p in bodies if p not in plain and p not in pages]
        said = "\n".join(map(self._source, plain))
        if not pages:
            return plain if says_something(said) or not rest else rest
        verdict = self._compared(said, pages) if said.strip() else "page"
        if verdict == "page" and said.strip():
            self._budget.note(notes.STUB)
        return {"page": pages, "plain": plain, "both": plain + pages}[verdict]

    def _compared(self, said: str, pages: list[MimePart]) -> str:
        """Tell whether a plain text or the page beside it is what the writer wrote."""
        source = "\n".join(map(self._source, pages))[: html.MAX_HTML]
        rough = entities.unescape(_ANY_TAG.sub(" ", _STYLE.sub(" ", source)))
        plain = _PLACEHOLDER.sub("", said)
        words, shown = _words(plain[:_COMPARED]), _words(rough[: 4 * _COMPARED])
        if not shown or (not words and not says_something(rough)):
            return "plain"
        if not words:
            return "plain" if says_something(plain) else "page"
        common = len(words & shown)
        if len(plain) * 2 >= len(rough) and common * 2 >= len(words):
            return "plain"
        page = html.to_text(source)
        shown = _words(page)
        if len(plain) * 2 < len(page) and common * 2 < len(shown):
            return "page"
        if shown and common * 5 < min(len(words), len(shown)):
            return "page" if "html" in plain.lower() else "both"
        return "plain"

    def of_spare(self, parts: _Parts) -> str:
        """Read the first text of last resort that says something; "" if none does."""
        for part in sorted(parts.spare, key=lambda p: _LAST_RESORT.get(p.media_type, 1)):
            text = self.joined([part], quotes_too=True)
            if says_something(text):
                if parts.bodies and part.name:
                    self._budget.note(notes.FROM_FILE)
                return text
        return ""

    def with_mails(self, text: str, parts: _Parts) -> str:
        """Add the words and files of the mails that are attached."""
        said = [text]
        waiting = parts.mails()
        while waiting:
            root = read_inner(waiting.pop(0), self._budget)
            if root is None:
                break
            inner = self.sort(root)
            words = self.joined(inner.bodies, quotes_too=True)
            said.append(words if says_something(words) else self.of_spare(inner))
            parts.attached += inner.attached
            waiting = [*inner.mails(), *waiting]
            self._budget.note_opened("rfc822")
        return "\n\n".join(filter(says_something, said)) or text

    def joined(self, bodies: list[MimePart], *, quotes_too: bool) -> str:
        """Read the text of parts, one after the other, as far as there is room."""
        texts: list[str] = []
        room = MAX_TEXT_BYTES
        for part in bodies:
            if room <= 0:
                self._budget.note(notes.TOO_LONG)
                break
            source = self._source(part)[:room]
            said = self._said(part, source, quotes_too)
            room -= len(said) + (2 * len(source) if said is not source else 0)
            texts.append(said.strip("\n"))
        return "\n".join(filter(None, texts)).strip()

    def _said(self, part: MimePart, source: str, quotes_too: bool) -> str:
        """Turn the source of a text into what it says."""
        kind = part.media_type
        if kind in kinds.HTML:
            if not _ANY_TAG.search(source):
                return entities.unescape(source)  # a plain text that calls itself a page
            return self._from_html(source, quotes_too)
        if kind == "text/rtf":
            return rtf.to_text(source.encode("latin-1", "replace"))
        if kind in rich.FORMS:
            return rich.FORMS[kind](source)
        if source[:200].lstrip().lower().startswith(_LOOKS_LIKE_PAGE):
            self._budget.note(notes.TYPE)
            return self._from_html(source, quotes_too)
        said, signed = packed.strip_signature(source)
        if signed:
            self._budget.note_opened("pgp")
            self._budget.note(notes.UNVERIFIED)
        if packed.ENCRYPTED in source:
            self._budget.note(notes.ENCRYPTED)
        return said

    def _from_html(self, source: str, quotes_too: bool) -> str:
        if len(source) > html.MAX_HTML:
            self._budget.note(notes.TOO_LONG)
        forwards = any(mark in source.lower() for mark in _FORWARD_MARKS)
        return html.to_text(source, quotes=quotes_too or forwards)

    def _source(self, part: MimePart) -> str:
        """Decode the text of one part, with line ends as LF and without NUL."""
        key = (id(part.raw), part.start)
        if key not in self._texts:
            self._texts[key] = self._decoded(part)
        return self._texts[key]

    def _decoded(self, part: MimePart) -> str:
        raw, note = part.text(MAX_ENCODED)
        cut = len(raw) > MAX_TEXT_BYTES
        label = "latin-1" if part.media_type == "text/rtf" else part.parameters.get("charset", "")
        text, repaired = charset.decode(raw[:MAX_TEXT_BYTES], label, cut=cut)
        told = ((note, bool(note)), (notes.TOO_LONG, cut), (notes.REPAIRED, repaired))
        for code, given in told:
            if given:
                self._budget.note(code)
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
        if part.parameters.get("format", "").lower() == "flowed":
            return unflow(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
        return text


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _is_written(part: MimePart) -> bool:
    disposition, _ = parameters(part.get("content-disposition"))
    named = bool(part.name) and disposition != "inline"
    return kinds.is_words(part.media_type) and disposition != "attachment" and not named


def _is_rendering(part: MimePart) -> bool:
    """One more form of the same words (AMP), not a file; an invitation is one."""
    return part.media_type.startswith("text/") and part.media_type != "text/calendar"


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Join the soft line breaks of ``format=flowed`` text (RFC 3676 section 4)."""
    out: list[str] = []
    pieces: list[str] = []
    for line in text.split("\n"):
        soft = line.endswith(" ") and line != "-- " and not line.startswith(">")
        line = line if line.startswith(">") else line.removeprefix(" ")
        pieces.append(line[:-1] if soft and delete_space else line)
        if not soft:
            out.append("".join(pieces))
            pieces = []
    return "\n".join([*out, "".join(pieces)] if pieces else out)
