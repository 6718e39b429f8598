"""The console's screens: what an operator reads, and the parts of it that keep themselves fresh."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.access.roles import Right
from gateway.casework.operators import OperatorService
from gateway.media.access import NoFile, NotYet
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.menu import Menu
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import Visitor
from gateway.portals.http import files
from gateway.store.views import (
    DeadView,
    Overview,
    QuarantineView,
)
from normalizer.report import Report

LATEST = 30
"""Reports on the first screen: redrawn twice a second for every reader."""
OFFERED = 12
"""Agencies that a search offers."""
LISTED = 100
"""Dead letters, and quarantined messages, on a page."""
_REGION = re.compile(r"\d\d(\.\d\d)?")


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Which page of a list is shown, of how many rows in all."""

    number: int
    total: int

    @classmethod
    def of(cls, number: int, total: int) -> "ListedPage":
        """Return the page of a number, the last one where there are fewer."""
        return cls(min(number, max(1, -(-total // LISTED))), total)

    @property
    def first(self) -> int:
        """The first row, counted from 1."""
        return (self.number - 1) * LISTED + 1

    @property
    def last(self) -> int:
        """The last row."""
        return min(self.number * LISTED, self.total)


class Screens:
    """Draws what the operators' service returns."""

    def __init__(self, operators: OperatorService, pages: ConsolePages, menu: Menu) -> None:
        self._operators = operators
        self._pages = pages
        self._menu = menu

    async def overview(self, _: Request, visitor: Visitor) -> Response:
        """The first screen: queues, channels and the latest reports, moving live."""
        overview = await self._operators.overview()
        reports = await self._operators.latest(LATEST)
        live = self._pages.piece("parts/overview.html", overview=overview, visitor=visitor)
        latest = self._pages.piece("parts/latest.html", reports=reports, after=None)
        return await self._page("overview.html", visitor, overview, live=live, latest=latest)

    async def overview_part(self, request: Request, visitor: Visitor) -> Response:
        """Open alerts and the cards of queues and channels, asked for every second."""
        values = {"overview": await self._menu.glance(), "visitor": visitor}
        return self._pages.part(request, "parts/overview.html", **values)

    async def latest_part(self, request: Request, _: Visitor) -> Response:
        """The latest reports, asked for twice a second; what came since ``?after=`` is marked."""
        reports = await self._operators.latest(LATEST)
        after = _moment(request.query_params.get("after", ""))
        return self._pages.part(request, "parts/latest.html", reports=reports, after=after)

    async def report(self, request: Request, visitor: Visitor) -> Response:
        """One report whole: text with evidence, places, decision, log and correspondence."""
        file = await self._operators.report(request.path_params["report_id"])
        if file is None:
            raise ConsoleError(404, ConsoleErrorCode.NO_REPORT)
        evidence = [w for r in _reasons(file.report) for w in r.words]
        evidence += [p.words for p in file.report.places if p.words]
        return await self._page("report.html", visitor, file=file, evidence=evidence)

    async def file(self, request: Request, visitor: Visitor) -> Response:
        """A file of a report, so that it can do nothing in the reader's browser."""
        report_id, sha256 = request.path_params["report_id"], request.path_params["sha256"]
        try:
            shown = await self._operators.show_file(report_id, sha256, by=visitor.name)
        except NoFile:
            raise ConsoleError(404, ConsoleErrorCode.NO_FILE) from None
        except NotYet:
            raise ConsoleError(503, ConsoleErrorCode.FILES_AWAY) from None
        return files.serve(request, shown)

    async def triage(self, _: Request, visitor: Visitor) -> Response:
        """Reports that the machine was unsure of."""
        reports = await self._operators.triage()
        return await self._page("triage.html", visitor, reports=reports)

    async def triage_part(self, request: Request, visitor: Visitor) -> Response:
        """The cards that this reader does not yet have, or 204."""
        shown = set(request.query_params.getlist("shown"))
        fresh = [r for r in await self._operators.triage() if r.id not in shown]
        return self._more("parts/triage_cards.html", fresh, reports=fresh, visitor=visitor)

    async def public(self, _: Request, visitor: Visitor) -> Response:
        """Words that their reporters agreed to have read, as the public would read them."""
        proposals = await self._operators.proposals()
        closed = self._pages.labels.closed()
        return await self._page("public.html", visitor, proposals=proposals, closed=closed)

    async def ended(self, request: Request, visitor: Visitor) -> Response:
        """What the machine set aside by itself, day by day."""
        listed = await self._operators.ended(_day(request.query_params.get("day", "")))
        return await self._page("ended.html", visitor, listed=listed)

    async def exchanges(self, request: Request, visitor: Visitor) -> Response:
        """The latest calls between us and the provider of one channel."""
        channel = request.path_params["channel"]
        channels = sorted({*await self._operators.exchange_channels()})
        if channel not in channels:
            raise ConsoleError(404, ConsoleErrorCode.NO_CHANNEL)
        found = await self._operators.exchanges(channel)
        values = {"channel": channel, "channels": channels, "exchanges": found}
        return await self._page("exchanges.html", visitor, **values)

    async def failed(self, request: Request, visitor: Visitor) -> Response:
        """Dead letters and quarantine, each a page at a time."""
        overview = await self._operators.overview()
        pages = await self._failed_page(request)
        held = await self._held(pages["held_page"].number)
        letters = await self._letters(pages["dead_page"].number)
        dead = self._pages.piece("parts/dead.html", letters=letters, visitor=visitor, **pages)
        values = {"dead": dead, "held": held, "not_kept": overview.not_kept}
        return await self._page("failed.html", visitor, overview, **values, **pages)

    async def dead(self, visitor: Visitor) -> Any:
        """Draw the first page of dead letters."""
        letters = await self._letters()
        pages = {"dead_page": await self._dead_page(1), "held_page": ListedPage(1, 0)}
        return self._pages.piece("parts/dead.html", letters=letters, visitor=visitor, **pages)

    async def dead_part(self, request: Request, visitor: Visitor) -> Response:
        """The list of dead letters, asked for every two seconds."""
        pages = await self._failed_page(request)
        letters = await self._letters(pages["dead_page"].number)
        values = {"letters": letters, "visitor": visitor, **pages}
        return self._pages.part(request, "parts/dead.html", **values)

    async def quarantine_part(self, request: Request, visitor: Visitor) -> Response:
        """The quarantined messages that this reader does not yet have, or 204."""
        shown = set(request.query_params.getlist("shown"))
        fresh = [q for q in await self._held() if q.id not in shown]
        return self._more("parts/quarantine_cards.html", fresh, held=fresh, visitor=visitor)

    async def agencies(self, request: Request, _: Visitor) -> Response:
        """Agencies whose names fit what is being typed, as buttons; none that is accused."""
        query = request.query_params.get("q", "").strip()[:100]
        region = request.query_params.get("region", "")
        near = region if _REGION.fullmatch(region) else None
        found = (
            await asyncio.to_thread(self._operators.agencies, query, near, OFFERED + 1)
            if query
            else []
        )
        is_cut, found = len(found) > OFFERED, found[:OFFERED]
        file = (
            await self._operators.report(request.query_params.get("report", "")) if found else None
        )
        offered = [each for each in found if not (file and file.report.recuses(each.id))]
        accused = len(found) > len(offered)
        values = {"found": offered, "accused": accused, "is_cut": is_cut}
        return self._pages.page("parts/agencies.html", query=query, **values)

    async def _held(self, number: int = 1) -> list[QuarantineView]:
        return await self._operators.quarantine(LISTED, (number - 1) * LISTED)

    async def _letters(self, number: int = 1) -> list[DeadView]:
        return await self._operators.dead_letters(LISTED, (number - 1) * LISTED)

    async def _dead_page(self, number: int) -> "ListedPage":
        return ListedPage.of(number, await self._operators.count_dead())

    async def _failed_page(self, request: Request) -> dict[str, "ListedPage"]:
        dead, held = (_number(request.query_params.get(name, "")) for name in ("dead", "held"))
        return {
            "dead_page": await self._dead_page(dead),
            "held_page": ListedPage.of(held, await self._operators.count_quarantined()),
        }

    async def _page(
        self, name: str, visitor: Visitor, overview: Overview | None = None, **values: Any
    ) -> HTMLResponse:
        menu = await self._menu.draw(visitor, name.partition(".")[0], overview)
        return self._pages.page(name, visitor=visitor, menu=menu, **values)

    def _more(self, name: str, fresh: Sequence[object], **values: Any) -> Response:
        if not fresh:
            return Response(status_code=204)
        return self._pages.page(name, **values)


def _reasons(report: Report) -> Sequence[Any]:
    return report.assignment.reasons if report.assignment else ()


def _number(said: str) -> int:
    return max(1, int(said)) if said.isascii() and said.isdigit() and len(said) < 7 else 1


def _moment(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


Screen = Callable[[Screens, Request, Visitor], Awaitable[Response]]
SCREENS: Mapping[str, tuple[Screen, Right]] = {
    "/": (Screens.overview, Right.OPERATE),
    "/triage": (Screens.triage, Right.DECIDE),
    "/failed": (Screens.failed, Right.OPERATE),
    "/ended": (Screens.ended, Right.DECIDE),
    "/public": (Screens.public, Right.DECIDE),
    "/agencies": (Screens.agencies, Right.READ),
    "/reports/{report_id}": (Screens.report, Right.READ),
    "/files/{report_id}/{sha256}": (Screens.file, Right.READ),
    "/exchanges/{channel}": (Screens.exchanges, Right.OPERATE),
    "/parts/overview": (Screens.overview_part, Right.OPERATE),
    "/parts/latest": (Screens.latest_part, Right.OPERATE),
    "/parts/triage": (Screens.triage_part, Right.DECIDE),
    "/parts/dead": (Screens.dead_part, Right.OPERATE),
    "/parts/quarantine": (Screens.quarantine_part, Right.OPERATE),
}
"""By path: what draws it, and the right it needs. A new screen is a row, a method of ``Screens``, a
template and its words."""
