"""What is wrong with a call, as problems (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from adapters.contract import WebhookResponse
from config.words import words

PROBLEM = "application/problem+json"
REFUSED = "Request refused"
_FAILURES: Mapping[int, tuple[str, str]] = {
    404: (REFUSED, "Not Found"),
    405: (REFUSED, "Method Not Allowed"),
    413: ("Content Too Large", "too_large"),
    429: ("Too Many Requests", "too many calls in a minute"),
    503: ("Service Unavailable", "not_stored"),
}
"""Title, and the detail or its code, of what never reached the channel."""


class CallRefused(Exception):
    """A call that is refused: a code of ``config/errors`` or words, status, title and headers."""

    def __init__(self, status: int, detail: str, *, title: str = REFUSED, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self, accept_language: str = "") -> WebhookResponse:
        """Return the answer to the call, in English unless Indonesian is asked for."""
        language = "id" if accept_language.strip().lower().startswith("id") else "en"
        errors, code = words("errors"), str(self)
        known = code in errors.table("problem", language)
        detail = errors.say(f"problem.{code}", language) if known else code
        return write_problem(self.status, self.title, detail, self.headers)


def failure(status: int) -> WebhookResponse:
    """Compose the answer to what reached no handler."""
    title, detail = _FAILURES[status]
    return CallRefused(status, detail, title=title).response()


def problem(status: int, faults: Sequence[str]) -> WebhookResponse:
    """Compose a problem; ``errors`` lists every fault."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    more = {"errors": list(faults)} if status == 400 else {}
    return write_problem(status, HTTPStatus(status).phrase, "; ".join(faults), headers, **more)


def write_problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> WebhookResponse:
    """Write a problem."""
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return WebhookResponse(status, PROBLEM, json.dumps(told).encode(), headers or {})
