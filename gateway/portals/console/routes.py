"""The operators' console: server-rendered pages behind a login, kept live by htmx.

Mounted at ``/console``. Every page needs a session; every change also needs our own page as its
origin and the session's CSRF token. Nothing here decides anything: the operators' service does.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from urllib.parse import quote, urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.access.accounts import AccountService, actor_of
from gateway.access.roles import Right
from gateway.casework.operators import OperatorService
from gateway.intake.limits import Who
from gateway.portals.console import sessions
from gateway.portals.console.actions import ACTS, Actions
from gateway.portals.console.devices import Devices
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.pages import BASE, STATIC, ConsolePages, Frame, is_htmx
from gateway.portals.console.screens import SCREENS, Screens
from gateway.portals.console.sections import (
    PageRoute,
    PortalSection,
    PostRoute,
    SectionMaker,
    Visitor,
)
from gateway.portals.console.sessions import Clock, Form, LoginThrottle
from gateway.store.views import Session

log = structlog.get_logger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_OWN = re.compile(r"[0-9a-f]{64}|[0-9a-f-]{36}")
"""What we name reports, files and messages by; anything else in an address was typed."""
_OURS = re.compile(rf"{BASE}/(?!login|parts)[\w/?=&.-]*")


def routes(
    accounts: AccountService,
    operators: OperatorService,
    *,
    secure_cookies: bool,
    clock: Clock,
    wall: Clock,
    who: Who,
    sections: Sequence[SectionMaker] = (),
) -> list[BaseRoute]:
    """Return the console's routes, relative to its mount point ``/console``.

    ``secure_cookies`` is whether the public URL is https; ``clock`` tells how old
    things are; ``wall`` is for log-ins; ``who`` tells the network address that calls; ``sections``
    are further pages.
    """
    pages = ConsolePages(clock)
    screens = Screens(operators, pages, clock)
    actions = Actions(operators, pages, screens)
    devices = Devices(accounts.sign, wall, secure=secure_cookies)
    gate = SessionGuard(accounts, pages, LoginThrottle(wall), devices, who, secure_cookies)
    rooms = (
        gate.room(),
        PortalSection(
            tuple(
                PageRoute(path, screen.__name__, right, partial(screen, screens))
                for path, (screen, right) in SCREENS.items()
            ),
            tuple(
                PostRoute(act.path, act.method.__name__, act.right, partial(actions.carry_out, act))
                for act in ACTS
            ),
        ),
        *(make(pages) for make in sections),
    )
    inside: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/login", gate.login_page, methods=["GET"]),
        Route("/login", gate.log_in, methods=["POST"]),
        *(
            Route(page.path, gate.read(page), methods=["GET"])
            for room in rooms
            for page in room.pages
        ),
        *(
            Route(post.path, gate.change(post), methods=["POST"])
            for room in rooms
            for post in room.posts
        ),
    ]
    return [Mount("", routes=inside, middleware=[Middleware(Frame, pages=pages)])]


class SessionGuard:
    """Stands before every page: who has a session may read, and with its token may change."""

    def __init__(
        self,
        accounts: AccountService,
        pages: ConsolePages,
        throttle: LoginThrottle,
        devices: Devices,
        who: Who,
        secure: bool,
    ) -> None:
        self._accounts = accounts
        self._pages = pages
        self._throttle = throttle
        self._devices = devices
        self._who = who
        self._secure = secure

    def room(self) -> PortalSection:
        """Return what everybody may do who is logged in."""
        return PortalSection(
            posts=(
                PostRoute("/logout", "log_out", None, self.log_out),
                PostRoute(
                    "/logout/everywhere", "log_out_everywhere", None, self.log_out_everywhere
                ),
            )
        )

    def read(self, page: PageRoute) -> Endpoint:
        """Show a page to a visitor who may see it; others are asked to log in first."""

        async def endpoint(request: Request) -> Response:
            session = await self._session(request)
            if session is None:
                return self._to_login(request)
            visitor = _visit(session, page.right)
            if request.path_params:  # of a report, or of a file: who looked at what
                self._note(request, page.name, session.name)
            return await page.screen(request, visitor)

        return endpoint

    def change(self, post: PostRoute) -> Endpoint:
        """Let an action through that our own page sent in this very session."""

        async def endpoint(request: Request) -> Response:
            sessions.check_origin(request)
            session = await self._session(request)
            if session is None:
                return self._to_login(request)
            form = await sessions.read_form(request)
            sessions.check_csrf(request, form, session)
            visitor = _visit(session, post.right)
            status = 500
            try:
                response = await post.action(request, visitor, form)
                status = response.status_code
            except HTTPException as error:
                status = error.status_code
                raise
            finally:
                self._note(request, post.name, session.name, status, _aim(form))
            return response

        return endpoint

    async def login_page(self, request: Request) -> Response:
        """The form; who is already in goes on."""
        after = _safe(request.query_params.get("next", ""))
        if await self._session(request):
            return RedirectResponse(after, 303)
        return self._pages.page("login.html", name="", after=after, error="")

    async def log_in(self, request: Request) -> Response:
        """Open a session. A wrong password costs one of a few tries."""
        sessions.check_origin(request)
        form = await sessions.read_form(request)
        name, peer = sessions.first(form, "name"), self._who(request) or ""
        device = self._devices.find(request, name)
        try:
            self._throttle.admit(name, peer, device)
        except HTTPException as error:
            await self._note_login(request, name, error.status_code)
            raise
        token = await self._accounts.log_in(name, form.get("password", [""])[0])
        after = _safe(sessions.first(form, "next"))
        if token is None:
            await self._note_login(request, name, 401)
            text = self._pages.labels.say("login.wrong")
            return self._pages.page("login.html", 401, name=name, after=after, error=text)
        self._throttle.welcome(name, peer, device)
        await self._note_login(request, name, 303)
        response = RedirectResponse(after, 303)
        sessions.give_cookie(response, token, secure=self._secure)
        if not device:
            self._devices.give(response, name)
        return response

    async def log_out(self, request: Request, _: Visitor, __: Form) -> Response:
        """End the session on our side and in the browser."""
        await self._accounts.log_out(request.cookies[sessions.cookie_name(secure=self._secure)])
        response = RedirectResponse(f"{BASE}/login", 303)
        sessions.take_cookie(response, secure=self._secure)
        return response

    async def log_out_everywhere(self, _: Request, visitor: Visitor, __: Form) -> Response:
        """End every session of this operator, here and elsewhere."""
        await self._accounts.log_out_everywhere(visitor.name)
        response = RedirectResponse(f"{BASE}/login", 303)
        sessions.take_cookie(response, secure=self._secure)
        return response

    async def _note_login(self, request: Request, name: str, status: int) -> None:
        """Log a try to log in; what is no operator's name may be a password in the wrong field."""
        by = name if await self._accounts.is_account(name) else "unknown"
        self._note(request, "log_in", by, status)

    def _note(self, request: Request, did: str, by: str, status: int = 200, aim: str = "") -> None:
        """Log who did what to what; nothing of it is a citizen's."""
        told = {n: v for n, v in request.path_params.items() if _OWN.fullmatch(v)} | (
            {"agency": aim} if aim else {}
        )
        log.info("operator", did=did, by=by, status=status, caller=self._who(request) or "", **told)

    async def _session(self, request: Request) -> Session | None:
        token = request.cookies.get(sessions.cookie_name(secure=self._secure))
        return await self._accounts.session(token) if token else None

    def _to_login(self, request: Request) -> Response:
        if is_htmx(request):
            shown = urlsplit(request.headers.get("hx-current-url", "")).path
            address = f"{BASE}/login?next={quote(_safe(shown))}"
            return Response(status_code=401, headers={"HX-Redirect": address})
        if request.method != "GET":
            raise ConsoleError(403, ConsoleErrorCode.SESSION_OVER)
        return RedirectResponse(f"{BASE}/login?next={quote(request.url.path)}", 303)


def _visit(session: Session, right: Right | None) -> Visitor:
    """Return the visitor of somebody who has a right. Raises ``ConsoleError`` 404."""
    actor = actor_of(session.account)
    if right is not None and not actor.may(right):
        raise ConsoleError(404, ConsoleErrorCode.NO_PAGE)
    return Visitor(session, actor)


def _aim(form: Form) -> str:
    agency = sessions.first(form, "agency")
    return agency if _ID.fullmatch(agency) else ""


def _safe(target: str) -> str:
    """Keep only an address inside the console: a login must not send anybody elsewhere."""
    return target if _OURS.fullmatch(target) else f"{BASE}/"
