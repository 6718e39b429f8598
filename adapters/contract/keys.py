"""Keys of partners: whose program calls, what it may do, and how often.

A key is random and long, so its plain SHA-256 is as good as a slow hash, and the settings need not
hold the key itself. ``kanal key`` makes one.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

Scope = Literal["report", "read", "update"]
PartnerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
_SHORTEST = 24


def _long(key: SecretStr) -> SecretStr:
    written = key.get_secret_value()
    if len(written) < _SHORTEST or not written.isascii() or not written.isprintable():
        raise ValueError(f"a key is at least {_SHORTEST} printable characters; kanal key makes one")
    return key


class PartnerKey(BaseModel):
    """``[channels.NAME.keys.PARTNER]``: a partner's key, or its SHA-256, and what it opens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[SecretStr, AfterValidator(_long)] | None = None
    key_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = frozenset({"report"})
    """report: send reports; read: see what it sent, in full; update: add to what it sent."""
    per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Calls in any minute."""
    agency: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")] | None = None
    """The agency whose words its updates are; without one they are the reporters' own."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.key is None) == (self.key_sha256 is None):
            raise ValueError("set either key or key_sha256")
        if self.agency and "update" not in self.scopes:
            raise ValueError("a key with an agency needs the scope update")
        return self

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the key."""
        if self.key_sha256:
            return bytes.fromhex(self.key_sha256)
        assert self.key is not None
        return hashlib.sha256(self.key.get_secret_value().encode()).digest()


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner that proved itself by its key."""

    name: str
    key: PartnerKey

    def may(self, scope: Scope) -> bool:
        """Tell whether its key opens this."""
        return scope in self.key.scopes


class PartnerKeys:
    """The keys that one channel takes."""

    def __init__(self, keys: Mapping[str, PartnerKey]) -> None:
        self._known = [(Partner(name, key), key.digest) for name, key in keys.items()]

    def partner(self, given: str) -> Partner | None:
        """Return whose key this is. Compares with every key, in constant time."""
        digest = hashlib.sha256(given.encode("utf-8", "replace")).digest()
        found = None
        for partner, known in self._known:
            if hmac.compare_digest(digest, known):
                found = partner
        return found
