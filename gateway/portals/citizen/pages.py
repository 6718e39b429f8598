"""How the citizens' pages are drawn: languages, templates, static files and headers."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from config.words import Language, words
from gateway.portals.console.pages import HEADERS
from gateway.portals.http.dates import WIB, day
from gateway.portals.http.language import keep_language, language_of
from normalizer.tracking import format_number

HERE = Path(__file__).parent
FILES = HERE / "static"
SHELL = ("citizen.css", "citizen.js", "queue.js", "lapor.svg")
"""What the form needs; the service worker keeps it on the phone."""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PERMISSIONS = "camera=(self), geolocation=(self), microphone=()"
KEEP = "public, max-age=31536000, immutable"
FRESH = "private, no-cache"
NEVER = "no-store"


class CitizenPages:
    """Draws the citizens' pages in the language that the reader chose."""

    def __init__(self) -> None:
        self.words = words("pages").trees
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
        self._env.filters["written"] = format_number

    def draw(self, name: str, tongue: Language, /, **values: Any) -> str:
        """Fill a template of the folder ``citizen``."""
        template = self._env.get_template(name)
        return template.render(
            t=self.words[tongue],
            tongue=tongue,
            day=lambda value: day(value, tongue),
            moment=lambda value: moment(value, tongue),
            status=lambda value, far="": (
                words("labels").table("at_agency", tongue).get(far)
                or words("labels").table("status", tongue)[value]
            ),
            noted=lambda notes: describe_notes(notes, tongue),
            **values,
        )

    def page(self, request: Request, name: str, status: int = 200, /, **values: Any) -> Response:
        """Answer with a page."""
        tongue = language_of(request)
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
        keep_language(request, response.headers)
        return response


def address(name: str) -> str:
    """Return the URL of a static file; it changes with the bytes, so a cache may keep it."""
    return f"/static/{name}?v={_digest((FILES / name).read_bytes())}"


def moment(value: datetime, tongue: Language) -> str:
    """Write a moment in Western Indonesian time: "21 Nov 2026, 19.30 WIB"."""
    local = value.astimezone(WIB)
    return f"{day(local, tongue)}, {local:%H.%M} WIB"


def describe_notes(notes: Iterable[str], tongue: Language) -> list[str]:
    """Say what its reporter should know of how a message was read, each thing once."""
    said = words("pages").table("note", tongue)
    codes = (note.partition(": ")[0] for note in notes)
    return list(dict.fromkeys(said[code] for code in codes if code in said))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()
