"""The web application and its server: hooks, agency API, console, health and metrics."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence

import uvicorn
from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from config.settings import ServerSettings
from gateway.access.services import AccessServices
from gateway.casework.agencies import AgencyService
from gateway.casework.operators import OperatorService
from gateway.casework.triage import TriageService
from gateway.intake import webhook
from gateway.intake.limits import CallLimits
from gateway.intake.receive import Intake
from gateway.media.access import AttachmentAccess
from gateway.operations.health import Health
from gateway.platform import metrics
from gateway.platform.clock import Clock
from gateway.portals.agency import api
from gateway.portals.agency.document import serve_document
from gateway.portals.citizen import routes as citizen
from gateway.portals.console import routes as console
from gateway.portals.console.sections import SectionMaker
from gateway.portals.http import problems, security_txt
from gateway.portals.http.allow import AllowHeader
from gateway.portals.http.bounds import Lines, Parser, protocol
from gateway.portals.http.drain import DrainMiddleware
from gateway.portals.http.request_id import RequestId
from gateway.portals.http.secure import Secure

GRACE = 10
"""Seconds a request under way has to finish when the server stops."""
KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than callers keep theirs, so that they close it and
none finds it closed under the request it has just begun."""


class WebServer:
    """An HTTP server in the running loop, with the bounds of ``[server]`` for connections."""

    def __init__(
        self, app: Starlette, limits: ServerSettings, port: int, parser: Parser = "httptools"
    ) -> None:
        self.app = app
        self._limits, self._parser = limits, parser
        self._address = (limits.host, port)
        self._task: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port the server listens on."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when the address is taken."""
        self._socket = _listen(*self._address)
        options = uvicorn.Config(
            RequestId(
                Secure(
                    DrainMiddleware(Lines(self.app, self._limits.max_headers)),
                    https=_is_https(self._limits),
                )
            ),
            http=protocol(self._parser, self._limits),
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=KEEP_ALIVE,
            h11_max_incomplete_event_size=self._limits.max_header_bytes,
        )
        self._server = _Server(options)
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="web")

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        if self._server and self._task:
            self._server.should_exit = True
            await self._task
        if self._socket:
            self._socket.close()


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def application(
    settings: ServerSettings,
    intake: Intake,
    access: AccessServices,
    operators: OperatorService,
    triage: TriageService,
    agencies: AgencyService,
    health: Health,
    files: AttachmentAccess,
    now: Clock,
    wall: Clock,
    citizens: citizen.CitizenServices,
    more: Mapping[str, Sequence[BaseRoute]] | None = None,
    beside: Sequence[BaseRoute] = (),
    sections: Sequence[SectionMaker] = (),
) -> FastAPI:
    """Compose the application. ``more`` holds the routes of channels that bring their own.

    ``beside`` are further routes, ``sections`` further pages of people.
    """
    more = more or {}
    url = str(settings.public_url)
    app = FastAPI(
        title="Kanal", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    secure = _is_https(settings)
    limits = CallLimits(settings.client_header, proxied=secure)
    app.include_router(api.api(agencies, files, limits))
    serve_document(app, url)
    app.router.routes[:0] = [
        *webhook.routes(intake, url, settings.max_hook_bytes, limits, elsewhere=more),
        *(route for routes in more.values() for route in routes),
        *_operations(health),
        *beside,
        *security_txt.routes(settings, wall),
        *(
            citizen.routes(intake, citizens, limits)
            or [Route("/", lambda _: RedirectResponse("/console/"), methods=["GET"])]
        ),
        Mount(
            "/console",
            routes=console.routes(
                access,
                operators,
                triage,
                public_url=url,
                secure_cookies=secure,
                clock=now,
                wall=wall,
                who=limits.caller,
                sections=sections,
            ),
        ),
    ]
    problems.answer_with_problems(app)
    app.add_middleware(AllowHeader, routes=app.router.routes)
    return app


def monitor(health: Health) -> Starlette:
    """Compose what a role without the web shows: its health and its metrics."""
    return Starlette(routes=_operations(health))


def _is_https(settings: ServerSettings) -> bool:
    return settings.public_url.scheme == "https"


def _operations(health: Health) -> list[Route]:
    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        finding = await health.recent()
        said = {"status": "ok" if finding.ready else "fail", "checks": finding.checks}
        return JSONResponse(said, 200 if finding.ready else 503)

    async def whole(_: Request) -> Response:
        finding = await health.recent()
        said = {"status": finding.status, "checks": finding.checks}
        return JSONResponse(said, 200 if finding.ok else 503)

    async def shown(_: Request) -> Response:
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/health", whole),
        Route("/metrics", shown),
    ]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sets TCP_NODELAY; without, each answer waits some 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)  # at once: who comes before the server runs waits, not fails
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
