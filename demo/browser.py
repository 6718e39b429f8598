"""The demo's browser: posts the citizens' form as a page does, and reads the tracking page."""

import asyncio
import re
from collections.abc import Callable
from html import unescape
from typing import Any, Self
from uuid import uuid4

import aiohttp

from config.settings import Settings
from demo.door import PLAIN, Door, Fault
from demo.samples import WEB
from gateway.process import Ports

LOOK_AGAIN, LONGER = 0.2, 1.3
"""Seconds until a tracking page is looked at again, and by how much the next wait grows: the
gateway takes 30 looks at one page in a quarter of an hour."""
_SAID = re.compile(r'<p class="text"[^>]*>(.*?)</p>', re.DOTALL)
_STATUS = re.compile(r'class="state">(.*?)</strong>.*?<dt>.*?<dd>(.*?)</dd>', re.DOTALL)


class Reader:
    """Citizens who look at their tracking pages again and again; use as ``async with``."""

    def __init__(self) -> None:
        self.base = ""
        self.receipts: dict[str, tuple[str, str]] = {}
        """Number and secret by citizen."""
        self.heard: dict[str, list[str]] = {}
        self.waiting = ""
        self.http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.http:
            await self.http.close()

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, Any]:
        """Post a form as a page of ours would; returns the status and what was answered."""
        assert self.http
        told = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", **headers}
        async with self.http.post(self.base + path, data=fields, headers=told) as answer:
            json = answer.content_type == "application/json"
            return answer.status, await answer.json() if json else await answer.text()

    async def look(self, who: str) -> list[str]:
        """Open a citizen's tracking page, note what is new on it, and return all that it says."""
        number, secret = self.receipts[who]
        _, page = await self.post("/lacak", {"number": number, "secret": secret})
        said = [unescape(each).strip() for each in _SAID.findall(page)]
        if state := _STATUS.search(page):
            said.insert(0, unescape(f"Laporan {number}: {state[1]}. Instansi: {state[2]}."))
        known = self.heard.setdefault(who, [])
        known += [each for each in said if each not in known]
        return said

    async def wait_for(self, fits: Callable[..., bool], within: float) -> None:
        """Let who was last asked about look until that fits. Raises ``TimeoutError``."""
        pause = LOOK_AGAIN
        async with asyncio.timeout(within):
            while not fits():
                if self.waiting in self.receipts:
                    await self.look(self.waiting)
                await asyncio.sleep(pause)
                pause *= LONGER


class WebDoor(Door):
    """The form of the gateway itself, posted by a browser; answers are read on the page."""

    channel, name, by, ok = WEB, "web form", "browser", 201
    refused = {"forged": 403}

    def __init__(self) -> None:
        self.company: Reader = Reader()

    def block(self) -> dict[str, Any]:
        return {"type": "web"}

    async def opened(self, settings: Settings, ports: Ports) -> None:
        await super().opened(settings, ports)
        self.company.base = str(settings.server.public_url).rstrip("/")

    def citizen(self, number: int) -> str:
        return f"pengunjung {number}"

    async def say(self, who: str, text: str, subject: str) -> int:
        if text.startswith("STATUS"):
            whole = " ".join(await self.company.look(who))
            self.company.heard[who].append(whole)
            return self.ok
        if who in self.company.receipts:
            return await self._add(who, text)
        return await self._report(who, text, subject)

    def heard(self, who: str) -> list[str]:
        self.company.waiting = who
        return self.company.heard.get(who, [])

    async def misuse(self, fault: Fault) -> int:
        elsewhere = {"Origin": "https://lapor.example", "Sec-Fetch-Site": "cross-site"}
        code, _ = await self.company.post(self._hook, _form(PLAIN, PLAIN), **elsewhere)
        return code

    async def _report(self, who: str, text: str, subject: str) -> int:
        code, said = await self.company.post(self._hook, _form(text, subject))
        if code == self.ok:
            self.company.receipts[who] = (said["written"], said["secret"])
        return code

    async def _add(self, who: str, text: str) -> int:
        number, secret = self.company.receipts[who]
        fields = {"number": number, "secret": secret, "key": str(uuid4()), "body": text}
        code, _ = await self.company.post("/lacak", fields)
        return self.ok if code == 200 else code

    @property
    def _hook(self) -> str:
        return f"/in/{self.channel}"


def _form(text: str, subject: str) -> dict[str, str]:
    """Fill in the form; the place is in a line of its own."""
    body, _, place = text.partition("\nLokasi: ")
    fields = {"key": str(uuid4()), "kind": "complaint", "title": subject, "body": body}
    return {**fields, "address": place or "-"}
