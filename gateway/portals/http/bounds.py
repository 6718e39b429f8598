"""What one connection of the web server may cost: bytes and lines of a head, seconds, and places.

The bounds hold whatever parser reads the bytes: they are counted before it sees them.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Literal, cast

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from config.settings import ServerSettings
from gateway.platform import metrics

FLUSH_SECONDS = 5.0
"""How long a connection that is to end may take to read our last words, before it is cut."""
BODY_RATE = 4_096
"""Bytes of a body that buy one more second than ``body_seconds``."""
BODY_SECONDS = 300.0
"""What a body may take at most, however it comes; ``body_seconds`` where that is longer."""

REASONS = {
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
Parser = Literal["httptools", "h11"]


@dataclass(slots=True)
class Crowd:
    """Who is connected to one listening socket, and what each may do."""

    limits: ServerSettings
    total: int = 0
    near: Counter[str] = field(default_factory=Counter)

    @property
    def proxied(self) -> bool:
        """Tell whether all callers come by one proxy, so that they share its address."""
        return bool(self.limits.client_header) or self.limits.public_url.scheme == "https"

    def admit(self, network: str) -> bool:
        """Count a connection in, if there is a place for it."""
        most = self.limits.max_connections_per_peer
        if self.total >= self.limits.max_connections:
            return False
        if network and not self.proxied and self.near[network] >= most:
            return False
        self.total += 1
        self.near[network] += 1
        return True

    def leave(self, network: str) -> None:
        """Count a connection out."""
        self.total -= 1
        self.near[network] -= 1
        if not self.near[network]:
            del self.near[network]


class _Bounded:
    """Goes before a parser's protocol of uvicorn. ``crowd`` is the listening socket's."""

    crowd: Crowd
    transport: Any
    cycle: Any
    flow: Any
    loop: asyncio.AbstractEventLoop

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._network: str | None = None
        self._over = False
        self._unread = 0
        """Bytes of what is no body yet: a head, trailers."""
        self._reads: Literal["", "head", "body"] = ""
        self._clock: asyncio.TimerHandle | None = None
        self._deaf: asyncio.TimerHandle | None = None
        self._begun = 0.0
        self._body = 0

    def connection_made(self, transport: Any) -> None:
        """Let in, or turn away."""
        super().connection_made(transport)  # type: ignore[misc]
        network = _network(transport)
        if not self.crowd.admit(network):
            metrics.SHED.labels("", "connections").inc()
            self.refuse(503, "retry-after: 5\r\n")
            return
        self._network = network
        self._wait_for("head")

    def connection_lost(self, error: Exception | None) -> None:
        """Free the place."""
        if self._network is not None:
            self.crowd.leave(self._network)
            self._network = None
        self._over = True
        for timer in (self._clock, self._deaf):
            if timer:
                timer.cancel()
        super().connection_lost(error)  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        """Hand on to the parser no more of a head than it may have."""
        most = self.crowd.limits.max_header_bytes
        if not self._reads and not self._over:
            self._wait_for("head")
        view = memoryview(data)
        while view and not self._over:
            share, view = view[: most - self._unread], view[most - self._unread :]
            self._unread += len(share)
            self._body += len(share)
            super().data_received(bytes(share))  # type: ignore[misc]
            self._look()
            if self._unread >= most and not self._over:
                self.refuse(431)

    def pause_writing(self) -> None:
        """The other side does not read: it gets as long as for a body."""
        super().pause_writing()  # type: ignore[misc]
        self._deaf = self.loop.call_later(self.crowd.limits.body_seconds, self._cut)

    def resume_writing(self) -> None:
        """The other side reads on."""
        if self._deaf:
            self._deaf.cancel()
        super().resume_writing()  # type: ignore[misc]

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also one that does not read."""
        self._hang_up()

    def refuse(self, status: int, more: str = "") -> None:
        """Say a last word, where none was said yet, and hang up; ``more`` are header lines."""
        self._over = True
        if self._may_speak() and not self.transport.is_closing():
            reason = REASONS[status]
            self.transport.write(
                f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\n"
                f"{more}content-length: {len(reason)}\r\nconnection: close\r\n\r\n{reason}".encode()
            )
        self._hang_up()

    def _may_speak(self) -> bool:
        cycle = self.cycle
        return cycle is None or cycle.response_complete or not cycle.response_started

    def _hang_up(self) -> None:
        self._over = True
        if self.cycle is not None and not self.cycle.response_complete:
            # A handler that still answers learns that the caller is gone, and writes nothing.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self.loop.call_later(FLUSH_SECONDS, self._cut)

    def _cut(self) -> None:
        self.transport.abort()

    def _stage(self) -> Literal["", "head", "body"]:
        """Tell what the parser waits for: nothing, more of a head, or more of a body."""
        raise NotImplementedError

    def _look(self) -> None:
        stage = self._stage()
        if stage == "body" and self._reads != "body":
            self._body = 0
        if stage != self._reads:
            self._wait_for(stage)

    def _wait_for(self, stage: Literal["", "head", "body"]) -> None:
        self._reads, self._begun = stage, self.loop.time()
        if self._clock:
            self._clock.cancel()
        limits = self.crowd.limits
        seconds = {"head": limits.head_seconds, "body": limits.body_seconds}.get(stage)
        self._clock = self.loop.call_later(seconds, self._late) if seconds else None

    def _late(self) -> None:
        limits = self.crowd.limits
        if self._reads == "body":
            bought = min(limits.body_seconds + self._body / BODY_RATE, BODY_SECONDS)
            left = self._begun + max(bought, limits.body_seconds) - self.loop.time()
            if self.flow.read_paused or left > 0:
                # It is we who do not read, or it is slow but comes.
                self._clock = self.loop.call_later(max(left, 1.0), self._late)
                return
        self.refuse(408)


class _HttpTools(_Bounded, HttpToolsProtocol):
    """Bounds before httptools, which has none of its own."""

    _told: Literal["", "head", "body"] = "head"

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._told = "head"
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._told, self._unread = "body", 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._told, self._unread = "", 0
        super().on_message_complete()

    def _stage(self) -> Literal["", "head", "body"]:
        return self._told


class _H11(_Bounded, H11Protocol):
    """Bounds before h11, which bounds trailers itself."""

    def on_response_complete(self) -> None:
        """Begin with what came of the next request meanwhile."""
        super().on_response_complete()
        if self.conn.their_state is not h11.IDLE or self.conn.trailing_data[0]:
            self._look()

    def _stage(self) -> Literal["", "head", "body"]:
        state = self.conn.their_state
        if state is h11.IDLE:
            return "head"
        self._unread = 0
        return "body" if state is h11.SEND_BODY else ""


class Lines:
    """An application that is not asked about a request with too many header lines."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if len(scope.get("headers", ())) <= self._most:
            await self._app(scope, receive, send)
            return
        said = REASONS[431].encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(said)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 431, "headers": headers})
        await send({"type": "http.response.body", "body": said})


def protocol(parser: Parser, limits: ServerSettings) -> type[asyncio.Protocol]:
    """Make the protocol of one listening socket."""
    base = {"httptools": _HttpTools, "h11": _H11}[parser]
    return cast(type[asyncio.Protocol], type("Bounded", (base,), {"crowd": Crowd(limits)}))


def _network(transport: asyncio.BaseTransport) -> str:
    """Return what a connection counts under: IPv6 users own a /64 each."""
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple):
        return ""
    address = ip_address(str(name[0]).partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), 64), strict=False))
    return str(address)


__all__ = ["Lines", "Parser", "protocol"]
