"""Outgoing text: in the cheapest alphabet that holds it, in as many parts as it needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from adapters.sms.coding import Default
from adapters.sms.user_data_header import header
from normalizer import gsm

DEFAULT_CODING, UCS2_CODING = 0x00, 0x08


@dataclass(frozen=True, slots=True)
class SplitText:
    """What goes out: a payload for each part, with its header where there are several."""

    data_coding: int
    payloads: tuple[bytes, ...]

    @property
    def has_headers(self) -> bool:
        """Tell whether the payloads begin with a user data header."""
        return len(self.payloads) > 1


def split(text: str, *, id: str, default: Default, most: int | None = None) -> SplitText:
    """Split a text of at most ``most`` characters.

    The reference of the parts is drawn from ``id``: another attempt has the same one, so that a
    phone does not mix the parts of two attempts, and mostly shows the message once.
    """
    plain = fit_text(text.translate(gsm.PLAIN), most)
    septets = gsm.codes(plain)
    octets = None if septets is None else _in_default(plain, septets, default)
    if septets is not None and octets is not None:
        sizes = [len(code) for code in septets]
        bodies = gsm.fill_parts(octets, sizes, gsm.room(sizes, gsm.SEPTETS, gsm.SEPTETS_OF_PART))
        return SplitText(DEFAULT_CODING, _headed(bodies, id))
    units = gsm.units(fit_text(text, most))
    sizes = [len(unit) for unit in units]
    bodies = gsm.fill_parts(units, sizes, gsm.room(sizes, gsm.OCTETS, gsm.UNITS_OF_PART))
    return SplitText(UCS2_CODING, _headed(bodies, id))


def fit_text(text: str, most: int | None) -> str:
    """Cut a text to ``most`` characters at a word, with three dots ("…" would cost UCS-2)."""
    if most is None or len(text) <= most:
        return text
    head = text[: most - 3]
    space = head.rfind(" ")
    return (head[:space] if space > most // 2 else head).rstrip() + "..."


def _in_default(text: str, septets: Sequence[bytes], default: Default) -> Sequence[bytes] | None:
    """Write each character as the message centre's default alphabet has it."""
    if default == "gsm":
        return septets
    try:
        return [letter.encode("latin-1" if default == "latin1" else "ascii") for letter in text]
    except UnicodeEncodeError:
        return None


def _headed(bodies: Iterator[bytes], id: str) -> tuple[bytes, ...]:
    parts = list(bodies)[: gsm.MOST_PARTS]
    if len(parts) == 1:
        return tuple(parts)
    reference = sha256(id.encode()).digest()[0]
    numbered = enumerate(parts, start=1)
    return tuple(header(reference, len(parts), number) + body for number, body in numbered)
