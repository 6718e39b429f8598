"""Log-in by a provider of OpenID Connect: who somebody is there, is kept with their account.

An account is joined to a person there by an invitation that is accepted so, or from "my account";
never by an address. What the round needs to remember is sealed in a cookie of ten minutes. The
answer of the provider comes from another site, so our own pages are opened from a page in between:
the browser keeps the session cookie from what another site began.
Source: https://openid.net/specs/openid-connect-core-1_0.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.access.people import AccountError
from gateway.access.services import AccessServices
from gateway.platform.seal import BadSeal
from gateway.portals.console import sessions
from gateway.portals.console.entrance import Entrance, safe
from gateway.portals.console.errors import ConsoleError, ConsoleErrorCode
from gateway.portals.console.menu import OWN
from gateway.portals.console.notes import AccessNotes
from gateway.portals.console.pages import BASE, ConsolePages
from gateway.portals.console.sections import PortalSection, PostRoute, Visitor
from gateway.portals.console.sessions import Form

log = structlog.get_logger(__name__)
PLACE = "/login/elsewhere"
BACK = f"{PLACE}/back"
COOKIE = "kanal_elsewhere"
KEPT = 600
"""Seconds that a round to the provider may take."""
WITHIN = 10
"""Seconds in which the provider must answer a call of ours."""
ROUND, TICKET = "round to the log-in provider", "person at the log-in provider"
"""Purposes of what is sealed."""


@dataclass(frozen=True, slots=True)
class ProviderPerson:
    """Who somebody is at the provider."""

    subject: str
    """Issuer and subject."""
    name: str
    """What they are called there: a proposal for the name of an account."""
    is_fresh: bool = False
    """The provider says that they have just proved who they are: its own session is not enough."""


class ElsewhereLogin:
    """The round to the provider and back."""

    def __init__(
        self,
        access: AccessServices,
        entrance: Entrance,
        pages: ConsolePages,
        notes: AccessNotes,
        public_url: str,
        *,
        secure: bool,
    ) -> None:
        from authlib.integrations.starlette_client import OAuth

        self._wanted = wanted = access.oidc
        self._accounts, self._people = access.accounts, access.people
        self._entrance = entrance
        self._pages = pages
        self._notes = notes
        self._seal = access.seal
        self._back = f"{public_url}{BASE[1:]}{BACK}"
        self._secure = secure
        self._cookie = f"__Host-{COOKIE}" if secure else COOKIE
        self._path = "/" if secure else f"{BASE}{PLACE}"
        self._provider = OAuth().register(
            "provider",
            client_id=wanted.client_id,
            client_secret=wanted.client_secret.get_secret_value() or None,
            server_metadata_url=f"{wanted.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "timeout": WITHIN,
            },
        )

    def routes(self) -> list[Route]:
        """Return the round for people who are not logged in."""
        return [
            Route(PLACE, self.leave, methods=["GET"]),
            Route(BACK, self.come_back, methods=["GET"]),
            Route("/begin/elsewhere", self.accept, methods=["POST"]),
        ]

    def section(self) -> PortalSection:
        """Return what joins one's own account to a person there, and parts them."""
        return PortalSection(
            posts=(
                PostRoute(f"{OWN}/join", "join_elsewhere", None, self.join, confirm=True),
                PostRoute(f"{OWN}/part", "part_elsewhere", None, self.part, confirm=True),
            )
        )

    async def leave(self, request: Request) -> Response:
        """Go to the provider; a session of its own there is enough."""
        held = self._held(request)
        asked: dict[str, Any] = {
            name: held[name] for name in ("code", "join", "token") if name in held
        }
        if "next" in request.query_params:
            asked = {"next": safe(request.query_params["next"])}
        request.scope["session"] = session = dict[str, Any]()
        again = "join" in asked or "again" in request.query_params
        more = {"prompt": "login", "max_age": "0"} if again else {}
        response: Response = await self._ask(
            lambda: self._provider.authorize_redirect(request, self._back, **more)
        )
        self._hold(response, asked | {"session": session})
        return response

    async def come_back(self, request: Request) -> Response:
        """Take the provider's answer: log in, accept an invitation, or join an account."""
        held = self._held(request)
        request.scope["session"] = held.get("session", {})
        person = await self._person(request)
        if join := str(held.get("join", "")):
            return await self._joined(request, join, str(held.get("token", "")), person)
        if code := str(held.get("code", "")):
            return self._dropped(await self._entrance.begin_elsewhere(code, self._ticket(person)))
        name = await self._accounts.name_elsewhere(person.subject)
        if name is None:
            await self._notes.add(request, "log_in_elsewhere", "", 401)
            text = self._pages.labels.say("elsewhere.unknown")
            return self._dropped(self._entrance.login_form(text))
        await self._notes.add(request, "log_in_elsewhere", name, 303)
        return self._dropped(
            await self._entrance.enter_elsewhere(
                request, name, safe(str(held.get("next", ""))), is_fresh=person.is_fresh
            )
        )

    async def accept(self, request: Request) -> Response:
        """Make the account of an invitation for the person that the provider named, or go there.

        A ticket says who it named; without one the browser is sent there first.
        """
        sessions.check_origin(request)
        form = await sessions.read_form(request)
        code, ticket = sessions.first(form, "code"), sessions.first(form, "ticket")
        if not ticket:
            await self._people_check(code)
            return self._onward({"code": code})
        try:
            person = ProviderPerson(**json.loads(self._seal.open_text(ticket, TICKET)))
        except (BadSeal, ValueError, TypeError):
            raise ConsoleError(400, ConsoleErrorCode.ELSEWHERE) from None
        return await self._entrance.accept_elsewhere(request, form, person.subject, ticket)

    async def join(self, _: Request, visitor: Visitor, __: Form) -> Response:
        """Begin to join one's own account to a person at the provider."""
        return self._onward({"join": visitor.name, "token": visitor.session.token})

    async def part(self, _: Request, visitor: Visitor, __: Form) -> Response:
        """Log in by password only from now on; without a password there is no other way."""
        if visitor.session.account.has_password:
            await self._accounts.join(visitor.name, None)
        return RedirectResponse(f"{BASE}{OWN}?done=parted", 303)

    async def _joined(
        self, request: Request, name: str, token: str, person: ProviderPerson
    ) -> Response:
        if token not in {each.token for each in await self._accounts.sessions(name)}:
            raise ConsoleError(403, ConsoleErrorCode.SESSION_OVER)
        joined = await self._accounts.join(name, person.subject)
        await self._notes.add(request, "join_elsewhere", name, 303 if joined else 409)
        done = "joined" if joined else "join_taken"
        return self._dropped(self._pages.onward(f"{BASE}{OWN}?done={done}"))

    async def _people_check(self, code: str) -> None:
        try:
            await self._people.link(code)
        except AccountError:
            raise ConsoleError(404, ConsoleErrorCode.NO_PAGE) from None

    async def _person(self, request: Request) -> ProviderPerson:
        """Read who the provider names. Raises ``ConsoleError`` 400 and 503."""
        token = await self._ask(lambda: self._provider.authorize_access_token(request))
        claims: Mapping[str, Any] = token.get("userinfo") or {}
        issuer, subject = str(claims.get("iss", "")), str(claims.get("sub", ""))
        if not (issuer and subject) or len(f"{issuer} {subject}") > 400:
            raise ConsoleError(400, ConsoleErrorCode.ELSEWHERE)
        proved_at = claims.get("auth_time")
        return ProviderPerson(
            f"{issuer} {subject}",
            str(claims.get(self._wanted.name_claim, ""))[:64],
            isinstance(proved_at, int | float) and self._accounts.is_recent(proved_at),
        )

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Let the library ask the provider. Raises ``ConsoleError`` 400 and 503."""
        from authlib.integrations.starlette_client import OAuthError
        from httpx2 import HTTPError
        from joserfc.errors import JoseError

        try:
            return await call()
        except HTTPError as error:
            log.warning("the log-in provider does not answer", kind=type(error).__name__)
            raise HTTPException(502) from None
        except (OAuthError, JoseError, KeyError, TypeError, ValueError) as error:
            log.warning("the log-in provider's answer is refused", kind=type(error).__name__)
            raise ConsoleError(400, ConsoleErrorCode.ELSEWHERE) from None

    def _ticket(self, person: ProviderPerson) -> tuple[str, str]:
        """Return a proposal for a name, and who it is, sealed."""
        whole = json.dumps({"subject": person.subject, "name": person.name})
        return person.name, self._seal.close_text(whole, TICKET)

    def _onward(self, held: Mapping[str, Any]) -> Response:
        response = self._pages.onward(f"{BASE}{PLACE}")
        self._hold(response, held)
        return response

    def _hold(self, response: Response, held: Mapping[str, Any]) -> None:
        """Remember for the round; "lax", as the provider's answer comes from another site."""
        response.set_cookie(
            self._cookie,
            self._seal.close_text(json.dumps(dict(held)), ROUND),
            max_age=KEPT,
            path=self._path,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def _dropped(self, response: Response) -> Response:
        response.delete_cookie(self._cookie, path=self._path, secure=self._secure)
        return response

    def _held(self, request: Request) -> dict[str, Any]:
        try:
            held = json.loads(self._seal.open_text(request.cookies.get(self._cookie, ""), ROUND))
        except (BadSeal, ValueError):
            return {}
        return dict(held) if isinstance(held, dict) else {}
