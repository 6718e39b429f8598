"""A town whose partners call by Open311 and REST: real steps, a real database, real HTTP."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
from starlette.applications import Starlette

from adapters.load import load
from gateway.portals.partners.mounts import mount_channels
from gateway.wire.queues import REPORTS
from tests.gateway.making import House, house
from tests.gateway.office import served

PUBLIC_URL = "https://lapor.example"
CITY = "kanal_key-of-the-city-of-samarinda"
KIOSK = "kanal_key-of-a-kiosk-that-only-sends"
AGENCY = "kanal_key-of-the-office-of-works"
SLOW = "kanal_key-of-one-who-calls-too-often"
WORKS = "3578-dinas-pu"
KEYS: Mapping[str, Mapping[str, Any]] = {
    "kota": {"key": CITY, "scopes": ["report", "read", "update"], "per_minute": 5000},
    "kios": {"key_sha256": sha256(KIOSK.encode()).hexdigest(), "per_minute": 5000},
    "dinas": {"key": AGENCY, "scopes": ["update"], "agency": WORKS},
    "cepat": {"key": SLOW, "scopes": ["report", "read"], "per_minute": 3},
}
O311, API = "/open311/v2", "/api/v1"


@dataclass
class Heard:
    """What a caller was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body)

    def texts(self, name: str) -> list[str]:
        """Return the text of every XML element of a name."""
        return [found.text or "" for found in self.xml.iter(name)]


@dataclass
class Town:
    """A running house with the doors for programs."""

    house: House
    url: str
    http: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, /, **query: str) -> Heard:
        async with self.http.get(self.url + path, params=query, headers=self.headers) as answer:
            return Heard(answer.status, answer.headers, await answer.read())

    async def post(self, path: str, data: Any = None, /, **headers: str) -> Heard:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(
            self.url + path, data=data, headers={**self.headers, **sent}
        ) as answer:
            return Heard(answer.status, answer.headers, await answer.read())

    async def send(self, body: Mapping[str, Any], key: str = CITY, /, **headers: str) -> Heard:
        """Send a report by REST."""
        said = {"content_type": "application/json", "authorization": f"Bearer {key}"} | headers
        return await self.post(f"{API}/reports", json.dumps(body), **said)

    async def request(self, key: str = CITY, /, form: str = "json", **fields: Any) -> Heard:
        """Send a request by Open311."""
        said = {"api_key": key, "service_code": "jalan-rusak"} | fields
        return await self.post(f"{O311}/requests.{form}", said)

    async def routed(self) -> None:
        """Let everything that came in be worked on."""
        assert await self.house.work_all() == {}

    async def numbered(self, **fields: Any) -> str:
        """Send a request by Open311, let it be routed, and return its number."""
        answer = await self.request(**fields)
        assert answer.status == 201, answer.body
        await self.routed()
        number: str = answer.json[0]["service_request_id"]
        return number

    async def held(self) -> int:
        return await self.house.counted("quarantine")

    async def waiting(self) -> int:
        return (await self.house.store.queue.depths()).get(REPORTS, 0)


@contextlib.asynccontextmanager
async def town(
    url: str,
    folder: Path,
    *,
    open311: Mapping[str, Any] | None = None,
    patience: float = 20.0,
) -> AsyncIterator[Town]:
    """Open a town. ``patience`` is the seconds its database may take: machines may be busy."""
    geo = {"type": "open311", "keys": KEYS, "contact": "kanal@lapor.example", **(open311 or {})}
    more = [
        load("open311", geo, public_url=PUBLIC_URL),
        load("rest", {"type": "rest", "keys": KEYS}, public_url=PUBLIC_URL),
    ]
    async with house(url, folder, more=more, timeout=patience) as built:
        desk = built.services.partners
        made = mount_channels(
            built.channels, built.door, desk, built.agencies, PUBLIC_URL, built.clock
        )
        app = Starlette(routes=[route for routes in made.values() for route in routes])
        async with served(app) as base, aiohttp.ClientSession() as http:
            yield Town(built, base, http)
