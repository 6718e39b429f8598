"""Errors at the doors of channels as problems (RFC 9457)."""

import json

from adapters.contract import WebhookResponse


def problem(status: int, title: str, detail: str) -> WebhookResponse:
    """Compose a problem body (RFC 9457)."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return WebhookResponse(status, "application/problem+json", json.dumps(body).encode())


FORBIDDEN = problem(403, "Forbidden", "the signature does not fit this request")
