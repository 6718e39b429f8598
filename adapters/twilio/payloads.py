"""What Twilio's requests bring: form bodies, and the JSON of Event Streams read as if it were one.

https://www.twilio.com/docs/messaging/guides/webhook-request.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl

from adapters.contract import Malformed, WebhookRequest

MAX_FIELDS = 500
"""Twilio sends about thirty fields; more than this is an attack on the parser."""
_EVENT = "com.twilio.messaging.inbound-message.received"
_STATUS_EVENT = "com.twilio.messaging.message."


class TwilioForm(dict[str, list[str]]):
    """A form whose repeated fields Twilio's validator can ask for."""

    def getall(self, name: str) -> list[str]:
        return self[name]


@lru_cache(maxsize=4)
def read(body: bytes) -> TwilioForm:
    """Read a form body; ``verify`` and ``parse`` of one hook share the work."""
    form = TwilioForm()
    pairs = parse_qsl(
        body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
    )
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def is_json(hook: WebhookRequest) -> bool:
    """Tell whether a request is of Event Streams."""
    media_type = hook.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def messages(hook: WebhookRequest) -> Iterator[tuple[Mapping[str, str], bytes]]:
    """Yield the fields of each message or status, and its own bytes. Raises ``Malformed``."""
    if is_json(hook):
        yield from _events(hook.body)
        return
    try:
        form = read(hook.body)
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
