"""What becomes durable of a message: the row that is written, with everything of a person sealed.

Nothing here writes. A row is made once, with its id and its event, and then committed or not.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from adapters.contract import AcceptedMessage, Channel, Inbound, Receiver, WebhookRequest
from gateway.access.machines import Machines
from gateway.intake.envelope import pack
from gateway.intake.heavy import Normalizing
from gateway.intake.identity import digest, identity, pseudonym, tracking_of
from gateway.platform import correlation, names
from gateway.platform.identity import sealed_reporter
from gateway.platform.numbers import page_secret
from gateway.platform.seal import FILE, PART, RAW, Seal
from gateway.store.rows import AcceptedItem, SegmentItem, StoredFile
from gateway.wire import events
from normalizer.message import Message, Reporter

LARGE = 262_144
"""Bytes of a hook that is hashed, packed and sealed beside the loop."""
T = TypeVar("T")


async def aside(hook: WebhookRequest, work: Callable[[], T]) -> T:
    """Do what costs by the bytes of a hook: of a large one beside the loop, which goes on."""
    return await asyncio.to_thread(work) if len(hook.body) > LARGE else work()


def is_strict(channel: Channel) -> bool:
    """Tell whether one id of a channel may never stand for two contents."""
    return isinstance(channel, Receiver) and channel.strict_ids


class MessageSealer:
    """Normalizes messages and seals them. ``now`` is the clock."""

    def __init__(
        self,
        normalizing: Normalizing,
        seal: Seal,
        machines: Machines,
        now: Callable[[], datetime],
    ) -> None:
        self._normalizing = normalizing
        self.seal = seal
        self.machines = machines
        self._now = now

    def identity(self, inbound: Inbound) -> tuple[str, str]:
        """Return account and external id as they are stored, the id as a keyed hash."""
        account, external_id = identity(inbound)
        return account, names.hash_name(self.seal, inbound.channel, external_id)

    async def seal_message(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedItem:
        """Read a message as it is kept, sealed and ready to be written."""
        id = str(uuid.uuid4())
        with correlation.message(id):
            message = await self._message(channel, inbound, id)
        return await aside(hook, lambda: self._sealed(channel, inbound, hook, message))

    def seal_segment(self, channel: Channel, inbound: Inbound, hook: WebhookRequest) -> SegmentItem:
        """Seal a message as one segment of a longer one, ready to be written."""
        assert inbound.part is not None
        account, external_id = self.identity(inbound)
        now = self._now()
        return SegmentItem(
            id=str(uuid.uuid4()),
            channel=inbound.channel,
            account=account,
            sender=self.seal.reference(inbound.channel, inbound.sender.address.casefold()),
            reference=names.hash_name(self.seal, inbound.channel, inbound.part.reference),
            total=inbound.part.total,
            number=inbound.part.number,
            external_id=external_id,
            digest=self._digest(inbound),
            envelope=self.seal.close(pack(hook), PART),
            received_at=now,
            due_at=now + timedelta(seconds=channel.block.part_timeout),
        )

    def acknowledge(self, inbound: Inbound, number: str, danger: str = "") -> AcceptedMessage:
        """Compose what a channel may tell the sender of a message that is safe."""
        return AcceptedMessage(inbound, number, page_secret(self.seal, number), danger)

    def _sealed(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest, read: Message
    ) -> AcceptedItem:
        message = names.hide_names(self.seal, read)
        account, external_id = self.identity(inbound)
        body = message.model_dump_json()
        return AcceptedItem(
            id=message.id,
            channel=inbound.channel,
            account=account,
            external_id=external_id,
            received_at=message.received_at,
            digest=self._digest(inbound, whole=is_strict(channel)),
            raw=self.seal.close(pack(hook), RAW),
            body=body,
            event=events.compose(
                events.RECEIVED, message.id, body, at=message.received_at, subject=message.tracking
            ),
            files=self._files(inbound),
            tracking=message.tracking,
            reporter_ref=message.reporter.ref,
        )

    def _digest(self, inbound: Inbound, *, whole: bool = False) -> str:
        """Hash what was said with a key: an address could be guessed from a bare hash."""
        return self.seal.reference("digest", digest(inbound, whole=whole))

    async def _message(self, channel: Channel, inbound: Inbound, id: str) -> Message:
        sender = inbound.sender
        to = sender.answers_to or sender.address
        who = {"to": to, "name": sender.name, "contact": sender.contact}
        if sender.answers_to:
            who["written_as"] = sender.address
        reporter = Reporter(
            ref=self.seal.reference(inbound.channel, pseudonym(inbound)),
            sealed=sealed_reporter(self.seal, id, who),
        )
        about = {
            "id": id,
            "tracking": tracking_of(self.seal, inbound),
            "received_at": self._now(),
            "reporter": reporter,
            "context": channel.block.region,
        }
        unanswered = self.machines.unanswered(channel, inbound)
        return await self._normalizing.message(replace(inbound, unanswered=unanswered), about)

    def _files(self, inbound: Inbound) -> tuple[StoredFile, ...]:
        return tuple(
            StoredFile(
                hashlib.sha256(file.content).hexdigest(),
                len(file.content),
                self.seal.close(file.content, FILE),
            )
            for file in inbound.files
            if file.content is not None
        )
