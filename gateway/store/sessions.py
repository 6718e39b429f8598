"""Sessions: who is logged in at the console."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, insert, select

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import operators, sessions
from gateway.store.views import OperatorSession


class SessionRepository(Queries):
    """The sessions; each call is a transaction of its own. Raises ``Unavailable``."""

    def __init__(self, database: Database, wall: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._wall = wall

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
        async with self._database.write() as connection:
            old = sessions.c.expires_at < self._wall()
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

    async def get(self, token: str) -> OperatorSession | None:
        """Return a session that has not run out, of an operator who may still work."""
        query = (
            select(sessions)
            .join(operators, operators.c.name == sessions.c.operator)
            .where(
                sessions.c.token == token,
                sessions.c.expires_at > self._wall(),
                operators.c.disabled_at.is_(None),
            )
        )
        rows = await self._rows(query)
        return (
            OperatorSession(rows[0]["operator"], rows[0]["csrf"], rows[0]["expires_at"])
            if rows
            else None
        )

    async def end(self, token: str) -> None:
        """End a session."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.token == token))

    async def end_all(self, name: str) -> None:
        """End every session of an operator."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.operator == name))
