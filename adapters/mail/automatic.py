"""Is a mail filed, and is its writer answered? Two decisions, in one table.

Only what is surely no writing of a person is not filed: a bounce, a receipt, a reply that a machine
made, our own mail. Everything else that a machine may have had a hand in (a list, a rule that
forwards, a form) is filed, and nothing is written to it by ourselves: two machines that answer each
other never end. Sources: RFC 3834 (Auto-Submitted, null envelope sender), RFC 3464 and 8098
(reports), RFC 2919 and 2369 (lists), RFC 8058 (one-click unsubscribe), MS-OXCMAIL 2.2.3.2.14
(X-Auto-Response-Suppress).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from adapters.mail.tree import MimePart
from normalizer.message import NoAnswerReason

LOOP_HEADER = "X-Kanal-Loop"
DELIVERY_STATUS = {"message/delivery-status", "message/global-delivery-status"}
READ_RECEIPTS = {
    "message/disposition-notification",
    "message/global-disposition-notification",
}

Decision = Literal["set_aside", "if_reply", "unanswered"]
"""What a sign says: the mail is not filed; it is not filed where it answers a mail of ours, which
is then a machine's reply; it is filed, and answered by people only."""


class Sign(NamedTuple):
    """A header that tells of a machine."""

    header: str
    pattern: str
    """What its value must match from its start."""
    why: str
    """The code of the reason, and what tells it."""
    decision: Decision


SIGNS: Sequence[Sign] = (
    Sign(LOOP_HEADER.lower(), r".*", "own_mail: X-Kanal-Loop", "set_aside"),
    Sign("x-failed-recipients", r".*", "bounce: X-Failed-Recipients", "set_aside"),
    Sign("auto-submitted", r"auto-replied\b", "automatic_reply: Auto-Submitted", "set_aside"),
    Sign("auto-submitted", r"(?!no\b).*\S", "machine_mail: Auto-Submitted", "if_reply"),
    Sign("precedence", r"auto[_-]reply\b", "automatic_reply: Precedence", "if_reply"),
    Sign("x-autoreply", r"(?!no\b).*\S", "automatic_reply: X-Autoreply", "if_reply"),
    Sign("x-autorespond", r"(?!no\b).*", "automatic_reply: X-Autorespond", "if_reply"),
    Sign("x-autoresponder", r"(?!no\b).*", "automatic_reply: X-Autoresponder", "if_reply"),
    Sign("precedence", r"(bulk|junk|list)\b", "bulk_mail: Precedence", "unanswered"),
    Sign("list-id", r".*", "list_mail: List-Id", "unanswered"),
    Sign("list-unsubscribe-post", r".*", "bulk_mail: List-Unsubscribe-Post", "unanswered"),
    Sign("list-unsubscribe", r".*", "bulk_mail: List-Unsubscribe", "unanswered"),
    Sign(
        "x-auto-response-suppress",
        r".*\b(all|autoreply)\b",
        "machine_mail: X-Auto-Response-Suppress",
        "unanswered",
    ),
)
"""One that sets a mail aside wins, then the first. Exchange writes X-Auto-Response-Suppress on
mail of people: it asks for no automatic answer, no more; its other values do not ask for that."""
_COMPILED = [(sign, re.compile(sign.pattern, re.IGNORECASE)) for sign in SIGNS]

_MACHINES = re.compile(
    r"(postmaster|bounces?([-+].*)?|[^@]*[-+]bounces?"
    r"|([^@]*[-_.])?(no|do-?not|don-?t|tidak-?(di)?balas|jangan-?(di)?balas)[-_.]?reply([-_.+].*)?"
    r"|tidak-?(di)?balas|jangan-?(di)?balas|listserv|majordomo)@",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"(mailer-daemon|postmaster|bounces?([-+].*)?)@", re.IGNORECASE)
