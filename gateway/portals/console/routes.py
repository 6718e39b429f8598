"""The portal of people: server-rendered pages behind a login, kept live by htmx.

Mounted at ``/console``. Every page needs a session; every change also needs our own page as its
origin and the session's CSRF token. Nothing here decides anything: the services do.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.access.accounts import AccountService, actor_of
from gateway.access.roles import Right
from gateway.access.services import AccessServices
from gateway.casework.operators import OperatorService
from gateway.casework.triage import TriageService
from gateway.intake.limits import Who
from gateway.portals.console import sessions
from gateway.portals.console.access_log import AccessLogScreens
from gateway.portals.console.actions import ACTS, CORRECTIONS, Actions
from gateway.portals.console.devices import Devices
from gateway.portals.console.elsewhere import ElsewhereLogin
from gateway.portals.console.entrance import Entrance, login_address, login_of_part, safe
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.menu import Menu
from gateway.portals.console.notes import AccessNotes
from gateway.portals.console.own_account import CODES, OwnAccount
from gateway.portals.console.pages import BASE, STATIC, ConsolePages, Frame, is_htmx
from gateway.portals.console.people import PeopleScreens
from gateway.portals.console.screens import SCREENS, Screens
from gateway.portals.console.sections import (
    PageRoute,
    PortalSection,
    PostRoute,
    SectionMaker,
    Visitor,
)
from gateway.portals.console.sessions import Clock, Form, LoginThrottle
from gateway.portals.console.triage import TriageScreens
from gateway.portals.console.uploads import is_multipart, read_form_with_files
from gateway.store.views import Session

Endpoint = Callable[[Request], Awaitable[Response]]
CONFIRMED = frozenset({Right.IDENTITY, Right.ACCOUNTS, Right.INVITE})
"""Rights whose acts need a password that was given lately."""
BEFORE_CODES = frozenset({CODES, "/parts/menu", "/logout", "/logout/everywhere"})
"""What somebody may see and do who must set two-step codes up first."""
CONFIRM_FIELDS = frozenset({"confirm_password", "confirm_code"})


def routes(
    access: AccessServices,
    operators: OperatorService,
    triage: TriageService,
    *,
    public_url: str,
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
    menu = Menu(pages, operators, clock)
    screens = Screens(operators, pages, menu)
    triages = TriageScreens(triage, pages, menu)
    actions = Actions(operators, pages, screens, triages)
    devices = Devices(access.accounts.sign, wall, secure=secure_cookies)
    notes = AccessNotes(access.log, who)
    throttle = LoginThrottle(wall)
    label = access.oidc.label if access.oidc.issuer else ""
    entrance = Entrance(access, pages, menu, throttle, devices, notes, who, secure_cookies, label)
    elsewhere = _elsewhere(access, entrance, pages, notes, public_url, secure=secure_cookies)
    guard = SessionGuard(access.accounts, pages, menu, entrance, notes)
    rooms = (
        entrance.section(),
        menu.section(),
        PortalSection(
            tuple(
                PageRoute(path, screen.__name__, right, partial(screen, screens))
                for path, (screen, right) in SCREENS.items()
            ),
            tuple(
                PostRoute(act.path, act.method.__name__, act.right, partial(actions.carry_out, act))
                for act in (*ACTS, *CORRECTIONS)
            ),
        ),
        triages.section(),
        OwnAccount(access.accounts, access.codes, entrance, pages, menu, label).section(),
        *(each.section() for each in elsewhere),
        PeopleScreens(access.people, access.accounts, operators, pages, menu, public_url).section(),
        AccessLogScreens(access.log, pages, menu).section(),
        *(make(pages, menu.draw) for make in sections),
    )
    inside: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=STATIC)),
        *entrance.routes(),
        *(route for each in elsewhere for route in each.routes()),
        *(
            Route(page.path, guard.read(page), methods=["GET"])
            for room in rooms
            for page in room.pages
        ),
        *(
            Route(post.path, guard.change(post), methods=["POST"])
            for room in rooms
            for post in room.posts
        ),
    ]
    menu.show({page.path for room in rooms for page in room.pages})
    return [Mount("", routes=inside, middleware=[Middleware(Frame, pages=pages)])]


def _elsewhere(
    access: AccessServices,
    entrance: Entrance,
    pages: ConsolePages,
    notes: AccessNotes,
    public_url: str,
    *,
    secure: bool,
) -> list[ElsewhereLogin]:
    """Return the log-in by a provider, if one is set."""
    if not access.oidc.issuer:
        return []
    return [ElsewhereLogin(access, entrance, pages, notes, public_url, secure=secure)]


class SessionGuard:
    """Stands before every page: who has a session may read, and with its token may change."""

    def __init__(
        self,
        accounts: AccountService,
        pages: ConsolePages,
        menu: Menu,
        entrance: Entrance,
        notes: AccessNotes,
    ) -> None:
        self._accounts = accounts
        self._pages = pages
        self._menu = menu
        self._entrance = entrance
        self._notes = notes

    def read(self, page: PageRoute) -> Endpoint:
        """Show a page to a visitor who may see it; others are asked to log in first."""
        is_poll = page.path.startswith("/parts/")

        async def endpoint(request: Request) -> Response:
            sessions.check_address(request)
            session = await self._entrance.session(request, active=not is_poll)
            if session is None:
                return self._to_login(request)
            if self._accounts.lacks_codes(session.account) and page.path not in BEFORE_CODES:
                return RedirectResponse(f"{BASE}{CODES}", 303)
            actor = actor_of(session.account)
            if page.path == "/" and page.right and not actor.may(page.right):
                return RedirectResponse(self._menu.home(actor), 303)
            visitor = _visit(session, page.right)
            status = 500
            try:
                response = await page.screen(request, visitor)
                status = response.status_code
            except HTTPException as error:
                status = error.status_code
                raise
            finally:
                if request.path_params and status != 204:  # of a report, a file, or an account
                    await self._notes.add(request, page.name, session.name, status)
            return response

        return endpoint

    def change(self, post: PostRoute) -> Endpoint:
        """Let an action through that our own page sent in this very session."""
        always = post.right is Right.IDENTITY
        confirmed = post.confirm or post.right in CONFIRMED

        async def endpoint(request: Request) -> Response:
            sessions.check_origin(request)
            sessions.check_address(request)
            session = await self._entrance.session(request, active=True)
            if session is None:
                return self._to_login(request)
            form = await _form(request, post)
            sessions.check_csrf(request, form, session)
            visitor = _visit(session, post.right)
            if self._accounts.lacks_codes(session.account) and post.path not in BEFORE_CODES:
                return RedirectResponse(f"{BASE}{CODES}", 303)
            status = 500
            try:
                response = await self._confirmation(request, visitor, form) if confirmed else None
                response = response or await post.action(request, visitor, form)
                status = response.status_code
            except HTTPException as error:
                status = error.status_code
                raise
            finally:
                await self._notes.add(request, post.name, session.name, status, form, always=always)
            return response

        return endpoint

    async def _confirmation(
        self, request: Request, visitor: Visitor, form: Form
    ) -> Response | None:
        """Ask for the password where it was not given lately; None where the act may go on."""
        if self._accounts.is_confirmed(visitor.session):
            return None
        given, error = form.get("confirm_password", [""])[0], ""
        if given:
            self._entrance.admit(request, visitor.name)
            code = sessions.first(form, "confirm_code")
            if await self._accounts.confirm(visitor.session, given, code):
                self._entrance.welcome(request, visitor.name)
                return None
            error = self._pages.labels.say("confirm.wrong")
        kept = [
            (name, value)
            for name, values in form.items()
            if name not in CONFIRM_FIELDS | {sessions.CSRF_FIELD}
            for value in values
        ]
        values = {"action": request.url.path, "kept": kept, "visitor": visitor, "error": error}
        shown = urlsplit(request.headers.get("referer", "")).path
        values["back"] = safe(shown) or f"{BASE}/"
        return self._pages.page("confirm.html", 401, **values)

    def _to_login(self, request: Request) -> Response:
        if is_htmx(request):
            return Response(status_code=401, headers={"HX-Redirect": login_of_part(request)})
        if request.method != "GET":
            raise ConsoleError(403, ConsoleErrorCode.SESSION_OVER)
        return RedirectResponse(login_address(request.url.path), 303)


def _visit(session: Session, right: Right | None) -> Visitor:
    """Return the visitor of somebody who has a right. Raises ``ConsoleError`` 404."""
    actor = actor_of(session.account)
    if right is not None and not actor.may(right):
        raise ConsoleError(404, ConsoleErrorCode.NO_PAGE)
    return Visitor(session, actor)


async def _form(request: Request, post: PostRoute) -> Form:
    """Read a form, with its files where it may have some. Raises ``ConsoleError``."""
    if post.uploads and is_multipart(request):
        form, request.state.uploads = await read_form_with_files(request)
        return form
    request.state.uploads = []
    return await sessions.read_form(request)
