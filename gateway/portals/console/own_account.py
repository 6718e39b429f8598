"""My account: one's own password and sessions."""

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.accounts import AccountService
from gateway.access.codes import CodeService
from gateway.access.passwords import WeakPassword
from gateway.access.people import AccountFault
from gateway.portals.console.entrance import Entrance
from gateway.portals.console.menu import OWN, Menu
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import PageRoute, PortalSection, PostRoute, Visitor
from gateway.portals.console.sessions import Form, first

CODES = f"{OWN}/codes"


class OwnAccount:
    """What everybody may do about their own account."""

    def __init__(
        self,
        accounts: AccountService,
        codes: CodeService,
        entrance: Entrance,
        pages: ConsolePages,
        menu: Menu,
        elsewhere: str,
    ) -> None:
        self._accounts = accounts
        self._codes = codes
        self._entrance = entrance
        self._pages = pages
        self._menu = menu
        self._elsewhere = elsewhere

    def section(self) -> PortalSection:
        """Return its page and acts."""
        return PortalSection(
            (
                PageRoute(OWN, "own_account", None, self.page),
                PageRoute(CODES, "code_setup", None, self.codes),
            ),
            (
                PostRoute(f"{OWN}/password", "change_password", None, self.change_password),
                PostRoute(CODES, "turn_codes_on", None, self.turn_on, confirm=True),
                PostRoute(f"{CODES}/off", "turn_codes_off", None, self.turn_off, confirm=True),
                PostRoute(f"{OWN}/end", "end_session", None, self.end_session),
                PostRoute(f"{OWN}/end-others", "end_other_sessions", None, self.end_others),
            ),
        )

    async def page(self, request: Request, visitor: Visitor) -> Response:
        """Who I am, where I am logged in, and my password."""
        return await self._page(visitor, done=request.query_params.get("done", ""))

    async def change_password(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Change the password; every other session ends. A wrong old one costs a try."""
        old, new = (form.get(name, [""])[0] for name in ("old", "password"))
        if new != form.get("again", [""])[0]:
            return await self._wrong(visitor, AccountFault.PASSWORDS_DIFFER)
        self._entrance.admit(request, visitor.name)
        try:
            changed = await self._accounts.change_password(visitor.session, old, new)
        except WeakPassword as error:
            return await self._wrong(visitor, error.fault)
        if not changed:
            return await self._wrong(visitor, AccountFault.WRONG_PASSWORD)
        self._entrance.welcome(request, visitor.name)
        return _done("password_changed")

    async def codes(self, _: Request, visitor: Visitor) -> Response:
        """A new secret as a picture and in letters, and the form that proves that an app has it."""
        return await self._set_up(visitor)

    async def turn_on(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Turn two-step codes on, and show the recovery codes once."""
        sealed, code = first(form, "setup"), first(form, "code")
        made = await self._codes.finish(visitor.name, sealed, code)
        if made is None:
            return await self._set_up(visitor, self._pages.labels.say("login.wrong_code"))
        menu = await self._menu.draw(visitor, "own_account")
        return self._pages.page("recovery.html", visitor=visitor, menu=menu, codes=made)

    async def turn_off(self, _: Request, visitor: Visitor, __: Form) -> Response:
        """Ask for no codes any more."""
        await self._codes.turn_off(visitor.name)
        return _done("codes_off")

    async def _set_up(self, visitor: Visitor, error: str = "") -> Response:
        made = self._codes.begin(visitor.name)
        return self._pages.page(
            "codes.html",
            422 if error else 200,
            visitor=visitor,
            menu=await self._menu.draw(visitor, "own_account"),
            setup=made,
            picture=Markup(made.picture),  # drawn by a library from a secret of ours
            error=error,
        )

    async def end_session(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """End one of my sessions."""
        await self._accounts.end_session(visitor.name, first(form, "token"))
        return _done("session_ended")

    async def end_others(self, _: Request, visitor: Visitor, __: Form) -> Response:
        """End all my sessions but this one."""
        await self._accounts.end_others(visitor.session)
        return _done("sessions_ended")

    async def _wrong(self, visitor: Visitor, fault: str) -> Response:
        text = self._pages.labels.say(f"account_fault.{fault}")
        return await self._page(visitor, error=text, status=422)

    async def _page(
        self, visitor: Visitor, *, done: str = "", error: str = "", status: int = 200
    ) -> Response:
        return self._pages.page(
            "me.html",
            status,
            visitor=visitor,
            menu=await self._menu.draw(visitor, "own_account"),
            sessions=await self._accounts.sessions(visitor.name),
            codes_left=await self._codes.left(visitor.name),
            elsewhere=self._elsewhere,
            done=self._pages.labels.account_done(done),
            error=error,
        )


def _done(what: str) -> Response:
    return RedirectResponse(f"{BASE}{OWN}?done={what}", 303)
