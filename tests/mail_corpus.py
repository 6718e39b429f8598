"""Read every mail below some folders with our reader and with Python's, and list what differs.

``python -m tests.mail_corpus --ours FOLDER ...`` prints a table by kind of mail, and every mail of
which the two read less than 80 % of the same words. Python's ``email`` package is the second
opinion: it shares no line with ours. It opens no containers and believes every header, so not every
difference is a fault; each wants to be looked at.
"""

import argparse
import hashlib
import mailbox
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from itertools import chain
from pathlib import Path

from adapters.contract import Inbound, Malformed
from adapters.mail import body, html, tree
from adapters.mail.channel import parse_mail
from tests.adapters.mail.wrapped import every_mail

ALIKE = 0.8
"""Share of the words of either reading that must stand in the other."""
LARGEST = 10_485_760
_WORD = re.compile(r"[^\W_]{2,}")
_FIELD = re.compile(rb"^[A-Za-z][A-Za-z0-9-]{1,40}[ \t]*:", re.MULTILINE)
_SUFFIXES = {".eml", ".msg", ".mime", ".message", ".txt", ".raw", ".mail", ".mbox", ""}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One mail, as two readers read it."""

    name: str
    kind: str
    ours: str
    theirs: str
    alike: float
    """Share of the words of both that are common, from 0 to 1."""
    lost: float
    """Share of Python's words that are not in our reading, from 0 to 1."""
    notes: tuple[str, ...]
    seconds: float
    automatic: bool


def compare(name: str, raw: bytes) -> Comparison | None:
    """Read one mail twice; None for bytes that are no mail. Raises what our reader raises."""
    began = time.process_time()
    try:
        found = parse_mail(
            raw,
            channel="email",
            address="lapor@lapor.localhost",
            mail_from="warga@mail.example",
            rcpt_to=["lapor@lapor.localhost"],
        )[0]
    except Malformed:
        return None
    seconds = time.process_time() - began
    said = body.read(tree.read(raw), is_reply=lambda _: False, forwarded=True).text
    if not isinstance(found, Inbound):
        return None
    theirs, kind = python_reads(raw)
    mine, other = _words(said), _words(theirs)
    common = (mine & other).total()
    return Comparison(
        name=name,
        kind=kind,
        ours=said,
        theirs=theirs,
        alike=common / max(mine.total(), other.total(), 1) if mine or other else 1.0,
        lost=1 - common / other.total() if other else 0.0,
        notes=found.notes,
        seconds=seconds,
        automatic=found.automatic is not None,
    )


def python_reads(raw: bytes) -> tuple[str, str]:
    """Return the text of a mail as Python's package reads it, and the type of the mail."""
    message = message_from_bytes(raw, policy=policy.default)
    return "\n".join(_texts(message)), message.get_content_type()


def _texts(part: Message) -> list[str]:
    """Read the text parts that are no attachments; of alternatives the plain one."""
    kind = part.get_content_type()
    if kind == "message/rfc822" or part.get_content_disposition() == "attachment":
        return []
    if part.is_multipart():
        children = [child for child in part.get_payload() if isinstance(child, Message)]
        if kind == "multipart/alternative":
            found = [_texts(child) for child in children]
            return next((texts for texts in found if "".join(texts).strip()), [])
        return [text for child in children for text in _texts(child)]
    if kind not in ("text/plain", "text/html"):
        return []
    text = _text(part)
    return [html.to_text(text, quotes=True) if kind == "text/html" else text]


def _text(part: Message) -> str:
    try:
        return str(part.get_content()) if isinstance(part, EmailMessage) else ""
    except Exception:  # an unknown charset, a damaged encoding
        content = part.get_payload(decode=True)
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _words(text: str) -> Counter[str]:
    return Counter(word.lower() for word in _WORD.findall(text))


def mails(folders: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield every different mail below the folders, by its name."""
    seen: set[str] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            for name, raw in _mails_of(path):
                digest = hashlib.sha256(raw).hexdigest()
                if digest not in seen and looks_like_mail(raw):
                    seen.add(digest)
                    yield name, raw


def _mails_of(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.suffix.lower() not in _SUFFIXES or not path.is_file() or path.is_symlink():
        return
    if path.stat().st_size > LARGEST:
        return
    if path.suffix == ".mbox":
        for number, message in enumerate(mailbox.mbox(path), 1):
            yield f"{path.name}:{number}", message.as_bytes()
    else:
        yield path.name, path.read_bytes()


def looks_like_mail(raw: bytes) -> bool:
    """Tell whether bytes begin with something like the headers of a mail."""
    names = {name.lower().rstrip(b" \t:") for name in _FIELD.findall(raw[:8_192])}
    known = {b"from", b"to", b"subject", b"date", b"received", b"message-id", b"mime-version"}
    return len(names & (known | {b"content-type"})) >= 2


def table(results: Sequence[Comparison]) -> Iterator[str]:
    """Write the results as a table by kind of mail."""
    yield "| kind | mails | the same words | ours has over 20 % more | over 20 % less | slowest |"
    yield "|---|---|---|---|---|---|"
    groups = [(kind, [r for r in results if r.kind == kind]) for kind, _ in _kinds(results)]
    for kind, group in [*groups, ("all", list(results))]:
        same = sum(r.alike == 1 for r in group)
        less = sum(r.lost > 1 - ALIKE for r in group)
        more = sum(r.alike < ALIKE for r in group) - less
        slowest = max((r.seconds for r in group), default=0.0)
        yield f"| {kind} | {len(group)} | {same} | {more} | {less} | {slowest * 1000:.0f} ms |"


def _kinds(results: Sequence[Comparison]) -> list[tuple[str, int]]:
    return Counter(r.kind for r in results).most_common()


def main() -> None:
    """Compare and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folders", nargs="*", type=Path)
    options.add_argument("--ours", action="store_true", help="also the mails that the tests write")
    options.add_argument("--show", type=int, default=200, help="characters of each that differs")
    given = options.parse_args()
    found = chain(mails(given.folders), every_mail() if given.ours else ())
    results = [r for name, raw in found if (r := compare(name, raw))]
    print(*table(results), sep="\n")  # noqa: T201
    for each in sorted((r for r in results if r.alike < ALIKE), key=lambda r: -r.lost):
        pieces = (" ".join(text.split())[: given.show] for text in (each.ours, each.theirs))
        ours, theirs = (piece.encode("utf-8", "replace").decode() for piece in pieces)
        head = f"\n{each.name} ({each.kind}) alike {each.alike:.0%}, lost {each.lost:.0%}"
        print(head, "automatic" if each.automatic else "", *each.notes)  # noqa: T201
        print("  ours:  ", ours)  # noqa: T201
        print("  python:", theirs)  # noqa: T201


if __name__ == "__main__":
    main()
