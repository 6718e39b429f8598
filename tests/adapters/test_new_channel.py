"""Adding a channel: the file of the channel-author's guide and one block are all it takes."""

import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import adapters
from normalizer.report import Report
from tests.gateway.citizens import found, walking
from tests.gateway.making import ROAD

GUIDE = Path(__file__).parents[2] / "docs" / "channel-author.md"
SECRET = "s3cret-of-the-loft"


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the guide's examples lie beside the other channel files."""
    folder = tmp_path / "loft"
    folder.mkdir()
    for name, title in (("pigeon", "Pigeon"), ("lofts", "Lofts")):
        source = re.search(rf'```python\n("""{title}.*?)```', GUIDE.read_text(), re.DOTALL)
        assert source
        (folder / f"{name}.py").write_text(source[1])
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(folder)])
    yield
    for name in ("pigeon", "lofts"):
        sys.modules.pop(f"adapters.{name}", None)


async def test_one_file_and_one_block_open_a_door(pigeon: None, tmp_path: Path) -> None:
    file = tmp_path / "kanal.toml"
    file.write_text(
        f'server.data_dir = "{tmp_path / "data"}"\nserver.port = 0\n'
        'server.public_url = "https://lapor.example"\nmail_server.enabled = false\n'
        f'[channels.loft]\ntype = "pigeon"\nsecret = "{SECRET}"\n'
    )
    letter = {"id": "1", "loft": "bandung", "ring": "ID-1708", "words": ROAD}
    body = json.dumps(letter).encode()
    signed = hmac.new(
        SECRET.encode(), b"https://lapor.example/in/loft" + body, hashlib.sha256
    ).hexdigest()
    async with walking(file) as (kanal, ports), aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{ports.web}/in/loft"
        for proof, status in (("forged", 403), (signed, 200), (signed, 200)):
            async with http.post(url, data=body, headers={"x-proof": proof}) as answer:
                assert answer.status == status

        async def routed() -> list[Report] | None:
            return await kanal.services.store.reports.latest(10) or None

        (report,) = await found(routed)
        assert report.origin.channel == "loft"
        assert report.assignment
        assert report.assignment.agency
        assert report.assignment.agency.id.startswith("3578-")


async def test_one_file_brings_routes_of_its_own(pigeon: None, tmp_path: Path) -> None:
    file = tmp_path / "kanal.toml"
    file.write_text(
        f'server.data_dir = "{tmp_path / "data"}"\nserver.port = 0\n'
        'server.public_url = "https://lapor.example"\nmail_server.enabled = false\n'
        f'[channels.api]\ntype = "lofts"\nkey = "{SECRET}"\n'
    )
    letter = json.dumps({"id": "1", "ring": "ID-1708", "words": ROAD})
    async with walking(file) as (kanal, ports), aiohttp.ClientSession() as http:
        base = f"http://127.0.0.1:{ports.web}"

        async def call(method: str, path: str, key: str = "", body: str = "") -> tuple[int, Any]:
            headers = {"x-key": key} if key else {}
            async with http.request(method, base + path, data=body, headers=headers) as answer:
                if answer.content_type != "application/json":
                    return answer.status, await answer.text()
                return answer.status, await answer.json()

        assert (await call("POST", "/lofts/letters", "another", letter))[0] == 403
        status, said = await call("POST", "/lofts/letters", SECRET, letter)
        assert status == 201
        assert await call("POST", "/lofts/letters", SECRET, letter) == (201, said)
        (number,) = said["numbers"]

        async def routed() -> list[Report] | None:
            return await kanal.services.store.reports.latest(10) or None

        await found(routed)
        assert await call("GET", f"/lofts/letters/{number}") == (200, {"status": "forwarded"})
        assert await call("GET", "/lofts/letters/482109375514") == (404, {"error": 404})
        assert await call("GET", "/lofts/nothing") == (404, {"error": 404})
        assert await call("DELETE", "/lofts/letters") == (405, {"error": 405})
        assert await call("POST", "/lofts/letters", SECRET, "x" * 200_000) == (413, {"error": 413})
        assert (await call("POST", "/in/api", SECRET, letter))[0] == 404
