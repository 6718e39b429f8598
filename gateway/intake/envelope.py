"""What came in, written down whole: to be sealed, quarantined, and read again."""

import base64
import json
from collections.abc import Sequence

from adapters.contract import WebhookRequest

PAGE = "page:"
"""Stands for the URL of a message that was not sent to us: we fetched it from the provider."""


def pack(hook: WebhookRequest) -> bytes:
    """Write a hook down, to be sealed."""
    body = base64.b64encode(hook.body).decode()
    values = {"url": hook.url, "headers": dict(hook.headers), "body": body, "method": hook.method}
    return json.dumps(values).encode()


def unpack(written: bytes) -> WebhookRequest:
    """Read back what ``packed`` wrote."""
    values = json.loads(written)
    body, method = base64.b64decode(values["body"]), values.get("method", "POST")
    return WebhookRequest(values["url"], values["headers"], body, method)


def mail_hook(peer: str, mail_from: str, rcpt_to: Sequence[str], data: bytes) -> WebhookRequest:
    """Dress a mail as a hook, with its SMTP envelope in the headers."""
    headers = {"x-peer": peer, "x-mail-from": mail_from, "x-rcpt-to": ",".join(rcpt_to)}
    return WebhookRequest("smtp:", headers, data)
