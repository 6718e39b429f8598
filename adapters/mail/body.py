"""From the parts of a mail to what the writer wrote and the files that came along."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.contract import File
from adapters.mail import charset, files, html, quotes
from adapters.mail.headers import parameters
from adapters.mail.tree import MimePart, Tree

MAX_TEXT_BYTES = 262_144
"""Bytes of text that are read; the report keeps 20,000 characters, the raw mail keeps all."""

CUT = "mail_cut"
REPAIRED = "mail_repaired"
ALL_QUOTED = "mail_all_quoted"

_WRITTEN = {"text/plain", "text/html"}
_FORWARD_MARKS = ("forwarded message", "pesan terusan", "pesan yang diteruskan")


@dataclass(frozen=True, slots=True)
class BodyReading:
    """What a mail says."""

    text: str
    whole: str
    """All of it, where ``text`` leaves out what a reply repeats; else ""."""
    files: tuple[File, ...]
    notes: tuple[str, ...]


def read(tree: Tree, *, is_reply: Callable[[str], bool]) -> BodyReading:
    """Read text and files of a mail. Never raises.

    ``is_reply`` tells by the whole text whether it answers us: only then something is left out.
    """
    bodies, attached = _sorted(tree.root, {})
    bodies = bodies or [p for p in attached if p.media_type in _WRITTEN][:1]
    notes: list[str] = list(tree.notes)
    text, whole = _joined(bodies, notes, quotes_too=True), ""
    if is_reply(text):
        written = quotes.strip_quotes(_joined(bodies, [], quotes_too=False))
        notes += [] if written or not text else [ALL_QUOTED]
        if written and written.split() != text.split():
            text, whole = written, text
    if not tree.whole:
        attached = []
    if len(attached) > files.MAX_FILES:
        notes.append(files.TOO_MANY_FILES)
    found = [files.file(part, n) for n, part in enumerate(attached[: files.MAX_FILES], 1)]
    return BodyReading(text, whole, tuple(found), tuple(dict.fromkeys(notes)))


def _sorted(part: MimePart, blank: dict[int, bool]) -> tuple[list[MimePart], list[MimePart]]:
    """Sort the parts into those that are the writer's text and those that are files.

    ``blank`` remembers, by where a part starts, whether it has text: alternatives may be nested
    twenty deep around one part of 10 MB.
    """
    if not part.parts:
        return ([part], []) if _is_written(part) else ([], [part] if _has_bytes(part) else [])
    bodies: list[MimePart] = []
    attached: list[MimePart] = []
    for child in part.parts:
        texts, rest = _sorted(child, blank)
        bodies += texts
        attached += rest
    if part.media_type == "multipart/alternative":
        attached = [p for p in attached if not _is_rendering(p)]
        bodies = _best(bodies, blank)
    return bodies, attached


def _best(bodies: list[MimePart], blank: dict[int, bool]) -> list[MimePart]:
    """Of the same words in several forms take the plain ones, unless they are empty."""
    plain = [p for p in bodies if p.media_type == "text/plain"]
    for part in plain:
        if part.start not in blank:
            blank[part.start] = not _source(part, []).strip()
    written = [p for p in plain if not blank[p.start]]
    return written or [p for p in bodies if p.media_type == "text/html"]


def _is_written(part: MimePart) -> bool:
    disposition, _ = parameters(part.get("content-disposition"))
    named = bool(files.stated_name(part)) and disposition != "inline"
    return part.media_type in _WRITTEN and disposition != "attachment" and not named


def _has_bytes(part: MimePart) -> bool:
    return part.end > part.start


def _is_rendering(part: MimePart) -> bool:
    """One more form of the same words (AMP, enriched text), not a file; an invitation is one."""
    return part.media_type.startswith("text/") and part.media_type != "text/calendar"


def _joined(bodies: list[MimePart], notes: list[str], *, quotes_too: bool) -> str:
    texts: list[str] = []
    room = MAX_TEXT_BYTES
    for part in bodies:
        if room <= 0:
            notes.append(CUT)
            break
        source = _source(part, notes)[:room]
        if part.media_type == "text/html":
            room -= 2 * len(source)
            source = _from_html(source, notes, quotes_too)
        room -= len(source)
        texts.append(source.strip("\n"))
    return "\n".join(filter(None, texts)).strip()


def _from_html(source: str, notes: list[str], quotes_too: bool) -> str:
    notes += [CUT] if len(source) > html.MAX_HTML else []
    forwards = any(mark in source.lower() for mark in _FORWARD_MARKS)
    return html.to_text(source, quotes=quotes_too or forwards)


def _source(part: MimePart, notes: list[str]) -> str:
    """Decode the text of one part, with line ends as LF and without NUL."""
    raw = part.content()
    cut = len(raw) > MAX_TEXT_BYTES
    label = part.parameters.get("charset", "")
    text, repaired = charset.decode(raw[:MAX_TEXT_BYTES], label, cut=cut)
    notes += [note for note, given in ((CUT, cut), (REPAIRED, repaired)) if given]
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    if part.parameters.get("format", "").lower() == "flowed":
        return unflow(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
    return text


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
