"""Two-step codes: what an app on somebody's phone shows for thirty seconds, and what replaces it.

A code is accepted once: the time step of the last one is kept with the account. The secret is
sealed. Recovery codes are shown once, kept as keyed hashes, and used up one by one.
Source: https://www.rfc-editor.org/rfc/rfc6238
"""

import hmac
import json
import secrets
from dataclasses import dataclass

import pyotp
import segno

from gateway.platform.seal import BadSeal, Seal
from gateway.store.store import Store

STEP = 30
"""Seconds."""
RECOVERY_CODES = 10
ISSUER = "Kanal"
_NEAR = (0, -1, 1)
"""Steps that are tried: phones are seldom on time."""


@dataclass(frozen=True, slots=True)
class CodeSetup:
    """What an app needs to know, before it is proven that it does."""

    secret: str
    picture: str
    """The secret as a QR code: SVG without styles or scripts."""
    sealed: str
    """The secret for the form that proves it; it opens for the same account only."""


class CodeService:
    """Sets codes up and checks them."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    def begin(self, name: str) -> CodeSetup:
        """Make a secret for somebody; it counts once a code proves that an app has it."""
        secret = pyotp.random_base32()
        address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
        picture = segno.make(address, error="m", micro=False).svg_inline(scale=4)
        return CodeSetup(secret, picture, self._seal.close_text(secret, _setup(name)))

    async def finish(self, name: str, sealed: str, code: str) -> list[str] | None:
        """Turn codes on if this one is right; return the recovery codes, which are not kept."""
        try:
            secret = self._seal.open_text(sealed, _setup(name))
        except BadSeal:
            return None
        step = self._step(secret, code)
        if step is None:
            return None
        made = [secrets.token_hex(5) for _ in range(RECOVERY_CODES)]
        kept = json.dumps([self._keyed(name, each) for each in made])
        sealed = self._seal.close_text(secret, _purpose(name))
        await self._store.accounts.set_totp(name, sealed, step, kept)
        return [f"{each[:5]}-{each[5:]}" for each in made]

    async def check(self, name: str, code: str) -> bool:
        """Tell whether a code, or a recovery code, is right, and use it up."""
        sealed = await self._store.accounts.totp_of(name)
        if sealed is None:
            return False
        code = "".join(filter(str.isalnum, code)).lower()
        if len(code) != 6:
            return await self._store.accounts.use_recovery(name, self._keyed(name, code))
        step = self._step(self._seal.open_text(sealed, _purpose(name)), code)
        return step is not None and await self._store.accounts.use_step(name, step)

    async def is_on(self, name: str) -> bool:
        """Tell whether somebody is asked for codes."""
        return await self._store.accounts.totp_of(name) is not None

    async def left(self, name: str) -> int:
        """Count the recovery codes that were not used."""
        return await self._store.accounts.recovery_left(name)

    async def turn_off(self, name: str) -> None:
        """Ask for no codes any more."""
        await self._store.accounts.set_totp(name, None, 0, "[]")

    def _step(self, secret: str, code: str) -> int | None:
        """Return the time step that a code is of."""
        app, now = pyotp.TOTP(secret, interval=STEP), int(self._store.wall().timestamp()) // STEP
        given = "".join(code.split()).encode()
        for step in (now + near for near in _NEAR):
            if hmac.compare_digest(app.generate_otp(step).encode(), given):
                return step
        return None

    def _keyed(self, name: str, code: str) -> str:
        return self._seal.reference("recovery code", name, code)


def _setup(name: str) -> str:
    return f"new secret of codes {name}"


def _purpose(name: str) -> str:
    return f"secret of codes {name}"
