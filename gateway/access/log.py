"""The log of people's acts and looks: what is written, and who reads which part of it."""

from dataclasses import dataclass, replace

from gateway.access.roles import Actor, Right
from gateway.store.access_log import AccessFilter
from gateway.store.store import Store
from gateway.store.views import AccessEntry

PAGE = 50
"""Lines on a page."""


@dataclass(frozen=True, slots=True)
class AccessPage:
    """A page of the log, and of how many lines it is part."""

    entries: list[AccessEntry]
    total: int
    number: int
    """From 1 on."""

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE))


class AccessLog:
    """Writes and reads the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self,
        account: str,
        act: str,
        status: int,
        *,
        caller: str = "",
        report_id: str | None = None,
        target: str = "",
        reason: str = "",
    ) -> None:
        """Write a line. Raises ``Unavailable``."""
        entry = AccessEntry(
            self._store.wall(),
            account[:64],
            act,
            status,
            caller[:64],
            report_id,
            target[:120],
            reason[:500],
        )
        await self._store.access_log.add(entry)

    async def page(self, actor: Actor, wanted: AccessFilter, number: int) -> AccessPage:
        """Return a page of what somebody may see of the log.

        An auditor of a region sees lines about its reports, and lines about none of those people
        whose every role is within it.
        """
        asked = replace(wanted, scope=actor.scope(Right.ACCESS_LOG))
        total = await self._store.access_log.count(asked)
        number = min(max(1, number), max(1, -(-total // PAGE)))
        entries = await self._store.access_log.page(asked, after=(number - 1) * PAGE, most=PAGE)
        return AccessPage(entries, total, number)
