"""Accounts: who logs in, and stays logged in."""

import asyncio
import hashlib
import secrets
from datetime import timedelta

from argon2.exceptions import InvalidHashError, VerificationError

from gateway.access.passwords import HASHER, check_password, hash_of_none
from gateway.access.roles import Actor, Grant, Role
from gateway.platform.seal import Seal
from gateway.store.scope import NATIONAL
from gateway.store.store import Store
from gateway.store.views import Account, GrantRow, Session

FROM_COMMAND_LINE = "cli"
"""Who made an account that no other account made."""


class AccountService:
    """Accounts and their sessions. ``session_hours`` is how long one lasts at most."""

    def __init__(self, store: Store, seal: Seal, *, session_hours: int) -> None:
        self._store = store
        self._seal = seal
        self._lasts = timedelta(hours=session_hours)
        self._nobody = hash_of_none()

    async def set_password(self, name: str, password: str) -> None:
        """Change a password, or make an operator of the whole country. Raises ``WeakPassword``."""
        check_password(name, password)
        await set_password(self._store, name, await asyncio.to_thread(HASHER.hash, password))

    async def any(self) -> bool:
        """Tell whether anybody may log in."""
        return await self._store.accounts.any()

    async def log_in(self, name: str, password: str) -> str | None:
        """Check a password; return a new session's token. Takes as long for unknown names."""
        known = await self._store.accounts.password_of(name, active=True)
        right = await asyncio.to_thread(_fits, known or self._nobody, password)
        if not right or known is None:
            return None
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        expires = self._store.wall() + self._lasts
        begun = await self._store.sessions.begin(_hashed(token), name, csrf, expires, known)
        return token if begun else None

    async def session(self, token: str) -> Session | None:
        """Return the session of a token."""
        return await self._store.sessions.get(_hashed(token))

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


async def set_password(store: Store, name: str, hashed: str) -> None:
    """Change a password, or make an operator of the whole country who has it."""
    if await store.accounts.set_password(name, hashed):
        return
    given = [GrantRow(Role.OPERATOR, NATIONAL, identity=True)]
    await store.accounts.create(name, hashed, given, by=FROM_COMMAND_LINE)


def actor_of(account: Account) -> Actor:
    """Return what an account may do."""
    given = (Grant(Role(each.role), each.scope, each.identity) for each in account.grants)
    return Actor(account.name, tuple(given))


def _fits(known: str, password: str) -> bool:
    try:
        return HASHER.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
