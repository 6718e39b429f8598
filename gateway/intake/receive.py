"""Step 1, receive: verify → parse → normalize → one durable write; only then the provider's 2xx.

What is forged or cannot be read goes into the quarantine with its reason; nothing is dropped.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import structlog

from adapters.contract import (
    AcceptedMessage,
    Author,
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
    WebhookRequest,
    WebhookResponse,
)
from gateway.access.machines import Machines
from gateway.intake import forgeries, receipts
from gateway.intake.envelope import PAGE, packed, unpacked
from gateway.intake.group_commit import GroupCommit, NotDurable, Unstorable
from gateway.intake.heavy import Apart, Normalizing, as_part, is_heavy
from gateway.intake.problems import problem, refusal
from gateway.intake.segments import PARTS, Bundle
from gateway.platform import correlation, metrics, names
from gateway.platform.identity import sealed_reporter
from gateway.platform.numbers import page_secret
from gateway.platform.sandbox import ReadingError, Sandbox
from gateway.platform.seal import ENVELOPE, FILE, PART, RAW, Seal
from gateway.store.engine import Unavailable
from gateway.store.rows import Accepted, QuarantineItem, SegmentItem, StoredFile, noted
from gateway.store.store import Store
from gateway.wire import events
from normalizer import tracking
from normalizer.message import Message, Reporter
from normalizer.normalize import Normalizer
from normalizer.report import Report

log = structlog.get_logger(__name__)

LONGEST_ID = 200
LARGE = 262_144
"""Bytes of a hook that is hashed, packed and sealed beside the loop."""
PATIENCE = (0.0, 0.3, 1.0, 3.0)
"""Seconds between looks for what a receipt is about: it may be faster than our own commit."""
T = TypeVar("T")
Parse = Callable[[Receiver, WebhookRequest], Awaitable[list[Inbound | Receipt]]]
"""Reads a hook; the shell does it in a worker process for channels whose messages may hang."""


async def aside(hook: WebhookRequest, work: Callable[[], T]) -> T:
    """Do what costs by the bytes of a hook: of a large one beside the loop, which goes on."""
    return await asyncio.to_thread(work) if len(hook.body) > LARGE else work()


async def parse_here(channel: Receiver, hook: WebhookRequest) -> list[Inbound | Receipt]:
    """Read a hook on the spot, or beside the loop."""
    return await aside(hook, lambda: channel.parse(hook))


def parse_in(sandbox: Sandbox) -> Parse:
    """Return a reader of hooks; what may hang is read in the sandbox."""

    async def parse(channel: Receiver, hook: WebhookRequest) -> list[Inbound | Receipt]:
        if not channel.parse_may_hang:
            return await parse_here(channel, hook)
        try:
            return await sandbox.read(channel.parse, hook)
        except ReadingError as error:
            raise Malformed(f"could not be read safely: {type(error).__name__}") from error

    return parse


class Intake:
    """Takes what channels bring. ``now`` is the clock."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        store: Store,
        commits: GroupCommit,
        normalizer: Normalizer,
        seal: Seal,
        now: Callable[[], datetime],
        parse: Parse = parse_here,
        apart: Apart | None = None,
        warning: Callable[[Message | Report], str] = lambda _: "",
    ) -> None:
        self.channels = channels
        self.machines = Machines(channels)
        self._store = store
        self._commits = commits
        self._normalizing = Normalizing(normalizer, apart)
        self.seal = seal
        self._now = now
        self._parse = parse
        self.warning = warning
        self._forged = forgeries.Budget()

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

    async def take(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse:
        """Take one hook and say what the provider is answered. Raises ``NotDurable``."""
        with channel.exchanges.note(hook.method, hook.url, "in") as exchange:
            response = await self._take(channel, hook)
            exchange.status = response.status
            return response

    async def _take(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse:
        try:
            channel.verify(hook)
        except Forged as error:
            observed = channel.block.observe_only
            await self._hold_forged(channel, hook, str(error), "noted" if observed else "open")
            if not observed:
                return channel.refusal(hook, error) or refusal("signature")
        return await self.read(channel, hook)

    async def _hold_forged(
        self, channel: Receiver, hook: WebhookRequest, why: str, state: Literal["noted", "open"]
    ) -> None:
        if not channel.keeps_forged:
            metrics.INTAKE.labels(channel.name, "forged").inc()
            return
        count = self._forged.take(channel.name, self._now())
        if count <= forgeries.PER_HOUR:
            hook, said = forgeries.cut(hook)
            await self.hold(channel.name, hook, "forged", why + said, state=state)
            return
        metrics.INTAKE.labels(channel.name, forgeries.NOT_KEPT).inc()
        if count == forgeries.PER_HOUR + 1:
            note, said = forgeries.further(hook, self._now())
            await self.hold(channel.name, note, "forged", said, state="noted")

    async def write_missed(self) -> None:
        """Write down how many forged messages were not kept. Raises ``Unavailable``."""
        if missed := self._forged.missed():
            try:
                async with self._store.unit() as unit:
                    await unit.quarantine.tally(missed)
            except Unavailable:
                self._forged.give_back(missed)
                raise

    async def read(self, channel: Receiver, hook: WebhookRequest) -> WebhookResponse:
        """Take one hook whose sender is proven (or was released by an operator)."""
        try:
            found = await self._found(channel, hook)
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

    async def bring(self, channel: ConnectionChannel, hook: WebhookRequest) -> None:
        """Take one message of a connection that is our own. Raises ``NotDurable``."""
        with channel.exchanges.note(hook.method, hook.url, "in"):
            try:
                found = await self._found(channel, hook)
            except Malformed:
                return  # it is safe in the quarantine
            await asyncio.gather(*(self._file(channel, hook, item) for item in found))

    async def _found(
        self, channel: Receiver | ConnectionChannel, hook: WebhookRequest
    ) -> list[Inbound | Receipt]:
        """Read a hook; one that cannot be read is quarantined, then ``Malformed`` is raised."""
        try:
            if isinstance(channel, Receiver):
                return await self._parse(channel, hook)
            return channel.parse(hook)
        except Invalid:
            raise
        except Malformed as error:
            await self.hold(channel.name, hook, "malformed", str(error))
            raise
        except Exception as error:
            log.error("a message could not be parsed", channel=channel.name, error=_name(error))
            await self.hold(channel.name, hook, "unreadable", _name(error))
            raise Malformed from None

    def _unread(
        self, channel: Receiver, hook: WebhookRequest, error: ChannelError
    ) -> WebhookResponse:
        """Answer what went into the quarantine: it is safe, so nobody need bring it again."""
        return channel.refusal(hook, error) or channel.reply(hook, [])

    async def readmit(
        self, channel: Channel, hook: WebhookRequest, quarantine_id: str, reason: str
    ) -> int:
        """Take a hook an operator released; return how many messages were in it.

        What only looked like a repeat gets an external id of its own. Raises ``Malformed``.
        """
        if hook.url.startswith(forgeries.CUT):
            raise Malformed("kept_in_part")
        found = await self.reread(channel, hook)
        if not found:
            raise Malformed("there is no message in it")
        for item in found:
            if reason == "same_id_other_content":
                item = replace(item, external_id=f"released:{quarantine_id}")
            await self.accept(channel, replace(item, automatic=None), hook)
        return len(found)

    async def reread(self, channel: Channel, hook: WebhookRequest) -> list[Inbound]:
        """Read again what a channel once brought. Raises ``Malformed``."""
        if hook.url != PARTS:
            return [i for i in await self._again(channel, hook) if isinstance(i, Inbound)]
        bundle = Bundle.of(hook)
        said: list[Inbound] = []
        for name, packed_ in bundle.hooks:
            found = await self.reread(channel, unpacked(packed_))
            known_as = names.hash_name(self.seal, channel.name, name)
            mine = [item for item in found if self.identity(item)[1] == known_as]
            said += [i if i.part or bundle.total > 1 else as_part(i, known_as) for i in mine]
        said = [item for item in said if item.part]
        if not said:
            raise Malformed("there is no part in it any more")
        return [bundle.made(said)]

    async def _again(self, channel: Channel, hook: WebhookRequest) -> list[Inbound | Receipt]:
        if hook.url == PAGE and isinstance(channel, Fetcher):
            return channel.reread(hook.body)
        if isinstance(channel, Receiver):
            return await self._parse(channel, hook)
        if isinstance(channel, ConnectionChannel):
            return channel.parse(hook)
        raise Malformed("this channel reads only what it fetches itself")

    async def hold(
        self,
        channel: str,
        hook: WebhookRequest,
        reason: str,
        detail: str,
        *,
        state: Literal["open", "noted"] = "open",
    ) -> None:
        """Put a hook into the quarantine; the same hook is kept once. Raises ``NotDurable``."""
        metrics.INTAKE.labels(channel, reason).inc()
        log.debug("a message is quarantined", channel=channel, kind=reason)
        try:
            item = await aside(hook, lambda: self.held(channel, hook, reason, detail, state=state))
            await self._commits.put(item)
        except Unstorable as error:
            raise NotDurable(str(error)) from error

    def held(
        self,
        channel: str,
        hook: WebhookRequest,
        reason: str,
        detail: str,
        *,
        state: Literal["open", "noted"] = "open",
    ) -> QuarantineItem:
        """Seal a hook for the quarantine; the same hook gets the same id."""
        said = hook.body if hook.method == "POST" else hook.url.encode() + b"\n" + hook.body
        digest = hashlib.sha256(reason.encode() + b"\n" + said).hexdigest()
        return QuarantineItem(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{channel} {digest}")),
            channel=channel,
            reason=reason,
            detail=noted(detail, 500),
            envelope=self.seal.close(packed(hook), ENVELOPE),
            size=len(hook.body),
            state=state,
            at=self._now(),
        )

    async def _file(
        self, channel: Channel, hook: WebhookRequest, item: Inbound | Receipt
    ) -> AcceptedMessage | None:
        if isinstance(item, Receipt):
            await self._note_receipt(channel, hook, item)
        elif why := item.automatic or self.machines.sure(channel, item):
            await self.hold(channel.name, hook, "automatic", why, state="noted")
        else:
            return await self._accept_or_hold(channel, item, hook)
        return None

    async def _accept_or_hold(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedMessage | None:
        try:
            if inbound.part:
                await self._keep(channel, inbound, hook)
                return None
            if is_heavy(inbound) and not _is_strict(channel):
                return await self._put_off(channel, inbound, hook)
            return await self.accept(channel, inbound, hook)
        except (NotDurable, DuplicateId):
            raise
        except Exception as error:
            log.error("a message could not be read", channel=channel.name, error=_name(error))
            await self.hold(channel.name, hook, "unreadable", _name(error))
            return None

    async def _keep(self, channel: Channel, inbound: Inbound, hook: WebhookRequest) -> None:
        """Make one part of a message durable; ``gateway.intake.reassembly`` makes the message."""
        try:
            piece = await aside(hook, lambda: self.piece(inbound, hook))
            news = await self._commits.put(piece)
        except Unstorable as error:
            await self.hold(channel.name, hook, "unstorable", str(error))
            return
        metrics.INTAKE.labels(channel.name, "part" if news else "repeat").inc()

    async def _put_off(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedMessage | None:
        """Keep a message that is long to read; it is read where nobody waits for it."""
        whole = as_part(inbound, self.identity(inbound)[1])
        try:
            piece = await aside(hook, lambda: self.piece(whole, hook))
            news = await self._commits.put(piece)
            if not news and not await self._store.segments.same(piece):
                await self.hold(channel.name, hook, "same_id_other_content", "")
                return None
        except Unstorable as error:
            await self.hold(channel.name, hook, "unstorable", str(error))
            return None
        metrics.INTAKE.labels(channel.name, "part" if news else "repeat").inc()
        return self._filed(inbound, tracking_of(self.seal, inbound))

    def piece(self, inbound: Inbound, hook: WebhookRequest) -> SegmentItem:
        """Read a message as one part of a longer one, sealed and ready to be written."""
        assert inbound.part is not None
        account, external_id = self.identity(inbound)
        now, block = self._now(), self.channels[inbound.channel].block
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
            envelope=self.seal.close(packed(hook), PART),
            received_at=now,
            due_at=now + timedelta(seconds=block.part_timeout),
        )

    async def _note_receipt(self, channel: Channel, hook: WebhookRequest, receipt: Receipt) -> None:
        """Note a receipt; while the database is away it waits in the quarantine, as a note."""
        try:
            hurried = isinstance(channel, ConnectionChannel) and receipt.state != "sent"
            for pause in PATIENCE if hurried else PATIENCE[:1]:
                await asyncio.sleep(pause)
                if await receipts.note(self._store, self.seal, channel, receipt):
                    break
        except Exception as error:
            detail = f"{receipt.state}: {type(error).__name__}"
            await self.hold(channel.name, hook, "receipt", detail, state="noted")
        metrics.INTAKE.labels(channel.name, "receipt").inc()

    async def accept(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest
    ) -> AcceptedMessage | None:
        """Make a message durable, with its event; None when it was quarantined instead.

        Raises ``NotDurable``, and ``DuplicateId`` where a channel's ids are strict.
        """
        item = await self.accepted(channel, inbound, hook)
        with correlation.message(item.id):
            return await self._commit(channel, inbound, hook, item)

    async def _commit(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest, item: Accepted
    ) -> AcceptedMessage | None:
        try:
            news = await self._commits.put(item)
        except Unstorable as error:
            await self.hold(channel.name, hook, "unstorable", str(error))
            return None
        outcome = "accepted" if news else "repeat"
        metrics.INTAKE.labels(channel.name, outcome).inc()
        log.debug("a message is durable", channel=channel.name, status=outcome)
        if not news and _is_strict(channel) and await self._contradicts(item):
            raise DuplicateId(["this id was used before, for something else"])
        assert item.tracking is not None
        danger = self.warning(Message.model_validate_json(item.body)) if channel.fetched else ""
        return self._filed(inbound, item.tracking, danger)

    def _filed(self, inbound: Inbound, number: str, danger: str = "") -> AcceptedMessage:
        return AcceptedMessage(inbound, number, page_secret(self.seal, number), danger)

    async def _contradicts(self, item: Accepted) -> bool:
        """Tell whether a repeat says something else than the first; False while nobody knows."""
        try:
            return not await self._store.messages.same(item)
        except Unavailable:
            return False

    async def accepted(self, channel: Channel, inbound: Inbound, hook: WebhookRequest) -> Accepted:
        """Read a message as it is kept, sealed and ready to be written."""
        id = str(uuid.uuid4())
        with correlation.message(id):
            message = await self._message(channel, inbound, id)
        return await aside(hook, lambda: self._sealed(channel, inbound, hook, message))

    def _sealed(
        self, channel: Channel, inbound: Inbound, hook: WebhookRequest, read: Message
    ) -> Accepted:
        message = names.hide_names(self.seal, read)
        account, external_id = self.identity(inbound)
        body = message.model_dump_json()
        return Accepted(
            id=message.id,
            channel=inbound.channel,
            account=account,
            external_id=external_id,
            received_at=message.received_at,
            digest=self._digest(inbound, whole=_is_strict(channel)),
            raw=self.seal.close(packed(hook), RAW),
            body=body,
            event=events.compose(
                events.RECEIVED, message.id, body, at=message.received_at, subject=message.tracking
            ),
            files=self._files(inbound),
            tracking=message.tracking,
            reporter_ref=message.reporter.ref,
        )

    def identity(self, inbound: Inbound) -> tuple[str, str]:
        """Return account and external id as they are stored, the id as a keyed hash."""
        account, external_id = identity(inbound)
        return account, names.hash_name(self.seal, inbound.channel, external_id)

    def _digest(self, inbound: Inbound, *, whole: bool = False) -> str:
        """Hash what was said with a key: an address could be guessed from a bare hash."""
        return self.seal.reference("digest", _digest(inbound, whole=whole))

    async def _message(self, channel: Channel, inbound: Inbound, id: str) -> Message:
        sender = inbound.sender
        to = sender.answers_to or sender.address
        who = {"to": to, "name": sender.name, "contact": sender.contact}
        reporter = Reporter(
            ref=self.seal.reference(inbound.channel, pseudonym(sender)),
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


def pseudonym(sender: Author) -> str:
    """Return what makes two messages one person's: the address, but never an unproven one's."""
    address = sender.address.casefold()
    return f"unproven:{address}" if sender.unproven else address


def tracking_of(seal: Seal, inbound: Inbound) -> str:
    """Return a message's tracking number: the same for its repeats, wherever they are taken."""
    drawn = seal.numbers("tracking", inbound.channel, *identity(inbound))
    return next(filter(None, (tracking.compose(number % tracking.SPACE) for number in drawn)))


def short_id(external_id: str) -> str:
    """Return a provider's id, or a hash of one too long for an index."""
    if len(external_id) <= LONGEST_ID and external_id.isprintable():
        return external_id
    return "sha256:" + hashlib.sha256(external_id.encode("utf-8", "replace")).hexdigest()


def identity(inbound: Inbound) -> tuple[str, str]:
    """Return account and external id, short enough: with the channel, the key of a message."""
    return inbound.account[:320], short_id(inbound.external_id)


def _name(error: Exception) -> str:
    """Name an error by its type; its message might quote a citizen."""
    return type(error).__name__


def _is_strict(channel: Channel) -> bool:
    return isinstance(channel, Receiver) and channel.strict_ids


def _digest(inbound: Inbound, *, whole: bool = False) -> str:
    """Hash what was said; a provider's retry may differ in headers and order, never in this.

    ``whole`` adds the fields that not every way of asking a provider brings along.
    """
    made = hashlib.sha256()
    parts = [inbound.sender.address, inbound.subject or "", inbound.text]
    if whole:
        marks = (inbound.anonymous, inbound.confidential, inbound.kind, inbound.occurred_on)
        parts += [inbound.address, inbound.topic, inbound.agency, inbound.token or ""]
        parts += [str(inbound.location), *map(str, marks)]
    for part in parts:
        made.update(part.encode("utf-8", "replace") + b"\x1f")
    for content in sorted(file.content or (file.url or "").encode() for file in inbound.files):
        made.update(content)
    return made.hexdigest()
