"""Whether a call is the gateway's: by a token, by where it comes from, by a signature.

Secrets are compared in a time that says nothing about them.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import SecretStr

from adapters.contract import CALLER, Forged, Malformed, WebhookRequest
from adapters.sms_http import fields
from adapters.sms_http.settings import SmsAccess, SmsSignature, SmsToken


def check(access: SmsAccess, hook: WebhookRequest) -> None:
    """Check everything that is set. Raises ``Forged``."""
    if access.allow:
        _check_caller(access.allow, hook)
    if access.token:
        _check_token(access.token, hook)
    if access.signature:
        _check_signature(access.signature, hook)


def _check_caller(allowed: Iterable[IPv4Network | IPv6Network], hook: WebhookRequest) -> None:
    written = hook.headers.get(CALLER, "")
    if not written:
        raise Forged("nobody knows who calls: behind a proxy set server.client_header")
    caller = ip_network(written, strict=False)
    if not any(_is_within(caller, network) for network in allowed):
        raise Forged("the call comes from none of the networks of access.allow")


def _is_within(caller: IPv4Network | IPv6Network, network: IPv4Network | IPv6Network) -> bool:
    if isinstance(caller, IPv6Network) and isinstance(network, IPv6Network):
        return caller.subnet_of(network)
    if isinstance(caller, IPv4Network) and isinstance(network, IPv4Network):
        return caller.subnet_of(network)
    return False


def _check_token(token: SmsToken, hook: WebhookRequest) -> None:
    try:
        given = _given(token, hook)
    except Malformed as error:
        raise Forged(f"no token could be read: {error}") from None
    if not given:
        raise Forged(f"the call has no {token.name!r} in its {token.place}")
    if not _is_one_of(given, (_octets(each) for each in token.values)):
        raise Forged(f"the {token.name!r} of the call is none of our tokens")


def _given(token: SmsToken, hook: WebhookRequest) -> bytes:
    if token.place == "header":
        return hook.headers.get(token.name.lower(), "").encode("utf-8", "replace")
    if token.place == "query":
        return fields.query(hook).get(token.name, b"")
    found = fields.body(hook).of(token.name) or b""
    return found if isinstance(found, bytes) else found.encode("utf-8", "replace")


def _check_signature(signature: SmsSignature, hook: WebhookRequest) -> None:
    if not hook.body:
        raise Forged("a signature covers the body, and this call has none")
    said = hook.headers.get(signature.header.lower(), "").strip()
    if not said.startswith(signature.prefix):
        raise Forged(f"the {signature.header} does not begin with {signature.prefix!r}")
    given = said.removeprefix(signature.prefix)
    given = given.lower() if signature.encoding == "hex" else given
    proofs = (_proof(signature, each, hook.body) for each in signature.secrets)
    if not _is_one_of(given.encode("utf-8", "replace"), proofs):
        raise Forged(f"the {signature.header} fits none of our secrets for this body")


def _proof(signature: SmsSignature, secret: SecretStr, body: bytes) -> bytes:
    made = hmac.digest(_octets(secret), body, signature.algorithm)
    return made.hex().encode() if signature.encoding == "hex" else b64encode(made)


def _octets(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode("utf-8", "replace")


def _is_one_of(given: bytes, ours: Iterable[bytes]) -> bool:
    return sum(hmac.compare_digest(given, each) for each in ours) > 0
