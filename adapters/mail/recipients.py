"""Which of our addresses a mail was sent to, and the tracking number in it."""

import re
from collections.abc import Sequence

from normalizer import tracking


def account_of(recipients: Sequence[str], address: str) -> str:
    """Return the address of ours a mail came to, in lower case and without its token.

    With the token in it, one mail to two of our addresses would make two reports.
    """
    plain = [_without_token(r) for r in recipients if "@" in r]
    return address if address in plain or not plain else plain[0][:254]


def token_of(recipients: Sequence[str], address: str) -> str | None:
    """Return the first valid tracking number in a plus-address of ours among ``recipients``.

    ``recipients`` are envelope recipients or whole To and Cc headers.
    """
    local, _, domain = address.partition("@")
    ours = re.compile(
        rf"(?<![^\s<,:;\"']){re.escape(local)}\+([0-9-]{{12,14}})@{re.escape(domain)}\b", re.I
    )
    numbers = (n.replace("-", "") for value in recipients for n in ours.findall(value))
    return next((number for number in numbers if tracking.is_valid(number)), None)


def _without_token(recipient: str) -> str:
    local, _, domain = recipient.strip("<> \t").lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
