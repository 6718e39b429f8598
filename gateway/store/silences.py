"""Citizens who cannot be written to now: since when and why.

Part of a unit of work; unlike the unit's other writes these go out at once.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import Silence, noted
from gateway.store.tables import silences

_BEGIN = text(
    "INSERT INTO silences (reader, channel, reason, until, at) "
    "VALUES (:reader, :channel, :reason, :until, :at) ON CONFLICT (reader) DO NOTHING"
).bindparams(bindparam("at", type_=silences.c.at.type))


class Silences:
    """The silences in one transaction; readers are pseudonyms."""

    def __init__(self, connection: AsyncConnection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    async def of(self, readers: Iterable[str]) -> dict[str, Silence]:
        """Find who of these cannot be written to."""
        wanted = set(readers) - {""}
        if not wanted:
            return {}
        query = select(silences).where(silences.c.reader.in_(wanted))
        rows = await self._connection.execute(query)
        return {row.reader: Silence(*row) for row in rows}

    async def begin(self, silence: Silence) -> None:
        """Note a silence; one that only START ends is not softened by another."""
        row = {name: getattr(silence, name) for name in ("reader", "channel", "until")}
        reason = noted(silence.reason, 1000)
        await self._connection.execute(_BEGIN, row | {"reason": reason, "at": self._now()})
        if silence.until == "starts":
            mine = update(silences).where(silences.c.reader == silence.reader)
            await self._connection.execute(mine.values(until="starts", reason=reason))

    async def end(self, reader: str) -> None:
        """End a silence."""
        await self._connection.execute(delete(silences).where(silences.c.reader == reader))
