"""What an officer does from the inbox, one row an act.

A new act is a row of ``ACTS``, a method of ``OfficerService``, a form in ``inbox_report.html``, and
its words: ``officer`` and ``done`` in ``config/console``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.officers import AnswerFile, OfficerService
from gateway.casework.threads import OfficerView, author
from gateway.portals.agency.screens import (
    MOST_QUESTION,
    MOST_REASON,
    MOST_TEXT,
    PREVIEWED,
    TEMPLATES,
    FormInput,
    InboxPages,
    template_texts,
)
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.pages import BASE, ConsolePages, is_htmx
from gateway.portals.console.sections import Visitor
from gateway.portals.console.sessions import Form, first
from gateway.portals.console.uploads import FormFile

BLANK = "___"
"""Stands in a sample text for what is still to be written."""
MOST_NAME = 120
Arguments = Mapping[str, Any]
ReadAct = Callable[[Form, Visitor], Arguments]
"""Reads a form into what the service wants. Raises ``ConsoleError`` 422."""


def _text(most: int) -> ReadAct:
    """Return what reads a text that has no blank left in it."""

    def read(form: Form, _: Visitor) -> Arguments:
        text = _typed_text(form)
        if not text:
            raise ConsoleError(422, ConsoleErrorCode.NO_TEXT)
        if len(text) > most:
            raise ConsoleError(422, ConsoleErrorCode.LONG_TEXT, most=most)
        if BLANK in text:
            raise ConsoleError(422, ConsoleErrorCode.BLANK_LEFT)
        return {"text": text}

    return read


def _refuse(form: Form, visitor: Visitor) -> Arguments:
    suggested = first(form, "agency") or None
    return {**_text(MOST_REASON)(form, visitor), "suggested_agency_id": suggested}


def _delegate(form: Form, _: Visitor) -> Arguments:
    if not (unit := first(form, "unit")[:MOST_NAME]):
        raise ConsoleError(422, ConsoleErrorCode.NO_UNIT)
    return {"unit": unit, "note": first(form, "note")[:MOST_REASON]}


def _assign(form: Form, visitor: Visitor) -> Arguments:
    officer = visitor.name if first(form, "mine") else first(form, "officer")
    if not officer:
        raise ConsoleError(422, ConsoleErrorCode.CHOOSE_OFFICER)
    return {"officer": officer}


def _copy(form: Form, _: Visitor) -> Arguments:
    if not (agency := first(form, "agency")):
        raise ConsoleError(422, ConsoleErrorCode.CHOOSE_AGENCY)
    return {"agency_id": agency, "note": first(form, "note")[:MOST_REASON]}


def _verify(_: Form, __: Visitor) -> Arguments:
    return {}


@dataclass(frozen=True, slots=True)
class OfficerAct:
    """One thing an officer can do with a report; ``name`` is that of its form and its words."""

    name: str
    method: Callable[..., Awaitable[Any]]
    read: ReadAct
    uploads: bool = False
    leaves: bool = False
    """The report is not with the agency any more."""


ACTS = (
    OfficerAct("verify", OfficerService.verify, _verify),
    OfficerAct("answer", OfficerService.answer, _text(MOST_TEXT), uploads=True),
    OfficerAct("progress", OfficerService.progress, _text(MOST_TEXT), uploads=True),
    OfficerAct("ask", OfficerService.ask, _text(MOST_QUESTION)),
    OfficerAct("refuse", OfficerService.refuse, _refuse, leaves=True),
    OfficerAct("delegate", OfficerService.delegate, _delegate),
    OfficerAct("assign", OfficerService.assign, _assign),
    OfficerAct("copy", OfficerService.copy, _copy),
    OfficerAct("note", OfficerService.note, _text(MOST_REASON)),
)


class OfficerActs:
    """Carries out what officers ask for; what does not work out shows what was typed again."""

    def __init__(self, officers: OfficerService, screens: InboxPages, pages: ConsolePages) -> None:
        self._officers = officers
        self._screens = screens
        self._pages = pages

    async def carry_out(
        self, act: OfficerAct, request: Request, visitor: Visitor, form: Form
    ) -> Response:
        """Do what a form asks for, on the version of the report that its page showed."""
        view = await self._screens.view(request, visitor)
        typed = FormInput(_typed_text(form), first(form, "unit"), first(form, "q"))
        try:
            arguments = {**act.read(form, visitor)}
            if act.uploads:
                arguments["files"] = await self._photos(request)
            version = _version(form)
            await act.method(
                self._officers, view.report.id, actor=visitor.actor, version=version, **arguments
            )
        except ConsoleError as error:
            fault = self._pages.labels.say(f"refusal.{error.code}", **error.values)
            again = {"open": act.name, "fault": fault, "typed": typed}
            return await self._screens.draw(request, visitor, view, error.status_code, **again)
        except Conflict as error:
            return await self._conflict(act, request, visitor, _version(form), typed, error)
        return RedirectResponse(_after(act, view), 303)

    async def preview(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Show a text as its reporter would read it; without scripts a sample fills it in, too."""
        act, view = request.path_params["act"], await self._screens.view(request, visitor)
        if act not in PREVIEWED:
            raise ConsoleError(404, ConsoleErrorCode.NO_PAGE)
        text = _typed_text(form)
        if not text and act in TEMPLATES:
            sample = template_texts(view.report, act).get(first(form, "template"))
            text = sample["text"] if sample else ""
        try:
            drawn = await self._screens.preview(visitor, view.report.id, act, text[:MOST_TEXT])
        except Conflict as error:
            drawn = self._pages.draw("parts/fault.html", fault=self._pages.conflict(error))
        if is_htmx(request):
            return self._pages.answer(drawn)
        again = {"open": act, "typed": FormInput(text), "preview": Markup(drawn)}
        return await self._screens.draw(request, visitor, view, **again)

    async def seek(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Search agencies for a browser without scripts."""
        view = await self._screens.view(request, visitor)
        typed = FormInput(_typed_text(form), q=first(form, "q")[:100])
        values = await self._screens.seek(visitor, view, typed.q)
        results = Markup(self._pages.draw("parts/seek.html", **values))
        again = {"open": request.path_params["act"], "typed": typed, "results": results}
        return await self._screens.draw(request, visitor, view, **again)

    async def set_cover(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Say until when the officer is away and who stands in, or that they are back."""
        cover, until = first(form, "cover"), _day(first(form, "until"))
        if first(form, "back"):
            cover, until = "", None
        elif not cover or cover == visitor.name or until is None or until <= self._screens.today:
            fault = self._pages.labels.say(f"refusal.{ConsoleErrorCode.NO_COVER}")
            return await self._screens.draw_boxes(request, visitor, 422, fault=fault)
        try:
            await self._officers.set_cover(visitor.actor, cover, until)
        except Conflict as error:
            fault = self._pages.conflict(error)
            return await self._screens.draw_boxes(request, visitor, 409, fault=fault)
        return RedirectResponse(f"{BASE}/inbox?done=cover", 303)

    async def _photos(self, request: Request) -> list[AnswerFile]:
        photos: list[FormFile] = request.state.uploads
        kept = [await self._officers.store_photo(each.content) for each in photos]
        labels = (each.field for each in photos)
        return [replace(file, label=label) for file, label in zip(kept, labels, strict=True)]

    async def _conflict(
        self,
        act: OfficerAct,
        request: Request,
        visitor: Visitor,
        version: int,
        typed: FormInput,
        error: Conflict,
    ) -> Response:
        """Show the report as it is now, who was faster, and what was typed."""
        fresh = await self._screens.view(request, visitor)
        said = self._pages.conflict(error)
        if error.code in (ConflictCode.OUTDATED, ConflictCode.CHANGED):
            said = " ".join(filter(None, (said, self._faster(fresh, version))))
        again = {"open": act.name, "conflict": said, "typed": typed}
        return await self._screens.draw(request, visitor, fresh, 409, **again)

    def _faster(self, view: OfficerView, version: int) -> str:
        """Say who did what since a version."""
        labels = self._pages.labels
        news = [
            labels.say(
                "officer.faster",
                actor=labels.actor(author(each)),
                event=labels.word(each.kind, "event"),
            )
            for each in view.events
            if each.seq > version
        ]
        return " ".join(news[-3:])


def _typed_text(form: Form) -> str:
    return first(form, "text").replace("\r\n", "\n")


def _version(form: Form) -> int:
    """Read which version a page showed; none that ever was where it does not say."""
    given = first(form, "version")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else -1


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given)
    except ValueError:
        return None


def _after(act: OfficerAct, view: OfficerView) -> str:
    if act.leaves:
        return f"{BASE}/inbox?{urlencode({'done': act.name, 'number': view.report.tracking})}"
    return f"{BASE}/inbox/{view.report.id}?done={act.name}"
