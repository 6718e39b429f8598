"""Who may use the console: the session cookie, forged-form checks, and slowing of guessers.

The cookie holds an opaque token; the session itself lives in the store. Three checks stand
before every change: the browser says the form comes from our own page (``Sec-Fetch-Site``, else
``Origin``), the session is alive, and the form carries the session's own CSRF token.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.store.views import Session

COOKIE = "kanal_session"
"""Behind https the name begins with ``__Host-``, so that no other host can set it."""
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
MAX_FORM = 65_536
"""Bytes of a form; the largest we send ourselves is a few thousand ids of dead letters."""

Clock = Callable[[], datetime]
Form = Mapping[str, list[str]]


async def read_form(request: Request) -> Form:
    """Read a URL-encoded form. Raises ``ConsoleError`` 413 or 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise ConsoleError(415, ConsoleErrorCode.STRANGE_FORM)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise ConsoleError(413, ConsoleErrorCode.LONG_FORM)
    try:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=5_000)
    except ValueError:
        raise ConsoleError(413, ConsoleErrorCode.MANY_FIELDS) from None
    return {name: [*map(without_nul, values)] for name, values in form.items()}


def without_nul(value: str) -> str:
    """Return a value as PostgreSQL takes it: NUL is what no text of its may have."""
    return value.replace("\0", "")


def check_address(request: Request) -> None:
    """Read an address without NUL, as ``without_nul`` does. Raises ``ConsoleError`` 404."""
    request.scope["query_string"] = request.scope["query_string"].replace(b"%00", b"")
    if any("\0" in each for each in request.path_params.values()):
        raise ConsoleError(404, ConsoleErrorCode.NO_PAGE)


def first(form: Form, name: str) -> str:
    """Return the first value of a field, trimmed; "" when it is missing."""
    return form.get(name, [""])[0].strip()


def check_origin(request: Request) -> None:
    """Let a change pass only from our own page. Raises ``ConsoleError`` 403.

    A request with neither header is refused: every browser since 2020 sends one with a form.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        own = site in {"same-origin", "none"}
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        own = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    if not own:
        raise ConsoleError(403, ConsoleErrorCode.STRANGE_ORIGIN)


def check_csrf(request: Request, form: Form, session: Session) -> None:
    """Compare the form's (or htmx's) token with the session's. Raises ``ConsoleError`` 403."""
    sent = request.headers.get(CSRF_HEADER) or first(form, CSRF_FIELD)
    if not hmac.compare_digest(sent.encode(), session.csrf.encode()):
        raise ConsoleError(403, ConsoleErrorCode.OLD_FORM)


def cookie_name(*, secure: bool) -> str:
    """Return the name of the session cookie."""
    return f"__Host-{COOKIE}" if secure else COOKIE


def give_cookie(response: Response, token: str, *, secure: bool) -> None:
    """Hand the session to the browser, until it closes; its true end is in the store."""
    response.set_cookie(
        cookie_name(secure=secure),
        token,
        path=_path(secure=secure),
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def take_cookie(response: Response, *, secure: bool) -> None:
    """Make the browser forget the session."""
    response.delete_cookie(
        cookie_name(secure=secure),
        path=_path(secure=secure),
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def _path(*, secure: bool) -> str:
    return "/" if secure else "/console"  # __Host- stands for the whole host


@dataclass
class Throttle:
    """Counts tries per key in a sliding window, and refuses when there were too many.

    A try counts before the password is checked, so that a thousand at once are also refused.
    """

    limit: int
    window: timedelta
    clock: Clock
    max_keys: int = 10_000
    """Above this the keys whose window has passed are forgotten: guessed names cost memory."""
    _tries: dict[str, list[datetime]] = field(default_factory=dict)

    def wait(self, key: str) -> int:
        """Return the seconds until ``key`` may try again; 0 when it may now."""
        tries = self._recent(key)
        if len(tries) < self.limit:
            return 0
        return max(1, ceil((tries[0] + self.window - self.clock()).total_seconds()))

    def count(self, key: str) -> None:
        """Note one try."""
        if len(self._tries) >= self.max_keys:
            self._sweep()
        self._tries[key] = [*self._recent(key), self.clock()]

    def forgive(self, key: str) -> None:
        """Take back the latest try of ``key``: it was the right password."""
        if tries := self._recent(key):
            tries.pop()

    def _recent(self, key: str) -> list[datetime]:
        after = self.clock() - self.window
        tries = [t for t in self._tries.get(key, []) if t > after]
        if tries:
            self._tries[key] = tries
        else:
            self._tries.pop(key, None)
        return tries

    def _sweep(self) -> None:
        for key in list(self._tries):
            self._recent(key)


class LoginThrottle:
    """Slows those who guess passwords, by name and network address together, and by address.

    A device that the name has logged in from before is counted by itself: what strangers do, from
    the same address too, keeps no operator out. One that used up its tries is a stranger again.
    """

    def __init__(self, clock: Clock) -> None:
        window = timedelta(minutes=15)
        self._by_device = Throttle(10, window, clock)
        self._by_name_there = Throttle(10, window, clock)
        self._by_peer = Throttle(30, window, clock)

    def admit(self, name: str, peer: str, device: str) -> None:
        """Count a try. Raises ``ConsoleError`` 429 with Retry-After when there were too many.

        ``peer`` is "" where the settings name no header of the proxy's; ``device`` is "" for a
        stranger's.
        """
        counts = self._counts(name, peer, device)
        if wait := max(throttle.wait(key) for throttle, key in counts):
            retry = {"Retry-After": str(wait)}
            raise ConsoleError(429, ConsoleErrorCode.THROTTLED, retry, minutes=-(-wait // 60))
        for throttle, key in counts:
            throttle.count(key)

    def welcome(self, name: str, peer: str, device: str) -> None:
        """Take the try back: the password was right."""
        for throttle, key in self._counts(name, peer, device, counted=True):
            throttle.forgive(key)

    def _counts(
        self, name: str, peer: str, device: str, *, counted: bool = False
    ) -> list[tuple[Throttle, str]]:
        if device and (counted or not self._by_device.wait(device)):
            return [(self._by_device, device)]
        there = [(self._by_name_there, f"{peer}\x1f{_key(name)}")]
        return [*there, (self._by_peer, peer)] if peer else there


def _key(name: str) -> str:
    return name.casefold()[:100]
