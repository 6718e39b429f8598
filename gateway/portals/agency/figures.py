"""A leader's page: figures only. It has no text and no number of a report, and links to none."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.roles import Right
from gateway.casework.figures import PERIODS, FigureService
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import DrawMenu, PageRoute, PortalSection, Visitor


def section(service: FigureService, pages: ConsolePages, draw_menu: DrawMenu) -> PortalSection:
    """Return the page of figures."""

    async def figures(request: Request, visitor: Visitor) -> Response:
        asked = request.query_params.get("days", "")
        days = next((each for each in PERIODS if str(each) == asked), PERIODS[0])
        found = await service.figures(visitor.actor.scope(Right.FIGURES), days)
        values = {"figures": found, "periods": PERIODS, "visitor": visitor}
        menu = await draw_menu(visitor, "figures")
        return pages.page("figures.html", menu=menu, **values)

    return PortalSection(pages=(PageRoute("/figures", "figures", Right.FIGURES, figures),))
