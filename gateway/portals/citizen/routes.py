"""The citizens' pages: the form at ``/``, the receipt, and the tracking page at ``/lacak``.

Everything works without JavaScript; with it the form is posted to ``/in/NAME`` by the page itself.
Either way a report goes to the intake, through a channel that is a ``FormReceiver``. Nothing here
needs a login, and the only cookie is the language.
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from traceback import extract_tb
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from adapters.contract import FilledForm, FormReceiver, Malformed, WebhookRequest, WebhookResponse
from config.words import words
from gateway.casework.tracking import TrackedReport, Tracking
from gateway.intake import webhook
from gateway.intake.limits import CallLimits
from gateway.intake.load import NotDurable
from gateway.intake.receive import Intake
from gateway.media.access import AttachmentAccess, NoFile, NotYet
from gateway.outbound.notice import PAGE, Notice
from gateway.portals.citizen.pages import (
    FILES,
    FRESH,
    KEEP,
    NEVER,
    SHELL,
    CitizenPages,
    address,
)
from gateway.portals.http.files import serve
from gateway.portals.http.language import language_of
from gateway.store.engine import Unavailable
from normalizer.tracking import bare

MAX_FORM = 131_072
"""Bytes of the tracking page's form."""
_FROM_THE_BROWSER = ("origin", "sec-fetch-site", "content-type")
log = structlog.get_logger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class CitizenServices:
    """What the pages show: reports, the categories to choose from, id to name, the notice, and
    photos of answers."""

    tracking: Tracking
    categories: Mapping[str, str]
    notice: Notice = field(default_factory=Notice)
    files: AttachmentAccess | None = None


