"""Twilio: text messages with files in by signed webhook, out by the Messages API.

In: https://www.twilio.com/docs/messaging/guides/webhook-request (form bodies) and Event Streams
(JSON bodies). Proof: https://www.twilio.com/docs/usage/webhooks/webhooks-security: every token of
``auth_tokens`` is accepted, so that a token can be changed without losing a message. The proof
carries no time: a replay is harmless because MessageSid makes it a repeat. Out: Twilio knows no
idempotency key, so a citizen may get an answer twice when its own answer to us was lost. After an
outage: https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources;
what a place or a profile said is not in that list, all else is.
"""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from aiohttp import encode_basic_auth
from pydantic import Field, SecretStr, model_validator
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from adapters.contract import (
    Author,
    ChannelSettings,
    Inbound,
    Malformed,
    MediaSource,
    Outgoing,
    Page,
    Receipt,
    Receiver,
    Reconciler,
    Refused,
    SafeUrl,
    SentList,
    Source,
    UnreadableItem,
    WebhookRequest,
)
from adapters.sms.numbers import address
from adapters.sms.segmentation import fit_text
from adapters.twilio import content, listing, payloads
from adapters.twilio.api import ERRORS, SILENCED, TwilioTransport, failure, failures
from adapters.twilio.listing import MessageList
from adapters.twilio.signature import Signatures
from normalizer.tracking import format_number

MAX_CHARACTERS = 1600
"""What the Messages API takes in one message; 459 is three segments of plain letters."""
API = "https://api.twilio.com"

WINDOW = timedelta(hours=1)
EARLIER = timedelta(seconds=30)
"""How far Twilio's clock and ours may differ. With more, what was said before would be found."""
"""How much of the list is fetched at once: it comes newest first, and is filed oldest first."""

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

_MEDIA = re.compile(
    r"(?P<base>https?://[^/\s]{1,200})"
    r"(?P<path>/2010-04-01/Accounts/(?P<account>AC\w{32})/Messages/\w{1,64}/Media/\w{1,64})"
)
_NUMBER = r"^(\+[1-9]\d{6,14}|\d{3,6}|whatsapp:\+\d{7,15})$"
_ID = re.compile(r"[!-~]{1,64}")
_PARTY = re.compile(r"(?! +$)[^\x00-\x1f\x7f]{1,200}")


Secret = Annotated[SecretStr, Field(min_length=1)]


def _letters(text: object) -> str:
    """Return the letters and figures of a text: Twilio may send other quotes and dashes."""
    return "".join(re.findall(r"[^\W_]", str(text or "")))


class TwilioBlock(ChannelSettings):
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


