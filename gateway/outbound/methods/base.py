"""What an agency's method is to Kanal: its settings, and how it places a delivery.

Placing is exactly once up to the table or queue it writes to, as that and the delivery's state are
one transaction. A method that calls somebody else is at least once under a stable id.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.contract import Sender
from gateway.store.rows import Delivery, Reached
from gateway.store.unit import UnitOfWork


class MethodSettings(BaseModel):
    """``[delivery.AGENCY]``: what every method takes; each adds its own keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    token: SecretStr | None = None
    """By which the agency proves itself on the agencies' API, however it gets its reports."""
    fetch_within_hours: Annotated[float, Field(ge=1, le=8_760)] | None = None
    """Where it has a time of its own, after which what it did not fetch comes to a coordinator."""


class Method:
    """How one agency gets its reports."""

    settings: ClassVar[type[MethodSettings]] = MethodSettings
    sender: Sender | None = None
    """The channel it calls by, where it does."""
    reached: ClassVar[Reached] = "placed"
    """How far a delivery is once this method has placed it."""

    def __init__(self, agency: str, block: MethodSettings, *, public_url: str) -> None:
        self.block = block

    @property
    def each(self) -> tuple["Method", ...]:
        """The methods by which the agency gets each report: this one, or several."""
        return (self,)

    def place(self, unit: UnitOfWork, delivery: Delivery, body: bytes) -> None:
        """Write what the agency shall find, in the transaction that notes it as placed.

        ``body`` is the CloudEvent. By itself nothing is written: the delivery stands in its table.
        """

    async def close(self) -> None:
        """Let go of connections."""


class CallingMethod(Method, ABC):
    """A method that hands a delivery over by calling somebody, before it is noted as placed."""

    @abstractmethod
    async def send(self, delivery: Delivery, body: bytes) -> None:
        """Hand it over under the delivery's id. Raises ``ChannelError``."""


class SeveralMethods(Method):
    """Several methods of one agency at once; each places deliveries of its own."""

    def __init__(self, methods: Sequence[Method], *, public_url: str) -> None:
        """Take methods whose blocks have the same token."""
        super().__init__("", methods[0].block, public_url=public_url)
        self._each = tuple(methods)
        self.sender = next((method.sender for method in methods if method.sender), None)

    @property
    def each(self) -> tuple[Method, ...]:
        """The methods by which the agency gets each report, the inbox first."""
        return self._each

    async def close(self) -> None:
        """Let go of the connections of all of them."""
        for method in self._each:
            await method.close()
