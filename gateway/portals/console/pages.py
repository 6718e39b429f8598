"""How the console is drawn: templates, the headers every answer carries, and error pages."""

import hashlib
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from traceback import extract_tb
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.words import LANGUAGES, Language
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.platform import correlation
from gateway.portals.console.errors import ConsoleError
from gateway.portals.console.labels import Labels, distinct, mark_evidence, mask_contacts
from gateway.portals.console.sessions import Clock
from gateway.portals.http.language import keep_language, language_of
from gateway.store.engine import Unavailable
from normalizer.report import FINAL, Report

BASE = "/console"
SEEN = "@seen@"
"""Stands in a part's first tag for the name of what the part shows."""
LANGUAGE: ContextVar[Language] = ContextVar("language of the console", default="id")
"""What the reader of the answer chose; ``Frame`` sets it for each request."""
HERE = Path(__file__).parent
STATIC = HERE / "static"
log = structlog.get_logger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def date_of(day: str) -> date:
    """Read a day as a table has it."""
    return date.fromisoformat(day)


def is_htmx(request: Request) -> bool:
    """Tell whether htmx asks for a part of a page rather than the browser for a page."""
    return "hx-request" in request.headers


def state(report: Report) -> str:
    """Name where a report stands, so that a form can say what its reader saw."""
    agency = report.assignment.agency if report.assignment else None
    return f"{report.status} {agency.id if agency else ''}".strip()


class ConsolePages:
    """Draws templates with the officer's words and the deployment's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._labels = {language: Labels(language) for language in LANGUAGES}
        self._envs = {
            "id": _environment(self._labels["id"], self._labels["en"]),
            "en": _environment(self._labels["en"], self._labels["id"]),
        }

    @property
    def labels(self) -> Labels:
        """The words in the language of the request."""
        return self._labels[LANGUAGE.get()]

    def draw(self, name: str, /, **values: Any) -> str:
        """Fill a template; inside it ``ago`` and ``age`` speak of this moment."""
        now, labels = self._clock(), self.labels
        template = self._envs[labels.language].get_template(name)
        return template.render(
            now=now, ago=lambda m: labels.ago(m, now), age=lambda m: labels.age(m, now), **values
        )

    def page(self, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """Answer with a drawn template."""
        return HTMLResponse(self.draw(name, **values), status)

    def onward(self, address: str) -> HTMLResponse:
        """Answer with a page that goes on by itself: from there our cookies come along."""
        return self.page("onward.html", address=address)

    def answer(self, drawn: str) -> HTMLResponse:
        """Answer with what was drawn before."""
        return HTMLResponse(drawn)

    def piece(self, name: str, /, **values: Any) -> Markup:
        """Draw a part that polls for itself; its first ``SEEN`` becomes the name of what it shows.

        What is new to this reader is marked, but has no say in the name: else every mark would
        be followed by a second, markless drawing.
        """
        seen = self._digest(name, values)
        return Markup(self.draw(name, **values).replace(SEEN, seen, 1))

    def part(self, request: Request, name: str, /, **values: Any) -> Response:
        """Answer a poll with a drawn part, or with 204 when ``?seen=`` names the very same."""
        if request.query_params.get("seen") == self._digest(name, values):
            return Response(status_code=204)
        return HTMLResponse(self.piece(name, **values))

    def _digest(self, name: str, values: Mapping[str, Any]) -> str:
        html = self.draw(name, **{**values, "after": None})
        return hashlib.blake2b(html.encode(), digest_size=9).hexdigest()

    def conflict(self, error: Conflict) -> str:
        """Say why a decision cannot be carried out."""
        if error.code is ConflictCode.MASKING:
            return self.labels.closed()
        values = {name: self._conflict_word(name, each) for name, each in error.values.items()}
        if error.code is ConflictCode.OUTDATED and not values:  # the page itself says who
            return self.labels.say(f"conflict.{ConflictCode.CHANGED}")
        return self.labels.say(f"conflict.{error.code}", **values)

    def _conflict_word(self, name: str, value: str) -> str:
        if name == "who":
            return self.labels.actor(value)
        return self.labels.word(value, "event") if name == "what" else self.labels.note(value)

    def error(
        self, request: Request, error: HTTPException, detail: str = "", *, incident: str = ""
    ) -> Response:
        """Say what went wrong and what to do next: a page, or one sentence for htmx."""
        labels = self.labels
        status = str(error.status_code) if str(error.status_code) in labels.tree["error"] else "500"
        if isinstance(error, ConsoleError):
            detail = labels.say(f"refusal.{error.code}", **error.values)
        name = "parts/error.html" if is_htmx(request) else "error.html"
        values = {"status": status, "detail": detail, "incident": incident}
        response = self.page(name, error.status_code, **values)
        response.headers.update(dict(error.headers or {}))
        if is_htmx(request):
            quiet = request.method == "GET"  # a poll that fails is told by the stale banner
            response.headers["HX-Retarget"] = "#notice"
            response.headers["HX-Reswap"] = "none" if quiet else "innerHTML"
        return response


def _environment(labels: Labels, others: Labels) -> Environment:
    """Return what draws in one language; ``hint`` has the words of the other."""
    env = Environment(
        loader=FileSystemLoader([HERE / "templates", HERE.parent / "agency" / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters = (
        labels.word, labels.say,
        labels.note, labels.actor, labels.day, labels.moment, labels.thousands,
        mark_evidence, mask_contacts, distinct, state, date_of,
    )  # fmt: skip
    env.filters.update({each.__name__: each for each in filters})
    env.filters["say_other"] = others.say
    env.tests["final"] = FINAL.__contains__
    env.globals.update(
        t=labels.tree,
        hint=others.tree,
        language=labels.language,
        other_language=others.language,
        base=BASE,
        static={file.name: _address(file) for file in _files()},
    )
    return env


class Frame:
    """ASGI middleware: strict headers on every answer, and a clear page for every error."""

    def __init__(self, app: ASGIApp, pages: ConsolePages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = False
        asked = Request(scope)
        LANGUAGE.set(language_of(asked))
        # An outer app's handlers would answer in the voice of an API before this frame sees it.
        scope["starlette.exception_handlers"] = ({}, {})

        async def framed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                _add_headers(headers, str(scope["path"]))
                keep_language(asked, headers)
            await send(message)

        try:
            await self._app(scope, receive, framed)
        except Exception as error:
            if started:
                raise
            response = self._answer(Request(scope), error)
            await response(scope, receive, framed)

    def _answer(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return self._pages.error(request, error)
        if isinstance(error, Unavailable):
            return self._pages.error(request, HTTPException(503))
        incident = correlation.current_request() or correlation.new()
        # Neither message nor locals: both may hold what a citizen wrote.
        trace = [f"{Path(f.filename).name}:{f.lineno}" for f in extract_tb(error.__traceback__)]
        log.error("console_failed", incident=incident, kind=type(error).__name__, trace=trace[-6:])
        return self._pages.error(request, HTTPException(500), incident=incident)


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)  # a file of a stranger brings a stricter policy
    fixed = path.startswith(f"{BASE}/static/")
    headers["Cache-Control"] = "public, max-age=31536000, immutable" if fixed else "no-store"


def _files() -> list[Path]:
    return [f for f in STATIC.rglob("*") if f.suffix in {".css", ".js", ".svg"}]


def _address(file: Path) -> str:
    """Return the URL of a static file; it changes with the bytes, so a cache may keep it."""
    version = hashlib.blake2b(file.read_bytes(), digest_size=6).hexdigest()
    return f"{BASE}/static/{file.relative_to(STATIC).as_posix()}?v={version}"
