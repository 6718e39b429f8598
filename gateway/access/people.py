"""People: who is invited, what they may do, and who changes that.

An administrator may do all of it. A coordinator may invite and change officers and leaders of the
agencies of their own government, and these only. No account changes what it may do itself, and
the last administrator stays. All of it is checked here, whatever a form shows.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from config.words import LANGUAGES
from gateway.access.accounts import FROM_COMMAND_LINE, AccountService, actor_of, grant_of
from gateway.access.codes import CodeService
from gateway.access.roles import RIGHTS, Actor, Grant, Right, Role, is_region
from gateway.store.accounts import AgencyGrants, LastAdministrator
from gateway.store.one_time_links import LinkOver
from gateway.store.scope import NATIONAL
from gateway.store.store import Store
from gateway.store.views import Account, GrantRow, NewAccount, OneTimeLink
from normalizer.gazetteer import Gazetteer, Region
from normalizer.message import Level
from normalizer.report import Agency
from router.register import Register

FIRST, INVITATION, PASSWORD = "first", "invitation", "password"
"""Purposes of links."""
LASTS: Mapping[str, timedelta] = {
    FIRST: timedelta(minutes=30),
    INVITATION: timedelta(days=7),
    PASSWORD: timedelta(minutes=30),
}
PAGE = 50
"""Accounts on a page."""
GIVEN_BY_COORDINATORS = frozenset({Role.OFFICER, Role.LEADER})
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class AccountFault(StrEnum):
    """Why an account is not changed; ``config/console`` has the words, under ``account_fault``."""

    NO_ACCOUNT = "no_account"
    NO_LINK = "no_link"
    NAME_FORM = "name_form"
    NAME_TAKEN = "name_taken"
    JOINED = "joined"
    EMAIL_FORM = "email_form"
    PASSWORDS_DIFFER = "passwords_differ"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    NO_SCOPE = "no_scope"
    SCOPE_OF_ROLE = "scope_of_role"
    NO_IDENTITY = "no_identity"
    NOT_YOURS = "not_yours"
    YOURSELF = "yourself"
    LAST_ADMINISTRATOR = "last_administrator"
    SAME_GRANT = "same_grant"
    LAST_GRANT = "last_grant"


class AccountError(Exception):
    """An account is not changed, and why."""

    def __init__(self, fault: AccountFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Some of the accounts that somebody may see, and how many there are."""

    accounts: list[Account]
    total: int
    number: int
    """From 1 on."""

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE))


