"""What an item of a call says: a message of a citizen, a part of one, or a receipt."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

from adapters.contract import Author, Inbound, Malformed, Receipt, Segment
from adapters.sms import coding
from adapters.sms.coding import CodingWords
from adapters.sms.numbers import address
from adapters.sms.user_data_header import segment, take_header
from adapters.sms_http.fields import SmsItem
from adapters.sms_http.settings import Alphabet, SmsHttpBlock, SmsIncoming, SmsReceipts
from normalizer import gsm

_PARTY = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_ID = re.compile(r"[!-~]{1,200}")
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){1,70000}")
_SECONDS = re.compile(r"\d{9,10}(?:\.\d{1,9})?")
_MILLISECONDS = re.compile(r"\d{12,13}")
ALPHABETS: Mapping[str, Alphabet] = {
    "ascii": "ascii",
    "gsm": "gsm",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "ucs-2": "utf-16-be",
    "ucs2": "utf-16-be",
    "us-ascii": "ascii",
    "utf-16": "utf-16-be",
    "utf-16be": "utf-16-be",
    "utf-16le": "utf-16-le",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "windows-1252": "windows-1252",
}
"""Names of alphabets as all the world writes them, in small letters."""
NOT_AS_SAID = "alphabet_guessed"


def is_receipt(item: SmsItem, receipts: SmsReceipts) -> bool:
    """Tell whether an item says what became of a message of ours."""
    return bool(item.text(receipts.fields.status))


def receipt(item: SmsItem, block: SmsHttpBlock, channel: str) -> Receipt | None:
    """Read a receipt; None where it says nothing that is worth noting. Raises ``Malformed``."""
    named = block.receipts.fields
    id = (item.text(named.id) or "").strip()
    if not _ID.fullmatch(id):
        raise Malformed("a receipt that names no message of ours")
    word = (item.text(named.status) or "").strip()
    state = block.receipts.states.get(word.casefold())
    if state is None or state == "pending":
        return None
    told = (word, (item.text(named.error) or "").strip())
    detail = " ".join(each for each in told if _WORD.fullmatch(each))
    if state == "opted_out":
        return Receipt(channel, id, "failed", detail, "starts")
    return Receipt(channel, id, state, detail)


def message(item: SmsItem, block: SmsHttpBlock, channel: str, *, raw: bytes, stamp: str) -> Inbound:
    """Read a message. Raises ``Malformed``.

    ``stamp`` tells equal messages apart that have neither an id nor a time.
    """
    incoming = block.incoming
    named = incoming.fields
    sender = (item.text(named.sender) or "").strip()
    if not _PARTY.fullmatch(sender):
        raise Malformed(f"the message has no usable {named.sender!r}, its sender")
    if item.of(named.text) is None and not item.text(named.hex):
        raise Malformed(f"the message has no {named.text or named.hex!r}, its text")
    account = (item.text(named.recipient) or "").strip()
    part, header_notes = _part(item, incoming)
    words, octets, alphabet = _words(item, incoming)
    return Inbound(
        channel=channel,
        account=account if _PARTY.fullmatch(account) else block.number,
        external_id=_external_id(item, incoming, part, stamp),
        sender=Author(address(sender)),
        text=words.text,
        raw=raw,
        sent_at=sent_at((item.text(named.time) or "").strip(), incoming.hours_from_utc),
        notes=(*header_notes, *words.notes),
        part=part and replace(part, octets=octets, coding=alphabet),
    )


def needs_stamp(item: SmsItem, incoming: SmsIncoming) -> bool:
    """Tell whether nothing in an item tells it from an equal one."""
    named = incoming.fields
    return not (item.text(named.id) or item.text(named.time))


def fingerprint(item: SmsItem, incoming: SmsIncoming) -> str:
    """Return the same for every copy of a message: a hash of all that the settings name of it."""
    said = incoming.fields
    names = (said.sender, said.recipient, said.text, said.hex, said.coding, said.time)
    made = sha256()
    for name in (*names, said.udh, said.reference, said.part):
        value = item.of(name) or b""
        octets = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
        made.update(b"%d:" % len(octets) + octets)
    return made.hexdigest()[:40]


def _external_id(item: SmsItem, incoming: SmsIncoming, part: Segment | None, stamp: str) -> str:
    given = (item.text(incoming.fields.id) or "").strip()
    if given:
        return f"{given}.{part.number}" if part else given
    print_ = fingerprint(item, incoming)
    return f"content:{print_}-{stamp}" if needs_stamp(item, incoming) else f"content:{print_}"


def _part(item: SmsItem, incoming: SmsIncoming) -> tuple[Segment | None, tuple[str, ...]]:
    named = incoming.fields
    written = item.of(named.udh)
    octets = written.encode("latin-1", "replace") if isinstance(written, str) else written or b""
    if octets:
        header = bytes.fromhex(octets.decode()) if _is_hex_header(octets) else octets
        payload = take_header(header, has_header=True, tlvs={})
        if payload.part or payload.notes:
            return payload.part, payload.notes
    total, number = (_number(item.text(name)) for name in (named.parts, named.part))
    reference = (item.text(named.reference) or "").strip()
    return segment(reference[:200], total, number) if reference else None, ()


def _is_hex_header(octets: bytes) -> bool:
    """Tell hexadecimal from octets: a header begins with the number of octets that follow."""
    return bool(_HEX.fullmatch(octets)) and octets[0] + 1 != len(octets)


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,3}", text.strip()) else 0


def _data_coding(written: str | bytes) -> int:
    """Read a data coding: a number in figures, or the octet itself, which is what Jasmin sends."""
    octets = written.encode("utf-8", "replace") if isinstance(written, str) else written
    if len(octets) == 1 and not octets.isdigit():
        return octets[0]
    return _number(octets.decode("utf-8", "replace"))


def read_octets(octets: Sequence[bytes], alphabet: int | str, default: coding.Default) -> str:
    """Read consecutive parts of one message and one alphabet."""
    return _decoded(octets, alphabet, default).text


def _words(item: SmsItem, incoming: SmsIncoming) -> tuple[CodingWords, bytes, int | str]:
    """Read the text; return also its octets and what they are written in, where it has any."""
    named = incoming.fields
    found = item.of(named.text)
    if written := (item.text(named.hex) or "").strip():
        if not _HEX.fullmatch(written.encode("utf-8", "replace")):
            raise Malformed(f"the {named.hex!r} is not hexadecimal")
        found = bytes.fromhex(written)
    elif isinstance(found, str):  # JSON has characters, not octets
        return CodingWords(found), b"", ""
    octets, alphabet = found or b"", _alphabet(item, incoming)
    return _decoded([octets], alphabet, incoming.default_alphabet), octets, alphabet


def _alphabet(item: SmsItem, incoming: SmsIncoming) -> int | str:
    """Return the alphabet of an item, or its data coding where the gateway names that."""
    named = incoming.fields
    charset = (item.text(named.charset) or "").strip()
    known = {name.casefold(): alphabet for name, alphabet in incoming.charsets.items()}
    alphabet = known.get(charset.casefold()) or ALPHABETS.get(charset.casefold())
    if alphabet is None and incoming.codings == "smpp":
        return _data_coding(item.of(named.coding) or b"")
    if alphabet is None and isinstance(incoming.codings, dict):
        alphabet = incoming.codings.get((item.text(named.coding) or "").strip())
    return alphabet or "utf-8"


def _decoded(
    payloads: Sequence[bytes], alphabet: int | str, default: coding.Default
) -> CodingWords:
    if isinstance(alphabet, int):
        return coding.read_parts(payloads, alphabet, default)
    if alphabet == "utf-16-be":
        return coding.read_parts(payloads, coding.UCS2_NUMBER, "gsm")
    octets = b"".join(payloads)
    if alphabet == "gsm" and max(octets, default=0) < 0x80:
        return CodingWords(gsm.decode(octets))
    for known in dict.fromkeys((alphabet, "utf-8", "windows-1252")):
        if known == "gsm":  # it holds more than seven bits
            continue
        try:
            return CodingWords(octets.decode(known), () if known == alphabet else (NOT_AS_SAID,))
        except UnicodeDecodeError:
            continue
    return CodingWords(octets.decode("latin-1"), (NOT_AS_SAID,))


def sent_at(written: str, hours_from_utc: float) -> datetime | None:
    """Read a time: seconds or milliseconds since 1970, or as ISO 8601 has it; None if unread."""
    try:
        if _SECONDS.fullmatch(written):
            return datetime.fromtimestamp(float(written), UTC)
        if _MILLISECONDS.fullmatch(written):
            return datetime.fromtimestamp(int(written) / 1000, UTC)
        moment = datetime.fromisoformat(written)
    except (ValueError, OverflowError, OSError):
        return None
    zone = timezone(timedelta(hours=hours_from_utc))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
