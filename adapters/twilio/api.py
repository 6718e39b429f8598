"""The way to Twilio's Messages API: one connection of ours below the SDK, and its errors as ours.

Codes: https://www.twilio.com/docs/api/errors. Twilio's words repeat the citizen's number: none of
them is logged or quoted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from aiohttp import encode_basic_auth
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http.response import Response  # type: ignore[import-untyped]

from adapters.contract import ChannelError, UnknownOutcome, Until
from adapters.exchange import ExchangeLog
from adapters.http import Errors, HttpClient

MENDABLE: Mapping[int, str] = {
    401: "the credentials were refused",
    403: "the account may not do this",
    404: "account_sid or api_base is wrong",
    20003: "account_sid and auth_tokens do not match",
    20005: "the account is not active",
    20006: "the account may not do this",
    21212: "number is not a valid sender",
    21408: "the account may not write to this country",
    21603: "no sender is set",
    21606: "number cannot send text messages",
    21609: "public_url cannot be called by Twilio",
    21659: "number does not belong to Twilio",
    21660: "number does not belong to the account",
    21701: "messaging_service_sid does not exist",
    21703: "the messaging service has no number",
    21654: "window_template does not exist",
    21655: "window_template does not exist",
    21656: "window_template does not take the two values that we fill in",
    30002: "the account is suspended",
    63001: "the sender's access to WhatsApp is broken; see the console",
    63002: "number is no WhatsApp sender of this account",
    63007: "number is no WhatsApp sender of this account",
    63051: "WhatsApp has locked the business account",
}
"""HTTP statuses and error codes that are our own doing. They are retried: an operator can mend
them, and an answer refused for good because of a wrong token would be lost to the citizen."""
SILENCED: Mapping[int, tuple[Until, str]] = {
    21610: ("starts", "the citizen said STOP, and hears nothing until START"),
    63014: ("writes", "the citizen has blocked the number"),
    63016: (
        "writes",
        "the citizen last wrote more than 24 hours ago: WhatsApp takes only templates",
    ),
}
"""Codes that say that the citizen must act first: until when, and in our words."""
REFUSALS: Mapping[int, str] = {
    21211: "this is no phone number",
    21614: "this is no mobile number",
    30003: "the phone is off or out of reach",
    30004: "the phone or its network takes no messages from us",
    30005: "the number is not in use",
    30006: "the number takes no text messages",
    30007: "the network took it for spam",
    63003: "the number is not on WhatsApp",
    63005: "WhatsApp does not take what is in it",
    63013: "WhatsApp takes it for a breach of its rules",
    63015: "the number has not joined the sandbox",
    63024: "the number cannot get this on WhatsApp",
    63032: "WhatsApp has reached its limit for this citizen",
}
"""Codes of what will never work, in our words; all others say their number only."""
SLOW_DOWN: Mapping[int, float] = {429: 5.0, 20429: 5.0, 21611: 60.0, 63018: 60.0, 63038: 3600.0}
"""Errors that ask us to wait, and for how many seconds (Twilio names none)."""


ERRORS = Errors(
    provider="Twilio", slow=SLOW_DOWN, mendable=MENDABLE, silenced=SILENCED, refused=REFUSALS
)


class TwilioTransport:
    """What Twilio's client sends through: our own client, and another host if set.

    The SDK's own asynchronous client ignores its ``timeout`` and logs addresses.
    """

    is_async = True

    def __init__(self, base: str, timeout: float, log: ExchangeLog) -> None:
        self.base = base
        self.http = HttpClient(ERRORS.provider, log, timeout=timeout)

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] = ("", ""),
        **_: object,
    ) -> Response:
        answer = await self.http.request(
            method,
            self.base + urlsplit(url).path if self.base else url,
            params=params,
            data=urlencode(data, doseq=True).encode() if data else None,
            headers={**(headers or {}), "Authorization": encode_basic_auth(*auth)},
        )
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


@contextmanager
def failures() -> Iterator[None]:
    """Turn what goes wrong in a call into our errors.

    ``from None``: Twilio's words repeat the citizen's number, which no log may hold.
    """
    try:
        yield
    except TwilioException as error:
        raise failure(error) from None
    except ValueError:
        raise UnknownOutcome("Twilio's answer could not be read") from None


def failure(error: TwilioException) -> ChannelError:
    """Turn an error of the SDK into ours. Codes: https://www.twilio.com/docs/api/errors."""
    if not isinstance(error, TwilioRestException | TwilioServiceException):
        return UnknownOutcome("Twilio's answer could not be read")
    return ERRORS.error(error.status, error.code)
