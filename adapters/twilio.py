"""Twilio: text messages with files in by signed webhook, out by the Messages API.

In: https://www.twilio.com/docs/messaging/guides/webhook-request (form bodies) and Event Streams
(JSON bodies). Proof: https://www.twilio.com/docs/usage/webhooks/webhooks-security: every token of
``auth_tokens`` is accepted, so that a token can be changed without losing a message. The proof
carries no time: a replay is harmless because MessageSid makes it a repeat. Out: Twilio knows no
idempotency key, so a citizen may get an answer twice when its own answer to us was lost. After an
outage: https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources;
what a place or a profile said is not in that list, all else is.
"""

import hmac
import json
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

import phonenumbers
from aiohttp import encode_basic_auth
from pydantic import Field, SecretStr, model_validator
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
from twilio.request_validator import (  # type: ignore[import-untyped]
    HMAC_SHA1,
    HMAC_SHA256,
    RequestValidator,
    get_signature_algorithm,
)
from twilio.rest import Client  # type: ignore[import-untyped]

from adapters.base import (
    Block,
    File,
    Forged,
    Hook,
    Inbound,
    Keeps,
    Malformed,
    Outgoing,
    Page,
    Receipt,
    Receiver,
    Reconciler,
    Refused,
    SafeUrl,
    Sender,
    Sends,
    Source,
    Unreachable,
    Unreadable,
)
from adapters.messaging.connection import SILENCED, Http, failure, failures, told
from normalizer.tracking import written

MAX_FIELDS = 500
"""Twilio sends about thirty fields; more than this is an attack on the parser."""
MAX_CHARACTERS = 1600
"""What the Messages API takes in one message; 459 is three segments of plain letters."""
API = "https://api.twilio.com"
HOME = "ID"
"""Numbers written without a country are Indonesian."""

WINDOW = timedelta(hours=1)
"""How much of the list is fetched at once: it comes newest first, and is filed oldest first."""
MOST_LISTED = 1000
"""Messages in one answer of Twilio's; it gives no more."""
MOST_KNOWN_MEDIA = 10_000
MOST_PAGES = 1000
"""A list that goes on longer than this goes round in circles."""

State = Literal["sent", "delivered", "failed"]
STATES: Mapping[str, State | None] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""What each status of an outgoing message means to us; None is not worth noting."""

MAX_VALUE = 900
"""Characters of a template's value; all of a template may have 1024."""

Wish = Literal["", "stop", "start"]
OPT_OUT: Mapping[str, Wish] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"), "stop"),
    **dict.fromkeys(("REVOKE", "OPTOUT", "BERHENTI"), "stop"),
    **dict.fromkeys(("START", "UNSTOP", "MULAI"), "start"),
}
"""A message that is nothing but one of these words:
https://help.twilio.com/articles/223134027. YES, which Twilio takes for START, is an answer here."""

ENDINGS: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}
"""Names for files Twilio sends without one; no table of the machine's, which differs."""

_EVENT = "com.twilio.messaging.inbound-message.received"
_STATUS_EVENT = "com.twilio.messaging.message."
_SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"
_MEDIA = re.compile(
    r"(?P<base>https?://[^/\s]{1,200})"
    r"(?P<path>/2010-04-01/Accounts/(?P<account>AC\w{32})/Messages/\w{1,64}/Media/\w{1,64})"
)
_NUMBER = r"^(\+[1-9]\d{6,14}|\d{3,6}|whatsapp:\+\d{7,15})$"
_ID = re.compile(r"[!-~]{1,64}")
_SID = re.compile(r"[A-Za-z0-9]{1,64}")
_PARTY = re.compile(r"(?! +$)[^\x00-\x1f\x7f]{1,200}")
_E164 = re.compile(r"\+[1-9]\d{7,14}")


Secret = Annotated[SecretStr, Field(min_length=1)]


