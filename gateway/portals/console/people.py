"""The accounts: who may log in, what each may do where, and who is invited."""

import asyncio
from collections.abc import Awaitable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.accounts import AccountService, grant_of
from gateway.access.people import (
    GIVEN_BY_COORDINATORS,
    AccountError,
    AccountFault,
    PeopleService,
    link_address,
    may_change,
    may_give,
)
from gateway.access.roles import Actor, Grant, Right, Role
from gateway.casework.operators import OperatorService
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.menu import Menu
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import PageRoute, PortalSection, PostRoute, Visitor
from gateway.portals.console.sessions import Form, first

ACCOUNTS = "/accounts"
_MOST, _SOUGHT = 20, 200
OFFERED = (
    Role.OFFICER,
    Role.LEADER,
    Role.COORDINATOR,
    Role.OPERATOR,
    Role.AUDITOR,
    Role.ADMINISTRATOR,
)
"""Roles in the order of a form: what is chosen by mistake is to harm least."""


class PeopleScreens:
    """Draws what the service of people returns, and hands it what forms ask for."""

    def __init__(
        self,
        people: PeopleService,
        accounts: AccountService,
        operators: OperatorService,
        pages: ConsolePages,
        menu: Menu,
        public_url: str,
    ) -> None:
        self._people = people
        self._accounts = accounts
        self._operators = operators
        self._pages = pages
        self._menu = menu
        self._url = public_url

    def section(self) -> PortalSection:
        """Return the pages of accounts and what is done there."""
        invite = Right.INVITE
        return PortalSection(
            (
                PageRoute(ACCOUNTS, "accounts", invite, self.accounts),
                PageRoute("/parts/scopes", "scopes", invite, self.scopes),
                PageRoute(f"{ACCOUNTS}/{{name:path}}", "account", invite, self.account),
            ),
            (
                PostRoute(f"{ACCOUNTS}/invite", "invite", invite, self.invite),
                PostRoute(f"{ACCOUNTS}/withdraw", "withdraw_invitation", invite, self.withdraw),
                PostRoute(f"{ACCOUNTS}/reset", "reset_password", invite, self.reset),
                PostRoute(f"{ACCOUNTS}/disable", "disable_account", invite, self.disable),
                PostRoute(f"{ACCOUNTS}/enable", "enable_account", invite, self.enable),
                PostRoute(f"{ACCOUNTS}/codes-off", "take_codes", invite, self.take_codes),
                PostRoute(f"{ACCOUNTS}/remove", "remove_account", invite, self.remove),
                PostRoute(f"{ACCOUNTS}/grant", "grant_role", invite, self.grant),
                PostRoute(f"{ACCOUNTS}/revoke", "revoke_role", invite, self.revoke),
                PostRoute(f"{ACCOUNTS}/end-sessions", "end_sessions", invite, self.end_sessions),
            ),
        )

    async def accounts(self, request: Request, visitor: Visitor) -> Response:
        """The accounts that the visitor may see, and the open invitations.

        A role and a scope in the address stand in the form of an invitation already.
        """
        asked = request.query_params
        form = {name: [asked.get(name, "")[:80]] for name in ("role", "scope")}
        number = _number(asked.get("page", ""))
        return await self._list(visitor, asked.get("q", ""), number, form=form)

    async def account(self, request: Request, visitor: Visitor) -> Response:
        """One account: what it may do, where it is logged in, and what can be changed."""
        name, done = request.path_params["name"], request.query_params.get("done", "")
        return await self._one(visitor, name, done=done)

    async def scopes(self, request: Request, visitor: Visitor) -> Response:
        """Agencies and regions whose names fit what is being typed, as options."""
        query = request.query_params.get("scope", "").strip()[:100]
        offered = await asyncio.to_thread(self._scopes, visitor.actor, query) if query else []
        return self._pages.page("parts/scopes.html", offered=offered)

    async def invite(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Make a link for somebody, and show it once."""
        email = first(form, "email")
        try:
            token = await self._people.invite(visitor.actor, email, _grant(form))
        except AccountError as error:
            return await self._list(visitor, error=error, form=form)
        return await self._link(visitor, "invitation", token, email)

    async def withdraw(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """End an open invitation."""
        try:
            await self._people.withdraw(visitor.actor, first(form, "token"))
        except AccountError as error:
            return await self._list(visitor, error=error)
        return RedirectResponse(f"{BASE}{ACCOUNTS}", 303)

    async def reset(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Make a link by which somebody chooses a new password, and show it once."""
        name = first(form, "account")
        try:
            token = await self._people.reset_link(visitor.actor, name)
        except AccountError as error:
            return await self._one(visitor, name, error=error)
        return await self._link(visitor, "password", token, name)

    async def disable(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Keep somebody out; every session of theirs ends at once."""
        name = first(form, "account")
        change = self._people.enable(visitor.actor, name, may=False)
        return await self._changed(visitor, name, change, "disabled")

    async def enable(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Let somebody in again."""
        name = first(form, "account")
        change = self._people.enable(visitor.actor, name, may=True)
        return await self._changed(visitor, name, change, "enabled")

    async def take_codes(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Ask somebody who lost their phone for no two-step codes any more."""
        name = first(form, "account")
        change = self._people.turn_codes_off(visitor.actor, name)
        return await self._changed(visitor, name, change, "codes_off")

    async def remove(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Remove an account; what it did stays in the logs."""
        name = first(form, "account")
        try:
            await self._people.remove(visitor.actor, name)
        except AccountError as error:
            return await self._one(visitor, name, error=error)
        return RedirectResponse(f"{BASE}{ACCOUNTS}", 303)

    async def grant(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Give somebody a role in a scope."""
        name = first(form, "account")
        try:
            change = self._people.grant(visitor.actor, name, _grant(form))
        except AccountError as error:
            return await self._one(visitor, name, error=error)
        return await self._changed(visitor, name, change, "granted")

    async def revoke(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """Take a role in a scope from somebody."""
        name, role, scope = (first(form, field) for field in ("account", "role", "scope"))
        change = self._people.revoke(visitor.actor, name, role, scope)
        return await self._changed(visitor, name, change, "revoked")

    async def end_sessions(self, _: Request, visitor: Visitor, form: Form) -> Response:
        """End one session of somebody's, or all."""
        name = first(form, "account")
        change = self._people.end_sessions(visitor.actor, name, first(form, "token"))
        return await self._changed(visitor, name, change, "sessions_ended")

    async def _changed(
        self, visitor: Visitor, name: str, change: Awaitable[None], done: str
    ) -> Response:
        try:
            await change
        except AccountError as error:
            return await self._one(visitor, name, error=error)
        return RedirectResponse(f"{BASE}{ACCOUNTS}/{quote(name)}?done={done}", 303)

    async def _list(
        self,
        visitor: Visitor,
        query: str = "",
        number: int = 1,
        *,
        error: AccountError | None = None,
        form: Form | None = None,
    ) -> Response:
        found = await self._people.accounts(visitor.actor, query, number)
        return self._pages.page(
            "accounts.html",
            _status(error),
            **await self._frame(visitor, error),
            found=found,
            query=query,
            invitations=await self._people.invitations(visitor.actor),
            typed={name: first(form or {}, name) for name in ("email", "role", "scope")},
        )

    async def _one(
        self,
        visitor: Visitor,
        name: str,
        *,
        done: str = "",
        error: AccountError | None = None,
    ) -> Response:
        try:
            account = await self._people.account(visitor.actor, name)
        except AccountError:
            raise ConsoleError(404, ConsoleErrorCode.NO_ACCOUNT) from None
        own = account.name == visitor.name
        return self._pages.page(
            "account.html",
            _status(error),
            **await self._frame(visitor, error),
            account=account,
            sessions=await self._accounts.sessions(name),
            may_change=may_change(visitor.actor, account),
            may_grant=not own,
            takes=[
                row
                for row in account.grants
                if not own and len(account.grants) > 1 and may_give(visitor.actor, grant_of(row))
            ],
            typed={"role": "", "scope": ""},
            done=self._pages.labels.account_done(done),
        )

    async def _link(self, visitor: Visitor, kind: str, token: str, about: str) -> Response:
        return self._pages.page(
            "link.html",
            **await self._frame(visitor, None),
            kind=kind,
            about=about,
            link=link_address(self._url, token),
        )

    async def _frame(self, visitor: Visitor, error: AccountError | None) -> dict[str, object]:
        """Return what every page of accounts has."""
        everybody = visitor.actor.may(Right.ACCOUNTS)
        text = self._pages.labels.say(f"account_fault.{error.fault}") if error else ""
        return {
            "visitor": visitor,
            "menu": await self._menu.draw(visitor, "accounts"),
            "error": text,
            "roles": [role for role in OFFERED if everybody or role in GIVEN_BY_COORDINATORS],
            "may_give_identity": everybody,
            "scope_name": self._people.scope_name,
        }

    def _scopes(self, actor: Actor, query: str) -> list[tuple[str, str]]:
        scope = actor.scope(Right.INVITE)
        near = next(iter(sorted(scope.governments)), None)
        agencies = self._operators.agencies(query, near, _SOUGHT)
        regions = self._people.regions(query) if actor.may(Right.ACCOUNTS) else []
        offered = [(each.code, each.name) for each in regions]
        offered += [(each.id, each.name) for each in agencies if scope.holds(each.id)]
        return offered[:_MOST]


def _grant(form: Form) -> Grant:
    """Read the role and scope of a form. Raises ``AccountError``."""
    try:
        role = Role(first(form, "role"))
    except ValueError:
        raise AccountError(AccountFault.SCOPE_OF_ROLE) from None
    return Grant(role, first(form, "scope")[:80], bool(first(form, "identity")))


def _number(said: str) -> int:
    return int(said) if said.isdecimal() and len(said) < 7 and int(said) > 0 else 1


def _status(error: AccountError | None) -> int:
    return 409 if error else 200
