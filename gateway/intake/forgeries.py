"""What strangers may leave behind: forged messages are kept cut, and only so many in an hour.

Counted in this process. What comes from a proven sender never passes here.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from adapters.contract import WebhookRequest

PER_HOUR = 100
"""Forged messages kept of one channel in one hour; what comes after them is counted only."""
BODY = 65_536
"""Bytes kept of a forged body."""
CUT = "cut:"
"""Begins the URL of a hook whose body was cut; only we write URLs."""
NOT_KEPT = "forged_not_kept"


class Budget:
    """Who has used how much of this hour."""

    def __init__(self) -> None:
        self._hour = ""
        self._kept: Counter[str] = Counter()
        self._missed: Counter[tuple[str, str]] = Counter()

    def take(self, channel: str, now: datetime) -> int:
        """Count a forged message of a channel; return how many it has had in this hour."""
        hour = now.strftime("%Y-%m-%dT%H")
        if hour != self._hour:
            self._hour, self._kept = hour, Counter()
        self._kept[channel] += 1
        if self._kept[channel] > PER_HOUR:
            self._missed[channel, "forged"] += 1
        return self._kept[channel]

    def missed(self) -> dict[tuple[str, str], int]:
        """Hand over what was not kept since the last time, by channel and reason."""
        found, self._missed = dict(self._missed), Counter()
        return found

    def give_back(self, missed: Mapping[tuple[str, str], int]) -> None:
        """Take back what could not be written down."""
        self._missed.update(missed)


def cut(hook: WebhookRequest) -> tuple[WebhookRequest, str]:
    """Return a forged hook as it is kept, and what is to be said of it; "" when it is whole."""
    if len(hook.body) <= BODY:
        return hook, ""
    digest = hashlib.sha256(hook.body).hexdigest()
    said = f"; cut: {BODY} of {len(hook.body)} bytes kept, sha256 {digest}"
    return replace(hook, url=CUT + hook.url, body=hook.body[:BODY]), said


def further(hook: WebhookRequest, now: datetime) -> tuple[WebhookRequest, str]:
    """Return what stands for all further forged messages of an hour, and what it says."""
    hour = now.strftime("%Y-%m-%dT%H")
    said = f"more than {PER_HOUR} forged ones in the hour {hour} UTC: further ones are not kept, "
    return WebhookRequest(
        CUT, {}, hour.encode()
    ), said + f"only counted (kanal_intake_total, {NOT_KEPT})"
