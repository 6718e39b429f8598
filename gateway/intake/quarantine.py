"""The quarantine: what is forged or cannot be read is kept aside, sealed, with its reason.

Operators release or dismiss it; nothing is dropped. What strangers forge is kept cut, and only so
much of it in an hour (``gateway.intake.forgeries``).
"""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

import structlog

from adapters.contract import Receiver, WebhookRequest
from gateway.intake import forgeries
from gateway.intake.envelope import pack
from gateway.intake.group_commit import GroupCommit, Unstorable
from gateway.intake.load import NotDurable
from gateway.intake.sealing import aside
from gateway.platform import metrics
from gateway.platform.seal import ENVELOPE, Seal
from gateway.store.engine import Unavailable
from gateway.store.rows import QuarantineItem, redact
from gateway.store.store import Store

log = structlog.get_logger(__name__)

Decision = Literal["open", "noted"]
"""Whether an operator is to decide on an item, or it is kept for the record only."""


class Quarantine:
    """Puts calls of providers aside. ``now`` is the clock."""

    def __init__(
        self, store: Store, commits: GroupCommit, seal: Seal, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._commits = commits
        self._seal = seal
        self._now = now
        self._forged = forgeries.Budget()

    async def quarantine(
        self,
        channel: str,
        hook: WebhookRequest,
        reason: str,
        detail: str,
        *,
        state: Decision = "open",
        again_at: datetime | None = None,
    ) -> None:
        """Put a hook into the quarantine; the same hook is kept once. Raises ``NotDurable``.

        Where it holds a receipt, ``again_at`` says when what that is about is looked for again.
        """
        metrics.INTAKE.labels(channel, reason).inc()
        log.debug("a message is quarantined", channel=channel, kind=reason)
        try:
            item = await aside(hook, lambda: self.item(channel, hook, reason, detail, state=state))
            await self._commits.put(replace(item, again_at=again_at))
        except Unstorable as error:
            raise NotDurable(str(error)) from error

    async def quarantine_forged(
        self, channel: Receiver, hook: WebhookRequest, why: str, state: Decision
    ) -> None:
        """Put a forged hook into the quarantine, within the hour's budget of its channel.

        Raises ``NotDurable``.
        """
        if not channel.keeps_forged:
            metrics.INTAKE.labels(channel.name, "forged").inc()
            return
        count = self._forged.take(channel.name, self._now())
        if count <= forgeries.PER_HOUR:
            hook, said = forgeries.cut(hook)
            await self.quarantine(channel.name, hook, "forged", why + said, state=state)
            return
        metrics.INTAKE.labels(channel.name, forgeries.NOT_KEPT).inc()
        if count == forgeries.PER_HOUR + 1:
            note, said = forgeries.further(hook, self._now())
            await self.quarantine(channel.name, note, "forged", said, state="noted")

    async def write_missed(self) -> None:
        """Write down how many forged messages were not kept. Raises ``Unavailable``."""
        if missed := self._forged.missed():
            try:
                async with self._store.unit() as unit:
                    await unit.quarantine.tally(missed)
            except Unavailable:
                self._forged.give_back(missed)
                raise

    def item(
        self,
        channel: str,
        hook: WebhookRequest,
        reason: str,
        detail: str,
        *,
        state: Decision = "open",
    ) -> QuarantineItem:
        """Seal a hook as an item of the quarantine; the same hook gets the same id."""
        said = hook.body if hook.method == "POST" else hook.url.encode() + b"\n" + hook.body
        digest = hashlib.sha256(reason.encode() + b"\n" + said).hexdigest()
        return QuarantineItem(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{channel} {digest}")),
            channel=channel,
            reason=reason,
            detail=redact(detail, 500),
            envelope=self._seal.close(pack(hook), ENVELOPE),
            size=len(hook.body),
            state=state,
            at=self._now(),
        )
