"""Open311 GeoReport v2 below ``/open311/v2``: services, requests and updates, in XML and JSON.

http://wiki.open311.org/GeoReport_v2, with what its clients came to expect: ``page`` and
``page_size``, ``updated_after`` and ``updated_before``, ``extensions=true``, FixMyStreet's
``servicerequestupdates``. An error is never answered with 200; what cannot be listed whole is not
listed (clients delete the services that a list lacks).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.base import Invalid, WebhookRequest, WebhookResponse
from adapters.open311 import Open311, request_faults, update_faults
from adapters.partner import form as forms
from adapters.partner import georeport
from adapters.partner.form import PartnerForm
from adapters.partner.georeport import Format, moment
from adapters.partner.keys import Caller, Scope
from config.words import words
from gateway.access.recusal import NotYours
from gateway.casework import partners, visibility
from gateway.casework.agencies import MAX_REPLY, AgencyService, Closed, Reply
from gateway.casework.partners import PartnerService, Service
from gateway.intake.group_commit import NotDurable
from gateway.intake.webhook import TooLarge, respond
from gateway.portals.partners import query as asked
from gateway.portals.partners.access import ApiAccess, Slow
from gateway.portals.partners.query import CLOSED, MOST, QueryFault
from gateway.store.engine import Unavailable
from gateway.store.public import Own, ReportUpdate, VisibleReport
from gateway.store.reports import StaleWrite
from normalizer.report import Outcome, Report, Status

BASE = "/open311/v2"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Taken everywhere, so that those that mean nothing get an error of the protocol."""
FORBIDDEN = "api_key: is missing or not valid for this"
REPLIES: Mapping[str, str] = {
    "closed": "answer",
    "fixed": "answer",
    "no_further_action": "answer",
    "duplicate": "answer",
    "not_councils_responsibility": "refuse",
    "internal_referral": "refuse",
}
"""What an agency's update is to Kanal, by its status; any other is progress."""
PROGRESS: Mapping[str, str] = {
    "agency_replied": "in_progress",
    "agency_refused": "for_triage",
    "assigned_by_operator": "investigating",
    Status.RECEIVED.value: "open",
    Status.WAITING_FOR_REPORTER.value: "open",
    Status.TRIAGE.value: "for_triage",
    Status.FORWARDED.value: "investigating",
    Status.IN_PROGRESS.value: "in_progress",
}
"""FixMyStreet's word for each event of a report's log; any other one closes it."""

