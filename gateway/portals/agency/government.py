"""The pages of a government's coordinator: all its reports, its agencies, and who reads for them.

Everything works without a script. What lies outside the government is not there: 404.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.roles import Right
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.coordinators import LONGEST_UNIT, CoordinatorService
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.pages import BASE, ConsolePages, state
from gateway.portals.console.sections import DrawMenu, PageRoute, PortalSection, PostRoute, Visitor
from gateway.portals.console.sessions import Form, first
from gateway.store.coordination import GovernmentFilter
from normalizer.report import FINAL, Outcome, Report, Status

HOME = "/government"
FLAGS = ("overdue", "unread", "escalated", "refused")
STATUSES = (
    Status.TRIAGE,
    Status.FORWARDED,
    Status.IN_PROGRESS,
    Status.WAITING_FOR_REPORTER,
    Status.ANSWERED,
)
"""Those to choose from, beside all that are open and all that have ended."""
ENDED = "ended"
REASON = 300


def section(service: CoordinatorService, pages: ConsolePages, draw_menu: DrawMenu) -> PortalSection:
    """Return the pages and the acts of coordinators."""
    screens = GovernmentScreens(service, pages, draw_menu)
    acts = GovernmentActions(service, pages)
    report, right = f"{HOME}/reports/{{report_id}}", Right.COORDINATE
    return PortalSection(
        pages=(
            PageRoute(HOME, "government", right, screens.government),
            PageRoute(report, "government_report", right, screens.report),
        ),
        posts=(
            PostRoute(f"{report}/hand-over", "hand_over", right, acts.hand_over),
            PostRoute(f"{report}/delegate", "delegate", right, acts.delegate),
            PostRoute(f"{report}/return", "send_back", right, acts.send_back),
            PostRoute(f"{report}/recall", "recall", right, acts.recall),
        ),
    )


class GovernmentScreens:
    """Draws what the coordinators' service returns."""

    def __init__(
        self, service: CoordinatorService, pages: ConsolePages, draw_menu: DrawMenu
    ) -> None:
        self._service = service
        self._pages = pages
        self._menu = draw_menu

    async def government(self, request: Request, visitor: Visitor) -> Response:
        """The government at a glance, and a page of its reports."""
        asked = request.query_params
        status = asked.get("status", "")
        wanted = GovernmentFilter(
            status=status if status in (*STATUSES, ENDED) else "",
            agency=asked.get("agency", "")[:80],
            **{flag: bool(asked.get(flag)) for flag in FLAGS},
        )
        number = asked.get("page", "")
        view = await self._service.overview(visitor.actor)
        page = await self._service.page(
            visitor.actor, wanted, int(number) if number.isdecimal() and len(number) < 7 else 1
        )
        values = {"view": view, "page": page, "wanted": wanted, "statuses": (*STATUSES, ENDED)}
        return await self._page(
            "government.html",
            visitor,
            **values,
            flags=FLAGS,
            query=lambda **changes: _query(wanted, **changes),
            notice=self._notice(request),
        )

    async def report(self, request: Request, visitor: Visitor) -> Response:
        """What a coordinator can do with one report."""
        try:
            file = await self._service.report(request.path_params["report_id"], actor=visitor.actor)
        except Conflict:
            raise ConsoleError(404, ConsoleErrorCode.NO_REPORT) from None
        query = request.query_params.get("q", "").strip()[:100]
        found = (
            await asyncio.to_thread(self._service.agencies, visitor.actor, query) if query else []
        )
        made = file.report.assignment
        offered = [
            each.agency
            for each in (made.alternatives if made else ())
            if self._service.holds(visitor.actor, each.agency.id)
        ]
        current = made.agency if made and made.decision is Outcome.ASSIGN else None
        choices = {
            each.id: each
            for each in (found or offered)
            if not file.report.recuses(each.id) and each != current
        }
        values = {"file": file, "query": query, "choices": list(choices.values())}
        return await self._page(
            "government_report.html",
            visitor,
            **values,
            current=current,
            is_open=file.report.status not in FINAL,
            longest=LONGEST_UNIT,
            notice=self._notice(request),
        )

    def _notice(self, request: Request) -> str:
        done = self._pages.labels.tree["government"]["done"]
        return str(done.get(request.query_params.get("done", ""), ""))

    async def _page(self, name: str, visitor: Visitor, **values: Any) -> Response:
        menu = await self._menu(visitor, "government")
        return self._pages.page(name, visitor=visitor, menu=menu, **values)


class GovernmentActions:
    """Carries out what a coordinator decides."""

    def __init__(self, service: CoordinatorService, pages: ConsolePages) -> None:
        self._service = service
        self._pages = pages

    async def hand_over(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Give a report to another agency of the government."""
        agency = first(form, "agency")
        if not agency:
            raise ConsoleError(422, ConsoleErrorCode.CHOOSE_AGENCY)
        reason = _reason(form)
        return await self._act(
            "handed_over",
            request,
            visitor,
            form,
            lambda id, version: self._service.hand_over(
                id, actor=visitor.actor, agency_id=agency, reason=reason, version=version
            ),
        )

    async def delegate(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Say which part of the agency works on a report."""
        unit = first(form, "unit")
        return await self._act(
            "delegated",
            request,
            visitor,
            form,
            lambda id, version: self._service.delegate(
                id, actor=visitor.actor, unit=unit, version=version
            ),
        )

    async def send_back(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Give a report that is no affair of this government to the operators."""
        reason = _reason(form)
        return await self._act(
            "returned",
            request,
            visitor,
            form,
            lambda id, version: self._service.send_back(
                id, actor=visitor.actor, reason=reason, version=version
            ),
        )

    async def recall(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Take a report from an agency that does not read."""
        reason = _reason(form)
        return await self._act(
            "recalled",
            request,
            visitor,
            form,
            lambda id, version: self._service.recall(
                id, actor=visitor.actor, reason=reason, version=version
            ),
        )

    async def _act(
        self,
        done: str,
        request: Request,
        visitor: Visitor,
        form: Form,
        act: Callable[[str, int], Awaitable[Report]],
    ) -> Response:
        report_id = request.path_params["report_id"]
        try:
            file = await self._service.report(report_id, actor=visitor.actor)
            if first(form, "state") != state(file.report):
                raise Conflict(ConflictCode.OUTDATED)
            report = await act(report_id, file.version)
        except Conflict as error:
            if error.code is ConflictCode.NO_REPORT:
                raise ConsoleError(404, ConsoleErrorCode.NO_REPORT) from None
            return self._pages.error(request, HTTPException(409), self._pages.conflict(error))
        stays = self._service.covers(visitor.actor, report)
        place = f"{HOME}/reports/{report_id}" if stays else HOME
        return RedirectResponse(f"{BASE}{place}?done={done}", 303)


def _reason(form: Form) -> str:
    if not (given := first(form, "reason")[:REASON].strip()):
        raise ConsoleError(422, ConsoleErrorCode.NO_REASON)
    return given


def _query(wanted: GovernmentFilter, **changes: Any) -> str:
    """Return the query of an address: the filter as it is, but for some changes."""
    values: Mapping[str, Any] = {
        name: getattr(wanted, name) for name in GovernmentFilter.__dataclass_fields__
    } | changes
    return urlencode({n: "1" if v is True else v for n, v in values.items() if v})
