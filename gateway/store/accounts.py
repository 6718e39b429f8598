"""Accounts: the people who may log in, and what each may do where."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, Select, delete, func, insert, select, update

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import accounts, grants, sessions
from gateway.store.views import Account, GrantRow


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

    async def create(
        self, name: str, password: str | None, given: Collection[GrantRow], *, by: str
    ) -> bool:
        """Make an account; False where the name is or was taken."""
        row = {
            "name": name,
            "password": password,
            "full_name": name,
            "email": "",
            "language": "id",
            "unit": "",
            "created_at": self._wall(),
            "created_by": by,
            "totp_step": 0,
            "recovery": "[]",
        }
        async with self._database.write() as connection:
            if (await connection.execute(select(accounts.c.name).where(_is(name)))).first():
                return False
            await connection.execute(insert(accounts), [row])
            if given:
                rows = [{"account": name, **_grant_row(each)} for each in given]
                await connection.execute(insert(grants), rows)
        return True

    async def set_password(self, name: str, password: str) -> bool:
        """Change a password, ending every session of theirs; False where there is no account."""
        async with self._database.write() as connection:
            change = update(accounts).where(_is(name), _THERE).values(password=password)
            found = (await connection.execute(change)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.account == name))
        return found

    async def enable(self, name: str, *, may: bool) -> bool:
        """Let somebody in or keep them out, ending every session; False if there is none."""
        at = None if may else self._wall()
        return await self._end(name, disabled_at=at)

    async def remove(self, name: str) -> bool:
        """Remove an account and what it may do; its name stays taken, as logs name it."""
        return await self._end(name, removed_at=self._wall(), password=None, totp=None)

    async def _end(self, name: str, **changes: object) -> bool:
        async with self._database.write() as connection:
            change = update(accounts).where(_is(name), _THERE).values(**changes)
            found = (await connection.execute(change)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.account == name))
            if found and "removed_at" in changes:
                await connection.execute(delete(grants).where(grants.c.account == name))
        return found

    async def _accounts(self, rows: Sequence[RowMapping]) -> list[Account]:
        names = [row["name"] for row in rows]
        given: dict[str, list[GrantRow]] = {}
        for row in await self._rows(select(grants).where(grants.c.account.in_(names))):
            one = GrantRow(row["role"], row["scope"], row["identity"])
            given.setdefault(row["account"], []).append(one)
        alive = (sessions.c.account.in_(names)) & (sessions.c.expires_at > self._wall())
        counted = select(sessions.c.account, func.count()).where(alive)
        open_ = dict(map(tuple, await self._all(counted.group_by(sessions.c.account))))
        return [
            account_of(row, given.get(row["name"], ()), open_.get(row["name"], 0)) for row in rows
        ]


def account_of(row: RowMapping, given: Collection[GrantRow], open_sessions: int) -> Account:
    """Read a row of the table."""
    names = Account.__dataclass_fields__.keys() - {"grants", "sessions", "has_totp"}
    ordered = tuple(sorted(given, key=lambda each: (each.role, each.scope)))
    values = {name: row[name] for name in names}
    return Account(
        **values, grants=ordered, sessions=open_sessions, has_totp=row["totp"] is not None
    )


def _grant_row(given: GrantRow) -> dict[str, object]:
    return {"role": given.role, "scope": given.scope, "identity": given.identity}


def _is(name: str) -> ColumnElement[bool]:
    return accounts.c.name == name


def _with_role(role: str) -> Select[tuple[str]]:
    return select(grants.c.account).where(grants.c.role == role)


_THERE = accounts.c.removed_at.is_(None)
ACTIVE = _THERE & accounts.c.disabled_at.is_(None)
