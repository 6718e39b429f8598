"""Whether a request is Twilio's: https://www.twilio.com/docs/usage/webhooks/webhooks-security."""

import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr
from twilio.request_validator import (  # type: ignore[import-untyped]
    HMAC_SHA1,
    HMAC_SHA256,
    RequestValidator,
    get_signature_algorithm,
)

from adapters.contract import Forged, WebhookRequest
from adapters.twilio import payloads
from adapters.twilio.payloads import TwilioForm

_SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"


class Signatures:
    """The secrets of an account: what is signed with any of them is genuine."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._validators = [RequestValidator(s.get_secret_value()) for s in secrets]

    def check(self, hook: WebhookRequest) -> None:
        """Check the signature over the exact URL and the body. Raises ``Forged``."""
        signature = hook.headers.get("x-twilio-signature")
        if not signature:
            raise Forged("the request has no X-Twilio-Signature")
        algorithm = get_signature_algorithm(hook.headers.get(_SETTINGS_HEADER)).upper()
        if algorithm not in (HMAC_SHA1, HMAC_SHA256):
            raise Forged("the signature is of an unknown kind")
        proof = (hook.url, _signed_part(hook), signature, algorithm)
        try:
            if any(_exact(validator, *proof) for validator in self._validators):
                return
            if any(validator.validate(*proof) for validator in self._validators):
                return
        except ValueError:
            raise Forged("the URL cannot have been signed") from None
        raise Forged("the signature fits none of our tokens for this URL and body")


def _signed_part(hook: WebhookRequest) -> TwilioForm | str:
    """Return what the signature covers beside the URL: the form's fields, or a JSON body."""
    try:
        if not payloads.is_json(hook):
            return payloads.read(hook.body)
        hashed = parse_qs(urlsplit(hook.url).query).get("bodySHA256")
    except ValueError:
        raise Forged("the request cannot have been signed by Twilio") from None
    if not hashed:
        raise Forged("a JSON body needs its bodySHA256 in the signed URL")
    return hook.body.decode("utf-8", "replace")


def _exact(
    validator: RequestValidator, url: str, signed: TwilioForm | str, signature: str, algorithm: str
) -> bool:
    """Check one token for a form signed for this very URL, which every genuine one is.

    One HMAC; the SDK's own check makes two, with and without the port, and takes thrice the time.
    """
    if isinstance(signed, str):
        return False
    expected: str = validator.compute_signature(url, signed, algorithm)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
