"""Providers that call by GET: a channel written as a stranger would, in one file."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

import adapters
from normalizer.report import Report
from tests.gateway.citizens import found, walking
from tests.gateway.making import ROAD

TOKEN = "s3cret-of-the-hub"
FILE = '''
"""Drum: messages as a GET each, from an aggregator that first asks who we are."""

import hmac
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from adapters.contract import (Author, ChannelSettings, Forged, Inbound, Malformed, Receiver,
                           WebhookResponse)


class DrumSettings(ChannelSettings):
    type: Literal["drum"]
    token: SecretStr


class Drum(Receiver):
    settings = DrumSettings
    block: DrumSettings
    methods = frozenset({"GET"})

    def _values(self, hook):
        return {name: values[0] for name, values in parse_qs(urlsplit(hook.url).query).items()}

    def _check(self, said):
        if not hmac.compare_digest(said.encode(), self.block.token.get_secret_value().encode()):
            raise Forged("the token is not ours")

    def challenge(self, hook):
        values = self._values(hook)
        if values.get("hub.mode") != "subscribe":
            return None
        self._check(values.get("hub.verify_token", ""))
        return WebhookResponse(200, "text/plain", values["hub.challenge"].encode())

    def verify(self, hook):
        self._check(self._values(hook).get("token", ""))

    def parse(self, hook):
        values = self._values(hook)
        if not values.get("from"):
            raise Malformed("a message from nobody")
        return [Inbound(channel=self.name, account="drum", external_id=values["id"],
                        sender=Author(values["from"]), text=values.get("text", ""),
                        raw=hook.url.encode())]

    def reply_body(self):
        return "text/plain", b"OK"


CHANNEL = Drum
'''


@pytest.fixture
def drum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the channel lie beside the other channel files; return the settings that use it."""
    folder = tmp_path / "loft"
    folder.mkdir()
    (folder / "drum.py").write_text(FILE.lstrip())
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(folder)])
    file = tmp_path / "kanal.toml"
    file.write_text(
        f'server.data_dir = "{tmp_path / "data"}"\nserver.port = 0\n'
        'server.public_url = "https://lapor.example"\nmail_server.enabled = false\n'
        f'[channels.drum]\ntype = "drum"\ntoken = "{TOKEN}"\n'
        '[channels.laporweb]\ntype = "web"\n'
    )
    yield file
    sys.modules.pop("adapters.drum", None)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_get_only_aggregator_is_a_channel_of_one_file(
    drum: Path, http: aiohttp.ClientSession
) -> None:
    async with walking(drum) as (kanal, ports):
        url = f"http://127.0.0.1:{ports.web}/in/drum"

        async def call(method: str = "GET", **query: str) -> tuple[int, str]:
            async with http.request(method, url, params=query) as answer:
                return answer.status, await answer.text()

        message = {"id": "1", "from": "62811", "text": ROAD, "token": TOKEN}
        assert await call(**message) == (200, "OK")
        assert await call(**message) == (200, "OK")
        assert (await call(**{**message, "token": "another"}))[0] == 403
        assert (await call(**{**message, "token": "another", "id": "2"}))[0] == 403
        assert await call(id="2", token=TOKEN, text="dari siapa") == (200, "OK")
        assert (await call("POST", **message))[0] == 405
        assert (await call("HEAD"))[0] == 200

        async def routed() -> list[Report] | None:
            return await kanal.services.store.reports.latest(10) or None

        (report,) = await found(routed)
        assert report.origin.channel == "drum"
        kept = [one.reason for one in await kanal.services.store.quarantine.latest(10)]
        assert sorted(kept) == ["forged", "forged", "malformed"]


async def test_a_provider_that_asks_who_we_are_is_answered(
    drum: Path, http: aiohttp.ClientSession
) -> None:
    async with walking(drum) as (_, ports):
        url = f"http://127.0.0.1:{ports.web}/in"

        async def ask(token: str, channel: str = "drum") -> tuple[int, str]:
            query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "41 "}
            async with http.get(f"{url}/{channel}", params=query) as answer:
                return answer.status, await answer.text()

        assert await ask(TOKEN) == (200, "41 ")
        status, said = await ask("another")
        assert status == 403
        assert "41" not in said
        assert (await ask(TOKEN, "nobody"))[0] == 404


async def test_a_channel_that_takes_posts_says_so_to_a_get(
    drum: Path, http: aiohttp.ClientSession
) -> None:
    async with walking(drum) as (_, ports):
        url = f"http://127.0.0.1:{ports.web}/in/laporweb"
        async with http.get(url) as answer:
            assert (answer.status, answer.headers["allow"]) == (405, "HEAD, POST")
        async with http.head(url) as answer:
            assert answer.status == 200
