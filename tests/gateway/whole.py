"""The whole gateway in this process, with every kind of door open, and the routes it has."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, Mount, Route

from config.settings import load
from gateway.assembly import assemble
from gateway.process import Kanal
from tests.gateway.partners import KEYS

NAME = "lapor.example.go.id"
OPERATOR, PASSWORD = "siti", "kucing oranye melompat"
TWILIO = {
    "type": "twilio",
    "account_sid": "AC" + "5" * 32,
    "auth_tokens": ["0" * 32],
    "number": "1708",
}
AGENCY_TOKEN = "token-of-the-office-of-works-0123456789"


@dataclass(frozen=True, slots=True)
class Way:
    """One method at one path, with its parameters as they are written."""

    method: str
    path: str


def settings(folder: Path, **server: Any) -> Any:
    """Return settings with a door of every kind, as behind the example of a proxy."""
    known = {
        "data_dir": folder / "data",
        "port": 0,
        "public_url": f"https://{NAME}",
        "client_header": "X-Real-IP",
        "security_contact": ["mailto:aman@lapor.example.go.id"],
    }
    return load(
        server=known | server,
        mail_server={"enabled": False},
        channels={
            "sms": TWILIO,
            "web": {"type": "web"},
            "rest": {"type": "rest", "keys": {"kota": KEYS["kota"]}},
            "open311": {"type": "open311", "keys": {"kota": KEYS["kota"]}},
        },
        delivery={"3578-dinas-pu": {"method": "inbox", "token": AGENCY_TOKEN}},
    )


@contextlib.asynccontextmanager
async def whole(folder: Path, **server: Any) -> AsyncIterator[Kanal]:
    """Run the web role; an operator may log in."""
    kanal = Kanal(assemble(settings(folder, **server)))
    await kanal.start(("web",))
    try:
        await kanal.services.accounts.set_password(OPERATOR, PASSWORD)
        yield kanal
    finally:
        await kanal.stop()


def ways(routes: list[BaseRoute], prefix: str = "") -> Iterator[Way]:
    """Walk every route there is, also of what is mounted."""
    for route in routes:
        if isinstance(route, Mount):
            inner = getattr(route.app, "routes", None)
            if inner:
                yield from ways(inner, prefix + route.path)
            elif route.routes:
                yield from ways(list(route.routes), prefix + route.path)
            else:
                yield Way("GET", f"{prefix}{route.path}/{{file}}")
        elif isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield Way(method, prefix + route.path)
        else:
            yield from _included(route, prefix)


def _included(route: BaseRoute, prefix: str) -> Iterator[Way]:
    included = getattr(route, "original_router", None)
    assert included is not None, f"who walks {route!r}?"
    yield from ways(list(included.routes), prefix)


def filled(path: str) -> str:
    """Return the address of a route, with something in the place of its parameters."""
    address = path.replace("{form}", "json").replace("{rest:path}", "apa")
    return re.sub(r"\{\w+\}", "a" * 64, address)
