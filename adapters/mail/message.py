"""One raw mail to what the gateway knows of it: an inbound message, or the receipts of a bounce."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from adapters.contract import Author, Inbound, Malformed, Receipt
from adapters.mail import automatic, body, bounce, headers, proof, tree
from adapters.mail.quotes import REPLY_MARKER
from adapters.mail.recipients import account_of, token_of
from normalizer import subject as subjects
from normalizer import tracking
from normalizer.message import NoAnswerReason

UNPROVEN = "mail_dmarc"
UNALIGNED = "mail_unaligned"
NO_HEADERS = "mail_no_headers"
REPLY_TO = "mail_reply_to"
REPLY_TO_UNPROVEN = "mail_reply_to_unproven"


def parse_mail(
    raw: bytes,
    *,
    channel: str,
    address: str,
    mail_from: str,
    rcpt_to: Sequence[str],
    authserv_id: str | None = None,
) -> list[Inbound | Receipt]:
    """Read one mail, or the receipts of a bounce about our own mail. Raises ``Malformed``.

    ``address`` is ours without token, ``mail_from`` and ``rcpt_to`` are the envelope's. Whatever
    can be read is accepted, with notes on what was cut or repaired.
    """
    if not raw.strip(b"\r\n\t \x00"):
        raise Malformed("the mail is empty")
    found = tree.read(raw)
    if not found.root.fields and b"\x00" in raw[:1000]:
        raise Malformed("these bytes are no mail")
    receipts = bounce.receipts(found, channel=channel, domain=address.rpartition("@")[2])
    if receipts:
        return list(receipts)
    return [_inbound(raw, found, channel, address, mail_from.strip("<> "), rcpt_to, authserv_id)]


def _inbound(
    raw: bytes,
    tree_: tree.Tree,
    channel: str,
    address: str,
    mail_from: str,
    rcpt_to: Sequence[str],
    authserv_id: str | None,
) -> Inbound:
    root = tree_.root
    written = _sender(root, mail_from)
    proven = proof.of(root, sender=written.address, mail_from=mail_from, authserv_id=authserv_id)
    subject = headers.decode_words(root.get("subject"))
    thread = headers.thread(root.get("references"), root.get("in-reply-to"))
    direct = headers.thread("", root.get("in-reply-to"))
    token = token_of([*rcpt_to, *root.all("to"), *root.all("cc")], address)
    standing = subjects.standing(subject)
    numbered = standing != "forward" and any(tracking.mentions(subject))
    reply_to = _reply_to(root, written.address, address)
    sender = _proven(written, reply_to, proven, address)
    judged = automatic.judge(
        root,
        automatic.MailOrigin(
            subject=subject,
            sender=written.address,
            mail_from=mail_from,
            ours=address,
            answers_us=bool(token) or numbered or _is_ours(direct, address),
            reply_to=reply_to.address if reply_to else None,
        ),
    )
    answers = bool(token) or _is_ours(thread, address) or (standing == "reply" and numbered)

    def is_reply(text: str) -> bool:
        return standing != "forward" and (answers or _has_marker(text))

    reading = body.read(tree_, is_reply=is_reply)
    return Inbound(
        channel=channel,
        account=account_of(rcpt_to, address),
        external_id=_external_id(root, raw),
        sender=sender,
        text=reading.text,
        whole=reading.whole,
        raw=raw,
        subject=subject or None,
        files=reading.files,
        sent_at=headers.date(root.get("date")),
        thread=thread,
        token=token,
        automatic=judged.set_aside,
        unanswered=judged.unanswered if proven.answerable else NoAnswerReason.UNPROVEN_SENDER,
        notes=(*reading.notes, *_notes(root, proven, sender, reply_to), *judged.notes),
    )


def _is_ours(thread: Sequence[str], address: str) -> bool:
    """Tell whether one of the ids is of a mail of ours."""
    domain = f"@{address.rpartition('@')[2]}>"
    return any(each.lower().endswith(domain) for each in thread)


def _has_marker(text: str) -> bool:
    """Tell whether a mail of ours is in the text, quoted or not."""
    lines = (line.lstrip("> \t") for line in text.split("\n") if REPLY_MARKER in line)
    return any(line.startswith(REPLY_MARKER) for line in lines)


def _sender(root: tree.MimePart, mail_from: str) -> Author:
    written, _ = headers.mailbox(root.get("from"))
    if written:
        return written
    envelope = headers.addresses(mail_from)
    if not envelope:
        raise Malformed("the mail names no sender, neither in From nor on the envelope")
    return envelope[0]


def _external_id(root: tree.MimePart, raw: bytes) -> str:
    stated = headers.message_id(root.get("message-id"))
    return stated or f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _reply_to(root: tree.MimePart, sender: str, ours: str) -> Author | None:
    """Return the one person whom Reply-To names, if that is another than From's."""
    wanted = headers.addresses(*root.all("reply-to")[:1])
    usable = len(wanted) == 1 and wanted[0].address != sender
    return wanted[0] if usable and not automatic.is_machine(wanted[0].address, ours) else None


def _proven(
    written: Author, reply_to: Author | None, proven: proof.SenderProof, ours: str
) -> Author:
    """Return who wrote, and where the answer goes (RFC 5322, 3.6.2).

    Whose the message is, From alone says. Where From is a form's, which many people use, each
    message is a person of its own, who is reached by Reply-To.
    """
    shared = automatic.is_machine(written.address, ours)
    sender = (reply_to or written) if shared else written
    answers_to = reply_to.address if reply_to and _believes(written, reply_to, proven) else None
    return replace(
        sender,
        answers_to=None if shared else answers_to,
        unproven=proven.pseudonymous,
        shared=shared,
        makes_ids=True,
    )


def _believes(written: Author, reply_to: Author, proven: proof.SenderProof) -> bool:
    """Tell whether an answer to Reply-To can reach no stranger that From could not name.

    Of a proven sender any address; where no server is asked, one of From's organisation.
    """
    home, elsewhere = (each.address.rpartition("@")[2] for each in (written, reply_to))
    near = proof.same_organisation(home, elsewhere)
    unasked = proven.verdict == "unasked" and proven.answerable
    return proven.verdict == "passed" or (unasked and near)


def _notes(
    root: tree.MimePart, proven: proof.SenderProof, sender: Author, reply_to: Author | None
) -> list[str]:
    reached = sender.answers_to or sender.shared
    told = (
        (NO_HEADERS, not root.fields),
        (UNPROVEN, proven.verdict == "failed"),
        (UNALIGNED, not proven.answerable and proven.verdict != "failed"),
        (REPLY_TO, bool(reply_to and reached)),
        (REPLY_TO_UNPROVEN, bool(reply_to and not reached)),
    )
    return [note for note, given in told if given]
