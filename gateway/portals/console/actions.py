"""What an operator changes from the console, one row an act; each answer says what was done.

A new act is a row of ``ACTS``, a method of ``OperatorService``, a form in a template that posts to
the row's path, and what is said when it is done: ``done`` in ``config/console``, in each language.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.roles import Right
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.corrections import Corrections
from gateway.casework.operators import OperatorService
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.pages import BASE, ConsolePages, is_htmx
from gateway.portals.console.screens import Screens
from gateway.portals.console.sections import Visitor
from gateway.portals.console.sessions import Form, first
from gateway.portals.console.triage import TriageScreens
from normalizer import tracking
from normalizer.report import Report

Arguments = Mapping[str, Any]
ReadForm = Callable[[Form], Arguments]
"""Reads a form into what the service wants. Raises ``ConsoleError`` 422."""


def nothing(_: Form) -> Arguments:
    """Read a form that is only a button."""
    return {}


def reason(longest: int = 500) -> ReadForm:
    """Return what reads a form that needs a reason."""

    def read(form: Form) -> Arguments:
        if not (given := first(form, "reason")[:longest].strip()):
            raise ConsoleError(422, ConsoleErrorCode.NO_REASON)
        return {"reason": given}

    return read


def _agency(form: Form) -> Arguments:
    if not (agency := first(form, "agency")):
        raise ConsoleError(422, ConsoleErrorCode.CHOOSE_AGENCY)
    return {"agency_id": agency, "note": first(form, "note")[:500]}


def _text_name(form: Form) -> Arguments:
    return {"name": first(form, "name")}


def _dead_letters(form: Form) -> Arguments:
    chosen = form.get("id", [])
    if chosen == ["all"]:
        return {"ids": None}
    if not all(each.isascii() and each.isdigit() and len(each) < 19 for each in chosen):
        raise ConsoleError(422, ConsoleErrorCode.CHOOSE_MESSAGE)
    return {"ids": [int(each) for each in chosen]}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing an operator can do. ``done`` is the key of what is said afterwards."""

    done: str
    path: str
    method: Callable[..., Awaitable[Any]]
    """Of the service: called with what the path names, the form's arguments, and ``actor``."""
    read: ReadForm = nothing
    right: Right = Right.DECIDE
    then: str = ""
    """The page that a browser without script goes on to."""
    decides: bool = False
    """It decides on what the page showed: refused when a colleague was faster."""
    template: str = ""
    """Shows the outcome, instead of a sentence that it is done."""
    of: Callable[[OperatorService], Any] = lambda operators: operators
    """The service whose method it is."""
    redraw: Callable[[Screens, Visitor], Awaitable[Any]] | None = None
    """Draws the list that the act changed."""


REPORT = "reports/{report_id}"
ACTS = (
    Act(
        "assigned", f"/{REPORT}/assign", OperatorService.assign, _agency, then=REPORT, decides=True
    ),
    Act(
        "archived",
        f"/{REPORT}/archive",
        OperatorService.archive,
        reason(300),
        then=REPORT,
        decides=True,
    ),
    Act(
        "unsealed",
        f"/{REPORT}/unseal",
        OperatorService.unseal,
        reason(),
        Right.IDENTITY,
        template="identity.html",
    ),
    Act("reopened", f"/{REPORT}/reopen", OperatorService.reopen, then=REPORT, decides=True),
    Act("published", f"/{REPORT}/publish", OperatorService.publish, _text_name, then="public"),
    Act("kept_private", f"/{REPORT}/keep-private", OperatorService.keep_private, then="public"),
    Act("acknowledged", "/alerts/{id}/acknowledge", OperatorService.acknowledge),
    Act(
        "replayed",
        "/failed/replay",
        OperatorService.replay,
        _dead_letters,
        Right.OPERATE,
        "failed",
        redraw=Screens.dead,
    ),
    Act(
        "released",
        "/quarantine/{id}/release",
        OperatorService.release,
        right=Right.OPERATE,
        then="failed",
    ),
    Act(
        "dismissed",
        "/quarantine/{id}/dismiss",
        OperatorService.dismiss,
        reason(),
        Right.OPERATE,
        "failed",
    ),
)


