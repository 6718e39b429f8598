"""Text messages by a gateway or aggregator that speaks HTTP: its fields and calls are settings.

Source for presets: config/sms/*.toml, each with its provider's page. In: a GET or POST with named
fields, proven by a token, a network or a signature. A message without an id is known by what it
says and when it was sent; without a time, by the moment it came (docs/decisions/0028). Out: one
call for each message; most gateways know no idempotency key, so a citizen may get an answer twice
when the gateway's own answer to us was lost.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from adapters.contract import (
    STAMP,
    AcceptedMessage,
    ChannelSettings,
    Forged,
    Inbound,
    Malformed,
    Outgoing,
    Receipt,
    Receiver,
    Refused,
    Sender,
    UnreadableItem,
    WebhookRequest,
    WebhookResponse,
)
from adapters.http import HttpClient
from adapters.sms.coding import join_texts
from adapters.sms.repeats import Repeats
from adapters.sms_http import access, fields, reading, sending
from adapters.sms_http.fields import SmsItem
from adapters.sms_http.settings import SmsHttpBlock

MAX_BYTES = 1_048_576
"""Of one call: a thousand receipts at once are less."""
ANSWER = 200_000
"""Bytes of an answer to a call of ours."""


class SmsHttp(Receiver, Sender):
    """Text messages of one number at a gateway."""

    settings = SmsHttpBlock
    by_phone = True
    asks_caller = True
    block: SmsHttpBlock

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self.methods = frozenset(self.block.incoming.methods)
        self._repeats = Repeats(self.block.incoming.repeat_seconds)
        self._http = HttpClient(
            sending.PROVIDER,
            self.exchanges,
            timeout=self.block.outgoing.timeout,
            largest=ANSWER,
            notes_path=False,
        )

    @property
    def max_bytes(self) -> int:
        """Bytes of one call."""
        return MAX_BYTES

    @property
    def own(self) -> frozenset[str]:
        """Return our number, and the name or number that our messages are from."""
        return frozenset(filter(None, (self.block.number, self.block.sender)))

    @property
    def answer_to(self) -> str:
        """Return the number or link for answers; "" where the sender takes them."""
        return sending.answers_go_to(self.block)

    def alert_fault(self, to: str) -> str:
        """Say why no alert can go out: it is answered with a word."""
        if self.block.url is None:
            return "this channel has no url, so it sends nothing"
        if self.answer_to == "":
            return ""
        return "an alert is answered with OK, and the sender of this channel takes no answers"

    def warnings(self) -> Sequence[str]:
        """Say what is guarded by nothing but where calls come from."""
        if self.block.access.token or self.block.access.signature:
            return ()
        return (
            "whoever calls from the networks of access.allow is believed; set access.token as well",
        )

    def challenge(self, hook: WebhookRequest) -> WebhookResponse | None:
        """Turn away a caller that only looks: a GET without a field is no message."""
        if hook.method == "GET" and not urlsplit(hook.url).query:
            raise Forged("a call without any field")
        return None

    def verify(self, hook: WebhookRequest) -> None:
        """Check token, network and signature, as far as they are set. Raises ``Forged``."""
        access.check(self.block.access, hook)

    def stamp(self, hook: WebhookRequest) -> WebhookRequest:
        """Add the moment of arrival where nothing else tells equal messages apart."""
        try:
            stamps = {
                reading.fingerprint(item, self.block.incoming): None
                for item in self._items(hook)
                if not self._is_receipt(item) and reading.needs_stamp(item, self.block.incoming)
            }
        except Malformed:
            return hook
        given = ",".join(f"{each}={self._repeats.stamp(each, time.time())}" for each in stamps)
        return replace(hook, headers={**hook.headers, STAMP: given}) if given else hook

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt | UnreadableItem]:
        """Read the messages and receipts of a call. Raises ``Malformed``."""
        items = self._items(hook)
        read = self._read if len(items) == 1 else self._read_one_of_many
        found = [read(hook, item) for item in items]
        return [each for each in found if each is not None]

    def join_texts(self, parts: Sequence[Inbound]) -> str:
        """Read parts of one alphabet together: a character may lie across two of them."""
        default = self.block.incoming.default_alphabet
        return join_texts(parts, partial(reading.read_octets, default=default))

    def reply(self, hook: WebhookRequest, filed: Sequence[AcceptedMessage]) -> WebhookResponse:
        """Answer as the gateway wants it."""
        return WebhookResponse(self.block.answer.status, *self.reply_body())

    def reply_body(self) -> tuple[str, bytes]:
        """Return media type and body of the gateway's own acknowledgement."""
        return self.block.answer.media_type, self.block.answer.body.encode()

    async def send(self, to: str, message: Outgoing) -> str:
        """Send one message and return the gateway's id of it, or ours. Raises ``ChannelError``."""
        if self.block.url is None:
            raise Refused("this channel has no url, so it sends nothing")
        call = sending.call(self.block, to, message, self.hook_url)
        answer = await self._http.request(
            call.method, call.url, headers=call.headers, data=call.body
        )
        return sending.outcome(answer, self.block, message.id)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _items(self, hook: WebhookRequest) -> list[SmsItem]:
        # A signature covers the body alone: what stands in the query is anybody's.
        signed = self.block.access.signature is not None
        return fields.items(hook, self.block.incoming.items, with_query=not signed)

    def _is_receipt(self, item: SmsItem) -> bool:
        return reading.is_receipt(item, self.block.receipts)

    def _read_one_of_many(
        self, hook: WebhookRequest, item: SmsItem
    ) -> Inbound | Receipt | UnreadableItem | None:
        try:
            return self._read(hook, item)
        except Malformed as error:
            return UnreadableItem(json.dumps(item.values).encode(), str(error))

    def _read(self, hook: WebhookRequest, item: SmsItem) -> Inbound | Receipt | None:
        if self._is_receipt(item):
            return reading.receipt(item, self.block, self.name)
        if not self.block.incoming.fields.sender:
            raise Malformed("a message, and incoming.fields names no fields of messages")
        raw = hook.body or hook.url.encode()
        stamps = dict(part.split("=", 1) for part in _parts(hook.headers.get(STAMP, "")))
        stamp = stamps.get(reading.fingerprint(item, self.block.incoming), "")
        return reading.message(item, self.block, self.name, raw=raw, stamp=stamp)


CHANNEL = SmsHttp


def _parts(stamps: str) -> list[str]:
    return [part for part in stamps.split(",") if "=" in part]
