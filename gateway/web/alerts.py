"""Where the receiver of an alert by webhook says that somebody heard, under its signature."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.base import Forged
from gateway.steps.alerts import DutyDesk
from gateway.steps.receive import problem
from gateway.store.engine import Unavailable
from gateway.web import hooks
from gateway.web.limits import Limits

MOST = 4096
AWAY = problem(503, "Service Unavailable", "it could not be stored; send it again")
FORBIDDEN = problem(403, "Forbidden", "the signature fits no post on the duty roster")
UNKNOWN = problem(
    422,
    "Unprocessable Content",
    'say {"alert": ID, "acknowledged": true} of an alert you were sent',
)


def routes(desk: DutyDesk, client_header: str, public_url: str) -> list[Route]:
    """Return the route. Wrong signatures are counted by network address."""
    limits = Limits(client_header, proxied=public_url.startswith("https:"))

    async def acknowledge(request: Request) -> Response:
        try:
            body = await hooks.body(request, MOST)
            known = await desk.by_webhook(body, request.headers)
        except hooks.TooLarge:
            return hooks.respond(hooks.TOO_LARGE)
        except Forged:
            wait = await limits.wrong("alerts", request)
            return hooks.respond(FORBIDDEN, {"retry-after": str(wait)} if wait else {})
        except Unavailable:
            return hooks.respond(AWAY, {"retry-after": "5"})
        return Response(status_code=204) if known else hooks.respond(UNKNOWN)

    return [Route("/alerts/acknowledge", acknowledge, methods=["POST"])]
