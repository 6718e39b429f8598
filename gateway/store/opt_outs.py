"""Opt-outs: citizens who are not to be written to now, since when and why."""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import OptOut, redact
from gateway.store.tables import opt_outs

_BEGIN = text(
    "INSERT INTO silences (reader, channel, reason, until, at) "
    "VALUES (:reader, :channel, :reason, :until, :at) ON CONFLICT (reader) DO NOTHING"
).bindparams(bindparam("at", type_=opt_outs.c.at.type))


class OptOutRepository:
    """The opt-outs in one transaction; readers are pseudonyms. Writes go out at once."""

    def __init__(self, connection: AsyncConnection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    async def of(self, readers: Iterable[str]) -> dict[str, OptOut]:
        """Find who of these cannot be written to."""
        wanted = set(readers) - {""}
        if not wanted:
            return {}
        query = select(opt_outs).where(opt_outs.c.reader.in_(wanted))
        rows = await self._connection.execute(query)
        return {row.reader: OptOut(*row) for row in rows}

    async def begin(self, opt_out: OptOut) -> None:
        """Note an opt-out; one that only START ends is not softened by another."""
        row = {name: getattr(opt_out, name) for name in ("reader", "channel", "until")}
        reason = redact(opt_out.reason, 1000)
        await self._connection.execute(_BEGIN, row | {"reason": reason, "at": self._now()})
        if opt_out.until == "starts":
            mine = update(opt_outs).where(opt_outs.c.reader == opt_out.reader)
            await self._connection.execute(mine.values(until="starts", reason=reason))

    async def end(self, reader: str) -> None:
        """End a opt_out."""
        await self._connection.execute(delete(opt_outs).where(opt_outs.c.reader == reader))
