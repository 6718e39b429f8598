"""The way in: the log-in, and the one-time links by which accounts begin.

What a link says stands behind a ``#``: no browser sends that, so no log and no referrer has it. A
script of the page moves it into a form; without script it is pasted there.
"""

import re
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.access.accounts import CODE, OPEN, actor_of
from gateway.access.passwords import WeakPassword
from gateway.access.people import PASSWORD, AccountError, AccountFault
from gateway.access.services import AccessServices
from gateway.intake.limits import Who
from gateway.portals.console import sessions
from gateway.portals.console.devices import Devices, device_words
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.menu import OWN, Menu
from gateway.portals.console.notes import AccessNotes
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import PortalSection, PostRoute, Visitor
from gateway.portals.console.sessions import Form, LoginThrottle
from gateway.portals.http.language import COOKIE as LANGUAGE_COOKIE
from gateway.store.views import OneTimeLink, Session

_OURS = re.compile(rf"{BASE}/(?!login|begin|parts)[\w/?=&.-]*")


class Entrance:
    """Lets people in who have a password or a link, and out again.

    ``elsewhere`` is what another log-in is called, "" where there is none.
    """

    def __init__(
        self,
        access: AccessServices,
        pages: ConsolePages,
        menu: Menu,
        throttle: LoginThrottle,
        devices: Devices,
        notes: AccessNotes,
        who: Who,
        secure: bool,
        elsewhere: str = "",
    ) -> None:
        self._accounts = access.accounts
        self._people = access.people
        self._pages = pages
        self._menu = menu
        self._throttle = throttle
        self._devices = devices
        self._notes = notes
        self._who = who
        self._secure = secure
        self._elsewhere = elsewhere

    def routes(self) -> list[Route]:
        """Return the pages for people who are not logged in."""
        return [
            Route("/login", self.login_page, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/login/code", self.code_page, methods=["GET"]),
            Route("/login/code", self.enter_code, methods=["POST"]),
            Route("/begin", self.begin_page, methods=["GET"]),
            Route("/begin", self.begin, methods=["POST"]),
            Route("/begin/accept", self.accept, methods=["POST"]),
            Route("/begin/password", self.choose_password, methods=["POST"]),
        ]

    def section(self) -> PortalSection:
        """Return what ends a session."""
        return PortalSection(
            posts=(
                PostRoute("/logout", "log_out", None, self.log_out),
                PostRoute(
                    "/logout/everywhere", "log_out_everywhere", None, self.log_out_everywhere
                ),
            )
        )

    async def session(self, request: Request, *, active: bool) -> Session | None:
        """Return the session of a request; one that waits for a code opens nothing."""
        session = await self._any_session(request, active=active)
        return session if session and session.stage == OPEN else None

    async def code_page(self, request: Request) -> Response:
        """The form that asks for a two-step code."""
        session = await self._any_session(request)
        if session is None or session.stage != CODE:
            return RedirectResponse(f"{BASE}/login", 303)
        return self._ask_code(session, safe(request.query_params.get("next", "")))

    async def enter_code(self, request: Request) -> Response:
        """Open the session that waited for a code. A wrong one costs one of a few tries."""
        sessions.check_origin(request)
        session = await self._any_session(request)
        if session is None or session.stage != CODE:
            raise ConsoleError(403, ConsoleErrorCode.SESSION_OVER)
        form = await sessions.read_form(request)
        sessions.check_csrf(request, form, session)
        name, after = session.name, safe(sessions.first(form, "next"))
        known = bool(self._devices.find(request, name))
        self._admit(request, name, f"code of {name}")
        token = await self._accounts.finish(session, sessions.first(form, "code"))
        if token is None:
            await self._notes.add(request, "enter_code", name, 401)
            return self._ask_code(session, after, self._pages.labels.say("login.wrong_code"))
        self._welcome(request, name, f"code of {name}")
        await self._notes.add(request, "enter_code", name, 303)
        return await self._enter(request, token, name, after, known=known)

    def _ask_code(self, session: Session, after: str, error: str = "") -> Response:
        status, csrf = 401 if error else 200, session.csrf
        return self._pages.page("code.html", status, after=after, error=error, csrf=csrf)

    async def _any_session(self, request: Request, *, active: bool = False) -> Session | None:
        token = request.cookies.get(sessions.cookie_name(secure=self._secure))
        return await self._accounts.session(token, active=active) if token else None

    async def login_page(self, request: Request) -> Response:
        """The form; who is already in goes on."""
        after = safe(request.query_params.get("next", ""))
        if session := await self.session(request, active=True):
            return RedirectResponse(after or self._menu.home(actor_of(session.account)), 303)
        return self.login_form(after=after)

    async def log_in(self, request: Request) -> Response:
        """Open a session. A wrong password costs one of a few tries."""
        sessions.check_origin(request)
        form = await sessions.read_form(request)
        name = sessions.first(form, "name")
        known = self._devices.find(request, name)
        try:
            self.admit(request, name)
        except HTTPException as error:
            await self._note_login(request, name, error.status_code)
            raise
        device = device_words(request.headers.get("user-agent", ""))
        token = await self._accounts.log_in(name, form.get("password", [""])[0], device)
        after = safe(sessions.first(form, "next"))
        if token is None:
            await self._note_login(request, name, 401)
            text = self._pages.labels.say("login.wrong")
            return self.login_form(text, name=name, after=after)
        self.welcome(request, name)
        await self._note_login(request, name, 303)
        return await self._enter(request, token, name, after, known=bool(known))

    def login_form(self, error: str = "", *, name: str = "", after: str = "") -> Response:
        """Draw the form that asks for a name and a password."""
        values = {"name": name, "after": after, "error": error, "elsewhere": self._elsewhere}
        return self._pages.page("login.html", 401 if error else 200, **values)

    def admit(self, request: Request, name: str) -> None:
        """Count a try at somebody's password. Raises ``ConsoleError`` 429."""
        self._admit(request, name, name)

    def welcome(self, request: Request, name: str) -> None:
        """Take the try back: it was right."""
        self._welcome(request, name, name)

    def _admit(self, request: Request, name: str, key: str) -> None:
        device = self._devices.find(request, name)
        self._throttle.admit(key, self._who(request) or "", device and f"{key} {device}")

    def _welcome(self, request: Request, name: str, key: str) -> None:
        device = self._devices.find(request, name)
        self._throttle.welcome(key, self._who(request) or "", device and f"{key} {device}")

    async def begin_page(self, _: Request) -> Response:
        """The page that a one-time link opens; what the link says is not sent yet."""
        return self._begin(None, "")

    async def begin(self, request: Request) -> Response:
        """Ask what the new account, or the new password, is to be."""
        sessions.check_origin(request)
        form = await sessions.read_form(request)
        code = sessions.first(form, "code")
        try:
            link = await self._people.link(code.rpartition("#")[2])
        except AccountError as error:
            return self._begin(None, self._fault(error.fault), 404)
        return self._begin(link, "", code=code.rpartition("#")[2])

    async def accept(self, request: Request) -> Response:
        """Make the account that a link allows, and let its owner in."""
        sessions.check_origin(request)
        form = await sessions.read_form(request)
        code, password = sessions.first(form, "code"), form.get("password", [""])[0]
        try:
            if password != form.get("again", [""])[0]:
                raise AccountError(AccountFault.PASSWORDS_DIFFER)
            name = await self._accept(code, form, password, None)
        except (AccountError, WeakPassword) as error:
            return await self._again(code, form, error)
        await self._notes.add(request, "begin", name, 303)
        return await self._let_in(request, name)

    async def choose_password(self, request: Request) -> Response:
        """Change the password that a link is for, and let its owner in."""
        sessions.check_origin(request)
        form = await sessions.read_form(request)
        code, password = sessions.first(form, "code"), form.get("password", [""])[0]
        try:
            if password != form.get("again", [""])[0]:
                raise AccountError(AccountFault.PASSWORDS_DIFFER)
            name = await self._people.choose_password(code, password)
        except (AccountError, WeakPassword) as error:
            return await self._again(code, form, error)
        await self._notes.add(request, "choose_password", name, 303)
        return await self._let_in(request, name)

    async def log_out(self, request: Request, _: Visitor, __: Form) -> Response:
        """End the session on our side and in the browser."""
        await self._accounts.log_out(request.cookies[sessions.cookie_name(secure=self._secure)])
        return self._out()

    async def log_out_everywhere(self, _: Request, visitor: Visitor, __: Form) -> Response:
        """End every session of this person, here and elsewhere."""
        await self._accounts.log_out_everywhere(visitor.name)
        return self._out()

    def _out(self) -> Response:
        response = RedirectResponse(f"{BASE}/login", 303)
        sessions.take_cookie(response, secure=self._secure)
        return response

    async def begin_elsewhere(self, code: str, ticket: tuple[str, str]) -> Response:
        """Ask what the account of an invitation is to be, of a person known elsewhere."""
        try:
            link = await self._people.link(code)
        except AccountError as error:
            return self._begin(None, self._fault(error.fault), 404)
        return self._begin(link, "", code=code, ticket=ticket)

    async def accept_elsewhere(
        self, request: Request, form: Form, subject: str, ticket: str
    ) -> Response:
        """Make the account that a link allows for a person known elsewhere."""
        code = sessions.first(form, "code")
        try:
            name = await self._accept(code, form, None, subject)
        except (AccountError, WeakPassword) as error:
            return await self._again(code, form, error, ticket)
        await self._notes.add(request, "begin", name, 303)
        return await self.enter_elsewhere(request, name, f"{BASE}{OWN}", is_fresh=False)

    async def enter_elsewhere(
        self, request: Request, name: str, after: str, *, is_fresh: bool
    ) -> Response:
        """Begin a session of somebody who logged in elsewhere; ``is_fresh``: only just."""
        device = device_words(request.headers.get("user-agent", ""))
        token = await self._accounts.enter(name, device, is_confirmed=is_fresh)
        if token is None:
            return self.login_form(self._pages.labels.say("elsewhere.unknown"))
        return await self._enter(request, token, name, after, known=True, is_onward=True)

    async def _accept(
        self, code: str, form: Form, password: str | None, subject: str | None
    ) -> str:
        return await self._people.accept(
            code,
            sessions.first(form, "name"),
            password,
            full_name=sessions.first(form, "full_name"),
            email=sessions.first(form, "email"),
            language=sessions.first(form, "language"),
            operator=bool(sessions.first(form, "operator")),
            subject=subject,
        )

    async def _let_in(self, request: Request, name: str) -> Response:
        device = device_words(request.headers.get("user-agent", ""))
        token = await self._accounts.enter(name, device)
        if token is None:
            return RedirectResponse(f"{BASE}/login", 303)
        return await self._enter(request, token, name, f"{BASE}{OWN}", known=False)

    async def _enter(
        self,
        request: Request,
        token: str,
        name: str,
        after: str,
        *,
        known: bool,
        is_onward: bool = False,
    ) -> Response:
        session = await self._accounts.session(token)
        if session is None:
            return RedirectResponse(f"{BASE}/login", 303)
        go = self._pages.onward if is_onward else _redirect
        if session.stage == CODE:
            response = go(f"{BASE}/login/code?next={quote(after)}")
            sessions.give_cookie(response, token, secure=self._secure)
            return response
        after = after or self._menu.home(actor_of(session.account))
        language = session.account.language
        if language != self._pages.labels.language and LANGUAGE_COOKIE not in request.cookies:
            after = f"{after}{'&' if '?' in after else '?'}lang={language}"
        response = go(after)
        sessions.give_cookie(response, token, secure=self._secure)
        if not known:
            self._devices.give(response, name)
        return response

    async def _again(
        self, code: str, form: Form, error: AccountError | WeakPassword, ticket: str = ""
    ) -> Response:
        """Show the form again with what was wrong; passwords are typed again."""
        text = self._fault(error.fault)
        try:
            link = await self._people.link(code)
        except AccountError as over:
            return self._begin(None, self._fault(over.fault), 404)
        return self._begin(link, text, 422, code=code, form=form, ticket=("", ticket))

    def _begin(
        self,
        link: OneTimeLink | None,
        error: str,
        status: int = 200,
        *,
        code: str = "",
        form: Form | None = None,
        ticket: tuple[str, str] = ("", ""),
    ) -> Response:
        names = ("name", "full_name", "email", "language", "operator")
        typed = {name: sessions.first(form or {}, name) for name in names}
        if form is None:
            typed |= {"operator": "1", "language": self._pages.labels.language}
            typed["name"] = ticket[0]
        asked = "code" if link is None else "password" if link.purpose == PASSWORD else "account"
        values = {"link": link, "asked": asked, "typed": typed, "code": code, "error": error}
        values |= {"ticket": ticket[1], "elsewhere": self._elsewhere}
        return self._pages.page("begin.html", status, **values)

    def _fault(self, fault: str) -> str:
        return self._pages.labels.say(f"account_fault.{fault}")

    async def _note_login(self, request: Request, name: str, status: int) -> None:
        """Log a try to log in; what is no account's name may be a password in the wrong field."""
        by = name if await self._accounts.is_account(name) else ""
        await self._notes.add(request, "log_in", by, status)


def _redirect(address: str) -> Response:
    return RedirectResponse(address, 303)


def login_address(target: str) -> str:
    """Return the address of the log-in that goes on to a page of ours."""
    return f"{BASE}/login?next={quote(safe(target))}"


def login_of_part(request: Request) -> str:
    """Return the address of the log-in for a page whose part found no session."""
    return login_address(urlsplit(request.headers.get("hx-current-url", "")).path)


def safe(target: str) -> str:
    """Keep only an address inside the console: a login must not send anybody elsewhere."""
    return target if _OURS.fullmatch(target) else ""
