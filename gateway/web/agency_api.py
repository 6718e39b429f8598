"""The agencies' API: fetch what was assigned, and reply. One bearer token per agency."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.steps.reply import AgencyDesk, Closed, NotYours, Reply
from gateway.store.engine import Unavailable
from gateway.store.queries import Queries
from gateway.store.unit import Conflict

bearer = HTTPBearer(auto_error=False, description="The agency's token")


def api(agencies: AgencyDesk, queries: Queries) -> APIRouter:
    """Return the routes below ``/agency/v1``."""
    routes = APIRouter(prefix="/agency/v1", tags=["agency"])

    async def agency(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> str:
        found = agencies.agency_of(given.credentials) if given else None
        if found is None:
            raise HTTPException(
                401, "a valid agency token is needed", {"www-authenticate": "Bearer"}
            )
        return found

    @routes.get("/reports", summary="Reports assigned to the agency, oldest first")
    async def reports(
        agency: Annotated[str, Depends(agency)],
        after: Annotated[str, Query(max_length=36)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> dict[str, Any]:
        """Return CloudEvents; ask again with ``after=next`` for what came since."""
        try:
            found = await queries.for_agency(agency, after=after, most=limit)
        except Unavailable:
            raise HTTPException(503, "the database is away, try again") from None
        last = found[-1][0] if found else after
        return {"events": [json.loads(text) for _, text in found], "next": last}

    @routes.post("/reports/{tracking}/replies", status_code=201, summary="Reply to a report")
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
            raise HTTPException(404, "no report of this number is with your agency") from None
        except Closed:
            raise HTTPException(409, "the report is closed") from None
        except Conflict:
            raise HTTPException(409, "the report was changed meanwhile, send it again") from None
        except Unavailable:
            raise HTTPException(503, "the database is away, send it again") from None
        content = {"tracking": filed.report.tracking, "status": filed.report.status.value}
        return JSONResponse(content, 201 if filed.news else 200)

    return routes
