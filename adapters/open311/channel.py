"""Open311: service requests by GeoReport v2, from whoever holds a key.

http://wiki.open311.org/GeoReport_v2. Bodies are forms (URL-encoded, or multipart with photos) or
JSON. GeoReport has no idempotency key, and FixMyStreet sends the whole report again after a
timeout: a request is known by its Idempotency-Key, by FixMyStreet's id, or by its content and day,
and a repeat gets the number it got before. Everything that is wrong with a request is told at once.
What is read (services, requests, updates) is answered by the shell.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from adapters.contract import (
    AcceptedMessage,
    Author,
    ChannelError,
    ChannelSettings,
    File,
    Forged,
    Inbound,
    Invalid,
    Receipt,
    WebhookRequest,
    WebhookResponse,
)
from adapters.open311 import georeport
from adapters.partner_api import form, identity
from adapters.partner_api.channel import Keyed
from adapters.partner_api.form import PartnerForm
from adapters.partner_api.keys import PartnerBlock

MAX_DESCRIPTION = 4000
"""Characters; the specification's own limit."""
MOST_MEDIA = 20
UPDATES = "/servicerequestupdates"
_LIMITS = {"lat": 90.0, "long": 180.0}
_ATTRIBUTE = re.compile(r"attribute\[([^\]\[]{1,100})\](?:\[\])?")
_PUBLIC = "public"
"""The attribute by which a reporter agrees that the words are shown in public."""
_YES = frozenset({"1", "true", "yes"})
_TECHNICAL = frozenset(
    {"easting", "external_id", "fixmystreet_id", "northing", "report_url", _PUBLIC}
)
"""Attributes that say something to programs only."""
_LONGEST = {"email": 320, "phone": 50, "first_name": 100, "last_name": 100, "address_string": 500}
_NOTICE = {
    "en": "Keep the number: it shows where the report stands.",
    "id": "Simpan nomor ini untuk melihat perkembangan laporan.",
}


class Open311Block(PartnerBlock):
    """``type = "open311"``."""

    type: Literal["open311"]
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = ""
    """The jurisdiction_id that is served; "" serves callers whatever they name."""
    contact: str = ""
    """Whom developers write to; told by the discovery page."""
    key_service: str = ""
    """How to get a key, in words or as an address; told by the discovery page."""
    test: bool = False
    """Told by the discovery page: this endpoint is for trying out."""


