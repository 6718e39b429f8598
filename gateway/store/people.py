"""Operators and their sessions; the quarantine's decisions."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, update

from gateway.store.store import Store
from gateway.store.tables import operators, quarantine, sessions
from gateway.store.views import Operator, OperatorSession


class OperatorRepository:
    """Who may operate, and who is logged in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def password_of(self, name: str, *, active: bool = False) -> str | None:
        """Return an operator's password hash; with ``active`` none of one who is disabled."""
        query = select(operators.c.password).where(operators.c.name == name)
        if active:
            query = query.where(operators.c.disabled_at.is_(None))
        async with self._store.database.read() as connection:
            found: str | None = (await connection.execute(query)).scalar()
        return found

    async def set_password(self, name: str, password: str) -> None:
        """Create an operator or change the password, ending every session of theirs."""
        row = {"name": name, "password": password, "created_at": self._store.wall()}
        async with self._store.database.write() as connection:
            change = update(operators).where(operators.c.name == name).values(password=password)
            if not (await connection.execute(change)).rowcount:
                await connection.execute(insert(operators), [row])
            await connection.execute(delete(sessions).where(sessions.c.operator == name))

    async def any(self) -> bool:
        """Tell whether there is an operator at all."""
        async with self._store.database.read() as connection:
            return (await connection.execute(select(operators.c.name).limit(1))).first() is not None

    async def operators(self) -> list[Operator]:
        """List the operators by name, with how many sessions each has."""
        alive = (sessions.c.operator == operators.c.name) & (
            sessions.c.expires_at > self._store.wall()
        )
        count = select(func.count()).select_from(sessions).where(alive).scalar_subquery()
        query = select(
            operators.c.name, operators.c.created_at, operators.c.disabled_at, count
        ).order_by(operators.c.name)
        async with self._store.database.read() as connection:
            return [Operator(*row) for row in await connection.execute(query)]

    async def enable(self, name: str, *, may: bool) -> bool:
        """Let an operator in or keep one out, ending every session; False if there is none."""
        at = None if may else self._store.wall()
        async with self._store.database.write() as connection:
            change = update(operators).where(operators.c.name == name).values(disabled_at=at)
            found = (await connection.execute(change)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.operator == name))
        return found

    async def remove(self, name: str) -> bool:
        """Remove an operator and every session; False if there is none."""
        async with self._store.database.write() as connection:
            gone = delete(operators).where(operators.c.name == name)
            found = (await connection.execute(gone)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.operator == name))
        return found

    async def begin(self, token: str, session: OperatorSession, password: str) -> bool:
        """Begin a session, and forget those that have run out.

        False, and nothing begun, when ``password`` is no longer the hash of an active operator: it
        was changed, or they were, while it was being checked.
        """
        row = {
            "token": token,
            "operator": session.operator,
            "csrf": session.csrf,
            "expires_at": session.expires_at,
        }
        async with self._store.database.write() as connection:
            old = sessions.c.expires_at < self._store.wall()
            await connection.execute(delete(sessions).where(old))
            still = select(operators.c.name).where(
                operators.c.name == session.operator,
                operators.c.password == password,
                operators.c.disabled_at.is_(None),
            )
            # PostgreSQL holds the row, so that who disables waits and then finds the session.
            if (await connection.execute(still.with_for_update())).first() is None:
                return False
            await connection.execute(insert(sessions), [row])
        return True

    async def session(self, token: str) -> OperatorSession | None:
        """Return a session that has not run out, of an operator who may still work."""
        query = (
            select(sessions)
            .join(operators, operators.c.name == sessions.c.operator)
            .where(
                sessions.c.token == token,
                sessions.c.expires_at > self._store.wall(),
                operators.c.disabled_at.is_(None),
            )
        )
        async with self._store.database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return OperatorSession(row["operator"], row["csrf"], row["expires_at"]) if row else None

    async def end(self, token: str) -> None:
        """End a session."""
        async with self._store.database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.token == token))

    async def end_all(self, name: str) -> None:
        """End every session of an operator."""
        async with self._store.database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.operator == name))

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
