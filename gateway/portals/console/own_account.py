"""My account: one's own password and sessions."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.accounts import AccountService
from gateway.access.passwords import WeakPassword
from gateway.access.people import AccountFault
from gateway.portals.console.menu import OWN, Menu
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import PageRoute, PortalSection, PostRoute, Visitor
from gateway.portals.console.sessions import Form, first


class OwnAccount:
    """What everybody may do about their own account."""

    def __init__(self, accounts: AccountService, pages: ConsolePages, menu: Menu) -> None:
        self._accounts = accounts
        self._pages = pages
        self._menu = menu

    def section(self) -> PortalSection:
        """Return its page and acts."""
        return PortalSection(
            (PageRoute(OWN, "own_account", None, self.page),),
            (
                PostRoute(f"{OWN}/password", "change_password", None, self.change_password),
                PostRoute(f"{OWN}/end", "end_session", None, self.end_session),
                PostRoute(f"{OWN}/end-others", "end_other_sessions", None, self.end_others),
            ),
        )

    async def page(self, request: Request, visitor: Visitor) -> Response:
        """Who I am, where I am logged in, and my password."""
        return await self._page(visitor, done=request.query_params.get("done", ""))

    async def change_password(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Change the password; every other session ends."""
        old, new = (form.get(name, [""])[0] for name in ("old", "password"))
        if new != form.get("again", [""])[0]:
            return await self._wrong(visitor, AccountFault.PASSWORDS_DIFFER)
        try:
            changed = await self._accounts.change_password(visitor.session, old, new)
        except WeakPassword as error:
            return await self._wrong(visitor, error.fault)
        if not changed:
            return await self._wrong(visitor, AccountFault.WRONG_PASSWORD)
        return _done("password_changed")

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
            done=self._pages.labels.account_done(done),
            error=error,
        )


def _done(what: str) -> Response:
    return RedirectResponse(f"{BASE}{OWN}?done={what}", 303)
