"""REST: reports as JSON from whoever holds a key, with an Idempotency-Key.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ and RFC 9457 for what is
wrong. The same key with the same body gets the same answer; with another body it gets 409. Without
the header a report is known by its content and day. What is read is answered by the shell, in which
the partner also finds what its people are told: nothing is sent out here.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationError,
    model_validator,
)

from adapters.contract import (
    AcceptedMessage,
    Author,
    ChannelError,
    ChannelSettings,
    DuplicateId,
    File,
    Forged,
    Inbound,
    Invalid,
    Receipt,
    WebhookRequest,
    WebhookResponse,
)
from adapters.partner_api import identity
from adapters.partner_api.channel import Keyed
from adapters.partner_api.keys import PartnerBlock
from normalizer.report import MAX_TEXT, Kind
from normalizer.tracking import is_valid

PROBLEM = "application/problem+json"
REPORTS = "/api/v1/reports"
MOST_FILES = 20
_MESSAGES = re.compile(rf"{REPORTS}/([1-9][\d-]{{11,13}})/messages")

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Degrees = Annotated[float, Field(allow_inf_nan=False)]


def _number(written: str) -> str:
    number = written.replace("-", "")
    if not is_valid(number):
        raise ValueError("is not a tracking number")
    return number


class ReportInput(BaseModel):
    """A strict, frozen part of a call."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class LocationInput(ReportInput):
    """A point, WGS 84, degrees."""

    latitude: Annotated[Degrees, Field(ge=-90, le=90)]
    longitude: Annotated[Degrees, Field(ge=-180, le=180)]


class Person(ReportInput):
    """Who reports. The same id (else phone, else email) is the same person to Kanal."""

    id: Line = ""
    name: Line = ""
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=50)] = ""
    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=320)] = ""

    @property
    def contact(self) -> str:
        """By what the person is known; "" for nobody."""
        return self.id or self.phone or self.email


class AttachmentInput(ReportInput):
    """A file: its bytes in base64, or where it is kept."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    media_type: Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$", max_length=100)] = (
        "application/octet-stream"
    )
    content_base64: str | None = None
    url: Annotated[HttpUrl, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _bytes_or_address(self) -> Self:
        if (self.content_base64 is None) == (self.url is None):
            raise ValueError("give either content_base64 or url")
        if self.content_base64 is not None:
            try:
                base64.b64decode(self.content_base64, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("content_base64 is not base64") from None
        return self

    def file(self) -> File:
        """Return it as a file."""
        content = None
        if self.content_base64 is not None:
            content = base64.b64decode(self.content_base64)
        return File(self.name, self.media_type, content, str(self.url) if self.url else None)


class MessageInput(ReportInput):
    """What somebody says, and the files that come with it."""

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)
    ]
    attachments: Annotated[
        tuple[AttachmentInput, ...], Field(max_length=MOST_FILES, strict=False)
    ] = ()


class NewReport(MessageInput):
    """A report as a partner sends it. Only ``text`` is needed."""

    title: Line = ""
    kind: Kind | None = None
    """What the reporter chose; without it Kanal reads it from the words."""
    occurred_on: date | None = None
    address: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    """Where it happened, in words."""
    location: LocationInput | None = None
    topic: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,59})?$")] = ""
    """The id of a topic or of a group of topics, from /api/v1/topics: evidence, not an order."""
    agency: Line = ""
    """Which agency the reporter thinks must act, in words: a guess, never an order."""
    anonymous: bool = False
    """Anonim: hides who wrote from the agency."""
    confidential: bool = False
    """Rahasia: hides the report from the public."""
    public: bool = False
    """The reporter agrees that the masked words are shown in public once an operator released
    them. Never with anonymous or confidential, and never of a sensitive topic."""
    sender: Person = Person()
    reply_to: Annotated[str, AfterValidator(_number)] | None = None
    """The tracking number of an earlier report of the same sender that this adds to."""


class RestBlock(PartnerBlock):
    """``type = "rest"``."""

    type: Literal["rest"]


class Rest(Keyed):
    """Reports of partners whose programs speak JSON."""

    settings = RestBlock
    fetched = True
    block: RestBlock
    strict_ids: ClassVar[bool] = True
    no_key: ClassVar[str] = "there is no valid key in this request"

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._public_url = public_url.rstrip("/")

    def given_key(self, hook: WebhookRequest) -> str:
        """Return the key of ``Authorization: Bearer`` or ``X-API-Key``, "" without one."""
        scheme, _, token = hook.headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        return bearer or hook.headers.get("x-api-key", "").strip()

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read a report, or what is added to one. Raises ``Invalid`` with all that is wrong."""
        added_to = _MESSAGES.fullmatch(urlsplit(hook.url).path)
        try:
            said = _added(hook.body, added_to[1]) if added_to else _sent(hook.body)
        except ValidationError as error:
            raise Invalid(list(_faults(error))) from None
        caller = self.caller(hook)
        name, external_id = caller.name if caller else "", _external_id(hook)
        known_by = hook.headers.get(identity.SENDER) if added_to else ""
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
        url = f"{self._public_url}{REPORTS}/{number}"
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


def problem(status: int, faults: Sequence[str]) -> WebhookResponse:
    """Compose a problem; ``errors`` lists every fault."""
    title = HTTPStatus(status).phrase
    told: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    told["detail"] = "; ".join(faults)
    if status == 400:
        told["errors"] = list(faults)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return WebhookResponse(status, PROBLEM, json.dumps(told).encode(), headers)


def _sent(body: bytes) -> NewReport:
    return NewReport.model_validate_json(body)


def _added(body: bytes, number: str) -> NewReport:
    said = MessageInput.model_validate_json(body)
    return NewReport(text=said.text, attachments=said.attachments, reply_to=number)


def _external_id(hook: WebhookRequest) -> str:
    key = identity.named(hook)
    return f"key:{key}" if key else identity.by_content(hook, [hook.body])


def _faults(error: ValidationError) -> Iterator[str]:
    """Say what is wrong and where; never what was given."""
    for each in error.errors(include_input=False, include_url=False):
        where = ".".join(map(str, each["loc"]))
        yield f"{where}: {each['msg']}" if where else each["msg"]


CHANNEL = Rest
