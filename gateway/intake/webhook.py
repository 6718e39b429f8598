"""The HTTP door of the channels: ``/in/{channel}``, answered once the message is durable.

Messages come by the methods that a channel names (mostly POST). A GET may also be a provider's
question whether we are who we say (``challenge``), and a HEAD only asks whether somebody is there.
"""

from collections.abc import Callable, Container
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.contract import CALLER, Receiver, Throttled, WebhookRequest, WebhookResponse
from gateway.intake.limits import CallLimits
from gateway.intake.load import NotDurable, Overload
from gateway.intake.problems import refusal
from gateway.intake.receive import Intake
from gateway.platform import metrics

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Taken wherever a channel is asked, so that each can say which of them it means."""
OURS = "x-kanal-"
"""What headers of the shell's own begin with; no caller may write one."""
LATER = {"retry-after": "5"}
"""Seconds after which what could not be made durable may come again."""
THERE = WebhookResponse(200, "text/plain", b"")


class TooLarge(Exception):
    """The body is larger than the settings allow."""


def routes(
    intake: Intake,
    public_url: str,
    max_bytes: int,
    limits: CallLimits,
    elsewhere: Container[str] = (),
) -> list[Route]:
    """Return the route of the hooks. ``public_url`` is what providers sign.

    ``elsewhere`` names the channels that have doors of their own.
    """

    async def take(request: Request) -> Response:
        name = request.path_params["channel"]
        channel = None if name in elsewhere else intake.receiver(name)
        if channel is None:
            return respond(refusal("no_channel"))
        try:
            return await take_for(channel, request)
        except TooLarge:
            metrics.INTAKE.labels(channel.name, "too_large").inc()
            return respond(refusal("too_large"))
        except Overload:
            return respond(refusal("not_stored"), LATER)
        except NotDurable:
            metrics.INTAKE.labels(channel.name, "not_durable").inc()
            return respond(refusal("not_stored"), LATER)

    async def take_for(channel: Receiver, request: Request) -> Response:
        most = max_bytes if channel.max_bytes is None else channel.max_bytes
        with intake.load.visit(channel.name) as visit:
            if refused := await too_often(channel, request, limits):
                return respond(refused)
            hook = await hook_of(request, public_url, most, visit.grow)
            visit.wait()
            if channel.asks_caller:
                hook = with_caller(hook, limits.caller(request))
            return await answer(channel, hook)

    async def answer(channel: Receiver, hook: WebhookRequest) -> Response:
        if hook.method != "POST" and (said := intake.challenge(channel, hook)):
            return respond(said)
        if hook.method not in channel.methods:
            if hook.method == "HEAD":
                return respond(THERE)
            allow = ", ".join(sorted({*channel.methods, "HEAD"}))
            return respond(refusal("wrong_method"), {"allow": allow})
        with metrics.STEP.labels("receive").time():
            return respond(await intake.receive_webhook(channel, hook))

    return [Route("/in/{channel}", take, methods=METHODS)]


async def too_often(
    channel: Receiver, request: Request, limits: CallLimits
) -> WebhookResponse | None:
    """Count a hook against its sender's network address; return the refusal of one too many."""
    wait = await limits.posted(channel, request)
    if not wait:
        return None
    metrics.INTAKE.labels(channel.name, "too_often").inc()
    error = Throttled(retry_after=wait)
    hook = WebhookRequest(channel.hook_url, _headers(request), b"")
    headers = {"retry-after": str(wait)}
    return channel.refusal(hook, error) or replace(refusal("too_often"), headers=headers)


async def hook_of(
    request: Request, public_url: str, most: int, grow: Callable[[int], None]
) -> WebhookRequest:
    """Dress a request of at most ``most`` bytes as a hook. Raises ``TooLarge``.

    ``grow`` is told of the bytes that come, and may raise.
    """
    return replace(request_of(request, public_url), body=await body(request, most, grow))


def with_caller(hook: WebhookRequest, caller: str | None) -> WebhookRequest:
    """Say in a header from which network address a call came, as far as that is known."""
    return replace(hook, headers={**hook.headers, CALLER: caller}) if caller else hook


def request_of(request: Request, public_url: str) -> WebhookRequest:
    """Dress a request as a plain value, without its body."""
    url = public_url.rstrip("/") + _path(request)
    return WebhookRequest(url, _headers(request), b"", request.method)


async def body(request: Request, most: int, grow: Callable[[int], None] = lambda _: None) -> bytes:
    """Read a body of at most ``most`` bytes. Raises ``TooLarge``.

    ``grow`` is told of the bytes that come, and may raise.
    """
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise TooLarge
    read = bytearray()
    async for chunk in request.stream():
        grow(len(chunk))
        read += chunk
        if len(read) > most:
            raise TooLarge
    return bytes(read)


def respond(answer: WebhookResponse, headers: dict[str, str] | None = None) -> Response:
    """Turn an answer of a step into a response."""
    more = {**answer.headers, **(headers or {})}
    return Response(answer.body, answer.status, more, media_type=answer.media_type)


def _path(request: Request) -> str:
    """Return path and query as they came over the wire: signatures are over those bytes."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    path = raw.partition(b"?")[0].decode("latin-1")
    return f"{path}?{query.decode('latin-1')}" if query else path


def _headers(request: Request) -> dict[str, str]:
    """Return the headers of a request without those that only the shell may write."""
    sent = ((name.lower(), value) for name, value in request.headers.items())
    return {name: value for name, value in sent if not name.startswith(OURS)}
