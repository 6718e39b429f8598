"""Fetch a file from where a message said it is, without becoming anybody's tool.

The address comes from a stranger. Each hop goes to a public address only, checked on the very
address that is connected to, after the name was resolved and before a packet is sent: a name that
resolves differently the second time gains nothing. Redirects are followed by hand and each is a
new hop; what the provider's credentials are is told to the first origin alone. Only a source that
the operator's settings name (``Source.trusted``) may be private or on another port.

    ChannelError
    ├── Refused
    │   └── Unfetched       the file will not be fetched; note says why
    │       └── Gone        the provider has it no longer
    └── Unreachable         the provider did not answer (and Throttled)
"""

import asyncio
import socket
import zlib
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import (
    AddrInfoType,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

from adapters.contract import Refused, Source, Throttled, Unreachable, retry_after
from gateway.platform.clock import wall
from normalizer.message import FileNote

HOPS = 5
"""Redirects that are followed."""
PORTS = frozenset({80, 443})
CHUNK = 65_536
_MOVED = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_PASSING = frozenset({408, 425})
_OURS_TO_MEND = frozenset({401, 403})
"""What may pass where we sent credentials: they are mended, and the file is still there."""
_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64: an IPv4 address in the last 32 bits."""

Address = IPv4Address | IPv6Address


_SPECIAL = tuple(
    map(ip_network, ("192.88.99.0/24", "3fff::/20", "5f00::/16", "100:0:0:1::/64", "2001::/23"))
)
"""Special by IANA's registries; Python 3.11 does not know all of them."""


class FetchFailed(Refused):
    """The file will not be fetched."""

    def __init__(self, note: FileNote, said: str = "") -> None:
        super().__init__(said or note.value)
        self.note = note


class FileGone(FetchFailed):
    """The provider has the file no longer."""

    def __init__(self) -> None:
        super().__init__(FileNote.MISSING)


class NotPublic(OSError):
    """The address is not one of the public internet."""


def is_public(address: Address) -> bool:
    """Tell whether an address, and any address inside it, is one of the public internet."""
    if inner := _inner(address):
        return is_public(inner)
    special = address.is_private or address.is_loopback or address.is_link_local
    special |= any(address in network for network in _SPECIAL if network.version == address.version)
    special |= address.is_multicast or address.is_reserved or address.is_unspecified
    if isinstance(address, IPv6Address):
        special |= address.is_site_local
    return address.is_global and not special


def _inner(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo


class FileFetcher:
    """The client. ``max_bytes`` is of one file, ``timeout`` in seconds for all of its hops.

    ``resolver``, ``allowed`` and ``ports`` stand in for the internet in tests.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout: float,
        resolver: Callable[[], AbstractResolver] | None = None,
        allowed: Callable[[Address], bool] = is_public,
        ports: Collection[int] = PORTS,
    ) -> None:
        self._most = max_bytes
        self._timeout = timeout
        self._resolver = resolver
        self._allowed = allowed
        self._ports = ports

    async def fetch(self, source: Source) -> bytes:
        """Return the bytes of a file. Raises ``ChannelError``."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(source)
        except TimeoutError:
            raise Unreachable("the file did not come in time") from None
        except (InvalidURL, ValueError):
            raise FetchFailed(FileNote.NOT_PUBLIC, "the address cannot be read") from None
        except ClientConnectorError as error:
            if isinstance(error.os_error, NotPublic):
                raise FetchFailed(FileNote.NOT_PUBLIC) from None
            raise _unreachable(error) from None
        except (ClientError, OSError) as error:
            raise _unreachable(error) from None

    async def _follow(self, source: Source) -> bytes:
        url, first, own = URL(source.url), URL(source.url).origin(), True
        for _ in range(HOPS + 1):
            own = own and url.origin() == first  # who was sent away comes back a stranger
            headers, guarded = (source.headers, not source.trusted) if own else ({}, True)
            found = await self._hop(url, headers, guarded=guarded)
            if isinstance(found, bytes):
                return found
            url = found
        raise FetchFailed(FileNote.NOT_PUBLIC, "sent from one address to the next")

    async def _hop(self, url: URL, headers: Mapping[str, str], *, guarded: bool) -> bytes | URL:
        self._check(url, guarded=guarded)
        # Its own connection: a pooled one would skip the check of the address.
        connector = TCPConnector(
            resolver=self._resolver() if self._resolver else None,
            socket_factory=self._guarded if guarded else None,
            happy_eyeballs_delay=None,
            use_dns_cache=False,
            force_close=True,
        )
        sent = {"user-agent": "kanal", "accept-encoding": "identity", **headers}
        async with (
            ClientSession(
                connector=connector,
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.get(url, headers=sent, allow_redirects=False) as answer,
        ):
            if answer.status in _MOVED:
                return url.join(URL(answer.headers.get("location", "")))
            _check_status(answer, known=bool(headers))
            return await self._read(answer)

    def _check(self, url: URL, *, guarded: bool) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise FetchFailed(FileNote.NOT_PUBLIC, "not an address of the web")
        if guarded and (url.user is not None or url.port not in self._ports):
            raise FetchFailed(FileNote.NOT_PUBLIC, "an unusual address")

    def _guarded(self, info: AddrInfoType) -> socket.socket:
        """Make the socket for an address that is about to be connected to, if it is allowed."""
        family, kind, protocol, _, where = info
        if not self._allowed(ip_address(str(where[0]).partition("%")[0])):
            raise NotPublic("not an address of the public internet")
        return socket.socket(family, kind, protocol)

    async def _read(self, answer: ClientResponse) -> bytes:
        """Read a body of at most ``max_bytes``, before and after it is unpacked."""
        if (answer.content_length or 0) > self._most:
            raise FetchFailed(FileNote.TOO_LARGE)
        read = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK):
            read += chunk
            if len(read) > self._most:
                raise FetchFailed(FileNote.TOO_LARGE)
        return self._unpacked(bytes(read), answer.headers.get("content-encoding", ""))

    def _unpacked(self, body: bytes, encoding: str) -> bytes:
        """Unpack what came packed although we asked for it plain."""
        if encoding.strip().lower() in ("", "identity"):
            return body
        if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
            raise FetchFailed(FileNote.BROKEN, "packed in a way we did not ask for")
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            plain = unpacking.decompress(body, self._most + 1)
        except zlib.error:
            raise FetchFailed(FileNote.BROKEN, "cannot be unpacked") from None
        if len(plain) > self._most:
            raise FetchFailed(FileNote.TOO_LARGE)
        if not unpacking.eof:
            raise Unreachable("the file came only in part")
        return plain


def _check_status(answer: ClientResponse, *, known: bool) -> None:
    status, said = answer.status, f"the provider answered {answer.status}"
    if 200 <= status < 300:
        return
    if status in _GONE:
        raise FileGone
    wait = retry_after(answer.headers.get("retry-after"), wall())
    if status == 429 or wait is not None:
        raise Throttled(said, retry_after=wait or 5.0)
    if status >= 500 or status in _PASSING or (known and status in _OURS_TO_MEND):
        raise Unreachable(said)
    raise FetchFailed(FileNote.MISSING, said)


def _unreachable(error: Exception) -> Unreachable:
    """Name an error by its type: what it says quotes the address, which may hold a token."""
    return Unreachable(f"the file could not be fetched ({type(error).__name__})")
