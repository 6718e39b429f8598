"""One raw mail to what the gateway knows of it: an inbound message, or the receipts of a bounce."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from adapters.contract import Author, Inbound, Malformed, Receipt
from adapters.mail import automatic, body, bounce, dates, headers, notes, proof, tree
from adapters.mail.recipients import account_of, token_of
from normalizer.message import NoAnswerReason

UNPROVEN = "mail_dmarc"
UNALIGNED = "mail_unaligned"
NO_HEADERS = "mail_no_headers"
_REPLIES = ("re:", "bls:", "balas:", "balasan:", "aw:")
_FORWARDS = ("fwd:", "fw:", "trs:", "terusan:", "wg:")


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
    sender = _proven(root, written, proven, address)
    subject = headers.decode_words(root.get("subject"))
    sent_at, by_name = dates.read(root.get("date"))
    thread = headers.thread(root.get("references"), root.get("in-reply-to"))
    start = subject.lower()
    reading = body.read(
        tree_,
        reply=bool(thread) or start.startswith(_REPLIES),
        forwarded=start.startswith(_FORWARDS),
    )
    return Inbound(
        channel=channel,
        account=account_of(rcpt_to, address),
        external_id=_external_id(root, raw),
        sender=sender,
        text=reading.text,
        raw=raw,
        subject=subject or None,
        files=reading.files,
        sent_at=sent_at,
        thread=thread,
        token=token_of([*rcpt_to, *root.all("to"), *root.all("cc")], address),
        automatic=automatic.reason(
            root, subject=subject, sender=sender.address, mail_from=mail_from, ours=address
        ),
        unanswered=None if proven.answerable else NoAnswerReason.UNPROVEN_SENDER,
        notes=(*reading.notes, *([notes.ZONE] if by_name else []), *_notes(root, proven)),
    )


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


def _proven(root: tree.MimePart, sender: Author, proven: proof.SenderProof, ours: str) -> Author:
    """Add what the proof allows: Reply-To is read of proven senders only."""
    if proven.verdict != "passed":
        return replace(sender, unproven=proven.pseudonymous)
    wanted = [each.address for each in headers.addresses(*root.all("reply-to")[:1])]
    usable = wanted[:1] != [sender.address] and len(wanted) == 1
    if not usable or automatic.is_machine(wanted[0], ours):
        return sender
    return replace(sender, answers_to=wanted[0])


def _notes(root: tree.MimePart, proven: proof.SenderProof) -> list[str]:
    told = (
        (NO_HEADERS, not root.fields),
        (notes.BROKEN_WORDS, any(map(headers.is_broken, map(root.get, ("from", "subject"))))),
        (UNPROVEN, proven.verdict == "failed"),
        (UNALIGNED, not proven.answerable and proven.verdict != "failed"),
    )
    return [note for note, given in told if given]
