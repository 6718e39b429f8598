"""Errors at the doors of channels as problems (RFC 9457)."""

import json
from collections.abc import Mapping
from functools import cache

from adapters.contract import WebhookResponse
from config.words import words

PROBLEMS: Mapping[str, tuple[int, str]] = {
    "signature": (403, "Forbidden"),
    "too_large": (413, "Content Too Large"),
    "too_often": (429, "Too Many Requests"),
    "not_stored": (503, "Service Unavailable"),
    "no_channel": (404, "Not Found"),
    "wrong_method": (405, "Method Not Allowed"),
    "our_fault": (500, "Internal Server Error"),
    "alert_away": (503, "Service Unavailable"),
    "alert_signature": (403, "Forbidden"),
    "alert_unknown": (422, "Unprocessable Content"),
}
"""Code to HTTP status and its phrase; ``config/errors`` has the details, under ``problem``."""


def problem(status: int, title: str, detail: str) -> WebhookResponse:
    """Compose a problem body (RFC 9457)."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return WebhookResponse(status, "application/problem+json", json.dumps(body).encode())


@cache
def refusal(code: str) -> WebhookResponse:
    """Return one of ``PROBLEMS``, in English: the caller is a program."""
    return problem(*PROBLEMS[code], words("errors").say(f"problem.{code}", "en"))
