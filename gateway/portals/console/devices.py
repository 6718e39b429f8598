"""Devices that somebody has logged in from before: a signed cookie, bound to the name.

A device that has one is slowed apart from all strangers, so they cannot keep them out by
guessing (OWASP's device cookie). It opens nothing: the password is still needed.
"""

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "kanal_device"
KEPT = timedelta(days=180)
Sign = Callable[[str], str]
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("UCBrowser", "UC Browser"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
"""What a browser says of itself → what it is called; the first that is there counts."""


class Devices:
    """Makes and reads the cookies. ``sign`` is a keyed hash, ``clock`` returns aware moments."""

    def __init__(self, sign: Sign, clock: Callable[[], datetime], *, secure: bool) -> None:
        self._sign = sign
        self._clock = clock
        self._secure = secure
        self.cookie = f"__Host-{COOKIE}" if secure else COOKIE

    def find(self, request: Request, name: str) -> str:
        """Return the id of a device from which ``name`` has logged in before; "" of any other."""
        device, _, rest = request.cookies.get(self.cookie, "").partition(".")
        ends, _, signature = rest.partition(".")
        right = self._signature(name, device, ends)
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), right.encode()):
            return ""
        return device if int(ends) > self._clock().timestamp() else ""

    def give(self, response: Response, name: str) -> None:
        """Let the browser be known as a device of ``name``."""
        device, ends = secrets.token_hex(16), str(int((self._clock() + KEPT).timestamp()))
        response.set_cookie(
            self.cookie,
            f"{device}.{ends}.{self._signature(name, device, ends)}",
            max_age=int(KEPT.total_seconds()),
            path="/" if self._secure else "/console",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    def _signature(self, name: str, device: str, ends: str) -> str:
        return self._sign("\x1f".join((device, ends, name.casefold())))


def device_words(agent: str) -> str:
    """Name a browser and its system, coarsely: "Chrome · Android"; "" of an unknown one."""
    named = (
        next((name for sign, name in table if sign in agent), "") for table in (_BROWSERS, _SYSTEMS)
    )
    return " · ".join(filter(None, named))