class Twilio(Receiver, Reconciler, SentList, MediaSource):
    """Text messages of one Twilio account, by webhook and by the Messages API."""

    settings = TwilioBlock
    by_phone = True
    block: TwilioBlock

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._signatures = Signatures((*self.block.auth_tokens, *self.block.shared_keys))
        self._http: TwilioTransport | None = None
        self._client: Any = None
        self._list = MessageList(self._get, self.block.number)

    @property
    def own(self) -> frozenset[str]:
        """Return our number; those of a messaging service are known by what comes to them."""
        return frozenset(filter(None, (self.block.number,)))

    def verify(self, hook: WebhookRequest) -> None:
        """Check the signature over the exact URL and the body. Raises ``Forged``."""
        self._signatures.check(hook)

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read a message, a status callback, or a batch of events. Raises ``Malformed``."""
        found = (self._read(fields, raw) for fields, raw in payloads.messages(hook))
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

    async def find_sent(self, to: str, message: Outgoing, since: datetime) -> str | None:
        """Look in Twilio's list for a message by its words. Raises ``ChannelError``.

        A template is sent in words of its own, and is not found.
        """
        wanted = _letters(self._body(message)["body"])
        own = MessageList(self._get, to)
        now = datetime.now(UTC)
        begin = min(since.astimezone(UTC), now).replace(microsecond=0) - EARLIER
        async for listed in own.between(begin, now + EARLIER):
            outbound = str(listed.get("direction")).startswith("outbound")
            if outbound and _letters(listed.get("body")) == wanted:
                return str(listed["sid"]) if listed.get("sid") else None
        return None

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
            found = [m async for m in self._list.between(begin, until) if self._is_ours(m)]
            found.sort(key=lambda message: listing.sent_at(message) or begin)
            yield Page(tuple([await self._recovered(message) for message in found]))
            begin = until

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read a message of the list again. Raises ``Malformed``."""
        fields, sent_at = listing.reread(raw, self._base())
        sid = fields.get("MessageSid", "")
        if not _ID.fullmatch(sid):
            raise Malformed("a message of Twilio's list without a sid")
        return [replace(self._inbound(sid, fields, raw), sent_at=sent_at)]

    async def close(self) -> None:
        """Close the connections of the sending side."""
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.http.close()

    def _api(self) -> Any:
        if self._client is None:
            block = self.block
            self._http = TwilioTransport(
                str(block.api_base or "").rstrip("/"), block.timeout, self.exchanges
            )
            token = block.auth_tokens[0].get_secret_value()
            self._client = Client(block.account_sid, token, http_client=self._http)
        return self._client

    async def _create(self, to: str, what: Mapping[str, object]) -> str:
        created = await self._api().messages.create_async(
            to=to,
            status_callback=self.hook_url,
            from_=self.block.number,
            messaging_service_sid=self.block.messaging_service_sid,
            **what,
        )
        if not created.sid:
            raise ValueError("no sid")
        return str(created.sid)

    def _body(self, message: Outgoing) -> Mapping[str, object]:
        text = fit_text(message.text, self.block.max_reply_characters or MAX_CHARACTERS)
        # One typographic quote turns an SMS into UCS-2 and doubles its price.
        return {"body": text, "smart_encoded": True}

    def _template(self, message: Outgoing) -> Mapping[str, object]:
        """Fill in the template; WhatsApp takes no line breaks and no long gaps in its values."""
        number = format_number(message.tracking) if message.tracking else "-"
        values = {"1": number, "2": fit_text(" ".join(message.text.split()), MAX_VALUE)}
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

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        service = self.block.messaging_service_sid
        theirs = service is not None and message.get("messaging_service_sid") != service
        return message.get("direction") == "inbound" and not theirs

    async def _recovered(self, message: dict[str, Any]) -> Inbound | UnreadableItem:
        raw = await self._list.pack(message)
        try:
            (found,) = self.reread(raw)
            assert isinstance(found, Inbound)
        except Malformed as error:
            return UnreadableItem(raw, str(error))
        return found

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

    def _receipt(self, sid: str, state: State | None, text: str) -> Receipt | None:
        if state is None:
            return None
        code = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0
        silenced = SILENCED.get(code) if state == "failed" else None
        detail = ERRORS.describe(code) if code else text
        return Receipt(self.name, sid, state, detail, silenced[0] if silenced else None)

    def _inbound(self, sid: str, fields: Mapping[str, str], raw: bytes) -> Inbound:
        for party in ("From", "To"):
            if not _PARTY.fullmatch(fields.get(party, "")):
                raise Malformed(f"the message has no usable {party}")
        files = tuple(content.files(fields))
        return Inbound(
            channel=self.name,
            account=fields["To"],
            external_id=sid,
            sender=Author(address(fields["From"]), fields.get("ProfileName") or None),
            text=content.text(fields),
            raw=raw,
            files=files,
            location=content.location(fields),
            thread=tuple(filter(None, (fields.get("OriginalRepliedMessageSid"),))),
            notes=tuple(content.notes(fields, len(files))),
            wants=content.wants(fields),
        )


CHANNEL = Twilio
