"""Accounts: who logs in, and stays logged in."""

import asyncio
import hashlib
import secrets
from datetime import timedelta

from argon2.exceptions import InvalidHashError, VerificationError

from gateway.access.breaches import BreachList
from gateway.access.codes import CodeService
from gateway.access.passwords import HASHER, check_password, hash_of_none
from gateway.access.roles import Actor, Grant, Role
from gateway.platform.seal import Seal
from gateway.store.scope import NATIONAL
from gateway.store.store import Store
from gateway.store.views import Account, GrantRow, NewAccount, Session

FROM_COMMAND_LINE = "cli"
"""Who made an account that no other account made."""
SEEN = timedelta(minutes=1)
"""How often it is written down that a session is in use."""
OPEN, CODE = "open", "code"
"""Stages of a session: it opens everything, or nothing but the page that asks for a code."""
WAITS = timedelta(minutes=10)
"""How long a session waits for a code."""
CONFIRMED = timedelta(minutes=10)
"""How long a password that was given stands for what needs one."""


class AccountService:
    """Accounts and their sessions. ``session_hours`` is how long one lasts at most.

    ``idle_minutes`` is how long it lasts without a page or an act. ``codes_required`` is whether
    administrators, and people who may open identities, must have two-step codes.
    """

    def __init__(
        self,
        store: Store,
        seal: Seal,
        *,
        session_hours: int,
        idle_minutes: int,
        breaches: BreachList,
        codes: CodeService,
        codes_required: bool = False,
    ) -> None:
        self._store = store
        self._seal = seal
        self._lasts = timedelta(hours=session_hours)
        self._idle = timedelta(minutes=idle_minutes)
        self._breaches = breaches
        self._codes = codes
        self._codes_required = codes_required
        self._nobody = hash_of_none()

    async def set_password(self, name: str, password: str) -> None:
        """Change a password, or make an operator of the whole country. Raises ``WeakPassword``."""
        await set_password(self._store, name, await self.hash(name, password))

    async def hash(self, name: str, password: str) -> str:
        """Take a password for a name and return what is kept of it. Raises ``WeakPassword``."""
        check_password(name, password, self._breaches)
        return await asyncio.to_thread(HASHER.hash, password)

    async def any(self, role: Role | None = None) -> bool:
        """Tell whether anybody may log in, or in a role."""
        return await self._store.accounts.any(role)

    async def log_in(self, name: str, password: str, device: str = "") -> str | None:
        """Check a password; return a new session's token. Takes as long for unknown names."""
        hashed = await self._check(name, password)
        return await self._begin(name, hashed, device) if hashed else None

    async def enter(self, name: str, device: str = "", *, is_confirmed: bool = True) -> str | None:
        """Return the token of a new session of somebody who came by a link or a provider.

        ``is_confirmed`` is whether they proved there, just now, who they are.
        """
        hashed = await self._store.accounts.password_of(name, active=True)
        return await self._begin(name, hashed, device, is_confirmed=is_confirmed)

    def is_recent(self, moment: float) -> bool:
        """Tell whether a moment, in seconds since 1970, is so recent that it confirms a session."""
        passed = self._store.wall().timestamp() - moment
        return -60 <= passed < CONFIRMED.total_seconds()

    async def name_elsewhere(self, subject: str) -> str | None:
        """Return whose account is joined to a person at the log-in provider."""
        return await self._store.accounts.by_subject(subject)

    async def join(self, name: str, subject: str | None) -> bool:
        """Join an account to a person at the log-in provider, or to none; False if it is taken."""
        return await self._store.accounts.set_subject(name, subject)

    async def session(self, token: str, *, active: bool = False) -> Session | None:
        """Return the session of a token. ``active`` is whether a person did something."""
        session, now = await self._store.sessions.get(_hashed(token)), self._store.wall()
        if session is None:
            return None
        if session.seen_at + self._idle <= now:
            await self._store.sessions.end(session.token)
            return None
        if active and session.seen_at + SEEN <= now:
            await self._store.sessions.change(session.token, seen_at=now)
            await self._store.accounts.note_seen(session.name)
        return session

    async def finish(self, session: Session, code: str) -> str | None:
        """Open the session that waited for a code; return its new token, None if it is wrong."""
        if not await self._codes.check(session.name, code):
            return None
        hashed = await self._store.accounts.password_of(session.name, active=True)
        await self._store.sessions.end(session.token)
        return await self._begin(session.name, hashed, session.device, stage=OPEN)

    async def confirm(self, session: Session, password: str, code: str) -> bool:
        """Note that somebody who is logged in gave their password again; False if it is wrong.

        The ``code`` counts where they have two-step codes.
        """
        right = await self._check(session.name, password) is not None
        if right and session.account.has_totp:
            right = await self._codes.check(session.name, code)
        if right:
            await self._store.sessions.change(session.token, confirmed_at=self._store.wall())
        return right

    def lacks_codes(self, account: Account) -> bool:
        """Tell whether somebody must set two-step codes up before they may do anything else."""
        if account.has_totp or not self._codes_required:
            return False
        return any(row.identity or row.role == Role.ADMINISTRATOR for row in account.grants)

    def is_confirmed(self, session: Session) -> bool:
        """Tell whether a password was given lately."""
        return self._store.wall() < session.confirmed_at + CONFIRMED

    async def change_password(self, session: Session, old: str, new: str) -> bool:
        """Change one's own password, ending all other sessions; False if the old one is wrong.

        Raises ``WeakPassword``.
        """
        if await self._check(session.name, old) is None:
            return False
        hashed = await self.hash(session.name, new)
        return await self._store.accounts.set_password(session.name, hashed, keep=session.token)

    async def sessions(self, name: str) -> list[Session]:
        """List the sessions of an account, the last used first."""
        now = self._store.wall()
        return [s for s in await self._store.sessions.of(name) if s.seen_at + self._idle > now]

    async def end_session(self, name: str, token: str) -> bool:
        """End one session of an account, by its hash; False where there is none."""
        return await self._store.sessions.end(token, name)

    async def end_others(self, session: Session) -> None:
        """End every other session of an account."""
        await self._store.sessions.end_all(session.name, keep=session.token)

    async def log_out(self, token: str) -> None:
        """End a session."""
        await self._store.sessions.end(_hashed(token))

    async def log_out_everywhere(self, name: str) -> None:
        """End every session of an account."""
        await self._store.sessions.end_all(name)

    async def is_account(self, name: str) -> bool:
        """Tell whether there is, or was, an account of this name."""
        return await self._store.accounts.get(name) is not None

    def sign(self, text: str) -> str:
        """Return a keyed hash for cookies of known devices."""
        return self._seal.reference("device", text)

    async def _check(self, name: str, password: str) -> str | None:
        """Return the hash that a password fits; None where it is wrong."""
        known = await self._store.accounts.password_of(name, active=True)
        right = await asyncio.to_thread(_fits, known or self._nobody, password)
        return known if right else None

    async def _begin(
        self,
        name: str,
        hashed: str | None,
        device: str,
        *,
        stage: str = "",
        is_confirmed: bool = True,
    ) -> str | None:
        """Begin a session; one of somebody with codes waits for one, and not for long."""
        stage = stage or (CODE if await self._codes.is_on(name) else OPEN)
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        expires = self._store.wall() + (self._lasts if stage == OPEN else WAITS)
        begun = await self._store.sessions.begin(
            _hashed(token),
            name,
            csrf,
            expires,
            hashed,
            stage=stage,
            device=device,
            is_confirmed=is_confirmed,
        )
        if not begun:
            return None
        if stage == OPEN:
            await self._store.accounts.note_seen(name)
        return token


async def set_password(store: Store, name: str, hashed: str) -> None:
    """Change a password, or make an operator of the whole country who has it."""
    if await store.accounts.set_password(name, hashed):
        return
    given = (GrantRow(Role.OPERATOR, NATIONAL, identity=True),)
    await store.accounts.create(NewAccount(name, hashed, given, FROM_COMMAND_LINE))


def actor_of(account: Account) -> Actor:
    """Return what an account may do."""
    return Actor(account.name, tuple(map(grant_of, account.grants)))


def grant_of(row: GrantRow) -> Grant:
    """Read a grant as it is stored."""
    return Grant(Role(row.role), row.scope, row.identity)


def _fits(known: str, password: str) -> bool:
    try:
        return HASHER.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