class PeopleService:
    """Invites people, and changes what they may do."""

    def __init__(
        self,
        store: Store,
        accounts: AccountService,
        codes: CodeService,
        register: Register,
        gazetteer: Gazetteer,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._codes = codes
        self._register = register
        self._gazetteer = gazetteer

    # links

    async def first_link(self) -> str | None:
        """Make the link of the first administrator, ending an older one; None where there is one.

        Raises ``Unavailable``.
        """
        return await first_link(self._store)

    async def invite(self, actor: Actor, email: str, grant: Grant) -> str:
        """Invite somebody whose address the inviter vouches for. Raises ``AccountError``."""
        if not _EMAIL.fullmatch(email):
            raise AccountError(AccountFault.EMAIL_FORM)
        self._check_grant(actor, grant)
        grants = (_row(grant),)
        return await make_link(self._store, INVITATION, actor.name, email=email, grants=grants)

    async def reset_link(self, actor: Actor, name: str) -> str:
        """Make a link by which somebody chooses a new password. Raises ``AccountError``."""
        account = await self._theirs(actor, name)
        if account.disabled_at:
            raise AccountError(AccountFault.NO_ACCOUNT)
        return await make_link(self._store, PASSWORD, actor.name, account=name)

    async def invitations(self, actor: Actor) -> list[OneTimeLink]:
        """List the open invitations that somebody may see."""
        return [
            link
            for link in await self._store.links.open(INVITATION)
            if all(may_give(actor, grant_of(row)) for row in link.grants)
        ]

    async def withdraw(self, actor: Actor, token: str) -> OneTimeLink:
        """End an open invitation, by the hash of its link. Raises ``AccountError``."""
        seen = {link.token: link for link in await self.invitations(actor)}
        if token not in seen or not await self._store.links.withdraw(token):
            raise AccountError(AccountFault.NO_LINK)
        return seen[token]

    async def link(self, token: str) -> OneTimeLink:
        """Return what a link that may still be used is for. Raises ``AccountError``."""
        found = await self._store.links.get(_hashed(token)) if _TOKEN.fullmatch(token) else None
        if found is None:
            raise AccountError(AccountFault.NO_LINK)
        if found.purpose == FIRST and await self._store.accounts.any(Role.ADMINISTRATOR):
            raise AccountError(AccountFault.NO_LINK)
        if not await self._stands(found):
            raise AccountError(AccountFault.NO_LINK)
        return found

    async def _stands(self, link: OneTimeLink) -> bool:
        """Tell whether who made a link may still do what it does."""
        if link.purpose == FIRST or link.made_by == FROM_COMMAND_LINE:
            return True
        maker = await self._store.accounts.get(link.made_by)
        if maker is None or maker.removed_at or maker.disabled_at:
            return False
        actor = actor_of(maker)
        if link.purpose == INVITATION:
            return all(may_give(actor, grant_of(row)) for row in link.grants)
        account = await self._store.accounts.get(link.account)
        return account is not None and may_change(actor, account)

    async def accept(
        self,
        token: str,
        name: str,
        password: str | None,
        *,
        full_name: str,
        email: str,
        language: str,
        operator: bool = False,
        subject: str | None = None,
    ) -> str:
        """Make the account that a link allows, and return its name.

        ``operator`` is of a first administrator, who may be one of the whole country too;
        ``subject`` is a person at the log-in provider, who needs no password. Raises
        ``AccountError`` and ``WeakPassword``.
        """
        link = await self.link(token)
        if link.purpose == PASSWORD:
            raise AccountError(AccountFault.NO_LINK)
        name = name.strip().lower()
        if not _NAME.fullmatch(name):
            raise AccountError(AccountFault.NAME_FORM)
        address = link.email or email.strip()
        if not _EMAIL.fullmatch(address):
            raise AccountError(AccountFault.EMAIL_FORM)
        if subject and await self._accounts.name_elsewhere(subject):
            raise AccountError(AccountFault.JOINED)
        given = link.grants
        if operator and link.purpose == FIRST:
            given += (GrantRow(Role.OPERATOR, NATIONAL, identity=True),)
        made = NewAccount(
            name,
            None if subject else await self._accounts.hash(name, password or ""),
            given,
            link.made_by,
            subject=subject,
            full_name=full_name.strip()[:120],
            email=address,
            language=language if language in LANGUAGES else "id",
        )
        try:
            if not await self._store.accounts.create(made, link=link.token):
                raise AccountError(AccountFault.NAME_TAKEN)
        except LinkOver:
            raise AccountError(AccountFault.NO_LINK) from None
        return name

    async def choose_password(self, token: str, password: str) -> str:
        """Change the password that a link is for; return whose it is.

        Raises ``AccountError`` and ``WeakPassword``.
        """
        link = await self.link(token)
        if link.purpose != PASSWORD:
            raise AccountError(AccountFault.NO_LINK)
        hashed = await self._accounts.hash(link.account, password)
        try:
            there = await self._store.accounts.set_password(link.account, hashed, link=link.token)
        except LinkOver:
            there = False
        if not there:
            raise AccountError(AccountFault.NO_LINK)
        return link.account

    # accounts

    async def accounts(self, actor: Actor, query: str = "", number: int = 1) -> AccountPage:
        """Return a page of the accounts that somebody may see and that have every word."""
        seen = None
        if not actor.may(Right.ACCOUNTS):
            governments = actor.scope(Right.INVITE).governments
            seen = AgencyGrants(frozenset(GIVEN_BY_COORDINATORS), governments)
        first = (max(1, number) - 1) * PAGE
        listed, total = await self._store.accounts.page(query, seen, after=first, most=PAGE)
        return AccountPage(listed, total, max(1, number))

    async def account(self, actor: Actor, name: str) -> Account:
        """Return an account that somebody may see. Raises ``AccountError``."""
        account = await self._store.accounts.get(name)
        if account is None or account.removed_at or not may_see(actor, account):
            raise AccountError(AccountFault.NO_ACCOUNT)
        return account

    async def enable(self, actor: Actor, name: str, *, may: bool) -> None:
        """Let somebody in or keep them out, ending every session. Raises ``AccountError``."""
        await self._theirs(actor, name)
        await self._change(self._store.accounts.enable(name, may=may))

    async def remove(self, actor: Actor, name: str) -> None:
        """Remove an account. Raises ``AccountError``."""
        await self._theirs(actor, name)
        await self._change(self._store.accounts.remove(name))

    async def end_sessions(self, actor: Actor, name: str, token: str = "") -> None:
        """End a session of somebody's by its hash, or all. Raises ``AccountError``."""
        await self._theirs(actor, name)
        if token:
            await self._store.sessions.end(token, name)
        else:
            await self._store.sessions.end_all(name)

    async def turn_codes_off(self, actor: Actor, name: str) -> None:
        """Ask somebody who lost their phone for no codes any more. Raises ``AccountError``."""
        await self._theirs(actor, name)
        await self._codes.turn_off(name)

    async def grant(self, actor: Actor, name: str, grant: Grant) -> None:
        """Give somebody a role in a scope. Raises ``AccountError``."""
        await self._other(actor, name)
        self._check_grant(actor, grant)
        if not await self._store.accounts.grant(name, _row(grant)):
            raise AccountError(AccountFault.SAME_GRANT)

    async def revoke(self, actor: Actor, name: str, role: str, scope: str) -> None:
        """Take a role in a scope from somebody. Raises ``AccountError``.

        The last one is not taken: an account that may do nothing is disabled or removed instead.
        """
        account = await self._other(actor, name)
        row = next((g for g in account.grants if (g.role, g.scope) == (role, scope)), None)
        if row is None:
            raise AccountError(AccountFault.NO_ACCOUNT)
        if not may_give(actor, grant_of(row)):
            raise AccountError(AccountFault.NOT_YOURS)
        if len(account.grants) == 1:
            raise AccountError(AccountFault.LAST_GRANT)
        await self._change(self._store.accounts.revoke(name, row))

    def regions(self, query: str) -> list[Region]:
        """Return provinces, regencies and cities whose names have every word of a query."""
        words = query.casefold().split()
        listed = self._gazetteer.regions(Level.PROVINCE, Level.REGENCY, Level.CITY)
        return [r for r in listed if all(word in r.name.casefold() for word in words)][:20]

    def scope_name(self, scope: str) -> str:
        """Name a scope as people do; "" of the whole country."""
        if scope == NATIONAL:
            return ""
        named = self._scope(scope)
        return named.name if named else scope

    def _scope(self, scope: str) -> Region | Agency | None:
        if is_region(scope):
            return self._gazetteer.region(scope)
        return self._register.agency(scope)

    async def _other(self, actor: Actor, name: str) -> Account:
        """Return somebody else's account. Raises ``AccountError``."""
        account = await self.account(actor, name)
        if name == actor.name:
            raise AccountError(AccountFault.YOURSELF)
        return account

    async def _theirs(self, actor: Actor, name: str) -> Account:
        """Return an account that somebody may change as a whole. Raises ``AccountError``."""
        account = await self._other(actor, name)
        if not may_change(actor, account):
            raise AccountError(AccountFault.NOT_YOURS)
        return account

    async def _change(self, change: Awaitable[bool]) -> None:
        try:
            if not await change:
                raise AccountError(AccountFault.NO_ACCOUNT)
        except LastAdministrator:
            raise AccountError(AccountFault.LAST_ADMINISTRATOR) from None

    def _check_grant(self, actor: Actor, grant: Grant) -> None:
        """Stop what may not be given. Raises ``AccountError``."""
        kinds = _SCOPES[grant.role]
        if not any(kind(grant.scope) for kind in kinds):
            raise AccountError(AccountFault.SCOPE_OF_ROLE)
        if grant.scope != NATIONAL and self._scope(grant.scope) is None:
            raise AccountError(AccountFault.NO_SCOPE)
        if grant.identity and Right.IDENTITY not in RIGHTS[grant.role]:
            raise AccountError(AccountFault.NO_IDENTITY)
        if not may_give(actor, grant):
            raise AccountError(AccountFault.NOT_YOURS)


async def first_link(store: Store) -> str | None:
    """Make the link of the first administrator, ending an older one; None where there is one.

    Raises ``Unavailable``.
    """
    if await store.accounts.any(Role.ADMINISTRATOR):
        return None
    return await make_link(store, FIRST, "", grants=(GrantRow(Role.ADMINISTRATOR, NATIONAL),))


async def make_link(
    store: Store,
    purpose: str,
    made_by: str,
    *,
    account: str = "",
    email: str = "",
    grants: tuple[GrantRow, ...] = (),
) -> str:
    """Make a link, and return what it says. Raises ``Unavailable``."""
    token, now = secrets.token_urlsafe(32), store.wall()
    expires = now + LASTS[purpose]
    made = OneTimeLink(_hashed(token), purpose, account, email, grants, made_by, now, expires)
    await store.links.make(made)
    return token


def link_address(public_url: str, token: str) -> str:
    """Return the address of a link. No browser sends what stands behind the "#"."""
    return f"{public_url}console/begin#{token}"


def may_give(actor: Actor, grant: Grant) -> bool:
    """Tell whether somebody may give, and take away, a role in a scope."""
    if actor.may(Right.ACCOUNTS):
        return True
    if grant.role not in GIVEN_BY_COORDINATORS or grant.identity:
        return False
    return _is_agency(grant.scope) and actor.scope(Right.INVITE).holds(grant.scope)


def may_see(actor: Actor, account: Account) -> bool:
    """Tell whether somebody may see an account."""
    if actor.may(Right.ACCOUNTS):
        return True
    return any(may_give(actor, grant) for grant in actor_of(account).grants)


def may_change(actor: Actor, account: Account) -> bool:
    """Tell whether somebody may change an account as a whole: it has no other's grants."""
    if account.name == actor.name:
        return False
    if actor.may(Right.ACCOUNTS):
        return True
    given = actor_of(account).grants
    return bool(given) and all(may_give(actor, grant) for grant in given)


def _is_government(scope: str) -> bool:
    return scope == NATIONAL or (is_region(scope) and len(scope) in (2, 5))


def _is_agency(scope: str) -> bool:
    return scope != NATIONAL and not is_region(scope)


def _is_country(scope: str) -> bool:
    return scope == NATIONAL


_SCOPES = {
    Role.ADMINISTRATOR: (_is_country,),
    Role.OPERATOR: (_is_country, is_region),
    Role.COORDINATOR: (_is_government,),
    Role.OFFICER: (_is_agency,),
    Role.LEADER: (_is_country, is_region, _is_agency),
    Role.AUDITOR: (_is_country, is_region),
}
"""What the scope of each role may be."""


def _row(grant: Grant) -> GrantRow:
    return GrantRow(grant.role, grant.scope, grant.identity)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
