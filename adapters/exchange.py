"""What a channel remembers of its calls to its provider, and of the provider's calls to it.

When, where and how it ended; never what was said, to whom, or with which secret. Bounded: a process
keeps the newest, and hands them to whatever writes them down for operators.
"""

import json
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from structlog.contextvars import get_contextvars
from yarl import URL

KEPT = 200
"""Exchanges that one channel remembers."""
LARGEST_EXCERPT = 4_096
"""Bytes of an answer of which an excerpt is made; of a larger one only its size is told."""
LONGEST = 300
"""Characters of a target and of an excerpt."""
_PLAIN = re.compile(r"[A-Za-z._~-]{1,32}|v?\d{1,2}")
"""A part of a path that can be no token, no number of a phone and no id."""
_METHOD = re.compile(r"[A-Z]{1,16}")
_CODES = frozenset({"code", "error_code", "errorCode", "status", "retry_after"})
"""Keys under which providers put their own numbers, which name no person."""
_KEYS = _CODES | {
    "data", "description", "detail", "error", "error_message", "errors", "id", "message",
    "messages", "meta", "more_info", "ok", "parameters", "reason", "result", "result_count", "sid",
    "title", "type", "value",
}  # fmt: skip
"""Keys that are told. A key may also be a person's name: any other one is cut like a value."""

Direction = Literal["in", "out"]


@dataclass(slots=True)
class Exchange:
    """One call of ours to a provider, or of a provider to us."""

    at: datetime
    method: str
    target: str
    """Host and path; parts that may hold a token or name a person are cut out."""
    direction: Direction = "out"
    status: int | None = None
    """None where the provider gave no answer, or speaks without numbers."""
    seconds: float = 0.0
    error: str = ""
    """The type of what went wrong on the way."""
    excerpt: str = ""
    """How the answer was built: usual keys and the provider's own codes, nothing else."""
    correlation: str = ""
    """The message that it was about, or the request that brought it, as log lines name them."""

    @property
    def has_failed(self) -> bool:
        """Tell whether it did not go as it should."""
        return bool(self.error) or (self.status or 0) >= 400


class ExchangeLog:
    """The newest exchanges of one channel, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=KEPT)
        self._unwritten: deque[Exchange] = deque(maxlen=KEPT)
        self._lost = 0

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def note(self, method: str, target: str, direction: Direction = "out") -> Iterator[Exchange]:
        """Remember the call made inside; ``target`` is a URL, or the name of a host."""
        exchange = Exchange(
            datetime.now(UTC),
            method if _METHOD.fullmatch(method) else "…",
            redact_url(target),
            direction,
            correlation=_correlation(),
        )
        self._kept.append(exchange)
        began = time.monotonic()
        try:
            yield exchange
        except BaseException as error:
            exchange.error = type(error).__name__
            raise
        finally:
            exchange.seconds = round(time.monotonic() - began, 3)
            self._lost += len(self._unwritten) == KEPT
            self._unwritten.append(exchange)

    def take(self) -> tuple[list[Exchange], int]:
        """Hand over what has ended since the last time, and how many more there was no room for."""
        taken, lost = list(self._unwritten), self._lost
        self._unwritten.clear()
        self._lost = 0
        return taken, lost


def redact_url(target: str) -> str:
    """Return host and path of a URL, without what may be a secret or a person."""
    try:
        url = URL(target)
    except ValueError:
        return "…"
    parts = (part if not part or _PLAIN.fullmatch(part) else "…" for part in url.path.split("/"))
    return f"{url.host or ''}{'/'.join(parts)}"[:LONGEST]


def excerpt(body: bytes) -> str:
    """Return the skeleton of a JSON answer: usual keys and the provider's codes, the rest cut.

    Of anything else only the size is told.
    """
    if len(body) <= LARGEST_EXCERPT and body.lstrip()[:1] in (b"{", b"["):
        try:
            return json.dumps(_skeleton(json.loads(body)), ensure_ascii=False)[:LONGEST]
        except (ValueError, RecursionError):
            pass
    return f"{len(body)} B" if body else ""


def _skeleton(value: Any, key: str = "", depth: int = 4) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and key in _CODES and 0 <= value < 100_000:
        return value
    if isinstance(value, Mapping) and depth:
        return {
            name if name in _KEYS else "…": _skeleton(inner, name, depth - 1)
            for name, inner in value.items()
        }
    if isinstance(value, list) and depth:
        return [_skeleton(inner, key, depth - 1) for inner in value[:1]]
    return "…"


def _correlation() -> str:
    """Return what the log lines of this moment carry (``gateway.platform.correlation``)."""
    bound = get_contextvars()
    return str(bound.get("correlation") or bound.get("request") or "")
