"""The list of all reports, and the search box: filters stand in the address, a page at a time.

Everything works without a script; what finds nothing says so on the page.
"""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.roles import Right
from gateway.casework.browsing import FIELDS, FLAGS, LONGEST, VIEWS, ReportBrowser, ReportListing
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import DrawMenu, PageRoute, PortalSection, Visitor
from gateway.store.listing import SORTS
from normalizer.report import Status

HOME = "/reports"
GROUPS = ("open", "at_agency", "done")
"""Of statuses, beside each alone."""


def section(browser: ReportBrowser, pages: ConsolePages, draw_menu: DrawMenu) -> PortalSection:
    """Return the list and the search."""
    screens = ListingScreens(browser, pages, draw_menu)
    return PortalSection(
        (
            PageRoute(HOME, "reports", Right.READ, screens.listing),
            PageRoute("/find", "find", Right.READ, screens.find),
        )
    )


class ListingScreens:
    """Draws what the browser of reports returns."""

    def __init__(self, browser: ReportBrowser, pages: ConsolePages, draw_menu: DrawMenu) -> None:
        self._browser = browser
        self._pages = pages
        self._menu = draw_menu

    async def find(self, request: Request, visitor: Visitor) -> Response:
        """Go to the report of a number, however it is written; else list what fits the words."""
        typed = request.query_params.get("q", "")[:LONGEST]
        if id := await self._browser.locate(visitor.actor, typed):
            return RedirectResponse(f"{BASE}{HOME}/{id}", 303)
        return RedirectResponse(f"{BASE}{HOME}?{urlencode({'q': typed.strip()})}", 303)

    async def listing(self, request: Request, visitor: Visitor) -> Response:
        """A page of the reports that fit; a number that is typed among the filters leads to it."""
        given = request.query_params
        typed = given.get("q", "")[:LONGEST]
        if typed and (id := await self._browser.locate(visitor.actor, typed)):
            return RedirectResponse(f"{BASE}{HOME}/{id}", 303)
        number = given.get("n", "")
        found = await self._browser.listing(
            visitor.actor,
            {name: given.get(name, "") for name in FIELDS},
            after=given.get("after", ""),
            before=given.get("before", ""),
            number=int(number) if number.isascii() and number.isdigit() and len(number) < 8 else 1,
        )
        return self._pages.page(
            "reports.html",
            visitor=visitor,
            menu=await self._menu(visitor, "reports"),
            found=found,
            asked={name: found.asked.get(name, "") for name in FIELDS},
            sought=found.asked.get("q", ""),
            views=[(name, urlencode(view), view == found.asked) for name, view in VIEWS.items()],
            flags=FLAGS,
            groups=GROUPS,
            statuses=tuple(Status),
            sorts=SORTS,
            topics=sorted(self._browser.topics.items(), key=lambda each: each[1]),
            channels=self._browser.channels,
            **_pager(found),
        )


def _pager(found: ReportListing) -> dict[str, Any]:
    """Return the addresses of the pages around a page, and its last row's number."""
    last, step = found.number + len(found.rows) - 1, len(found.rows)

    def query(**more: object) -> str:
        return urlencode({**found.asked, **more})

    return {
        "last": last,
        "first_page": query(),
        "page_before": query(before=found.before, n=max(1, found.number - step))
        if found.before
        else "",
        "page_after": query(after=found.after, n=last + 1) if found.after else "",
    }
