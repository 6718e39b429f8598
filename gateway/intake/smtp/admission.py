"""Which connections the mail server has, and whether it lets one more in."""

import asyncio
from typing import Protocol

from config import settings
from gateway.intake.smtp.replies import reply


class SmtpConnection(Protocol):
    """What must be known of a connection to count it and to end it."""

    network: str
    receiving: bool

    @property
    def running(self) -> asyncio.Task[None] | None:
        """The task that holds the dialogue."""

    def dismiss(self, reply: str) -> None:
        """Say a last word and hang up."""

    def cut(self) -> None:
        """Drop the connection without waiting for the other side."""


class Admission:
    """Counts connections: all of them, and those of one network."""

    def __init__(self, settings: settings.MailServerSettings) -> None:
        self._settings = settings
        self._sessions: set[SmtpConnection] = set()
        self.closing = False

    def admit(self, session: SmtpConnection) -> str:
        """Count a connection in, or return the refusal."""
        if self.closing:
            return reply("closing")
        if len(self._sessions) >= self._settings.max_connections:
            return reply("busy")
        near = sum(session.network == other.network for other in self._sessions)
        if session.network and near >= self._settings.max_connections_per_peer:
            return reply("busy_with_you")
        self._sessions.add(session)
        return ""

    def leave(self, session: SmtpConnection) -> None:
        """Count a connection out; twice does no harm."""
        self._sessions.discard(session)

    async def shut(self, grace: float) -> None:
        """Send the idle away, wait for the busy, cut off whoever is left."""
        self.closing = True
        for session in list(self._sessions):
            if not session.receiving:
                session.dismiss(reply("closing"))
        if running := [s.running for s in self._sessions if s.running]:
            await asyncio.wait(running, timeout=grace)
        for session in list(self._sessions):
            session.cut()
