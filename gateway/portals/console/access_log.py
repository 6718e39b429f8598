"""The access log, as administrators and auditors read it."""

from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import AccessLog
from gateway.access.roles import Right
from gateway.portals.console.menu import Menu
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import PageRoute, PortalSection, Visitor
from gateway.portals.http.dates import WIB
from gateway.store.access_log import AccessFilter
from normalizer import tracking

_YEARS = range(1970, 9999)
FIELDS = ("account", "act", "number", "since", "until")


class AccessLogScreens:
    """Draws the log."""

    def __init__(self, log: AccessLog, pages: ConsolePages, menu: Menu) -> None:
        self._log = log
        self._pages = pages
        self._menu = menu

    def section(self) -> PortalSection:
        """Return its page."""
        return PortalSection((PageRoute("/log", "access_log", Right.ACCESS_LOG, self.page),))

    async def page(self, request: Request, visitor: Visitor) -> Response:
        """Who logged in, did or looked at what; the newest first."""
        asked = {name: request.query_params.get(name, "").strip()[:80] for name in FIELDS}
        said = request.query_params.get("page", "")
        number = int(said) if said.isdecimal() and len(said) < 7 else 1
        until = _day(asked["until"])
        wanted = AccessFilter(
            account=asked["account"],
            act=asked["act"],
            tracking=tracking.bare(asked["number"])[:20] if asked["number"] else "",
            since=_day(asked["since"]),
            until=until + timedelta(days=1) if until else None,
        )
        found = await self._log.page(visitor.actor, wanted, number)
        return self._pages.page(
            "log.html",
            visitor=visitor,
            menu=await self._menu.draw(visitor, "log"),
            found=found,
            acts=sorted(self._pages.labels.tree["act"].items(), key=lambda item: item[1]),
            asked=asked,
            query=urlencode({name: value for name, value in asked.items() if value}),
        )


def _day(said: str) -> datetime | None:
    """Read the beginning of a day in WIB; None for one that no log can have a line of."""
    try:
        day = date.fromisoformat(said)
    except ValueError:
        return None
    return datetime.combine(day, time(), WIB) if day.year in _YEARS else None
