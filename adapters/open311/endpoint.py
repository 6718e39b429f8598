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

from adapters.contract import (
    Handler,
    Invalid,
    MountedRoute,
    MountPorts,
    Own,
    Partner,
    ReportClosed,
    ReportUpdate,
    Scope,
    Service,
    UnknownReport,
    VisibleReport,
    WebhookRequest,
    WebhookResponse,
)
from adapters.open311 import georeport, query
from adapters.open311.fields import request_faults, status_of, update_faults, update_text
from adapters.open311.georeport import Format, moment
from adapters.open311.query import CLOSED, MOST, QueryFault
from adapters.open311.settings import Open311Block
from adapters.partner_api import form as forms
from adapters.partner_api.channel import PartnerChannel
from adapters.partner_api.form import PartnerForm
from config.words import words
from normalizer.report import Outcome, Report, Status

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
    "handed_over": "investigating",
    "returned": "for_triage",
    "recalled": "for_triage",
    Status.RECEIVED.value: "open",
    Status.WAITING_FOR_REPORTER.value: "open",
    Status.TRIAGE.value: "for_triage",
    Status.FORWARDED.value: "investigating",
    Status.IN_PROGRESS.value: "in_progress",
}
"""FixMyStreet's word for each event of a report's log; any other one closes it."""

