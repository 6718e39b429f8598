"""Accounts: the people who may log in, and what each may do where."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    delete,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database
from gateway.store.one_time_links import use_link
from gateway.store.queries import Queries
from gateway.store.scope import NATIONAL
from gateway.store.tables import accounts, grants, sessions
from gateway.store.views import Account, GrantRow, NewAccount

ADMINISTRATOR = "administrator"
FEW = 500
"""Accounts that are named to the database one by one; for more it reads all rows."""


_MADE = {"grants", "sessions", "has_totp", "has_password", "is_joined"}
"""Fields of an account that are no columns."""


@dataclass(frozen=True, slots=True)
class AgencyGrants:
    """Grants of some roles for the agencies of some governments."""

    roles: frozenset[str]
    governments: frozenset[str]


class LastAdministrator(Exception):
    """Without this account there would be no administrator."""


class AccountRepository(Queries):
    """The accounts; each call is a transaction of its own. Raises ``Unavailable``."""

    def __init__(self, database: Database, wall: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._wall = wall

    async def any(self, role: str | None = None) -> bool:
        """Tell whether anybody may log in at all, or in a role."""
        query = select(accounts.c.name).where(ACTIVE).limit(1)
        if role:
            query = query.where(accounts.c.name.in_(_with_role(role)))
        return await self._one(query) is not None

    async def all(self) -> list[Account]:
        """List the accounts that are not removed, by name."""
        query = select(accounts).where(accounts.c.removed_at.is_(None))
        return await self._accounts(await self._rows(query.order_by(accounts.c.name)))

    async def page(
        self, query: str, seen: AgencyGrants | None, *, after: int, most: int
    ) -> tuple[list[Account], int]:
        """Return accounts that have every word of a query, and how many there are in all.

        ``seen`` are the grants of which one makes an account seen; None: all accounts.
        """
        wanted = [_THERE, *map(_has_word, query.split())]
        if seen is not None:
            wanted.append(accounts.c.name.in_(select(grants.c.account).where(_is_seen(seen))))
        total = await self._one(select(func.count(accounts.c.name)).where(*wanted))
        listed = select(accounts).where(*wanted).order_by(accounts.c.name)
        rows = await self._rows(listed.offset(after).limit(most))
        return await self._accounts(rows), int(total)

    async def scopes_of(self, role: str) -> set[str]:
        """Return the scopes in which somebody has a role who may log in."""
        query = (
            select(grants.c.scope).distinct().join(accounts, accounts.c.name == grants.c.account)
        )
        return {row[0] for row in await self._all(query.where(grants.c.role == role, ACTIVE))}

    async def with_role(self, role: str, scopes: Collection[str]) -> list[Account]:
        """List who may log in and has a role in one of several scopes, by name."""
        given = select(grants.c.account).where(
            grants.c.role == role, grants.c.scope.in_(sorted(scopes))
        )
        query = select(accounts).where(ACTIVE, accounts.c.name.in_(given))
        return await self._accounts(await self._rows(query.order_by(accounts.c.name)))

    async def set_cover(self, name: str, cover: str | None, until: str | None) -> None:
        """Say which account stands in for one, until which day; None for neither."""
        change = update(accounts).where(_is(name)).values(cover=cover, away_until=until)
        async with self._database.write() as connection:
            await connection.execute(change)

    async def get(self, name: str) -> Account | None:
        """Return one account; removed ones too."""
        found = await self._accounts(await self._rows(select(accounts).where(_is(name))))
        return found[0] if found else None

    async def password_of(self, name: str, *, active: bool = False) -> str | None:
        """Return an account's password hash; with ``active`` none of one that may not log in."""
        query = select(accounts.c.password).where(_is(name))
        if active:
            query = query.where(ACTIVE)
        password: str | None = await self._one(query)
        return password

    async def create(self, made: NewAccount, *, link: str | None = None) -> bool:
        """Make an account; False where its name is or was taken.

        A ``link`` is used up with it. Raises ``LinkOver`` where it no longer may be.
        """
        row = {
            "name": made.name,
            "password": made.password,
            "full_name": made.full_name or made.name,
            "email": made.email,
            "language": made.language,
            "unit": "",
            "created_at": self._wall(),
            "created_by": made.created_by,
            "totp_step": 0,
            "recovery": "[]",
            "subject": made.subject,
        }
        async with self._database.write() as connection:
            taken = select(accounts.c.name).where(func.lower(accounts.c.name) == made.name.lower())
            if (await connection.execute(taken)).first():
                return False
            if link:
                await use_link(connection, link, self._wall())
            await connection.execute(insert(accounts), [row])
            if made.grants:
                rows = [{"account": made.name, **_grant_row(each)} for each in made.grants]
                await connection.execute(insert(grants), rows)
        return True

    async def set_password(
        self, name: str, password: str, *, link: str | None = None, keep: str = ""
    ) -> bool:
        """Change a password, ending every session but ``keep``; False where there is no account.

        A ``link`` is used up with it. Raises ``LinkOver`` where it no longer may be.
        """
        async with self._database.write() as connection:
            if link:
                await use_link(connection, link, self._wall())
            change = update(accounts).where(_is(name), _THERE).values(password=password)
            there = (await connection.execute(change)).rowcount == 1
            ended = delete(sessions).where(sessions.c.account == name, sessions.c.token != keep)
            await connection.execute(ended)
        return there

    async def enable(self, name: str, *, may: bool) -> bool:
        """Let somebody in or keep them out, ending every session; False if there is none.

        Raises ``LastAdministrator``.
        """
        at = None if may else self._wall()
        return await self._end(name, disabled_at=at)

    async def remove(self, name: str) -> bool:
        """Remove an account and what it may do; its name stays taken, as logs name it.

        Raises ``LastAdministrator``.
        """
        changes = {"password": None, "totp": None, "recovery": "[]", "subject": None}
        return await self._end(name, removed_at=self._wall(), **changes)

    async def grant(self, name: str, given: GrantRow) -> bool:
        """Give an account a role in a scope; False where it has it, or there is no account."""
        async with self._database.write() as connection:
            there = await connection.execute(select(accounts.c.name).where(_is(name), _THERE))
            same = await connection.execute(select(grants.c.role).where(_is_grant(name, given)))
            if there.first() is None or same.first() is not None:
                return False
            await connection.execute(insert(grants), [{"account": name, **_grant_row(given)}])
        return True

    async def revoke(self, name: str, given: GrantRow) -> bool:
        """Take a role in a scope from an account; False where it did not have it.

        Raises ``LastAdministrator``.
        """
        async with self._database.write() as connection:
            if given.role == ADMINISTRATOR:
                await _keep_administrator(connection, name)
            taken = await connection.execute(delete(grants).where(_is_grant(name, given)))
        return taken.rowcount == 1

    async def note_seen(self, name: str) -> None:
        """Note that somebody was there."""
        async with self._database.write() as connection:
            change = update(accounts).where(_is(name)).values(seen_at=self._wall())
            await connection.execute(change)

    async def by_subject(self, subject: str) -> str | None:
        """Return whose account, if it may log in, is joined to a person at a log-in provider."""
        query = select(accounts.c.name).where(accounts.c.subject == subject, ACTIVE)
        name: str | None = await self._one(query)
        return name

    async def set_subject(self, name: str, subject: str | None) -> bool:
        """Join an account to a person at a log-in provider, or to none; False if it is taken."""
        other = select(accounts.c.name).where(accounts.c.subject == subject, ~_is(name))
        async with self._database.write() as connection:
            if subject and (await connection.execute(other)).first():
                return False
            change = update(accounts).where(_is(name), _THERE).values(subject=subject)
            return (await connection.execute(change)).rowcount == 1

    async def totp_of(self, name: str) -> str | None:
        """Return the sealed secret of somebody's codes."""
        sealed: str | None = await self._one(select(accounts.c.totp).where(_is(name)))
        return sealed

    async def set_totp(self, name: str, sealed: str | None, step: int, recovery: str) -> None:
        """Keep a sealed secret, the step it was proven with and what recovers; or none."""
        values = {"totp": sealed, "totp_step": step, "recovery": recovery}
        async with self._database.write() as connection:
            await connection.execute(update(accounts).where(_is(name)).values(values))

    async def use_step(self, name: str, step: int) -> bool:
        """Note a time step whose code was accepted; False where it or a later one was before."""
        change = update(accounts).where(_is(name), accounts.c.totp_step < step)
        async with self._database.write() as connection:
            used = await connection.execute(change.values(totp_step=step))
        return used.rowcount == 1

    async def use_recovery(self, name: str, keyed: str) -> bool:
        """Use up a recovery code by its keyed hash; False where it is none, or was used."""
        query = select(accounts.c.recovery).where(_is(name)).with_for_update()
        async with self._database.write() as connection:
            left = json.loads((await connection.execute(query)).scalar() or "[]")
            if keyed not in left:
                return False
            kept = json.dumps([each for each in left if each != keyed])
            await connection.execute(update(accounts).where(_is(name)).values(recovery=kept))
        return True

    async def recovery_left(self, name: str) -> int:
        """Count the recovery codes that were not used."""
        kept: str | None = await self._one(select(accounts.c.recovery).where(_is(name)))
        return len(json.loads(kept or "[]"))

    async def _end(self, name: str, **changes: object) -> bool:
        async with self._database.write() as connection:
            if changes.get("disabled_at") or "removed_at" in changes:
                await _keep_administrator(connection, name)
            change = update(accounts).where(_is(name), _THERE).values(**changes)
            there = (await connection.execute(change)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.account == name))
            if there and "removed_at" in changes:
                await connection.execute(delete(grants).where(grants.c.account == name))
        return there

    async def _accounts(self, rows: Sequence[RowMapping]) -> list[Account]:
        names = [row["name"] for row in rows]
        given: dict[str, list[GrantRow]] = {}
        for row in await self._rows(select(grants).where(_among(grants.c.account, names))):
            one = GrantRow(row["role"], row["scope"], row["identity"])
            given.setdefault(row["account"], []).append(one)
        alive = _among(sessions.c.account, names) & (sessions.c.expires_at > self._wall())
        counted = select(sessions.c.account, func.count()).where(alive)
        open_ = dict(map(tuple, await self._all(counted.group_by(sessions.c.account))))
        return [
            account_of(row, given.get(row["name"], ()), open_.get(row["name"], 0)) for row in rows
        ]


