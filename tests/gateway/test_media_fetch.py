"""Fetching what a stranger named: what is never asked, never told, and never taken."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp import web

from adapters.contract import ChannelError, Source, Throttled, Unreachable
from gateway.media.fetch import FetchFailed, FileFetcher, FileGone, is_public
from normalizer.message import FileNote
from tests.gateway.keeper import Keeper, Names, keeping

CAP = 100_000
NOT_OURS_TO_ASK = [
    "192.88.99.1",
    "3fff::1",
    "5f00::1",
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


def fetcher(**how: Any) -> FileFetcher:
    return FileFetcher(**{"max_bytes": CAP, "timeout": 5.0} | how)


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    async with keeping() as built:
        yield built


def trusted(url: str, **headers: str) -> Source:
    return Source(url, headers, trusted=True)


@pytest.mark.parametrize("address", NOT_OURS_TO_ASK)
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "104.16.1.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_that_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_OURS_TO_ASK)
async def test_a_name_is_worth_no_more_than_its_address(keeper: Keeper, address: str) -> None:
    names = Names([address])
    with pytest.raises(FetchFailed) as caught:
        await fetcher(resolver=names, ports={keeper.port}).fetch(
            Source(f"http://files.example:{keeper.port}/a")
        )
    assert caught.value.note is FileNote.NOT_PUBLIC
    assert names.asked == ["files.example"]
    assert not keeper.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{}/a",
        "http://localhost:{}/a",
        "http://[::1]:{}/a",
        "http://[::ffff:127.0.0.1]:{}/a",
        "http://2130706433:{}/a",
        "http://0x7f000001:{}/a",
        "http://0x7f.1:{}/a",
        "http://0177.0.0.1:{}/a",
        "http://127.1:{}/a",
        "http://0:{}/a",
        "http://①②⑦.0.0.1:{}/a",
        "http://files@127.0.0.1:{}/a",
        "http://8.8.8.8#@127.0.0.1:{}/a",
        "ftp://127.0.0.1:{}/a",
        "file:///etc/passwd?{}",
        "gopher://127.0.0.1:{}/a",
        "data:text/plain,a{}",
        "//127.0.0.1:{}/a",
        "/etc/passwd{}",
        "http://:{}/a",
        "http://[/{}",
        "",
    ],
)
async def test_no_way_to_write_this_machine_gets_through(keeper: Keeper, url: str) -> None:
    with pytest.raises(ChannelError) as caught:
        await fetcher(ports={80, keeper.port}).fetch(Source(url.format(keeper.port)))
    assert isinstance(caught.value, FetchFailed)
    assert not keeper.asked


async def test_only_the_ports_of_the_web(keeper: Keeper) -> None:
    with pytest.raises(FetchFailed):
        await fetcher(allowed=lambda _: True).fetch(Source(f"{keeper.url}/a"))
    assert not keeper.asked


async def test_the_name_that_is_checked_is_the_one_that_is_connected_to() -> None:
    """The second time the name resolves to an address that is not allowed."""
    async with keeping("0.0.0.0") as keeper:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        here = f"http://files.example:{keeper.port}"
        keeper.kept = {"/a": web.Response(status=302, headers={"location": "/b"}), "/b": b"secret"}
        only = fetcher(resolver=names, ports={keeper.port}, allowed=lambda a: str(a) == "127.0.0.1")
        with pytest.raises(FetchFailed):
            await only.fetch(Source(f"{here}/a"))
        assert [request.path for request in keeper.asked] == ["/a"]
        assert len(names.asked) == 2


async def test_of_several_addresses_a_private_one_is_never_connected_to(keeper: Keeper) -> None:
    keeper.kept["/a"] = b"fine"
    names = Names(["127.0.0.2", "127.0.0.1"])
    only = fetcher(resolver=names, ports={keeper.port}, allowed=lambda a: str(a) == "127.0.0.1")
    assert await only.fetch(Source(f"http://files.example:{keeper.port}/a")) == b"fine"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_trusted_source_cannot_send_us_to_a_private_one(
    keeper: Keeper, status: int
) -> None:
    async with keeping() as inner:
        inner.kept["/secret"] = b"secret"
        there = {"location": f"{inner.url}/secret"}
        keeper.kept["/a"] = web.Response(status=status, headers=there)
        with pytest.raises(FetchFailed):
            await fetcher(ports={inner.port}).fetch(trusted(f"{keeper.url}/a"))
        assert not inner.asked


async def test_credentials_stay_with_the_first_origin(keeper: Keeper) -> None:
    async with keeping() as other:
        other.kept["/photo"] = b"the photo"
        keeper.kept = {
            "/a": web.Response(status=307, headers={"location": "/b", "set-cookie": "k=v"}),
            "/b": web.Response(status=307, headers={"location": f"{other.url}/photo"}),
        }
        anywhere = fetcher(allowed=lambda _: True, ports={other.port})
        source = trusted(f"{keeper.url}/a", authorization="Basic c2VjcmV0")
        assert await anywhere.fetch(source) == b"the photo"
        told = [request.headers.get("authorization") for request in keeper.asked]
        assert told == ["Basic c2VjcmV0"] * 2
        assert "authorization" not in other.asked[0].headers
        assert not any("cookie" in r.headers for r in (*keeper.asked, *other.asked))
        assert "Basic" not in repr(source)


async def test_who_was_sent_away_comes_back_a_stranger(keeper: Keeper) -> None:
    async with keeping() as other:
        other.kept["/b"] = web.Response(status=302, headers={"location": f"{keeper.url}/c"})
        keeper.kept = {"/a": web.Response(status=302, headers={"location": f"{other.url}/b"})}
        keeper.kept["/c"] = b"everybody's files"
        source = trusted(f"{keeper.url}/a", authorization="Basic c2VjcmV0")
        with pytest.raises(FetchFailed):
            await fetcher(allowed=lambda _: True, ports={other.port}).fetch(source)
        assert [request.path for request in keeper.asked] == ["/a"]


async def test_redirects_end(keeper: Keeper) -> None:
    keeper.kept["/a"] = web.Response(status=302, headers={"location": "/a"})
    with pytest.raises(FetchFailed):
        await fetcher().fetch(trusted(f"{keeper.url}/a"))
    assert len(keeper.asked) == 6


async def test_proxies_of_the_environment_are_not_used(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keeping() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        keeper.kept["/a"] = b"direct"
        assert await fetcher().fetch(trusted(f"{keeper.url}/a")) == b"direct"
        assert not proxy.asked


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(10_000))


async def _stalling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a")
    await asyncio.Event().wait()
    raise AssertionError("unreachable: nobody sets the event")


@pytest.mark.parametrize(
    "sent",
    [
        bytes(CAP + 1),
        web.Response(body=gzip.compress(bytes(50 * CAP)), headers={"content-encoding": "gzip"}),
        web.Response(body=zlib.compress(bytes(50 * CAP)), headers={"content-encoding": "deflate"}),
        _endless,
    ],
    ids=["large", "gzip bomb", "deflate bomb", "endless"],
)
async def test_what_is_too_large_is_not_read_to_its_end(keeper: Keeper, sent: Any) -> None:
    keeper.kept["/a"] = sent
    with pytest.raises(FetchFailed) as caught:
        await fetcher().fetch(trusted(f"{keeper.url}/a"))
    assert caught.value.note is FileNote.TOO_LARGE


@pytest.mark.parametrize("size", [0, 1, CAP])
async def test_what_fits_comes_whole(keeper: Keeper, size: int) -> None:
    keeper.kept["/a"] = bytes(size)
    keeper.kept["/z"] = web.Response(
        body=gzip.compress(bytes(size)), headers={"content-encoding": "gzip"}
    )
    assert await fetcher().fetch(trusted(f"{keeper.url}/a")) == bytes(size)
    assert await fetcher().fetch(trusted(f"{keeper.url}/z")) == bytes(size)
    assert {r.headers["accept-encoding"] for r in keeper.asked} == {"identity"}


@pytest.mark.parametrize(
    "sent",
    [
        web.Response(body=b"not packed", headers={"content-encoding": "gzip"}),
        web.Response(body=b"x", headers={"content-encoding": "br"}),
    ],
)
async def test_what_cannot_be_unpacked_is_refused(keeper: Keeper, sent: web.Response) -> None:
    keeper.kept["/a"] = sent
    with pytest.raises(FetchFailed) as caught:
        await fetcher().fetch(trusted(f"{keeper.url}/a"))
    assert caught.value.note is FileNote.BROKEN


async def test_a_server_that_stalls_costs_the_deadline_and_no_more(keeper: Keeper) -> None:
    keeper.kept["/a"] = _stalling
    with pytest.raises(Unreachable):
        await fetcher(timeout=0.3).fetch(trusted(f"{keeper.url}/a"))


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (404, {}, FileGone),
        (410, {}, FileGone),
        (400, {}, FetchFailed),
        (500, {}, Unreachable),
        (503, {}, Unreachable),
        (408, {}, Unreachable),
        (429, {}, Throttled),
        (503, {"retry-after": "70"}, Throttled),
    ],
)
async def test_what_an_answer_means(
    keeper: Keeper, status: int, headers: dict[str, str], error: type[ChannelError]
) -> None:
    keeper.kept["/a"] = web.Response(status=status, headers=headers)
    with pytest.raises(error) as caught:
        await fetcher().fetch(trusted(f"{keeper.url}/a"))
    assert type(caught.value) is error
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
async def test_our_own_credentials_may_be_mended(keeper: Keeper, status: int) -> None:
    keeper.kept["/a"] = web.Response(status=status)
    with pytest.raises(Unreachable):
        await fetcher().fetch(trusted(f"{keeper.url}/a", authorization="wrong"))
    with pytest.raises(FetchFailed):
        await fetcher().fetch(trusted(f"{keeper.url}/a"))


async def test_nobody_there_is_worth_another_try(keeper: Keeper) -> None:
    async with keeping() as gone:
        url = gone.url
    with pytest.raises(Unreachable) as caught:
        await fetcher().fetch(trusted(f"{url}/a?token=secret"))
    assert "secret" not in str(caught.value)
