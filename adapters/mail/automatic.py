"""Is this mail a citizen's writing, or a machine's? What is automatic is never answered.

Two machines that answer each other fill a queue in minutes. Sources: RFC 3834 (Auto-Submitted,
null envelope sender), RFC 2919 and 2369 (lists), RFC 8058 (one-click unsubscribe), RFC 5321.
"""

import re
from collections.abc import Sequence

from adapters.mail.tree import MimePart

LOOP_HEADER = "X-Kanal-Loop"
DELIVERY_STATUS = {"message/delivery-status", "message/global-delivery-status"}

NULL_SENDER = "null_sender: MAIL FROM:<>"

_SIGNS: Sequence[tuple[str, str, str]] = (
    ("auto-submitted", r"(?!no\b).*\S", "automatic_reply: Auto-Submitted"),
    ("precedence", r"(bulk|junk|list|auto[_-]reply)\b", "bulk_mail: Precedence"),
    ("x-autoreply", r"(?!no\b).*\S", "automatic_reply: X-Autoreply"),
    ("x-autorespond", r"(?!no\b).*", "automatic_reply: X-Autorespond"),
    ("x-autoresponder", r"(?!no\b).*", "automatic_reply: X-Autoresponder"),
    (
        "x-auto-response-suppress",
        r".*\b(all|autoreply)\b",
        "machine_mail: X-Auto-Response-Suppress",
    ),
    ("list-id", r".*", "list_mail: List-Id"),
    ("list-unsubscribe-post", r".*", "bulk_mail: List-Unsubscribe-Post"),
    ("list-unsubscribe", r".*", "bulk_mail: List-Unsubscribe"),
    ("x-failed-recipients", r".*", "bounce"),
    (LOOP_HEADER.lower(), r".*", "own_mail: X-Kanal-Loop"),
)
"""Header, what its value must match from its start, and the reason given."""
_COMPILED = [(name, re.compile(pattern, re.IGNORECASE), why) for name, pattern, why in _SIGNS]

_MACHINES = re.compile(
    r"(postmaster|bounces?([-+].*)?|[^@]*[-+]bounces?"
    r"|([^@]*[-_.])?(no|do-?not|don-?t|tidak-?(di)?balas|jangan-?(di)?balas)[-_.]?reply([-_.+].*)?"
    r"|tidak-?(di)?balas|jangan-?(di)?balas|listserv|majordomo)@",
    re.IGNORECASE,
)
_SUBJECTS = re.compile(
    r"(automatic reply|auto(matic|mated)?[- ]?(reply|response)|out of (the )?office"
    r"|(balasan|jawaban|respon|tanggapan) otomatis|di luar kantor|sedang cuti)\s*:",
    re.IGNORECASE,
)


def reason(root: MimePart, *, subject: str, sender: str, mail_from: str, ours: str) -> str | None:
    """Return the code of why a mail is automatic; None for a person's writing.

    ``ours`` is our own address without token; ``mail_from`` is the envelope sender.
    """
    if root.media_type == "multipart/report":
        return "bounce" if _reports_delivery(root) else "machine_report: multipart/report"
    for name, pattern, why in _COMPILED:
        if any(pattern.match(value) for value in root.all(name)):
            return why
    return _by_names(subject, sender, ours) or (None if mail_from else NULL_SENDER)


def is_machine(address: str, ours: str) -> bool:
    """Tell whether an address is a machine's by its name, or our own."""
    local, _, domain = address.lower().rpartition("@")
    own = f"{local.partition('+')[0]}@{domain}" == ours
    return own or local == "mailer-daemon" or bool(_MACHINES.match(address))


def _reports_delivery(root: MimePart) -> bool:
    return any(part.media_type in DELIVERY_STATUS for part in root.leaves())


def _by_names(subject: str, sender: str, ours: str) -> str | None:
    if sender.lower() == ours:
        return "own_mail"
    if sender.lower().startswith("mailer-daemon@"):
        return "bounce"
    if _MACHINES.match(sender):
        return "machine_sender"
    if _SUBJECTS.match(subject):
        return "automatic_reply: Subject"
    return None