@dataclass(frozen=True, slots=True)
class _Typed:
    """What a form shows: what was typed into it, what is wrong, and the key of this submission."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    had_files: bool = False
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


def routes(intake: Intake, parts: CitizenServices, limits: CallLimits) -> list[BaseRoute]:
    """Return the routes of the pages; none where no channel with a form is open."""
    names = (name for name, each in intake.channels.items() if isinstance(each, FormReceiver))
    channel = next((c for c in map(intake.receiver, names) if isinstance(c, FormReceiver)), None)
    if channel is None:
        return []
    pages = CitizenPages()
    site = Citizens(intake, channel, parts, limits, pages)
    shown: list[tuple[str, Endpoint, str, str]] = [
        ("/", site.form, "GET", FRESH),
        ("/", site.post, "POST", NEVER),
        ("/lacak", site.ask, "GET", NEVER),
        ("/lacak/{number}", site.ask, "GET", NEVER),
        ("/lacak", site.track, "POST", NEVER),
        ("/luring", site.offline, "GET", FRESH),
        (PAGE, site.privacy, "GET", FRESH),
        ("/manifest.webmanifest", site.manifest, "GET", FRESH),
        ("/sw.js", site.worker, "GET", FRESH),
    ]
    # Never what shows a secret beside words of the caller's (BREACH).
    small = [Middleware(GZipMiddleware, minimum_size=1000)]
    return [
        *(
            Route(
                path,
                _framed(pages, show, keep),
                methods=[method],
                middleware=small if keep == FRESH else None,
            )
            for path, show, method, keep in shown
        ),
        Mount("/static", _Static(directory=FILES), middleware=small),
    ]


class Citizens:
    """The pages of one channel."""

    def __init__(
        self,
        intake: Intake,
        channel: FormReceiver,
        parts: CitizenServices,
        limits: CallLimits,
        pages: CitizenPages,
    ) -> None:
        self._intake = intake
        self._channel = channel
        self._parts = parts
        self._limits = limits
        self._pages = pages

    async def form(self, request: Request) -> Response:
        """The empty form."""
        return self._form(request, _Typed())

    async def post(self, request: Request) -> Response:
        """Take a report from a browser without JavaScript: a receipt, or the form with faults."""
        if refused := await webhook.too_often(self._channel, request, self._limits):
            return self._refused(request, refused, _Typed())
        kind = request.headers.get("content-type", "")
        with self._intake.load.visit(self._channel.name, early=False) as visit:
            try:
                body = await webhook.body(request, self._channel.max_bytes, visit.grow)
            except webhook.TooLarge:
                raise HTTPException(413) from None
            try:
                visit.wait()
                answer = await self._take(request, body, kind)
            except NotDurable:
                return self._later(request, self._typed(kind, body))
        if answer.status in (201, 202):
            return self._receipt(request, answer)
        return self._refused(request, answer, self._typed(kind, body))

    async def ask(self, request: Request) -> Response:
        """The form of the tracking page; a link names the number, its secret stays behind #."""
        return self._ask(request, request.path_params.get("number", ""))

    async def track(self, request: Request) -> Response:
        """Show a report to a person with its number and secret, and take what they add."""
        form = await self._small_form(request)
        number = bare(form.first("number"))[:20]
        if wait := await self._limits.looked(number, request):
            return self._slowed(request, number, wait)
        secret, own = form.first("secret")[:40], self._channel.name
        tracked = await self._parts.tracking.find(number, secret, channel=own)
        if tracked is None:
            return self._ask(request, number, "wrong", 404)
        if photo := form.first("photo"):
            return await self._photo(request, tracked, photo)
        return await self._status(request, tracked, form)

    async def _photo(self, request: Request, tracked: TrackedReport, sha256: str) -> Response:
        """A photo of an answer; the number and the secret came with the form, in no address."""
        if self._parts.files is None or tracked.report is None:
            raise HTTPException(404)
        try:
            found = await self._parts.files.for_reporter(tracked.report.tracking, sha256)
        except NoFile:
            raise HTTPException(404) from None
        except NotYet:
            raise HTTPException(503) from None
        return serve(request, found)

    async def offline(self, request: Request) -> Response:
        """What the service worker shows where a page needs the network."""
        return self._pages.page(request, "offline.html")

    async def privacy(self, request: Request) -> Response:
        """The privacy notice, on one screen of a phone."""
        return self._pages.page(request, "privacy.html", notice=self._parts.notice)

    async def manifest(self, request: Request) -> Response:
        """What makes the form an app (W3C Web Application Manifest)."""
        t = self._pages.words[language_of(request)]
        icons = [("lapor-192.png", "192x192", "any"), ("lapor-512.png", "512x512", "any")]
        icons += [("lapor-maskable-512.png", "512x512", "maskable")]
        said = {
            "id": "/",
            "name": f"{t['app']}: {t['tagline']}",
            "short_name": t["app"],
            "lang": language_of(request),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f4f6f8",
            "theme_color": "#0b5c7a",
            "icons": [
                {"src": address(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
                for name, sizes, purpose in icons
            ],
            "shortcuts": [{"name": t["track"]["title"], "url": "/lacak"}],
        }
        return JSONResponse(said, media_type="application/manifest+json")

    async def worker(self, request: Request) -> Response:
        """The service worker: it keeps the form on the phone and sends what waits."""
        assets = [self._pages.static[name] for name in SHELL]
        script = self._pages.draw(
            "sw.js", "id", assets=assets, queue=address("queue.js"), version=self._pages.version
        )
        return Response(script, media_type="text/javascript")

    def _form(
        self, request: Request, typed: _Typed, status: int = 200, notice: str = ""
    ) -> Response:
        return self._pages.page(
            request,
            "form.html",
            status,
            typed=typed,
            notice=notice,
            categories=self._parts.categories,
            action=f"/in/{self._channel.name}",
            mend=self._channel.field_rules(language_of(request)),
            receipt=None,
        )

    def _refused(self, request: Request, answer: WebhookResponse, typed: _Typed) -> Response:
        said = json.loads(answer.body)
        shown = _Typed(typed.values, said["faults"], typed.had_files, typed.key)
        response = self._form(request, shown, answer.status, said["title"])
        response.headers.update(answer.headers)
        return response

    def _later(self, request: Request, typed: _Typed) -> Response:
        """Show the form with what was typed: it could not be stored now."""
        response = self._form(request, typed, 503, _later(request))
        response.headers.update(webhook.LATER)
        return response

    def _receipt(self, request: Request, answer: WebhookResponse) -> Response:
        said = json.loads(answer.body)
        return self._pages.page(request, "receipt.html", answer.status, receipt=said)

    def _ask(
        self, request: Request, number: str, fault: str = "", status: int = 200, **values: object
    ) -> Response:
        track = self._pages.words[language_of(request)]["track"]
        said = str(track[fault]).format(**values) if fault else ""
        return self._pages.page(request, "track.html", status, number=number, fault=said)

    def _slowed(self, request: Request, number: str, wait: int) -> Response:
        response = self._ask(request, number, "throttled", 429, minutes=ceil(wait / 60))
        response.headers["retry-after"] = str(wait)
        return response

    async def _status(self, request: Request, tracked: TrackedReport, form: FilledForm) -> Response:
        typed, status, sent = _Typed(), 200, False
        if "body" in form.values and tracked.sender:
            faults, status = await self._add(request, tracked, form)
            sent = not faults
            if faults:
                typed = _Typed({"body": form.first("body")}, faults, key=_key_of(form))
        return self._pages.page(
            request,
            "status.html",
            status,
            tracked=tracked,
            call=self._intake.warning(tracked.report) if tracked.report else "",
            secret=form.first("secret"),
            typed=typed,
            sent=sent,
        )

    async def _add(
        self, request: Request, tracked: TrackedReport, form: FilledForm
    ) -> tuple[Mapping[str, str], int]:
        """Bring an addition to the intake, in the name of the reporter.

        Returns what was wrong with it, nothing when it was taken, and the status of the page.
        """
        answer = await webhook.too_often(self._channel, request, self._limits)
        if answer is None:
            kind, body = self._channel.addition(form, number=tracked.number, sender=tracked.sender)
            try:
                with self._intake.load.visit(self._channel.name) as visit:
                    visit.grow(len(body))
                    visit.wait()
                    answer = await self._take(request, body, kind)
            except NotDurable:
                return {"form": _later(request)}, 503
        if answer.status in (201, 202):
            return {}, 200
        said = json.loads(answer.body)
        return said["faults"] or {"form": said["title"]}, answer.status

    def _typed(self, content_type: str, body: bytes) -> _Typed:
        """Read back what was typed, so that none of it is lost."""
        try:
            form = self._channel.read_form(content_type, body)
        except Malformed:
            return _Typed()
        values = {name: form.first(name) for name in form.values}
        return _Typed(values, {}, form.has_files, _key_of(form))

    async def _small_form(self, request: Request) -> FilledForm:
        try:
            body = await webhook.body(request, MAX_FORM)
            return self._channel.read_form(request.headers.get("content-type", ""), body)
        except webhook.TooLarge:
            raise HTTPException(413) from None
        except Malformed:
            raise HTTPException(400) from None

    async def _take(self, request: Request, body: bytes, content_type: str) -> WebhookResponse:
        headers = {name: request.headers.get(name) for name in _FROM_THE_BROWSER}
        kept = {name: value for name, value in headers.items() if value is not None}
        more = {"content-type": content_type, "accept-language": language_of(request)}
        hook = WebhookRequest(self._channel.hook_url, {**kept, **more}, body)
        return await self._intake.receive_webhook(self._channel, hook)


def _key_of(form: FilledForm) -> str:
    """Return the key of a submission, which its next try keeps; another one where it has none."""
    try:
        return str(uuid.UUID(form.first("key")))
    except ValueError:
        return str(uuid.uuid4())


class _Static(StaticFiles):
    """The static files, which caches keep: their addresses change with their bytes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def framed(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = KEEP if message["status"] == 200 else NEVER
                message["headers"] = [
                    *message["headers"],
                    (b"cache-control", kept.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await super().__call__(scope, receive, framed)


def _later(request: Request) -> str:
    return words("pages").say("form.later", language_of(request))


def _framed(pages: CitizenPages, show: Endpoint, keep: str) -> Endpoint:
    """Give an endpoint the headers of every page, and a page for every error."""

    async def endpoint(request: Request) -> Response:
        try:
            return pages.framed(request, await show(request), keep=keep)
        except (Unavailable, NotDurable):
            status = 503
        except HTTPException as error:
            status = error.status_code
        except Exception as error:
            # Neither message nor locals: both may hold what a citizen wrote.
            trace = [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in _trace(error)]
            log.error("citizen_page_failed", kind=type(error).__name__, trace=trace[-6:])
            status = 500
        texts = pages.words[language_of(request)]["error"]
        said = texts.get(str(status), texts["500"])
        return pages.framed(request, pages.page(request, "error.html", status, said=said))

    return endpoint


def _trace(error: Exception) -> Any:
    return extract_tb(error.__traceback__)
