"""The demo's partners: a city's own programs, which send by API and look what their people hear."""

import asyncio
import secrets
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self
from xml.etree import ElementTree

import aiohttp

from config.settings import Settings
from demo.door import NOBODY, PLAIN, Door, Fault
from demo.samples import OPEN311, REST
from gateway.process import Ports
from normalizer.tracking import format_number, is_valid

LOOK = 0.5
"""Seconds between two looks at what became of the reports."""
SAMARINDA = {"lat": "-0.5021", "long": "117.1536"}
"""Where the phone of the city's app is."""
ASKS = "STATUS "


class Office:
    """A partner's program: it knows the numbers of its people's reports, and keeps looking."""

    def __init__(self, look: Callable[[str], Any]) -> None:
        self.key = f"kanal_{secrets.token_urlsafe(32)}"
        self.numbers: dict[str, str] = {}
        self.told: dict[str, list[str]] = defaultdict(list)
        self._look = look
        self._seen: dict[str, int] = defaultdict(int)
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession()
        self._task = asyncio.create_task(self._keep_looking(), name="a partner looks")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self.http.close()

    async def wait_for(self, fits: Callable[..., bool], within: float) -> object:
        """Wait until ``fits``. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            return await self._news.wait_for(fits)

    async def tell(self, who: str, text: str) -> None:
        """Tell one of its people something."""
        self.told[who].append(text)
        async with self._news:
            self._news.notify_all()

    async def _keep_looking(self) -> None:
        while True:
            for who, number in list(self.numbers.items()):
                with suppress(aiohttp.ClientError):
                    said: list[str] = await self._look(number)
                    for text in said[self._seen[number] :]:
                        self._seen[number] += 1
                        await self.tell(who, text)
            await asyncio.sleep(LOOK)


class PartnerDoor(Door):
    """A door whose citizens write to a partner's own app."""

    by, ok = "API", 201
    refused = {"forged": 403}

    def __init__(self) -> None:
        self.company: Office = Office(self.said_of)

    def block(self) -> dict[str, Any]:
        scopes = ["report", "read", "update"]
        keys = {"kota": {"key": self.company.key, "scopes": scopes, "per_minute": 100_000}}
        return {"type": self.channel, "keys": keys}

    async def opened(self, settings: Settings, ports: Ports) -> None:
        await super().opened(settings, ports)
        self.base = str(settings.server.public_url).rstrip("/")

    def citizen(self, number: int) -> str:
        return f"pengguna-{number}"

    async def say(self, who: str, text: str, subject: str) -> int:
        if text.startswith(ASKS):
            await self.company.tell(who, await self.status_of(self.company.numbers[who]))
            return self.ok
        code, number = await self.send(who, text, subject, key=self.company.key)
        if is_valid(number):
            self.company.numbers.setdefault(who, number)
        return code

    def heard(self, who: str) -> list[str]:
        return self.company.told[who]

    async def misuse(self, fault: Fault) -> int:
        code, _ = await self.send(NOBODY, PLAIN, "", key="kanal_" + "x" * 43)
        return code

    @abstractmethod
    async def send(self, who: str, text: str, subject: str, *, key: str) -> tuple[int, str]:
        """Send a report; returns the code and the number it got."""

    @abstractmethod
    async def said_of(self, number: str) -> list[str]:
        """Return what the reporter of a report was told so far."""

    @abstractmethod
    async def status_of(self, number: str) -> str:
        """Return how far a report is, in words."""


class RestDoor(PartnerDoor):
    """A city's app that speaks JSON."""

    channel, name = REST, "REST"

    async def send(self, who: str, text: str, subject: str, *, key: str) -> tuple[int, str]:
        known = self.company.numbers.get(who)
        body: dict[str, Any] = {"text": text}
        if known is None:
            body |= {"sender": {"id": who}} | ({"title": subject} if subject else {})
        headers = {"authorization": f"Bearer {key}", "idempotency-key": secrets.token_hex(16)}
        url = f"{self.base}/api/v1/reports" + (f"/{known}/messages" if known else "")
        async with self.company.http.post(url, json=body, headers=headers) as answer:
            return answer.status, (await answer.json(content_type=None)).get("tracking", "")

    async def said_of(self, number: str) -> list[str]:
        return [message["text"] for message in (await self._state(number))["messages"]]

    async def status_of(self, number: str) -> str:
        now = await self._state(number)
        return f"{format_number(number)}: {now['status_label']}. {now['messages'][-1]['text']}"

    async def _state(self, number: str) -> Any:
        url = f"{self.base}/api/v1/reports/{number}"
        headers = {"x-api-key": self.company.key}
        async with self.company.http.get(url, headers=headers, raise_for_status=True) as answer:
            return await answer.json()


class Open311Door(PartnerDoor):
    """A city's app that speaks GeoReport, as FixMyStreet does."""

    channel, name = OPEN311, "Open311"

    async def send(self, who: str, text: str, subject: str, *, key: str) -> tuple[int, str]:
        service = subject or "jalan-rusak"
        form = {"api_key": key, "service_code": service, "description": text, "account_id": who}
        url = f"{self.base}/open311/v2/requests.xml"
        async with self.company.http.post(url, data=form | SAMARINDA) as answer:
            found = ElementTree.fromstring(await answer.read())
            return answer.status, found.findtext("request/service_request_id") or ""

    async def said_of(self, number: str) -> list[str]:
        root = await self._read("servicerequestupdates.xml")
        mine = (u for u in root if u.findtext("service_request_id") == number)
        return [f"{format_number(number)}: {update.findtext('description')}" for update in mine]

    async def status_of(self, number: str) -> str:
        root = await self._read(f"requests/{number}.xml")
        said = (await self.said_of(number))[-1]
        return f"{root.findtext('request/status_notes')}. {said}"

    async def _read(self, path: str) -> ElementTree.Element:
        asked = {"api_key": self.company.key}
        url = f"{self.base}/open311/v2/{path}"
        async with self.company.http.get(url, params=asked, raise_for_status=True) as answer:
            return ElementTree.fromstring(await answer.read())
