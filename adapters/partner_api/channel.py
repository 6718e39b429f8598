"""What the channels for programs of partners share: who calls is known by a key."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from adapters.contract import (
    ChannelSettings,
    Forged,
    Mounts,
    Own,
    Partner,
    PartnerKey,
    PartnerKeys,
    PartnerName,
    Quota,
    WebhookRequest,
)


class PartnerBlock(ChannelSettings):
    """What the settings of these channels have in common."""

    keys: dict[PartnerName, PartnerKey] = {}
    max_bytes: Annotated[int, Field(ge=1024, le=100_000_000)] = 10_485_760
    """Bytes of one call, its files included."""
    public_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Calls without a key in any minute from one address (all callers share a proxy's)."""


class PartnerChannel(Mounts, ABC):
    """A channel whose callers have keys."""

    block: PartnerBlock
    no_key: ClassVar[str]
    """What a caller without a valid key is told."""

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._keys = PartnerKeys(self.block.keys)
        self.address = f"{public_url.rstrip('/')}{self.base}"

    @property
    def max_bytes(self) -> int:
        """Bytes of one call."""
        return self.block.max_bytes

    @property
    def agencies(self) -> Mapping[tuple[str, ...], str]:
        """Return the agencies that keys speak for."""
        keys = self.block.keys.items()
        return {("keys", name, "agency"): key.agency for name, key in keys if key.agency}

    @abstractmethod
    def given_key(self, hook: WebhookRequest) -> str:
        """Return the key that came with a hook, "" where there is none."""

    def caller(self, hook: WebhookRequest) -> Partner | None:
        """Return whose key came with a hook."""
        given = self.given_key(hook)
        return self._keys.partner(given) if given else None

    def reads_as(self, caller: Partner | None) -> Own:
        """Return whose own reports a caller may read in full."""
        return (self.name, caller.name) if caller and caller.may("read") else None

    def verify(self, hook: WebhookRequest) -> None:
        """Check the key. Raises ``Forged``."""
        if self.caller(hook) is None:
            raise Forged(self.no_key)

    def quota(self, request: WebhookRequest) -> Quota:
        """Count a partner by its key, everybody else by their address."""
        if caller := self.caller(request):
            return Quota(caller.key.per_minute, caller.name)
        return Quota(self.block.public_per_minute, wrong_key=bool(self.given_key(request)))
