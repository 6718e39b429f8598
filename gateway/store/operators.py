"""Operators: who may work in the console."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import operators, sessions
from gateway.store.views import Operator


class OperatorRepository(Queries):
    """The operators; each call is a transaction of its own. Raises ``Unavailable``."""

    def __init__(self, database: Database, wall: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._wall = wall

    async def any(self) -> bool:
        """Tell whether there is an operator at all."""
        return await self._one(select(operators.c.name).limit(1)) is not None

    async def all(self) -> list[Operator]:
        """List the operators by name, with how many sessions each has."""
        alive = (sessions.c.operator == operators.c.name) & (sessions.c.expires_at > self._wall())
        count = select(func.count()).select_from(sessions).where(alive).scalar_subquery()
        query = select(operators.c.name, operators.c.created_at, operators.c.disabled_at, count)
        return [Operator(*row) for row in await self._all(query.order_by(operators.c.name))]

    async def password_of(self, name: str, *, active: bool = False) -> str | None:
        """Return an operator's password hash; with ``active`` none of one who is disabled."""
        query = select(operators.c.password).where(operators.c.name == name)
        if active:
            query = query.where(operators.c.disabled_at.is_(None))
        password: str | None = await self._one(query)
        return password

    async def set_password(self, name: str, password: str) -> None:
        """Create an operator or change the password, ending every session of theirs."""
        row = {"name": name, "password": password, "created_at": self._wall()}
        async with self._database.write() as connection:
            change = update(operators).where(operators.c.name == name).values(password=password)
            if not (await connection.execute(change)).rowcount:
                await connection.execute(insert(operators), [row])
            await connection.execute(delete(sessions).where(sessions.c.operator == name))

    async def enable(self, name: str, *, may: bool) -> bool:
        """Let an operator in or keep one out, ending every session; False if there is none."""
        at = None if may else self._wall()
        async with self._database.write() as connection:
            change = update(operators).where(operators.c.name == name).values(disabled_at=at)
            found = (await connection.execute(change)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.operator == name))
        return found

    async def remove(self, name: str) -> bool:
        """Remove an operator and every session; False if there is none."""
        async with self._database.write() as connection:
            gone = delete(operators).where(operators.c.name == name)
            found = (await connection.execute(gone)).rowcount == 1
            await connection.execute(delete(sessions).where(sessions.c.operator == name))
        return found