def _has_word(word: str) -> ColumnElement[bool]:
    """Return the condition that an account has a word in its names, its address or a grant."""
    row = accounts.c
    texts = (row.name, row.full_name, row.email)
    of_grant = grants.c.scope.icontains(word, autoescape=True) | (grants.c.role == word.lower())
    given = select(grants.c.account).where(of_grant)
    return or_(*(text.icontains(word, autoescape=True) for text in texts), row.name.in_(given))


def _is_seen(seen: AgencyGrants) -> ColumnElement[bool]:
    scope = grants.c.scope
    inside: list[ColumnElement[bool]] = [false()]
    for code in seen.governments:
        if code == NATIONAL:
            digits = (scope.startswith(str(digit)) for digit in range(10))
            inside.append(not_(or_(scope == NATIONAL, *digits)))
        else:
            end = "-" if len(code) == 2 else ""
            inside.append(scope.startswith(code.replace(".", "") + end, autoescape=True))
    given = grants.c.role.in_(sorted(seen.roles)) & not_(grants.c.identity)
    return given & or_(*inside)


def _among(column: ColumnElement[str], names: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a row is of one of some accounts; of many, none at all."""
    return column.in_(names) if len(names) <= FEW else true()


def account_of(row: RowMapping, given: Collection[GrantRow], open_sessions: int) -> Account:
    """Read a row of the table."""
    names = Account.__dataclass_fields__.keys() - _MADE
    ordered = tuple(sorted(given, key=lambda each: (each.role, each.scope)))
    values = {name: row[name] for name in names}
    return Account(
        **values,
        grants=ordered,
        sessions=open_sessions,
        has_totp=row["totp"] is not None,
        has_password=row["password"] is not None,
        is_joined=row["subject"] is not None,
    )


async def _keep_administrator(connection: AsyncConnection, name: str) -> None:
    """Stop what would leave no administrator. Raises ``LastAdministrator``."""
    query = (
        select(accounts.c.name)
        .join(grants, grants.c.account == accounts.c.name)
        .where(grants.c.role == ADMINISTRATOR, ACTIVE)
        .with_for_update()  # two who take each other's role at once wait for one another
    )
    left = set((await connection.execute(query)).scalars())
    if name in left and len(left) == 1:
        raise LastAdministrator(name)


def _is_grant(name: str, given: GrantRow) -> ColumnElement[bool]:
    return (
        (grants.c.account == name) & (grants.c.role == given.role) & (grants.c.scope == given.scope)
    )


def _grant_row(given: GrantRow) -> dict[str, object]:
    return {"role": given.role, "scope": given.scope, "identity": given.identity}


def _is(name: str) -> ColumnElement[bool]:
    return accounts.c.name == name


def _with_role(role: str) -> Select[tuple[str]]:
    return select(grants.c.account).where(grants.c.role == role)


_THERE = accounts.c.removed_at.is_(None)
ACTIVE = _THERE & accounts.c.disabled_at.is_(None)
