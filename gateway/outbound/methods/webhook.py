"""By webhook: the agency's own system is called; its 2xx says that it has the report."""

from typing import ClassVar

from pydantic import SecretStr

from adapters.contract import Outgoing, SafeUrl, Sender
from adapters.load import load
from gateway.outbound.methods.base import CallingMethod, MethodSettings
from gateway.store.rows import Delivery, Reached


class WebhookMethodSettings(MethodSettings):
    """``method = "webhook"``: where the agency is called, and the secret shared with it."""

    url: SafeUrl
    secret: SecretStr


class WebhookMethod(CallingMethod):
    """A signed call per delivery, by the channel of type ``webhook``."""

    settings = WebhookMethodSettings
    reached: ClassVar[Reached] = "fetched"
    block: WebhookMethodSettings

    def __init__(self, agency: str, block: MethodSettings, *, public_url: str) -> None:
        """Build the sender. Raises ``BadBlock``."""
        super().__init__(agency, block, public_url=public_url)
        values = {
            "type": "webhook",
            "url": str(self.block.url),
            "secret": self.block.secret.get_secret_value(),
        }
        sender = load(agency, values, public_url=public_url)
        assert isinstance(sender, Sender)
        self.sender: Sender = sender

    async def send(self, delivery: Delivery, body: bytes) -> None:
        """Call the agency. Raises ``ChannelError``."""
        message = Outgoing(id=delivery.id, text=body.decode())
        await self.sender.send(str(self.block.url), message)

    async def close(self) -> None:
        """Close the connections."""
        await self.sender.close()


METHOD = WebhookMethod
