"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1).

Message centres hand septets over one in each octet; characters of the extension table take two.
"""

from collections.abc import Sequence

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


def _basic(code: int) -> str:
    if code == ESCAPE:
        return " "  # reserved for another extension: shown as a space
    return BASIC[code] if code < len(BASIC) else "\ufffd"
