"""The access log: who logged in, did or looked at what. It is only ever added to."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, insert, not_, or_, select, true

from gateway.store.queries import Queries
from gateway.store.scope import AccessScope, visible
from gateway.store.tables import access_log, grants, reports
from gateway.store.views import AccessEntry

PROMPT = 2.0
"""Seconds that writing a line may take: a page waits for it."""


EVERYWHERE = AccessScope(everywhere=True)


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which lines are looked for; what is empty is not asked."""

    account: str = ""
    act: str = ""
    tracking: str = ""
    since: datetime | None = None
    until: datetime | None = None
    scope: AccessScope = EVERYWHERE
    """Of the reports that the lines are about; where it is not the whole country, lines about none
    are those of people whose every role is within its regions."""


class AccessLogRepository(Queries):
    """The lines; each call is a transaction of its own. Raises ``Unavailable``."""

    async def add(self, entry: AccessEntry) -> None:
        """Write one line."""
        row = asdict(entry)
        del row["tracking"]
        async with self._database.write(within=PROMPT) as connection:
            await connection.execute(insert(access_log), [row])

    async def page(self, wanted: AccessFilter, *, after: int, most: int) -> list[AccessEntry]:
        """Return the lines of a filter, the newest first, without the first ``after``."""
        table = access_log.c
        joined = access_log.outerjoin(reports, reports.c.id == table.report_id)
        query = (
            select(access_log, reports.c.tracking)
            .select_from(joined)
            .where(_wanted(wanted))
            .order_by(table.at.desc(), table.id.desc())
            .offset(after)
            .limit(most)
        )
        names = AccessEntry.__dataclass_fields__.keys()
        return [
            AccessEntry(**{name: row[name] for name in names}) for row in await self._rows(query)
        ]

    async def count(self, wanted: AccessFilter) -> int:
        """Count the lines of a filter."""
        return int(await self._one(select(func.count(access_log.c.id)).where(_wanted(wanted))))


def _wanted(wanted: AccessFilter) -> ColumnElement[bool]:
    table = access_log.c
    asked = [_within(wanted)]
    if wanted.account:
        asked.append(table.account == wanted.account)
    if wanted.act:
        asked.append(table.act == wanted.act)
    if wanted.since:
        asked.append(table.at >= wanted.since)
    if wanted.until:
        asked.append(table.at < wanted.until)
    if wanted.tracking:
        about = select(reports.c.id).where(reports.c.tracking == wanted.tracking)
        asked.append(table.report_id.in_(about))
    return and_(*asked)


def _within(wanted: AccessFilter) -> ColumnElement[bool]:
    if wanted.scope.everywhere:
        return true()
    table = access_log.c
    inside = select(reports.c.id).where(visible(wanted.scope))
    own = or_(false(), *(_within_region(code) for code in sorted(wanted.scope.regions)))
    people = table.account.in_(select(grants.c.account).where(own))
    others = table.account.in_(select(grants.c.account).where(not_(own)))
    seen = table.report_id.in_(inside)
    return or_(seen, table.report_id.is_(None) & people & not_(others))


def _within_region(code: str) -> ColumnElement[bool]:
    """Return the condition that a grant is for a region, one within it, or an agency there."""
    starts = (code, code.replace(".", ""))
    return or_(*(grants.c.scope.startswith(each, autoescape=True) for each in starts))
