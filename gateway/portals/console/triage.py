"""Triage as operators see it, and the lists that keep themselves fresh by what changed since.

A list asks with the mark of its last answer, which says up to where it knows everything; no
address names what is shown, so it never grows.
"""

import math
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.access.roles import Right
from gateway.casework.triage import LiveMark, TriageService
from gateway.portals.console.labels import Labels
from gateway.portals.console.menu import Menu
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import PageRoute, PortalSection, Visitor
from gateway.store.live import LiveReport
from normalizer.report import Outcome, Report, Status

MARK = "Live-Mark"
"""The header with what the next poll is to ask with."""


class TriageScreens:
    """Draws what waits for an operator."""

    def __init__(self, triage: TriageService, pages: ConsolePages, menu: Menu) -> None:
        self._triage = triage
        self._pages = pages
        self._menu = menu

    def section(self) -> PortalSection:
        """Return the page and the parts that keep themselves fresh."""
        return PortalSection(
            (
                PageRoute("/triage", "triage", Right.DECIDE, self.page),
                PageRoute("/parts/triage", "triage_part", Right.DECIDE, self.part),
                PageRoute("/parts/quarantine", "quarantine_part", Right.OPERATE, self.quarantine),
            )
        )

    async def page(self, request: Request, visitor: Visitor) -> Response:
        """Reports that the machine was unsure of, urgent ones first, then the oldest."""
        after = request.query_params.get("after", "")[:36]
        found = await self._triage.page(visitor.actor, after)
        return self._pages.page(
            "triage.html",
            visitor=visitor,
            menu=await self._menu.draw(visitor, "triage"),
            found=found,
            cards=found.cards,
            after=after,
            mark=_written(found.mark),
        )

    async def part(self, request: Request, visitor: Visitor) -> Response:
        """What changed of triage since a mark, or 204."""
        mark, news = await self._triage.news(visitor.actor, _mark(request))
        if news is None:
            return _quiet(mark)
        labels = self._pages.labels
        cards = [
            {
                "id": f"t-{card.report.id}",
                "version": card.version,
                "urgent": card.report.urgency is not None,
                "html": self._card(card, visitor),
            }
            for card in news.waiting
        ]
        gone = [
            {"id": f"t-{card.report.id}", "note": outcome(card.report, labels)}
            for card in news.gone
        ]
        told = {"cards": cards, "gone": gone, "total": news.total, "missed": news.missed}
        return JSONResponse(told, headers={MARK: _written(mark)})

    async def quarantine(self, request: Request, visitor: Visitor) -> Response:
        """What was quarantined since a mark, or 204."""
        mark, held = await self._triage.held_news(_mark(request))
        if held is None:
            return _quiet(mark)
        cards = [
            {
                "id": f"q-{each.id}",
                "version": each.state,
                "urgent": True,
                "html": self._pages.draw(
                    "parts/quarantine_cards.html", held=[each], visitor=visitor
                ).strip(),
            }
            for each in held
        ]
        return JSONResponse({"cards": cards, "gone": []}, headers={MARK: _written(mark)})

    async def explain(self, visitor: Visitor, report_id: str) -> tuple[str, str]:
        """Say why a decision came too late, and draw the card of a report that still waits."""
        found = await self._triage.one(visitor.actor, report_id)
        if found is None:
            return "", ""
        if found.report.status is Status.TRIAGE:
            return "", self._card(found, visitor)
        last = found.report.history[-1].by if found.report.history else ""
        if last in ("", visitor.name):
            return "", ""
        labels = self._pages.labels
        return labels.say("live.too_late", outcome=outcome(found.report, labels)), ""

    def _card(self, card: LiveReport, visitor: Visitor) -> str:
        return self._pages.draw("parts/triage_cards.html", cards=[card], visitor=visitor).strip()


def outcome(report: Report, labels: Labels) -> str:
    """Say who decided about a report, and what: "diputuskan rini → Dinas Perhubungan"."""
    by = report.history[-1].by if report.history else ""
    who, made = labels.actor(by), report.assignment
    if made and made.agency and made.decision is Outcome.ASSIGN and report.status in _GIVEN:
        return labels.say("live.assigned", who=who, agency=made.agency.name)
    if report.status is Status.ARCHIVED_BY_ADMIN:
        return labels.say("live.archived", who=who)
    return labels.say("live.moved", status=labels.word(report.status, "status"))


_GIVEN = (Status.FORWARDED, Status.IN_PROGRESS, Status.ANSWERED)


def _quiet(mark: LiveMark) -> Response:
    return Response(status_code=204, headers={MARK: _written(mark)})


def _written(mark: LiveMark) -> str:
    return urlencode({"since": f"{mark.since:.3f}", "seen": mark.seen})


def _mark(request: Request) -> LiveMark:
    """Read a mark; what is none is one of long ago."""
    try:
        since = float(request.query_params.get("since", ""))
    except ValueError:
        since = 0.0
    seen = request.query_params.get("seen", "")
    return LiveMark(since if math.isfinite(since) else 0.0, seen)
