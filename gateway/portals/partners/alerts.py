"""Where the receiver of an alert by webhook says that somebody heard, under its signature."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.contract import Forged
from gateway.casework.alerts import DutyService
from gateway.intake import webhook
from gateway.intake.limits import CallLimits
from gateway.intake.problems import refusal
from gateway.store.engine import Unavailable

MOST = 4096


def routes(duty: DutyService, client_header: str, public_url: str) -> list[Route]:
    """Return the route. Wrong signatures are counted by network address."""
    limits = CallLimits(client_header, proxied=public_url.startswith("https:"))

    async def acknowledge(request: Request) -> Response:
        try:
            body = await webhook.body(request, MOST)
            known = await duty.by_webhook(body, request.headers)
        except webhook.TooLarge:
            return webhook.respond(refusal("too_large"))
        except Forged:
            wait = await limits.wrong("alerts", request)
            return webhook.respond(
                refusal("alert_signature"), {"retry-after": str(wait)} if wait else {}
            )
        except Unavailable:
            return webhook.respond(refusal("alert_away"), {"retry-after": "5"})
        return Response(status_code=204) if known else webhook.respond(refusal("alert_unknown"))

    return [Route("/alerts/acknowledge", acknowledge, methods=["POST"])]