_SUBJECTS = re.compile(
    r"(automatic reply|auto(matic|mated)?[- ]?(reply|response)|out of (the )?office"
    r"|(balasan|jawaban|respon|tanggapan) otomatis|di luar kantor|sedang cuti)\s*:",
    re.IGNORECASE,
)
_UNDELIVERED = re.compile(
    r"\W*(undeliver(able|ed)|(mail |message )?deliver(y|ies)\b.{0,40}\b(fail|status|delay|problem)"
    r"|returned mail|failure notice|mail system error|(pesan|surat|email) tidak (ter|dapat di)kirim"
    r"|gagal (mengirim|terkirim)|tidak terkirim)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MailOrigin:
    """What is known of a mail beside its headers."""

    subject: str
    sender: str
    """The address in From."""
    mail_from: str
    """The envelope's sender; "" is a machine's (RFC 5321, 4.5.5)."""
    ours: str
    """Our own address without token."""
    answers_us: bool
    """It says that it answers a mail of ours."""
    reply_to: str | None
    """The one person whom Reply-To names, if it does."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a mail is treated."""

    set_aside: str | None = None
    """Why it is not filed, as a code with what tells it."""
    unanswered: NoAnswerReason | None = None
    """Why its writer is not written to, though it is filed."""
    notes: tuple[str, ...] = ()
    """The same for officers."""


def judge(root: MimePart, origin: MailOrigin) -> Judgement:
    """Decide both: whether a mail is filed, and whether it is answered."""
    found = [*_by_headers(root), *_by_names(origin)]
    for clue in found:
        if clue.decision == "set_aside" or (clue.decision == "if_reply" and origin.answers_us):
            return Judgement(set_aside=clue.why)
    if not found:
        return Judgement()
    nobody = any(clue.reason is NoAnswerReason.MACHINE for clue in found)
    return Judgement(
        unanswered=NoAnswerReason.MACHINE if nobody else found[0].reason, notes=(found[0].why,)
    )


class _Clue(NamedTuple):
    why: str
    decision: Decision
    reason: NoAnswerReason = NoAnswerReason.AUTOMATIC_HEADERS


def _by_headers(root: MimePart) -> Iterator[_Clue]:
    if root.media_type == "multipart/report":
        kinds = {part.media_type for part in root.leaves()}
        if kinds & DELIVERY_STATUS:
            yield _Clue("bounce", "set_aside")
        if kinds & READ_RECEIPTS:
            yield _Clue("read_receipt", "set_aside")
        yield _Clue("machine_report: multipart/report", "if_reply")
    for sign, pattern in _COMPILED:
        if any(pattern.match(value) for value in root.all(sign.header)):
            yield _Clue(sign.why, sign.decision)


def _by_names(origin: MailOrigin) -> Iterator[_Clue]:
    sender = origin.sender.lower()
    if sender.startswith("mailer-daemon@") or (not origin.mail_from and _is_returned(origin)):
        yield _Clue("bounce", "set_aside")
    if is_own(sender, origin.ours):
        yield _Clue("web_form", "unanswered") if origin.reply_to else _Clue("own_mail", "set_aside")
    elif _MACHINES.match(sender):
        reachable = NoAnswerReason.AUTOMATIC_HEADERS if origin.reply_to else NoAnswerReason.MACHINE
        yield _Clue("machine_sender", "unanswered", reachable)
    if _SUBJECTS.match(origin.subject):
        yield _Clue("automatic_reply: Subject", "if_reply", NoAnswerReason.AUTOMATIC_WORDS)
    if not origin.mail_from:
        yield _Clue("null_sender: MAIL FROM:<>", "unanswered")


def _is_returned(origin: MailOrigin) -> bool:
    """Tell whether a mail without an envelope sender is a returned one, in words alone."""
    return bool(_DAEMON.match(origin.sender) or _UNDELIVERED.match(origin.subject))


def is_own(address: str, ours: str) -> bool:
    """Tell whether an address is ours, with a token or without."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}" == ours


def is_machine(address: str, ours: str) -> bool:
    """Tell whether an address is a machine's by its name, or our own."""
    daemon = address.lower().startswith("mailer-daemon@")
    return daemon or is_own(address, ours) or bool(_MACHINES.match(address))
