"""The menu: one table of what there is to go to, and the right each needs."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.roles import Actor, Grant, Right
from gateway.casework.operators import OperatorService
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import PageRoute, PortalSection, Visitor
from gateway.portals.console.sessions import Clock
from gateway.store.views import Overview

GLANCE = timedelta(seconds=0.9)
OWN = "/me"
"""The page that everybody has who is logged in."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """Somewhere to go. ``name`` is what its page is called in code."""

    name: str
    path: str
    right: Right
    word: str
    hint: str
    count: Callable[[Overview], int] | None = None
    """What waits there."""
    is_alarm: bool = False


MENU = (
    MenuItem("overview", "/", Right.OPERATE, "menu.overview", "menu.overview_hint"),
    MenuItem("inbox", "/inbox", Right.ANSWER, "menu.inbox", "menu.inbox_hint"),
    MenuItem(
        "government", "/government", Right.COORDINATE, "menu.government", "menu.government_hint"
    ),
    MenuItem(
        "triage", "/triage", Right.DECIDE, "menu.triage", "menu.triage_hint", lambda o: o.triage
    ),
    MenuItem("reports", "/reports", Right.READ, "menu.reports", "menu.reports_hint"),
    MenuItem(
        "failed",
        "/failed",
        Right.OPERATE,
        "menu.failed",
        "menu.failed_hint",
        lambda o: o.dead + o.quarantined,
        is_alarm=True,
    ),
    MenuItem("ended", "/ended", Right.DECIDE, "menu.ended", "menu.ended_hint"),
    MenuItem("public", "/public", Right.DECIDE, "menu.public", "menu.public_hint"),
    MenuItem("accounts", "/accounts", Right.INVITE, "menu.accounts", "menu.accounts_hint"),
    MenuItem("log", "/log", Right.ACCESS_LOG, "menu.log", "menu.log_hint"),
    MenuItem("figures", "/figures", Right.FIGURES, "menu.figures", "menu.figures_hint"),
)
"""In the order in which it is shown. After a log-in the first that somebody may see is opened."""


class Menu:
    """Draws the menu of a visitor."""

    def __init__(self, pages: ConsolePages, operators: OperatorService, clock: Clock) -> None:
        self._pages = pages
        self._operators = operators
        self._clock = clock
        self._items: list[MenuItem] = []
        self._looked: dict[tuple[Grant, ...], tuple[datetime, Overview]] = {}

    def show(self, paths: Collection[str]) -> None:
        """Show the items whose pages there are."""
        self._items = [item for item in MENU if item.path in paths]

    def section(self) -> PortalSection:
        """Return the menu as a part that keeps itself fresh."""
        return PortalSection((PageRoute("/parts/menu", "menu_part", None, self.part),))

    def home(self, actor: Actor) -> str:
        """Return the address of the first page that somebody may see."""
        first = next((item.path for item in self._items if actor.may(item.right)), OWN)
        return f"{BASE}{first}"

    async def draw(self, visitor: Visitor, current: str, counts: Overview | None = None) -> Markup:
        """Draw the menu on the page of a name; ``counts`` are those that were just looked up."""
        if counts is None and _counts(visitor.actor):
            counts = await self._operators.overview(actor=visitor.actor)
        values = self._values(visitor, current, counts)
        return self._pages.piece("parts/menu.html", **values)

    async def part(self, request: Request, visitor: Visitor) -> Response:
        """The menu with its counts, asked for every three seconds."""
        counts = await self.glance(visitor) if _counts(visitor.actor) else None
        current = request.query_params.get("page", "")
        values = self._values(visitor, current, counts)
        return self._pages.part(request, "parts/menu.html", **values)

    async def glance(self, visitor: Visitor) -> Overview:
        """Look for a poll; all open pages of one set of grants share one look per second."""
        now, grants = self._clock(), visitor.actor.grants
        looked = self._looked.get(grants)
        if looked is None or not _is_fresh(looked[0], now):
            recent = {each: at for each, at in self._looked.items() if _is_fresh(at[0], now)}
            looked = now, await self._operators.overview(actor=visitor.actor)
            self._looked = recent | {grants: looked}
        return looked[1]

    def _values(self, visitor: Visitor, current: str, counts: Overview | None) -> dict[str, Any]:
        seen = [item for item in self._items if visitor.actor.may(item.right)]
        items = [(item, item.count(counts) if item.count and counts else 0) for item in seen]
        return {"items": items, "current": current}


def _counts(actor: Actor) -> bool:
    """Tell whether there is something to count for somebody."""
    return any(item.count and actor.may(item.right) for item in MENU)


def _is_fresh(at: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - at < GLANCE
