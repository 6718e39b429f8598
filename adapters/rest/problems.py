"""What is wrong with a call, as problems (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from adapters.contract import WebhookResponse

PROBLEM = "application/problem+json"
REFUSED = "Request refused"
_FAILURES: Mapping[int, tuple[str, str]] = {
    404: (REFUSED, "Not Found"),
    405: (REFUSED, "Method Not Allowed"),
    413: ("Content Too Large", "this message is larger than the gateway takes"),
    429: ("Too Many Requests", "too many calls in a minute"),
    503: ("Service Unavailable", "the message could not be stored; send it again"),
}
"""Title and detail of what never reached the channel."""


class CallRefused(Exception):
    """A call that is refused, and the status and headers that say so."""

    def __init__(self, status: int, detail: str, *, title: str = REFUSED, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> WebhookResponse:
        """Return the answer to the call."""
        return written(self.status, self.title, str(self), self.headers)


def failure(status: int) -> WebhookResponse:
    """Compose the answer to what reached no handler."""
    return written(status, *_FAILURES[status])


def problem(status: int, faults: Sequence[str]) -> WebhookResponse:
    """Compose a problem; ``errors`` lists every fault."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    more = {"errors": list(faults)} if status == 400 else {}
    return written(status, HTTPStatus(status).phrase, "; ".join(faults), headers, **more)


def written(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> WebhookResponse:
    """Write a problem."""
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return WebhookResponse(status, PROBLEM, json.dumps(told).encode(), headers or {})
