"""What is noted of every act and look of a person: a line of the log, and one of the access log."""

import re

import structlog
from starlette.requests import Request

from gateway.access.log import AccessLog
from gateway.intake.limits import Who
from gateway.portals.console import sessions
from gateway.portals.console.sessions import Form
from gateway.store.engine import Unavailable

log = structlog.get_logger(__name__)
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_OWN = re.compile(r"[0-9a-f]{64}|[0-9a-f-]{36}")
"""What we name reports, files and messages by; anything else in an address was typed."""
_AIMS = ("account", "agency", "email", "token")
"""Fields of forms that say whom or what an act is about."""


class AccessNotes:
    """Writes them. ``who`` tells the network address that calls."""

    def __init__(self, access: AccessLog, who: Who) -> None:
        self._access = access
        self._who = who

    async def add(
        self,
        request: Request,
        act: str,
        by: str,
        status: int = 200,
        form: Form | None = None,
        *,
        always: bool = False,
        target: str = "",
    ) -> None:
        """Note who did or looked at what; the access log has the reason that a form gave, too.

        A database that cannot be written to stops nothing, unless it must ``always`` be noted.
        Raises ``Unavailable`` then.
        """
        form, caller = form or {}, self._who(request) or ""
        named = {n: v for n, v in request.path_params.items() if _OWN.fullmatch(v)}
        agency = sessions.first(form, "agency")
        if _ID.fullmatch(agency):
            named["agency"] = agency
        log.info("operator", did=act, by=by or "unknown", status=status, caller=caller, **named)
        report_id = named.get("report_id")
        others = [v for n, v in request.path_params.items() if n != "report_id"]
        others += [value for name in _AIMS if (value := sessions.first(form, name))]
        try:
            await self._access.add(
                by,
                act,
                status,
                caller=caller,
                report_id=report_id,
                target=target or next(iter(others), ""),
                reason=sessions.first(form, "reason"),
            )
        except Unavailable:
            log.warning("the access log could not be written", did=act, by=by or "unknown")
            if always:
                raise
