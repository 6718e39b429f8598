"""Random tracking numbers, and the code that opens the page of one."""

import base64
import secrets

from gateway.platform.seal import Seal
from normalizer import tracking


def page_secret(seal: Seal, number: str) -> str:
    """Return what opens the tracking page of a number: 40 bits, typed from paper if need be."""
    drawn = next(seal.numbers("page", number)).to_bytes(8, "big")[:5]
    return base64.b32encode(drawn).decode().lower()


def new_tracking() -> str:
    """Draw a tracking number for the rare report whose own is taken."""
    while True:
        if number := tracking.compose(secrets.randbelow(tracking.SPACE)):
            return number
