"""What is kept of the words of providers and libraries: no address, number or id of anybody.

An error note is for operators to mend a fault. "550 <siti@contoh.id>: mailbox full" does that as
well without the address; what is left out stands sealed beside it.
"""

import re

MASK = "…"
_URL = re.compile(r"(https?://[^\s/?#\"'<>]+)[/?#][^\s\"'<>]+")
"""Paths and queries hold ids and keys; the host says what was called."""
_NAMING = re.compile(
    r"""
    (?<![^\s<>"'(),;:@…])[^\s<>"'(),;:@…]+@[^\s<>"'(),;@…]+  # an address, a Message-ID
  | (?<![\w.])@\w{2,}                                           # a handle
  | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b             # a UUID
  | (?<![\w.-])(?<!sha256\ )(?=\w*\d\w*\d)\w{16,}(?![\w])       # an opaque id
  | (?<![\w.])[+(]?\d(?:[ ()/-]{0,2}\d){6,}                     # a phone number, a numeric id
    """,
    re.X | re.I,
)


def nameless(text: str) -> str:
    """Return what was said, with a mask where it names somebody or something of theirs."""
    return _NAMING.sub(MASK, _URL.sub(rf"\1/{MASK}", text))
