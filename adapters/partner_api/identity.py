"""What makes two calls the same message, and who a message without a contact is from."""

import hashlib
from collections.abc import Iterable

from adapters.contract import RECEIVED_ON, Invalid, WebhookRequest

LONGEST_KEY = 255


def idempotency_key(hook: WebhookRequest) -> str:
    """Return the Idempotency-Key of a call, "" where there is none. Raises ``Invalid``.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/: a string in quotes;
    most callers leave the quotes out.
    """
    key = hook.headers.get("idempotency-key", "").strip()
    key = key[1:-1] if len(key) >= 2 and key[0] == key[-1] == '"' else key
    if len(key) > LONGEST_KEY or not key.isprintable() or not key.isascii():
        said = f"Idempotency-Key: at most {LONGEST_KEY} printable ASCII characters"
        raise Invalid([said])
    return key


def by_content(hook: WebhookRequest, said: Iterable[str | bytes]) -> str:
    """Return an id of a call that carries none: what was said, and the day it was said."""
    whole = hashlib.sha256(hook.headers.get(RECEIVED_ON, "").encode("utf-8", "replace"))
    for part in said:
        data = part.encode("utf-8", "replace") if isinstance(part, str) else part
        whole.update(b"%d:" % len(data) + data)
    return f"content:{whole.hexdigest()[:40]}"


def address(caller: str, contact: str) -> str:
    """Return a sender's address at these channels: no partner can speak for another's people."""
    return f"{caller}/{contact}"
