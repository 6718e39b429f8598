"""Which part of a longer message a text is: the user data header (3GPP TS 23.040, 9.2.3.24)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from normalizer.inbound import Segment

SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER = 0x020C, 0x020E, 0x020F
"""Tags of the optional parameters."""
CONCATENATED_8, CONCATENATED_16 = 0x00, 0x08
_NATIONAL = {0x24: "locking", 0x25: "single"}


@dataclass(frozen=True, slots=True)
class Payload:
    """What a message carries, without its header."""

    body: bytes
    part: Segment | None = None
    notes: tuple[str, ...] = ()


def take_header(payload: bytes, *, has_header: bool, tlvs: Mapping[int, bytes]) -> Payload:
    """Take the header off a payload; a header that cannot be read stays in it, with a note.

    Without one the part may be named by the ``sar_`` parameters (SMPP 3.4, 5.3.2.22).
    """
    if not has_header:
        return Payload(payload, _by_sar(tlvs))
    length = payload[0] + 1 if payload else 0
    if not 0 < length <= len(payload):
        return Payload(payload, _by_sar(tlvs), ("header_unreadable",))
    elements = dict(_elements(payload[1:length]))
    notes = tuple(
        f"national_alphabet: {shift} shift"
        for element, shift in _NATIONAL.items()
        if element in elements
    )
    return Payload(payload[length:], _concatenated(elements) or _by_sar(tlvs), notes)


def header(reference: int, total: int, number: int) -> bytes:
    """Write the header of one part; ``reference`` is 0 to 255."""
    return bytes([5, CONCATENATED_8, 3, reference, total, number])


def segment(reference: str, total: int, number: int) -> Segment | None:
    """Return a part that makes sense; a receiver ignores the others (9.2.3.24.1)."""
    return Segment(reference, number, total) if 1 <= number <= total <= 255 and total > 1 else None


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        yield element, header[at + 2 : at + 2 + length]
        at += 2 + length


def _concatenated(elements: Mapping[int, bytes]) -> Segment | None:
    short, long = elements.get(CONCATENATED_8, b""), elements.get(CONCATENATED_16, b"")
    if len(long) == 4:
        return segment(f"16-bit {int.from_bytes(long[:2], 'big')}", long[2], long[3])
    if len(short) == 3:
        return segment(f"8-bit {short[0]}", short[1], short[2])
    return None


def _by_sar(tlvs: Mapping[int, bytes]) -> Segment | None:
    named = (
        tlvs.get(SAR_REFERENCE, b""),
        tlvs.get(SAR_TOTAL, b""),
        tlvs.get(SAR_NUMBER, b""),
    )
    if not all(named):
        return None
    reference, total, number = (int.from_bytes(value, "big") for value in named)
    return segment(f"sar {reference}", total, number)
