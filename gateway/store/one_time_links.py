"""One-time links: they let somebody make an account, or choose a password, once."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.tables import one_time_links
from gateway.store.views import GrantRow, OneTimeLink


class LinkOver(Exception):
    """The link was used, was withdrawn, or has run out."""


class OneTimeLinkRepository(Queries):
    """The links; each call is a transaction of its own. Raises ``Unavailable``."""

    def __init__(self, database: Database, wall: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._wall = wall

    async def make(self, link: OneTimeLink) -> None:
        """Keep a link; it ends the others of its purpose for its account, and if it is a first."""
        table = one_time_links.c
        same = (table.purpose == link.purpose) & (table.account == link.account)
        row = asdict(link) | {"grants": json.dumps([asdict(each) for each in link.grants])}
        async with self._database.write() as connection:
            ended = table.expires_at < self._wall()
            if link.account or not link.email:
                ended |= same
            await connection.execute(delete(one_time_links).where(ended))
            await connection.execute(insert(one_time_links), [row])

    async def get(self, token: str) -> OneTimeLink | None:
        """Return a link that may still be used."""
        rows = await self._rows(select(one_time_links).where(_is(token), self._open()))
        return _link(rows[0]) if rows else None

    async def open(self, purpose: str) -> list[OneTimeLink]:
        """List the links of a purpose that may still be used, the newest first."""
        query = select(one_time_links).where(one_time_links.c.purpose == purpose, self._open())
        return [_link(row) for row in await self._rows(query.order_by(_newest))]

    async def withdraw(self, token: str) -> bool:
        """End a link; False where it was over."""
        async with self._database.write() as connection:
            query = delete(one_time_links).where(_is(token), self._open())
            return (await connection.execute(query)).rowcount == 1

    def _open(self) -> ColumnElement[bool]:
        table = one_time_links.c
        return table.used_at.is_(None) & (table.expires_at > self._wall())


async def use_link(connection: AsyncConnection, token: str, now: datetime) -> None:
    """Use a link up in the transaction of what it allowed. Raises ``LinkOver``."""
    table = one_time_links.c
    still = (_is(token)) & table.used_at.is_(None) & (table.expires_at > now)
    change = update(one_time_links).where(still).values(used_at=now)
    if (await connection.execute(change)).rowcount != 1:
        raise LinkOver


def _is(token: str) -> ColumnElement[bool]:
    return one_time_links.c.token == token


def _link(row: RowMapping) -> OneTimeLink:
    given = tuple(GrantRow(**each) for each in json.loads(row["grants"]))
    names = OneTimeLink.__dataclass_fields__.keys() - {"grants"}
    return OneTimeLink(**{name: row[name] for name in names}, grants=given)


_newest = one_time_links.c.made_at.desc()