class Open311(Keyed):
    """Requests and updates of partners who speak GeoReport v2."""

    settings = Open311Block
    fetched = True
    block: Open311Block
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
        if faults := (update_faults if update else request_faults)(said):
            raise Invalid(faults)
        return [self._update(hook, said, name) if update else self._request(hook, said, name)]

    def _request(self, hook: WebhookRequest, said: PartnerForm, caller: str) -> Inbound:
        files = tuple(_files(said))
        external_id = _external_id(hook, said, files)
        contact = contact_of(said) or f"request:{external_id}"
        return Inbound(
            channel=self.name,
            account=caller,
            external_id=external_id,
            sender=Author(identity.address(caller, contact), _name(said)),
            text=_text(said),
            raw=hook.body,
            subject=said.first("attribute[title]") or None,
            files=files,
            location=_location(said),
            address=said.first("address_string") or said.first("address_id"),
            topic=said.first("service_code"),
            public=said.first(f"attribute[{_PUBLIC}]").lower() in _YES,
            explicit=True,
        )

    def _update(self, hook: WebhookRequest, said: PartnerForm, caller: str) -> Inbound:
        """Read what a reporter adds to a request; the shell has checked whose request it is."""
        number, update = said.first("service_request_id"), said.first("update_id")
        files = tuple(_files(said))
        text = said.first("description")
        by_content = identity.by_content(hook, [number, text, *_contents(files)])
        external_id = f"update:{update or by_content}"
        contact = hook.headers.get(identity.SENDER) or contact_of(said) or external_id
        return Inbound(
            channel=self.name,
            account=caller,
            external_id=external_id,
            sender=Author(identity.address(caller, contact), _name(said)),
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
        made = [self._told(each) for each in filed]
        return georeport.document(kind, "service_requests", made, 201)

    def _told(self, filed: AcceptedMessage) -> dict[str, str]:
        return {
            "service_request_id": filed.tracking,
            "service_notice": f"{filed.danger} {_NOTICE['id']} / {_NOTICE['en']}".strip(),
            "account_id": "",
        }

    def refusal(self, hook: WebhookRequest, error: ChannelError) -> WebhookResponse:
        """Tell everything that is wrong, in the format that was asked for."""
        faults = error.faults if isinstance(error, Invalid) else (str(error),)
        status = 403 if isinstance(error, Forged) else 400
        return georeport.errors(georeport.format_of(hook.url), status, faults)


def request_faults(said: PartnerForm) -> list[str]:
    """List everything that is wrong with a request, in words."""
    return [
        *([] if said.first("service_code") else ["service_code: is required"]),
        *_place_faults(said),
        *_length_faults(said),
        *_media_faults(said),
    ]


def update_faults(said: PartnerForm) -> list[str]:
    """List everything that is wrong with an update."""
    needed = ("service_request_id", "description")
    missing = [f"{name}: is required" for name in needed if not said.first(name)]
    if len(said.first("update_id")) > 100:
        missing.append("update_id: at most 100 characters")
    return [*missing, *_length_faults(said), *_media_faults(said)]


def contact_of(said: PartnerForm) -> str:
    """Return by what the reporter is known: an address, or an account or device of the client's."""
    for name in ("email", "phone"):
        if given := said.first(name):
            return given[:320]
    for name in ("account_id", "device_id"):
        if given := said.first(name):
            return f"{name.removesuffix('_id')}:{given[:200]}"
    return ""


def _place_faults(said: PartnerForm) -> Iterator[str]:
    points = {name: said.first(name) for name in _LIMITS}
    for name, value in points.items():
        if value and _degrees(name, value) is None:
            yield f"{name}: must be degrees between -{_LIMITS[name]:g} and {_LIMITS[name]:g}"
    given = [name for name, value in points.items() if value]
    if len(given) == 1:
        yield "lat and long: must be given together"
    if not (given or said.first("address_string") or said.first("address_id")):
        yield "lat and long, address_string or address_id: one of them is required"


def _length_faults(said: PartnerForm) -> Iterator[str]:
    if len(said.first("description")) > MAX_DESCRIPTION:
        yield f"description: at most {MAX_DESCRIPTION} characters"
    for name, most in _LONGEST.items():
        if len(said.first(name)) > most:
            yield f"{name}: at most {most} characters"


def _media_faults(said: PartnerForm) -> Iterator[str]:
    urls = said.all("media_url")
    if len(urls) > MOST_MEDIA:
        yield f"media_url: at most {MOST_MEDIA}"
    if not all(map(_is_web, urls)):
        yield "media_url: must be an http or https address of at most 2000 characters"


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 2000


def _degrees(name: str, value: str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) and abs(found) <= _LIMITS[name] else None


def _location(said: PartnerForm) -> tuple[float, float] | None:
    latitude, longitude = (_degrees(name, said.first(name)) for name in ("lat", "long"))
    return None if latitude is None or longitude is None else (latitude, longitude)


def _text(said: PartnerForm) -> str:
    """Return description and attributes in words; the chosen service where there are none."""
    description = said.first("description")
    lines = [description] if description else []
    for field, values in said.fields.items():
        found = _ATTRIBUTE.fullmatch(field)
        if not found or found[1] in _TECHNICAL:
            continue
        words = ", ".join(value for value in values if value not in description)
        if words:
            lines.append(f"{found[1].replace('_', ' ')}: {words}")
    return "\n".join(lines) or said.first("service_code").replace("-", " ")


def _files(said: PartnerForm) -> Iterator[File]:
    yield from said.files
    for url in said.all("media_url"):
        name = urlsplit(url).path.rpartition("/")[2] or "media"
        yield File(name, "application/octet-stream", url=url)


def _contents(files: Sequence[File]) -> Iterator[str | bytes]:
    return (file.content or file.url or "" for file in files)


def _external_id(hook: WebhookRequest, said: PartnerForm, files: Sequence[File]) -> str:
    if key := identity.named(hook):
        return f"key:{key}"
    if theirs := said.first("attribute[fixmystreet_id]"):
        return f"fixmystreet:{theirs}"
    kept = (f"{name}={','.join(values)}" for name, values in sorted(said.fields.items()))
    words = (field for field in kept if not field.startswith(("api_key=", "media_url=")))
    return identity.by_content(hook, [*words, *_contents(files)])


def _name(said: PartnerForm) -> str | None:
    names = (said.first("first_name"), said.first("last_name"))
    return " ".join(filter(None, names)) or None


CHANNEL = Open311
