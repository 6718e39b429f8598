"""The console's screens: what an operator reads, and the parts of it that keep themselves fresh."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.access.roles import Right
from gateway.casework.operators import OperatorService
from gateway.media.access import NoFile, NotYet
from gateway.portals.console import casefile
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.menu import Menu
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import Visitor
from gateway.portals.http import files
from gateway.store.views import Overview
from normalizer.report import Report

LATEST = 30
"""Reports on the first screen: redrawn twice a second for every reader."""
PAGE = 50
"""Dead letters, or quarantined messages, of one page."""
OFFERED = 12
"""Agencies that a search offers."""
_REGION = re.compile(r"\d\d(\.\d\d)?")


class Screens:
    """Draws what the operators' service returns."""

    def __init__(self, operators: OperatorService, pages: ConsolePages, menu: Menu) -> None:
        self._operators = operators
        self._pages = pages
        self._menu = menu

    async def overview(self, _: Request, visitor: Visitor) -> Response:
        """The first screen: queues, channels and the latest reports, moving live."""
        overview = await self._operators.overview(actor=visitor.actor)
        reports = await self._operators.latest(LATEST, actor=visitor.actor)
        live = self._pages.piece("parts/overview.html", overview=overview, visitor=visitor)
        latest = self._pages.piece("parts/latest.html", reports=reports, after=None)
        return await self._page("overview.html", visitor, overview, live=live, latest=latest)

    async def overview_part(self, request: Request, visitor: Visitor) -> Response:
        """Open alerts and the cards of queues and channels, asked for every second."""
        values = {"overview": await self._menu.glance(visitor), "visitor": visitor}
        return self._pages.part(request, "parts/overview.html", **values)

    async def latest_part(self, request: Request, visitor: Visitor) -> Response:
        """The latest reports, asked for twice a second; what came since ``?after=`` is marked."""
        reports = await self._operators.latest(LATEST, actor=visitor.actor)
        after = _moment(request.query_params.get("after", ""))
        return self._pages.part(request, "parts/latest.html", reports=reports, after=after)

    async def report(self, request: Request, visitor: Visitor) -> Response:
        """One report whole: text with evidence, places, decision, log and correspondence."""
        file = await self._operators.report(request.path_params["report_id"], actor=visitor.actor)
        if file is None:
            raise ConsoleError(404, ConsoleErrorCode.NO_REPORT)
        evidence = [w for r in _reasons(file.report) for w in r.words]
        evidence += [p.words for p in file.report.places if p.words]
        labels, names = self._pages.labels, self._operators.agency_name
        actor = visitor.actor
        values: dict[str, Any] = {
            "file": file,
            "evidence": evidence,
            "thread": casefile.thread(file, labels, names),
            "history": casefile.history(file, labels, names),
            "faults": await self._operators.chain_faults(file.report.id),
            "agency_name": names,
            "topics": self._operators.topics(),
            "decides": actor.scope(Right.DECIDE).covers(file.report),
            "opens_identity": actor.scope(Right.IDENTITY).covers(file.report),
        }
        return await self._page("report.html", visitor, **values)

    async def history(self, request: Request, visitor: Visitor) -> Response:
        """The log of a report without a word of its texts, as auditors read it."""
        actor = visitor.actor
        file = await self._operators.history(request.path_params["report_id"], actor=actor)
        if file is None:
            raise ConsoleError(404, ConsoleErrorCode.NO_REPORT)
        labels, names = self._pages.labels, self._operators.agency_name
        values: dict[str, Any] = {
            "report": file.report,
            "history": casefile.history(file, labels, names, words=False),
            "faults": await self._operators.chain_faults(file.report.id),
            "reads": actor.scope(Right.READ).covers(file.report),
        }
        return await self._page("history.html", visitor, **values)

    async def file(self, request: Request, visitor: Visitor) -> Response:
        """A file of a report, so that it can do nothing in the reader's browser."""
        report_id, sha256 = request.path_params["report_id"], request.path_params["sha256"]
        try:
            shown = await self._operators.show_file(report_id, sha256, actor=visitor.actor)
        except NoFile:
            raise ConsoleError(404, ConsoleErrorCode.NO_FILE) from None
        except NotYet:
            raise ConsoleError(503, ConsoleErrorCode.FILES_AWAY) from None
        return files.serve(request, shown)

    async def public(self, _: Request, visitor: Visitor) -> Response:
        """Words that their reporters agreed to have read, as the public would read them."""
        proposals = await self._operators.proposals(actor=visitor.actor)
        closed = self._pages.labels.closed()
        return await self._page("public.html", visitor, proposals=proposals, closed=closed)

    async def ended(self, request: Request, visitor: Visitor) -> Response:
        """What the machine set aside by itself, day by day."""
        listed = await self._operators.ended(
            _day(request.query_params.get("day", "")), actor=visitor.actor
        )
        return await self._page("ended.html", visitor, listed=listed)

    async def exchanges(self, request: Request, visitor: Visitor) -> Response:
        """The latest calls between us and the provider of one channel."""
        channel = request.path_params["channel"]
        channels = sorted({*await self._operators.exchange_channels(actor=visitor.actor)})
        if channel not in channels:
            raise ConsoleError(404, ConsoleErrorCode.NO_CHANNEL)
        found = await self._operators.exchanges(channel, actor=visitor.actor)
        values = {"channel": channel, "channels": channels, "exchanges": found}
        return await self._page("exchanges.html", visitor, **values)

    async def failed(self, request: Request, visitor: Visitor) -> Response:
        """Dead letters and quarantine, each a page at a time."""
        overview = await self._operators.overview(actor=visitor.actor)
        after = {name: request.query_params.get(name, "")[:100] for name in ("dead", "held")}
        held = await self._operators.quarantine(PAGE + 1, after["held"], actor=visitor.actor)
        values = {
            "dead": self._pages.piece(
                "parts/dead.html", **await self._dead(visitor, after["dead"])
            ),
            "held": held[:PAGE],
            "held_more": held[PAGE - 1].place if len(held) > PAGE else "",
            "held_total": await self._operators.count_quarantined(actor=visitor.actor),
            "after": after,
            "not_kept": overview.not_kept,
        }
        return await self._page("failed.html", visitor, overview, **values)

    async def dead(self, visitor: Visitor) -> Any:
        """Draw the list of dead letters."""
        return self._pages.piece("parts/dead.html", **await self._dead(visitor, ""))

    async def dead_part(self, request: Request, visitor: Visitor) -> Response:
        """The list of dead letters, asked for every two seconds."""
        after = request.query_params.get("dead", "")[:100]
        return self._pages.part(request, "parts/dead.html", **await self._dead(visitor, after))

    async def _dead(self, visitor: Visitor, after: str) -> dict[str, Any]:
        """Return what the list of dead letters shows of one page."""
        letters = await self._operators.dead_letters(PAGE + 1, after, actor=visitor.actor)
        return {
            "letters": letters[:PAGE],
            "dead_more": letters[PAGE - 1].place if len(letters) > PAGE else "",
            "dead_total": await self._operators.count_dead(actor=visitor.actor),
            "dead_after": after,
            "visitor": visitor,
        }

    async def agencies(self, request: Request, visitor: Visitor) -> Response:
        """Agencies whose names fit what is being typed, as buttons; none that is accused."""
        query = request.query_params.get("q", "").strip()[:100]
        region = request.query_params.get("region", "")
        near = region if _REGION.fullmatch(region) else None
        search = partial(self._operators.agencies, query, near, OFFERED + 1)
        found = await asyncio.to_thread(search) if query else []
        is_cut, found = len(found) > OFFERED, found[:OFFERED]
        file = (
            await self._operators.report(
                request.query_params.get("report", ""), actor=visitor.actor
            )
            if found
            else None
        )
        offered = [each for each in found if not (file and file.report.recuses(each.id))]
        accused = len(found) > len(offered)
        values = {"found": offered, "accused": accused, "is_cut": is_cut}
        return self._pages.page("parts/agencies.html", query=query, **values)

    async def _page(
        self, name: str, visitor: Visitor, overview: Overview | None = None, **values: Any
    ) -> HTMLResponse:
        menu = await self._menu.draw(visitor, name.partition(".")[0], overview)
        return self._pages.page(name, visitor=visitor, menu=menu, **values)


def _reasons(report: Report) -> Sequence[Any]:
    return report.assignment.reasons if report.assignment else ()


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
    "/failed": (Screens.failed, Right.OPERATE),
    "/ended": (Screens.ended, Right.DECIDE),
    "/public": (Screens.public, Right.DECIDE),
    "/agencies": (Screens.agencies, Right.READ),
    "/reports/{report_id}": (Screens.report, Right.READ),
    "/reports/{report_id}/history": (Screens.history, Right.HISTORY),
    "/files/{report_id}/{sha256}": (Screens.file, Right.READ),
    "/exchanges/{channel}": (Screens.exchanges, Right.OPERATE),
    "/parts/overview": (Screens.overview_part, Right.OPERATE),
    "/parts/latest": (Screens.latest_part, Right.OPERATE),
    "/parts/dead": (Screens.dead_part, Right.OPERATE),
}
"""By path: what draws it, and the right it needs. A new screen is a row, a method of ``Screens``, a
template and its words."""
