"""What makes a message this one and no other: its key, its number, its sender, and what it says."""

import hashlib

from adapters.contract import Inbound
from gateway.platform.seal import Seal
from normalizer import tracking

LONGEST_ID = 200


def identity(inbound: Inbound) -> tuple[str, str]:
    """Return account and external id, short enough: with the channel, the key of a message.

    An id that its sender made up (two forms call every mail ``<form@localhost>``) names a message
    only together with its sender; under an address that many use, together with its words.
    """
    sender = inbound.sender
    if not sender.makes_ids:
        return inbound.account[:320], short_id(inbound.external_id)
    whose = digest(inbound) if sender.shared else _hash(sender.address.casefold())
    return inbound.account[:320], short_id(f"{inbound.external_id} {whose[:16]}")


def short_id(external_id: str) -> str:
    """Return a provider's id, or a hash of one too long for an index."""
    if len(external_id) <= LONGEST_ID and external_id.isprintable():
        return external_id
    return "sha256:" + hashlib.sha256(external_id.encode("utf-8", "replace")).hexdigest()


def tracking_of(seal: Seal, inbound: Inbound) -> str:
    """Return a message's tracking number: the same for its repeats, wherever they are taken."""
    drawn = seal.numbers("tracking", inbound.channel, *identity(inbound))
    return next(filter(None, (tracking.compose(number % tracking.SPACE) for number in drawn)))


def pseudonym(inbound: Inbound) -> str:
    """Return what makes two messages one person's: the address, but never an unproven one's.

    Under an address that many use, only a message that says the same is the same person's.
    """
    if inbound.sender.shared:
        return f"shared:{digest(inbound)}"
    address = inbound.sender.address.casefold()
    return f"unproven:{address}" if inbound.sender.unproven else address


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def digest(inbound: Inbound, *, whole: bool = False) -> str:
    """Hash what was said; a provider's retry may differ in headers and order, never in this.

    ``whole`` adds the fields that not every way of asking a provider brings along.
    """
    made = hashlib.sha256()
    parts = [inbound.sender.address, inbound.subject or "", inbound.text]
    if whole:
        marks = (inbound.anonymous, inbound.confidential, inbound.kind, inbound.occurred_on)
        parts += [inbound.address, inbound.topic, inbound.agency, inbound.token or ""]
        parts += [str(inbound.location), *map(str, marks)]
    for part in parts:
        made.update(part.encode("utf-8", "replace") + b"\x1f")
    for content in sorted(file.content or (file.url or "").encode() for file in inbound.files):
        made.update(content)
    return made.hexdigest()
