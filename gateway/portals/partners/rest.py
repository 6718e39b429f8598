"""The REST interface below ``/api``: reports in, their state out, and what the words mean."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount

from adapters import rest
from adapters.base import WebhookRequest, WebhookResponse
from adapters.partner.keys import Caller, Scope
from gateway.casework.partners import PartnerService
from gateway.intake.group_commit import NotDurable
from gateway.intake.problems import refusal
from gateway.intake.webhook import TooLarge, respond
from gateway.portals.http.problems import answer_with_problems
from gateway.portals.partners import reference
from gateway.portals.partners import schemas as shapes
from gateway.portals.partners.access import ApiAccess, Slow
from gateway.store.engine import Unavailable
from gateway.store.public import VisibleReport
from normalizer.report import Status

BASE = "/api"
V1 = "/v1"
CURSOR = r"^[0-9a-f-]{0,36}$"
NUMBER = r"^[1-9][0-9-]{11,13}$"
JSON = "application/json"

Number = Annotated[str, Path(pattern=NUMBER, description="The tracking number, with - or without")]
Search = Annotated[str, Query(max_length=100, description="Words of the name")]
Many = Annotated[int, Query(ge=1, le=50)]
IdempotencyKey = Annotated[
    str, Header(max_length=255, description="Yours; the same at every attempt of one report")
]


class Api:
    """The endpoints in front of one channel."""

    def __init__(self, gate: ApiAccess, desk: PartnerService) -> None:
        assert isinstance(gate.channel, rest.Rest)
        self.channel = gate.channel
        self._gate = gate
        self._desk = desk

    async def hook(self, request: Request, response: Response) -> WebhookRequest:
        """Read a request and count it: the dependency of every endpoint."""
        bare = WebhookRequest("", {k.lower(): v for k, v in request.headers.items()}, b"")
        left = await self._gate.count(
            request, self.channel.caller(bare), keyed=bool(self.channel.given_key(bare))
        )
        response.headers.update(left)
        return await self._gate.hook(request)

    def caller(self, hook: WebhookRequest, scope: Scope) -> Caller:
        """Return who calls. Raises ``HTTPException`` 401, 403."""
        caller = self.channel.caller(hook)
        if caller and caller.may(scope):
            return caller
        if not self.channel.given_key(hook):
            raise HTTPException(401, "key_needed", {"www-authenticate": "Bearer"})
        raise HTTPException(403, "key_refused")

    async def take(
        self, hook: WebhookRequest, left: Mapping[str, str], sender: str = ""
    ) -> Response:
        """Take a report in, or what is added to one."""
        kind = hook.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise HTTPException(415, "json_needed")
        answer: WebhookResponse = await self._gate.take(hook, sender)
        return respond(answer, dict(left))

    async def submit(self, hook: WebhookRequest, left: Mapping[str, str]) -> Response:
        """Take a report in."""
        self.caller(hook, "report")
        return await self.take(hook, left)

    async def add(self, number: str, hook: WebhookRequest, left: Mapping[str, str]) -> Response:
        """Take what the same reporter adds to a report of this partner's."""
        caller = self.caller(hook, "update")
        shown = await self._mine(number, caller)
        return await self.take(hook, left, self._desk.contact(shown, caller.name))

    async def state(self, number: str, secret: str, hook: WebhookRequest) -> shapes.StateSchema:
        """Show a report to the partner that sent it, or to whoever knows its secret."""
        if secret:
            if not self._desk.opens(number, secret):
                raise HTTPException(404, "wrong_secret")
            found = await self._desk.window.by_number([number])
            if not found:
                raise HTTPException(404, "on_its_way")
            return await self._state(found[0])
        return await self._state(await self._mine(number, self.caller(hook, "read")))

    async def listing(self, hook: WebhookRequest, before: str, limit: int) -> shapes.Listing:
        """List what a partner sent."""
        own = (self.channel.name, self.caller(hook, "read").name)
        found = await self._desk.window.sent_by(own, before=before, most=limit)
        more = found[-1][0] if len(found) == limit else ""
        return shapes.Listing(
            reports=[shapes.Summary(**shapes.summary(shown)) for _, shown in found], next=more
        )

    def topics(self) -> list[shapes.TopicSchema]:
        """List the topics."""
        return [
            shapes.TopicSchema(
                id=s.code, name=s.name, group=shapes.NamedSchema(id=s.group, name=s.group_name)
            )
            for s in self._desk.services.values()
        ]

    def agencies(self, query: str, limit: int) -> list[shapes.NamedSchema]:
        """Search the agencies."""
        return [shapes.NamedSchema(id=a.id, name=a.name) for a in self._desk.agencies(query, limit)]

    def regions(self, query: str, limit: int) -> list[shapes.RegionSchema]:
        """Search the regions."""
        found = self._desk.regions(query, limit)
        return [shapes.RegionSchema(code=r.code, name=r.name, level=r.level) for r in found]

    async def counts(self) -> list[shapes.Count]:
        """Count the reports of sensitive topics per regency."""
        return [
            shapes.Count(
                region=shapes.RegionSchema(code=region.code, name=region.name, level=region.level),
                reports=count,
            )
            for region, count in await self._desk.counts()
        ]

    async def _mine(self, number: str, caller: Caller) -> VisibleReport:
        own = (self.channel.name, caller.name)
        found = await self._desk.window.by_number([number], own)
        if not (found and found[0].own):
            raise HTTPException(404, "not_yours")
        return found[0]

    async def _state(self, shown: VisibleReport) -> shapes.StateSchema:
        told = await self._desk.window.notifications(shown.report)
        made = shown.report.assignment
        asked = made if made and shown.report.status is Status.WAITING_FOR_REPORTER else None
        return shapes.StateSchema(
            **shapes.summary(shown),
            question=asked.question if asked else None,
            options=list(asked.options) if asked else [],
            messages=[shapes.ToldSchema(at=at, text=text) for at, text in told],
        )


