"""The inbox's screens: boxes of reports, one report with what can be done, and its files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from config.words import Language, words
from gateway.casework.officers import MOST_PHOTOS, PAGE, PHOTO_BYTES, Box, OfficerService
from gateway.casework.threads import OfficerView, agency_view
from gateway.media.access import NoFile, NotYet
from gateway.platform.clock import Clock
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import DrawMenu, Visitor
from gateway.portals.http import files
from gateway.portals.http.dates import WIB
from normalizer import gsm
from normalizer.report import Report, Status
from normalizer.tracking import format_number

ACTS = ("answer", "progress", "ask", "refuse", "delegate", "assign", "copy", "note")
"""Acts in the order in which they are offered; ``verify`` goes before them."""
PREVIEWED = ("answer", "progress", "ask")
"""Acts whose text the reporter gets."""
TEMPLATES = (*PREVIEWED, "refuse")
"""Acts that have sample texts: ``config/templates``."""
DONE = ("verify", *ACTS, "cover")
MOST_TEXT, MOST_QUESTION, MOST_REASON = 5_000, 480, 1_000
"""Characters of what the reporter gets, of a question, and of what stays with us."""


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """What an address of the inbox asks for; ``skip`` rows stand before it."""

    box: Box = Box.NEW
    mine: bool = False
    unit: str = ""
    after: str = ""
    skip: int = 0

    @classmethod
    def of(cls, request: Request) -> "InboxQuery":
        """Read an address; a box that is none is the first."""
        asked = request.query_params
        box, skip = asked.get("box", ""), asked.get("skip", "")
        return cls(
            Box(box) if box in {*Box} else Box.NEW,
            asked.get("mine") == "1",
            asked.get("unit", "")[:120],
            asked.get("after", "")[:200],
            int(skip) if skip.isascii() and skip.isdigit() and len(skip) < 8 else 0,
        )

    @property
    def is_filtered(self) -> bool:
        """Tell whether less than the whole box is asked for."""
        return bool(self.mine or self.unit)

    def query(self, **changes: Any) -> str:
        """Write the address of this or a neighbouring list."""
        asked = replace(self, **changes)
        values = {"box": asked.box.value, "mine": int(asked.mine), "unit": asked.unit}
        values |= {"after": asked.after, "skip": asked.skip}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True)
class FormInput:
    """What was typed into a form that is shown again."""

    text: str = ""
    unit: str = ""
    q: str = ""


class InboxPages:
    """Draws what the officers' service returns."""

    def __init__(
        self,
        officers: OfficerService,
        pages: ConsolePages,
        draw_menu: DrawMenu,
        clock: Clock,
    ) -> None:
        self._officers = officers
        self._pages = pages
        self._draw_menu = draw_menu
        self._clock = clock

    @property
    def today(self) -> date:
        """The day by the case clock."""
        return self._clock().astimezone(WIB).date()

    async def boxes(self, request: Request, visitor: Visitor) -> Response:
        """One box, filtered, a page of it."""
        return await self.draw_boxes(request, visitor)

    async def boxes_part(self, request: Request, visitor: Visitor) -> Response:
        """The list, asked for every few seconds."""
        values = await self._listed(InboxQuery.of(request), visitor)
        return self._pages.part(request, "parts/inbox_list.html", **values)

    async def report(self, request: Request, visitor: Visitor) -> Response:
        """One report: what was said, where it stands, and what can be done."""
        return await self.draw(request, visitor, await self.view(request, visitor))

    async def report_part(self, request: Request, visitor: Visitor) -> Response:
        """The report without its forms, asked for every few seconds."""
        view = await self.view(request, visitor)
        return self._pages.part(request, "parts/inbox_report.html", **self._live(view))

    async def file(self, request: Request, visitor: Visitor) -> Response:
        """A file of a report, so that it can do nothing in the reader's browser."""
        report_id, sha256 = request.path_params["report_id"], request.path_params["sha256"]
        try:
            shown = await self._officers.show_file(report_id, sha256, actor=visitor.actor)
        except NoFile:
            raise ConsoleError(404, ConsoleErrorCode.NO_FILE) from None
        except NotYet:
            raise ConsoleError(503, ConsoleErrorCode.FILES_AWAY) from None
        return files.serve(request, shown)

    async def agencies(self, request: Request, visitor: Visitor) -> Response:
        """Agencies whose names fit what is being typed, as buttons; none that is accused."""
        query = request.query_params.get("q", "").strip()[:100]
        view = await self.view(request, visitor)
        return self._pages.page("parts/seek.html", **await self.seek(visitor, view, query))

    async def seek(self, visitor: Visitor, view: OfficerView, query: str) -> dict[str, Any]:
        """Look for other agencies to which a report could go."""
        found: list[tuple[str, str]] = []
        if query:
            found = await self._officers.suggestions(visitor.actor, view.report.id, query)
        others = [{"id": id, "name": name} for id, name in found if id != view.agency_id]
        return {"query": query, "found": others}

    async def preview(self, visitor: Visitor, report_id: str, act: str, text: str) -> str:
        """Draw a text as its reporter would read it. Raises ``Conflict``."""
        if not text:
            return ""
        shown = await self._officers.preview(report_id, act, text, actor=visitor.actor)
        is_gsm = gsm.codes(shown.text.translate(gsm.PLAIN)) is not None
        return self._pages.draw("parts/preview.html", preview=shown, is_gsm=is_gsm)

    async def view(self, request: Request, visitor: Visitor) -> OfficerView:
        """Return the report of an address. Raises ``ConsoleError`` 404."""
        opened = await self._officers.open(request.path_params["report_id"], actor=visitor.actor)
        if opened is None:
            raise ConsoleError(404, ConsoleErrorCode.NO_REPORT)
        return agency_view(opened)

    async def draw_boxes(
        self, request: Request, visitor: Visitor, status: int = 200, /, fault: str = ""
    ) -> Response:
        """Draw the page of the inbox; ``fault`` is what is wrong with the form of a holiday."""
        account, values = (
            visitor.session.account,
            await self._listed(InboxQuery.of(request), visitor),
        )
        is_away = (account.away_until or "") > self.today.isoformat()
        return self._pages.page(
            "inbox.html",
            status,
            menu=await self._draw_menu(visitor, "inbox"),
            visitor=visitor,
            list=self._pages.piece("parts/inbox_list.html", **values),
            notice=self._notice(request),
            fault=fault,
            units=await self._officers.units(visitor.actor),
            colleagues=await self._colleagues(visitor),
            away=account if is_away else None,
            ages=self._ages(),
            **values,
        )

    async def draw(
        self,
        request: Request,
        visitor: Visitor,
        view: OfficerView,
        status: int = 200,
        /,
        **more: Any,
    ) -> Response:
        """Draw the page of a report; ``more`` is what a form of it was sent with."""
        values: dict[str, Any] = {"open": "", "fault": "", "conflict": "", "preview": ""}
        values |= {"results": "", "typed": FormInput(), "notice": self._notice(request)}
        return self._pages.page(
            "inbox_report.html",
            status,
            menu=await self._draw_menu(visitor, "inbox"),
            visitor=visitor,
            view=view,
            live=self._pages.piece("parts/inbox_report.html", **self._live(view)),
            acts=_offered(view),
            previewed=PREVIEWED,
            templates={name: template_texts(view.report, name) for name in TEMPLATES},
            candidates=view.candidates,
            colleagues=await self._colleagues(visitor),
            units=await self._officers.units(visitor.actor),
            most={"answer": MOST_TEXT, "progress": MOST_TEXT, "ask": MOST_QUESTION},
            most_reason=MOST_REASON,
            most_files=MOST_PHOTOS,
            max_file=PHOTO_BYTES,
            ages=self._ages(),
            **(values | more),
        )

    def _live(self, view: OfficerView) -> dict[str, Any]:
        return {"view": view, "today": self.today}

    async def _listed(self, asked: InboxQuery, visitor: Visitor) -> dict[str, Any]:
        page = await self._officers.inbox(
            visitor.actor, asked.box, after=asked.after, most=PAGE, mine=asked.mine, unit=asked.unit
        )
        counts = await self._officers.boxes(visitor.actor)
        last = asked.skip + len(page.rows)
        values = {"asked": asked, "page": page, "counts": counts, "boxes": [*Box]}
        return values | {"today": self.today, "first": asked.skip + 1, "last": last}

    async def _colleagues(self, visitor: Visitor) -> list[tuple[str, str]]:
        """List names and what people call them."""
        accounts = await self._officers.colleagues(visitor.actor)
        return [
            (each.name, " · ".join(filter(None, (each.full_name or each.name, each.unit))))
            for each in accounts
        ]

    def _notice(self, request: Request) -> str:
        """Return what is said of an act that was just done; the address names it."""
        done, number = request.query_params.get("done", ""), request.query_params.get("number", "")
        if done not in DONE:
            return ""
        is_number = number.isascii() and number.isdigit() and len(number) == 12
        shown = format_number(number) if is_number else ""
        return self._pages.labels.say(f"done.officer_{done}", number=shown)

    def _ages(self) -> str:
        """Return the words by which the page keeps its times up."""
        return json.dumps(self._pages.labels.tree["age"], ensure_ascii=False)


def _offered(view: OfficerView) -> list[str]:
    """List the acts that a page offers: what was begun needs no verification any more."""
    is_new = view.report.status is Status.FORWARDED
    names = ("verify", *ACTS) if is_new else ACTS
    return [name for name in names if name in view.acts]


def template_texts(report: Report, name: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sample texts of an act, filled in, in the language of the report."""
    made = report.assignment
    agency = made.agency.name if made and made.agency else ""
    values = {"nomor": format_number(report.tracking), "instansi": agency}
    language: Language = "en" if report.language == "en" else "id"
    return {
        key: {part: text.format(**values) for part, text in each.items()}
        for key, each in words("templates").trees[language][name].items()
    }
