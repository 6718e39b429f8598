"""What an operator changes from the console; each answer says what was done, and to whom."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.pages import BASE, ConsolePages, is_htmx, state
from gateway.portals.console.screens import ConsoleService, Screens
from gateway.portals.console.sessions import Form, first
from gateway.store.views import OperatorSession
from normalizer import tracking


class Actions:
    """Carries out an operator's decisions at the desk."""

    def __init__(self, desk: ConsoleService, pages: ConsolePages, screens: Screens) -> None:
        self._desk = desk
        self._pages = pages
        self._screens = screens

    async def assign(self, request: Request, session: OperatorSession, form: Form) -> Response:
        """Hand a report to the agency of the button that was pressed."""
        report_id, agency = request.path_params["report_id"], first(form, "agency")
        if not agency:
            raise ConsoleError(422, ConsoleErrorCode.CHOOSE_AGENCY)
        try:
            await self._check_unchanged(report_id, form)
            report = await self._desk.assign(
                report_id, agency, by=session.operator, note=first(form, "note")[:500]
            )
        except Conflict as error:
            return self._conflict(request, error)
        chosen = report.assignment.agency if report.assignment else None
        number = tracking.written(report.tracking)
        text = self._say("assigned", number=number, agency=chosen.name if chosen else agency)
        return self._done(request, f"reports/{report_id}", text, link=f"reports/{report_id}")

    async def archive(self, request: Request, session: OperatorSession, form: Form) -> Response:
        """Close a report that is no agency's affair, for a reason that its reporter may read."""
        report_id, reason = request.path_params["report_id"], first(form, "reason")[:300].strip()
        if not reason:
            raise ConsoleError(422, ConsoleErrorCode.REASON_TO_ARCHIVE)
        try:
            await self._check_unchanged(report_id, form)
            report = await self._desk.archive(report_id, by=session.operator, reason=reason)
        except Conflict as error:
            return self._conflict(request, error)
        text = self._say("archived", number=tracking.written(report.tracking))
        return self._done(request, f"reports/{report_id}", text, link=f"reports/{report_id}")

    async def unseal(self, request: Request, session: OperatorSession, form: Form) -> Response:
        """Show who reported, this once; the log keeps who looked and why."""
        reason = first(form, "reason")[:500]
        if not reason:
            raise ConsoleError(422, ConsoleErrorCode.REASON_TO_UNSEAL)
        report_id = request.path_params["report_id"]
        try:
            who = await self._desk.unseal(report_id, by=session.operator, reason=reason)
        except Conflict as error:
            return self._conflict(request, error)
        return self._pages.page("identity.html", who=who, report_id=report_id, session=session)

    async def publish(self, request: Request, session: OperatorSession, form: Form) -> Response:
        """Let the public read a report's words as the page showed them."""
        report_id, name = request.path_params["report_id"], first(form, "name")
        try:
            report = await self._desk.publish(report_id, by=session.operator, name=name)
        except Conflict as error:
            return self._conflict(request, error)
        text = self._say("published", number=tracking.written(report.tracking))
        return self._done(request, "public", text, link=f"reports/{report_id}")

    async def keep_private(self, request: Request, session: OperatorSession, _: Form) -> Response:
        """Keep a report's words from the public, or take them back."""
        report_id = request.path_params["report_id"]
        try:
            report = await self._desk.keep_private(report_id, by=session.operator)
        except Conflict as error:
            return self._conflict(request, error)
        text = self._say("kept_private", number=tracking.written(report.tracking))
        return self._done(request, "public", text, link=f"reports/{report_id}")

    async def acknowledge(self, request: Request, session: OperatorSession, _: Form) -> Response:
        """Take a danger on, so that nobody else is told of it."""
        try:
            await self._desk.acknowledge(request.path_params["id"], by=session.operator)
        except Conflict as error:
            return self._conflict(request, error)
        return self._done(request, "", self._say("acknowledged"))

    async def replay(self, request: Request, session: OperatorSession, form: Form) -> Response:
        """Send the chosen dead letters, or all of them, on their way again."""
        count = await self._desk.replay(_chosen(form), by=session.operator)
        text = self._say("replayed" if count else "replayed_none", count=count)
        shown = {"main": await self._screens.dead(session)} if is_htmx(request) else {}
        return self._done(request, "failed", text, **shown)

    async def release(self, request: Request, session: OperatorSession, _: Form) -> Response:
        """Let a quarantined message in after all."""
        try:
            await self._desk.release(request.path_params["id"], by=session.operator)
        except Conflict as error:
            return self._conflict(request, error)
        return self._done(request, "failed", self._say("released"))

    async def dismiss(self, request: Request, session: OperatorSession, form: Form) -> Response:
        """Close a quarantined message for a reason, which is kept."""
        reason = first(form, "reason")[:500]
        if not reason:
            raise ConsoleError(422, ConsoleErrorCode.REASON_TO_DISMISS)
        held = request.path_params["id"]
        try:
            await self._desk.dismiss(held, by=session.operator, reason=reason)
        except Conflict as error:
            return self._conflict(request, error)
        return self._done(request, "failed", self._say("dismissed"))

    async def _check_unchanged(self, report_id: str, form: Form) -> None:
        """Stop who decided on what the page showed when a colleague was faster."""
        file = await self._desk.report(report_id)
        shown = first(form, "state")
        if file and shown and shown != state(file.report):
            raise Conflict(ConflictCode.OUTDATED)

    def _say(self, key: str, **values: object) -> str:
        return self._pages.labels.say(f"done.{key}", **values)

    def _done(self, request: Request, page: str, text: str, **values: Any) -> Response:
        if not is_htmx(request):
            return RedirectResponse(f"{BASE}/{page}", 303)
        defaults: Mapping[str, Any] = {"main": "", "link": "", "tone": "good"}
        return self._pages.page("parts/done.html", text=text, **{**defaults, **values})

    def _conflict(self, request: Request, error: Conflict) -> Response:
        text = self._pages.conflict(error)
        if not is_htmx(request):
            return self._pages.error(request, HTTPException(409), text)
        return self._pages.page("parts/done.html", 409, text=text, main="", link="", tone="bad")


def _chosen(form: Form) -> list[int] | None:
    chosen = form.get("id", [])
    if chosen == ["all"]:
        return None
    try:
        return [int(each) for each in chosen]
    except ValueError:
        raise ConsoleError(422, ConsoleErrorCode.CHOOSE_MESSAGE) from None
