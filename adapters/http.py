"""The one way of a channel to its provider over HTTP, and the provider's errors as ours.

Every call has a deadline and a largest answer, follows no redirect and keeps no cookie. It leaves
an exchange in the channel's log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TraceConfig,
)
from yarl import URL

from adapters.contract import (
    ChannelError,
    OptedOut,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
    Until,
)
from adapters.exchange import ExchangeLog, excerpt

LARGEST = 10_000_000
"""Bytes of an answer that a channel takes unless it says otherwise."""
PAUSE = 5.0
"""Seconds to wait after a 429 that names none."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a provider answered."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300


class HttpClient:
    """The connections of one channel to one provider; opened by the first call."""

    def __init__(
        self,
        provider: str,
        log: ExchangeLog,
        *,
        timeout: float,
        largest: int = LARGEST,
        notes_path: bool = True,
    ) -> None:
        """Keep the bounds of every call.

        ``notes_path`` is False where the whole address comes from the settings: any word of its
        path may be a secret then, and the log names the host only.
        """
        self.provider = provider
        self._notes_path = notes_path
        self.timeout = timeout
        self.largest = largest
        self._log = log
        self._session: ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        seconds: float | None = None,
        first: int | None = None,
        **more: Any,
    ) -> HttpResponse:
        """Make one call within ``seconds``; ``more`` is what aiohttp takes (headers, data, json).

        Of the answer's body the ``first`` bytes are read, and all of it where none are named.

        Raises ``Unreachable`` when there is no whole answer in time, and ``UnknownOutcome`` where
        the provider may have done what it was asked to.
        """
        written = _Written()
        deadline = ClientTimeout(total=seconds or self.timeout)
        noted = URL(url) if self._notes_path else URL(url).with_path("/")
        with self._log.note(method, str(noted)) as exchange:
            try:
                async with self._open().request(
                    method,
                    url,
                    timeout=deadline,
                    allow_redirects=False,
                    trace_request_ctx=written,
                    **more,
                ) as answer:
                    exchange.status = answer.status
                    body = await self._read(answer, first)
                    exchange.excerpt = excerpt(body)
                    return HttpResponse(answer.status, answer.headers, body)
            except (ClientError, TimeoutError, OSError) as error:
                said = f"{self.provider} did not answer ({type(error).__name__})"
                if isinstance(error, _Endless):
                    said = f"the answer of {self.provider} does not end"
                may_be_done = written.headers and method not in _SAFE
                raise (UnknownOutcome if may_be_done else Unreachable)(said) from None

    async def _read(self, answer: ClientResponse, first: int | None) -> bytes:
        read = bytearray()
        while first is None or len(read) < first:
            chunk = await answer.content.read(65_536 if first is None else first - len(read))
            if not chunk:
                break
            read += chunk
            if len(read) > self.largest:
                raise _Endless
        return bytes(read)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                cookie_jar=DummyCookieJar(), trace_configs=[_written_trace()]
            )
        return self._session


class _Endless(ClientError):
    """The answer is longer than it may be."""


_SAFE = ("GET", "HEAD")
"""Methods that change nothing at the provider (RFC 9110 §9.2.1)."""


@dataclass(slots=True)
class _Written:
    """How far a call got: once its headers are written, the provider may act on it."""

    headers: bool = False


def _written_trace() -> TraceConfig:
    async def note(_: ClientSession, context: SimpleNamespace, __: object) -> None:
        if isinstance(context.trace_request_ctx, _Written):
            context.trace_request_ctx.headers = True

    trace = TraceConfig()
    trace.on_request_headers_sent.append(note)
    return trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """What a provider's statuses, codes and words mean, each in our words.

    A provider's own words may name people: none of them is repeated. Keys are statuses, codes, or
    parts of words in small letters.
    """

    provider: str
    slow: Mapping[int, float] = field(default_factory=dict)
    """What asks us to wait, and the seconds where the provider names none."""
    mendable: Mapping[Any, str] = field(default_factory=dict)
    """What an operator can mend. It is retried: refused for good, the answer would be lost."""
    silenced: Mapping[Any, tuple[Until, str]] = field(default_factory=dict)
    """What says that the citizen must act first, and until when."""
    refused: Mapping[Any, str] = field(default_factory=dict)
    """What will never work for this message or this recipient."""

    def error(
        self,
        status: int,
        *keys: int | str | None,
        words: str = "",
        wait: float | None = None,
        final: bool | None = None,
    ) -> ChannelError:
        """Return the error of an answer that is no success.

        ``words`` are the provider's, in small letters. ``final`` says whether what is neither slow
        nor mendable is refused for good; without it every 4xx is, but 408.
        """
        said = f"{self.provider} answered {status}"
        said += "".join(f", code {key}" for key in keys if isinstance(key, int))
        known: tuple[int | str | None, ...] = (*keys, status)
        pauses = (self.slow[k] for k in known if isinstance(k, int) and k in self.slow)
        pause = wait if wait is not None else next(pauses, PAUSE if status == 429 else None)
        if pause is not None:
            return Throttled(said, retry_after=pause)
        if silenced := _meaning(self.silenced, known, words):
            until, ours = silenced
            return OptedOut(f"{said}: {ours}", until=until)
        if mendable := _meaning(self.mendable, known, words):
            return Unreachable(f"{said}: {mendable}")
        if not (400 <= status < 500 and status != 408 if final is None else final):
            return Unreachable(said)
        refused = _meaning(self.refused, known, words)
        return Refused(f"{said}: {refused}" if refused else said)

    def describe(self, code: int | None) -> str:
        """Say a code in our words, as far as there are any."""
        silenced = self.silenced.get(code or 0)
        ours = silenced[1] if silenced else self.refused.get(code or 0)
        ours = ours or self.mendable.get(code or 0)
        return f"{code}: {ours}" if ours else str(code or "")


def _meaning(table: Mapping[Any, T], keys: tuple[int | str | None, ...], words: str) -> T | None:
    for key in keys:
        if key is not None and key in table:
            return table[key]
    theirs = (key for key in table if isinstance(key, str) and words and key in words)
    return next((table[key] for key in theirs), None)
