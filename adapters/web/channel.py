"""The citizens' web form: posted by our own page, answered with the tracking number.

Proof: browsers say with every POST from which site its page is (``Origin``, RFC 6454 §7, and
``Sec-Fetch-Site``, W3C Fetch Metadata); it must be ours. There is no login, so no cookie to
steal. ``key`` is a UUID that the page makes once per submission: sent again with the same content
it is the same message. The key is also the reporter's pseudonym: strangers are never taken for one
person, whatever contact they type. Who knows it may add to the report, so it is kept sealed.
Answers are read on the tracking page, where the gateway shows the notifications of a report.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid5

import phonenumbers
from pydantic import Field

from adapters.contract import (
    RECEIVED_ON,
    AcceptedMessage,
    Author,
    ChannelError,
    ChannelSettings,
    File,
    FilledForm,
    Forged,
    FormReceiver,
    Inbound,
    Invalid,
    Malformed,
    Outgoing,
    Receipt,
    Sender,
    Throttled,
    WebhookRequest,
    WebhookResponse,
)
from adapters.web.form import UnreadableForm, Upload, WebForm, read
from adapters.web.words import language_of, mending
from config.words import Language
from normalizer import command
from normalizer.coordinates import in_indonesia
from normalizer.message import Intent, Kind
from normalizer.text import SEEN, has_words, repair
from normalizer.tracking import format_number

MOST_FILES = 5
MOST_FILE_BYTES = 5 * 1024 * 1024
LENGTHS: Mapping[str, tuple[int, int]] = {
    "title": (5, 150),
    "body": (20, 10_000),
    "address": (0, 500),
    "agency": (0, 200),
    "name": (0, 100),
}
"""Fewest and most characters of a field."""
KINDS: Mapping[str, Kind] = {
    kind.value: kind for kind in (Kind.COMPLAINT, Kind.ASPIRATION, Kind.INFORMATION_REQUEST)
}
TRAP = "website"
"""A field that people do not see: only a robot fills it in."""
FIELDS = frozenset(
    {
        *("key", "kind", "title", "body", "date"),
        *("address", "latitude", "longitude", "accuracy", "location_consent"),
        *("agency", "topic", "anonim", "rahasia", "publik", "name", "contact", TRAP),
    }
)
"""The form, in LAPOR!'s order but for the kind, which comes first there too."""
MORE_FIELDS = frozenset({"key", "follows", "number", "body", TRAP})
"""The form below a report on the tracking page."""
UPLOADS = "attachments"

SIGNATURES: Sequence[tuple[int, bytes, str]] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"%PDF-", "application/pdf"),
)
"""Offset, bytes, and what a file is that has them there; what has none is not taken."""

MOST_CONTACT = 200
_MAIL = re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,180}\.[A-Za-z]{2,20}")
_MARKS = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks without a shape: telephones copy numbers with them."""
_SHORTEST_NUMBER = 1_000_000
"""A national number of seven digits; a shorter one is no subscriber."""
_SEEN = re.compile(SEEN)
_TOPIC = re.compile(r"[a-z0-9-]{1,80}")
_NUMBER = re.compile(r"\d{12}")


class WebBlock(ChannelSettings):
    """``type = "web"``: the form at the public URL."""

    type: Literal["web"]
    max_bytes: Annotated[int, Field(ge=65_536, le=64 * 1024 * 1024)] = 16 * 1024 * 1024
    """A larger report, its attachments included, gets 413."""
    posts_per_hour: Annotated[int, Field(ge=1)] = 60
    """From one network address: a mobile network puts many phones behind one."""
    sends_per_second: float = 1000.0
    """Nothing goes out: an answer is there at once."""


class Wrong(Invalid):
    """The form has faults; ``fields`` says which, in the sender's language."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__([f"{field}: {said}" for field, said in fields.items()])
        self.fields = dict(fields)


