"""The account at X and the app that acts for it: their keys, and how a call is proven by them."""

import logging
import re
from collections.abc import Mapping
from typing import Annotated

from oauthlib.oauth1 import Client as Signer  # type: ignore[import-untyped]
from pydantic import AfterValidator, Field, SecretStr

from adapters.contract import ChannelSettings

logging.getLogger("oauthlib").setLevel(logging.WARNING)  # below, it logs what it signs


def _usable_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]{1,19}-[A-Za-z0-9]{1,100}", token.get_secret_value()):
        raise ValueError("an access token is the account's number, a hyphen, and letters")
    return token


def _usable_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]{1,500}", secret.get_secret_value()):
        raise ValueError("a secret has no spaces and is not empty")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_usable_secret)]
Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,20}$")]


class AccountBlock(ChannelSettings):
    """The part of a block that says who we are at X."""

    username: Username
    """The account's name without @."""
    bearer_token: Secret | None = None
    """Reads on the app's behalf; without it the account reads for itself, which X may bill less."""
    consumer_key: Secret
    consumer_secret: Secret
    access_token: Annotated[SecretStr, AfterValidator(_usable_token)]
    access_token_secret: Secret

    @property
    def user_id(self) -> str:
        """The account's number: every access token begins with it."""
        return self.access_token.get_secret_value().partition("-")[0]

    def proof(self, method: str, url: str, *, by_account: bool) -> Mapping[str, str]:
        """Return the headers that prove a call, as the account or, where it can, as the app."""
        if self.bearer_token and not by_account:
            return {"Authorization": f"Bearer {self.bearer_token.get_secret_value()}"}
        keys = (self.consumer_key, self.consumer_secret)
        tokens = (self.access_token, self.access_token_secret)
        signer = Signer(*(secret.get_secret_value() for secret in (*keys, *tokens)))
        _, headers, _ = signer.sign(url, method)
        return dict(headers)
