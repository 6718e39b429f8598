"""Citizens who cannot be written to now: since when, why, and the answers held for them.

Part of a unit of work; unlike the unit's other writes these go out at once.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import Silence, noted
from gateway.store.tables import outgoing, silences

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

    async def end(self, reader: str) -> list[str]:
        """End a silence; return the letters that were held and wait to be sent again."""
        await self._connection.execute(delete(silences).where(silences.c.reader == reader))
        return await self._release((outgoing.c.reader == reader) & (outgoing.c.state == "held"))

    async def hold(
        self, channel: str, provider_id: str, detail: str, *, again: bool
    ) -> tuple[str, str, list[str]] | None:
        """Hold a letter that was sent in vain; return its reader, report, and itself if ``again``.

        ``again`` when it can be sent at once in another way. None if it is not ours.
        """
        ours = (outgoing.c.channel == channel) & (outgoing.c.provider_id == provider_id)
        change = update(outgoing).where(ours, outgoing.c.state.in_(["waiting", "sent"]))
        change = change.values(state="held", detail=noted(detail, 1000))
        returned = change.returning(outgoing.c.id, outgoing.c.reader, outgoing.c.report_id)
        row = (await self._connection.execute(returned)).first()
        if row is None:
            return None
        released = await self._release(outgoing.c.id == row.id) if again else []
        return row.reader, row.report_id, released

    async def _release(self, which: object) -> list[str]:
        change = update(outgoing).where(which).values(state="waiting", detail="", done_at=None)  # type: ignore[arg-type]
        found = await self._connection.execute(change.returning(outgoing.c.id))
        return [str(id) for id in found.scalars()]
