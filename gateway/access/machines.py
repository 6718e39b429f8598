"""Machines: who among the senders is none of our citizens, and who must not be written to.

One place for every channel. What surely comes from a machine is set aside in the quarantine: open
where a person may have said something with it, else as a note. What may come from a person all the
same is filed and routed, with the reason why it gets no answer.
Pure: it sees a message and the channels, nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from adapters.contract import Channel, Inbound
from normalizer import automatic, numbers, receipt
from normalizer.message import NoAnswerReason

OWN = "one of our own addresses"
SERVICE = "a short code or a name of a sender: no person, and nobody to write to"
PREMIUM = "a number that whoever writes to it pays for"

_SCHEME = re.compile(r"[a-z]+:", re.IGNORECASE)
_MEMBER = re.compile(r"(-?\d{1,19})@(-?\d{1,19})")
"""A person in a group on Telegram, and the group."""
_PARTIES: Mapping[numbers.Party, NoAnswerReason | None] = {
    "person": None,
    "service": NoAnswerReason.MACHINE,
    "premium": NoAnswerReason.PREMIUM_NUMBER,
    "foreign": NoAnswerReason.FOREIGN_NUMBER,
}


@dataclass(frozen=True, slots=True)
class SetAside:
    """Why a message is kept in the quarantine, and whether an operator is to decide on it."""

    reason: str
    detail: str
    state: Literal["open", "noted"] = "noted"


OWN_ADDRESS = SetAside("automatic", "own_address")
MACHINE_SENDER = SetAside("machine", "machine_sender", "open")
"""An advert, a code, or a person who writes by a web page. Such a sender takes no answer."""
BARE_RECEIPT = SetAside("receipt", "receipt_words")
LONG_RECEIPT = SetAside("machine", "receipt_words", "open")
"""It quotes more than the standard says: a person may have added words."""


_UNDECIDED = frozenset({"other_bot"})
"""Reasons (``Inbound.automatic``) that an operator looks at: a bot may bring a person's words."""


class Machines:
    """Knows our own addresses on every channel."""

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._anywhere: set[str] = set()
        """Phone numbers and mail addresses, whichever of our channels they belong to."""
        self._on: dict[str, set[str]] = {}
        """Names and ids that mean something on their own channel only."""
        for name, channel in channels.items():
            for address in channel.own:
                if _is_phone(channel, address) or _is_mail(address):
                    self._anywhere.add(_key(address))
                else:
                    self._on.setdefault(name, set()).add(address.casefold())

    def set_aside(self, channel: Channel, inbound: Inbound) -> SetAside | None:
        """Say why a message is surely a machine's, for the quarantine; None for all others."""
        sender = inbound.sender.address
        if inbound.automatic:
            if inbound.automatic in _UNDECIDED:
                return SetAside("machine", inbound.automatic, "open")
            return SetAside("automatic", inbound.automatic)
        if self.is_own(channel, sender) or _is_account(channel, inbound):
            return OWN_ADDRESS
        by_phone = channel.by_phone or numbers.looks_like_one(sender)
        if by_phone and (found := receipt.read_words(inbound.text)):
            return BARE_RECEIPT if found.is_bare else LONG_RECEIPT
        return MACHINE_SENDER if _party(channel, sender) == "service" else None

    def unanswered(self, channel: Channel, inbound: Inbound) -> NoAnswerReason | None:
        """Say why the sender of a message that is filed is not written to."""
        if inbound.unanswered:
            return inbound.unanswered
        if self.set_aside(channel, inbound):
            return NoAnswerReason.MACHINE
        if found := _PARTIES[_party(channel, inbound.sender.address)]:
            return found
        asks = not (inbound.explicit or channel.fetched)
        heard = asks and automatic.sounds_automatic(inbound.text)
        return NoAnswerReason.AUTOMATIC_WORDS if heard else None

    def unwritable(self, channel: Channel, to: str) -> str | None:
        """Say why nothing may be sent to an address, whatever it is; None where it may.

        Other countries are not looked at: a word about danger goes there too.
        """
        if self.is_own(channel, to):
            return OWN
        return {"service": SERVICE, "premium": PREMIUM}.get(_party(channel, to))

    def is_own(self, channel: Channel, address: str) -> bool:
        """Tell whether an address is ours."""
        if _is_phone(channel, address) or _is_mail(address):
            return _key(address) in self._anywhere
        mine = self._on.get(channel.name, set())
        member = _MEMBER.fullmatch(address)
        return not mine.isdisjoint(member.groups() if member else [address.casefold()])


def _party(channel: Channel, address: str) -> numbers.Party:
    if not _is_phone(channel, address):
        return "person"
    return numbers.party(address, channel.block.answer_countries)


def _is_account(channel: Channel, inbound: Inbound) -> bool:
    """Tell whether a message says that it comes from the very number it came to."""
    comparable = _is_phone(channel, inbound.account) or _is_mail(inbound.account)
    return comparable and _key(inbound.account) == _key(inbound.sender.address)


def _is_phone(channel: Channel, address: str) -> bool:
    if numbers.looks_like_one(address):
        return True
    return channel.by_phone and not _SCHEME.match(address)


def _is_mail(address: str) -> bool:
    return "@" in address[1:] and not _MEMBER.fullmatch(address)


def _key(address: str) -> str:
    if not _is_mail(address):
        return numbers.bare(address)
    local, _, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
