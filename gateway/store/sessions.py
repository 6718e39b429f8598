"""Sessions: who is logged in."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update

from gateway.store.accounts import AccountRepository
from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import accounts, sessions
from gateway.store.views import Session

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When somebody was confirmed who never was."""


class SessionRepository(Queries):
    """The sessions; each call is a transaction of its own. Raises ``Unavailable``."""

    def __init__(
        self, database: Database, wall: Callable[[], datetime], people: AccountRepository
    ) -> None:
        super().__init__(database)
        self._wall = wall
        self._people = people

    async def begin(
        self,
        token: str,
        name: str,
        csrf: str,
        expires_at: datetime,
        password: str | None,
        *,
        stage: str = "open",
        device: str = "",
        is_confirmed: bool = True,
    ) -> bool:
        """Begin a session, and forget those that have run out.

        False, and nothing begun, when ``password`` is no longer the hash of an active account: it
        was changed, or they were, while it was being checked. ``is_confirmed``: they have just
        proved who they are; else that is asked for before what needs it.
        """
        now = self._wall()
        row = {
            "token": token,
            "account": name,
            "csrf": csrf,
            "stage": stage,
            "begun_at": now,
            "seen_at": now,
            "confirmed_at": now if is_confirmed else NEVER,
            "expires_at": expires_at,
            "device": device,
        }
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires_at < now))
            still = select(accounts.c.name).where(
                accounts.c.name == name,
                accounts.c.password == password,
                accounts.c.disabled_at.is_(None),
                accounts.c.removed_at.is_(None),
            )
            # PostgreSQL holds the row, so that who disables waits and then finds the session.
            if (await connection.execute(still.with_for_update())).first() is None:
                return False
            await connection.execute(insert(sessions), [row])
        return True

    async def get(self, token: str) -> Session | None:
        """Return a session that has not run out, of an account that may still log in."""
        query = select(sessions).where(
            sessions.c.token == token, sessions.c.expires_at > self._wall()
        )
        rows = await self._rows(query)
        account = await self._people.get(rows[0]["account"]) if rows else None
        if account is None or account.disabled_at or account.removed_at:
            return None
        names = Session.__dataclass_fields__.keys() - {"account"}
        return Session(account=account, **{name: rows[0][name] for name in names})

    async def of(self, name: str) -> list[Session]:
        """List the sessions of an account that have not run out, the last used first."""
        account = await self._people.get(name)
        if account is None:
            return []
        alive = (sessions.c.account == name) & (sessions.c.expires_at > self._wall())
        rows = await self._rows(select(sessions).where(alive).order_by(sessions.c.seen_at.desc()))
        names = Session.__dataclass_fields__.keys() - {"account"}
        return [Session(account=account, **{name: row[name] for name in names}) for row in rows]

    async def change(self, token: str, **values: object) -> None:
        """Change a session: its stage, or when it was used or confirmed."""
        async with self._database.write() as connection:
            query = update(sessions).where(sessions.c.token == token).values(**values)
            await connection.execute(query)

    async def end(self, token: str, name: str | None = None) -> bool:
        """End a session, of one account if that is said; False where there is none."""
        query = delete(sessions).where(sessions.c.token == token)
        if name is not None:
            query = query.where(sessions.c.account == name)
        async with self._database.write() as connection:
            return (await connection.execute(query)).rowcount == 1

    async def end_all(self, name: str, *, keep: str = "") -> None:
        """End every session of an account but ``keep``."""
        query = delete(sessions).where(sessions.c.account == name, sessions.c.token != keep)
        async with self._database.write() as connection:
            await connection.execute(query)
