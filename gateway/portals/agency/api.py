"""The agencies' API: fetch what was assigned, and reply. One bearer token per agency."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from gateway.access.recusal import NotYours
from gateway.casework.agencies import AgencyService, ClosedReport, Reply
from gateway.intake.limits import CallLimits
from gateway.media.access import AttachmentAccess, NoFile, NotYet
from gateway.portals.agency.document import refusals
from gateway.portals.http.files import serve
from gateway.store.engine import Unavailable
from gateway.store.reports import StaleWrite
from normalizer.report import Status

bearer = HTTPBearer(auto_error=False, description="The agency's token")


MOST = 262_144
"""Bytes of a reply; counted before anybody has shown a token."""


class AssignedReports(BaseModel):
    """What came for the agency."""

    events: list[dict[str, Any]]
    """CloudEvents, oldest first."""
    next: str
    """Ask with ``after=next`` for what came since."""


class ReplyState(BaseModel):
    """How a report stands after a reply."""

    tracking: str
    status: Status


def api(agencies: AgencyService, files: AttachmentAccess, limits: CallLimits) -> APIRouter:
    """Return the routes below ``/agency/v1``."""
    routes = APIRouter(prefix="/agency/v1", tags=["agency"], max_body_size=MOST)

    async def agency(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> str:
        found = agencies.agency_of(given.credentials) if given else None
        if found is None:
            if given and (wait := await limits.wrong("agency", request)):
                raise HTTPException(429, "wrong_tokens", {"retry-after": str(wait)})
            raise HTTPException(401, "agency_token", {"www-authenticate": "Bearer"})
        return found

    @routes.get(
        "/reports",
        summary="Reports assigned to the agency, oldest first",
        responses=refusals(401, 422, 429, 503),
    )
    async def reports(
        agency: Annotated[str, Depends(agency)],
        after: Annotated[str, Query(max_length=36)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> AssignedReports:
        """Return CloudEvents; ask again with ``after=next`` for what came since."""
        try:
            found = await agencies.fetch(agency, after=after, most=limit)
        except Unavailable:
            raise HTTPException(503, "away") from None
        last = found[-1].id if found else after
        return AssignedReports(events=[json.loads(each.text) for each in found], next=last)

    @routes.get(
        "/reports/{tracking}/files/{sha256}",
        summary="A file of a report",
        response_class=Response,
        responses={
            200: {"content": {"*/*": {}}, "description": "The file"},
            304: {"description": "The caller has it, as If-None-Match says"},
            **refusals(401, 404, 422, 429, 503),
        },
    )
    async def file(
        request: Request,
        tracking: str,
        sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
        agency: Annotated[str, Depends(agency)],
    ) -> Response:
        """Return a stored file; its bytes never change under this address."""
        try:
            shown = await files.for_agency(agency, tracking.replace("-", ""), sha256)
        except NotYours:
            raise HTTPException(404, "not_with_agency") from None
        except NoFile:
            raise HTTPException(404, "no_such_file") from None
        except (NotYet, Unavailable):
            raise HTTPException(503, "files_away", {"retry-after": "30"}) from None
        return serve(request, shown)

    @routes.post(
        "/reports/{tracking}/replies",
        status_code=201,
        response_model=ReplyState,
        summary="Reply to a report",
        responses={
            200: {"model": ReplyState, "description": "It was filed before, by the same key"},
            **refusals(400, 401, 404, 409, 413, 422, 429, 503),
        },
    )
    async def reply(
        tracking: str,
        reply: Reply,
        agency: Annotated[str, Depends(agency)],
        idempotency_key: Annotated[str, Header(max_length=255)] = "",
    ) -> JSONResponse:
        """File an answer, a progress note, or a refusal (bukan wewenang)."""
        number = tracking.replace("-", "")
        try:
            filed = await agencies.reply(agency, number, reply, key=idempotency_key)
        except NotYours:
            raise HTTPException(404, "not_with_agency") from None
        except ClosedReport:
            raise HTTPException(409, "report_closed") from None
        except StaleWrite:
            raise HTTPException(409, "report_changed") from None
        except Unavailable:
            raise HTTPException(503, "away_send") from None
        content = {"tracking": filed.report.tracking, "status": filed.report.status.value}
        return JSONResponse(content, 201 if filed.news else 200)

    return routes
