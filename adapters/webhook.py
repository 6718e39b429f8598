"""Webhook: reports out to an agency's own system, signed by the Standard Webhooks scheme.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. The
body is the report as a CloudEvent in structured JSON. ``webhook-id`` is the same at every attempt:
an agency that remembers it never files a report twice. The address comes from the operator's own
settings, not from a citizen, so private networks are allowed (that is where agencies' systems
stand); redirects are not followed, because they would let the agency's server choose the address.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from standardwebhooks import Webhook as Signer
from standardwebhooks.webhooks import WebhookVerificationError

from adapters.contract import (
    ChannelError,
    ChannelSettings,
    Forged,
    Outgoing,
    SafeUrl,
    SystemSender,
    retry_after,
)
from adapters.http import Errors, HttpClient, HttpResponse

ERRORS = Errors(provider="the agency")
TRY_AGAIN = frozenset({408, 409, 421, 423, 425, 429})
"""The 4xx answers that may pass; every other one refuses the report for good, and with 3xx it
waits among the dead letters until an operator has mended address or secret."""


_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}")


def _usable(secret: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return secret


class WebhookBlock(ChannelSettings):
    """``type = "webhook"``: where an agency takes its reports, and the secret shared with it."""

    type: Literal["webhook"]
    url: SafeUrl
    secret: Annotated[SecretStr, AfterValidator(_usable)]
    timeout: Annotated[float, Field(gt=0, le=120)] = 15.0
    """Seconds for the whole exchange."""


class Webhook(SystemSender):
    """One agency's endpoint."""

    settings = WebhookBlock
    block: WebhookBlock

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._signer = Signer(self.block.secret.get_secret_value())
        self._http = HttpClient(
            ERRORS.provider, self.exchanges, timeout=self.block.timeout, notes_path=False
        )

    async def send(self, to: str, message: Outgoing) -> str:
        """Post ``message.text`` (JSON) and return ``message.id``; ``to`` says nothing here.

        Raises ``ChannelError``. The answer counts by its status alone; its body is never read, so
        that nothing an agency sends back can hold up or fill the worker.
        """
        await self.ask(message, most=0)
        return message.id

    async def ask(self, message: Outgoing, *, most: int) -> bytes:
        """Post ``message.text`` and return the first ``most`` bytes of the answer's body.

        Raises ``ChannelError``.
        """
        answer = await self._http.request(
            "POST",
            str(self.block.url),
            data=message.text.encode(),
            headers=self._headers(message, datetime.now(UTC)),
            first=most,
        )
        if failure := _failure(answer):
            raise failure
        return answer.body

    def verify_callback(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Check that a message to us is signed with our common secret. Raises ``Forged``."""
        try:
            self._signer.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError) as error:
            raise Forged("the signature does not fit") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _headers(self, message: Outgoing, now: datetime) -> Mapping[str, str]:
        return {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "kanal",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message.id, now, message.text),
        }


CHANNEL = Webhook


def _failure(answer: HttpResponse) -> ChannelError | None:
    if answer.is_success:
        return None
    final = answer.status < 500 and answer.status not in TRY_AGAIN
    wait = None if final else retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
    return ERRORS.error(answer.status, wait=wait, final=final)