class Web(FormReceiver, Sender):
    """Reports from the page of this gateway."""

    settings = WebBlock
    fetched = True
    block: WebBlock

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        parts = urlsplit(public_url)
        self.origin = f"{parts.scheme}://{parts.netloc}".lower()
        self._public_url = public_url.rstrip("/")

    keeps_forged = False

    @property
    def max_bytes(self) -> int:
        """Bytes of a report with its attachments."""
        return self.block.max_bytes

    @property
    def posts_per_hour(self) -> int:
        """Reports from one network address."""
        return self.block.posts_per_hour

    def verify(self, hook: WebhookRequest) -> None:
        """Check that a page of ours sent it. Raises ``Forged``."""
        if hook.headers.get("origin", "").lower() != self.origin:
            raise Forged("the request does not come from our page (Origin)")
        if hook.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Forged("the request does not come from our page (Sec-Fetch-Site)")

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read a report, or an addition to one. Raises ``Wrong`` with all faults at once."""
        language = _language(hook)
        try:
            form = read(hook.headers.get("content-type", ""), hook.body)
        except UnreadableForm:
            raise Wrong({"form": mending(language)["unreadable"]}) from None
        filled = _Filled(form, language, hook.headers.get(RECEIVED_ON, ""))
        found = self._more(filled, hook) if "follows" in form.values else self._new(filled, hook)
        if filled.faults:
            raise Wrong(filled.faults)
        return [found]

    def reply(self, hook: WebhookRequest, filed: Sequence[AcceptedMessage]) -> WebhookResponse:
        """Name the tracking number, its secret, and where both are used."""
        if not filed:
            return _json(202, {"held": mending(_language(hook))["held"]})
        number, secret = filed[0].tracking, filed[0].secret
        said = {
            "tracking": number,
            "written": format_number(number),
            "secret": secret,
            # What stands behind # is never sent to a server, so it is in no log.
            "url": f"{self._public_url}/lacak/{number}#{secret}",
        }
        if filed[0].danger:
            said = {"danger": filed[0].danger, **said}
        return _json(201, said)

    def refusal(self, hook: WebhookRequest, error: ChannelError) -> WebhookResponse:
        """Say what is wrong, by field where that is known."""
        words = mending(_language(hook))
        if isinstance(error, Throttled):
            wait = math.ceil(error.retry_after)
            said = words["throttled"].format(minutes=math.ceil(wait / 60))
            return _json(429, {"title": said, "faults": {}}, {"retry-after": str(wait)})
        if isinstance(error, Forged):
            return _json(403, {"title": words["forged"], "faults": {}})
        faults = error.fields if isinstance(error, Wrong) else {"form": words["unreadable"]}
        return _json(400, {"title": words["invalid"], "faults": faults})

    def read_form(self, content_type: str, body: bytes) -> WebForm:
        """Read what was typed into a form. Raises ``Malformed``."""
        try:
            return read(content_type, body)
        except UnreadableForm as error:
            raise Malformed(str(error)) from None

    def field_rules(self, language: Language) -> dict[str, str]:
        """Return what is said of each field."""
        most = {name: longest for name, (_, longest) in LENGTHS.items()} | {"files": MOST_FILES}
        return {
            field: said.format(most=most.get(field, ""), name="{name}")
            for field, said in mending(language).items()
            if field in most or field in ("date", "place", "large")
        }

    def addition(self, form: FilledForm, *, number: str, sender: str) -> tuple[str, bytes]:
        """Compose what a sender adds below a report on the tracking page."""
        fields = {
            "key": form.first("key"),
            "follows": key_of(sender),
            "number": number,
            "body": form.first("body"),
            TRAP: form.first(TRAP),
        }
        return "application/x-www-form-urlencoded", urlencode(fields).encode()

    async def send(self, to: str, message: Outgoing) -> str:
        """Leave the answer to the tracking page: the notification is stored already."""
        return message.id

    def _new(self, filled: "_Filled", hook: WebhookRequest) -> Inbound:
        filled.expect(FIELDS)
        kind, point = filled.kind(), filled.point()
        title, body = filled.text("title"), filled.body("body")
        where = filled.text("address")
        if kind is Kind.COMPLAINT and not where and point is None:
            filled.wrong("address", "place")
        key, files = filled.uuid("key"), filled.files()
        return Inbound(
            channel=self.name,
            account=self.origin,
            external_id=filled.identity(key),
            sender=Author(
                address_of(key), filled.text("name") or None, contact=filled.contact() or None
            ),
            text=body,
            raw=hook.body,
            subject=title,
            files=files,
            location=point,
            address=where,
            kind=kind,
            topic=filled.topic(),
            agency=filled.text("agency"),
            occurred_on=filled.day(),
            anonymous=filled.ticked("anonim"),
            confidential=filled.ticked("rahasia"),
            public=filled.ticked("publik"),
            automatic=filled.trapped(),
            explicit=True,
        )

    def _more(self, filled: "_Filled", hook: WebhookRequest) -> Inbound:
        filled.expect(MORE_FIELDS)
        number = filled.form.first("number")
        if not _NUMBER.fullmatch(number):
            filled.wrong("number", "key")
        return Inbound(
            channel=self.name,
            account=self.origin,
            external_id=filled.identity(filled.uuid("key")),
            sender=Author(address_of(filled.uuid("follows"))),
            text=filled.body("more"),
            raw=hook.body,
            files=filled.files(),
            token=number,
            automatic=filled.trapped(),
            explicit=True,
        )


CHANNEL = Web


def address_of(key: UUID) -> str:
    """Return the pseudonym of the sender of the form with this key."""
    return f"web:{key}"


def key_of(address: str) -> str:
    """Return the key behind a pseudonym."""
    return address.removeprefix("web:")


def mend(language: Language) -> dict[str, str]:
    """Return what is said of each field, for a page that checks before it sends."""
    most = {name: longest for name, (_, longest) in LENGTHS.items()} | {"files": MOST_FILES}
    return {
        field: said.format(most=most.get(field, ""), name="{name}")
        for field, said in mending(language).items()
        if field in most or field in ("date", "place", "large")
    }


def _length(said: str) -> int:
    """Count the characters that people see: a text of marks and controls has none."""
    whole = repair(said)
    return len(whole) if _SEEN.search(whole) else 0


def _can_be_reached(contact: str) -> bool:
    """Tell whether an address or a telephone number is in it, however people write them."""
    if any(_MAIL.fullmatch(word) for word in re.split(r"[\s,;<>()/]+", contact)):
        return True
    found = phonenumbers.PhoneNumberMatcher(
        contact.replace("_", " "), "ID", leniency=phonenumbers.Leniency.POSSIBLE
    )
    return any((each.number.national_number or 0) >= _SHORTEST_NUMBER for each in found)


def _language(hook: WebhookRequest) -> Language:
    return language_of(hook.headers.get("accept-language", ""))


def _json(status: int, said: object, headers: Mapping[str, str] | None = None) -> WebhookResponse:
    return WebhookResponse(status, "application/json", json.dumps(said).encode(), headers or {})


class _Filled:
    """Reads a form field by field and collects what is wrong with it."""

    def __init__(self, form: WebForm, language: Language, today: str) -> None:
        self.form = form
        self._today = today
        self.faults: dict[str, str] = {}
        self._words = mending(language)

    def wrong(self, field: str, word: str, **values: object) -> None:
        """Note a fault; the first of a field counts."""
        self.faults.setdefault(field, self._words[word].format(**values))

    def expect(self, fields: frozenset[str]) -> None:
        """Note fields that the form does not have, or has once."""
        if self.form.values.keys() - fields or self.form.files.keys() - {UPLOADS}:
            self.wrong("form", "unknown")
        for name, given in self.form.values.items():
            if len(given) > 1 and name in fields:
                self.wrong(name, "repeated")

    def text(self, name: str) -> str:
        """Return a line or two of text; it is as long as what is left of it once it is repaired."""
        least, most = LENGTHS[name]
        said = self.form.first(name)
        if _length(said) < least or len(said) > most:
            self.wrong(name, name, most=most)
        return said

    def body(self, word: Literal["body", "more"]) -> str:
        """Return what the sender wants to say; a bare command word is not that."""
        least, most = LENGTHS["body"]
        said = self.form.first("body")
        repaired = repair(said)
        too_short = _length(said) < (least if word == "body" else 1)
        if too_short or not has_words(repaired) or len(said) > most:
            self.wrong("body", word, most=most)
        elif command.read(repaired).intent is not Intent.REPORT:
            self.wrong("body", "command")
        return said

    def uuid(self, name: str) -> UUID:
        """Return a key that the page made."""
        try:
            return UUID(self.form.first(name))
        except ValueError:
            self.wrong("form", "key")
            return UUID(int=0)

    def identity(self, key: UUID) -> str:
        """Name a message by its key and content: going back and writing something else is news."""
        said = {name: values for name, values in self.form.values.items() if name != TRAP}
        whole = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        for upload in self.form.files.get(UPLOADS, ()):
            whole.update(hashlib.sha256(upload.content).digest())
        return str(uuid5(key, whole.hexdigest()))

    def kind(self) -> Kind | None:
        """Return the kind that was chosen."""
        chosen = self.form.first("kind")
        if chosen not in KINDS:
            self.wrong("kind", "kind")
        return KINDS.get(chosen)

    def topic(self) -> str:
        """Return the id of the category that was chosen."""
        chosen = self.form.first("topic")
        if chosen and not _TOPIC.fullmatch(chosen):
            self.wrong("topic", "topic")
        return chosen

    def day(self) -> date | None:
        """Return the day it happened."""
        said = self.form.first("date")
        try:
            day = date.fromisoformat(said) if said else None
        except ValueError:
            self.wrong("date", "date")
            return None
        # In the east of the country it is tomorrow already when the day of UTC has hours to go.
        if day and self._today and day > date.fromisoformat(self._today) + timedelta(days=1):
            self.wrong("date", "future")
        return day

    def point(self) -> tuple[float, float] | None:
        """Return where the phone is, when its owner pressed the button that says so."""
        said = self.form.first("latitude"), self.form.first("longitude")
        if not all(said) or not self.ticked("location_consent"):
            return None
        try:
            latitude, longitude = map(float, said)
        except ValueError:
            latitude = longitude = math.nan
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            self.wrong("location", "location")
            return None
        if not in_indonesia(latitude, longitude):
            self.wrong("location", "elsewhere")
            return None
        return latitude, longitude

    def ticked(self, name: str) -> bool:
        """Tell whether a box was ticked."""
        said = self.form.first(name)
        if said not in ("", "yes"):
            self.wrong(name, name if name in self._words else "location")
        return said == "yes"

    def contact(self) -> str:
        """Return how else the sender can be reached, as it was typed: every number of it."""
        said = " ".join(_MARKS.sub("", self.form.first("contact")).split())
        if len(said) > MOST_CONTACT or (said and not _can_be_reached(said)):
            self.wrong("contact", "contact")
        return said

    def trapped(self) -> str | None:
        """Say why this is a robot's work, if it is."""
        return "robot" if self.form.first(TRAP) else None

    def files(self) -> tuple[File, ...]:
        """Return the attachments, named by what their bytes are."""
        uploads = self.form.files.get(UPLOADS, [])
        if len(uploads) > MOST_FILES:
            self.wrong(UPLOADS, "files", most=MOST_FILES)
        return tuple(filter(None, map(self._file, uploads)))

    def _file(self, upload: Upload) -> File | None:
        if len(upload.content) > MOST_FILE_BYTES:
            self.wrong(UPLOADS, "large", name=upload.name[:100])
            return None
        for offset, signature, media_type in SIGNATURES:
            if upload.content.startswith(signature, offset):
                return File(upload.name, media_type, upload.content)
        self.wrong(UPLOADS, "format", name=upload.name[:100])
        return None
