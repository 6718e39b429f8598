"""How the citizens' pages are drawn: languages, templates, static files and headers."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.contract import Tongue
from config.settings import DEFAULTS, read_toml
from gateway.portals.console import labels
from gateway.portals.console.pages import HEADERS
from normalizer.labels import STATUS_LABELS
from normalizer.tracking import written

HERE = Path(__file__).parent
FILES = HERE / "static"
SHELL = ("citizen.css", "citizen.js", "queue.js", "lapor.svg")
"""What the form needs; the service worker keeps it on the phone."""
COOKIE = "lang"
YEAR = 365 * 24 * 3600
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PERMISSIONS = "camera=(self), geolocation=(self), microphone=()"
KEEP = "public, max-age=31536000, immutable"
FRESH = "private, no-cache"
NEVER = "no-store"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class CitizenPages:
    """Draws the citizens' pages in the language that the reader chose."""

    def __init__(self) -> None:
        folder = DEFAULTS.with_name("pages")
        own: dict[str, Any] = {name: read_toml(folder / f"{name}.toml") for name in ("id", "en")}
        self.words: Mapping[Tongue, Mapping[str, Any]] = {
            "id": own["id"],
            "en": _laid_over(own["id"], own["en"]),
        }
        self.static = {name: address(name) for name in SHELL}
        self.version = _digest("".join(self.static.values()).encode())
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._env.globals.update(static=self.static, icon=address("lapor-192.png"))
        self._env.filters["written"] = written

    def draw(self, name: str, tongue: Tongue, /, **values: Any) -> str:
        """Fill a template of the folder ``citizen``."""
        template = self._env.get_template(name)
        return template.render(
            t=self.words[tongue],
            tongue=tongue,
            day=lambda value: day(value, tongue),
            moment=lambda value: moment(value, tongue),
            status=lambda value: STATUS_LABELS[value][tongue],
            **values,
        )

    def page(self, request: Request, name: str, status: int = 200, /, **values: Any) -> Response:
        """Answer with a page."""
        tongue = tongue_of(request)
        values = {"here": request.url.path, **values}
        return HTMLResponse(self.draw(name, tongue, **values), status)

    def framed(self, request: Request, response: Response, *, keep: str = NEVER) -> Response:
        """Put the headers on an answer that every one of ours carries."""
        headers = {
            **HEADERS,
            "Content-Security-Policy": CSP,
            "Permissions-Policy": PERMISSIONS,
            "Vary": "Cookie",
        }
        headers.setdefault("Cache-Control", keep)
        for header, value in headers.items():
            response.headers.setdefault(header, value)
        if (chosen := request.query_params.get("lang", "")) in self.words:
            response.set_cookie(
                COOKIE,
                chosen,
                max_age=YEAR,
                samesite="lax",
                httponly=True,
                secure=request.url.scheme == "https",
            )
        return response


def tongue_of(request: Request) -> Tongue:
    """Return the language that the reader chose, else Indonesian.

    Not that of the browser: many phones in Indonesia are set to English by whoever sold them.
    """
    for chosen in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if chosen in ("id", "en"):
            return cast(Tongue, chosen)
    return "id"


def address(name: str) -> str:
    """Return the URL of a static file; it changes with the bytes, so it may be kept for ever."""
    return f"/static/{name}?v={_digest((FILES / name).read_bytes())}"


def day(value: date, tongue: Tongue) -> str:
    """Write a date: "21 Nov 2026"."""
    if tongue == "id":
        return labels.day(value)
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime, tongue: Tongue) -> str:
    """Write a moment in Western Indonesian time: "21 Nov 2026, 19.30 WIB"."""
    local = value.astimezone(labels.WIB)
    return f"{day(local, tongue)}, {local:%H.%M} WIB"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay texts over others, table by table."""
    return {
        key: _laid_over(value, above.get(key, {}))
        if isinstance(value, dict)
        else above.get(key, value)
        for key, value in below.items()
    }
