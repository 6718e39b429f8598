"""What a channel remembers of its calls to its provider: when, where and the outcome.

Never what was said, to whom, or with which secret. Bounded; operators read it.
"""

import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from yarl import URL

KEPT = 200
"""Exchanges that one channel remembers."""
_PLAIN = re.compile(r"[A-Za-z._~-]{1,32}|v?\d{1,2}")
"""A part of a path that can be no token, no number of a phone and no id."""


@dataclass(slots=True)
class Exchange:
    """One call of ours to a provider."""

    at: datetime
    method: str
    target: str
    """Host and path; parts that may hold a token or name a person are cut out."""
    status: int | None = None
    """None where the provider gave no answer, or speaks without numbers."""
    seconds: float = 0.0
    error: str = ""
    """The type of what went wrong on the way."""


class ExchangeLog:
    """The newest exchanges of one channel, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def note(self, method: str, target: str) -> Iterator[Exchange]:
        """Remember the call made inside; ``target`` is a URL, or the name of a host."""
        exchange = Exchange(datetime.now(UTC), method, redacted(target))
        self._kept.append(exchange)
        began = time.monotonic()
        try:
            yield exchange
        except BaseException as error:
            exchange.error = type(error).__name__
            raise
        finally:
            exchange.seconds = round(time.monotonic() - began, 3)


def redacted(target: str) -> str:
    """Return host and path of a URL, without what may be a secret or a person."""
    url = URL(target)
    parts = (part if not part or _PLAIN.fullmatch(part) else "…" for part in url.path.split("/"))
    return f"{url.host or ''}{'/'.join(parts)}"
