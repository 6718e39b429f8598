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
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from pydantic import AfterValidator, Field, SecretStr
from standardwebhooks import Webhook as Signer
from standardwebhooks.webhooks import WebhookVerificationError

from adapters.base import (
    Block,
    ChannelError,
    Forged,
    Outgoing,
    Refused,
    SafeUrl,
    Sends,
    Throttled,
    Unreachable,
)

LONGEST_WAIT = 3600.0
"""Seconds; a longer Retry-After is cut to this."""
TRY_AGAIN = frozenset({408, 409, 421, 423, 425, 429})
"""The 4xx answers that may pass; every other one refuses the report for good, and with 3xx it
waits among the dead letters until an operator has mended address or secret."""


_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}")


def _usable(secret: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return secret


class WebhookBlock(Block):
    """``type = "webhook"``: where an agency takes its reports, and the secret shared with it."""

    type: Literal["webhook"]
    url: SafeUrl
    secret: Annotated[SecretStr, AfterValidator(_usable)]
    timeout: Annotated[float, Field(gt=0, le=120)] = 15.0
    """Seconds for the whole exchange."""


class Webhook(Sends):
    """One agency's endpoint."""

    settings = WebhookBlock
    block: WebhookBlock

    def __init__(self, name: str, block: Block, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._signer = Signer(self.block.secret.get_secret_value())
        self._session: ClientSession | None = None

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
        try:
            async with self._open().post(
                str(self.block.url),
                data=message.text.encode(),
                headers=self._headers(message, datetime.now(UTC)),
                allow_redirects=False,
            ) as answer:
                failure = _failure(answer)
                said = b"" if failure or not most else await _first(answer, most)
        except (ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"the agency did not answer ({type(error).__name__})") from error
        if failure is not None:
            raise failure
        return said

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Check that a message to us is signed with our common secret. Raises ``Forged``."""
        try:
            self._signer.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError) as error:
            raise Forged("the signature does not fit") from error

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> ClientSession:
        if self._session is None:
            timeout = ClientTimeout(total=self.block.timeout)
            self._session = ClientSession(timeout=timeout, cookie_jar=DummyCookieJar())
        return self._session

    def _headers(self, message: Outgoing, now: datetime) -> Mapping[str, str]:
        return {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "kanal",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message.id, now, message.text),
        }


CHANNEL = Webhook


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110 §10.2.3): seconds to wait, between 1 and an hour."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(max(float(value[:9]), 1.0), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 1.0), LONGEST_WAIT)


async def _first(answer: ClientResponse, most: int) -> bytes:
    read = bytearray()
    while len(read) < most and (chunk := await answer.content.read(most - len(read))):
        read += chunk
    return bytes(read)


def _failure(answer: ClientResponse) -> ChannelError | None:
    status = answer.status
    if 200 <= status < 300:
        return None
    said = f"the agency answered {status}"
    if status < 500 and status not in TRY_AGAIN:
        return Refused(said)
    wait = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
    if status == 429 or wait is not None:
        return Throttled(said, retry_after=wait or 5.0)
    return Unreachable(said)
