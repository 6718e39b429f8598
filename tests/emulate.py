"""Starts the npm package ``emulate``: a Twilio and a log-in provider written by strangers.

It needs Node 22: see ``tests.node``.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientSession, encode_basic_auth

from tests import node

ENTRY = node.HOME / "node_modules/emulate/dist/index.js"
ACCOUNT = "AC00000000000000000000000000000000"
TOKEN = "twilio_test_auth_token"
NUMBER = "+15551234567"
PEOPLE = ("rini", "budi")
CLIENT, SECRET = "kanal", "rahasia-klien"


@dataclass(frozen=True, slots=True)
class Emulated:
    """A running emulator."""

    url: str

    async def text(self, from_: str, body: str) -> None:
        """Let a citizen write: the emulator signs it and posts it to ``sms_url``."""
        await self._simulate("inbound-message", {"From": from_, "To": NUMBER, "Body": body})

    async def report(self, sid: str, status: str) -> None:
        """Let a sent message reach ``status``: the emulator calls its StatusCallback."""
        await self._simulate("message-status", {"MessageSid": sid, "Status": status})

    async def _simulate(self, what: str, fields: dict[str, str]) -> None:
        headers = {"Authorization": encode_basic_auth(ACCOUNT, TOKEN)}
        url = f"{self.url}/_twilio/simulate/{what}"
        async with ClientSession() as http, http.post(url, data=fields, headers=headers) as answer:
            assert answer.status < 300, await answer.text()


@asynccontextmanager
async def emulated_twilio(sms_url: str) -> AsyncIterator[Emulated]:
    """Run an emulator whose number posts incoming messages to ``sms_url``; ended by its pid."""
    port = node.free_port()
    with TemporaryDirectory() as folder:
        seed = _seed(Path(folder) / "seed.json", sms_url)
        start = ("start", "--service", "twilio", "--port", str(port), "--seed", str(seed))
        async with node.running(ENTRY, *start, ready=b"Ready."):
            yield Emulated(f"http://127.0.0.1:{port}")


@asynccontextmanager
async def emulated_okta(redirect: str) -> AsyncIterator[str]:
    """Run a provider of OpenID Connect; yields its issuer. ``redirect`` is where people go back."""
    port = node.free_port()
    people = [{"login": f"{name}@kota.example", "email": f"{name}@kota.example"} for name in PEOPLE]
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "name": "Kanal",
        "redirect_uris": [redirect],
        "auth_server_id": "default",
    }
    server = {"id": "default", "name": "default", "audiences": ["api://default"]}
    seed = {"users": people, "authorization_servers": [server], "oauth_clients": [client]}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "seed.json"
        file.write_text(json.dumps({"okta": seed}))
        start = ("start", "--service", "okta", "--port", str(port), "--seed", str(file))
        async with node.running(ENTRY, *start, ready=b"Ready."):
            yield f"http://localhost:{port}/oauth2/default"


def _seed(file: Path, sms_url: str) -> Path:
    account = {"sid": ACCOUNT, "auth_token": TOKEN}
    number = {"phone_number": NUMBER, "sms_url": sms_url}
    file.write_text(json.dumps({"twilio": {"account": account, "phone_numbers": [number]}}))
    return file
