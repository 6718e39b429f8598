"""REST: reports as JSON from partners with a key, with an Idempotency-Key.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ and RFC 9457 for what is
wrong. The same key with the same body gets the same answer; with another body it gets 409. Without
the header a report is known by its content and day. What is read is answered by ``endpoint``, where
the partner also finds what its people are told: nothing is sent out.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import ValidationError

from adapters.contract import (
    SENDER,
    AcceptedMessage,
    Author,
    ChannelError,
    DuplicateId,
    Forged,
    Inbound,
    Invalid,
    MountedRoute,
    MountPorts,
    Receipt,
    WebhookRequest,
    WebhookResponse,
)
from adapters.partner_api import identity
from adapters.partner_api.channel import PartnerBlock, PartnerChannel
from adapters.partner_api.form import charset_of
from adapters.rest.endpoint import BASE, DOCUMENT, V1, RestApi, describe_api
from adapters.rest.inputs import MessageInput, NewReport, read_body
from adapters.rest.problems import failure, problem

_MESSAGES = re.compile(rf"{BASE}{V1}/reports/([1-9][0-9-]{{11,13}})/messages")


class RestBlock(PartnerBlock):
    """``type = "rest"``."""

    type: Literal["rest"]


class Rest(PartnerChannel):
    """Reports of partners whose programs speak JSON."""

    settings = RestBlock
    base: ClassVar[str] = BASE
    document_path: ClassVar[str] = DOCUMENT
    fetched = True
    block: RestBlock
    strict_ids: ClassVar[bool] = True
    no_key: ClassVar[str] = "there is no valid key in this request"

    def given_key(self, hook: WebhookRequest) -> str:
        """Return the key of ``Authorization: Bearer`` or ``X-API-Key``, "" without one."""
        scheme, _, token = hook.headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        return bearer or hook.headers.get("x-api-key", "").strip()

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read a report, or what is added to one. Raises ``Invalid`` with all that is wrong."""
        added_to = _MESSAGES.fullmatch(urlsplit(hook.url).path)
        try:
            body = read_body(hook.body, charset_of(hook.headers.get("content-type", "")))
            said = _added(body, added_to[1]) if added_to else _sent(body)
        except ValidationError as error:
            raise Invalid(list(_faults(error))) from None
        caller = self.caller(hook)
        name, external_id = caller.name if caller else "", _external_id(hook)
        known_by = hook.headers.get(SENDER) if added_to else ""
        contact = known_by or said.sender.contact or f"request:{external_id}"
        return [
            Inbound(
                channel=self.name,
                account=name,
                external_id=external_id,
                sender=Author(identity.address(name, contact), said.sender.name or None),
                text=said.text,
                raw=hook.body,
                subject=said.title or None,
                files=tuple(each.file() for each in said.attachments),
                location=(said.location.latitude, said.location.longitude)
                if said.location
                else None,
                token=said.reply_to,
                address=said.address,
                topic=said.topic,
                agency=said.agency,
                kind=said.kind,
                occurred_on=said.occurred_on,
                anonymous=said.anonymous,
                confidential=said.confidential,
                public=said.public,
                explicit=True,
            )
        ]

    def reply(self, hook: WebhookRequest, filed: Sequence[AcceptedMessage]) -> WebhookResponse:
        """Tell number and secret, and where the report can be looked at."""
        if not filed:
            return problem(500, ["the report is kept, and has no number yet"])
        number, secret = filed[0].tracking, filed[0].secret
        url = f"{self.address}{V1}/reports/{number}"
        told = {
            "tracking": number,
            "secret": secret,
            "status_url": url,
            "tracking_url": f"{url}?secret={secret}",
        }
        if filed[0].danger:
            told = {"danger": filed[0].danger, **told}
        return WebhookResponse(
            201, "application/json", json.dumps(told).encode(), {"location": url}
        )

    def refusal(self, hook: WebhookRequest, error: ChannelError) -> WebhookResponse:
        """Tell everything that is wrong as a problem (RFC 9457)."""
        if isinstance(error, Forged):
            return problem(403 if self.given_key(hook) else 401, [str(error)])
        faults = error.faults if isinstance(error, Invalid) else (str(error),)
        return problem(409 if isinstance(error, DuplicateId) else 400, faults)

    def routes(self, ports: MountPorts) -> list[MountedRoute]:
        """Return the routes below ``/api``."""
        return RestApi(self, ports).routes()

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return describe_api()

    def failure(
        self, request: WebhookRequest, status: int, allow: Sequence[str] = ()
    ) -> WebhookResponse:
        """Compose a problem."""
        return failure(status)


def _sent(body: bytes | str) -> NewReport:
    return NewReport.model_validate_json(body)


def _added(body: bytes | str, number: str) -> NewReport:
    said = MessageInput.model_validate_json(body)
    return NewReport(text=said.text, attachments=said.attachments, reply_to=number)


def _external_id(hook: WebhookRequest) -> str:
    key = identity.idempotency_key(hook)
    return f"key:{key}" if key else identity.by_content(hook, [hook.body])


def _faults(error: ValidationError) -> Iterator[str]:
    """Say what is wrong and where; never what was given."""
    for each in error.errors(include_input=False, include_url=False):
        where = ".".join(map(str, each["loc"]))
        yield f"{where}: {each['msg']}" if where else each["msg"]


CHANNEL = Rest
