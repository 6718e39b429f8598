"""A door for other programs: who calls is known by a key."""

from abc import ABC, abstractmethod
from typing import ClassVar

from adapters.contract import ChannelSettings, Forged, Receiver, WebhookRequest
from adapters.partner_api.keys import Caller, Keys, PartnerBlock


class Keyed(Receiver, ABC):
    """A channel whose callers have keys."""

    block: PartnerBlock
    no_key: ClassVar[str]
    """What is said to who brings none that is valid."""

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._keys = Keys(self.block.keys)

    @abstractmethod
    def given_key(self, hook: WebhookRequest) -> str:
        """Return the key that came with a hook, "" where there is none."""

    def caller(self, hook: WebhookRequest) -> Caller | None:
        """Return whose key came with a hook."""
        given = self.given_key(hook)
        return self._keys.caller(given) if given else None

    def verify(self, hook: WebhookRequest) -> None:
        """Check the key. Raises ``Forged``."""
        if self.caller(hook) is None:
            raise Forged(self.no_key)
