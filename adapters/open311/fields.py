"""What the fields of a request or an update say, and everything that is wrong with them."""

import math
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from adapters.contract import File, WebhookRequest
from adapters.partner_api import identity
from adapters.partner_api.form import PartnerForm
from config.words import words

MAX_DESCRIPTION = 4000
"""Characters; the specification's own limit."""
MOST_MEDIA = 20
_LIMITS = {"lat": 90.0, "long": 180.0}
_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]+)\](.*)", re.DOTALL)
"""The code of an attribute, and what clients write behind it: ``[]``, or which value it is."""
PUBLIC = "public"
"""The attribute by which a reporter agrees that the words are shown in public."""
YES = frozenset({"1", "true", "yes"})
_TECHNICAL = frozenset(
    {"easting", "external_id", "fixmystreet_id", "northing", "report_url", PUBLIC}
)
"""Attributes that say something to programs only."""
_ALSO_IN_DESCRIPTION = frozenset({"description", "title"})
"""Attributes that FixMyStreet's client also writes into the description, as lines of it."""
_NO_NEWS = frozenset({"", "confirmed", "open", "unchanged"})
"""Statuses of an update that say nothing new beside its words."""
_LONGEST = {"email": 320, "phone": 50, "first_name": 100, "last_name": 100, "address_string": 500}


def request_faults(form: PartnerForm) -> list[str]:
    """List everything that is wrong with a request, in words."""
    return [
        *([] if form.first("service_code") else ["service_code: is required"]),
        *_place_faults(form),
        *_length_faults(form),
        *_media_faults(form),
    ]


def update_faults(form: PartnerForm) -> list[str]:
    """List everything that is wrong with an update. It may be words, a new status, or files."""
    missing = [] if form.first("service_request_id") else ["service_request_id: is required"]
    if not (update_text(form) or any(files(form))):
        missing.append("description: is required, or a status or a photo")
    if len(form.first("update_id")) > 100:
        missing.append("update_id: at most 100 characters")
    return [*missing, *_length_faults(form), *_media_faults(form)]


def status_of(form: PartnerForm) -> str:
    """Return the status of an update as FixMyStreet spells it, however it was written."""
    return "_".join(form.first("status").lower().replace("-", " ").replace("_", " ").split())


def update_text(form: PartnerForm) -> str:
    """Return the words of an update: FixMyStreet also tells a new status without any."""
    description, status = form.first("description"), status_of(form)
    if description and status in _NO_NEWS:
        return description
    told = words("labels").table("update_status").get(status, "")
    return "\n".join(filter(None, (description, told)))


def contact_of(form: PartnerForm) -> str:
    """Return by what the reporter is known: an address, or an account or device of the client's."""
    for name in ("email", "phone"):
        if given := form.first(name):
            return given[:320]
    for name in ("account_id", "device_id"):
        if given := form.first(name):
            return f"{name.removesuffix('_id')}:{given[:200]}"
    return ""


def _place_faults(form: PartnerForm) -> Iterator[str]:
    points = {name: form.first(name) for name in _LIMITS}
    for name, value in points.items():
        if value and _degrees(name, value) is None:
            yield f"{name}: must be degrees between -{_LIMITS[name]:g} and {_LIMITS[name]:g}"
    given = [name for name, value in points.items() if value]
    if len(given) == 1:
        yield "lat and long: must be given together"
    if not (given or form.first("address_string") or form.first("address_id")):
        yield "lat and long, address_string or address_id: one of them is required"


def _length_faults(form: PartnerForm) -> Iterator[str]:
    if len(form.first("description")) > MAX_DESCRIPTION:
        yield f"description: at most {MAX_DESCRIPTION} characters"
    for name, most in _LONGEST.items():
        if len(form.first(name)) > most:
            yield f"{name}: at most {most} characters"


def _media_faults(form: PartnerForm) -> Iterator[str]:
    urls = form.all("media_url")
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


def location(form: PartnerForm) -> tuple[float, float] | None:
    latitude, longitude = (_degrees(name, form.first(name)) for name in ("lat", "long"))
    return None if latitude is None or longitude is None else (latitude, longitude)


def text(form: PartnerForm) -> str:
    """Return description and attributes in words; the chosen service where there are none.

    No attribute is left out, but for a title that is a line of the description already.
    """
    description = form.first("description")
    there = _lines(description)
    said: dict[str, list[str]] = {}
    for field, values in form.fields.items():
        found = _ATTRIBUTE.fullmatch(field)
        if found and found[1] not in _TECHNICAL:
            also = found[1] in _ALSO_IN_DESCRIPTION
            kept = [each for each in values if not (also and _lines(each) in there)]
            said.setdefault(_attribute_name(*found.groups()), []).extend(kept)
    told = (f"{name}: {', '.join(values)}" for name, values in said.items() if values)
    return "\n".join(filter(None, (description, *told))) or form.first("service_code").replace(
        "-", " "
    )


def _attribute_name(code: str, behind: str) -> str:
    """Name an attribute as people read it; a place in a list of values is no part of its name."""
    inner = re.findall(r"[^\[\]]+", behind)
    parts = [code, *(each for each in inner if not each.isdigit())]
    return " ".join(parts).replace("_", " ")


def _lines(text: str) -> str:
    """Write a text so that whole lines of it can be looked for."""
    return "".join(f"\n{line.strip()}\n" for line in text.splitlines() if line.strip())


def files(form: PartnerForm) -> Iterator[File]:
    yield from form.files
    for url in form.all("media_url"):
        name = urlsplit(url).path.rpartition("/")[2] or "media"
        yield File(name, "application/octet-stream", url=url)


def contents(files: Sequence[File]) -> Iterator[str | bytes]:
    return (file.content or file.url or "" for file in files)


def external_id(hook: WebhookRequest, form: PartnerForm, files: Sequence[File]) -> str:
    if key := identity.idempotency_key(hook):
        return f"key:{key}"
    if theirs := form.first("attribute[fixmystreet_id]"):
        return f"fixmystreet:{theirs}"
    kept = (f"{name}={','.join(values)}" for name, values in sorted(form.fields.items()))
    words = (field for field in kept if not field.startswith(("api_key=", "media_url=")))
    return identity.by_content(hook, [*words, *contents(files)])


def name(form: PartnerForm) -> str | None:
    names = (form.first("first_name"), form.first("last_name"))
    return " ".join(filter(None, names)) or None
