"""The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1), and how many SMS a text takes.

Message centres hand septets over one in each octet; characters of the extension table take two.
"""

from collections.abc import Iterable, Iterator, Sequence

OCTETS = 140
"""What one message holds: 160 septets or 70 units of UCS-2."""
SEPTETS, SEPTETS_OF_PART = 160, 153
UNITS_OF_PART = 134
MOST_PARTS = 255
UCS2 = "utf-16-be"

ESCAPE = 0x1B
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
CODES: dict[str, bytes] = {
    **{letter: bytes([code]) for code, letter in enumerate(BASIC) if code != ESCAPE},
    **{letter: bytes([ESCAPE, code]) for code, letter in EXTENSION.items()},
}
"""Of each character its one or two septets."""

PLAIN = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "•": "-",
        "\u00a0": " ",
        "\u202f": " ",
        "\t": " ",
    }
)
"""One typographic quote would turn a whole message into UCS-2 and double its price."""


def decode(septets: bytes) -> str:
    """Read septets; what is none becomes "\ufffd", an unknown extension its plain letter."""
    letters: list[str] = []
    escaped = False
    for code in septets:
        if escaped:
            letters.append(EXTENSION.get(code) or _basic(code))
            escaped = False
        elif code == ESCAPE:
            escaped = True
        else:
            letters.append(_basic(code))
    return "".join(letters) + (" " if escaped else "")


def codes(text: str) -> Sequence[bytes] | None:
    """Return the septets of each character; None when one is not in the alphabet."""
    found = [CODES.get(letter, b"") for letter in text]
    return found if all(found) else None


def units(text: str) -> Sequence[bytes]:
    """Return each character in UCS-2."""
    return [letter.encode(UCS2, "replace") for letter in text]


def room(sizes: Sequence[int], whole: int, part: int) -> int:
    """Return what each message holds: ``whole`` where one is enough, else ``part``."""
    return whole if sum(sizes) <= whole else part


def fill_parts(codes: Iterable[bytes], sizes: Iterable[int], most: int) -> Iterator[bytes]:
    """Fill parts of ``most``, never splitting a character."""
    part, used = b"", 0
    for code, size in zip(codes, sizes, strict=True):
        if used + size > most:
            yield part
            part, used = b"", 0
        part, used = part + code, used + size
    yield part


def segments(text: str) -> int:
    """Count the SMS that a text takes."""
    septets = codes(text.translate(PLAIN))
    written = units(text) if septets is None else septets
    sizes = [len(each) for each in written]
    limits = (OCTETS, UNITS_OF_PART) if septets is None else (SEPTETS, SEPTETS_OF_PART)
    return min(sum(1 for _ in fill_parts(written, sizes, room(sizes, *limits))), MOST_PARTS)


def _basic(code: int) -> str:
    if code == ESCAPE:
        return " "  # reserved for another extension: shown as a space
    return BASIC[code] if code < len(BASIC) else "\ufffd"
