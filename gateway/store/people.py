"""Operators and their sessions; the quarantine's decisions."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update

from gateway.store.store import Store
from gateway.store.tables import operators, quarantine, sessions
from gateway.store.views import Session


class People:
    """Who may operate, and who is logged in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def password_of(self, name: str) -> str | None:
        """Return an operator's password hash."""
        query = select(operators.c.password).where(operators.c.name == name)
        async with self._store.database.read() as connection:
            found: str | None = (await connection.execute(query)).scalar()
        return found

    async def set_password(self, name: str, password: str) -> None:
        """Create an operator or change the password, ending every session of theirs."""
        async with self._store.database.write() as connection:
            await connection.execute(delete(operators).where(operators.c.name == name))
            row = {"name": name, "password": password, "created_at": self._store.now()}
            await connection.execute(insert(operators), [row])
            await connection.execute(delete(sessions).where(sessions.c.operator == name))

    async def any(self) -> bool:
        """Tell whether there is an operator at all."""
        async with self._store.database.read() as connection:
            return (await connection.execute(select(operators.c.name).limit(1))).first() is not None

    async def begin(self, token: str, session: Session) -> None:
        """Begin a session, and forget those that have run out."""
        row = {
            "token": token,
            "operator": session.operator,
            "csrf": session.csrf,
            "expires_at": session.expires_at,
        }
        async with self._store.database.write() as connection:
            old = sessions.c.expires_at < self._store.now()
            await connection.execute(delete(sessions).where(old))
            await connection.execute(insert(sessions), [row])

    async def session(self, token: str) -> Session | None:
        """Return a session that has not run out."""
        query = select(sessions).where(
            sessions.c.token == token, sessions.c.expires_at > self._store.now()
        )
        async with self._store.database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return Session(row["operator"], row["csrf"], row["expires_at"]) if row else None

    async def end(self, token: str) -> None:
        """End a session."""
        async with self._store.database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.token == token))

    async def envelope(self, id: str) -> tuple[str, str, bytes] | None:
        """Return channel, reason and sealed envelope of something undecided in quarantine."""
        query = select(quarantine.c.channel, quarantine.c.reason, quarantine.c.envelope).where(
            quarantine.c.id == id, quarantine.c.state.in_(["open", "noted"])
        )
        async with self._store.database.read() as connection:
            row = (await connection.execute(query)).first()
        return (row.channel, row.reason, bytes(row.envelope)) if row else None

    async def decide(
        self, id: str, state: Literal["released", "dismissed"], *, by: str, note: str, at: datetime
    ) -> bool:
        """Note an operator's decision about something in quarantine; False if it came too late."""
        values: dict[str, Any] = {
            "state": state,
            "done_by": by,
            "done_note": note[:500],
            "done_at": at,
        }
        undecided = (quarantine.c.id == id) & quarantine.c.state.in_(["open", "noted"])
        async with self._store.database.write() as connection:
            change = update(quarantine).where(undecided).values(**values)
            return (await connection.execute(change)).rowcount == 1
