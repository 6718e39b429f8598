"""Step 1, receive: verify → parse → normalize → one durable write; only then the provider's 2xx.

What is forged or cannot be read goes into the quarantine with its reason; nothing is dropped.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from adapters.contract import (
    RECEIVED_ON,
    AcceptedMessage,
    Channel,
    ChannelError,
    ConnectionChannel,
    DuplicateId,
    Fetcher,
    Forged,
    Inbound,
    Invalid,
    Malformed,
    Receipt,
    Receiver,
    UnreadableItem,
    WebhookRequest,
    WebhookResponse,
)
from gateway.access.machines import BARE_RECEIPT, LONG_RECEIPT
from gateway.intake import forgeries, receipts
from gateway.intake.group_commit import GroupCommit, Unstorable
from gateway.intake.heavy import as_segment, is_heavy
from gateway.intake.identity import tracking_of
from gateway.intake.load import NotDurable
from gateway.intake.parsing import Parse, Rereader
from gateway.intake.problems import problem, refusal
from gateway.intake.quarantine import Quarantine
from gateway.intake.sealing import MessageSealer, aside, is_strict
from gateway.platform import correlation, metrics
from gateway.store.engine import Unavailable
from gateway.store.rows import AcceptedItem
from gateway.store.store import Store
from normalizer.message import Message
from normalizer.report import Report

log = structlog.get_logger(__name__)


class Intake:
    """Takes what channels bring, and answers once it is durable."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        store: Store,
        commits: GroupCommit,
        parse: Parse,
        sealer: MessageSealer,
        quarantine: Quarantine,
        warning: Callable[[Message | Report], str],
    ) -> None:
        self.channels = channels
        self.sealer = sealer
        self.quarantine = quarantine
        self.rereader = Rereader(parse, sealer)
        self.warning = warning
        self.load = commits.load
        self._store = store
        self._commits = commits
        self._parse = parse

    def receiver(self, name: str) -> Receiver | None:
        """Return an enabled channel that can be called, by its name in the settings."""
        channel = self.channels.get(name)
        usable = isinstance(channel, Receiver) and channel.block.enabled
        return channel if usable and isinstance(channel, Receiver) else None

    def reader(self, name: str) -> Channel | None:
        """Return an enabled channel that can read again what it once brought."""
        channel = self.channels.get(name)
        usable = (
            isinstance(channel, Receiver | Fetcher | ConnectionChannel) and channel.block.enabled
        )
        return channel if usable else None

    def challenge(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse | None:
        """Answer a provider's question whether we are who we say; None when it asked nothing."""
        try:
            return channel.challenge(hook)
        except ChannelError as error:
            metrics.INTAKE.labels(channel.name, "challenge_refused").inc()
            return channel.refusal(hook, error) or refusal("signature")
        except Exception as error:
            log.error("a question of a provider failed", channel=channel.name, error=_name(error))
            return refusal("signature")

    async def receive_webhook(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse:
        """Take one hook and say what the provider is answered. Raises ``NotDurable``."""
        today = self._store.now().date().isoformat()
        hook = replace(hook, headers={**hook.headers, RECEIVED_ON: today})
        with channel.exchanges.note(hook.method, hook.url, "in") as exchange:
            response = await self._receive_webhook(channel, hook)
            exchange.status = response.status
            return response

    async def _receive_webhook(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse:
        try:
            channel.verify(hook)
        except Forged as error:
            observed = channel.block.observe_only
            await self.quarantine.quarantine_forged(
                channel, hook, str(error), "noted" if observed else "open"
            )
            if not observed:
                return channel.refusal(hook, error) or refusal("signature")
        return await self._receive_verified(channel, channel.stamp(hook))

    async def _receive_verified(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse:
        """Take one hook whose sender is proven (or was released by an operator)."""
        try:
            found = await self._parse_or_quarantine(channel, hook)
        except Invalid as error:
            metrics.INTAKE.labels(channel.name, "invalid").inc()
            return channel.refusal(hook, error) or problem(400, "Bad Request", str(error))
        except Malformed as error:
            return self._unread(channel, hook, error)
        try:
            filed = await asyncio.gather(*(self._file(channel, hook, item) for item in found))
        except DuplicateId as error:
            return channel.refusal(hook, error) or problem(409, "Conflict", str(error))
        return channel.reply(hook, [each for each in filed if each is not None])

    async def receive_message(self, channel: ConnectionChannel, hook: WebhookRequest) -> None:
        """Take one message of a connection that is our own. Raises ``NotDurable``."""
        with channel.exchanges.note(hook.method, hook.url, "in"):
            try:
                found = await self._parse_or_quarantine(channel, hook)
            except Malformed:
                return  # it is safe in the quarantine
            await asyncio.gather(*(self._file(channel, hook, item) for item in found))

    async def _parse_or_quarantine(
        self, channel: Receiver | ConnectionChannel, hook: WebhookRequest
    ) -> Sequence[Inbound | Receipt | UnreadableItem]:
        """Read a hook; one that cannot be read is quarantined, then ``Malformed`` is raised."""
        try:
            if isinstance(channel, Receiver):
                return await self._parse(channel, hook)
            return channel.parse(hook)
        except Invalid:
            raise
        except Malformed as error:
            await self.quarantine.quarantine(channel.name, hook, "malformed", str(error))
            raise
        except Exception as error:
            log.error("a message could not be parsed", channel=channel.name, error=_name(error))
            await self.quarantine.quarantine(channel.name, hook, "unreadable", _name(error))
            raise Malformed from None

    def _unread(
        self, channel: Receiver, hook: WebhookRequest, error: ChannelError
    ) -> WebhookResponse:
        """Answer what went into the quarantine: it is safe, so it need not be sent again."""
        return channel.refusal(hook, error) or channel.reply(hook, [])

    async def readmit(
        self, channel: Channel, hook: WebhookRequest, quarantine_id: str, reason: str
    ) -> int:
        """Take a hook an operator released; return how many messages were in it.

        What only looked like a repeat gets an external id of its own. Raises ``Malformed``.
        """
        if hook.url.startswith(forgeries.CUT):
            raise Malformed("kept_in_part")
        found = await self.rereader.reread(channel, hook)
        if not found:
            raise Malformed("there is no message in it")
        for item in found:
            if reason == "same_id_other_content":
                item = replace(item, external_id=f"released:{quarantine_id}")
            await self._accept(channel, replace(item, automatic=None), hook)
        return len(found)

    async def _file(
        self, channel: Channel, hook: WebhookRequest, item: Inbound | Receipt | UnreadableItem
    ) -> AcceptedMessage | None:
        if isinstance(item, Receipt):
            await self._note_receipt(channel, hook, item)
            return None
        if isinstance(item, UnreadableItem):
            alone = replace(hook, body=item.raw)
            await self.quarantine.quarantine(channel.name, alone, "malformed", item.reason)
            return None
        # A part says little by itself: the whole message is looked at (``Reassembly``).
        aside_ = None if item.part else self.sealer.machines.set_aside(channel, item)
        if aside_ is None:
            return await self._accept_or_quarantine(channel, item, hook)
        await self.quarantine.quarantine(
            channel.name, hook, aside_.reason, aside_.detail, state=aside_.state
        )
        return None

    async def _accept_or_quarantine(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedMessage | None:
        try:
            if inbound.part:
                await self._keep_segment(channel, inbound, hook)
                return None
            if is_heavy(inbound) and not is_strict(channel):
                return await self._put_off(channel, inbound, hook)
            return await self._accept(channel, inbound, hook)
        except (NotDurable, DuplicateId):
            raise
        except Exception as error:
            log.error("a message could not be read", channel=channel.name, error=_name(error))
            await self.quarantine.quarantine(channel.name, hook, "unreadable", _name(error))
            return None

    async def _keep_segment(self, channel: Channel, inbound: Inbound, hook: WebhookRequest) -> None:
        """Make one segment durable; ``gateway.intake.reassembly`` makes the message."""
        try:
            segment = await aside(hook, lambda: self.sealer.seal_segment(channel, inbound, hook))
            news = await self._commits.put(segment)
        except Unstorable as error:
            await self.quarantine.quarantine(channel.name, hook, "unstorable", str(error))
            return
        metrics.INTAKE.labels(channel.name, "part" if news else "repeat").inc()

    async def _put_off(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedMessage | None:
        """Keep a message that is long to read; it is read where no caller waits for it."""
        whole = as_segment(inbound, self.sealer.identity(inbound)[1])
        try:
            segment = await aside(hook, lambda: self.sealer.seal_segment(channel, whole, hook))
            news = await self._commits.put(segment)
            if not news and not await self._store.segments.same(segment):
                await self.quarantine.quarantine(channel.name, hook, "same_id_other_content", "")
                return None
        except Unstorable as error:
            await self.quarantine.quarantine(channel.name, hook, "unstorable", str(error))
            return None
        metrics.INTAKE.labels(channel.name, "part" if news else "repeat").inc()
        return self.sealer.acknowledge(inbound, tracking_of(self.sealer.seal, inbound))

    async def _note_receipt(self, channel: Channel, hook: WebhookRequest, receipt: Receipt) -> None:
        """Note a receipt; one of no message that we know is kept, and looked at again.

        It may be faster than our own commit, or the database may be away. A provider waits for
        neither: it gets its answer as soon as the receipt is durable.
        """
        away = self._commits.away
        detail = "unknown_receipt" + (f": {Unavailable.__name__}" if away else "")
        try:
            if not away and await receipts.note(self._store, self.sealer.seal, channel, receipt):
                metrics.INTAKE.labels(channel.name, "receipt").inc()
                return None
        except Exception as error:
            if isinstance(error, Unavailable):
                self._commits.note_away(error)
            detail = f"unknown_receipt: {type(error).__name__}"
        said, found = receipt.otherwise, BARE_RECEIPT
        if said is not None:
            found = self.sealer.machines.set_aside(channel, said) or LONG_RECEIPT
        if said is not None or receipt.state != "sent":
            again = self._store.now() + receipts.AGAIN
            await self.quarantine.quarantine(
                channel.name, hook, found.reason, detail, state=found.state, again_at=again
            )

    async def _accept(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedMessage | None:
        """Make a message durable, with its event; None when it was quarantined instead.

        Raises ``NotDurable``, and ``DuplicateId`` where a channel's ids are strict.
        """
        item = await self.sealer.seal_message(channel, inbound, hook)
        with correlation.message(item.id):
            return await self._commit(channel, inbound, hook, item)

    async def _commit(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest, item: AcceptedItem
    ) -> AcceptedMessage | None:
        try:
            news = await self._commits.put(item)
        except Unstorable as error:
            await self.quarantine.quarantine(channel.name, hook, "unstorable", str(error))
            return None
        outcome = "accepted" if news else "repeat"
        metrics.INTAKE.labels(channel.name, outcome).inc()
        log.debug("a message is durable", channel=channel.name, status=outcome)
        if not news and is_strict(channel) and await self._contradicts(item):
            raise DuplicateId(["this id was used before, for something else"])
        assert item.tracking is not None
        danger = self.warning(Message.model_validate_json(item.body)) if channel.fetched else ""
        return self.sealer.acknowledge(inbound, item.tracking, danger)

    async def _contradicts(self, item: AcceptedItem) -> bool:
        """Tell whether a repeat differs from the first; False while that is not known."""
        try:
            return not await self._store.messages.same(item)
        except Unavailable:
            return False


def _name(error: Exception) -> str:
    """Name an error by its type; its message might quote a citizen."""
    return type(error).__name__
