"""Whom to tell of a weakness: ``/.well-known/security.txt`` (RFC 9116)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.settings import ServerSettings

PATH = "/.well-known/security.txt"


def routes(settings: ServerSettings, now: Callable[[], datetime]) -> list[Route]:
    """Return the route; none where the settings name no contact."""
    if not settings.security_contact:
        return []

    async def told(_: Request) -> Response:
        ends = (now() + timedelta(days=settings.security_days)).replace(microsecond=0)
        lines = [
            *(f"Contact: {contact}" for contact in settings.security_contact),
            f"Expires: {ends:%Y-%m-%dT%H:%M:%SZ}",
            f"Preferred-Languages: {', '.join(settings.security_languages)}",
            f"Canonical: {str(settings.public_url).rstrip('/')}{PATH}",
        ]
        return PlainTextResponse("\n".join(lines) + "\n")

    return [Route(PATH, told, methods=["GET"])]