Answer = Callable[["Call"], Awaitable[WebhookResponse]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the request, the format it wants, what it asks, and who calls."""

    request: WebhookRequest
    path: Mapping[str, str]
    form: Format
    query: PartnerForm
    caller: Partner | None
    own: Own
    """Whose own reports may be shown in full."""


class GeoReport:
    """The routes of one channel; ``form`` reads the body of a call."""

    def __init__(
        self,
        channel: PartnerChannel,
        block: Open311Block,
        form: Callable[[WebhookRequest], PartnerForm],
        ports: MountPorts,
    ) -> None:
        self._channel = channel
        self._block = block
        self._form = form
        self._reader, self._window = ports.reader, ports.reader.window
        self._agencies, self._submit, self._now = ports.agencies, ports.submit, ports.now
        self._started = ports.now()

    def routes(self) -> list[MountedRoute]:
        """Return the routes below the channel's address."""
        rows: list[tuple[str, str, Answer]] = [
            ("GET", "/discovery.{form}", self.discovery),
            ("GET", "/services.{form}", self.services),
            ("GET", "/services/{id}.{form}", self.service),
            ("GET", "/requests.{form}", self.requests),
            ("POST", "/requests.{form}", self.submit),
            ("GET", "/requests/{id}.{form}", self.request),
            ("GET", "/tokens/{id}.{form}", self.token),
            ("GET", "/servicerequestupdates.{form}", self.updates),
            ("POST", "/servicerequestupdates.{form}", self.add),
        ]
        return [MountedRoute(method, path, self._handler(answer)) for method, path, answer in rows]

    def _handler(self, answer: Answer) -> Handler:
        async def handle(request: WebhookRequest, path: Mapping[str, str]) -> WebhookResponse:
            form = georeport.format_named(path["form"])
            if form is None:
                return georeport.errors("xml", 404, ["the formats are xml and json"])
            try:
                return await answer(self._call(request, path, form))
            except QueryFault as fault:
                return georeport.errors(form, fault.status, fault.faults)
            except Invalid as invalid:
                return georeport.errors(form, 400, invalid.faults)

        return handle

    def _call(self, request: WebhookRequest, path: Mapping[str, str], form: Format) -> Call:
        caller, asked = self._channel.caller(request), forms.query(request.url)
        sent = self._form(request) if request.method == "POST" and caller else asked
        wanted = asked.first("jurisdiction_id") or sent.first("jurisdiction_id")
        served = self._block.jurisdiction
        if wanted and served and wanted != served:
            raise QueryFault(404, f"jurisdiction_id: only {served} is served here")
        return Call(request, path, form, asked, caller, self._channel.reads_as(caller))

    # what can be reported

    async def discovery(self, call: Call) -> WebhookResponse:
        """Say where the endpoint is and whom to ask for a key."""
        block = self._block
        endpoint = {
            "specification": "http://wiki.open311.org/GeoReport_v2",
            "url": self._channel.address,
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
        listed = [_service(service) for service in self._reader.services.values()]
        return georeport.document(call.form, "services", listed)

    async def service(self, call: Call) -> WebhookResponse:
        """Define one service: none of them asks for more than every request may say."""
        code = call.path["id"]
        if code not in self._reader.services:
            raise QueryFault(404, "service_code: is not known")
        found: dict[str, Any] = {"service_code": code, "attributes": []}
        return georeport.document(call.form, "service_definition", found)

    # requests

    async def submit(self, call: Call) -> WebhookResponse:
        """Take a request in. Everything that is wrong with it is told at once."""
        self._must(call, "report")
        said = self._form(call.request)
        code = said.first("service_code")
        if code and code not in self._reader.services:
            raise QueryFault(404, "service_code: is not known", *request_faults(said))
        return await self._submit(call.request, "")

    async def requests(self, call: Call) -> WebhookResponse:
        """List requests: by their numbers, or newest first by what was asked."""
        own = call.own
        if ids := query.csv(call.query, "service_request_id"):
            if len(ids) > MOST:
                raise QueryFault(400, f"service_request_id: at most {MOST}")
            found = await self._window.by_number(query.numbers(ids), own)
        else:
            found = await self._window.newest(query.read_filter(call.query, self._now()), own)
        return self._listed(call, self._reader.visible(found))

    async def request(self, call: Call) -> WebhookResponse:
        """Show one request, in a list of one."""
        numbers = query.numbers([call.path["id"]])
        found = await self._window.by_number(numbers, call.own)
        if not (shown := self._reader.visible(found)):
            raise QueryFault(404, "service_request_id: is not known")
        return self._listed(call, shown)

    async def token(self, call: Call) -> WebhookResponse:
        """Tell the number that a token stands for: numbers are given at once, and stand for
        themselves."""
        numbers = query.numbers([call.path["id"]])
        if not (found := await self._window.by_number(numbers)):
            raise QueryFault(404, "token: is not known")
        told = [{"service_request_id": each.number, "token": each.number} for each in found]
        return georeport.document(call.form, "service_requests", told)

    def _listed(self, call: Call, reports: Sequence[VisibleReport]) -> WebhookResponse:
        more = call.query.first("extensions").lower() in ("true", "1", "yes")
        listed = [self._request(shown, more=more) for shown in reports]
        return georeport.document(call.form, "service_requests", listed)

    def _request(self, shown: VisibleReport, *, more: bool) -> dict[str, Any]:
        report = shown.report
        code = report.topic.id if report.topic else report.chosen_topic
        service = self._reader.services.get(code)
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
            "address": where(report),
            "address_id": "",
            "zipcode": "",
            "lat": point.latitude if point else None,
            "long": point.longitude if point else None,
            "media_url": "",
        }
        if more:
            assigned = report.assignment.agency if report.assignment else None
            told["extended_attributes"] = {
                "tracking_url": f"{self._channel.address}/requests/{shown.number}.json",
                "routing_reason": self._reader.reasons(report),
                "agency_id": assigned.id if assigned and _agency(report) else "",
            }
        return told

    # updates

    async def updates(self, call: Call) -> WebhookResponse:
        """List what happened: to the caller's own requests, or without a key to public ones.

        Times are compared as they are written, in whole seconds.
        """
        since, until = query.span(call.query, "start_date", "end_date", self._reader.wall())
        own = call.own
        end = until + timedelta(seconds=1)
        found = await self._window.updates(since, end, own, most=MOST)
        listed = [_update(each, own is not None) for each in found]
        return georeport.document(call.form, "service_request_updates", listed)

    async def add(self, call: Call) -> WebhookResponse:
        """Take an update: an agency's answer, or what a reporter adds to its own request."""
        caller = self._must(call, "update")
        said = self._form(call.request)
        if faults := update_faults(said):
            raise QueryFault(400, *faults)
        (number, *_) = query.numbers([said.first("service_request_id")]) or [""]
        if caller.key.agency:
            return await self._replied(call, caller.key.agency, number, said)
        own = (self._channel.name, caller.name)
        found = await self._window.by_number([number], own)
        if not any(each.own for each in found):
            raise QueryFault(404, "service_request_id: is not known")
        return await self._submit(call.request, self._reader.contact(found[0], caller.name))

    async def _replied(
        self, call: Call, agency: str, number: str, form: PartnerForm
    ) -> WebhookResponse:
        kind = REPLIES.get(status_of(form), "progress")
        text, update = update_text(form), form.first("update_id")
        try:
            report = await self._agencies.respond(agency, number, kind, text, key=update)
        except UnknownReport:
            raise QueryFault(404, "service_request_id: is not with this agency") from None
        except ReportClosed:
            raise QueryFault(400, "service_request_id: the report is closed") from None
        listed = [{"update_id": update or f"{number}-{len(report.history)}"}]
        return georeport.document(call.form, "service_request_updates", listed, 201)

    def _must(self, call: Call, scope: Scope) -> Partner:
        if call.caller is None or not call.caller.may(scope):
            raise QueryFault(403, FORBIDDEN)
        return call.caller


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


def where(report: Report) -> str:
    """Name the place of a report: the reporter's own words where they are there, else official."""
    return report.address or ", ".join(dict.fromkeys(place.name for place in report.places[:2]))


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