def _correction(done: str, what: str, method: Callable[..., Awaitable[Any]], read: ReadForm) -> Act:
    """Return an act that puts a report right, and decides on the state that was shown."""
    return Act(
        done,
        f"/{REPORT}/{what}",
        method,
        read,
        then=REPORT,
        decides=True,
        of=lambda operators: operators.corrections,
    )


def _fields(**longest: int) -> ReadForm:
    """Return what reads fields by name, each cut to its length."""
    return lambda form: {name: first(form, name)[:most].strip() for name, most in longest.items()}


CORRECTIONS = (
    _correction(
        "merged",
        "merge",
        Corrections.merge,
        lambda form: {"number": tracking.bare(first(form, "number"))[:20]},
    ),
    _correction("split", "split", Corrections.split, _fields(message=36, words=8_000)),
    _correction("to_triage", "to-triage", Corrections.to_triage, reason(300)),
    _correction("corrected", "correct", Corrections.correct, _fields(topic=64, region=80)),
    _correction("asked", "ask", Corrections.ask, _fields(about=10, text=2_000)),
    _correction("noted", "note", Corrections.note, _fields(text=2_000)),
)
"""What puts a report right."""

TOO_LATE = frozenset(
    {
        ConflictCode.CHANGED,
        ConflictCode.OUTDATED,
        ConflictCode.OUTDATED_ASSIGNED,
        ConflictCode.CLOSED,
        ConflictCode.AT_AN_AGENCY,
        ConflictCode.AT_THIS_AGENCY,
    }
)
"""Conflicts that mean that somebody was faster."""


class Actions:
    """Carries out an operator's decisions."""

    def __init__(
        self,
        operators: OperatorService,
        pages: ConsolePages,
        screens: Screens,
        triage: TriageScreens,
    ) -> None:
        self._operators = operators
        self._pages = pages
        self._screens = screens
        self._triage = triage

    async def carry_out(self, act: Act, request: Request, visitor: Visitor, form: Form) -> Response:
        """Do what a form asks for. Raises ``ConsoleError`` where the form lacks something."""
        arguments = dict(act.read(form))
        if act.decides:
            arguments["version"] = version(form)
        service = act.of(self._operators)
        try:
            names = request.path_params.values()
            result = await act.method(service, *names, actor=visitor.actor, **arguments)
        except Conflict as error:
            return await self._conflict(request, visitor, error)
        if act.template:
            values = {"result": result, "visitor": visitor, **request.path_params}
            return self._pages.page(act.template, **values)
        return await self._done(act, request, visitor, result)

    async def _done(self, act: Act, request: Request, visitor: Visitor, result: object) -> Response:
        if not is_htmx(request):
            return RedirectResponse(f"{BASE}/{act.then.format(**request.path_params)}", 303)
        main = await act.redraw(self._screens, visitor) if act.redraw else ""
        key = f"done.{act.done}_none" if result == 0 else f"done.{act.done}"
        text = self._pages.labels.say(key, **_values(result))
        link = f"reports/{result.id}" if isinstance(result, Report) else ""
        return self._pages.page("parts/done.html", text=text, main=main, link=link, tone="good")

    async def _conflict(self, request: Request, visitor: Visitor, error: Conflict) -> Response:
        """Say why it cannot be done, and who was faster; a card that still waits is drawn again."""
        text, main = self._pages.conflict(error), ""
        report_id = request.path_params.get("report_id")
        if report_id and error.code in TOO_LATE:
            said, main = await self._triage.explain(visitor, report_id)
            text = said or text
        if not is_htmx(request):
            return self._pages.error(request, HTTPException(409), text)
        return self._pages.page(
            "parts/done.html", 409, text=text, main=Markup(main), link="", tone="bad"
        )


def version(form: Form) -> int:
    """Return the state of a report that a form was filled in on; -1, which is none, if unsaid."""
    said = first(form, "version")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else -1


def _values(result: object) -> Mapping[str, object]:
    """Return what the sentence about an outcome may name."""
    if isinstance(result, Report):
        agency = result.assignment.agency if result.assignment else None
        number = tracking.format_number(result.tracking)
        return {"number": number, "agency": agency.name if agency else ""}
    return {"count": result}
