"""The REST interface below ``/api``: reports in, their state out, and what the words mean."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from adapters.contract import (
    MountedRoute,
    MountPorts,
    Partner,
    Scope,
    VisibleReport,
    WebhookRequest,
    WebhookResponse,
)
from adapters.partner_api.channel import PartnerChannel
from adapters.rest import schemas
from adapters.rest.inputs import NUMBER, MessageInput, NewReport
from adapters.rest.operations import JSON, Answer, Operation, document
from adapters.rest.problems import CallRefused
from normalizer.report import Status

BASE = "/api"
V1 = "/v1"
DOCUMENT = f"{V1}/openapi.json"
CURSOR = r"^[0-9a-f-]{0,36}$"
ANY_CALL = (401, 403, 429, 503)
SENDING = (*ANY_CALL, 400, 409, 413, 415, 422, 500)


class ByNumber(BaseModel):
    """Which report."""

    tracking: Annotated[
        str, Field(pattern=NUMBER, description="The tracking number, with - or without")
    ]


class Idempotent(BaseModel):
    """What makes two attempts one."""

    idempotency_key: Annotated[
        str,
        Field(
            alias="idempotency-key",
            max_length=255,
            pattern=r"^[ -~]*$",
            description="Yours; the same at every attempt of one report",
        ),
    ] = ""


class PageQuery(BaseModel):
    """Which page of a list."""

    before: Annotated[str, Field(pattern=CURSOR)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class SecretQuery(BaseModel):
    """What opens a report to a person without a key."""

    secret: Annotated[str, Field(max_length=100, description="Instead of a key")] = ""


class SearchQuery(BaseModel):
    """What is looked for."""

    q: Annotated[str, Field(max_length=100, description="Words of the name")]
    limit: Annotated[int, Field(ge=1, le=50)] = 12


OPERATIONS = (
    Operation(
        "submit",
        "POST",
        f"{V1}/reports",
        "Send a report",
        "Take a report in; scope ``report``. The answer comes when it is safely stored.",
        schemas.AcceptedSchema,
        SENDING,
        {"header": Idempotent},
        NewReport,
        201,
    ),
    Operation(
        "listing",
        "GET",
        f"{V1}/reports",
        "List what you sent, newest first",
        "List this partner's reports; scope ``read``.",
        schemas.Listing,
        (*ANY_CALL, 422),
        {"query": PageQuery},
    ),
    Operation(
        "add",
        "POST",
        f"{V1}/reports/{{tracking}}/messages",
        "Add to a report",
        "Take what the same reporter adds, or the answer to a question; scope ``update``.",
        schemas.AcceptedSchema,
        (*SENDING, 404),
        {"path": ByNumber, "header": Idempotent},
        MessageInput,
        201,
    ),
    Operation(
        "state",
        "GET",
        f"{V1}/reports/{{tracking}}",
        "Look at a report",
        "Show a report: to the partner that sent it (scope ``read``), or by its secret.",
        schemas.StateSchema,
        (*ANY_CALL, 404, 422),
        {"path": ByNumber, "query": SecretQuery},
        access="key or secret",
    ),
    Operation(
        "topics",
        "GET",
        f"{V1}/topics",
        "Topics and their groups",
        "List every topic a report may name.",
        list[schemas.TopicSchema],
        (429,),
        access="open",
    ),
    Operation(
        "counts",
        "GET",
        f"{V1}/sensitive-counts",
        "Count reports of sensitive topics",
        "Count, per regency, the reports that no public list shows; five and more.",
        list[schemas.Count],
        (429, 503),
        access="open",
    ),
    Operation(
        "agencies",
        "GET",
        f"{V1}/agencies",
        "Search agencies",
        "Search agencies by the words of their names.",
        list[schemas.NamedSchema],
        (422, 429),
        {"query": SearchQuery},
        access="open",
    ),
    Operation(
        "regions",
        "GET",
        f"{V1}/regions",
        "Search regions",
        "Search provinces, regencies, cities and districts by the words of their names.",
        list[schemas.RegionSchema],
        (422, 429),
        {"query": SearchQuery},
        access="open",
    ),
)
"""All there is; each is answered by the method of ``RestApi`` of its name."""
INFO = {
    "title": "Kanal REST",
    "description": "Send reports, follow them, and read what the words mean.",
    "version": "1",
}


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return document(OPERATIONS, INFO, BASE)


class RestApi:
    """The operations in front of one channel."""

    def __init__(self, channel: PartnerChannel, ports: MountPorts) -> None:
        self._channel = channel
        self._reader, self._window = ports.reader, ports.reader.window
        self._submit = ports.submit

    def routes(self) -> list[MountedRoute]:
        """Return the operations as routes."""
        answers: Sequence[Answer] = [getattr(self, each.name) for each in OPERATIONS]
        return [each.route(answer) for each, answer in zip(OPERATIONS, answers, strict=True)]

    async def submit(self, request: WebhookRequest, idempotency_key: str) -> WebhookResponse:
        """Take a report in."""
        self._caller(request, "report")
        return await self._take(request)

    async def add(
        self, request: WebhookRequest, tracking: str, idempotency_key: str
    ) -> WebhookResponse:
        """Take what the same reporter adds to a report of this partner's."""
        caller = self._caller(request, "update")
        shown = await self._mine(_bare(tracking), caller)
        return await self._take(request, self._reader.contact(shown, caller.name))

    async def state(
        self, request: WebhookRequest, tracking: str, secret: str
    ) -> schemas.StateSchema:
        """Show a report to the partner that sent it, or to a person who knows its secret."""
        number = _bare(tracking)
        if not secret:
            return await self._state(await self._mine(number, self._caller(request, "read")))
        if not self._reader.opens(number, secret):
            raise CallRefused(404, "wrong_secret")
        found = await self._window.by_number([number])
        if not found:
            raise CallRefused(404, "on_its_way")
        return await self._state(found[0])

    async def listing(self, request: WebhookRequest, before: str, limit: int) -> schemas.Listing:
        """List what a partner sent."""
        own = (self._channel.name, self._caller(request, "read").name)
        found = await self._window.sent_by(own, before=before, most=limit)
        more = found[-1][0] if len(found) == limit else ""
        return schemas.Listing(
            reports=[schemas.Summary(**schemas.summary(shown)) for _, shown in found], next=more
        )

    async def topics(self, request: WebhookRequest) -> list[schemas.TopicSchema]:
        """List the topics."""
        return [
            schemas.TopicSchema(
                id=s.code, name=s.name, group=schemas.NamedSchema(id=s.group, name=s.group_name)
            )
            for s in self._reader.services.values()
        ]

    # The searches read long lists, so they run beside the loop.

    async def agencies(
        self, request: WebhookRequest, q: str, limit: int
    ) -> list[schemas.NamedSchema]:
        """Search the agencies."""
        found = await asyncio.to_thread(self._reader.agencies, q, limit)
        return [schemas.NamedSchema(id=each.id, name=each.name) for each in found]

    async def regions(
        self, request: WebhookRequest, q: str, limit: int
    ) -> list[schemas.RegionSchema]:
        """Search the regions."""
        found = await asyncio.to_thread(self._reader.regions, q, limit)
        return [schemas.region(each) for each in found]

    async def counts(self, request: WebhookRequest) -> list[schemas.Count]:
        """Count the reports of sensitive topics per regency."""
        counted = await self._reader.counts()
        return [
            schemas.Count(region=schemas.region(found), reports=count) for found, count in counted
        ]

    def _caller(self, request: WebhookRequest, scope: Scope) -> Partner:
        """Return who calls. Raises ``CallRefused`` 401, 403."""
        caller = self._channel.caller(request)
        if caller and caller.may(scope):
            return caller
        if not self._channel.given_key(request):
            raise CallRefused(401, "key_needed", www_authenticate="Bearer")
        raise CallRefused(403, "key_refused")

    async def _take(self, request: WebhookRequest, sender: str = "") -> WebhookResponse:
        """Take a report in, or what is added to one."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise CallRefused(415, "json_needed")
        return await self._submit(request, sender)

    async def _mine(self, number: str, caller: Partner) -> VisibleReport:
        found = await self._window.by_number([number], (self._channel.name, caller.name))
        if not (found and found[0].own):
            raise CallRefused(404, "not_yours")
        return found[0]

    async def _state(self, report: VisibleReport) -> schemas.StateSchema:
        told = await self._window.notifications(report.report)
        made = report.report.assignment
        asked = made if made and report.report.status is Status.WAITING_FOR_REPORTER else None
        return schemas.StateSchema(
            **schemas.summary(report),
            question=asked.question if asked else None,
            options=list(asked.options) if asked else [],
            messages=[schemas.ToldSchema(at=at, text=text) for at, text in told],
        )


def _bare(number: str) -> str:
    return number.replace("-", "")