Handler = Callable[["Call"], Awaitable[WebhookResponse]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the request, the format it wants, what it asks, and who calls."""

    request: Request
    hook: WebhookRequest
    form: Format
    query: PartnerForm
    caller: Caller | None

    def own(self, channel: str) -> Own:
        """Return whose own reports may be shown in full."""
        reads = self.caller is not None and self.caller.may("read")
        return (channel, self.caller.name) if reads and self.caller else None


class GeoReport:
    """The endpoint. ``base`` is its public address."""

    def __init__(
        self, gate: ApiAccess, desk: PartnerService, agencies: AgencyService, base: str
    ) -> None:
        assert isinstance(gate.channel, Open311)
        self.channel = gate.channel
        self._gate = gate
        self._desk = desk
        self._agencies = agencies
        self._base = f"{base.rstrip('/')}{BASE}"
        self._started = gate.now()

    def routes(self) -> list[BaseRoute]:
        """Return the routes below ``BASE``."""
        paths: dict[str, dict[str, Handler]] = {
            "/discovery.{form}": {"GET": self.discovery},
            "/services.{form}": {"GET": self.services},
            "/services/{id}.{form}": {"GET": self.service},
            "/requests.{form}": {"GET": self.requests, "POST": self.submit},
            "/requests/{id}.{form}": {"GET": self.request},
            "/tokens/{id}.{form}": {"GET": self.token},
            "/servicerequestupdates.{form}": {"GET": self.updates, "POST": self.add},
        }
        made = [
            Route(f"{BASE}{path}", self._endpoint(handlers), methods=METHODS)
            for path, handlers in paths.items()
        ]
        others = (BASE, f"{BASE}/{{rest:path}}")
        return [*made, *(Route(path, _not_found, methods=METHODS) for path in others)]

    def _endpoint(
        self, handlers: Mapping[str, Handler]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            form = _form(request)
            handler = handlers.get("GET" if request.method == "HEAD" else request.method)
            if form is None:
                return respond(georeport.errors("xml", 404, ["the formats are xml and json"]))
            if handler is None:
                allow = {"allow": ", ".join(handlers)}
                return respond(georeport.errors(form, 405, [f"only {allow['allow']}"], allow))
            try:
                return await self._answer(request, form, handler)
            except TooLarge:
                said = f"a call of at most {self._gate.block.max_bytes} bytes is taken"
                return respond(georeport.errors(form, 413, [said]))
            except Slow as slow:
                headers = slow.standing.headers
                return respond(georeport.errors(form, 429, [str(slow)], headers))
            except QueryFault as fault:
                return respond(georeport.errors(form, fault.status, fault.faults))
            except Invalid as invalid:
                return respond(georeport.errors(form, 400, invalid.faults))
            except (Unavailable, NotDurable, StaleWrite):
                away = ["cannot be answered now, call again"]
                return respond(georeport.errors(form, 503, away, {"retry-after": "5"}))

        return answer

    async def _answer(self, request: Request, form: Format, handler: Handler) -> Response:
        hook = await self._gate.hook(request)
        caller = self.channel.caller(hook)
        left = await self._gate.count(request, caller, keyed=bool(self.channel.given_key(hook)))
        query = forms.query(hook.url)
        sent = self.channel.form(hook) if request.method == "POST" and caller else query
        wanted = query.first("jurisdiction_id") or sent.first("jurisdiction_id")
        served = self.channel.block.jurisdiction
        if wanted and served and wanted != served:
            raise QueryFault(404, f"jurisdiction_id: only {served} is served here")
        return respond(await handler(Call(request, hook, form, query, caller)), dict(left))

    # what can be reported

    async def discovery(self, call: Call) -> WebhookResponse:
        """Say where the endpoint is and whom to ask for a key."""
        block = self.channel.block
        endpoint = {
            "specification": "http://wiki.open311.org/GeoReport_v2",
            "url": self._base,
            "changeset": moment(self._started),
            "type": "test" if block.test else "production",
            "formats": list(georeport.MEDIA.values()),
        }
        found = {
            "changeset": moment(self._started),
            "contact": block.contact,
            "key_service": block.key_service,
            "endpoints": [endpoint],
        }
        return georeport.document(call.form, "discovery", found)

    async def services(self, call: Call) -> WebhookResponse:
        """List everything that can be reported."""
        listed = [_service(service) for service in self._desk.services.values()]
        return georeport.document(call.form, "services", listed)

    async def service(self, call: Call) -> WebhookResponse:
        """Define one service: none of them asks for more than every request may say."""
        code = call.request.path_params["id"]
        if code not in self._desk.services:
            raise QueryFault(404, "service_code: is not known")
        found: dict[str, Any] = {"service_code": code, "attributes": []}
        return georeport.document(call.form, "service_definition", found)

    # requests

    async def submit(self, call: Call) -> WebhookResponse:
        """Take a request in. Everything that is wrong with it is told at once."""
        self._must(call, "report")
        said = self.channel.form(call.hook)
        code = said.first("service_code")
        if code and code not in self._desk.services:
            raise QueryFault(404, "service_code: is not known", *request_faults(said))
        return await self._gate.take(call.hook)

    async def requests(self, call: Call) -> WebhookResponse:
        """List requests: by their numbers, or newest first by what was asked."""
        own = call.own(self.channel.name)
        if ids := asked.csv(call.query, "service_request_id"):
            if len(ids) > MOST:
                raise QueryFault(400, f"service_request_id: at most {MOST}")
            found = await self._desk.window.by_number(asked.numbers(ids), own)
        else:
            found = await self._desk.window.newest(asked.wanted(call.query, self._gate.now()), own)
        return self._listed(call, self._desk.visible(found))

    async def request(self, call: Call) -> WebhookResponse:
        """Show one request, in a list of one."""
        numbers = asked.numbers([call.request.path_params["id"]])
        found = await self._desk.window.by_number(numbers, call.own(self.channel.name))
        if not (shown := self._desk.visible(found)):
            raise QueryFault(404, "service_request_id: is not known")
        return self._listed(call, shown)

    async def token(self, call: Call) -> WebhookResponse:
        """Tell the number that a token stands for: numbers are given at once, and stand for
        themselves."""
        numbers = asked.numbers([call.request.path_params["id"]])
        if not (found := await self._desk.window.by_number(numbers)):
            raise QueryFault(404, "token: is not known")
        told = [{"service_request_id": each.number, "token": each.number} for each in found]
        return georeport.document(call.form, "service_requests", told)

    def _listed(self, call: Call, found: Sequence[VisibleReport]) -> WebhookResponse:
        more = call.query.first("extensions").lower() in ("true", "1", "yes")
        listed = [self._request(shown, more=more) for shown in found]
        return georeport.document(call.form, "service_requests", listed)

    def _request(self, shown: VisibleReport, *, more: bool) -> dict[str, Any]:
        report = shown.report
        code = report.topic.id if report.topic else report.chosen_topic
        service = self._desk.services.get(code)
        point = report.coordinates
        told: dict[str, Any] = {
            "service_request_id": shown.number,
            "status": "closed" if report.status in CLOSED else "open",
            "status_notes": words("labels").table("status")[report.status],
            "service_name": service.name if service else "",
            "service_code": service.code if service else "",
            "description": shown.text,
            "agency_responsible": _agency(report),
            "service_notice": "",
            "requested_datetime": moment(report.received_at),
            "updated_datetime": moment(shown.updated_at),
            "expected_datetime": _expected(report),
            "address": partners.where(report),
            "address_id": "",
            "zipcode": "",
            "lat": point.latitude if point else None,
            "long": point.longitude if point else None,
            "media_url": "",
        }
        if more:
            assigned = report.assignment.agency if report.assignment else None
            told["extended_attributes"] = {
                "tracking_url": f"{self._base}/requests/{shown.number}.json",
                "routing_reason": visibility.reasons(report),
                "agency_id": assigned.id if assigned and _agency(report) else "",
            }
        return told

    # updates

    async def updates(self, call: Call) -> WebhookResponse:
        """List what happened: to the caller's own requests, or without a key to public ones.

        Times are compared as they are written, in whole seconds.
        """
        since, until = asked.span(call.query, "start_date", "end_date", self._desk.wall())
        own = call.own(self.channel.name)
        end = until + timedelta(seconds=1)
        found = await self._desk.window.updates(since, end, own, most=MOST)
        listed = [_update(each, own is not None) for each in found]
        return georeport.document(call.form, "service_request_updates", listed)

    async def add(self, call: Call) -> WebhookResponse:
        """Take an update: an agency's answer, or what a reporter adds to its own request."""
        caller = self._must(call, "update")
        said = self.channel.form(call.hook)
        if faults := update_faults(said):
            raise QueryFault(400, *faults)
        (number, *_) = asked.numbers([said.first("service_request_id")]) or [""]
        if caller.key.agency:
            return await self._replied(call, caller.key.agency, number, said)
        own = (self.channel.name, caller.name)
        found = await self._desk.window.by_number([number], own)
        if not any(each.own for each in found):
            raise QueryFault(404, "service_request_id: is not known")
        return await self._gate.take(call.hook, self._desk.contact(found[0], caller.name))

    async def _replied(
        self, call: Call, agency: str, number: str, said: PartnerForm
    ) -> WebhookResponse:
        kind = REPLIES.get(said.first("status").lower(), "progress")
        text = said.first("description")[:MAX_REPLY]
        reply = Reply.model_validate({"kind": kind, "text": text})
        update = said.first("update_id")
        try:
            filed = await self._agencies.reply(agency, number, reply, key=update)
        except NotYours:
            raise QueryFault(404, "service_request_id: is not with this agency") from None
        except Closed:
            raise QueryFault(400, "service_request_id: the report is closed") from None
        listed = [{"update_id": update or f"{number}-{len(filed.report.history)}"}]
        return georeport.document(call.form, "service_request_updates", listed, 201)

    def _must(self, call: Call, scope: Scope) -> Caller:
        if call.caller is None or not call.caller.may(scope):
            raise QueryFault(403, FORBIDDEN)
        return call.caller


async def _not_found(_: Request) -> Response:
    return respond(georeport.errors("xml", 404, ["there is nothing here"]))


def _form(request: Request) -> Format | None:
    asked = request.path_params.get("form")
    return asked if asked in georeport.MEDIA else None


def _service(service: Service) -> dict[str, Any]:
    return {
        "service_code": service.code,
        "service_name": service.name,
        "description": f"{service.name} ({service.group_name})",
        "metadata": False,
        "type": "realtime",
        "keywords": ",".join(service.keywords),
        "group": service.group_name,
    }


def _agency(report: Report) -> str:
    made = report.assignment
    given = made and made.agency and made.decision is Outcome.ASSIGN
    return made.agency.name if made and made.agency and given else ""


def _expected(report: Report) -> str | None:
    due = next((d.due for d in report.deadlines if d.name == "resolution"), None)
    # The last second of the working day in western Indonesia.
    return moment(datetime.combine(due, time(16, 59, 59), UTC)) if due else None


def _update(update: ReportUpdate, own: bool) -> dict[str, Any]:
    status = PROGRESS.get(update.kind, "closed") if update.reply != "answer" else "closed"
    label = words("labels").table("status").get(update.kind, "")
    return {
        "update_id": f"{update.number}-{update.seq}",
        "service_request_id": update.number,
        "status": status,
        "updated_datetime": moment(update.at),
        "description": update.text if own and update.text else label,
        "media_url": "",
    }