def routes(gate: ApiAccess, desk: PartnerService) -> list[BaseRoute]:
    """Return the routes below ``BASE``."""
    return [Mount(BASE, app=application(Api(gate, desk)))]


def application(api: Api) -> FastAPI:
    """Compose the application."""
    app = FastAPI(
        title="Kanal REST",
        version="1",
        description="Send reports, follow them, and read what the words mean.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{V1}/openapi.json",
        servers=[{"url": BASE}],
    )
    answer_with_problems(app)
    app.add_exception_handler(Slow, _slow)
    app.add_exception_handler(TooLarge, _too_large)
    for away in (Unavailable, NotDurable):
        app.add_exception_handler(away, _away)
    _reports(app, api)
    _words(app, api)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return reference.page(app.openapi())

    return app


def _reports(app: FastAPI, api: Api) -> None:
    asked = Annotated[WebhookRequest, Depends(api.hook)]
    common = _refusals(401, 403, 429, 503)
    sent = {
        "status_code": 201,
        "response_model": shapes.AcceptedSchema,
        "responses": {**common, **_refusals(400, 404, 409, 413, 415, 422)},
    }

    @app.post(
        f"{V1}/reports",
        summary="Send a report",
        openapi_extra=_body(rest.NewReport),
        **sent,  # type: ignore[arg-type]
    )
    async def submit(
        hook: asked, response: Response, idempotency_key: IdempotencyKey = ""
    ) -> Response:
        """Take a report in; scope ``report``. The answer comes when it is safely stored."""
        return await api.submit(hook, response.headers)

    @app.post(
        f"{V1}/reports/{{tracking}}/messages",
        summary="Add to a report",
        openapi_extra=_body(rest.MessageInput),
        **sent,  # type: ignore[arg-type]
    )
    async def add(
        tracking: Number, hook: asked, response: Response, idempotency_key: IdempotencyKey = ""
    ) -> Response:
        """Take what the same reporter adds, or the answer to a question; scope ``update``."""
        return await api.add(_bare(tracking), hook, response.headers)

    @app.get(
        f"{V1}/reports",
        summary="List what you sent, newest first",
        responses={**common, **_refusals(422)},
    )
    async def listing(
        hook: asked,
        before: Annotated[str, Query(pattern=CURSOR)] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> shapes.Listing:
        """List this partner's reports; scope ``read``."""
        return await api.listing(hook, before, limit)

    @app.get(
        f"{V1}/reports/{{tracking}}",
        summary="Look at a report",
        responses={**common, **_refusals(404, 422)},
    )
    async def state(
        tracking: Number,
        hook: asked,
        secret: Annotated[str, Query(max_length=100, description="Instead of a key")] = "",
    ) -> shapes.StateSchema:
        """Show a report: to the partner that sent it (scope ``read``), or by its secret."""
        return await api.state(_bare(tracking), secret, hook)


def _words(app: FastAPI, api: Api) -> None:
    # The searches read long lists: plain functions, so that they run beside the loop.
    counted = [Depends(api.hook)]
    refused = _refusals(422, 429)

    @app.get(
        f"{V1}/topics",
        summary="Topics and their groups",
        dependencies=counted,
        responses=_refusals(429),
    )
    async def topics() -> list[shapes.TopicSchema]:
        """List every topic a report may name."""
        return api.topics()

    @app.get(
        f"{V1}/sensitive-counts",
        summary="Count reports of sensitive topics",
        dependencies=counted,
        responses=_refusals(429, 503),
    )
    async def counts() -> list[shapes.Count]:
        """Count, per regency, the reports that no public list shows; five and more."""
        return await api.counts()

    @app.get(f"{V1}/agencies", summary="Search agencies", dependencies=counted, responses=refused)
    def agencies(q: Search, limit: Many = 12) -> list[shapes.NamedSchema]:
        """Search agencies by the words of their names."""
        return api.agencies(q, limit)

    @app.get(f"{V1}/regions", summary="Search regions", dependencies=counted, responses=refused)
    def regions(q: Search, limit: Many = 12) -> list[shapes.RegionSchema]:
        """Search provinces, regencies, cities and districts by the words of their names."""
        return api.regions(q, limit)


def _bare(number: str) -> str:
    return number.replace("-", "")


def _body(model: type[BaseModel]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {JSON: {"schema": reference}}
    return {"requestBody": {"required": True, "content": content}}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {rest.PROBLEM: {"schema": schema}}
    return {each: {"description": "A problem (RFC 9457)", "content": content} for each in statuses}


def _described(app: FastAPI) -> dict[str, Any]:
    """Describe the interface, with the bodies that the channel itself reads."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=app.servers,
    )
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    for model in (rest.NewReport, rest.MessageInput):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    schemas["Problem"] = _PROBLEM
    made["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    made["security"] = [{"bearer": []}, {"key": []}]
    app.openapi_schema = made
    return made


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "string"}},
    },
}


async def _slow(_: Request, error: Exception) -> Response:
    assert isinstance(error, Slow)
    return respond(rest.problem(429, [str(error)]), dict(error.standing.headers))


async def _too_large(_: Request, error: Exception) -> Response:
    return respond(refusal("too_large"))


async def _away(_: Request, error: Exception) -> Response:
    return respond(refusal("not_stored"), {"retry-after": "5"})