class TwilioBlock(Block):
    """``type = "twilio"``: an account, and the number or messaging service it writes from."""

    type: Literal["twilio"]
    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    auth_tokens: Annotated[tuple[Secret, ...], Field(min_length=1)]
    """Newest first: all are accepted on the way in, the first is used on the way out."""
    shared_keys: tuple[Secret, ...] = ()
    """Secrets of webhook SharedKeys, where signatures are made with those."""
    number: Annotated[str, Field(pattern=_NUMBER)] | None = None
    messaging_service_sid: Annotated[str, Field(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = None
    api_base: SafeUrl | None = None
    """Another host that speaks Twilio's API (a proxy, a test double)."""
    window_template: Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")] | None = None
    """ContentSid of an approved template for answers later than WhatsApp's 24 hours: {{1}} is the
    tracking number, {{2}} the text. Without it they wait until the citizen writes again."""
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    max_reply_characters: Annotated[int, Field(ge=40, le=MAX_CHARACTERS)] | None = 459

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if (self.number is None) == (self.messaging_service_sid is None):
            raise ValueError("set either number or messaging_service_sid")
        return self


class Twilio(Receiver, Reconciler, Sends, Keeps):
    """Text messages of one Twilio account, by webhook and by the Messages API."""

    settings = TwilioBlock
    block: TwilioBlock

    def __init__(self, name: str, block: Block, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        secrets = (*self.block.auth_tokens, *self.block.shared_keys)
        self._validators = [RequestValidator(s.get_secret_value()) for s in secrets]
        self._http: Http | None = None
        self._client: Any = None
        self._media: dict[str, list[Any]] = {}

    def verify(self, hook: Hook) -> None:
        """Check the signature over the exact URL and the body. Raises ``Forged``."""
        signature = hook.headers.get("x-twilio-signature")
        if not signature:
            raise Forged("the request has no X-Twilio-Signature")
        algorithm = get_signature_algorithm(hook.headers.get(_SETTINGS_HEADER)).upper()
        if algorithm not in (HMAC_SHA1, HMAC_SHA256):
            raise Forged("the signature is of an unknown kind")
        proof = (hook.url, _signed_part(hook), signature, algorithm)
        try:
            if any(_exact(validator, *proof) for validator in self._validators):
                return
            if any(validator.validate(*proof) for validator in self._validators):
                return
        except ValueError:
            raise Forged("the URL cannot have been signed") from None
        raise Forged("the signature fits none of our tokens for this URL and body")

    def parse(self, hook: Hook) -> list[Inbound | Receipt]:
        """Read a message, a status callback, or a batch of events. Raises ``Malformed``."""
        found = (self._read(fields, raw) for fields, raw in _messages(hook))
        return [said for said in found if said is not None]

    def reply_body(self) -> tuple[str, bytes]:
        """Return TwiML without an instruction: answers go by the API, where they are retried."""
        return "text/xml", b'<?xml version="1.0" encoding="UTF-8"?><Response/>'

    @property
    def opens(self) -> bool:
        """Tell whether there is a template for citizens who have not written lately."""
        return self.block.window_template is not None

    async def send(self, to: str, message: Outgoing) -> str:
        """Write to a phone number and return the MessageSid. Raises ``ChannelError``."""
        with failures():
            if not (message.silenced and self.opens):
                try:
                    return await self._create(to, self._body(message))
                except TwilioException as error:
                    late = getattr(failure(error), "until", None) == "writes"
                    if not (late and self.opens):
                        raise
            return await self._create(to, self._template(message))

    async def source(self, url: str) -> Source:
        """Say where a file is: our own are given with our token, which redirects do not get.

        Raises ``Refused`` for what is no address of a file.
        """
        found = _MEDIA.fullmatch(url)
        bases = (self._base(), API)
        if found and found["base"] in bases and found["account"] == self.block.account_sid:
            token = self.block.auth_tokens[0].get_secret_value()
            headers = {"Authorization": encode_basic_auth(self.block.account_sid, token)}
            own = self.block.api_base is not None
            return Source(self._base() + found["path"], headers, trusted=own)
        if not re.fullmatch(r"https://[!-~]{1,2000}", url):
            raise Refused("this is no address of a file")
        return Source(url)

    async def since(self, moment: datetime) -> AsyncGenerator[Page, None]:
        """Yield what citizens wrote to our number since then, hour by hour."""
        begin, end = moment.astimezone(UTC).replace(microsecond=0), datetime.now(UTC)
        while begin <= end:
            until = begin + WINDOW
            found = [m async for m in self._listed(begin, until) if self._is_ours(m)]
            found.sort(key=lambda message: _sent_at(message) or begin)
            yield Page(tuple([await self._recovered(message) for message in found]))
            begin = until

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read a message of the list again. Raises ``Malformed``."""
        try:
            kept = json.loads(raw)
            message, media = kept["message"], kept["media"]
            fields = _fields_of_listed(message, media, self._base())
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Malformed("not a message of Twilio's list") from None
        sid = fields.get("MessageSid", "")
        if not _ID.fullmatch(sid):
            raise Malformed("a message of Twilio's list without a sid")
        return [replace(self._inbound(sid, fields, raw), sent_at=_sent_at(message))]

    async def close(self) -> None:
        """Close the connections of the sending side."""
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.session.close()

    def _api(self) -> Any:
        if self._client is None:
            block = self.block
            self._http = Http(str(block.api_base or "").rstrip("/"), block.timeout)
            token = block.auth_tokens[0].get_secret_value()
            self._client = Client(block.account_sid, token, http_client=self._http)
        return self._client

    async def _create(self, to: str, content: Mapping[str, object]) -> str:
        created = await self._api().messages.create_async(
            to=to,
            status_callback=self.hook_url,
            from_=self.block.number,
            messaging_service_sid=self.block.messaging_service_sid,
            **content,
        )
        if not created.sid:
            raise ValueError("no sid")
        return str(created.sid)

    def _body(self, message: Outgoing) -> Mapping[str, object]:
        text = fitted(message.text, self.block.max_reply_characters or MAX_CHARACTERS)
        # One typographic quote turns an SMS into UCS-2 and doubles its price.
        return {"body": text, "smart_encoded": True}

    def _template(self, message: Outgoing) -> Mapping[str, object]:
        """Fill in the template; WhatsApp takes no line breaks and no long gaps in its values."""
        number = written(message.tracking) if message.tracking else "-"
        values = {"1": number, "2": fitted(" ".join(message.text.split()), MAX_VALUE)}
        return {
            "content_sid": self.block.window_template,
            "content_variables": json.dumps(values, ensure_ascii=False),
        }

    def _base(self) -> str:
        return str(self.block.api_base or API).rstrip("/")

    async def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        with failures():
            uri = f"/Accounts/{self.block.account_sid}/{path}"
            found = await self._api().api.v2010.fetch_async("GET", uri, params=dict(params))
            if not isinstance(found, dict):
                raise ValueError("no object")
            return found

    async def _listed(
        self, since: datetime, until: datetime
    ) -> AsyncGenerator[dict[str, Any], None]:
        """List the messages of a time, also where Twilio takes only the day of it."""
        wanted = {"To": self.block.number} if self.block.number else {}
        params = {"PageSize": str(MOST_LISTED), **wanted, **_between(since, until)}
        for _ in range(MOST_PAGES):
            page = await self._get("Messages.json", params)
            for message in page.get("messages") or ():
                if isinstance(message, dict) and since <= (_sent_at(message) or since) < until:
                    yield message
            following = page.get("next_page_uri")
            if not following:
                return
            # Only the query is followed: the answer does not choose where we send our token.
            params = dict(parse_qsl(urlsplit(str(following)).query))
        raise Unreachable("Twilio's list does not end")

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        service = self.block.messaging_service_sid
        theirs = service is not None and message.get("messaging_service_sid") != service
        return message.get("direction") == "inbound" and not theirs

    async def _recovered(self, message: dict[str, Any]) -> Inbound | Unreadable:
        raw = json.dumps({"message": message, "media": await self._media_of(message)}).encode()
        try:
            (found,) = self.reread(raw)
            assert isinstance(found, Inbound)
        except Malformed as error:
            return Unreadable(raw, str(error))
        return found

    async def _media_of(self, message: Mapping[str, Any]) -> list[Any]:
        """List a message's files; asked once, as the lists of two looks overlap."""
        sid = str(message.get("sid"))
        if str(message.get("num_media") or "0") == "0" or not _SID.fullmatch(sid):
            return []
        if sid not in self._media:
            if len(self._media) >= MOST_KNOWN_MEDIA:
                self._media.clear()
            found = await self._get(f"Messages/{sid}/Media.json", {})
            self._media[sid] = list(found.get("media_list") or ())
        return self._media[sid]

    def _read(self, fields: Mapping[str, str], raw: bytes) -> Inbound | Receipt | None:
        sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
        if not _ID.fullmatch(sid):
            raise Malformed("neither a message nor a status: there is no MessageSid")
        if fields.get("OptOutType") == "HELP":
            return None  # Twilio has answered it
        status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
        if status in STATES:
            return self._receipt(sid, STATES[status], fields.get("ErrorCode", ""))
        if "Body" in fields or "MediaUrl0" in fields or status in ("received", "receiving"):
            return self._inbound(sid, fields, raw)
        if status:
            return None
        raise Malformed("neither a message nor a status: no Body, no MessageStatus")

    def _receipt(self, sid: str, state: State | None, said: str) -> Receipt | None:
        if state is None:
            return None
        code = int(said) if re.fullmatch(r"[0-9]{1,6}", said) else 0
        silenced = SILENCED.get(code) if state == "failed" else None
        detail = told(code) if code else said
        return Receipt(self.name, sid, state, detail, silenced[0] if silenced else None)

    def _inbound(self, sid: str, fields: Mapping[str, str], raw: bytes) -> Inbound:
        for party in ("From", "To"):
            if not _PARTY.fullmatch(fields.get(party, "")):
                raise Malformed(f"the message has no usable {party}")
        files = tuple(_files(fields))
        return Inbound(
            channel=self.name,
            account=fields["To"],
            external_id=sid,
            sender=Sender(address(fields["From"]), fields.get("ProfileName") or None),
            text=_text(fields),
            raw=raw,
            files=files,
            location=_location(fields),
            thread=tuple(filter(None, (fields.get("OriginalRepliedMessageSid"),))),
            notes=tuple(_notes(fields, len(files))),
            wants=_wants(fields),
        )


CHANNEL = Twilio


def address(written: str) -> str:
    """Write a phone number in E.164; short codes and names of senders stay as they are."""
    digits = written.removeprefix("+")
    if _E164.fullmatch(written) or not (digits.isascii() and digits.isdigit()) or len(digits) < 7:
        return written
    try:
        number = phonenumbers.parse(written, HOME)
    except phonenumbers.NumberParseException:
        return written
    if not phonenumbers.is_possible_number(number):
        return written
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def fitted(text: str, most: int) -> str:
    """Cut a text to ``most`` characters at a word, with three dots ("…" would cost UCS-2)."""
    if len(text) <= most:
        return text
    head = text[: most - 3]
    space = head.rfind(" ")
    return (head[:space] if space > most // 2 else head).rstrip() + "..."


def _wants(fields: Mapping[str, str]) -> Wish:
    """Read STOP and START, also in our own language and where Twilio does not look for them."""
    if (said := fields.get("OptOutType", "").upper()) in ("STOP", "START"):
        return "stop" if said == "STOP" else "start"
    return OPT_OUT.get(fields.get("Body", "").strip().upper(), "")


class _Form(dict[str, list[str]]):
    """A form whose repeated fields Twilio's validator can ask for."""

    def getall(self, name: str) -> list[str]:
        return self[name]


@lru_cache(maxsize=4)
def _form(body: bytes) -> _Form:
    """Read a form body; ``verify`` and ``parse`` of one hook share the work."""
    form = _Form()
    pairs = parse_qsl(
        body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
    )
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def _is_json(hook: Hook) -> bool:
    media_type = hook.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _signed_part(hook: Hook) -> _Form | str:
    """Return what the signature covers beside the URL: the form's fields, or a JSON body."""
    try:
        if not _is_json(hook):
            return _form(hook.body)
        hashed = parse_qs(urlsplit(hook.url).query).get("bodySHA256")
    except ValueError:
        raise Forged("the request cannot have been signed by Twilio") from None
    if not hashed:
        raise Forged("a JSON body needs its bodySHA256 in the signed URL")
    return hook.body.decode("utf-8", "replace")


def _exact(
    validator: RequestValidator, url: str, signed: _Form | str, signature: str, algorithm: str
) -> bool:
    """Check one token for a form signed for this very URL, which every genuine one is.

    One HMAC; the SDK's own check makes two, with and without the port, and takes thrice the time.
    """
    if isinstance(signed, str):
        return False
    expected: str = validator.compute_signature(url, signed, algorithm)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def _messages(hook: Hook) -> Iterator[tuple[Mapping[str, str], bytes]]:
    if _is_json(hook):
        yield from _events(hook.body)
        return
    try:
        form = _form(hook.body)
    except ValueError:
        raise Malformed(f"the form has more than {MAX_FIELDS} fields") from None
    yield {name: values[0] for name, values in form.items()}, hook.body


def _events(body: bytes) -> Iterator[tuple[Mapping[str, str], bytes]]:
    """Read the message events of Event Streams as if they were forms; skip all others."""
    try:
        batch = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    for event in batch if isinstance(batch, list) else [batch]:
        if not isinstance(event, dict):
            raise Malformed("an event is not an object")
        kind, data = event.get("type"), event.get("data")
        if not isinstance(kind, str) or not kind.startswith((_EVENT, _STATUS_EVENT)):
            continue
        if not isinstance(data, dict):
            raise Malformed("an event has no data")
        yield _fields_of(kind, data), json.dumps(event).encode()


def _fields_of(kind: str, data: Mapping[str, object]) -> dict[str, str]:
    fields = {
        # A lone surrogate is legal in JSON and cannot be stored.
        name[:1].upper() + name[1:]: str(value).encode("utf-8", "replace").decode()
        for name, value in data.items()
        if isinstance(value, str | int | float)
    }
    if kind.startswith(_STATUS_EVENT):
        fields["MessageStatus"] = kind.removeprefix(_STATUS_EVENT)
    return fields


def _between(since: datetime, until: datetime) -> Mapping[str, str]:
    """Write the bounds of a list; Twilio takes both as inclusive."""
    return {"DateSent>": f"{since:%Y-%m-%dT%H:%M:%SZ}", "DateSent<": f"{until:%Y-%m-%dT%H:%M:%SZ}"}


def _sent_at(message: Mapping[str, Any]) -> datetime | None:
    """Return when Twilio took a listed message in."""
    try:
        moment = parsedate_to_datetime(message.get("date_sent") or message["date_created"])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def _fields_of_listed(
    message: Mapping[str, Any], media: list[Mapping[str, Any]], base: str
) -> dict[str, str]:
    """Write a message of the list as the form a webhook would have brought."""
    fields = {
        "MessageSid": message["sid"],
        "From": message["from"],
        "To": message["to"],
        "Body": message.get("body") or "",
        "NumMedia": message.get("num_media") or "0",
    }
    for number, file in enumerate(media):
        fields[f"MediaUrl{number}"] = base + file["uri"].removesuffix(".json")
        fields[f"MediaContentType{number}"] = file.get("content_type") or ""
    return {
        name: str(value).encode("utf-8", "replace").decode()
        for name, value in fields.items()
        if value is not None
    }


def _files(fields: Mapping[str, str]) -> Iterator[File]:
    number = 0
    while url := fields.get(f"MediaUrl{number}"):
        media_type = fields.get(f"MediaContentType{number}") or "application/octet-stream"
        number += 1
        kind = media_type.partition(";")[0].strip().lower()
        name = f"media-{number}{ENDINGS.get(kind, '')}"
        yield File(name, media_type, url=url)


def _notes(fields: Mapping[str, str], files: int) -> Iterator[str]:
    announced = fields.get("NumMedia", "0")
    if announced != str(files) and announced not in ("", "0"):
        yield f"announced files: {announced[:10]}, named: {files}"
    if "true" in (fields.get("Forwarded"), fields.get("FrequentlyForwarded")):
        yield "forwarded"


def _location(fields: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        latitude, longitude = float(fields["Latitude"]), float(fields["Longitude"])
    except (KeyError, ValueError):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _text(fields: Mapping[str, str]) -> str:
    """Return the words; a shared place brings its name and address, which help to find it."""
    parts = [fields.get("Body", "")]
    if "Latitude" in fields:
        parts += [fields.get("Label", ""), fields.get("Address", "")]
    return "\n".join(part for part in parts if part)
