"""Delivery status notifications (RFC 3464) to receipts of the mail they are about."""

import re
from typing import Literal

from adapters.contract import Receipt
from adapters.mail.automatic import DELIVERY_STATUS
from adapters.mail.headers import message_id, thread
from adapters.mail.tree import MimePart, Tree, read

_ORIGINALS = {
    "message/rfc822",
    "message/global",
    "message/global-headers",
    "text/rfc822-headers",
}
State = Literal["sent", "delivered", "failed"]
_STATED = ("original-message-id", "x-original-message-id")
_STATES: dict[str, State] = {
    "failed": "failed",
    "delayed": "sent",
    "delivered": "delivered",
    "relayed": "sent",
    "expanded": "sent",
}
_CLASSES: dict[str, State] = {"5": "failed", "4": "sent", "2": "delivered"}
_WORST: tuple[State, ...] = ("failed", "sent", "delivered")
_ID_LINE = re.compile(r"^[> \t]{0,8}message-id:[ \t]{0,8}(<[!-;=?-~]{1,250}>)", re.I | re.M)
_ADDRESS = re.compile(r"[^\s<>;:@]{1,100}@[^\s<>;:,]{1,255}")
_READ = 65_536
_MAX_DETAIL = 200


def receipts(tree: Tree, *, channel: str, domain: str) -> list[Receipt]:
    """Read what a bounce says of our mails; [] when it is none, or not about mail of ``domain``.

    Only ids that end in our own domain count: anyone can send a bounce about anything.
    """
    if not _is_bounce(tree.root):
        return []
    ours = [i for i in _originals(tree.root) if i.lower().endswith(f"@{domain}>")]
    state, detail = _verdict(tree.root)
    return [Receipt(channel, i, state, detail) for i in dict.fromkeys(ours)]


def _is_bounce(root: MimePart) -> bool:
    """A report of delivery, or the plain text of an old mail server."""
    machine = "mailer-daemon@" in root.get("from").lower()
    return _is_report(root) or machine or bool(root.get("x-failed-recipients"))


def _is_report(root: MimePart) -> bool:
    kinds = {part.media_type for part in root.leaves()}
    return root.media_type == "multipart/report" and bool(DELIVERY_STATUS & kinds)


def _originals(root: MimePart) -> list[str]:
    """Find the ids of the returned mails: in them, in the status, in the text, in References."""
    found = [_returned_id(p) for p in root.leaves() if p.media_type in _ORIGINALS]
    found += [message_id(g.get(name, "")) for g in _groups(root) for name in _STATED]
    ids = [i for i in found if i]
    ids = ids or [i for p in root.leaves() for i in _ID_LINE.findall(_beginning(p))]
    if not ids and _is_report(root):
        ids = list(thread(root.get("references"), root.get("in-reply-to")))
    return ids


def _returned_id(part: MimePart) -> str | None:
    return message_id(read(part.content()[:_READ]).root.get("message-id"))


def _beginning(part: MimePart) -> str:
    return part.content()[:_READ].decode("utf-8", "replace")


def _verdict(root: MimePart) -> tuple[State, str]:
    """Return the worst state of any recipient, and what the other server said."""
    verdicts = [_recipient(g) for g in _groups(root) if "action" in g or "status" in g]
    return min(verdicts, key=lambda v: _WORST.index(v[0]), default=("failed", ""))


def _recipient(group: dict[str, str]) -> tuple[State, str]:
    action, status = group.get("action", "").lower(), group.get("status", "")
    state = _STATES.get(action) or _CLASSES.get(status[:1], "failed")
    said = f"{status} {group.get('diagnostic-code', '')}".strip()
    return state, _ADDRESS.sub("…", said)[:_MAX_DETAIL]


def _groups(root: MimePart) -> list[dict[str, str]]:
    """Read the fields of each delivery-status group; the first is about the whole mail."""
    groups: list[dict[str, str]] = []
    for part in root.leaves():
        if part.media_type in DELIVERY_STATUS:
            text = _beginning(part).replace("\r\n", "\n")
            groups += [_fields(block) for block in text.split("\n\n")[:100]]
    return groups


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in block.split("\n"):
        if line[:1] in " \t" and name:
            fields[name] += " " + line.strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            name = key.strip().lower()
            fields.setdefault(name, value.strip())
    return fields
