"""The OpenAPI document of the agencies' API: what FastAPI knows, and how its errors really look."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

PROBLEM = "application/problem+json"
_REFUSALS: Mapping[int, str] = {
    400: "The body cannot be read",
    401: "There is no valid token",
    404: "No report of this number is with the agency, or it has no such file",
    409: "The report is closed, or was changed meanwhile",
    413: "The body is too large",
    422: "Something is wrong with a parameter or the body",
    429: "Too many wrong tokens; ``Retry-After`` says how long to wait",
    503: "Away for the moment: call again",
}
_SCHEMA = {
    "type": "object",
    "description": "What is wrong with a call (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_REFERENCE = {"schema": {"$ref": "#/components/schemas/Problem"}}

Responses = dict[int | str, dict[str, Any]]


def refusals(*statuses: int) -> Responses:
    """Describe the errors of an operation."""
    return {
        status: {"description": _REFUSALS[status], "content": {PROBLEM: _REFERENCE}}
        for status in statuses
    }


def serve_document(app: FastAPI, public_url: str) -> None:
    """Let the document of ``app`` name where it is served, and its problems."""
    drawn = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = drawn()
            made["servers"] = [{"url": public_url.rstrip("/")}]
            schemas = made["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas["Problem"] = _SCHEMA
        return app.openapi_schema or {}

    app.openapi = document  # type: ignore[method-assign]
