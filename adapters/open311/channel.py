"""Open311: service requests by GeoReport v2, from partners with a key.

http://wiki.open311.org/GeoReport_v2. Bodies are forms (URL-encoded, or multipart with photos) or
JSON. GeoReport has no idempotency key, and FixMyStreet sends the whole report again after a
timeout: a request is known by its Idempotency-Key, by FixMyStreet's id, or by its content and day,
and a repeat gets the number it got before. Everything that is wrong with a request is told at once.
What is read (services, requests, updates) is answered by ``endpoint``.
"""

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from adapters.contract import (
    SENDER,
    AcceptedMessage,
    Author,
    ChannelError,
    ChannelSettings,
    Forged,
    Inbound,
    Invalid,
    MountedRoute,
    MountPorts,
    Receipt,
    WebhookRequest,
    WebhookResponse,
)
from adapters.open311 import fields, georeport
from adapters.open311.endpoint import GeoReport
from adapters.open311.settings import Open311Block
from adapters.partner_api import form, identity
from adapters.partner_api.channel import PartnerChannel
from adapters.partner_api.form import PartnerForm
from config.words import LANGUAGES, words

UPDATES = "/servicerequestupdates"


class Open311(PartnerChannel):
    """Requests and updates of partners who speak GeoReport v2."""

    settings = Open311Block
    fetched = True
    block: Open311Block
    base: ClassVar[str] = "/open311/v2"
    key_in_body: ClassVar[bool] = True
    can_ask: ClassVar[bool] = False
    no_key: ClassVar[str] = "there is no valid api_key in this request"

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._last: tuple[WebhookRequest, PartnerForm] | None = None

    def given_key(self, hook: WebhookRequest) -> str:
        """Return the ``api_key`` of the query or the body, "" without one."""
        try:
            return form.query(hook.url).first("api_key") or self.form(hook).first("api_key")
        except Invalid:
            return ""

    def form(self, hook: WebhookRequest) -> PartnerForm:
        """Read the body of a hook; the same hook is read once. Raises ``Invalid``."""
        if self._last is None or self._last[0] is not hook:
            self._last = (hook, form.read(hook))
        return self._last[1]

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read a request, or an update of one. Raises ``Invalid`` with all that is wrong."""
        try:
            said = self.form(hook)
            caller = self.caller(hook)
        finally:
            self._last = None  # a body is large, and is not read again
        name = caller.name if caller else ""
        update = UPDATES in urlsplit(hook.url).path
        if faults := (fields.update_faults if update else fields.request_faults)(said):
            raise Invalid(faults)
        return [self._update(hook, said, name) if update else self._request(hook, said, name)]

    def _request(self, hook: WebhookRequest, form: PartnerForm, caller: str) -> Inbound:
        files = tuple(fields.files(form))
        external_id = fields.external_id(hook, form, files)
        contact = fields.contact_of(form) or f"request:{external_id}"
        return Inbound(
            channel=self.name,
            account=caller,
            external_id=external_id,
            sender=Author(identity.address(caller, contact), fields.name(form)),
            text=fields.text(form),
            raw=hook.body,
            subject=form.first("attribute[title]") or None,
            files=files,
            location=fields.location(form),
            address=form.first("address_string") or form.first("address_id"),
            topic=form.first("service_code"),
            public=form.first(f"attribute[{fields.PUBLIC}]").lower() in fields.YES,
            explicit=True,
        )

    def _update(self, hook: WebhookRequest, form: PartnerForm, caller: str) -> Inbound:
        """Read what a reporter adds to a request; the shell has checked whose request it is."""
        number, update = form.first("service_request_id"), form.first("update_id")
        files = tuple(fields.files(form))
        text = fields.update_text(form)
        by_content = identity.by_content(hook, [number, text, *fields.contents(files)])
        external_id = f"update:{update or by_content}"
        contact = hook.headers.get(SENDER) or fields.contact_of(form) or external_id
        return Inbound(
            channel=self.name,
            account=caller,
            external_id=external_id,
            sender=Author(identity.address(caller, contact), fields.name(form)),
            text=text,
            raw=hook.body,
            files=files,
            token=number,
            explicit=True,
        )

    def reply(self, hook: WebhookRequest, filed: Sequence[AcceptedMessage]) -> WebhookResponse:
        """Tell the number at once: FixMyStreet counts a pending token as a failure."""
        kind = georeport.format_of(hook.url)
        if not filed:
            return georeport.errors(kind, 500, ["the request is kept, and has no number yet"])
        if UPDATES in urlsplit(hook.url).path:
            ids = [each.inbound.external_id.removeprefix("update:") for each in filed]
            listed = [{"update_id": id} for id in ids]
            return georeport.document(kind, "service_request_updates", listed, 201)
        made = [self._as_fields(each) for each in filed]
        return georeport.document(kind, "service_requests", made, 201)

    def _as_fields(self, message: AcceptedMessage) -> dict[str, str]:
        notice = (words("labels").say("notice.keep_number", each) for each in LANGUAGES)
        return {
            "service_request_id": message.tracking,
            "service_notice": f"{message.danger} {' / '.join(notice)}".strip(),
            "account_id": "",
        }

    def refusal(self, hook: WebhookRequest, error: ChannelError) -> WebhookResponse:
        """Tell everything that is wrong, in the format that was asked for."""
        faults = error.faults if isinstance(error, Invalid) else (str(error),)
        status = 403 if isinstance(error, Forged) else 400
        return georeport.errors(georeport.format_of(hook.url), status, faults)

    def routes(self, ports: MountPorts) -> list[MountedRoute]:
        """Return the routes of GeoReport v2."""
        return GeoReport(self, self.block, self.form, ports).routes()

    def failure(
        self, request: WebhookRequest, status: int, allow: Sequence[str] = ()
    ) -> WebhookResponse:
        """Write an error of the protocol; what has no format gets XML."""
        said = {
            404: "there is nothing here",
            405: f"only {', '.join(allow)}",
            413: f"a call of at most {self.max_bytes} bytes is taken",
            429: "too many calls in a minute",
        }.get(status, "cannot be answered now, call again")
        form = "xml" if status == 404 else georeport.format_of(request.url)
        return georeport.errors(form, status, [said])


CHANNEL = Open311
